"""Is the frozen thing the same?  Joints of the engine against the fp32 PyTorch model, in millimetres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genmo.export.onnx.graphs import example_inputs
from genmo.runtime.denoiser import sampler, schedule
from genmo.runtime.motion.representation import decode, with_root_at_origin
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.torch_model import TorchDenoiser
from genmo.train.loop.validation import FRAMES, validation_batch
from genmo.train.network.checkpoint import Checkpoint

Gate = dict[str, float]
GATES_MM: dict[str, Gate] = {
    "fp32": {"mean": 0.05, "p99": 0.05},
    "fp16": {"mean": 0.5, "p99": 2.0},
    "bf16": {"mean": 1.0},
    "int8": {"mean": 1.0},
}
"""Largest error in millimetres that an engine may have, by precision: mean and, where it says so, 99th percentile of
the joints of every case"""
LENGTHS = (1, 60, 119, 120, 121, 180, 300, 1800)
SAMPLER_STEPS, GUIDANCE = 5, 2.5


def real_motion(data: str | None, checkpoint: Checkpoint) -> dict[str, Array]:
    """What parity is measured on, of real clips [n, ...]: conditions, normalised motion `x_0`, tokens of captions.

    None of them without data; no `x_0` for a model of another layout than the clips are encoded in, no tokens for one
    without a text encoder.  Raises InputError for a set without a clip that is long enough.
    """
    if data is None:
        return {}
    clips = [clip for clip in read_clips(data) if clip.frames >= FRAMES]
    if not clips:
        raise InputError(f"{data}: no clip has {FRAMES} frames; wanted motion to compare on")
    batch = validation_batch(clips, limit=16)
    tensors = dict(batch.conditions)
    if batch.features.shape[-1] == len(checkpoint.normalisation.mean):
        tensors["x_0"] = checkpoint.normalisation.apply(batch.features)
    captions = [clip.captions[0] for clip in clips if clip.captions][:: max(1, len(clips) // 16)]
    if checkpoint.model.text_encoder is not None and captions:
        tensors["text_tokens"], tensors["text_token_mask"] = checkpoint.model.text_encoder(captions)
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def joints_of(checkpoint: Checkpoint, normalised: Array) -> tuple[Array, Array]:
    """World and camera joints [batch, frames, 24, 3] in metres of normalised features [batch, frames, width]."""
    features = (
        normalised.astype(np.float64) * checkpoint.normalisation.std.numpy() + checkpoint.normalisation.mean.numpy()
    )
    features, layout = with_root_at_origin(features, checkpoint.model.config.motion_layout)
    motions = [decode(one, layout) for one in features]
    in_camera = [m.joints_camera for m in motions]
    return np.stack([m.joints_world() for m in motions]), np.stack([j for j in in_camera if j is not None])


def error_mm(checkpoint: Checkpoint, ours: Array, reference: Array) -> Array:
    """Distance of every joint, world (root-aligned) and camera, in millimetres, flat."""
    windows = []
    for mine, theirs in zip(joints_of(checkpoint, ours), joints_of(checkpoint, reference), strict=True):
        mine, theirs = mine - mine[..., :1, :], theirs - theirs[..., :1, :]
        windows.append(1000 * np.linalg.norm(mine - theirs, axis=-1).ravel())
    return np.concatenate(windows)


def cases(lengths: Sequence[int]) -> list[tuple[int, int, int]]:
    """(frames, batch, texts): every length with 0, 1 and 4 texts alone, and up to 300 frames in a batch of 3."""
    return [(n, b, k) for n in lengths for b in (1, 3) for k in (0, 1, 4) if b == 1 or n <= 300]


def real_inputs(checkpoint: Checkpoint, motion: Arrays, frames: int, batch: int, texts: int) -> Arrays:
    """Inputs of a case, real where `motion` has them ([n, ...], repeated to length), else random.

    x_t is the real motion noised as at `timestep`; texts are over random spans, none for 0.
    """
    random = np.random.default_rng((frames, batch, texts))
    arrays = example_inputs(checkpoint.model.config, random, batch=batch, frames=frames, texts=max(texts, 1))
    chosen = random.integers(0, 1 << 30, (batch, max(texts, 1)))
    rows = np.arange(frames)
    for name, real in motion.items():
        if name.startswith("text_"):
            arrays[name] = np.ascontiguousarray(real[chosen % len(real)], np.float32)
        elif name in arrays or name == "x_0":
            taken = real[np.arange(batch) % len(real)][:, rows % real.shape[1]]
            arrays[name] = np.ascontiguousarray(taken, np.float32)
    if "x_0" in arrays:
        level = schedule.alphas_cumprod()[arrays["timestep"]][:, None, None]
        noised = np.sqrt(level) * arrays.pop("x_0") + np.sqrt(1 - level) * arrays["x_t"]
        arrays["x_t"] = noised.astype(np.float32)
    if texts == 0:
        arrays["text_spans"][:] = 0
    return arrays


def calibration_inputs(checkpoint: Checkpoint, motion: Arrays) -> list[Arrays]:
    """What 8-bit layers are balanced on: steps from noised motion, and from zeros as estimation takes them."""
    noised = real_inputs(checkpoint, motion, frames=120, batch=4, texts=2)
    zeros = {"x_t": np.zeros_like(noised["x_t"]), "timestep": np.full(4, schedule.STEPS - 1)}
    return [noised, noised | zeros]


def one_step(checkpoint: Checkpoint, ours: sampler.Denoiser, reference: sampler.Denoiser, arrays: Arrays) -> Array:
    """Joint errors in mm of one estimation step from zeros and of one step from a noised input."""
    errors = []
    for timestep, scale in ((schedule.STEPS - 1, 0.0), (int(arrays["timestep"][0]), 1.0)):
        inputs = arrays | {
            "x_t": arrays["x_t"] * np.float32(scale),
            "timestep": np.full_like(arrays["timestep"], timestep),
        }
        errors.append(error_mm(checkpoint, ours(inputs)["x_0"], reference(inputs)["x_0"]))
    return np.concatenate(errors)


def whole_sampler(
    checkpoint: Checkpoint,
    ours: sampler.Denoiser,
    reference: sampler.Denoiser,
    arrays: Arrays,
    steps: int = SAMPLER_STEPS,
) -> Array:
    """Joint errors in mm after the k-step guided sampler from the same noise."""
    conditions = {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}
    noise = np.random.default_rng(0).standard_normal(arrays["x_t"].shape, np.float32)
    rules = checkpoint.model.config.conventions
    ends = [
        sampler.generate(denoiser, conditions, noise, steps, GUIDANCE, conventions=rules)["x_0"]
        for denoiser in (ours, reference)
    ]
    return error_mm(checkpoint, *ends)


class StepByStep:
    """A denoiser that the sampler calls at every step, also where it could run all of them in one call."""

    def __init__(self, denoiser: sampler.Denoiser) -> None:
        self._denoiser = denoiser

    def __call__(self, inputs: Arrays) -> Arrays:
        """One step."""
        return self._denoiser(inputs)

    def prepare(self, conditions: Arrays) -> sampler.Step:
        """What the steps share, computed once."""
        return sampler.stepper(self._denoiser, conditions)


def parity(
    checkpoint: Checkpoint, ours: sampler.Denoiser, motion: Arrays, lengths: Sequence[int] = LENGTHS
) -> list[dict[str, Any]]:
    """A row a case: frames, batch, texts, what ran, mean / 99th percentile / largest joint error in mm."""
    reference = TorchDenoiser(checkpoint.model.denoiser)
    rows = []
    for frames, batch, texts in cases(lengths):
        arrays = real_inputs(checkpoint, motion, frames, batch, texts)
        measured = {"one step": one_step(checkpoint, ours, reference, arrays)}
        if batch == 1 and texts == 1 and frames in (120, 1800):
            stepwise = StepByStep(ours)
            measured[f"{SAMPLER_STEPS} steps, guided"] = whole_sampler(checkpoint, stepwise, reference, arrays)
            fused = ours.fused_steps if isinstance(ours, sampler.FusedDenoiser) else 0
            if fused:
                name = f"{fused} steps, one graph"
                measured[name] = whole_sampler(checkpoint, ours, reference, arrays, fused)
        rows += [
            {
                "frames": frames,
                "batch": batch,
                "texts": texts,
                "run": run,
                "mean_mm": round(float(error.mean()), 6),
                "p99_mm": round(float(np.percentile(error, 99)), 6),
                "max_mm": round(float(error.max()), 6),
            }
            for run, error in measured.items()
        ]
    return rows


def passes(rows: list[dict[str, Any]], gate: Gate) -> bool:
    """Whether every row is within the gate; NaN never is."""
    return all(row[f"{name}_mm"] <= limit for row in rows for name, limit in gate.items())


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text for the screen."""
    lines = ["frames batch texts  run                  mean mm    p99 mm    max mm"]
    lines += [
        f"{r['frames']:6d} {r['batch']:5d} {r['texts']:5d}  {r['run']:19s} "
        f"{r['mean_mm']:9.5f} {r['p99_mm']:9.5f} {r['max_mm']:9.5f}"
        for r in rows
    ]
    return "\n".join(lines)
