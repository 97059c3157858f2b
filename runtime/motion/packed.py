"""Short motions in about a kilobyte: the slow part of how joints turn and the body moves.

A motion of `FRAMES` frames is 76 curves: the heading, the root's turn against it, the 23 joints' turns (axis times
angle), the pelvis's speed as the person looks, and its height.  Each is kept as the first `KEPT` coefficients of its
orthonormal cosine transform (DCT-II), up to 7.5 Hz, rounded to `STEPS_OF`; most of them are zero.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.joints import JOINT_COUNT, joint_indices
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_yaw,
    rotate,
    yaw_of,
)
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.support.arrays import Array, Numbers

FRAMES, KEPT = 120, 60
_TURNS = 3 * JOINT_COUNT  # the root's against its heading, then the joints'
CHANNELS = 1 + _TURNS + 3
STEPS_OF = np.array([0.18] * (1 + _TURNS) + [0.2, 0.2, 0.05])
"""[CHANNELS] radians, m/s ahead and to the side, metres of height: what one step of a coefficient is"""
MOST = 4000
"""of a coefficient, in steps: two turns a second"""
_LEG = list(joint_indices("left_knee", "left_ankle"))


def packed(rotations: Array, translation: Array, offsets: Array) -> Numbers:
    """Coefficients [KEPT, CHANNELS] int16 of rotations [FRAMES, 24, 3, 3], translation [FRAMES, 3], offsets [24, 3].

    Ways and heights are those of the mean body, with legs of its length.
    """
    yaw = np.unwrap(yaw_of(rotations[:, 0]))
    level = matrix_from_yaw(-yaw)
    turns = rotations.astype(np.float64).copy()
    turns[:, 0] = level @ turns[:, 0]
    legs = _leg(shape_space().mean) / _leg(offsets)
    moves = np.diff(translation, axis=0, append=2 * translation[-1:] - translation[-2:-1]) * FPS * legs
    moves = rotate(level, moves)
    curves = np.concatenate(
        [
            (yaw - yaw[0])[:, None],
            _continuous(axis_angle_from_matrix(turns)).reshape(FRAMES, _TURNS),
            moves[:, [0, 2]],
            legs * translation[:, 1:2],
        ],
        axis=1,
    )
    steps = np.rint(_cosines() @ curves / STEPS_OF)
    return np.asarray(np.clip(steps, -MOST, MOST), np.int16)


def unpacked(coefficients: Numbers) -> Motion:
    """The motion of coefficients [KEPT, CHANNELS], of the mean body; it begins over the origin, looking along +z."""
    curves = _cosines().T @ (coefficients * STEPS_OF)
    yaw = curves[:, 0] - curves[0, 0]
    rotations = matrix_from_axis_angle(curves[:, 1 : 1 + _TURNS].reshape(FRAMES, JOINT_COUNT, 3))
    facing = matrix_from_yaw(yaw)
    rotations[:, 0] = facing @ rotations[:, 0]
    moves = np.zeros((FRAMES, 3))
    moves[1:, [0, 2]] = curves[:-1, -3:-1] / FPS
    moves[1:] = rotate(facing[:-1], moves[1:])
    translation = np.cumsum(moves, axis=0)
    translation[:, 1] = curves[:, -1]
    return Motion(rotations, translation)


def _leg(offsets: Array) -> float:
    return float(np.linalg.norm(offsets[_LEG], axis=-1).sum())


def _cosines() -> Array:
    """[KEPT, FRAMES] rows of the orthonormal DCT-II."""
    frame, row = np.arange(FRAMES), np.arange(KEPT)[:, None]
    rows = np.cos(np.pi * (frame + 0.5) * row / FRAMES) * np.sqrt(2 / FRAMES)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows)


def _continuous(turns: Array) -> Array:
    """Axes times angles [frames, joints, 3], of the two that are the same turn the one nearer to the frame before."""
    for frame in range(1, len(turns)):
        angle = np.linalg.norm(turns[frame], axis=-1, keepdims=True)
        axis = turns[frame] / np.maximum(angle, 1e-9)
        ways = np.stack([turns[frame] + axis * 2 * np.pi * k for k in (0, -1, 1)])
        apart = np.linalg.norm(ways - turns[frame - 1], axis=-1)
        turns[frame] = np.take_along_axis(ways, apart.argmin(axis=0)[None, :, None], axis=0)[0]
    return turns
