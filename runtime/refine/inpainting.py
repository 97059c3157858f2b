"""Keyframes and joint targets while sampling: features to inpaint, and the projection onto the constraints."""

from __future__ import annotations

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.layout import BODY_JOINTS, SIXD, Layout
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import decode, gravity_view_yaw, root_velocity, with_root_at_origin
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, sixd_from_matrix, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.refine.constraint_solver import solve_constraints
from genmo.runtime.refine.grounding import align_to_camera, put_on_floor
from genmo.runtime.support.arrays import Array, Flags

_BODY = range(JOINT_COUNT)[BODY_JOINTS]


def inpainting_features(keyframes: Keyframes, layout: Layout, camera: Camera, anchored: Flags) -> tuple[Array, Flags]:
    """Features (not normalised) [frames, layout.width] that the keyframes fix, and the mask of them.

    The body's pose; the root against the heading of `camera` (frames of the motion) and, in `anchored` frames, in the
    camera frame; the root's velocity where the next frame is a keyframe too.  All else is zero and not in the mask.
    """
    frames = keyframes.frames
    values = np.zeros((len(anchored), layout.width))
    mask = np.zeros(values.shape, np.bool_)
    root = keyframes.rotations[:, 0]
    in_camera = transpose(camera.rotation[frames]) @ root
    rotations = np.concatenate([in_camera[:, None], keyframes.rotations[:, 1:]], axis=1)
    upright = sixd_from_matrix(matrix_from_yaw(-gravity_view_yaw(camera.rotation[frames])) @ root)
    for name, block in _pose_blocks(rotations, upright).items():
        if name in layout.slices:
            values[frames, layout.slices[name]] = block
            mask[frames, layout.slices[name]] = True
    camera_root = layout.slices.get("root_orientation_camera")
    if camera_root is None:
        camera_root = slice(layout.slices["joint_rotations"].start, layout.slices["joint_rotations"].start + SIXD)
    mask[:, camera_root] &= anchored[:, None]
    follows = np.flatnonzero((np.diff(frames) == 1) & keyframes.has_root[1:] & keyframes.has_root[:-1])
    step = rotate(transpose(root[follows]), keyframes.root[follows + 1] - keyframes.root[follows])
    values[frames[follows], layout.slices["root_velocity"]] = step
    mask[frames[follows], layout.slices["root_velocity"]] = True
    return np.where(mask, values, 0), mask


def project_onto_constraints(
    features: Array,
    layout: Layout,
    camera: Camera,
    timeline: Timeline,
    anchored: Flags,
    body: SmplBody | None = None,
) -> Array:
    """Features [frames, layout.width] (not normalised) of the motion that satisfies the constraints of a timeline.

    `camera` has the frames of the motion; in `anchored` frames the path starts where the camera observes the root.
    `body`: whose skeleton it is, for layouts whose betas are SMPL-X's.
    """
    if not timeline.constrained:
        return features
    before = decode(*with_root_at_origin(features, layout), camera, body)
    has_camera_root = anchored.any() and "root_translation_camera" in layout.slices
    before = align_to_camera(before, anchored) if has_camera_root else before
    before, _ = put_on_floor(before, anchored & has_camera_root)
    after = solve_constraints(before, timeline.keyframes, timeline.places, anchored, timeline.headings)
    return with_pose(features, layout, camera, before, after)


def with_pose(features: Array, layout: Layout, camera: Camera, before: Motion, after: Motion) -> Array:
    """Features [frames, layout.width] (not normalised), which decoded to `before`, of the motion `after`.

    `camera` has the frames of the motion; it would see the change of height.
    """
    assert before.root_camera is not None
    from_world = before.root_camera.rotation @ transpose(before.rotations[:, 0])
    rotations = after.rotations.copy()
    rotations[:, 0] = from_world @ after.rotations[:, 0]
    upright = sixd_from_matrix(matrix_from_yaw(-gravity_view_yaw(camera.rotation)) @ after.rotations[:, 0])
    blocks = _pose_blocks(rotations, upright)
    blocks["root_velocity"] = root_velocity(after.rotations[:, 0], after.translation)
    changed = np.array(features, np.float64)
    for name, block in blocks.items():
        if name in layout.slices:
            changed[:, layout.slices[name]] = block
    if "root_translation_camera" in layout.slices:
        rise = (after.translation - before.translation) * [0, 1, 0]
        changed[:, layout.slices["root_translation_camera"]] += rotate(from_world, rise)
    return changed


def _pose_blocks(in_camera: Array, upright: Array) -> dict[str, Array]:
    """Blocks of local rotations [n, 24, 3, 3], root in the camera frame, and gravity-view orientations [n, 6]."""
    return {
        "gravity_view_orientation": upright,
        "joint_rotations": sixd_from_matrix(in_camera).reshape(len(in_camera), SIXD * JOINT_COUNT),
        "body_rotations": sixd_from_matrix(in_camera[:, BODY_JOINTS]).reshape(len(in_camera), SIXD * len(_BODY)),
        "root_orientation_camera": sixd_from_matrix(in_camera[:, 0]),
    }
