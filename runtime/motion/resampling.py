"""A motion at another frame rate.

To more frames: rotations by spherical cubic interpolation (squad; Shoemake 1985), places by the cubic through the
neighbours (Catmull and Rom 1974); both pass through every frame and have no corner there.
To fewer frames: each new frame is a windowed-sinc average (Lanczos, 3 lobes) of the old ones around it, so that what
is too fast for the new rate does not come back as a slow wobble.  Rotations are averaged as rotation vectors from the
nearest frame.  Weights are corrected such that steady movement stays exactly what it was, up to both ends.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.motion import Camera, Motion, RootPose
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_matrix,
    transpose,
)
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

LOWEST, HIGHEST = 1.0, 1000.0
SAME = 1e-3
"""frames a second; a rate this near is the same: files round 1/30 s"""
LOBES = 3


def check_rate(fps: float) -> float:
    """`fps`, or InputError when no file is written at that rate."""
    if not (np.isfinite(fps) and LOWEST <= fps <= HIGHEST):
        raise InputError(f"--out-fps is {fps:g}; wanted {LOWEST:g} to {HIGHEST:g} frames a second, as 24, 25, 30 or 60")
    return float(fps)


def frames_at(frames: int, fps: float, new_fps: float) -> int:
    """How many frames at `new_fps` lie within `frames` frames at `fps`."""
    return frames if abs(new_fps - fps) < SAME else int(np.floor((frames - 1) * new_fps / fps + 1e-6)) + 1


def at_rate(motion: Motion, fps: float | None) -> Motion:
    """The motion at `fps` frames a second (None: as it is), from the first frame's time to the last's at most.

    At the motion's own rate it is the motion itself.  Raises InputError for a rate out of bounds.
    """
    if fps is None or abs(check_rate(fps) - motion.fps) < SAME:
        return motion
    count = frames_at(motion.frames, motion.fps, fps)
    places = np.minimum(np.arange(count) * motion.fps / fps, max(motion.frames - 1, 0))
    fewer = max(motion.fps / fps, 1.0)
    camera, contacts, root = motion.camera, motion.contacts, motion.root_camera
    if camera is not None:
        camera = Camera(resampled_rotations(camera.rotation, places, fewer), resampled(camera.position, places, fewer))
    if root is not None:
        root = RootPose(resampled_rotations(root.rotation, places, fewer), resampled(root.translation, places, fewer))
    return replace(
        motion,
        rotations=resampled_rotations(motion.rotations, places, fewer),
        translation=resampled(motion.translation, places, fewer),
        contacts=None if contacts is None else _linear(contacts, places),
        camera=camera,
        root_camera=root,
        fps=float(fps),
    )


def resampled(values: Array, places: Array, fewer: float = 1.0) -> Array:
    """Values [frames, ...] at `places` [n], numbers of frames: cubic, or averaged when one in `fewer` > 1 is kept."""
    if len(values) == 1:
        return np.repeat(values, len(places), axis=0)
    if fewer > 1:
        index, weights = _average(places, len(values), fewer)
        return np.asarray(np.einsum("nk,nk...->n...", weights, values[index]))
    low, part = _between(places, len(values))
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    first, second = values[low], values[low + 1]
    slope = np.gradient(values, axis=0)
    cubic = 2 * (first - second) + slope[low] + slope[low + 1]
    square = -3 * (first - second) - 2 * slope[low] - slope[low + 1]
    return np.asarray(first + part * (slope[low] + part * (square + part * cubic)))


def resampled_rotations(rotations: Array, places: Array, fewer: float = 1.0) -> Array:
    """Rotations [frames, ..., 3, 3] at `places` [n] (see `resampled`)."""
    rotations = np.asarray(rotations)
    if len(rotations) == 1:
        return np.repeat(rotations, len(places), axis=0)
    if fewer > 1:
        return _averaged(rotations, places, fewer)
    low, part = _between(places, len(rotations))
    exact = matrix_from_quaternion(quaternion_from_matrix(np.asarray(rotations, np.float64)))
    steps = axis_angle_from_matrix(transpose(exact[:-1]) @ exact[1:])
    # Squad's inner points: half the change of angular velocity away from the frame.
    bend = np.zeros((len(exact), *steps.shape[1:]))
    bend[1:-1] = (steps[:-1] - steps[1:]) / 4
    inner = exact @ matrix_from_axis_angle(bend)
    share = part.reshape(-1, *[1] * (steps.ndim - 1))
    straight = _slerp(exact[low], exact[low + 1], share)
    bent = _slerp(inner[low], inner[low + 1], share)
    return np.asarray(_slerp(straight, bent, 2 * share * (1 - share)), rotations.dtype)


def _slerp(first: Array, second: Array, share: Array) -> Array:
    """Rotations [..., 3, 3] on the way from `first` to `second`; `share` [..., 1]."""
    step = axis_angle_from_matrix(transpose(first) @ second)
    return np.asarray(first @ matrix_from_axis_angle(share * step))


def _between(places: Array, frames: int) -> tuple[np.ndarray, Array]:
    low = np.minimum(places.astype(int), frames - 2)
    return low, places - low


def _linear(values: Array, places: Array) -> Array:
    """Values [frames, n] at `places`: what lies between 0 and 1 stays there."""
    if len(values) == 1:
        return np.repeat(values, len(places), axis=0)
    low, part = _between(places, len(values))
    return np.asarray(values[low] * (1 - part[:, None]) + values[low + 1] * part[:, None])


def _average(places: Array, frames: int, fewer: float) -> tuple[np.ndarray, Array]:
    """Frames [n, taps] around `places` [n] and their weights, which keep constant and steady signals as they are."""
    reach = int(np.ceil(LOBES * fewer))
    index = np.rint(places).astype(int)[:, None] + np.arange(-reach, reach + 1)
    inside = (index >= 0) & (index < frames)
    away = index - places[:, None]
    x = np.where(inside, away / fewer, LOBES)
    weights = np.where(np.abs(x) < LOBES, np.sinc(x) * np.sinc(x / LOBES), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    # A bell around the place, made to sum to zero, takes off what first moment is left (at the ends much).
    bell = np.where(inside, np.exp(-0.5 * (away / fewer) ** 2), 0.0)
    centred = bell * (away - (bell * away).sum(axis=1, keepdims=True) / bell.sum(axis=1, keepdims=True))
    moment = (centred * away).sum(axis=1, keepdims=True)
    excess = (weights * away).sum(axis=1, keepdims=True)
    weights -= np.where(moment > 1e-9, excess / np.maximum(moment, 1e-9), 0.0) * centred
    return np.clip(index, 0, frames - 1), weights


def _averaged(rotations: Array, places: Array, fewer: float) -> Array:
    """Rotations averaged as rotation vectors from the nearest frame, one tap at a time: memory stays that of the
    answer."""
    index, weights = _average(places, len(rotations), fewer)
    exact = matrix_from_quaternion(quaternion_from_matrix(np.asarray(rotations, np.float64)))
    nearest = exact[np.clip(np.rint(places).astype(int), 0, len(rotations) - 1)]
    total = np.zeros(nearest.shape[:-1])
    for tap in range(index.shape[1]):
        away = axis_angle_from_matrix(transpose(nearest) @ exact[index[:, tap]])
        total += weights[:, tap].reshape(-1, *[1] * (away.ndim - 1)) * away
    return np.asarray(nearest @ matrix_from_axis_angle(total), rotations.dtype)
