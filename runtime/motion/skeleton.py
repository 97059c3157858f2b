"""The body that needs no licence: 24 joints in SMPL order with a linear shape space fitted to real actors.

Rest pose: T-pose facing +z, the person's left is +x, y up, metres.  A joint's offset is its rest position
relative to its parent; the pelvis offset is zero.  The shape space (mean and components, each scaled to one
standard deviation of the actors) is in `skeleton.json`, written by `genmo.train.tools.fit_skeleton`.
"""

from __future__ import annotations

import ctypes
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from genmo.runtime.motion.joints import BETA_COUNT as BETA_COUNT
from genmo.runtime.motion.joints import CONTACT_JOINTS as CONTACT_JOINTS
from genmo.runtime.motion.joints import FOOT_JOINTS as FOOT_JOINTS
from genmo.runtime.motion.joints import JOINT_COUNT as JOINT_COUNT
from genmo.runtime.motion.joints import JOINTS as JOINTS
from genmo.runtime.motion.joints import MIRROR_JOINTS as MIRROR_JOINTS
from genmo.runtime.motion.joints import PARENTS as PARENTS
from genmo.runtime.motion.rotation import rotate
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array

BALL_HEIGHT = 0.028
"""Metres from a foot joint (the ball of the foot) down to the floor under a planted foot: the median of standing feet
in the training motions (0.025 to 0.035 by data set)."""
ANKLE_HEIGHT = 0.035
"""Metres; the ankle joint of a foot that stands flat is never lower, whatever the body (0.06 for the mean one)."""
# The sole's ends, metres of the mean body: two spheres that touch the floor (the toes' all but) when the foot is flat.
_HEEL_BACK, _HEEL_RADIUS = 0.026, 0.034
_TOE_AHEAD, _TOE_RADIUS, _TOE_RISE = 0.062, 0.019, 0.004
_LEG_BONES = [JOINTS.index(f"{side}_{name}") for side in ("left", "right") for name in ("hip", "knee", "ankle")]
_SPINE = [JOINTS.index(name) for name in ("spine1", "spine2", "spine3", "neck", "head")]


def _levels() -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Joints grouped by depth, each group with its parents: one array operation a level instead of one a joint."""
    depth = [0] * JOINT_COUNT
    for joint, parent in enumerate(PARENTS):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    groups = [tuple(j for j in range(JOINT_COUNT) if depth[j] == d) for d in range(1, max(depth) + 1)]
    return tuple((group, tuple(PARENTS[j] for j in group)) for group in groups)


LEVELS = _levels()

# COCO-17 keypoints: the joint each is fixed to and its place in that joint's rest frame, metres.
COCO_KEYPOINTS: tuple[tuple[str, str, tuple[float, float, float]], ...] = (
    ("nose", "head", (0.0, 0.04, 0.12)),
    ("left_eye", "head", (0.032, 0.075, 0.095)),
    ("right_eye", "head", (-0.032, 0.075, 0.095)),
    ("left_ear", "head", (0.073, 0.05, 0.0)),
    ("right_ear", "head", (-0.073, 0.05, 0.0)),
    *(
        (f"{side}_{name}", f"{side}_{name}", (0.0, 0.0, 0.0))
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("left", "right")
    ),
)
COCO_COUNT = len(COCO_KEYPOINTS)
COCO_JOINTS = tuple(JOINTS.index(joint) for _, joint, _ in COCO_KEYPOINTS)


@dataclass(frozen=True, eq=False)
class ShapeSpace:
    """Rest offsets as `mean + betas @ components`; betas are in standard deviations of the fitted actors."""

    mean: Array
    """[24, 3] metres"""
    components: Array
    """[10, 24, 3] metres per unit of beta"""
    explained_variance: tuple[float, ...]
    """Cumulative share of the actors' variance that the first 1, 2, ... components explain."""

    def offsets(self, betas: Array) -> Array:
        """Rest offsets [..., 24, 3] in metres for betas [..., 10]."""
        return np.asarray(self.mean + np.einsum("...k,kjc->...jc", betas, self.components))

    def betas(self, offsets: Array) -> Array:
        """Least-squares betas [..., 10] of rest offsets [..., 24, 3]."""
        basis = self.components.reshape(BETA_COUNT, -1)
        difference = (offsets - self.mean).reshape(*offsets.shape[:-2], -1)
        return np.asarray(difference @ np.linalg.pinv(basis))


@cache
def shape_space() -> ShapeSpace:
    """The shape space that ships with genmo."""
    stored = json.loads((Path(__file__).parent / "skeleton.json").read_text())
    return ShapeSpace(
        mean=np.asarray(stored["mean"]),
        components=np.asarray(stored["components"]),
        explained_variance=tuple(stored["explained_variance"]),
    )


def rest_joints(offsets: Array) -> Array:
    """Rest-pose joint positions [..., 24, 3] with the pelvis at the origin, from rest offsets [..., 24, 3]."""
    positions = np.zeros_like(offsets)
    for joints, parents in LEVELS:
        positions[..., joints, :] = positions[..., parents, :] + offsets[..., joints, :]
    return positions


def sole_drops(offsets: Array) -> Array:
    """Metres [..., 2, 2] from each ankle and ball (last axis) of a body of rest offsets [..., 24, 3] to its sole."""
    ball_over_ankle = offsets[..., FOOT_JOINTS, 1]
    ankle = np.maximum(BALL_HEIGHT - ball_over_ankle, ANKLE_HEIGHT)
    return np.stack([ankle, ankle + ball_over_ankle], axis=-1)


