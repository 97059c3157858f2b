"""Cameras and keypoints as the arrays that the network takes."""

from __future__ import annotations

import numpy as np

from genmo.runtime.conditions.keypoints import VISIBLE, Keypoints, bounding_boxes
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import rotate, sixd_from_matrix, transpose
from genmo.runtime.support.arrays import Array


def static_camera(frames: int) -> Camera:
    """A level camera at the origin that looks along +z."""
    return Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (frames, 1, 1)), np.zeros((frames, 3)))


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


def keypoint_conditions(keypoints: Keypoints, conventions: Conventions = GENMO) -> dict[str, Array]:
    """The `keypoints`, `bounding_box` and `camera` conditions, each [frames, ...], and their masks [frames]."""
    boxes, has_box = bounding_boxes(keypoints.points, conventions)
    centre, side = boxes[:, None, :2], boxes[:, None, 2:]  # [frames, 1, 2], [frames, 1, 1]
    local = 2 * (keypoints.points[..., :2] - centre) / side  # [frames, 17, 2], -1..1 in the box
    visible = (keypoints.points[..., 2:] > VISIBLE) & has_box[:, None, None]  # [frames, 17, 1]
    boxed = has_box & (visible.sum(axis=(1, 2)) >= conventions.box_keypoints)
    focal, middle = keypoints.intrinsics[0, 0], keypoints.intrinsics[:2, 2]
    arrays = {
        "keypoints": np.concatenate([np.where(visible, local, 0), visible], axis=-1),
        "keypoints_mask": has_box.astype(np.float64),
        "bounding_box": np.concatenate([boxes[:, :2] - middle, boxes[:, 2:]], axis=-1) / focal * boxed[:, None],
        "bounding_box_mask": boxed.astype(np.float64),
    }
    camera = keypoints.camera
    if camera is None and conventions.unknown_camera_stands:
        camera = static_camera(len(has_box))
    if camera is not None:
        arrays["camera"] = camera_condition(camera)
        arrays["camera_mask"] = np.ones(len(has_box))
    return arrays
