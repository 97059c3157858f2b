"""A motion at another frame rate.

To more frames: rotations by spherical cubic interpolation (squad; Shoemake 1985), positions by the cubic through the
neighbours (Catmull and Rom 1974); both pass through every frame and have no corner there.
To fewer frames: each new frame is a windowed-sinc average (Lanczos, 3 lobes) of the old ones around it, so that what
is too fast for the new rate does not come back as a slow wobble.  Rotations are averaged as rotation vectors from the
nearest frame.  Weights are corrected such that steady movement stays exactly what it was, up to both ends.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.motion import Camera, Motion, RootPose
from genmo.runtime.motion.root_motion import cycle_step, repeated
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    quaternion_from_matrix,
    rotate,
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


def frames_at(frames: int, fps: float, new_fps: float, loops: bool = False) -> int:
    """How many frames at `new_fps` lie within `frames` frames at `fps`; of a cycle the nearest whole number of them,
    for it has to end with its first frame."""
    if abs(new_fps - fps) < SAME:
        return frames
    steps = (frames - 1) * new_fps / fps
    return max(1, round(steps)) + 1 if loops and frames > 1 else int(np.floor(steps + 1e-6)) + 1


def at_rate(motion: Motion, fps: float | None) -> Motion:
    """The motion at `fps` frames a second (None: as it is), from the first frame's time to the last's at most.

    At the motion's own rate it is the motion itself.  A cycle stays one, and looks beyond its ends into the next.
    Raises InputError for a rate out of bounds.
    """
    if fps is None or abs(check_rate(fps) - motion.fps) < SAME:
        return motion
    if motion.loops:
        return _cycle_at_rate(motion, fps)
    count = frames_at(motion.frames, motion.fps, fps)
    times = np.minimum(np.arange(count) * motion.fps / fps, max(motion.frames - 1, 0))
    return _at_times(motion, times, fps)


def _cycle_at_rate(motion: Motion, fps: float) -> Motion:
    """A cycle at another rate: the middle one of three."""
    period, count = motion.frames - 1, frames_at(motion.frames, motion.fps, fps, loops=True)
    times = period + np.linspace(0, period, count)
    turn, shift = cycle_step(motion)
    middle = _at_times(repeated(motion, 3), times, fps).moved(transpose(turn), -rotate(transpose(turn), shift))
    rotations, translation = middle.rotations.copy(), middle.translation.copy()
    rotations[-1] = rotations[0]
    rotations[-1, 0], translation[-1] = turn @ rotations[0, 0], rotate(turn, translation[0]) + shift
    return replace(middle, rotations=rotations, translation=translation, loops=True)


def _at_times(motion: Motion, times: Array, fps: float) -> Motion:
    """The motion at `times` [n] in its frames, which are `fps` a second."""
    fewer = max(motion.fps / fps, 1.0)
    camera, contacts, root = motion.camera, motion.contacts, motion.root_camera
    if camera is not None:
        camera = Camera(resampled_rotations(camera.rotation, times, fewer), resampled(camera.position, times, fewer))
    if root is not None:
        root = RootPose(resampled_rotations(root.rotation, times, fewer), resampled(root.translation, times, fewer))
    return replace(
        motion,
        rotations=resampled_rotations(motion.rotations, times, fewer),
        translation=resampled(motion.translation, times, fewer),
        contacts=None if contacts is None else _linear(contacts, times),
        camera=camera,
        root_camera=root,
        fps=float(fps),
    )


def resampled(values: Array, times: Array, fewer: float = 1.0) -> Array:
    """Values [frames, ...] at `times` [n] in frames: cubic, or averaged when one in `fewer` > 1 is kept."""
    if len(values) == 1:
        return np.repeat(values, len(times), axis=0)
    if fewer > 1:
        index, weights = _average(times, len(values), fewer)
        return np.asarray(np.einsum("nk,nk...->n...", weights, values[index]))
    low, fraction = _between(times, len(values))
    fraction = fraction.reshape(-1, *[1] * (values.ndim - 1))  # [n, 1, ...]
    first, second = values[low], values[low + 1]
    slope = np.gradient(values, axis=0)
    cubic = 2 * (first - second) + slope[low] + slope[low + 1]
    square = -3 * (first - second) - 2 * slope[low] - slope[low + 1]
    return np.asarray(first + fraction * (slope[low] + fraction * (square + fraction * cubic)))


def resampled_rotations(rotations: Array, times: Array, fewer: float = 1.0) -> Array:
    """Rotations [frames, ..., 3, 3] at `times` [n] (see `resampled`)."""
    rotations = np.asarray(rotations)
    if len(rotations) == 1:
        return np.repeat(rotations, len(times), axis=0)
    if fewer > 1:
        return _averaged(rotations, times, fewer)
    low, fraction = _between(times, len(rotations))
    exact = matrix_from_quaternion(quaternion_from_matrix(np.asarray(rotations, np.float64)))
    steps = axis_angle_from_matrix(transpose(exact[:-1]) @ exact[1:])  # [frames - 1, ..., 3]
    # Squad's inner points: half the change of angular velocity away from the frame.
    bend = np.zeros((len(exact), *steps.shape[1:]))
    bend[1:-1] = (steps[:-1] - steps[1:]) / 4
    inner = exact @ matrix_from_axis_angle(bend)
    share = fraction.reshape(-1, *[1] * (steps.ndim - 1))  # [n, 1, ...]
    straight = _slerp(exact[low], exact[low + 1], share)
    bent = _slerp(inner[low], inner[low + 1], share)
    return np.asarray(_slerp(straight, bent, 2 * share * (1 - share)), rotations.dtype)


def _slerp(first: Array, second: Array, share: Array) -> Array:
    """Rotations [..., 3, 3] on the way from `first` to `second`; `share` [..., 1]."""
    step = axis_angle_from_matrix(transpose(first) @ second)
    return np.asarray(first @ matrix_from_axis_angle(share * step))


def _between(times: Array, frames: int) -> tuple[np.ndarray, Array]:
    low = np.minimum(times.astype(int), frames - 2)
    return low, times - low


def _linear(values: Array, times: Array) -> Array:
    """Values [frames, n] at `times`: what lies between 0 and 1 stays there."""
    if len(values) == 1:
        return np.repeat(values, len(times), axis=0)
    low, fraction = _between(times, len(values))
    return np.asarray(values[low] * (1 - fraction[:, None]) + values[low + 1] * fraction[:, None])


def _average(times: Array, frames: int, fewer: float) -> tuple[np.ndarray, Array]:
    """Frames [n, taps] around `times` [n] and their weights, which keep constant and steady signals as they are."""
    radius = int(np.ceil(LOBES * fewer))
    index = np.rint(times).astype(int)[:, None] + np.arange(-radius, radius + 1)  # [n, taps]
    inside = (index >= 0) & (index < frames)
    away = index - times[:, None]
    x = np.where(inside, away / fewer, LOBES)
    weights = np.where(np.abs(x) < LOBES, np.sinc(x) * np.sinc(x / LOBES), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    # A bell around the time, made to sum to zero, takes off what first moment is left (at the ends much).
    bell = np.where(inside, np.exp(-0.5 * (away / fewer) ** 2), 0.0)
    centred = bell * (away - (bell * away).sum(axis=1, keepdims=True) / bell.sum(axis=1, keepdims=True))
    moment = (centred * away).sum(axis=1, keepdims=True)
    excess = (weights * away).sum(axis=1, keepdims=True)
    weights -= np.where(moment > 1e-9, excess / np.maximum(moment, 1e-9), 0.0) * centred
    return np.clip(index, 0, frames - 1), weights


def _averaged(rotations: Array, times: Array, fewer: float) -> Array:
    """Rotations averaged as rotation vectors from the nearest frame, one tap at a time: memory stays that of the
    answer."""
    index, weights = _average(times, len(rotations), fewer)
    exact = matrix_from_quaternion(quaternion_from_matrix(np.asarray(rotations, np.float64)))
    nearest = exact[np.clip(np.rint(times).astype(int), 0, len(rotations) - 1)]
    total = np.zeros(nearest.shape[:-1])
    for tap in range(index.shape[1]):
        away = axis_angle_from_matrix(transpose(nearest) @ exact[index[:, tap]])
        total += weights[:, tap].reshape(-1, *[1] * (away.ndim - 1)) * away
    return np.asarray(nearest @ matrix_from_axis_angle(total), rotations.dtype)