def sole_heights(offsets: Array) -> Array:
    """Heights [2] in metres over the pelvis of the left and right sole in the rest pose of `offsets` [24, 3].

    The rest pose stands flat: BALL_HEIGHT under the ball, or ANKLE_HEIGHT under the ankle where that is lower.
    """
    offsets = np.asarray(offsets, np.float64)
    return np.asarray(rest_joints(offsets)[FOOT_JOINTS, 1] - sole_drops(offsets)[:, 1])


def stature(offsets: Array) -> float:
    """Height in metres of the head joint over the ankles in the rest pose of `offsets` [24, 3]."""
    return float(offsets[_SPINE, 1].sum() - offsets[_LEG_BONES, 1].sum() / 2)


@dataclass(frozen=True, eq=False)
class SoleEnds:
    """Where the feet of a body may touch the floor besides the ball: a sphere in each heel and in each foot's toes."""

    heels: Array
    """[2, 3] metres, centres left and right, from the ankle joint in its rest frame"""
    toes: Array
    """[2, 3] metres, from the foot joint in its rest frame"""
    heel_radius: float
    """metres"""
    toe_radius: float
    """metres"""


def sole_ends(offsets: Array) -> SoleEnds:
    """The heels and toes of the body with rest offsets [24, 3] in metres; sizes grow with the stature."""
    scale = stature(offsets) / _mean_stature()
    ends = np.zeros((2, 2, 3))  # [side, heel and toes, xyz]
    ends[..., 1] = scale * np.asarray([_HEEL_RADIUS, _TOE_RADIUS + _TOE_RISE]) - sole_drops(offsets)
    ends[..., 2] = scale * np.asarray([-_HEEL_BACK, _TOE_AHEAD])
    return SoleEnds(ends[:, 0], ends[:, 1], scale * _HEEL_RADIUS, scale * _TOE_RADIUS)


@cache
def _mean_stature() -> float:
    return stature(shape_space().mean)


def forward_kinematics(rotations: Array, translation: Array, offsets: Array) -> tuple[Array, Array]:
    """Global rotations [..., 24, 3, 3] and joint positions [..., 24, 3].

    `rotations` [..., 24, 3, 3] are local to the parent (joint 0: to the frame of `translation`), `translation`
    [..., 3] is the pelvis, `offsets` [..., 24, 3] (or [24, 3]) the rest offsets.  The answer is in the frame of
    `translation`, in metres.
    """
    if native.library() and rotations.dtype == translation.dtype == np.float64:
        return _native_kinematics(rotations, translation, offsets)
    global_rotations = np.empty(rotations.shape, rotations.dtype)
    positions = np.empty((*rotations.shape[:-2], 3), np.result_type(rotations, translation))
    global_rotations[..., 0, :, :] = rotations[..., 0, :, :]
    positions[..., 0, :] = translation
    for joints, parents in LEVELS:
        above = global_rotations[..., parents, :, :]
        global_rotations[..., joints, :, :] = above @ rotations[..., joints, :, :]
        positions[..., joints, :] = positions[..., parents, :] + rotate(above, offsets[..., joints, :])
    return global_rotations, positions


_PARENTS = np.asarray(PARENTS, np.int32)


def _native_kinematics(rotations: Array, translation: Array, offsets: Array) -> tuple[Array, Array]:
    """`forward_kinematics` in libgenmo, float64."""
    leading = rotations.shape[:-3]
    own = offsets.ndim > 2
    if rotations.shape[-3:] != (JOINT_COUNT, 3, 3):
        raise ValueError(f"rotations have shape {rotations.shape}; wanted [..., {JOINT_COUNT}, 3, 3]")
    bones = np.ascontiguousarray(np.broadcast_to(offsets, (*leading, JOINT_COUNT, 3)) if own else offsets, np.float64)
    if bones.shape[-2:] != (JOINT_COUNT, 3):
        raise ValueError(f"offsets have shape {offsets.shape}; wanted [..., {JOINT_COUNT}, 3]")
    local, root = np.ascontiguousarray(rotations), np.ascontiguousarray(np.broadcast_to(translation, (*leading, 3)))
    global_rotations, positions = np.empty_like(local), np.empty((*leading, JOINT_COUNT, 3))
    frames, joints = ctypes.c_int64(root.size // 3), ctypes.c_int32(JOINT_COUNT)
    inputs = (native.address(array) for array in (_PARENTS, local, root, bones))
    outputs = native.address(global_rotations), native.address(positions)
    native.call("genmo_forward_kinematics", frames, joints, *inputs, ctypes.c_int32(own), *outputs)
    return global_rotations, positions


def coco_keypoints(global_rotations: Array, positions: Array) -> Array:
    """COCO-17 points [..., 17, 3] from global rotations [..., 24, 3, 3] and joints [..., 24, 3], same frame.

    Limb keypoints are the joints themselves; the face is a fixed constellation on the head (stated, not fitted:
    a detector's own definition differs by centimetres, which training covers with jitter).
    """
    fixed = np.asarray([offset for _, _, offset in COCO_KEYPOINTS])
    return positions[..., COCO_JOINTS, :] + rotate(global_rotations[..., COCO_JOINTS, :, :], fixed)
