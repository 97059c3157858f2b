"""Knees that bend the way knees bend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import cross, matrix_from_quaternion, normalize, transpose
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.support.arrays import Array


def knees_forward(motion: Motion) -> Motion:
    """The motion with knees that bend backwards mirrored, to the front of the line from hip to ankle.

    Hips, ankles and feet keep their places and turns; thigh and shin turn by the shortest arc, so that a knee that goes
    from bent backwards to straight and on goes on without a jump.  A rightly bent one stays as it is.
    """
    rotations = motion.rotations.copy()
    for side in ("left", "right"):
        world, joints = motion.kinematics()
        hip, knee, ankle = (JOINTS.index(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        forward = normalize(cross(thigh + shin, world[:, hip, :, 0]))  # square to that line, and to the knee's axis
        ahead = (thigh * forward).sum(axis=-1, keepdims=True)
        wrong = np.flatnonzero(ahead < 0)
        if not len(wrong):
            continue
        thigh, shin, world = thigh[wrong], shin[wrong], world[wrong]
        mirrored = thigh - 2 * (ahead * forward)[wrong]
        turned = _arc(thigh, mirrored) @ world[:, hip]
        below = _arc(shin, thigh + shin - mirrored) @ world[:, knee]
        rotations[wrong, hip] = transpose(world[:, 0]) @ turned
        rotations[wrong, knee] = transpose(turned) @ below
        rotations[wrong, ankle] = transpose(below) @ world[:, ankle]
    return replace(motion, rotations=rotations)


def _arc(start: Array, end: Array) -> Array:
    """The rotations [..., 3, 3] of least angle between directions [..., 3] that are not opposite."""
    first, second = normalize(start), normalize(end)
    cosine = (first * second).sum(axis=-1, keepdims=True)
    return np.asarray(matrix_from_quaternion(np.concatenate([1 + cosine, cross(first, second)], axis=-1)))
