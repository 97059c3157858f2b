"""The root's path in the world: quick changes from the velocity, slow ones from where a camera sees the person.

Integrated velocity is smooth and drifts by metres in a minute; the position in the camera is noisy and does not drift.
Their difference, averaged over a second or two, is subtracted, which keeps the reliable part of both.
Causal twin: `genmo.runtime.streaming.root_tracker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.motion import FPS, RootPose
from genmo.runtime.motion.rotation import orthogonal, rotate, transpose
from genmo.runtime.support.arrays import Array

GROUND_PLANE_WINDOW = 45
"""frames over which the difference in x and z is averaged: depth, which a camera sees worst, is in them"""
GUESSED_DEPTH_WINDOW = 301
"""the same for the part along the view where the lens is guessed: a wrong focal length stretches depth, and nothing
else, by as much as it is wrong"""
HEIGHT_WINDOW = 31
"""the same for y"""
STATIC_DRIFT = 0.35
"""m/s, root mean square, by which path and view may drift apart under a camera of unknown pose; beyond, it moves"""


@dataclass(frozen=True, eq=False)
class RootObservation:
    """Frames [start, end) in which a camera sees the person."""

    start: int
    end: int
    positions: Array
    """[end - start, 3] where it sees the root, metres, in the axes of the world in which the path is"""
    absolute: bool
    """whether `positions` are absolute in that world; otherwise only their changes count"""
    lens_known: bool = True
    """whether the camera's intrinsics are; a camera whose lens is guessed has its place at the origin"""


def local_trend(values: Array, window: int) -> Array:
    """Values [frames, k] of the line fitted to those of `window` (odd) frames around each, fewer at the ends.

    Inside it is the moving average; at an end, where one side is missing, it goes on as the values do.
    """
    frames, side = len(values), window // 2
    index = np.arange(frames)
    low, high = np.maximum(index - side, 0), np.minimum(index + side + 1, frames)
    count = (high - low).astype(np.float64)

    def mean(x: Array) -> Array:
        total = np.cumsum(np.concatenate([np.zeros((1, *x.shape[1:])), x]), axis=0)
        return np.asarray((total[high] - total[low]) / count[:, None])

    centre = index - (low + high - 1) / 2  # [frames], from the middle of the frame's window
    middle = mean(values)
    slope = mean(values * index[:, None]) - middle * (index - centre)[:, None]
    spread = (count**2 - 1) / 12
    return np.asarray(middle + slope * (centre / np.maximum(spread, 1e-9))[:, None])


def path_drift(path: Array, observed: Sequence[RootObservation]) -> Array:
    """Slow part [frames, 3] of how far an integrated `path` [frames, 3] is from where the root was
    `observed`, metres.

    Take it off the path.  Observations are in order of time and do not overlap.  Before the first one and after each
    the drift stays as it is there; one that is not `absolute` changes it by what drifts within it.
    """
    drift = np.zeros_like(path)
    for number, one in enumerate(observed):
        difference = path[one.start : one.end] - one.positions
        if one.lens_known:
            slow = local_trend(difference, GROUND_PLANE_WINDOW)
        else:
            slow = _trend_across_view(difference, one.positions)
        slow[:, 1] = local_trend(difference[:, 1:2], HEIGHT_WINDOW)[:, 0]
        if not one.absolute:
            slow += drift[one.start] - slow[0]
        drift[one.start : one.end], drift[one.end :] = slow, slow[-1]
        if number == 0:
            drift[: one.start] = slow[0]
    return drift


def _trend_across_view(difference: Array, views: Array) -> Array:
    """The trend [frames, 3] of a `difference` [frames, 3] over the ground, slower along the `views` [frames, 3] from
    the camera to the person than across them; counted from the first frame.

    Where a person is across the view follows from their size in the image whatever the lens: focal length and depth
    grow together.
    """
    ground = views * [1, 0, 1]
    ground = ground / np.maximum(np.linalg.norm(ground, axis=-1, keepdims=True), 1e-9)
    step = np.diff(difference, axis=0, prepend=difference[:1])
    along = np.cumsum((step * ground).sum(axis=-1, keepdims=True) * ground, axis=0)
    across = np.cumsum(step, axis=0) - along
    return local_trend(along, GUESSED_DEPTH_WINDOW) + local_trend(across, GROUND_PLANE_WINDOW)


def observe_from_static(root_world: Array, root_camera: RootPose) -> Array:
    """Where a camera of unknown pose, taken for static, sees the root: [frames, 3] metres, in the axes of the world.

    `root_world` [frames, 3, 3] is the root's rotation in the world.  The camera's is the mean over the frames.
    """
    turn = orthogonal((root_world @ transpose(root_camera.rotation)).mean(axis=0))
    return rotate(turn, root_camera.translation)


def is_static(path: Array, observed: Array) -> bool:
    """Whether an integrated `path` [frames, 3] and the view of a camera taken for static, `observed` [frames, 3], drift
    apart over the ground as slowly as under a camera that stands still; under one that pans, by the walking speed."""
    difference = local_trend((path - observed)[:, [0, 2]], GROUND_PLANE_WINDOW)
    if len(difference) < 2:
        return True
    speed = np.diff(difference, axis=0) * FPS
    return bool(np.sqrt((speed**2).sum(axis=1).mean()) < STATIC_DRIFT)
