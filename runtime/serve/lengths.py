"""GET /length: the `duration_frames` that a text asks for, before its segment is sent to POST /generate, whose protocol
wants one of every segment."""

from __future__ import annotations

import math

from fastapi.responses import JSONResponse
from motionmcp import ProtocolError

from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS
from genmo.runtime.serve.plan import HIGHEST_FPS, LOWEST_FPS
from genmo.runtime.serve.settings import ServeSettings
from genmo.runtime.support.errors import InputError

MOST_LETTERS = 2000


def length_answer(model: MotionModel, settings: ServeSettings, prompt: str, fps: str) -> JSONResponse:
    """How long the prompt's action takes, at so many frames a second; the protocol's envelope for what is no prompt or
    no rate."""
    try:
        rate = float(fps)
    except ValueError:
        rate = math.nan
    try:
        if not LOWEST_FPS <= rate <= HIGHEST_FPS:
            raise ProtocolError(
                "invalid_options", f"fps is {fps[:20]!r}; wanted {LOWEST_FPS:g} to {HIGHEST_FPS:g} frames a second"
            )
        if len(prompt) > MOST_LETTERS:
            raise ProtocolError("invalid_request", f"a prompt of {len(prompt)} letters; wanted {MOST_LETTERS} at most")
        natural = model.natural_length(prompt)
    except InputError as error:
        told = ProtocolError("invalid_request", str(error))
        return JSONResponse(told.to_envelope(), status_code=told.status_code)
    except ProtocolError as error:
        return JSONResponse(error.to_envelope(), status_code=error.status_code)
    seconds = min(natural.frames / FPS, settings.max_seconds)
    return JSONResponse(
        {
            "duration_frames": max(1, round(seconds * rate)),
            "fps": rate,
            "seconds": round(seconds, 3),
            "goes_on": natural.goes_on,
        }
    )
