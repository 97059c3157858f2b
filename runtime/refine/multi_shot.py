"""Timelines of several camera shots: one camera for the whole motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.condition_arrays import static_camera
from genmo.runtime.conditions.keypoints import are_guessed
from genmo.runtime.conditions.spans import CameraSpan, KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Camera, Motion, RootPose
from genmo.runtime.motion.representation import gravity_view_yaw
from genmo.runtime.motion.rotation import matrix_from_yaw, normalize, rotate
from genmo.runtime.refine.grounding import align_to_camera
from genmo.runtime.refine.root_path import (
    GUESSED_DEPTH_WINDOW,
    RootObservation,
    is_static,
    is_static_across,
    path_drift,
    turn_of_static,
)
from genmo.runtime.support.arrays import Array


def span_frames(span: KeypointSpan | CameraSpan, frames: int) -> npt.NDArray[np.bool_]:
    """[frames] which lie in a span."""
    index = np.arange(frames)
    return (index >= span.start) & (index < span.end)


def root_anchored(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """[frames] in which a camera whose world is the motion's observes the person."""
    first = timeline.shots[0] if timeline.shots else None
    if first is None or first.camera is None or isinstance(first, CameraSpan):
        return np.zeros(timeline.frames, np.bool_)
    return span_frames(first, timeline.frames)


def _stops(shots: Sequence[KeypointSpan | CameraSpan], frames: int) -> list[int]:
    """Where the camera of each shot ends: where the next shot starts."""
    return [*(shot.start for shot in shots[1:]), frames][: len(shots)]


def join_cameras(timeline: Timeline) -> Camera:
    """The camera of every frame of the motion; a level static one where none is known.

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
        shot_frames = np.clip(np.arange(begin, stop) - shot.start, 0, shot.frames - 1)
        joined.rotation[begin:stop], joined.position[begin:stop] = (
            camera.rotation[shot_frames],
            camera.position[shot_frames],
        )
    return joined


def realign_cameras(motion: Motion, timeline: Timeline) -> Motion:
    """The motion with the cameras of all shots but the first turned about +y and moved to where they see it."""
    in_camera = motion.joints_camera
    assert motion.camera is not None and in_camera is not None
    shots = timeline.shots
    rotation, position = motion.camera.rotation.copy(), motion.camera.position.copy()
    joints = motion.joints_world()
    for shot, stop in zip(shots[1:], _stops(shots, motion.frames)[1:], strict=True):
        camera_frames, shot_frames = slice(shot.start, stop), slice(shot.start, shot.end)
        points = rotate(rotation[shot_frames, None], in_camera[shot_frames]) + position[shot_frames, None]
        source, target = (x - x.mean(axis=(0, 1)) for x in (points, joints[shot_frames]))
        sine = (source[..., 2] * target[..., 0] - source[..., 0] * target[..., 2]).sum()
        turn = matrix_from_yaw(np.arctan2(sine, (source[..., [0, 2]] * target[..., [0, 2]]).sum()))
        shift = joints[shot_frames].mean(axis=(0, 1)) - rotate(turn, points.mean(axis=(0, 1)))
        rotation[camera_frames], position[camera_frames] = (
            turn @ rotation[camera_frames],
            rotate(turn, position[camera_frames]) + shift,
        )
    return replace(motion, camera=Camera(rotation, position))


def root_observations(motion: Motion, shots: Sequence[KeypointSpan | CameraSpan]) -> list[RootObservation]:
    """Where each of the `shots` with keypoints sees the root, in the world in which the decoded `motion` walks.

    A camera of unknown pose counts where it stands still.
    """
    root, camera = motion.root_camera, motion.camera
    if root is None:  # no camera observes it
        return []
    assert camera is not None
    observations: list[RootObservation] = []
    for number, shot in enumerate(shots):
        frames = slice(shot.start, shot.end)
        if not isinstance(shot, KeypointSpan):
            continue
        if shot.camera is not None:
            positions: Array = camera.position[frames] + rotate(camera.rotation[frames], root.translation[frames])
            observations.append(RootObservation(shot.start, shot.end, positions, absolute=number == 0))
            continue
        turn = turn_of_static(motion.rotations[frames, 0], RootPose(root.rotation[frames], root.translation[frames]))
        path, positions = motion.translation[frames], rotate(turn, root.translation[frames])
        static, axis = is_static(path, positions), None
        depth_counts = static and len(path) >= GUESSED_DEPTH_WINDOW  # else the guess may be so wrong that all of it is
        if are_guessed(shot.keypoints.intrinsics):
            axis = normalize(turn[:, 2] * [1, 0, 1])
            static = is_static_across(path, positions, axis)
        if static:
            observations.append(RootObservation(shot.start, shot.end, positions, False, axis, depth_counts))
    return observations


def follow_cameras(motion: Motion, timeline: Timeline) -> Motion:
    """The decoded motion with its path anchored to where the cameras of the timeline's shots see the root.

    With a camera of known pose in the first shot, the motion stands where that one sees it.
    """
    shots = timeline.shots
    observed = root_observations(motion, shots)
    motion = replace(motion, translation=motion.translation - path_drift(motion.translation, observed))
    absolute = any(one.absolute for one in observed)
    if shots and shots[0].camera is not None and motion.root_camera is not None and not absolute:
        return align_to_camera(motion, span_frames(shots[0], motion.frames))
    return motion


def height_anchored(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """[frames] whose height a camera anchors, in a world whose ground is known."""
    first = timeline.shots[0] if timeline.shots else None
    ground_known = first is not None and first.camera is not None and first.camera.ground_known
    return root_anchored(timeline) & ground_known
