"""Nothing of the body under the floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.filters import edge_padded
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import cross, normalize, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS
from genmo.runtime.refine.grounding import CLEARANCE
from genmo.runtime.refine.two_bone_ik import two_bone
from genmo.runtime.support.arrays import Array, Flags

RAISE = 10
"""frames on each side over which a body is raised that would be under the floor"""
SLACK = 0.02
"""metres by which a joint may be nearer to the floor than its clearance before anything is raised"""

_ARMS = [
    [JOINTS.index(f"{side}_{joint}") for joint in ("shoulder", "elbow", "wrist", "hand")] for side in ("left", "right")
]
_SHOULDER, _ELBOW, _WRIST, _HAND = range(4)
_FOREARMS = [joint for arm in _ARMS for joint in arm[_WRIST:]]
_OTHERS = [joint for joint in range(JOINT_COUNT) if joint not in _FOREARMS]


def raise_above_floor(motion: Motion, floor: Array, frames: Flags | None = None) -> Motion:
    """The motion with nothing of its body more than `SLACK` nearer to the `floor` [frames], metres, than its clearance.

    Hands and wrists are raised by their arms (two-bone inverse kinematics), everything else by the root; both smoothly
    over `RAISE` frames beside.  `frames` [frames]: which may be changed (None: all).
    """
    if motion.frames == 0:
        return motion
    allowed = np.ones(motion.frames, np.bool_) if frames is None else frames
    sunk = np.where(allowed[:, None], floor[:, None] + CLEARANCE - SLACK - motion.joints_world()[..., 1], 0)
    lift = _raised(sunk[:, _OTHERS].max(axis=1))
    if lift.any():
        motion = replace(motion, translation=motion.translation + lift[:, None] * np.array([0.0, 1.0, 0.0]))
    for arm in _ARMS:
        up = _raised(np.where(allowed, sunk[:, arm[_WRIST:]].max(axis=1) - lift, 0))
        if up.any():
            motion = _arm_raised(motion, arm, up)
    return motion


def _raised(sunk: Array) -> Array:
    """A smooth curve [frames] that is nowhere under `sunk` [frames], nor under 0, and is 0 away from it."""
    if not (sunk > 0).any():
        return np.zeros(len(sunk))
    wide = edge_padded(np.maximum(sunk, 0), 2 * RAISE, 2 * RAISE)
    peaks = np.lib.stride_tricks.sliding_window_view(wide, 2 * RAISE + 1).max(axis=1)  # [frames + 2 RAISE]
    taps = np.hanning(2 * RAISE + 3)[1:-1]
    return np.asarray(np.convolve(peaks, taps / taps.sum(), mode="valid"))


def _arm_raised(motion: Motion, arm: list[int], up: Array) -> Motion:
    """The motion with a wrist raised by `up` [frames] metres; the hand keeps its orientation."""
    world, joints = motion.kinematics()
    shoulder, elbow, wrist = (joints[:, arm[bone]] for bone in (_SHOULDER, _ELBOW, _WRIST))
    target = wrist + up[:, None] * np.array([0.0, 1.0, 0.0])
    bend = cross(elbow - shoulder, wrist - elbow)
    axis = normalize(bend + 1e-6 * world[:, arm[_SHOULDER], :, 1])
    upper_turn, lower_turn = two_bone(shoulder, elbow, wrist, target, axis)
    upper, lower = upper_turn @ world[:, arm[_SHOULDER]], lower_turn @ world[:, arm[_ELBOW]]
    above = transpose(world[:, arm[_SHOULDER]] @ transpose(motion.rotations[:, arm[_SHOULDER]]))
    rotations = motion.rotations.copy()
    changed = up > 0
    rotations[changed, arm[_SHOULDER]] = (above @ upper)[changed]
    rotations[changed, arm[_ELBOW]] = (transpose(upper) @ lower)[changed]
    rotations[changed, arm[_WRIST]] = (transpose(lower) @ world[:, arm[_WRIST]])[changed]
    return replace(motion, rotations=rotations)
