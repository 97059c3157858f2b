"""Long motions in chunks: the answers of one pass, with a network whose memory does not grow with the motion.

A row of the denoiser's answer knows half a window on each side for every module of the network, and nothing further.
So every call is cut into chunks with that much around them, and the middles are put together: equal to one pass but for
the rounding of sums.  The sampler goes from step to step with the whole motion, so more steps need no wider margin, and
noise, which belongs to a frame's number, is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.residual_gain import REACH
from genmo.runtime.denoiser.sampler import Denoiser, Step, stepper
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import InputError

LONG = 7200
"""frames (four minutes) of a motion above which it is made in chunks without being asked to"""
CHUNK = 3600
"""frames of a chunk then"""

_TEXTS = ("text_tokens", "text_token_mask", "text_spans")


def receptive_field(config: ModelConfig) -> int:
    """Frames on each side that a row of the denoiser's answer depends on: modules x half a window, and what the
    smoothing of an innovation looks at.

    At the two ends of a motion, where the window stops moving, half a window more.
    """
    return config.depth * config.window // 2 + (REACH if config.innovation else 0)


def chunk_frames(config: ModelConfig, frames: int, chunk: int | None) -> int:
    """Frames of a chunk for a motion of `frames` frames, 0 for one pass; `chunk` None: by its length.

    Raises InputError for a chunk that is shorter than two windows, and not 0.
    """
    if chunk is None:
        return CHUNK if frames > LONG else 0
    if chunk != 0 and chunk < 2 * config.window:
        raise InputError(f"chunk is {chunk}; wanted 0 (one pass) or at least {2 * config.window} frames, two windows")
    return chunk if chunk < frames else 0


def chunk_bounds(frames: int, chunk: int) -> list[tuple[int, int]]:
    """Starts and ends of the fewest chunks of at most `chunk` frames, about equally long."""
    count = -(-frames // chunk)
    bounds = [index * frames // count for index in range(count + 1)]
    return list(zip(bounds[:-1], bounds[1:], strict=True))


class ChunkedDenoiser:
    """A denoiser whose calls are made in chunks; behind the sampler's `PreparedDenoiser`.

    `chunk`: frames, as `chunk_frames` answers them; `progress` hears the share of a call, 0 to 1, after each chunk but
    the last.  What is kept between calls is a token a frame; what a call needs is bounded by the chunk.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        config: ModelConfig,
        chunk: int,
        progress: Callable[[float], object] = lambda share: None,
    ) -> None:
        self._denoiser, self._margin, self._chunk, self._progress = denoiser, receptive_field(config), chunk, progress

    def __call__(self, inputs: Arrays) -> Arrays:
        """Arrays of `signature.inputs` -> those of `signature.outputs`."""
        conditions = {name: array for name, array in inputs.items() if name not in ("x_t", "timestep")}
        return self.prepare(conditions)(inputs["x_t"], int(inputs["timestep"][0]))

    def prepare(self, conditions: Arrays) -> Step:
        """What a sequence's steps share, computed once; the step.  All motions of a call have one timestep."""
        frames = conditions["keypoints_mask"].shape[1]
        parts = []
        for start, end in chunk_bounds(frames, self._chunk):
            low, high = max(start - self._margin, 0), min(end + self._margin, frames)
            parts.append((start, end, low, high, stepper(self._denoiser, conditions_of(conditions, low, high))))
        return lambda x_t, timestep: self._joined(parts, x_t, timestep)

    def _joined(self, parts: list[tuple[int, int, int, int, Step]], x_t: Array, timestep: int) -> Arrays:
        """The outputs of a step, chunk by chunk."""
        whole: dict[str, Any] = {}
        for number, (start, end, low, high, step) in enumerate(parts, start=1):
            for name, array in step(x_t[:, low:high], timestep).items():
                if name not in whole:
                    whole[name] = np.empty((len(array), x_t.shape[1], *array.shape[2:]), array.dtype)
                whole[name][:, start:end] = array[:, start - low : end - low]
            if number < len(parts):
                self._progress(number / len(parts))
        return whole


def conditions_of(conditions: Arrays, start: int, end: int) -> Arrays:
    """The conditions [batch, end - start, ...] of frames `start` to `end`, with the texts that reach any of them."""
    chunk = {name: array[:, start:end] for name, array in conditions.items() if name not in _TEXTS}
    spans = np.clip(conditions["text_spans"] - start, 0, end - start)
    reached = np.flatnonzero((spans[..., 1] > spans[..., 0]).any(axis=0))
    kept = reached if len(reached) else np.array([0])  # a slot that reaches nothing is filled by the null text
    chunk |= {name: conditions[name][:, kept] for name in _TEXTS[:2]}
    return chunk | {"text_spans": spans[:, kept]}
