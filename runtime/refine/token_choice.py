"""Which of several tries is kept, where keyframes say what a motion must come to.

Tokens know nothing of where keyframes are in the world, only of their poses.  So several tries are drawn, and the one
is kept whose keyframes are nearest to the given ones before anything is bent towards them, and which is most like the
others (the least expected error, as in minimum Bayes risk decoding; Kumar and Byrne 2004).
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import forward_kinematics, shape_space
from genmo.runtime.motion.token_features import from_features, twist_heading
from genmo.runtime.refine.takes import apart
from genmo.runtime.support.arrays import Array

TRIES = 8
"""tries a motion with keyframes"""


def best_try(features: Array, keyframes: Keyframes) -> int:
    """The number of the best of tries [tries, frames, 269], features that are not normalised."""
    rotations, path, _ = from_features(features)
    offsets = shape_space().mean
    posed = forward_kinematics(rotations, np.zeros_like(path), offsets)[1]
    joints = posed + path[..., None, :]
    return int(np.argmin(apart(posed) + _misfit(joints, rotations, keyframes)))


def _misfit(joints: Array, rotations: Array, keyframes: Keyframes) -> Array:
    """Mean distance [tries] of the joints at the keyframes from the given ones, metres, once the first are together."""
    keys = keyframes.only(keyframes.has_root)
    if not len(keys.frames):
        return np.zeros(len(joints))
    truth = forward_kinematics(keys.rotations, keys.root, shape_space().mean)[1]
    made = joints[:, keys.frames]
    turn = twist_heading(keys.rotations[0, 0]) - twist_heading(rotations[:, keys.frames[0], 0])
    turned = rotate(matrix_from_yaw(turn)[:, None, None], made - made[:, :1, :1])
    return np.asarray(np.linalg.norm(turned + truth[0, 0] - truth, axis=-1).mean(axis=(1, 2)))
