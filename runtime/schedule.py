"""The noise schedule and the few-step spacing: 1000 steps, cosine, x0-prediction."""

from __future__ import annotations

from functools import cache

import numpy as np

from genmo.runtime.errors import InputError
from genmo.runtime.rotation import Array

STEPS = 1000
COSINE_OFFSET = 0.008  # keeps the first steps from adding almost no noise (Nichol and Dhariwal 2021)
MAX_BETA = 0.999


@cache
def alphas_cumprod() -> Array:
    """[1000] share of the clean signal's variance left at each timestep, falling (cosine schedule)."""
    level = np.cos((np.arange(STEPS + 1) / STEPS + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
    betas = np.minimum(1 - level[1:] / level[:-1], MAX_BETA)
    cumulative: Array = np.cumprod(1 - betas)
    cumulative.setflags(write=False)
    return cumulative


def step_timesteps(steps: int) -> list[int]:
    """`steps` timesteps from 999 down to 0, evenly spaced; one step is the last timestep alone.

    Raises InputError unless 1 <= steps <= 1000.
    """
    if not 1 <= steps <= STEPS:
        raise InputError(f"--steps is {steps}; wanted 1 to {STEPS}")
    if steps == 1:
        return [STEPS - 1]
    return [int(t) for t in np.round(np.linspace(STEPS - 1, 0, steps))]
