"""Rotations on torch tensors of any leading shape.  Twin of `genmo.runtime.motion.rotation`: same names and meaning."""

from __future__ import annotations

import torch
from torch import Tensor


def normalize(vector: Tensor, eps: float = 1e-8) -> Tensor:
    """Unit vectors along the last axis, [..., n]; a zero vector stays (near) zero."""
    return vector / vector.norm(dim=-1, keepdim=True).clamp_min(eps)


def matrix_from_6d(sixd: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] from 6D [..., 6] by Gram-Schmidt on the two rows."""
    first = normalize(sixd[..., :3])
    second = sixd[..., 3:]
    second = normalize(second - (first * second).sum(dim=-1, keepdim=True) * first)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-2)


def sixd_from_matrix(matrix: Tensor) -> Tensor:
    """6D [..., 6]: the first two rows of the matrices [..., 3, 3]."""
    return matrix[..., :2, :].flatten(-2)


def matrix_from_quaternion(quaternion: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] from quaternions (w, x, y, z) [..., 4] of any length but zero."""
    w, x, y, z = normalize(quaternion).unbind(-1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def matrix_from_axis_angle(axis_angle: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] from axis times angle in radians [..., 3]."""
    half = 0.5 * axis_angle.norm(dim=-1, keepdim=True)
    xyz = 0.5 * axis_angle * torch.sinc(half / torch.pi)
    return matrix_from_quaternion(torch.cat([half.cos(), xyz], dim=-1))


def matrix_from_yaw(yaw: Tensor) -> Tensor:
    """Turn about +y by `yaw` radians, [...] -> [..., 3, 3]; takes +z to (sin yaw, 0, cos yaw)."""
    c, s = yaw.cos(), yaw.sin()
    zero, one = torch.zeros_like(c), torch.ones_like(c)
    rows = [[c, zero, s], [zero, one, zero], [-s, zero, c]]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def transpose(matrix: Tensor) -> Tensor:
    """Inverse rotations: the last two axes of [..., 3, 3] swapped."""
    return matrix.transpose(-1, -2)


def rotate(matrix: Tensor, vector: Tensor) -> Tensor:
    """R @ v for [..., 3, 3] and [..., 3], broadcasting."""
    return (matrix @ vector[..., None])[..., 0]
