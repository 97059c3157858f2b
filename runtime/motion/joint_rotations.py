"""Rotations from joint positions alone, which know no twist: of a body that has its joints there.

Pelvis and chest are turned as their neighbours are (Kabsch 1976), the chest a little as the shoulders, for skeletons
whose collars all start at one place.  Knees and elbows are hinges: where one is bent, its plane tells the twist of
thigh or upper arm; where it is straight, the limb is turned as little as can be.  Heads, hands and toes, which nothing
follows, are as in the rest pose.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import cross, length, matrix_from_axis_angle, normalize, rotate, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, shape_space
from genmo.runtime.support.arrays import Array

BODY_COUNT = 22
"""joints of SMPL without the hands, which go last"""
STRAIGHT, BENT = 0.15, 0.4
"""sines of a hinge's angle, up to which its plane says nothing of the twist and from which it says all"""
ROUNDS = 3
"""of turning pelvis and chest as their neighbours are, and measuring where these sit"""

_PELVIS, _CHEST = JOINTS.index("pelvis"), JOINTS.index("spine3")
_AROUND = {
    _PELVIS: [JOINTS.index(name) for name in ("left_hip", "right_hip", "spine1")],
    _CHEST: [JOINTS.index(name) for name in ("neck", "left_collar", "right_collar")],
}
_SHOULDERS = [JOINTS.index(name) for name in ("left_shoulder", "right_shoulder")]
SHOULDERS_COUNT = 0.02
"""weight of where the shoulders are beside what the chest carries"""
_SIDE, _UP = np.eye(3)[:2]
_HINGES = {  # the first bone's joint -> the hinge, where the second bone ends, and its axis in the rest pose
    JOINTS.index(first): (JOINTS.index(hinge), JOINTS.index(end), axis)
    for first, hinge, end, axis in (
        ("left_hip", "left_knee", "left_ankle", _SIDE),
        ("right_hip", "right_knee", "right_ankle", _SIDE),
        ("left_shoulder", "left_elbow", "left_wrist", -_UP),
        ("right_shoulder", "right_elbow", "right_wrist", _UP),
    )
}
_ONE_CHILD = {
    JOINTS.index(joint): JOINTS.index(child)
    for joint, child in (
        ("spine1", "spine2"), ("spine2", "spine3"), ("neck", "head"), ("left_ankle", "left_foot"),
        ("right_ankle", "right_foot"), ("left_collar", "left_shoulder"), ("right_collar", "right_shoulder"),
    )
}  # fmt: skip


def motion_of_joints(joints: Array, fps: float = FPS) -> Motion:
    """The motion whose joints are at `joints` [frames, 22 or 24, 3], metres, y up; bones keep one length, their mean.

    Joints are SMPL's in its order; hands without a place of their own go on from the forearms.
    """
    joints = np.asarray(joints, np.float64)
    offsets = _measured(joints)
    world = np.tile(np.eye(3), (len(joints), JOINT_COUNT, 1, 1))
    for _ in range(ROUNDS):
        for joint, around in _AROUND.items():
            bones = joints[:, around] - joints[:, [joint]]
            rest, seen = offsets[around], bones
            if joint == _CHEST:
                shoulders = offsets[around[1:]] + offsets[_SHOULDERS]
                rest = np.concatenate([rest, SHOULDERS_COUNT * shoulders])
                seen = np.concatenate([seen, SHOULDERS_COUNT * (joints[:, _SHOULDERS] - joints[:, [joint]])], axis=1)
            world[:, joint] = _kabsch(np.broadcast_to(rest, seen.shape), seen)
            offsets[around] = rotate(transpose(world[:, joint])[:, None], bones).mean(axis=0)
    for joint in range(JOINT_COUNT):
        if joint in _AROUND:
            continue
        parent = world[:, PARENTS[joint]]
        if joint in _HINGES:
            _turn_limb(world, joints, offsets, joint)
        elif joint in _ONE_CHILD:
            child = _ONE_CHILD[joint]
            world[:, joint] = _swung(parent, offsets[child], joints[:, child] - joints[:, joint])
        elif PARENTS[joint] not in _HINGES:  # hinges are turned with the limb
            world[:, joint] = parent
    local = world.copy()
    local[:, 1:] = transpose(world[:, PARENTS[1:]]) @ world[:, 1:]
    return Motion(local, joints[:, 0].copy(), offsets=offsets, fps=fps)


