"""Where a motion stands: its height, the ground, its heading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import heading, matrix_from_6d, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS
from genmo.runtime.support.arrays import Array, Flags

LEVEL_FRAMES = 31  # a second


def align_to_camera(motion: Motion, frames: Flags | None = None) -> Motion:
    """The motion moved to where its camera sees it, on average over `frames` [frames] (None: all)."""
    assert motion.camera is not None and motion.root_camera is not None
    seen = motion.camera.position + rotate(motion.camera.rotation, motion.root_camera.translation)
    offset = (seen - motion.translation)[slice(None) if frames is None else frames]
    return replace(motion, translation=motion.translation + offset.mean(axis=0))


def put_on_ground(motion: Motion) -> Motion:
    """The motion raised or lowered so that its lowest foot stands on the ground, y = 0."""
    lowest = motion.joints_world()[:, FOOT_JOINTS, 1].min() - BALL_HEIGHT
    return replace(motion, translation=motion.translation - np.array([0.0, lowest, 0.0]))


def heights_in_camera(features: Array, layout: Layout, camera: Camera | None) -> Array | None:
    """Height of the root [frames] in metres, over any fixed level, as the camera sees it; None: not observable.

    Without a known camera it is the predicted one, which then stands still: its mean tilt is used.
    """
    blocks = layout.split(features)
    if "root_translation_camera" not in blocks:
        return None
    seen = blocks["root_translation_camera"]
    if camera is None:
        return rotate(matrix_from_6d(blocks["camera_orientation"].mean(axis=0)), seen)[:, 1]
    return (camera.position + rotate(camera.rotation, seen))[:, 1]


def correct_height_drift(motion: Motion, heights: Array | None) -> Motion:
    """The motion whose height follows `heights` [frames] slowly and its own velocity quickly.

    Integrated velocity drifts, and a person who floats shows it at once; the height in the camera does not drift
    but trembles.  Their difference, averaged over a second, is taken off; half a second has not drifted yet.
    """
    side = LEVEL_FRAMES // 2
    if heights is None or motion.frames <= side:
        return motion
    drift = np.pad(motion.translation[:, 1] - heights, side, mode="reflect", reflect_type="odd")
    mean = np.convolve(drift, np.ones(LEVEL_FRAMES) / LEVEL_FRAMES, mode="valid")
    shift = np.zeros_like(motion.translation)
    shift[:, 1] = mean - mean[0]
    return replace(motion, translation=motion.translation - shift)


def face_forward(motion: Motion) -> Motion:
    """The motion turned and shifted so that it starts over the origin, facing +z."""
    turn = matrix_from_yaw(-heading(motion.rotations[0, 0, :, 2]))
    start = rotate(turn, motion.translation[0]) * np.array([1.0, 0.0, 1.0])
    return motion.moved(turn, -start)
