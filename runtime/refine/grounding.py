"""Where a motion stands: its height, the ground, its heading."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import Layout
from genmo.runtime.motion.rotation import matrix_from_6d, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import JOINTS, SOLE
from genmo.runtime.support.arrays import Array, Flags

_BALLS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
LEVEL_FRAMES = 31  # a second
GROUND_SHARE = 5  # per cent of a shot's frames in which its lowest foot is taken to be at or under the ground
_FEET = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]


def align_to_camera(motion: Motion, frames: Flags | None = None) -> Motion:
    """The motion moved to where its camera sees it, on average over `frames` [frames] (None: all)."""
    assert motion.camera is not None and motion.joints_camera is not None
    seen = motion.camera.position + rotate(motion.camera.rotation, motion.joints_camera[:, 0])
    apart = (seen - motion.translation)[slice(None) if frames is None else frames]
    return replace(motion, translation=motion.translation + apart.mean(axis=0))


def put_on_ground(motion: Motion) -> Motion:
    """The motion raised or lowered so that its lowest foot stands on the ground, y = 0."""
    lowest = motion.joints_world()[:, _BALLS, 1].min() - SOLE
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


def shot_heights(features: Array, layout: Layout, timeline: Timeline, motion: Motion) -> Array | None:
    """Height of the root [frames] over all shots of a timeline, for `levelled`; `motion` is the decoded one.

    Worlds of different shots have nothing in common but the ground, so every shot, and every gap between two, has its
    lowest feet brought to one level.
    """
    shots = timeline.shots
    if len(shots) < 2:
        return heights_in_camera(features, layout, motion.camera if shots and shots[0].camera is not None else None)
    assert motion.camera is not None
    parts, begin = [], 0
    for shot in shots:
        parts += [(begin, shot.start, False), (shot.start, shot.end, shot.camera is not None)]
        begin = shot.end
    parts.append((begin, motion.frames, False))
    feet = motion.joints_world()[:, _FEET, 1].min(axis=-1) - motion.translation[:, 1]
    heights = np.zeros(motion.frames)
    for part, filmed in ((slice(start, stop), filmed) for start, stop, filmed in parts if start < stop):
        camera = Camera(motion.camera.rotation[part], motion.camera.position[part]) if filmed else None
        found = heights_in_camera(features[part], layout, camera)
        if found is None:
            return None
        heights[part] = found - np.percentile(found + feet[part], GROUND_SHARE)
    return heights


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
    forward = motion.rotations[0, 0, :, 2]
    turn = matrix_from_yaw(-np.arctan2(forward[0], forward[2]))
    start = rotate(turn, motion.translation[0]) * np.array([1.0, 0.0, 1.0])
    return motion.moved(turn, -start)
