"""Cameras and keypoints as the arrays that the network takes."""

from __future__ import annotations

import numpy as np

from genmo.runtime.conditions.keypoints import VISIBLE, Keypoints, bounding_boxes
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


def keypoint_conditions(keypoints: Keypoints) -> dict[str, Array]:
    """The `keypoints`, `bounding_box` and `camera` conditions, each [frames, ...], and their masks [frames]."""
    boxes, known = bounding_boxes(keypoints.points)
    centre, side = boxes[:, None, :2], boxes[:, None, 2:]
    local = 2 * (keypoints.points[..., :2] - centre) / side
    seen = (keypoints.points[..., 2:] > VISIBLE) & known[:, None, None]
    focal, middle = keypoints.intrinsics[0, 0], keypoints.intrinsics[:2, 2]
    arrays = {
        "keypoints": np.concatenate([np.where(seen, local, 0), seen], axis=-1),
        "keypoints_mask": known.astype(np.float64),
        "bounding_box": np.concatenate([boxes[:, :2] - middle, boxes[:, 2:]], axis=-1) / focal * known[:, None],
        "bounding_box_mask": known.astype(np.float64),
    }
    if keypoints.camera is not None:
        arrays["camera"] = camera_condition(keypoints.camera)
        arrays["camera_mask"] = np.ones(len(known))
    return arrays
