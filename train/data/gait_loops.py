"""Longer gaits from short recordings: most runs of the data last a second, windows last up to four.

A recording that passes twice through nearly the same pose at nearly the same speed may jump from the later frame back
to the earlier one and go on, as in a motion graph (Kovar et al. 2002).  Only people on the move straight ahead are
looped: a jump, a kick or a turn that repeated itself would no longer be what its caption says.  What is left of a turn
or a climb from one passing to the next is taken out of the cycle, so that it does not add up.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import tags_of
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
LARGEST_TURN, LARGEST_CLIMB = 7.0, 0.03
"""degrees and metres by which a cycle may change the facing and the height"""
ONCE = re.compile(r"\b(turn|veer|curv|circl|round|around|degree|stop|start|quick|sudden|jump|leap|hop|kick|once|twice|"
                  r"step |side|then|to run|pivot|spin|throw|figure)")  # fmt: skip
"""words of captions that a second time would belie"""
BLEND = 8
"""frames over which the difference at a jump fades"""


def looped(clip: Clip, frames: int) -> Clip:
    """The clip, at least `frames` long if it has a cycle to repeat; otherwise as it is."""
    cycle = None if clip.frames >= frames or not _repeatable(clip) else find_cycle(clip)
    if cycle is None:
        return clip
    first, last = cycle
    clip = closed(clip, first, last)
    rotations, translation = clip.rotations[: last + 1], clip.translation[: last + 1]
    while len(translation) < frames:
        # the last round goes on to the clip's own end, so a stop or a turn at the end stays
        end = clip.frames if len(translation) + clip.frames - first > frames else last + 1
        rotations, translation = joined(rotations, translation, clip.rotations[first:end], clip.translation[first:end])
    return replace(clip, rotations=rotations, translation=translation)


def _repeatable(clip: Clip) -> bool:
    """Whether more of the clip is still what its caption says: one gait, straight ahead."""
    if clip.frames < SHORTEST_CYCLE + 3 or any(ONCE.search(caption.lower()) for caption in clip.captions):
        return False
    _, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
    walk = measure(motion_signals(joints))
    once = {"speed_up", "slow_down", "weave"}
    tags = tags_of(walk)
    return not (
        tags & once or any(tag.startswith(("turn", "start", "stop", "pause", "jump", "run_leap")) for tag in tags)
    )


def closed(clip: Clip, first: int, last: int) -> Clip:
    """The clip with the turn and the climb between two frames taken out, evenly over the frames between them.

    Before and after, the same goes on: poses are as they were, the way is turned.
    """
    facing = clip.rotations[:, 0, :, 2]
    turn = float(heading(facing[last]) - heading(facing[first]))
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    climb = float(clip.translation[last, 1] - clip.translation[first, 1])
    done = np.clip((np.arange(clip.frames) - first) / (last - first), 0, 1)
    back = matrix_from_yaw(-turn * done).astype(np.float32)
    rotations = clip.rotations.copy()
    rotations[:, 0] = back @ rotations[:, 0]
    # each frame's step is turned as its facing is
    steps = rotate(back[:-1], np.diff(clip.translation, axis=0))
    steps[:, 1] -= climb * np.diff(done)
    translation = np.concatenate([clip.translation[:1], clip.translation[:1] + np.cumsum(steps, axis=0)])
    return replace(clip, rotations=rotations, translation=translation.astype(np.float32))


def find_cycle(clip: Clip) -> tuple[int, int] | None:
    """(earlier, later) frames of a moving person that look most alike, at least a cycle apart, at all but the same
    facing and height; None: no such pair."""
    if clip.frames < SHORTEST_CYCLE + 3:
        return None
    shape, change = _in_heading(clip)
    speed = np.linalg.norm(np.diff(clip.translation[:, [0, 2]], axis=0), axis=-1) * FPS
    distance = np.linalg.norm(shape[:, None] - shape[None], axis=-1).mean(axis=-1)
    # a tenth of a second of different movement weighs as much as the same distance between joints
    distance += 3 * np.linalg.norm(change[:, None] - change[None], axis=-1).mean(axis=-1)
    earlier, later = np.indices(distance.shape)
    moving = speed > SLOWEST
    yaw = np.unwrap(heading(clip.rotations[:-1, 0, :, 2]))
    turn = np.degrees(np.abs(yaw[:, None] - yaw[None]))
    climb = np.abs(clip.translation[:-1, 1][:, None] - clip.translation[:-1, 1][None])
    allowed = (later - earlier >= SHORTEST_CYCLE) & moving[:, None] & moving[None]
    allowed &= (turn < LARGEST_TURN) & (climb < LARGEST_CLIMB)
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
