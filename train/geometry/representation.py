"""The `genmo` motion representation on batches of torch tensors.  Twin of `genmo.runtime.motion.representation`."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.motion.layout import LAYOUTS, SIXD
from genmo.runtime.motion.motion import STATIC_SPEED
from genmo.runtime.motion.skeleton import CONTACT_JOINTS, JOINT_COUNT
from genmo.train.geometry.rotation import matrix_from_6d, matrix_from_yaw, rotate, sixd_from_matrix, transpose

LAYOUT = LAYOUTS["genmo"]


def gravity_view_yaw(camera_rotation: Tensor) -> Tensor:
    """Heading [...] in radians of cameras [..., 3, 3] (camera to world)."""
    forward = camera_rotation[..., :, 2]
    up = -camera_rotation[..., :, 1] * -forward[..., 1:2].sign()
    axis = torch.where(forward[..., 1:2].abs() > 1 - 1e-6, up, forward)
    return torch.atan2(axis[..., 0], axis[..., 2])


def root_velocity(root_rotation: Tensor, translation: Tensor) -> Tensor:
    """Root velocity [..., frames, 3] in the root's frame, metres a frame; the last repeats the one before."""
    if translation.shape[-2] == 1:
        return torch.zeros_like(translation)
    local = rotate(transpose(root_rotation[..., :-1, :, :]), translation.diff(dim=-2))
    return torch.cat([local, local[..., -1:, :]], dim=-2)


def integrate_velocity(root_rotation: Tensor, velocity: Tensor) -> Tensor:
    """Root path [..., frames, 3] that starts at the origin: the inverse of `root_velocity`."""
    steps = rotate(root_rotation, velocity)[..., :-1, :]
    return torch.cat([torch.zeros_like(velocity[..., :1, :]), steps.cumsum(dim=-2)], dim=-2)


def contact_labels(joints: Tensor, fps: float) -> Tensor:
    """Contacts [..., frames, 6] (0 or 1) of world joints [..., frames, 24, 3]."""
    points = joints[..., CONTACT_JOINTS, :]
    if points.shape[-3] == 1:
        return torch.ones(points.shape[:-1], device=joints.device)
    speed = points.diff(dim=-3).norm(dim=-1) * fps
    return (torch.cat([speed, speed[..., -1:, :]], dim=-2) < STATIC_SPEED).to(joints.dtype)


def encode(
    rotations: Tensor,
    translation: Tensor,
    betas: Tensor,
    contacts: Tensor,
    camera_rotation: Tensor,
    camera_position: Tensor,
) -> Tensor:
    """Features [batch, frames, width] (not normalised) of motions seen by cameras.

    rotations [batch, frames, 24, 3, 3] (joint 0 in the world), translation [batch, frames, 3], betas [batch, 10],
    contacts [batch, frames, 6], camera_rotation [batch, frames, 3, 3] (to the world), camera_position
    [batch, frames, 3].
    """
    yaw = gravity_view_yaw(camera_rotation)
    root = rotations[..., 0, :, :]
    to_camera = transpose(camera_rotation)
    in_camera = torch.cat([(to_camera @ root)[..., None, :, :], rotations[..., 1:, :, :]], dim=-3)
    start = matrix_from_yaw(-yaw[..., :1])
    blocks = {
        "gravity_view_orientation": sixd_from_matrix(matrix_from_yaw(-yaw) @ root),
        "root_velocity": root_velocity(root, translation),
        "joint_rotations": sixd_from_matrix(in_camera).flatten(-2),
        "betas": betas[..., None, :].expand(*translation.shape[:-1], -1),
        "root_translation_camera": rotate(to_camera, translation - camera_position),
        "camera_orientation": sixd_from_matrix(start @ camera_rotation),
        "camera_translation": rotate(start, camera_position - camera_position[..., :1, :]),
        "contacts": contacts,
    }
    return torch.cat([blocks[name] for name, _ in LAYOUT.blocks], dim=-1)


def split(features: Tensor) -> dict[str, Tensor]:
    """Views of the blocks of [..., width]; joint rotations as [..., 24, 6]."""
    blocks = {name: features[..., block] for name, block in LAYOUT.slices.items()}
    blocks["joint_rotations"] = blocks["joint_rotations"].unflatten(-1, (JOINT_COUNT, SIXD))
    return blocks


def roll_out(gravity_view: Tensor, velocity: Tensor, yaw: Tensor) -> tuple[Tensor, Tensor]:
    """World root rotation [..., frames, 3, 3] and path [..., frames, 3]; see the numpy twin."""
    root = matrix_from_yaw(yaw) @ gravity_view
    return root, integrate_velocity(root, velocity)


__all__ = [
    "LAYOUT", "contact_labels", "encode", "gravity_view_yaw", "integrate_velocity", "matrix_from_6d", "roll_out",
    "root_velocity", "split",
]  # fmt: skip
