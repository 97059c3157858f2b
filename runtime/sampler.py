"""How a motion is made: one step from zeros (estimation), or DDIM with guidance from noise (generation).

Works on the normalised features of `signature.inputs`; what varies with the step (x_t, timestep) is all that changes
between calls of the denoiser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from genmo.runtime import schedule
from genmo.runtime.rotation import Array

Arrays = dict[str, Array]


class Denoiser(Protocol):
    """Anything that maps the arrays of `signature.inputs` to those of `signature.outputs`."""

    def __call__(self, inputs: Arrays) -> Arrays: ...


def estimate(denoiser: Denoiser, conditions: Arrays, shape: tuple[int, int, int]) -> Arrays:
    """The most likely motion under the conditions: one step from zeros at the last timestep (equation 5).

    `shape` [batch, frames, features] of x_t.  The denoiser's outputs, normalised.
    """
    return denoiser(_step_inputs(conditions, np.zeros(shape, np.float32), schedule.STEPS - 1))


def generate(
    denoiser: Denoiser,
    conditions: Arrays,
    noise: Array,
    steps: int,
    guidance: float,
    progress: Callable[[int], object] = lambda step: None,
) -> Arrays:
    """A sample of the motions under the conditions: DDIM (Song et al. 2021), eta 0, from `noise` [batch, frames,
    features].  The denoiser's outputs at the last step, normalised.

    Guidance (Ho and Salimans 2022) acts on text and music only and is skipped where it would change nothing.
    `progress` is called with the number of steps done.  Raises InputError for a bad number of steps.
    """
    timesteps = schedule.step_timesteps(steps)
    levels = schedule.alphas_cumprod()
    guided = guidance != 1 and _has_guided_condition(conditions)
    both = _with_and_without(conditions) if guided else conditions
    x_t = noise.astype(np.float32)
    outputs: Arrays = {}
    for done, timestep in enumerate(timesteps):
        if guided:
            outputs = _guide(denoiser(_step_inputs(both, np.concatenate([x_t, x_t]), timestep)), guidance)
        else:
            outputs = denoiser(_step_inputs(both, x_t, timestep))
        if done + 1 < len(timesteps):
            x_t = ddim_step(x_t, outputs["x_0"], float(levels[timestep]), float(levels[timesteps[done + 1]]))
        progress(done + 1)
    return outputs


def ddim_step(x_t: Array, x_0: Array, level: float, next_level: float) -> Array:
    """x at the next, lower timestep; `level` and `next_level` are the schedule's cumulative alphas (eta 0)."""
    noise = (x_t - np.float32(level**0.5) * x_0) / np.float32((1 - level) ** 0.5)
    return np.float32(next_level**0.5) * x_0 + np.float32((1 - next_level) ** 0.5) * noise


def _step_inputs(conditions: Arrays, x_t: Array, timestep: int) -> Arrays:
    return {"x_t": x_t, "timestep": np.full(len(x_t), timestep, np.int64), **conditions}


def _has_guided_condition(conditions: Arrays) -> bool:
    spans = conditions["text_spans"]
    reached = (conditions["text_token_mask"].max(axis=-1) > 0) & (spans[..., 1] > spans[..., 0])
    return bool(reached.any() or ("music_mask" in conditions and conditions["music_mask"].any()))


def _with_and_without(conditions: Arrays) -> Arrays:
    """A batch of two halves: the conditions, and the same without text and music."""
    without = dict(conditions)
    for name in ("text_token_mask", "text_spans", "music", "music_mask"):
        if name in without:
            without[name] = np.zeros_like(without[name])
    return {name: np.concatenate([array, without[name]]) for name, array in conditions.items()}


def _guide(outputs: Arrays, guidance: float) -> Arrays:
    guided: Arrays = {}
    for name, both in outputs.items():
        conditional, unconditional = np.split(both, 2)
        guided[name] = unconditional + np.float32(guidance) * (conditional - unconditional)
    return guided
