"""The paper's tables from motions: one row of errors a method, with intervals over clips, as Markdown or JSON.

Frames of a clip are not independent, so intervals come from resampling whole clips (`metrics_sets.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.metrics.pose import (
    FEET,
    accel,
    best_of,
    foot_sliding,
    jitter,
    mpjpe,
    pa_mpjpe,
    pve,
    rte,
    w_mpjpe,
    wa_mpjpe,
)
from genmo.train.metrics.sets import Interval, bootstrap

SHORTEST_PATH = 1.0
"""metres; RTE divides by the length of the true path, so clips of people who stay put are left out of it"""

# name -> unit
UNITS = {
    "PA-MPJPE": "mm", "MPJPE": "mm", "PVE": "mm", "Accel": "m/s^2", "WA-MPJPE100": "mm", "W-MPJPE100": "mm",
    "RTE": "%", "Jitter": "10 m/s^3", "Foot sliding": "mm a frame in contact",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Estimate:
    """One clip as estimated, and the truth.  Joints [frames, 24, 3] in metres."""

    camera: Array
    """estimated joints in the camera frame"""
    true_camera: Array
    world: Array | None = None
    """estimated joints in the world; None: not estimated"""
    true_world: Array | None = None
    vertices: Array | None = None
    """[frames, vertices, 3] in the camera frame, where a body with vertices is loaded"""
    true_vertices: Array | None = None
    fps: float = FPS


def _local(clip: Estimate) -> dict[str, Array]:
    errors = {
        "PA-MPJPE": pa_mpjpe(clip.camera, clip.true_camera),
        "MPJPE": mpjpe(clip.camera, clip.true_camera),
        "Accel": accel(clip.camera, clip.true_camera, clip.fps),
    }
    if clip.vertices is not None and clip.true_vertices is not None:
        errors["PVE"] = pve(clip.vertices, clip.true_vertices, clip.camera, clip.true_camera)
    return errors


def _world(clip: Estimate) -> dict[str, Array]:
    if clip.world is None or clip.true_world is None:
        return {}
    errors = {
        "WA-MPJPE100": wa_mpjpe(clip.world, clip.true_world),
        "W-MPJPE100": w_mpjpe(clip.world, clip.true_world),
        "Jitter": np.array([jitter(clip.world, clip.fps)]),
        "Foot sliding": foot_sliding(clip.world[:, FEET], clip.true_world[:, FEET], clip.fps),
    }
    path = clip.true_world[:, 0]
    if np.linalg.norm(np.diff(path, axis=0), axis=-1).sum() >= SHORTEST_PATH:
        errors["RTE"] = np.array([rte(clip.world[:, 0], path)])
    return errors


def _shape(joints: Array | None) -> tuple[int, ...] | None:
    return None if joints is None else joints.shape


def estimation_row(clips: Sequence[Estimate], draws: int = 1000) -> dict[str, Interval]:
    """Every metric of Tables 1 to 3 that the clips allow, in the order of UNITS, means over frames.

    RTE and jitter are means over clips, foot sliding one over frames in contact.  Raises InputError without clips or
    for shapes that differ.
    """
    if not clips:
        raise InputError("no clip to measure; wanted at least one")
    for number, clip in enumerate(clips):
        if clip.camera.shape != clip.true_camera.shape or _shape(clip.world) != _shape(clip.true_world):
            raise InputError(f"clip {number}: joints {clip.camera.shape}, true ones {clip.true_camera.shape}")
    measured = [_local(clip) | _world(clip) for clip in clips]
    row = {}
    for name in UNITS:
        groups = [errors[name] for errors in measured if name in errors and len(errors[name])]
        if groups:
            row[name] = bootstrap(groups, draws=draws)
    return row


def inbetweening_row(
    samples: Sequence[Sequence[Array]], truths: Sequence[Array], draws: int = 1000
) -> dict[str, Interval]:
    """PA-MPJPE and WA-MPJPE100 of the best of a clip's samples (Table 6): world joints `samples[i]` for `truths[i]`."""
    metrics: dict[str, Callable[[Array, Array], Array]] = {"PA-MPJPE": pa_mpjpe, "WA-MPJPE100": wa_mpjpe}
    row = {}
    for name, metric in metrics.items():
        pairs = zip(samples, truths, strict=True)
        best = [best_of(np.stack([metric(sample, truth) for sample in generated])) for generated, truth in pairs]
        row[name] = bootstrap([np.array([value]) for value in best], draws=draws)
    return row


def keyframe_error(rotations: Array, keyframes: Array, frames: Sequence[int]) -> float:
    """Largest difference of local rotations [frames, 24, 3, 3] from the keyframes [keys, 24, 3, 3] at `frames`."""
    return float(np.abs(rotations[list(frames)] - keyframes).max())


def _cell(value: Any) -> str:
    if isinstance(value, Interval):
        return f"{_number(value.value)} ± {_number((value.high - value.low) / 2)}"
    return "" if value is None else _number(float(value))


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def markdown_table(rows: Mapping[str, Mapping[str, Any]], first: str = "method") -> str:
    """A table with a line a row and a column a metric; half the width of a 95 % interval stands behind ±."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    heads = [f"{name} ({UNITS[name]})" if name in UNITS else name for name in names]
    lines = [f"| {first} | {' | '.join(heads)} |", "|" + "---|" * (len(names) + 1)]
    lines += [f"| {title} | {' | '.join(_cell(row.get(name)) for name in names)} |" for title, row in rows.items()]
    return "\n".join(lines)


def plain(value: Any) -> Any:
    """Rows and reports as plain JSON: an interval becomes {value, low, high}."""
    if isinstance(value, Interval):
        return asdict(value)
    return {key: plain(entry) for key, entry in value.items()} if isinstance(value, Mapping) else value
