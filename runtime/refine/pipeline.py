"""From a network's answer to the finished motion: the ordered stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import axis_angle_from_matrix, matrix_from_axis_angle, transpose
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.refine.constraint_solver import solve_constraints, spread_corrections
from genmo.runtime.refine.foot_locking import FeetOptions
from genmo.runtime.refine.foot_locking import clean_feet as cleaned
from genmo.runtime.refine.grounding import align_to_camera, face_forward, put_on_ground
from genmo.runtime.refine.multi_shot import realign_cameras, root_anchored, span_frames
from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose, fit_shape, normalised_rays
from genmo.runtime.refine.transitions import smooth_motion_transitions
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.progress import Progress, ProgressCallback, no_progress

FIT_WORK = 5  # steps of the denoiser that count as much as the fit, when the share of work done is told
# The world of a camera need not have its ground at 0.  Under keypoints the feet know the path better than the
# integrated velocity does, so the root follows them for longer, and doubtful contacts count (chosen on people of the
# training set).
SEEN_FEET = FeetOptions(ground=None, horizon=300, enter=0.4, leave=0.3)
UNSEEN_FEET = FeetOptions(horizon=300, enter=0.4, leave=0.3)


def finished(motion: Motion, timeline: Timeline, clean: bool) -> Motion:
    """The decoded motion put in its world, cleaned, calmed, and made to meet its keyframes and places, in this order.

    Whatever is done to a whole motion after the decoding is done here, and meeting comes last: keyframes are exact.
    """
    shots = timeline.shots
    if shots and shots[0].camera is not None:
        motion = align_to_camera(motion, span_frames(shots[0], motion.frames))
        motion = cleaned(motion, SEEN_FEET) if clean else motion
    else:
        motion = put_on_ground(motion)
        if clean:
            motion = cleaned(motion, FeetOptions() if timeline.sampled else UNSEEN_FEET)
        if not shots and not timeline.constrained:
            motion = face_forward(motion)
    motion = smooth_motion_transitions(
        motion, edges(timeline)
    )  # a fit that ends there, or a foot that lets go, may jerk again
    motion = solve_constraints(motion, timeline.keyframes, timeline.places, root_anchored(timeline))
    if not shots:
        return replace(motion, camera=None, joints_camera=None)
    if any(shot.camera is None for shot in shots):
        return replace(motion, camera=None)
    return realign_cameras(motion, timeline)


def edges(timeline: Timeline) -> list[int]:
    """The frames around which nothing may jerk: borders of conditions, and keyframes."""
    return [*timeline.borders, *map(int, timeline.keyframes.frames)]


def fit_to_keypoints(
    motion: Motion, root: Array, spans: Sequence[KeypointSpan], progress: ProgressCallback = no_progress
) -> Motion:
    """The motion with its shape changed and its joints turned until they project onto the keypoints.

    `root` [frames, 3, 3] is its root in the camera frame.  The world's root turns with it; the path stays.
    `progress` hears the share that is done where there is much to do.
    """
    if not spans:
        return motion
    assert motion.joints_camera is not None
    in_camera = np.concatenate([root[:, None], motion.rotations[:, 1:]], axis=1)
    roots, motion = motion.joints_camera[:, 0], _shaped(motion, in_camera, spans)
    seen = forward_kinematics(in_camera, roots, motion.rest_offsets)[1]
    work = Progress(len(spans), progress)
    for number, span in enumerate(spans):
        part = slice(span.start, span.end)
        pose = fit_pose(
            CameraPose(in_camera[part], seen[part, 0], motion.rest_offsets),
            span.keypoints,
            progress=work.part(number, 1),
        )
        at = np.arange(span.start, span.end)
        # the keypoints end, the correction fades: none of it would be a jerk
        turned = axis_angle_from_matrix(pose.rotations @ transpose(in_camera[part])).reshape(span.frames, -1)
        turns = matrix_from_axis_angle(spread_corrections(at, turned, motion.frames).reshape(in_camera.shape[:-1]))
        moved = spread_corrections(at, pose.root - seen[part, 0], motion.frames)
        in_camera = turns @ in_camera
        seen = forward_kinematics(in_camera, seen[:, 0] + moved, motion.rest_offsets)[1]
    rotations = in_camera.copy()
    rotations[:, 0] = motion.rotations[:, 0] @ transpose(root) @ in_camera[:, 0]
    return replace(motion, rotations=rotations, joints_camera=seen)


def _shaped(motion: Motion, in_camera: Array, spans: Sequence[KeypointSpan]) -> Motion:
    """The motion on the body that all its keypoints fit best; `in_camera` [frames, 24, 3, 3] are its rotations."""
    assert motion.joints_camera is not None
    at = np.concatenate([np.arange(span.start, span.end) for span in spans])
    rays, seen = (
        np.concatenate(parts) for parts in zip(*(normalised_rays(s.keypoints, s.frames) for s in spans), strict=True)
    )
    pose = CameraPose(in_camera[at], motion.joints_camera[at, 0], motion.rest_offsets)
    return replace(motion, betas=fit_shape(pose, rays, seen, motion.betas))
