"""The noise schedule and the few-step spacing: 1000 steps, cosine, x0-prediction."""

from __future__ import annotations

from functools import cache

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

STEPS = 1000
COSINE_OFFSET = 0.008  # keeps the first steps from adding almost no noise (Nichol and Dhariwal 2021)
MAX_BETA = 0.999
SPACING = 2.25
"""power of the spacing of few steps; 1 is even"""
FEW = 4
"""up to so many steps end while there is still noise"""


@cache
def alphas_cumprod() -> Array:
    """[1000] share of the clean signal's variance left at each timestep, falling (cosine schedule)."""
    level = np.cos((np.arange(STEPS + 1) / STEPS + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
    betas = np.minimum(1 - level[1:] / level[:-1], MAX_BETA)
    cumulative: Array = np.cumprod(1 - betas)
    cumulative.setflags(write=False)
    return cumulative


def even_timesteps(steps: int) -> list[int]:
    """`steps` falling timesteps, evenly spaced from 999 to 0; one step is the last timestep alone.

    Raises InputError unless 1 <= steps <= 1000.
    """
    _check(steps)
    return [int(t) for t in np.round(np.linspace(STEPS - 1, 0, steps))]


def step_timesteps(steps: int) -> list[int]:
    """`steps` falling timesteps from 999, denser where the noise is strong; one step is the last timestep alone.

    t = 999 - (999 - end) u^2.25 for evenly spaced u.  Even steps in t leave the noise too early: frames share so much
    that at t = 750 most of a motion is settled, by one look at pure noise, and stays as timid as that first answer.
    Two to four steps spend none on nearly clean motion: they end at t = 900, 850 and 800, and the sampler smooths what
    noise is left (`sampler.generate`); more steps end at 0.  `docs/log.md` has the measurements.

    Raises InputError unless 1 <= steps <= 1000.
    """
    _check(steps)
    if steps == 1:
        return [STEPS - 1]
    index = np.arange(steps)
    end = STEPS - 50 * steps if steps <= FEW else 0
    spaced = np.round(STEPS - 1 - (STEPS - 1 - end) * (index / (steps - 1)) ** SPACING)
    # where steps are many they cannot be denser than one by one: each below the one before, room for those after
    distinct = np.minimum.accumulate(spaced + index) - index
    return [int(t) for t in np.maximum(distinct, steps - 1 - index)]


def _check(steps: int) -> None:
    if not 1 <= steps <= STEPS:
        raise InputError(f"--steps is {steps}; wanted 1 to {STEPS}")
