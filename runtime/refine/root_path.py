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
from genmo.runtime.motion.rotation import orthogonal, transpose
from genmo.runtime.support.arrays import Array

GROUND_PLANE_WINDOW = 45
"""frames over which the difference in x and z is averaged: depth, which a camera sees worst, is in them"""
GUESSED_DEPTH_WINDOW = 301
"""the same for the part along the camera's axis where the lens is guessed: a wrong focal length stretches depth by as
much as it is wrong, and nothing else, since metres across follow from the size of a person in the image"""
HEIGHT_WINDOW = 31
"""the same for y"""
STATIC_DRIFT = 0.35
"""m/s, root mean square, by which path and view may drift apart under a camera of unknown pose; beyond, it moves"""
STATIC_DRIFT_ACROSS = 0.15
"""the same across the view alone, which a wrong focal length does not change"""


@dataclass(frozen=True, eq=False)
class RootObservation:
    """Frames [start, end) in which a camera sees the person."""

    start: int
    end: int
    positions: Array
    """[end - start, 3] where it sees the root, metres, in the axes of the world in which the path is"""
    absolute: bool
    """whether `positions` are absolute in that world; otherwise only their changes count"""
    axis: Array | None = None
    """[3] horizontal unit vector along which the camera looks; None: the lens is known, so depth counts as the rest"""
    depth_counts: bool = True
    """whether the difference along `axis` does, averaged over GUESSED_DEPTH_WINDOW"""


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
        slow = local_trend(difference, GROUND_PLANE_WINDOW)
        if one.axis is not None:
            slow = _across(slow, one.axis)
            if one.depth_counts:
                slow += local_trend((difference @ one.axis)[:, None], GUESSED_DEPTH_WINDOW) * one.axis
        slow[:, 1] = local_trend(difference[:, 1:2], HEIGHT_WINDOW)[:, 0]
        if not one.absolute:
            slow += drift[one.start] - slow[0]
        drift[one.start : one.end], drift[one.end :] = slow, slow[-1]
        if number == 0:
            drift[: one.start] = slow[0]
    return drift


def _across(difference: Array, axis: Array) -> Array:
    """A `difference` [frames, 3] without its part along a horizontal unit vector `axis` [3]."""
    return np.asarray(difference - (difference @ axis)[:, None] * axis)


def turn_of_static(root_world: Array, root_camera: RootPose) -> Array:
    """How a camera of unknown pose, taken for static, is turned in the world: [3, 3], the mean over the frames.

    `root_world` [frames, 3, 3] is the root's rotation in the world.
    """
    return orthogonal((root_world @ transpose(root_camera.rotation)).mean(axis=0))


def is_static(path: Array, observed: Array) -> bool:
    """Whether an integrated `path` [frames, 3] and the view of a camera taken for static, `observed` [frames, 3], drift
    apart over the ground as slowly as under a camera that stands still; under one that pans, by the walking speed."""
    return _drift_speed((path - observed) * [1, 0, 1]) < STATIC_DRIFT


def is_static_across(path: Array, observed: Array, axis: Array) -> bool:
    """`is_static` of what is across the `axis` [3], the horizontal unit vector along which the camera looks, alone: a
    wrong focal length does not change that."""
    return _drift_speed(_across((path - observed) * [1, 0, 1], axis)) < STATIC_DRIFT_ACROSS


def _drift_speed(difference: Array) -> float:
    """m/s, root mean square, at which the slow part of a `difference` [frames, 3] changes."""
    if len(difference) < 2:
        return 0.0
    speed = np.diff(local_trend(difference, GROUND_PLANE_WINDOW), axis=0) * FPS
    return float(np.sqrt((speed**2).sum(axis=1).mean()))
