"""Recordings of any rate at genmo's 30 frames a second."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import matrix_from_quaternion, quaternion_from_matrix
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

SAME_RATE = 0.01
"""frames a second; files round 1/30 s to 0.0333333"""


def frame_places(frames: int, fps: float) -> Array:
    """Where the frames at 30 fps lie among `frames` frames of `fps`: [n] numbers from 0 to frames - 1.

    Raises InputError for a rate that is no positive number.
    """
    if not np.isfinite(fps) or fps <= 0:
        raise InputError(f"a recording has {fps} frames a second; wanted a positive number")
    if abs(fps - FPS) < SAME_RATE:
        return np.arange(frames, dtype=np.float64)
    count = int(np.floor((frames - 1) * FPS / fps + 1e-6)) + 1
    return np.minimum(np.arange(count) * fps / FPS, frames - 1)


def _neighbours(places: Array, frames: int) -> tuple[np.ndarray, np.ndarray, Array]:
    low = np.minimum(places.astype(int), max(frames - 2, 0))
    return low, np.minimum(low + 1, frames - 1), places - low


def interpolated(values: Array, places: Array) -> Array:
    """Values [frames, ...] at `places` [n] between frames, linearly: [n, ...]."""
    low, high, part = _neighbours(places, len(values))
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[low] * (1 - part) + values[high] * part)


def interpolated_rotations(rotations: Array, places: Array) -> Array:
    """Rotations [frames, ..., 3, 3] at `places` [n] between frames, by slerp: [n, ..., 3, 3]."""
    low, high, part = _neighbours(places, len(rotations))
    if (part == 0).all():
        return rotations[low]
    quaternions = quaternion_from_matrix(rotations)
    first, second = quaternions[low], quaternions[high]
    part = part.reshape(-1, *[1] * (first.ndim - 1))
    cosine = (first * second).sum(axis=-1, keepdims=True)
    second = np.where(cosine < 0, -second, second)  # the shorter way round
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    sine = np.sin(angle)
    near = sine < 1e-6  # nearly the same: the limit of slerp is linear
    safe = np.where(near, 1.0, sine)
    weights = (
        np.where(near, 1 - part, np.sin((1 - part) * angle) / safe),
        np.where(near, part, np.sin(part * angle) / safe),
    )
    return matrix_from_quaternion(weights[0] * first + weights[1] * second)
