"""The cosine schedule against its closed formula, and the spacing of few steps."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.denoiser.schedule import STEPS, alphas_cumprod, step_timesteps
from genmo.runtime.support.errors import InputError


def level(step):
    """Nichol and Dhariwal's f(t) / f(0): what is left of the signal after `step` of 1000 steps."""
    cosine = [math.cos((s / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for s in (step, 0)]
    return cosine[0] / cosine[1]


def test_levels_are_the_closed_formula_until_betas_are_capped():
    levels = alphas_cumprod()
    assert levels.shape == (STEPS,) and STEPS == 1000
    np.testing.assert_allclose(levels[:-1], [level(t + 1) for t in range(999)], rtol=1e-9)
    assert levels[-1] == pytest.approx(level(999) * 0.001)  # the last beta would be 1


def test_levels_fall_from_signal_to_noise():
    levels = alphas_cumprod()
    assert (np.diff(levels) < 0).all() and levels[0] > 0.9999 and 0 < levels[-1] < 1e-6
    with pytest.raises(ValueError):
        levels[0] = 1


def end(steps):
    return {2: 900, 3: 850, 4: 800}.get(steps, 0)


@given(st.integers(2, STEPS))
def test_steps_fall_strictly_by_growing_gaps(steps):
    timesteps = step_timesteps(steps)
    assert len(timesteps) == steps and timesteps[0] == 999 and timesteps[-1] == end(steps)
    gaps = -np.diff(timesteps)
    assert gaps.min() >= 1 and all(type(t) is int for t in timesteps)
    # growing to rounding, until only steps of one are left to reach zero
    grown = gaps[: int(np.argmax(gaps)) + 1]
    assert (np.diff(grown) >= -1).all()


@given(st.integers(2, 60))
def test_few_steps_are_the_power_law(steps):
    """Within half a timestep of 999 - (999 - end) u^2.25, or one below the step before."""
    timesteps = step_timesteps(steps)
    for index, timestep in enumerate(timesteps):
        expected = 999 - (999 - end(steps)) * (index / (steps - 1)) ** 2.25
        assert abs(timestep - expected) <= 0.5 or timestep == timesteps[index - 1] - 1 < expected


def test_named_steps():
    assert step_timesteps(1) == [999]
    assert step_timesteps(2) == [999, 900]
    assert step_timesteps(3) == [999, 968, 850]
    assert step_timesteps(5) == [999, 955, 789, 476, 0]
    assert step_timesteps(1000) == list(range(999, -1, -1))


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_bad_steps(steps):
    with pytest.raises(InputError, match=f"{steps}; wanted 1 to 1000"):
        step_timesteps(steps)
