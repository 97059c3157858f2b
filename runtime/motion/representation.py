"""The motion representation: a motion and its camera as one vector a frame, and back.

What is unusual:
- The gravity-view frame has y against gravity and z along the camera's viewing direction projected to the ground
  (GVHMR, Shen et al. 2024).  It turns with the camera only, so consecutive frames differ by the camera's yaw.
- The camera block holds the camera-to-world pose of the paper's equation 1 with the world fixed by the first frame:
  its gravity-view frame is the world's axes and its camera position the origin.
- Velocity is in the root's own frame (R^T dp), so `encode -> roll_out` reproduces the trajectory exactly.

Twin: `genmo.train.geometry.representation` (same names, torch).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.layout import BODY_JOINTS, LAYOUTS, SIXD, Layout
from genmo.runtime.motion.motion import Camera, Motion, RootPose, contact_labels
from genmo.runtime.motion.rotation import heading, matrix_from_6d, matrix_from_yaw, rotate, sixd_from_matrix, transpose
from genmo.runtime.motion.skeleton import BETA_COUNT, JOINT_COUNT
from genmo.runtime.motion.smpl_body import SmplBody, SmplxShape, rest_offsets
from genmo.runtime.support.arrays import Array, Flags

MOST_BETA = 4.0
"""of a decoded body, in standard deviations of the actors: guidance exaggerates shapes until their feet are no feet"""


def gravity_view_yaw(camera_rotation: Array) -> Array:
    """Heading [...] in radians of cameras [..., 3, 3] (camera to world): the yaw of the viewing direction.

    A camera that looks straight up or down has no viewing direction on the ground; the top edge of its image
    then gives the heading (looking down) or its opposite (looking up).
    """
    forward = camera_rotation[..., :, 2]
    up = -camera_rotation[..., :, 1] * -np.sign(forward[..., 1:2])
    vertical = np.abs(forward[..., 1:2]) > 1 - 1e-6
    axis = np.where(vertical, up, forward)
    return heading(axis)


def root_velocity(root_rotation: Array, translation: Array) -> Array:
    """Root velocity [..., frames, 3] in the root's frame, metres a frame; the last frame repeats the one before.

    `root_rotation` [..., frames, 3, 3] and `translation` [..., frames, 3] are in the world.  Zero for one frame.
    """
    if translation.shape[-2] == 1:
        return np.zeros_like(translation)
    local = rotate(transpose(root_rotation[..., :-1, :, :]), np.diff(translation, axis=-2))
    return np.concatenate([local, local[..., -1:, :]], axis=-2)


def integrate_velocity(root_rotation: Array, velocity: Array) -> Array:
    """Root path [..., frames, 3] that starts at the origin: the inverse of `root_velocity`."""
    steps = rotate(root_rotation, velocity)[..., :-1, :]
    return np.concatenate([np.zeros_like(velocity[..., :1, :]), np.cumsum(steps, axis=-2)], axis=-2)


def encode(motion: Motion, camera: Camera, layout: Layout = LAYOUTS["genmo"]) -> Array:
    """Features [frames, layout.width] of a motion seen by a camera (not normalised)."""
    yaw = gravity_view_yaw(camera.rotation)
    root = motion.rotations[:, 0]
    root_camera = motion.root_seen_by(camera)
    rotations = motion.rotations.copy()
    rotations[:, 0] = root_camera.rotation
    start = matrix_from_yaw(-yaw[:1])
    contacts = contact_labels(motion.joints_world(), motion.fps) if motion.contacts is None else motion.contacts
    blocks = {
        "gravity_view_orientation": sixd_from_matrix(matrix_from_yaw(-yaw) @ root),
        "root_velocity": root_velocity(root, motion.translation),
        "joint_rotations": sixd_from_matrix(rotations).reshape(motion.frames, -1),
        "body_rotations": sixd_from_matrix(rotations[:, BODY_JOINTS]).reshape(motion.frames, -1),
        "betas": np.broadcast_to(_betas(motion, layout), (motion.frames, BETA_COUNT)),
        "root_orientation_camera": sixd_from_matrix(root_camera.rotation),
        "root_translation_camera": root_camera.translation,
        "camera_orientation": sixd_from_matrix(start @ camera.rotation),
        "camera_translation": rotate(start, camera.position - camera.position[:1]),
        "contacts": contacts,
    }
    return np.concatenate([blocks[name] for name, _ in layout.blocks], axis=-1)


def _betas(motion: Motion, layout: Layout) -> Array:
    """The motion's betas in the layout's shape space; zero where they are not known in it."""
    if layout.shape_space == "genmo":
        return motion.betas
    return np.zeros(BETA_COUNT) if motion.smplx is None else motion.smplx.betas


def roll_out(gravity_view: Array, velocity: Array, yaw: Array) -> tuple[Array, Array]:
    """World root rotation [..., frames, 3, 3] and path [..., frames, 3] from the origin.

    `gravity_view` [..., frames, 3, 3] is the root in each gravity-view frame, `velocity` [..., frames, 3] in the
    root's frame, `yaw` [..., frames] the heading of each gravity-view frame in the world.
    """
    root = matrix_from_yaw(yaw) @ gravity_view
    return root, integrate_velocity(root, velocity)


def root_by_gravity(gravity_view: Array, camera_rotation: Array) -> Array:
    """Root in the camera frame [..., 3, 3], of the root in the gravity-view frame and the true camera (to world)."""
    yaw = matrix_from_yaw(gravity_view_yaw(camera_rotation))
    return np.asarray(transpose(camera_rotation) @ yaw @ gravity_view)


def with_root_by_gravity(features: Array, layout: Layout, camera_rotation: Array, known: Flags) -> Array:
    """Features [frames, layout.width] (not normalised) whose root in the camera is what the gravity view says, in the
    frames that are `known` [frames] to be seen by that camera, `camera_rotation` [frames, 3, 3] to the world.

    The features say twice how the root is turned, and a camera that is given joins both: on people and actions of no
    training set the gravity view is the better one (`docs/log.md`).  Only of layout `genmo`.
    """
    if "joint_rotations" not in layout.slices or not known.any():
        return features
    features, first = features.copy(), layout.slices["joint_rotations"].start
    gravity_view = matrix_from_6d(features[known][:, layout.slices["gravity_view_orientation"]].astype(np.float64))
    turns = sixd_from_matrix(root_by_gravity(gravity_view, camera_rotation[known]))
    features[known, first : first + SIXD] = turns
    return features


def smplx_shape(features: Array, layout: Layout, body: SmplBody | None) -> SmplxShape | None:
    """The shape in SMPL-X's space of features [frames, layout.width] (not normalised), the mean over the frames.

    `body`: the user's SMPL-X body, which gives its rest joints.  None for layouts whose betas are genmo's own.
    """
    if layout.shape_space != "smplx":
        return None
    betas = layout.split(np.asarray(features, np.float64))["betas"].mean(axis=0)
    return SmplxShape(betas, None if body is None else body.rest(betas))


def decode(
    features: Array,
    layout: Layout = LAYOUTS["genmo"],
    camera: Camera | None = None,
    body: SmplBody | None = None,
) -> Motion:
    """The motion of features [frames, layout.width] (not normalised).

    `camera`: the true camera where it is known; its headings then drive the roll-out.  Otherwise the `genmo`
    layout uses its own camera block, in the world of the first gravity-view frame, and the `gem` layout, which
    has none, takes the camera for static.  Starts over the origin; shape is averaged over the frames.
    Betas of SMPL-X are kept as `Motion.smplx`: the skeleton is that of `body` for them, or genmo's mean where there is
    no body.  `root_camera` is None where the layout does not place the root in the camera.
    """
    blocks = layout.split(np.asarray(features, np.float64))
    gravity_view = matrix_from_6d(blocks["gravity_view_orientation"])
    smplx = smplx_shape(features, layout, body)
    betas = np.clip(blocks["betas"].mean(axis=0), -MOST_BETA, MOST_BETA) if smplx is None else np.zeros(BETA_COUNT)
    offsets = None if smplx is None or smplx.rest is None else rest_offsets(smplx.rest)
    if camera is None and "camera_orientation" in blocks:
        camera = Camera(matrix_from_6d(blocks["camera_orientation"]), blocks["camera_translation"])
    yaw = np.zeros(len(features)) if camera is None else gravity_view_yaw(camera.rotation)
    root, path = roll_out(gravity_view, blocks["root_velocity"], yaw)
    rotations = _local_rotations(blocks)
    root_camera = None
    if "root_translation_camera" in blocks:
        root_camera = RootPose(rotations[:, 0].copy(), blocks["root_translation_camera"])
    rotations[:, 0] = root
    return Motion(
        rotations=rotations,
        translation=path,
        betas=betas,
        offsets=offsets,
        smplx=smplx,
        contacts=np.clip(blocks["contacts"], 0, 1) if "contacts" in blocks else None,
        camera=camera,
        root_camera=root_camera,
    )


def with_root_at_origin(features: Array, layout: Layout) -> tuple[Array, Layout]:
    """Features [..., layout.width] and layout with the root at the camera, where they do not place it: what decodes to
    a motion that is turned as the camera sees it, for whoever looks at it relative to the root."""
    if "root_translation_camera" in layout.slices:
        return features, layout
    nowhere = np.zeros((*features.shape[:-1], 3), features.dtype)
    wider = replace(layout, blocks=(*layout.blocks, ("root_translation_camera", 3)))
    return np.concatenate([features, nowhere], axis=-1), wider


def _local_rotations(blocks: dict[str, Array]) -> Array:
    """[frames, 24, 3, 3] local rotations with the root in the camera frame."""
    if "joint_rotations" in blocks:
        sixd = blocks["joint_rotations"]
        return matrix_from_6d(sixd.reshape(*sixd.shape[:-1], JOINT_COUNT, 6))
    frames = len(blocks["betas"])
    rotations = np.broadcast_to(np.eye(3), (frames, JOINT_COUNT, 3, 3)).copy()
    rotations[:, BODY_JOINTS] = matrix_from_6d(blocks["body_rotations"].reshape(frames, -1, 6))
    rotations[:, 0] = matrix_from_6d(blocks["root_orientation_camera"])
    return rotations


def weak_perspective(translation: Array, box: Array, focal: Array, centre: Array) -> Array:
    """Weak-perspective camera (s, tx, ty) [..., 3] of a root in the camera frame [..., 3] (CLIFF, Li et al. 2022).

    `box` [..., 3]: centre x, y and side in pixels; `focal` [...] and `centre` [..., 2] in pixels.
    """
    x, y, depth = np.moveaxis(translation, -1, 0)
    size = box[..., 2]
    scale = 2 * focal / (size * depth)
    shift = 2 * (box[..., :2] - centre) / (size * scale)[..., None]
    return np.stack([scale, x - shift[..., 0], y - shift[..., 1]], axis=-1)


def from_weak_perspective(weak: Array, box: Array, focal: Array, centre: Array) -> Array:
    """Root in the camera frame [..., 3], metres: the inverse of `weak_perspective`."""
    size = box[..., 2]
    scale = weak[..., 0]
    shift = 2 * (box[..., :2] - centre) / (size * scale)[..., None]
    depth = 2 * focal / (size * scale)
    return np.concatenate([weak[..., 1:] + shift, depth[..., None]], axis=-1)
