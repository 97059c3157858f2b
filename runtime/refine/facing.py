"""Looking elsewhere than one walks: the body turned over feet that step where they stepped.

A network whose data hardly knows sidesteps slides through them.  It walks ahead well, and a person who walks to the
left while looking ahead does much the same with the legs: the hips turn part of the way, the spine as far as is left,
each foot turns a little about its ball, and legs reach from the turned hips to where they stood.
Someone who walks backward does what walking ahead is when time runs back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genmo.runtime.motion.filters import raised_cosine
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, transpose
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.refine.two_bone_ik import EXTENDED, two_bone
from genmo.runtime.support.arrays import Array

PELVIS = 0.55
"""share of the turn that the hips make; the spine makes the rest"""
FEET = 0.45
"""share of the turn that a foot makes about its ball"""
FARTHEST = np.radians(100.0)
"""radians; nobody looks further away from where the legs go"""
EASE = 3
"""frames over which the root comes down for legs to reach, and up again: a leg is straight of a sudden"""
STRAIGHTEST = 0.993
"""of a leg's length that hip and ankle are apart at most: a knee that is stretched all the way jerks into it"""
_SPINE = [JOINTS.index(name) for name in ("spine1", "spine2", "spine3")]
_LEGS = [[JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "foot")] for side in ("left", "right")]


def facing_aside(motion: Motion, turn: Array | float) -> Motion:
    """The motion looking `turn` radians ([frames] or one) further to the left, its balls of the feet where they were.

    At most `FARTHEST`.  The root's height may go down a little, so that both legs reach.
    """
    turn = np.clip(np.broadcast_to(np.asarray(turn, np.float64), (motion.frames,)), -FARTHEST, FARTHEST)
    world, joints = motion.kinematics()
    rotations = motion.rotations.copy()
    rotations[:, 0] = matrix_from_yaw(PELVIS * turn) @ rotations[:, 0]
    for number, joint in enumerate(_SPINE, start=1):
        share = PELVIS + (1 - PELVIS) * number / len(_SPINE)
        before = PELVIS + (1 - PELVIS) * (number - 1) / len(_SPINE)
        parent = matrix_from_yaw(before * turn) @ world[:, joint - 3 if number > 1 else 0]
        rotations[:, joint] = transpose(parent) @ matrix_from_yaw(share * turn) @ world[:, joint]
    turned = replace(motion, rotations=rotations)
    feet = matrix_from_yaw(FEET * turn)
    targets = [joints[:, ball] + rotate(feet, joints[:, ankle] - joints[:, ball]) for *_, ankle, ball in _LEGS]
    down = _eased(out_of_reach(turned, targets, STRAIGHTEST), motion.loops)
    turned = replace(turned, translation=turned.translation - down[:, None] * [0.0, 1.0, 0.0])
    for leg, target in zip(_LEGS, targets, strict=True):
        turned = with_leg(turned, leg, target, feet @ world[:, leg[2]])
    return turned


def _eased(down: Array, loops: bool) -> Array:
    """No less than `down` [frames], which comes and goes over `EASE` frames; of a cycle it goes on over the seam."""
    index = np.arange(-2 * EASE, len(down) + 2 * EASE)
    around = down[:-1][index % (len(down) - 1)] if loops and len(down) > 1 else down[np.clip(index, 0, len(down) - 1)]
    high = np.lib.stride_tricks.sliding_window_view(around, 2 * EASE + 1).max(axis=1)
    return np.convolve(high, raised_cosine(EASE, EASE), "valid")


def backward(motion: Motion) -> Motion:
    """The motion as if time ran back: who walked ahead walks backward the same way.  A cycle stays one."""
    contacts = None if motion.contacts is None else motion.contacts[::-1]
    back = replace(motion, camera=None, root_camera=None, contacts=contacts)
    return replace(back, rotations=motion.rotations[::-1], translation=motion.translation[::-1])


def with_leg(motion: Motion, leg: list[int], target: Array, foot: Array) -> Motion:
    """The motion whose ankle [frames, 3] is at `target`, and the foot's rotation in the world `foot` [frames, 3, 3]."""
    hip, knee, ankle, _ = leg
    world, joints = motion.kinematics()
    thigh, shin = two_bone(joints[:, hip], joints[:, knee], joints[:, ankle], target, world[:, knee, :, 0])
    rotations = motion.rotations.copy()
    rotations[:, hip] = transpose(world[:, 0]) @ thigh @ world[:, hip]
    rotations[:, knee] = transpose(thigh @ world[:, hip]) @ shin @ world[:, knee]
    rotations[:, ankle] = transpose(shin @ world[:, knee]) @ foot
    return replace(motion, rotations=rotations)


def out_of_reach(motion: Motion, targets: Sequence[Array], straightest: float = 1.0) -> Array:
    """Metres [frames] by which the root must come down for legs to reach their ankles' targets [frames, 3]; these are
    no longer then than `straightest` of their length."""
    joints = motion.joints_world()
    down = np.zeros(motion.frames)
    for (hip, knee, ankle, _), target in zip(_LEGS, targets, strict=True):
        bones = (joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee])
        straight = sum(np.linalg.norm(bone, axis=-1) for bone in bones)
        now = np.linalg.norm(joints[:, ankle] - joints[:, hip], axis=-1)
        longest = np.minimum(np.maximum(EXTENDED * straight, now), straightest * straight)
        along = np.linalg.norm((target - joints[:, hip])[:, [0, 2]], axis=-1)
        drop = joints[:, hip, 1] - target[:, 1]
        down = np.maximum(down, drop - np.sqrt(np.maximum(longest**2 - along**2, 0.0)))
    return np.maximum(down, 0.0)
