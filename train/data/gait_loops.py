"""Longer gaits from short recordings: most runs of the data last a second, windows last up to four.

A recording that passes twice through nearly the same pose at nearly the same speed may jump from the later frame back
to the earlier one and go on, as in a motion graph (Kovar et al. 2002).  Only people on the move are looped: a jump or
a kick that repeated itself would no longer be what its caption says.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import heading, matrix_from_6d, matrix_from_yaw, rotate, sixd_from_matrix
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.train.datasets.clips import Clip

SHORTEST_CYCLE = 14
"""frames: two steps of a sprint"""
SLOWEST = 0.5
"""metres a second along the ground, below which a person is not on the move"""
CLOSEST = 0.06, 0.035
"""metres, and seconds times the speed along the ground: the largest distance of joints (and of their movement) over
which a jump still looks continuous once it is blended"""
BLEND = 8
"""frames over which the difference at a jump fades"""


def looped(clip: Clip, frames: int) -> Clip:
    """The clip, at least `frames` long if it has a cycle to repeat; otherwise as it is."""
    cycle = None if clip.frames >= frames else find_cycle(clip)
    if cycle is None:
        return clip
    first, last = cycle
    rotations, translation = clip.rotations[: last + 1], clip.translation[: last + 1]
    while len(translation) < frames:
        # the last round goes on to the clip's own end, so a stop or a turn at the end stays
        end = clip.frames if len(translation) + clip.frames - first > frames else last + 1
        rotations, translation = joined(rotations, translation, clip.rotations[first:end], clip.translation[first:end])
    return replace(clip, rotations=rotations, translation=translation)


def find_cycle(clip: Clip) -> tuple[int, int] | None:
    """(earlier, later) frames of a moving person that look most alike, at least a cycle apart; None: no such pair."""
    if clip.frames < SHORTEST_CYCLE + 3:
        return None
    shape, change = _in_heading(clip)
    speed = np.linalg.norm(np.diff(clip.translation[:, [0, 2]], axis=0), axis=-1) * FPS
    distance = np.linalg.norm(shape[:, None] - shape[None], axis=-1).mean(axis=-1)
    # a tenth of a second of different movement weighs as much as the same distance between joints
    distance += 3 * np.linalg.norm(change[:, None] - change[None], axis=-1).mean(axis=-1)
    earlier, later = np.indices(distance.shape)
    moving = speed > SLOWEST
    allowed = (later - earlier >= SHORTEST_CYCLE) & moving[:, None] & moving[None]
    distance = np.where(allowed, distance, np.inf)
    first, last = divmod(int(distance.argmin()), len(distance))
    return (first, last) if distance[first, last] < CLOSEST[0] + CLOSEST[1] * speed[first] else None


def _in_heading(clip: Clip) -> tuple[Array, Array]:
    """Joints [frames - 1, 24, 3] over the ground below the root, seen in the root's heading, and their change to the
    next frame in that same heading."""
    _, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
    forward = clip.rotations[:, 0, :, 2]
    back = matrix_from_yaw(-heading(forward))
    below = clip.translation * np.array([1, 0, 1], np.float32)
    shape = rotate(back[:, None], joints - below[:, None])
    return shape[:-1], rotate(back[:-1, None], np.diff(joints, axis=0))


def joined(rotations: Array, translation: Array, next_rotations: Array, next_translation: Array) -> tuple[Array, Array]:
    """The motion followed by another whose first frame looks like its last: that frame falls on it.

    The other is turned about the vertical and shifted to continue; what differs at the joint (pose, height) fades
    over BLEND frames.
    """
    facing, other = rotations[-1, 0, :, 2], next_rotations[0, 0, :, 2]
    turn = matrix_from_yaw(heading(facing) - heading(other)).astype(np.float32)
    path = rotate(turn, next_translation - next_translation[0]) + translation[-1]
    path[:, 1] = next_translation[:, 1]
    poses = next_rotations.copy()
    poses[:, 0] = turn @ poses[:, 0]
    fade = smoothstep((1 - np.arange(len(poses)) / BLEND).astype(np.float32))
    sixd = sixd_from_matrix(poses)
    offset = sixd_from_matrix(rotations[-1]) - sixd[0]
    blended = matrix_from_6d(sixd + fade[:, None, None] * offset).astype(np.float32)
    path[:, 1] += fade * (translation[-1, 1] - path[0, 1])
    return np.concatenate([rotations, blended[1:]]), np.concatenate([translation, path[1:]]).astype(np.float32)
