"""How a motion is made: one step from zeros (estimation), or few steps with guidance from noise (generation).

Works on the normalised features of `signature.inputs`; what varies with the step (x_t, timestep) is all that changes
between calls of the denoiser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.motion.filters import smoothed
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import EngineError

LIVE_STEPS = 5
"""of endless generation, which must keep up with the clock"""
LIVE_GUIDANCE = 1.5
"""of endless generation: few steps obey a prompt less"""
FARTHEST = 0.75
"""how far ahead a prediction is extrapolated at most, over the way from the one before it"""
LAST_AHEAD = 0.5
"""how far the last prediction is, where noise is left behind it: see `updates`"""
SMOOTHING = 1.0
"""frames, a standard deviation: see `smoothed`"""


Step = Callable[[Array, int], Arrays]
"""x_t [batch, frames, features], timestep -> the denoiser's outputs"""


class Denoiser(Protocol):
    """Anything that maps the arrays of `signature.inputs` to those of `signature.outputs`."""

    def __call__(self, inputs: Arrays) -> Arrays: ...


@runtime_checkable
class PreparedDenoiser(Denoiser, Protocol):
    """A denoiser that computes what the steps of a sequence share only once."""

    def prepare(self, conditions: Arrays) -> Step: ...


@runtime_checkable
class FusedDenoiser(Denoiser, Protocol):
    """A denoiser that can run all steps of the guided sampler in one call."""

    @property
    def fused_steps(self) -> int:
        """how many steps that call has; 0: it cannot"""

    def sample(self, conditions: Arrays, noise: Array, guidance: float) -> Arrays:
        """What `generate` answers, without keyframes; `conditions` with, then without what guidance acts on."""


def stepper(denoiser: Denoiser, conditions: Arrays) -> Step:
    """The denoiser under these conditions, which are prepared here, once, where it can do so."""
    if isinstance(denoiser, PreparedDenoiser):
        return denoiser.prepare(conditions)
    return lambda x_t, timestep: denoiser(_step_inputs(conditions, x_t, timestep))


@dataclass(frozen=True, eq=False)
class Inpainting:
    """Features that keyframes and joint targets fix before sampling, normalised (diffusion inpainting)."""

    values: Array
    """[frames, features], or [batch, frames, features] where each motion has its own"""
    mask: npt.NDArray[np.bool_]
    """of the same shape: which of `values` are fixed"""
    project: Callable[[Array], Array]
    """[batch, frames, features] of a prediction x_0 -> the nearest that satisfies the constraints"""
    conditions: Arrays = field(default_factory=dict)
    """[frames, ...], or [batch, frames, ...], the same features as a condition (`known_frames.keyframe_condition`), for
    networks that take it"""


@dataclass(frozen=True, eq=False)
class Draft:
    """Features that a motion is to be like: it starts from them instead of from noise (SDEdit, Meng et al. 2022)."""

    values: Array
    """[frames, features], or [batch, frames, features] where each motion has its own, normalised"""
    mask: npt.NDArray[np.bool_]
    """of the same shape: which of `values` are a draft"""
    until: npt.NDArray[np.int64]
    """[frames] or [batch, frames] timestep down to which x_t is the draft and noise; from there on it is free"""

    def drawn(self, x_t: Array, noise: Array, timestep: int) -> Array:
        """x_t [batch, frames, features] with the draft in it, as noisy as at the timestep."""
        level = float(schedule.alphas_cumprod()[timestep])
        mixed = np.float32(level**0.5) * self.values + np.float32((1 - level) ** 0.5) * noise
        return np.where(self.mask & (timestep > self.until)[..., None], mixed, x_t).astype(np.float32)


def estimate(denoiser: Denoiser, conditions: Arrays, shape: tuple[int, int, int]) -> Arrays:
    """The most likely motion under the conditions: one step from zeros at the last timestep (equation 5).

    `shape` [batch, frames, features] of x_t.  The denoiser's outputs, normalised.
    Raises EngineError for a network that answers NaN or infinity.
    """
    return _finite(denoiser(_step_inputs(conditions, np.zeros(shape, np.float32), schedule.STEPS - 1)))