def _measured(joints: Array) -> Array:
    """Rest offsets [24, 3] of genmo's mean body with bones of the lengths that `joints` have on average."""
    mean = shape_space().mean
    offsets = np.array(mean, np.float64)
    count = min(joints.shape[1], JOINT_COUNT)
    parents = np.asarray(PARENTS[1:count])
    lengths = length(joints[:, 1:count] - joints[:, parents]).mean(axis=0)
    offsets[1:count] *= (lengths / length(mean[1:count]))[:, None]
    if count == BODY_COUNT:
        offsets[BODY_COUNT:] *= lengths.sum() / length(mean[1:count]).sum()
    return offsets


def _kabsch(rest: Array, seen: Array) -> Array:
    """Rotations [frames, 3, 3] that bring vectors [frames, N, 3] nearest to those that are `seen`."""
    u, _, v = np.linalg.svd(transpose(seen) @ rest)
    sign = np.linalg.det(u @ v)
    u[..., -1] *= sign[:, None]
    return np.asarray(u @ v)


def _swung(parent: Array, rest: Array, seen: Array) -> Array:
    """`parent` rotations [frames, 3, 3] turned as little as takes their `rest` [3] to directions `seen` [frames, 3]."""
    start, end = normalize(rotate(parent, rest)), normalize(seen)
    axis, cosine = cross(start, end), (start * end).sum(axis=-1)[:, None, None]
    skew = np.zeros_like(parent)
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    skew -= transpose(skew)
    turn = np.eye(3) + skew + skew @ skew / np.maximum(1 + cosine, 1e-6)
    return np.asarray(turn @ parent)


def _turn_limb(world: Array, joints: Array, offsets: Array, first: int) -> None:
    """Set the `world` rotations of a limb's first joint and of its hinge.

    The hinge bends by the angle at which the bones of the rest pose are as far apart as those that are seen; both
    pairs of bones then tell a rotation, of which the twist counts as far as the limb is bent.
    """
    hinge, end, axis = _HINGES[first]
    rest, bone = normalize(offsets[hinge]), normalize(offsets[end])
    upper, lower = (normalize(joints[:, b] - joints[:, a]) for a, b in ((first, hinge), (hinge, end)))
    bent = matrix_from_axis_angle(_bend(rest, bone, axis, (upper * lower).sum(axis=-1))[:, None] * axis)
    least = _swung(world[:, PARENTS[first]], offsets[hinge], upper)
    told = _frame(upper, lower) @ transpose(_frame(np.broadcast_to(rest, upper.shape), rotate(bent, bone)))
    plane = length(cross(upper, lower))
    share = np.clip((plane - STRAIGHT) / (BENT - STRAIGHT), 0, 1)
    twist = share**2 * (3 - 2 * share) * _turn_about(upper, told @ transpose(least))
    world[:, first] = matrix_from_axis_angle(twist[:, None] * upper) @ least
    world[:, hinge] = _swung(world[:, first] @ bent, offsets[end], joints[:, end] - joints[:, hinge])


def _bend(first: Array, second: Array, axis: Array, cosine: Array) -> Array:
    """Radians [frames] by which `second` [3], turned about the unit `axis` [3], has this `cosine` [frames] with `first`
    [3]: the root that bends."""
    along = (axis @ first) * (axis @ second)
    level, turning = first @ second - along, first @ cross(axis, second)
    ratio = (cosine - along) / np.hypot(level, turning)
    return np.asarray(np.arctan2(turning, level) + np.arccos(np.clip(ratio, -1, 1)))


def _turn_about(axis: Array, turn: Array) -> Array:
    """Radians [frames] of rotations [frames, 3, 3] about their unit `axis` [frames, 3]."""
    skew = turn - transpose(turn)
    sine = (axis * np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], axis=-1)).sum(axis=-1) / 2
    return np.asarray(np.arctan2(sine, (np.trace(turn, axis1=1, axis2=2) - 1) / 2))


def _frame(bone: Array, other: Array) -> Array:
    """Rotations [frames, 3, 3] whose first column is a unit `bone` [frames, 3] and whose second is what `other`
    [frames, 3] has beside it."""
    second = normalize(other - (other * bone).sum(axis=-1, keepdims=True) * bone)
    return np.stack([bone, second, cross(bone, second)], axis=-1)
