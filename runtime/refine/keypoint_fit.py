"""A motion fitted to the keypoints that it was estimated from: one shape for all spans, one fit a span.

The mathematics are in `shape_fit` and, of a span, in `reprojection_fit`; here spans are cut out of the motion and the
corrections fade where the keypoints end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.motion.motion import Motion, RootPose
from genmo.runtime.motion.rotation import axis_angle_from_matrix, matrix_from_axis_angle, transpose
from genmo.runtime.motion.skeleton import BETA_COUNT
from genmo.runtime.refine.constraint_solver import spread_corrections
from genmo.runtime.refine.foot_pointing import point_feet
from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose, normalised_rays
from genmo.runtime.refine.shape_fit import fit_shape, fitted_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.progress import Progress, ProgressCallback, no_progress


def fit_to_keypoints(motion: Motion, spans: Sequence[KeypointSpan], progress: ProgressCallback = no_progress) -> Motion:
    """The motion with its shape changed and its joints rotated until they project onto the keypoints.

    Its root in the camera must be known.  The root in the world rotates with it; the path stays.
    `progress` is called with the share of the work done.
    """
    local, root_camera = motion.rotations_camera, motion.root_camera
    if not spans or local is None or root_camera is None:
        return motion
    motion = _with_fitted_shape(motion, local, root_camera.translation, spans)
    fitted, root = local.copy(), root_camera.translation
    work = Progress(len(spans), progress)
    for number, span in enumerate(spans):
        window = slice(span.start, span.end)
        pose = fit_pose(
            CameraPose(fitted[window], root[window], motion.rest_offsets), span.keypoints, progress=work.part(number, 1)
        )
        pose = with_pointed_feet(pose, span.keypoints)
        if span.frames == motion.frames:
            fitted, root = pose.rotations, pose.root
            continue
        frames = np.arange(span.start, span.end)
        # the correction fades where the keypoints end: dropping it at once would be a jerk
        rotation_change = axis_angle_from_matrix(pose.rotations @ transpose(fitted[window])).reshape(span.frames, -1)
        turns = spread_corrections(frames, rotation_change, motion.frames)  # [frames, 24 x 3]
        shift = spread_corrections(frames, pose.root - root[window], motion.frames)
        fitted = matrix_from_axis_angle(turns.reshape(fitted.shape[:-1])) @ fitted
        root = root + shift
    rotations = fitted.copy()
    rotations[:, 0] = motion.rotations[:, 0] @ transpose(local[:, 0]) @ fitted[:, 0]
    return replace(motion, rotations=rotations, root_camera=RootPose(fitted[:, 0], root))


def with_pointed_feet(pose: CameraPose, keypoints: Keypoints) -> CameraPose:
    """The fitted pose with its feet as the heels and toes say, where the detector gives them."""
    if keypoints.feet is None:
        return pose
    rays, weight = normalised_rays(replace(keypoints, points=keypoints.feet), len(pose.root))
    return replace(pose, rotations=point_feet(pose.rotations, pose.root, pose.offsets, rays, weight))


def _with_fitted_shape(motion: Motion, local: Array, root: Array, spans: Sequence[KeypointSpan]) -> Motion:
    """The motion with the betas and rest offsets of the body that all its keypoints fit best.

    A skeleton that did not come from genmo's betas, such as that of a body file, stays as it is.
    `local` [frames, 24, 3, 3] and `root` [frames, 3]: the pose with its root in the camera frame.
    """
    if motion.offsets is not None:
        return motion
    frames = np.concatenate([np.arange(span.start, span.end) for span in spans])
    each = [normalised_rays(span.keypoints, span.frames) for span in spans]
    rays, visible = (np.concatenate(parts) for parts in zip(*each, strict=True))
    shape = fit_shape(CameraPose(local[frames], root[frames], motion.rest_offsets), rays, visible, motion.betas)
    return replace(motion, betas=shape[:BETA_COUNT], offsets=fitted_space().offsets(shape))