def generate(
    denoiser: Denoiser,
    conditions: Arrays,
    noise: Array,
    steps: int,
    guidance: float,
    progress: Callable[[int], object] = lambda step: None,
    inpainting: Inpainting | None = None,
    conventions: Conventions = GENMO,
    draft: Draft | None = None,
) -> Arrays:
    """A sample of the motions under the conditions, from `noise` [batch, frames, features].  The denoiser's outputs at
    the last step, normalised.

    DDIM (Song et al. 2021) with eta 0, of second order: DPM-Solver++(2M) (Lu et al. 2022), which looks at the last two
    predictions.  It costs nothing and ends nearer to where many steps end (`docs/log.md`).  `conventions` say when
    these weights want plain DDIM, and what an absent text is to them.
    Guidance (Ho and Salimans 2022) acts on text and music only and is skipped where it would change nothing.
    Where the last of several steps is not at t = 0 (`schedule.step_timesteps`), its prediction is extrapolated
    (`updates`) and `smoothed`.
    The features of `inpainting` overwrite x_t before every step, with the noise of its level (appendix D of the paper),
    are a condition where the network takes it, and every prediction is corrected before it is used, the last one too.
    Frames with a `draft` become another performance of it.
    `progress` is called with the number of steps done.  Raises InputError for a bad number of steps, EngineError for a
    network that answers NaN or infinity.
    """
    timesteps = timesteps_of(steps, conventions)
    levels = schedule.alphas_cumprod()
    if inpainting is not None:
        conditions = _with_known_frames(conditions, inpainting)
    guided = guidance != 1 and _has_guided_condition(conditions)
    if (
        guided
        and inpainting is None
        and draft is None
        and isinstance(denoiser, FusedDenoiser)
        and denoiser.fused_steps == steps
    ):
        both = _with_and_without(conditions, conventions)
        sample = _finite(denoiser.sample(both, noise.astype(np.float32), guidance))
        progress(steps)
        return sample | {"x_0": _finished(sample["x_0"], timesteps)}
    step = stepper(denoiser, _with_and_without(conditions, conventions) if guided else conditions)
    correct = _unchanged if inpainting is None else inpainting.project
    x_t, before = noise.astype(np.float32), np.zeros_like(noise, np.float32)
    outputs: Arrays = {}
    for done, (timestep, update) in enumerate(zip(timesteps, updates(timesteps, conventions), strict=True)):
        if draft is not None:
            x_t = draft.drawn(x_t, noise, timestep)
        if inpainting is not None:
            x_t = inpainted(x_t, inpainting, noise, float(levels[timestep]))
        if guided:
            outputs = _guide(step(np.concatenate([x_t, x_t]), timestep), guidance)
        else:
            outputs = dict(step(x_t, timestep))
        x_0 = correct(_finite(outputs)["x_0"])
        x_t, before = update(x_t, x_0, before), x_0
        progress(done + 1)
    return outputs | {"x_0": _finished(x_t, timesteps, correct)}


def _with_known_frames(conditions: Arrays, inpainting: Inpainting) -> Arrays:
    """The conditions, those of them that hold given frames filled."""
    known = {name: value for name, value in inpainting.conditions.items() if name in conditions}
    return conditions | {
        name: value if inpainting.values.ndim == 3 else np.repeat(value[None], len(conditions[name]), axis=0)
        for name, value in known.items()
    }


def _finite(outputs: Arrays) -> Arrays:
    """The outputs as they are.  Raises EngineError where one of them holds NaN or infinity."""
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise EngineError(
                f"the network answered numbers that are not finite ({name}); wanted an engine whose weights are whole "
                "and whose precision holds its values: try another --precision, --backend or --engine"
            )
    return outputs


def _ends_in_noise(timesteps: Sequence[int]) -> bool:
    return len(timesteps) > 1 and timesteps[-1] > 0


def _unchanged(x_0: Array) -> Array:
    return x_0


def _finished(sample: Array, timesteps: Sequence[int], correct: Callable[[Array], Array] = _unchanged) -> Array:
    """A sample without what its last timestep left of the noise; smoothed, it has to be corrected once more."""
    return correct(smoothed(sample, SMOOTHING)) if _ends_in_noise(timesteps) else sample


def inpainted(x_t: Array, inpainting: Inpainting, noise: Array, level: float) -> Array:
    """x_t [batch, frames, features] with its fixed features mixed with `noise` as at a cumulative alpha of `level`.

    The same noise at every step: DDIM without chance, were it to predict these features, would keep it.
    """
    mixed = np.float32(level**0.5) * inpainting.values + np.float32((1 - level) ** 0.5) * noise
    return np.where(inpainting.mask, mixed, x_t).astype(np.float32)


