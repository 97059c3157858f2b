"""Recordings of any rate at genmo's 30 frames a second."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import matrix_from_quaternion, quaternion_from_matrix, slerp_between
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

SAME_RATE = 0.01
"""frames a second; files round 1/30 s to 0.0333333"""


def frame_times(frames: int, fps: float) -> Array:
    """Where the frames at 30 fps lie among `frames` frames of `fps`: [n] numbers from 0 to frames - 1.

    Raises InputError for a rate that is no positive number.
    """
    if not np.isfinite(fps) or fps <= 0:
        raise InputError(f"a recording has {fps} frames a second; wanted a positive number")
    if abs(fps - FPS) < SAME_RATE:
        return np.arange(frames, dtype=np.float64)
    count = int(np.floor((frames - 1) * FPS / fps + 1e-6)) + 1
    return np.asarray(np.minimum(np.arange(count) * fps / FPS, frames - 1))


def _neighbours(times: Array, frames: int) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_], Array]:
    """The frames before and after each time [n], and how far it is from the one to the other."""
    before = np.minimum(times.astype(int), max(frames - 2, 0))
    return before, np.minimum(before + 1, frames - 1), times - before


def interpolated(values: Array, times: Array) -> Array:
    """Values [frames, ...] at `times` [n] between frames, linearly: [n, ...]."""
    before, after, share = _neighbours(times, len(values))
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[before] * (1 - share) + values[after] * share)


def interpolated_rotations(rotations: Array, times: Array) -> Array:
    """Rotations [frames, ..., 3, 3] at `times` [n] between frames, by slerp: [n, ..., 3, 3]."""
    before, after, share = _neighbours(times, len(rotations))
    if (share == 0).all():
        return np.asarray(rotations[before])
    quaternions = quaternion_from_matrix(rotations)
    share = share.reshape(-1, *[1] * (quaternions.ndim - 1))
    return matrix_from_quaternion(slerp_between(quaternions[before], quaternions[after], share))
