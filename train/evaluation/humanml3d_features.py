"""HumanML3D's 263 numbers a frame (Guo et al. 2022), which published text-motion evaluators read.

20 fps, 22 joints, y up, on the skeleton of HumanML3D's example.  Of a frame: turning speed of the root about y (half of
the angle, as published) 1, its speed over the ground in its own heading 2, its height 1; places of the 21 other joints
in the root's heading 63; their rotations by inverse kinematics, 6D (first two columns) 126; velocities of the 22 joints
66; contacts of ankles and feet 4.  One frame fewer than the motion has.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import normalize, rotate, transpose
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

RATE = 20.0
JOINTS = 22
WIDTH = 263
CONTACT = 0.002
"""squared metres: an ankle or foot that moves less in a frame is in contact"""
SMOOTH = 20.0
"""frames, spread of the Gaussian over the direction that the person faces"""
CHAINS = (
    (0, 2, 5, 8, 11), (0, 1, 4, 7, 10), (0, 3, 6, 9, 12, 15), (9, 14, 17, 19, 21), (9, 13, 16, 18, 20),
)  # fmt: skip
_SIDE, _UP, _FRONT = np.eye(3)
DIRECTIONS = np.array(
    [
        0 * _UP, _SIDE, -_SIDE, _UP, -_UP, -_UP, _UP, -_UP, -_UP, _UP, _FRONT, _FRONT, _UP, _SIDE, -_SIDE, _FRONT,
        *[-_UP] * 6,
    ]
)  # fmt: skip
"""[22, 3] of each joint's bone where its rotation is none"""
_LEFT, _RIGHT = (7, 10), (8, 11)


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
    return _front(joints[:, 1] - joints[:, 2] + joints[:, 16] - joints[:, 17])


def published_heading(joints: Array) -> Array:
    """The direction [frames, 3] that the published inverse kinematics takes for the front, smoothed over time.

    It counts the hips against the shoulders, a slip; the evaluators were trained on what comes of it.
    """
    forward = _front(joints[:, 2] - joints[:, 1] + joints[:, 16] - joints[:, 17], unit=False)
    radius = int(4 * SMOOTH + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SMOOTH) ** 2)
    padded = np.pad(forward, ((radius, radius), (0, 0)), mode="edge")
    return normalize(np.stack([np.convolve(axis, weights / weights.sum(), "valid") for axis in padded.T], axis=1))


def _front(left: Array, unit: bool = True) -> Array:
    """What someone faces whose left is `left` [frames, 3]."""
    front = np.cross(normalize(left), _UP)
    return normalize(front) if unit else np.asarray(front)


def rotations_of(joints: Array) -> Array:
    """Local rotations [frames, 22, 3, 3] of world joints; joint 0 turns the heading to +z."""
    local: Array = np.tile(np.eye(3), (len(joints), JOINTS, 1, 1))
    heading = published_heading(joints)
    local[:, 0] = turn_between(heading, np.broadcast_to(_FRONT, heading.shape))
    for chain in CHAINS:
        world = local[:, 0]
        for parent, joint in zip(chain, chain[1:], strict=False):
            bone = joints[:, joint] - joints[:, parent]
            turned = turn_between(np.broadcast_to(DIRECTIONS[joint], bone.shape), bone)
            local[:, joint] = transpose(world) @ turned
            world = turned
    return local


def lengths_of(joints: Array) -> Array:
    """[22] lengths of the bones of joints [22, 3]."""
    lengths = np.zeros(JOINTS)
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
    joints = np.asarray(joints[:, :JOINTS], np.float64)
    if len(joints) < 2:
        raise InputError(f"a motion of {len(joints)} frames at 20 fps; HumanML3D's features want at least two")
    if lengths is not None:
        joints = on_skeleton(joints, lengths)
    joints = joints - [0.0, joints[..., 1].min(), 0.0]
    joints = joints - joints[0, 0] * [1.0, 0.0, 1.0]
    joints = rotate(turn_between(facing(joints[:1])[0], _FRONT), joints)
    local = rotations_of(joints)
    heading = local[:, 0]
    turned = heading[1:] @ transpose(heading[:-1])
    half = np.arctan2(turned[:, 0, 2], turned[:, 0, 0]) / 2
    speed = rotate(heading[1:], np.diff(joints[:, 0], axis=0))
    places = rotate(heading[:, None], joints - joints[:, :1] * [1.0, 0.0, 1.0])
    moving = np.diff(joints, axis=0)
    contact = (moving[:, [*_LEFT, *_RIGHT]] ** 2).sum(axis=-1) < CONTACT
    count = len(joints) - 1
    parts = [
        half[:, None],
        speed[:, [0, 2]],
        places[:-1, 0, 1:2],
        places[:-1, 1:].reshape(count, -1),
        np.swapaxes(local[:-1, 1:, :, :2], -1, -2).reshape(count, -1),
        rotate(heading[:-1, None], moving).reshape(count, -1),
        contact,
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)