class Update(NamedTuple):
    """x at the next timestep, or the sample, is keep * x_t + now * x_0 + before * (x_0 of the timestep before)."""

    keep: float
    now: float
    before: float

    def __call__(self, x_t: Array, x_0: Array, x_0_before: Array) -> Array:
        keep, now, before = np.array(self, np.float32)
        return np.asarray(keep * x_t + now * x_0 + before * x_0_before)


def timesteps_of(steps: int, conventions: Conventions = GENMO) -> list[int]:
    """`steps` falling timesteps as these weights are sampled.  Raises InputError unless 1 <= steps <= 1000."""
    return schedule.step_timesteps(steps) if conventions.second_order else schedule.even_timesteps(steps)


def updates(timesteps: Sequence[int], conventions: Conventions = GENMO) -> list[Update]:
    """The update after each of falling timesteps; the first is DDIM's, as are all unless the solver is of second order,
    and the last makes the sample.

    DDIM with eta 0 keeps the noise that it finds: x_s = sqrt(a_s) x_0 + sqrt(1 - a_s) e, e from x_t.  The second order
    puts in the place of x_0 what will be predicted half way to s, in logarithms of the signal-to-noise ratio, on the
    line through this prediction and the one before (DPM-Solver++ 2M, Lu et al. 2022), but no farther ahead than three
    quarters of the way from there: predictions level off towards the end, lines do not.

    The sample is the last prediction.  Where the last timestep leaves noise, that is a mean over what the noise hides,
    on the way from the mean before it to the sample: half as far again along that way is nearer (`docs/log.md`).
    """
    level = schedule.alphas_cumprod()[list(timesteps)]
    log_snr = 0.5 * np.log(level / (1 - level))
    keep = np.sqrt((1 - level[1:]) / (1 - level[:-1]))
    weight = np.sqrt(level[1:]) - keep * np.sqrt(level[:-1])
    beyond = np.zeros(len(keep))
    if conventions.second_order:
        beyond[1:] = np.minimum(np.diff(log_snr)[1:] / (2 * np.diff(log_snr)[:-1]), FARTHEST)
    rows = np.stack([keep, weight * (1 + beyond), -weight * beyond], axis=1).tolist()
    ahead = LAST_AHEAD if _ends_in_noise(timesteps) else 0.0
    return [*(Update(*row) for row in rows), Update(0.0, 1 + ahead, -ahead)]


def _step_inputs(conditions: Arrays, x_t: Array, timestep: int) -> Arrays:
    return {"x_t": x_t, "timestep": np.full(len(x_t), timestep, np.int64), **conditions}


def _has_guided_condition(conditions: Arrays) -> bool:
    spans = conditions["text_spans"]
    reached = (conditions["text_token_mask"].max(axis=-1) > 0) & (spans[..., 1] > spans[..., 0])
    return bool(reached.any() or ("music_mask" in conditions and conditions["music_mask"].any()))


def without_guided(conditions: Arrays) -> Arrays:
    """The conditions without what guidance acts on: text and music."""
    guided = ("text_token_mask", "text_spans", "music", "music_mask")
    return {name: np.zeros_like(array) if name in guided else array for name, array in conditions.items()}


def _with_and_without(conditions: Arrays, conventions: Conventions = GENMO) -> Arrays:
    """A batch of two halves: the conditions, and the same without text and music.

    Where frames outside every text get no text attention, they get none in the second half either: its texts keep
    their spans and have the tokens of the null text, which are zero.
    """
    without = without_guided(conditions)
    if not conventions.null_text_in_gaps:
        kept = {name: conditions[name] for name in ("text_token_mask", "text_spans")}
        without |= kept | {"text_tokens": np.zeros_like(conditions["text_tokens"])}
    return {name: np.concatenate([array, without[name]]) for name, array in conditions.items()}


def _guide(outputs: Arrays, guidance: float) -> Arrays:
    guided: Arrays = {}
    for name, both in outputs.items():
        conditional, unconditional = np.split(both, 2)
        guided[name] = unconditional + np.float32(guidance) * (conditional - unconditional)
    return guided
