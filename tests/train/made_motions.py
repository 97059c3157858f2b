"""Motions made from closed forms, whose measures are known: a body of the mean shape at 30 fps."""

import numpy as np

from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import forward_kinematics, shape_space
from genmo.train.datasets.clips import Clip

OFFSETS = shape_space().offsets(np.zeros(10)).astype(np.float32)
SIDES = ("left", "right")
# T-pose to an arm that hangs: about z, the left one (at +x) clockwise
HANG = {"left": -80, "right": 80}


def turned(axis, degrees):
    """Turns about an axis ("x", "y" or "z"), degrees [frames] -> [frames, 3, 3]."""
    vector = np.zeros((len(degrees), 3))
    vector[:, "xyz".index(axis)] = np.radians(degrees)
    return matrix_from_axis_angle(vector)


def eased(frames, start, end):
    """0 before `start`, 1 after `end`, smooth between, [frames]."""
    share = np.clip((np.arange(frames) - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def made(frames=60, speed=0.0, turn=0.0, towards=0.0, height=0.0, pose=(), caption="a person moves"):
    """A clip: the root goes at `speed` (m/s, one or [frames]) at the angle `towards` (degrees, left above zero) from
    the facing, which turns by `turn` degrees (or as [frames] say); `height` [frames] metres over standing.

    `pose`: (joint name, axis, degrees [frames] or one) in the order they are applied.  The arms hang unless posed.
    """
    every = np.arange(frames)
    yaw = np.radians(turn if np.ndim(turn) else turn * every / max(frames - 1, 1))
    speeds = np.broadcast_to(speed, (frames,)).astype(float)
    way = yaw + np.radians(towards)
    steps = np.stack([np.sin(way), np.zeros(frames), np.cos(way)], axis=-1) * speeds[:, None] / 30
    translation = np.concatenate([np.zeros((1, 3)), np.cumsum(steps[:-1], axis=0)])
    translation[:, 1] = 0.93 + height
    rotations = np.broadcast_to(np.eye(3), (frames, 24, 3, 3)).copy()
    rotations[:, 0] = matrix_from_yaw(yaw)
    posed = [joint for joint, _, _ in pose]
    hanging = [(f"{side}_shoulder", "z", HANG[side]) for side in SIDES if f"{side}_shoulder" not in posed]
    phase = np.cumsum(speeds) / 30 / 1.4 * 2 * np.pi
    stride = 14 * np.minimum(speeds / 0.8, 1)
    legs = [(f"{side}_hip", "x", sign * stride * np.sin(phase)) for side, sign in zip(SIDES, (1, -1), strict=True)]
    for joint, axis, degrees in (*hanging, *(leg for leg in legs if leg[0] not in posed), *pose):
        index = JOINTS.index(joint)
        rotations[:, index] = rotations[:, index] @ turned(axis, np.broadcast_to(degrees, (frames,)))
    arrays = (array.astype(np.float32) for array in (rotations, translation))
    return Clip("made/0", "made/0", (caption,), *arrays, OFFSETS)


def joints_of(clip):
    """World joints [frames, 24, 3]."""
    return forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1]


def arm(side, degrees):
    """The pose of a straight arm: degrees up from hanging, sideways."""
    sign = 1 if side == "left" else -1
    return [(f"{side}_shoulder", "z", sign * (np.asarray(degrees) - 80.0))]


def jumping(frames, starts, length=13, pose=()):
    """Jumps on the spot: ballistic flights of `length` frames from the frames `starts` on."""
    height = np.zeros(frames)
    for start in starts:
        time = np.arange(min(length + 1, frames - start)) / 30
        height[start : start + len(time)] = 9.81 / 2 * time * (length / 30 - time)
    return made(frames, height=height, pose=pose)


def seated(frames=60, down=0.0):
    """Standing, and as `down` [frames] grows from 0 to 1, sitting on a seat with the thighs level."""
    down = np.broadcast_to(down, (frames,)).astype(float)
    thigh = np.linalg.norm(OFFSETS[JOINTS.index("left_knee")])
    pose = []
    for side in SIDES:
        pose += [(f"{side}_hip", "x", -85 * down), (f"{side}_knee", "x", 85 * down)]
    clip = made(frames, height=-thigh * (1 - np.cos(np.radians(85 * down))), pose=pose)
    # the feet stay where they are
    clip.translation[:, 2] -= thigh * np.sin(np.radians(85 * down))
    return clip
