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
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.refine.grounding import align_to_camera
from genmo.runtime.refine.root_path import RootObservation, is_static, observe_from_static, path_drift
from genmo.runtime.support.arrays import Array


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


def root_observations(motion: Motion, shots: Sequence[KeypointSpan | CameraSpan]) -> list[RootObservation]:
    """Where each of the `shots` with keypoints sees the root, in the world in which the decoded `motion` walks.

    A camera of unknown pose counts where it stands still and its intrinsics are known.
    """
    root, camera = motion.root_camera, motion.camera
    if root is None:  # nothing told where it is
        return []
    assert camera is not None
    found: list[RootObservation] = []
    for number, shot in enumerate(shots):
        part = slice(shot.start, shot.end)
        if not isinstance(shot, KeypointSpan):
            continue
        if shot.camera is not None:
            seen: Array = camera.position[part] + rotate(camera.rotation[part], root.translation[part])
        elif are_guessed(shot.keypoints.intrinsics):
            continue
        else:
            filmed = RootPose(root.rotation[part], root.translation[part])
            seen = observe_from_static(motion.rotations[part, 0], filmed)
            if not is_static(motion.translation[part], seen):
                continue
        found.append(RootObservation(shot.start, shot.end, seen, placed=number == 0 and shot.camera is not None))
    return found


def follow_cameras(motion: Motion, timeline: Timeline) -> Motion:
    """The decoded motion with its path held to where the cameras of the timeline's shots see the root.

    With a camera of known pose in the first shot, the motion stands where that one sees it.
    """
    shots = timeline.shots
    observed = root_observations(motion, shots)
    motion = replace(motion, translation=motion.translation - path_drift(motion.translation, observed))
    placed = any(one.placed for one in observed)
    if shots and shots[0].camera is not None and motion.root_camera is not None and not placed:
        return align_to_camera(motion, span_frames(shots[0], motion.frames))
    return motion


def height_anchored(timeline: Timeline) -> npt.NDArray[np.bool_]:
    """[frames] whose height a camera tells, in a world whose ground is known."""
    first = timeline.shots[0] if timeline.shots else None
    known = first is not None and first.camera is not None and first.camera.ground_known
    return root_anchored(timeline) & known
