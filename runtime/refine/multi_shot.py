"""Timelines of several camera shots: one camera for the whole motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.condition_arrays import static_camera
from genmo.runtime.conditions.spans import CameraSpan, KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import gravity_view_yaw
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import FOOT_JOINTS
from genmo.runtime.refine.grounding import heights_in_camera
from genmo.runtime.support.arrays import Array

GROUND_SHARE = 5  # per cent of a shot's frames in which its lowest foot is taken to be at or under the ground


def span_frames(span: KeypointSpan | CameraSpan, frames: int) -> npt.NDArray[np.bool_]:
    """[frames] which lie in a span."""
    at = np.arange(frames)
    return (at >= span.start) & (at < span.end)


def root_anchored(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """[frames] where a person was seen by a camera whose world is the motion's."""
    first = timeline.shots[0] if timeline.shots else None
    if first is None or first.camera is None or isinstance(first, CameraSpan):
        return np.zeros(timeline.frames, np.bool_)
    return span_frames(first, timeline.frames)


def _stops(shots: Sequence[KeypointSpan | CameraSpan], frames: int) -> list[int]:
    """Where the camera of each shot ends: where the next shot starts."""
    return [*(shot.start for shot in shots[1:]), frames][: len(shots)]


def join_cameras(timeline: Timeline) -> Camera:
    """The camera of every frame of the motion; a level one that stands still where none is known.

    Between two shots the camera stands still at its last pose.  The next shot has a world of its own, which is turned
    about +y and moved so that its camera starts there with the same heading: the person's heading against the camera
    is what the network continues.
    """
    frames, shots = timeline.frames, timeline.shots
    joined = static_camera(frames)
    for index, (shot, stop) in enumerate(zip(shots, _stops(shots, frames), strict=True)):
        camera = static_camera(shot.frames) if shot.camera is None else shot.camera
        begin = shot.start if index else 0
        if index:
            yaw = gravity_view_yaw(joined.rotation[begin - 1]) - gravity_view_yaw(camera.rotation[0])
            turn = matrix_from_yaw(yaw)
            shift = joined.position[begin - 1] - rotate(turn, camera.position[0])
            camera = Camera(turn @ camera.rotation, rotate(turn, camera.position) + shift)
        at = np.clip(np.arange(begin, stop) - shot.start, 0, shot.frames - 1)
        joined.rotation[begin:stop], joined.position[begin:stop] = camera.rotation[at], camera.position[at]
    return joined


def realign_cameras(motion: Motion, timeline: Timeline) -> Motion:
    """The motion with the cameras of all shots but the first turned about +y and moved to where they see it."""
    in_camera = motion.joints_camera
    assert motion.camera is not None and in_camera is not None
    shots = timeline.shots
    rotation, position = motion.camera.rotation.copy(), motion.camera.position.copy()
    joints = motion.joints_world()
    for shot, stop in zip(shots[1:], _stops(shots, motion.frames)[1:], strict=True):
        part, seen = slice(shot.start, stop), slice(shot.start, shot.end)
        points = rotate(rotation[seen, None], in_camera[seen]) + position[seen, None]
        there, here = (x - x.mean(axis=(0, 1)) for x in (points, joints[seen]))
        sine = (there[..., 2] * here[..., 0] - there[..., 0] * here[..., 2]).sum()
        turn = matrix_from_yaw(np.arctan2(sine, (there[..., [0, 2]] * here[..., [0, 2]]).sum()))
        shift = joints[seen].mean(axis=(0, 1)) - rotate(turn, points.mean(axis=(0, 1)))
        rotation[part], position[part] = turn @ rotation[part], rotate(turn, position[part]) + shift
    return replace(motion, camera=Camera(rotation, position))


def shot_heights(features: Array, layout: Layout, timeline: Timeline, motion: Motion) -> Array | None:
    """Height of the root [frames] over all shots of a timeline, for `correct_height_drift`.

    `motion` is the decoded one.

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
    feet = motion.joints_world()[:, FOOT_JOINTS, 1].min(axis=-1) - motion.translation[:, 1]
    heights = np.zeros(motion.frames)
    for part, filmed in ((slice(start, stop), filmed) for start, stop, filmed in parts if start < stop):
        camera = Camera(motion.camera.rotation[part], motion.camera.position[part]) if filmed else None
        found = heights_in_camera(features[part], layout, camera)
        if found is None:
            return None
        heights[part] = found - np.percentile(found + feet[part], GROUND_SHARE)
    return heights
