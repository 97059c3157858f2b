"""HumanML3D's 263 numbers a frame (Guo et al. 2022), which published text-motion evaluators read.

20 fps, 22 joints, y up, on the skeleton of HumanML3D's example.  Of a frame: turning speed of the root about y (half of
the angle, as published) 1, its speed over the ground in its own heading 2, its height 1; places of the 21 other joints
in the root's heading 63; their rotations by inverse kinematics, 6D (first two columns) 126; velocities of the 22 joints
66; contacts of ankles and feet 4.  One frame fewer than the motion has.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.filters import fir_filtered, gaussian
from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.rotation import normalize, rotate, transpose
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

RATE = 20.0
COUNT = 22
"""joints: those of SMPL but the hands"""
WIDTH = 263
CONTACT = 0.002
"""squared metres: an ankle or foot that moves less in a frame is in contact"""
SMOOTH = 20.0
"""frames, spread of the Gaussian over the direction that the person faces"""

CHAINS = (
    joint_indices("pelvis", "right_hip", "right_knee", "right_ankle", "right_foot"),
    joint_indices("pelvis", "left_hip", "left_knee", "left_ankle", "left_foot"),
    joint_indices("pelvis", "spine1", "spine2", "spine3", "neck", "head"),
    joint_indices("spine3", "right_collar", "right_shoulder", "right_elbow", "right_wrist"),
    joint_indices("spine3", "left_collar", "left_shoulder", "left_elbow", "left_wrist"),
)
_SIDE, _UP, _FRONT = np.eye(3)
DIRECTIONS = np.array(
    [
        0 * _UP, _SIDE, -_SIDE, _UP, -_UP, -_UP, _UP, -_UP, -_UP, _UP, _FRONT, _FRONT, _UP, _SIDE, -_SIDE, _FRONT,
        *[-_UP] * 6,
    ]
)  # fmt: skip
"""[22, 3] of each joint's bone where its rotation is none"""
_FEET = joint_indices("left_ankle", "left_foot", "right_ankle", "right_foot")
_LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER = joint_indices(
    "left_hip", "right_hip", "left_shoulder", "right_shoulder"
)


def turn_between(first: Array, second: Array) -> Array:
    """The smallest rotations [..., 3, 3] that take directions [..., 3] to directions [..., 3]."""
    a, b = normalize(first), normalize(second)
    axis = np.cross(a, b)
    cosine = (a * b).sum(axis=-1)[..., None, None]
    cross = np.zeros((*axis.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -axis[..., 2], axis[..., 1], -axis[..., 0]
    cross -= np.swapaxes(cross, -1, -2)
    # opposite directions have no smallest turn: half a turn about any axis beside them
    other = normalize(np.cross(a, np.where(np.abs(a[..., :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0])))
    half = 2 * other[..., :, None] * other[..., None, :] - np.eye(3)
    return np.asarray(
        np.where(cosine < -1 + 1e-8, half, np.eye(3) + cross + cross @ cross / np.maximum(1 + cosine, 1e-8))
    )


def facing(joints: Array) -> Array:
    """Unit directions [frames, 3] on the ground that hips and shoulders face."""
    return _front(joints[:, _LEFT_HIP] - joints[:, _RIGHT_HIP] + joints[:, _LEFT_SHOULDER] - joints[:, _RIGHT_SHOULDER])


def published_heading(joints: Array) -> Array:
    """The direction [frames, 3] that the published inverse kinematics takes for the front, smoothed over time.

    It counts the hips against the shoulders, a slip; the evaluators were trained on what comes of it.
    """
    left = joints[:, _RIGHT_HIP] - joints[:, _LEFT_HIP] + joints[:, _LEFT_SHOULDER] - joints[:, _RIGHT_SHOULDER]
    forward = _front(left, unit=False)
    radius = int(4 * SMOOTH + 0.5)
    return normalize(fir_filtered(forward, gaussian(SMOOTH, radius), radius))


def _front(left: Array, unit: bool = True) -> Array:
    """What someone faces whose left is `left` [frames, 3]."""
    front = np.cross(normalize(left), _UP)
    return normalize(front) if unit else np.asarray(front)


def rotations_of(joints: Array) -> Array:
    """Local rotations [frames, 22, 3, 3] of world joints; joint 0 turns the heading to +z."""
    local: Array = np.tile(np.eye(3), (len(joints), COUNT, 1, 1))
    heading = published_heading(joints)
    local[:, 0] = turn_between(heading, np.broadcast_to(_FRONT, heading.shape))
    for chain in CHAINS:
        world = local[:, 0]
        for parent, joint in zip(chain, chain[1:], strict=False):
            bone = joints[:, joint] - joints[:, parent]
            turn = turn_between(np.broadcast_to(DIRECTIONS[joint], bone.shape), bone)
            local[:, joint] = transpose(world) @ turn
            world = turn
    return local


def lengths_of(joints: Array) -> Array:
    """[22] lengths of the bones of joints [22, 3]."""
    lengths = np.zeros(COUNT)
    for chain in CHAINS:
        for parent, joint in zip(chain, chain[1:], strict=False):
            lengths[joint] = np.linalg.norm(joints[joint] - joints[parent])
    return lengths


def on_skeleton(joints: Array, lengths: Array) -> Array:
    """World joints [frames, 22, 3] with bones of these lengths [22] in the same directions; the path is scaled with
    the leg."""
    own = lengths_of(joints[0])
    scale = (lengths[5] + lengths[8]) / (own[5] + own[8])
    moved = np.zeros_like(joints)
    moved[:, 0] = scale * joints[:, 0]
    for chain in CHAINS:
        for parent, joint in zip(chain, chain[1:], strict=False):
            moved[:, joint] = moved[:, parent] + lengths[joint] * normalize(joints[:, joint] - joints[:, parent])
    return moved


def features(joints: Array, lengths: Array | None = None) -> npt.NDArray[np.float32]:
    """[frames - 1, 263] of world joints [frames, 22 or more, 3] at 20 fps, on bones of `lengths` if given.

    Raises InputError for fewer than two frames.
    """
    joints = np.asarray(joints[:, :COUNT], np.float64)
    if len(joints) < 2:
        raise InputError(f"a motion of {len(joints)} frames at 20 fps; HumanML3D's features want at least two")
    if lengths is not None:
        joints = on_skeleton(joints, lengths)
    joints = joints - [0.0, joints[..., 1].min(), 0.0]
    joints = joints - joints[0, 0] * [1.0, 0.0, 1.0]
    joints = rotate(turn_between(facing(joints[:1])[0], _FRONT), joints)
    local = rotations_of(joints)
    heading = local[:, 0]
    turn = heading[1:] @ transpose(heading[:-1])
    half = np.arctan2(turn[:, 0, 2], turn[:, 0, 0]) / 2
    speed = rotate(heading[1:], np.diff(joints[:, 0], axis=0))
    positions = rotate(heading[:, None], joints - joints[:, :1] * [1.0, 0.0, 1.0])
    moving = np.diff(joints, axis=0)
    contact = (moving[:, _FEET] ** 2).sum(axis=-1) < CONTACT
    count = len(joints) - 1
    blocks = [
        half[:, None],
        speed[:, [0, 2]],
        positions[:-1, 0, 1:2],
        positions[:-1, 1:].reshape(count, -1),
        np.swapaxes(local[:-1, 1:, :, :2], -1, -2).reshape(count, -1),
        rotate(heading[:-1, None], moving).reshape(count, -1),
        contact,
    ]
    return np.concatenate(blocks, axis=1).astype(np.float32)
