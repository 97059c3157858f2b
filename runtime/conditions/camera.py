"""The camera as a condition of the network."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import rotate, sixd_from_matrix, transpose
from genmo.runtime.support.arrays import Array


def camera_condition(camera: Camera) -> Array:
    """[frames, 12]: rotation of each camera frame to the next 6D, step to it in this frame 3 (metres), up 3.

    The last frame repeats the motion of the one before; one frame alone is a static camera.
    """
    to_camera = transpose(camera.rotation)
    up = to_camera[:, :, 1]
    if len(up) == 1:
        turn: Array = np.eye(3)[None]
        step: Array = np.zeros((1, 3))
    else:
        turn = to_camera[1:] @ camera.rotation[:-1]
        step = rotate(to_camera[:-1], np.diff(camera.position, axis=0))
        turn, step = np.concatenate([turn, turn[-1:]]), np.concatenate([step, step[-1:]])
    return np.concatenate([sixd_from_matrix(turn), step, up], axis=-1)
