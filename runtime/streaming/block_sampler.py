"""Blocks of motion for many performers in one call of the sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import MAX_GUIDANCE
from genmo.runtime.denoiser import sampler, schedule
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.engine.text_conditions import text_conditions
from genmo.runtime.streaming.stream_inputs import absent
from genmo.runtime.support.arrays import Array, Arrays, Flags
from genmo.runtime.support.errors import InputError


@dataclass(frozen=True, eq=False)
class BlockRequest:
    """What one performer needs of the sampler for a window."""

    noise: Array
    """[window, features]"""
    texts: Sequence[Text]
    """their spans in frames of the window"""
    values: Array
    """[window, features] normalised: what is known"""
    mask: Flags
    """[window, features]"""
    known: Arrays
    """the same as a condition (`known_frames.keyframe_condition`)"""
    project: Callable[[Array], Array] | None
    """[window, features], a prediction, normalised -> what the sampler goes on with; None: the prediction"""


class BlockSampler:
    """`steps` and `guidance` of an engine's sampler.  Raises InputError for those that cannot be."""

    def __init__(self, engine: Engine, denoiser: sampler.Denoiser, steps: int, guidance: float) -> None:
        if not abs(guidance) <= MAX_GUIDANCE:
            raise InputError(f"guidance is {guidance:g}; wanted at most {MAX_GUIDANCE:g}")
        schedule.step_timesteps(steps)  # raises for a number that cannot be
        self._engine, self._denoiser = engine, denoiser
        self._steps, self._guidance = steps, guidance

    def sample(self, requests: Sequence[BlockRequest]) -> Array:
        """The windows [requests, window, features], in metres and 6D rotations."""
        values, mask = (np.stack([getattr(one, name) for one in requests]) for name in ("values", "mask"))
        known = {name: np.stack([one.known[name] for one in requests]) for name in requests[0].known}

        def project(x_0: Array) -> Array:
            rows = zip(requests, x_0, strict=True)
            return np.stack([row if one.project is None else one.project(row) for one, row in rows]).astype(np.float32)

        noise = np.stack([one.noise for one in requests])
        free = not mask.any() and all(one.project is None for one in requests)
        outputs = sampler.generate(
            self._denoiser,
            self._conditions(requests, noise.shape[1]),
            noise,
            self._steps,
            self._guidance,
            inpainting=None if free else sampler.Inpainting(values, mask, project, known),
        )
        return self._engine.normalisation.restored(outputs["x_0"])

    def _conditions(self, requests: Sequence[BlockRequest], window: int) -> Arrays:
        """The conditions of all requests: their texts, and nothing else."""
        count = max(len(one.texts) for one in requests)
        conditions = absent(self._engine.config, len(requests), window, max(count, 1))
        for row, request in enumerate(requests):
            for name, array in text_conditions(self._engine, request.texts, window).items():
                conditions[name][row, : array.shape[1]] = array[0]
        return conditions
