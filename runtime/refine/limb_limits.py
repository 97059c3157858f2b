"""No limb moves faster, or changes its speed faster, than people's do.

A sample may throw a limb a metre aside within a frame.  Frames around such a jump are smoothed over time, as little as
is enough; a limb that merely kicks hard is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.filters import smoothed
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import matrix_from_quaternion, quaternion_from_matrix
from genmo.runtime.motion.skeleton import JOINTS, forward_kinematics
from genmo.runtime.support.arrays import Array, Flags

MAX_SPEED = 15.0
"""m/s; the fastest joint of 1.6 hours of motion capture, a kicking foot, has 14.3"""
MAX_ACCELERATION = 350.0
"""m/s^2; 99 % of those clips nowhere exceed it, and those that do are thrown by their capture"""
SPREADS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""frames, of the Gaussian: the first that is enough is taken"""
AROUND = 12
"""frames on either side over which the smoothing fades"""
STRONG = 1.3
"""times a limit, from which the motion is worth a note"""


@dataclass(frozen=True)
class LimbPeak:
    """What was too fast before it was slowed down."""

    frame: int
    joint: str
    speed: float
    """m/s"""
    acceleration: float
    """m/s^2, the sharpest anywhere"""

    @property
    def strong(self) -> bool:
        """Whether the motion looks different for it."""
        return self.speed > STRONG * MAX_SPEED or self.acceleration > STRONG * MAX_ACCELERATION


def excess(joints: Array, fps: float = FPS) -> Array:
    """Speed and acceleration of the fastest joint over their limits [frames], the larger of the two; 1 is the limit.

    `joints` [frames, n, 3] in metres.  A frame counts what happens on the way to it and from it.
    """
    over = np.zeros(len(joints))
    if len(joints) > 1:
        speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1) * fps / MAX_SPEED
        over[1:], over[:-1] = speed, np.maximum(over[:-1], speed)
    if len(joints) > 2:
        sharp = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max(axis=1) * fps**2 / MAX_ACCELERATION
        over[1:-1] = np.maximum(over[1:-1], sharp)
    return over


def limit_limb_speed(motion: Motion, fixed: int = 0) -> tuple[Motion, LimbPeak | None]:
    """The motion without a joint over `MAX_SPEED` or `MAX_ACCELERATION`, and what was; None: nothing, and unchanged.

    The first `fixed` frames stay as they are: what happens there is past.  The camera sees the change.
    """
    over = excess(motion.joints_world(), motion.fps) > 1
    over[:fixed] = False
    if not over.any():
        return motion, None
    peak = _fastest(motion.joints_world(), motion.fps)
    features = _features(motion)
    for start, end in _ranges(over):
        features = _slowed(features, start, end, fixed, motion)
    rotations, translation = _posed(features)
    return motion.with_pose(rotations, translation), peak


def _fastest(joints: Array, fps: float) -> LimbPeak:
    """The fastest joint of [frames, 24, 3]."""
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1) * fps
    frame, joint = np.unravel_index(int(speed.argmax()), speed.shape)
    sharp = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1) * fps**2
    return LimbPeak(int(frame), JOINTS[int(joint)], float(speed.max()), float(sharp.max(initial=0)))


def _ranges(over: Flags) -> list[tuple[int, int]]:
    """[start, end) of the frames that are too fast, those that are near each other as one."""
    ranges: list[tuple[int, int]] = []
    for frame in np.flatnonzero(over).tolist():
        if ranges and frame - ranges[-1][1] < AROUND:
            ranges[-1] = (ranges[-1][0], frame + 1)
        else:
            ranges.append((frame, frame + 1))
    return ranges


def _slowed(features: Array, start: int, end: int, fixed: int, motion: Motion) -> Array:
    """Features [frames, width] smoothed from `start` to `end` by the least spread that is enough."""
    first, last = max(start - 2 * AROUND, 0), min(end + 2 * AROUND, len(features))
    window, frames = features[first:last], np.arange(first, last)
    distance = np.maximum(np.maximum(start - frames, frames - (end - 1)), 0) / AROUND
    x = np.clip(1.5 - 1.5 * distance, 0, 1)
    share = np.where(frames < fixed, 0, x**2 * (3 - 2 * x))[:, None]
    best, least = window, np.inf
    for spread in SPREADS:
        slow = window + share * (smoothed(window[None], spread)[0] - window)
        joints = forward_kinematics(*_posed(slow), motion.rest_offsets)[1]
        remaining = float(excess(joints, motion.fps)[frames >= fixed].max())
        if remaining < least:
            best, least = slow, remaining
        if remaining <= 1:
            break
    changed = features.copy()
    changed[first:last] = best
    return changed


def _features(motion: Motion) -> Array:
    """Quaternions of all joints, each on the side of the one before, and the root [frames, 99].

    Unlike 6D, their mean is a rotation halfway for any two that are less than a full turn apart.
    """
    quaternions = quaternion_from_matrix(motion.rotations)
    dot = (quaternions[1:] * quaternions[:-1]).sum(axis=-1, keepdims=True)
    sides = np.cumprod(np.where(dot < 0, -1.0, 1.0), axis=0)  # [frames - 1, 24, 1]
    quaternions[1:] = quaternions[1:] * sides
    return np.concatenate([quaternions.reshape(motion.frames, -1), motion.translation], axis=1)


def _posed(features: Array) -> tuple[Array, Array]:
    """Local rotations [frames, 24, 3, 3] and root [frames, 3] of features."""
    quaternions = features[:, :-3].reshape(len(features), -1, 4)  # [frames, 24, 4]
    return matrix_from_quaternion(quaternions), features[:, -3:]
