"""Keyframes and joint targets while sampling: what is known of the features."""

from __future__ import annotations

import numpy as np

from genmo.runtime.conditions.constraints import JointTargets, Keyframes
from genmo.runtime.motion.layout import BODY_JOINTS, SIXD, Layout
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.representation import decode, gravity_view_yaw, root_velocity, with_root_at_origin
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, sixd_from_matrix, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.refine.constraint_solver import solve_constraints
from genmo.runtime.refine.grounding import align_to_camera, put_on_floor
from genmo.runtime.support.arrays import Array, Flags

_BODY = range(JOINT_COUNT)[BODY_JOINTS]


def inpainting_features(keyframes: Keyframes, layout: Layout, camera: Camera, seen: Flags) -> tuple[Array, Flags]:
    """What the keyframes say of the features (not normalised) [frames, layout.width], and where they say it.

    The body's pose; the root against the heading of `camera` (frames of the motion) and, in frames `seen` by it, in
    its own frame; the root's velocity where the next frame is a keyframe too.  Everything else is zero and not known.
    """
    at = keyframes.frames
    values = np.zeros((len(seen), layout.width))
    there = np.zeros(values.shape, np.bool_)
    root = keyframes.rotations[:, 0]
    in_camera = transpose(camera.rotation[at]) @ root
    rotations = np.concatenate([in_camera[:, None], keyframes.rotations[:, 1:]], axis=1)
    upright = sixd_from_matrix(matrix_from_yaw(-gravity_view_yaw(camera.rotation[at])) @ root)
    for name, block in _pose_blocks(rotations, upright).items():
        if name in layout.slices:
            values[at, layout.slices[name]] = block
            there[at, layout.slices[name]] = True
    first = layout.slices.get("root_orientation_camera")
    if first is None:
        first = slice(layout.slices["joint_rotations"].start, layout.slices["joint_rotations"].start + SIXD)
    there[:, first] &= seen[:, None]
    follows = np.flatnonzero((np.diff(at) == 1) & keyframes.has_root[1:] & keyframes.has_root[:-1])
    step = rotate(transpose(root[follows]), keyframes.root[follows + 1] - keyframes.root[follows])
    values[at[follows], layout.slices["root_velocity"]] = step
    there[at[follows], layout.slices["root_velocity"]] = True
    return np.where(there, values, 0), there


def project_onto_constraints(
    features: Array,
    layout: Layout,
    camera: Camera,
    keyframes: Keyframes,
    places: JointTargets,
    held: Flags,
    body: SmplBody | None = None,
) -> Array:
    """Features [frames, layout.width] (not normalised) of the motion that meets keyframes and places.

    `camera` has the frames of the motion; where it is `held`, the path starts where the camera sees the root.
    `body`: whose skeleton it is, for layouts whose betas are SMPL-X's.
    """
    if not (len(keyframes.frames) or len(places.frames)):
        return features
    before = decode(*with_root_at_origin(features, layout), camera, body)
    filmed = held.any() and "root_translation_camera" in layout.slices
    before = align_to_camera(before, held) if filmed else before
    before, _ = put_on_floor(before, held & filmed)
    after = solve_constraints(before, keyframes, places, held)
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
    if "root_translation_camera" in layout.slices:  # the camera would see the change of height
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
