"""Rotations on numpy arrays of any leading shape.  Twin: `genmo.train.geometry.rotation` (same names, torch).

Matrices act on column vectors (`world = R @ local`).  The 6D form is the first two ROWS of the matrix,
flattened (Zhou et al., CVPR 2019, in the row convention that SMPL code uses).  Quaternions are (w, x, y, z).
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.support.arrays import Array


def length(vector: Array) -> Array:
    """Lengths [...] of vectors [..., n]; a third of what `np.linalg.norm` takes for few of them."""
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vector, vector)))


def cross(first: Array, second: Array) -> Array:
    """Cross products [..., 3] of vectors [..., 3], broadcasting; a tenth of what `np.cross` takes for few of them."""
    ax, ay, az = first[..., 0], first[..., 1], first[..., 2]
    bx, by, bz = second[..., 0], second[..., 1], second[..., 2]
    x = ay * bz - az * by
    product = np.empty((*x.shape, 3), x.dtype)
    product[..., 0], product[..., 1], product[..., 2] = x, az * bx - ax * bz, ax * by - ay * bx
    return product


def normalize(vector: Array, eps: float = 1e-8) -> Array:
    """Unit vectors along the last axis, shape [..., n]; a zero vector stays (near) zero."""
    return np.asarray(vector / np.maximum(length(vector)[..., None], eps))


def matrix_from_6d(sixd: Array) -> Array:
    """Rotation matrices [..., 3, 3] from 6D [..., 6] by Gram-Schmidt on the two rows."""
    first = normalize(sixd[..., :3])
    second = sixd[..., 3:]
    second = normalize(second - np.einsum("...i,...i->...", first, second)[..., None] * first)
    matrix = np.empty((*first.shape, 3), first.dtype)
    matrix[..., 0, :], matrix[..., 1, :], matrix[..., 2, :] = first, second, cross(first, second)
    return matrix


def sixd_from_matrix(matrix: Array) -> Array:
    """6D [..., 6]: the first two rows of the matrices [..., 3, 3]."""
    return matrix[..., :2, :].reshape(*matrix.shape[:-2], 6)


def matrix_from_quaternion(quaternion: Array) -> Array:
    """Rotation matrices [..., 3, 3] from quaternions (w, x, y, z) [..., 4] of any length but zero."""
    unit = normalize(quaternion)
    w, x, y, z = (unit[..., part] for part in range(4))
    matrix = np.empty((*unit.shape[:-1], 3, 3), unit.dtype)
    xx, yy, zz, xy, xz, yz, wx, wy, wz = x * x, y * y, z * z, x * y, x * z, y * z, w * x, w * y, w * z
    matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2] = 1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy)
    matrix[..., 1, 0], matrix[..., 1, 1], matrix[..., 1, 2] = 2 * (xy + wz), 1 - 2 * (xx + zz), 2 * (yz - wx)
    matrix[..., 2, 0], matrix[..., 2, 1], matrix[..., 2, 2] = 2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy)
    return matrix


def quaternion_from_matrix(matrix: Array) -> Array:
    """Unit quaternions (w, x, y, z) [..., 4], w >= 0, from rotation matrices [..., 3, 3].

    Each entry is computed from the largest of the four squared components (Shepperd 1978), so the
    result keeps full precision at half turns, where the trace formula divides by almost zero.
    """
    m = matrix
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    yz, zx, xy = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    sxy, szx, syz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    # row k is 4 q_k * (w, x, y, z)
    products = np.stack(
        [
            np.stack([1 + xx + yy + zz, yz, zx, xy], axis=-1),
            np.stack([yz, 1 + xx - yy - zz, sxy, szx], axis=-1),
            np.stack([zx, sxy, 1 - xx + yy - zz, syz], axis=-1),
            np.stack([xy, szx, syz, 1 - xx - yy + zz], axis=-1),
        ],
        axis=-2,
    )
    best = np.argmax(np.diagonal(products, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(products, best[..., None, None], axis=-2)[..., 0, :]
    quaternion = normalize(row)
    return np.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def continuous_quaternions(rotations: Array) -> Array:
    """Unit quaternions (w, x, y, z) [frames, ..., 4] of rotations [frames, ..., 3, 3], without sign flips in time.

    q and -q are the same rotation, but a player that interpolates between them takes the long way round.
    """
    quaternions = quaternion_from_matrix(np.asarray(rotations, np.float64))
    agreement = np.sum(quaternions[1:] * quaternions[:-1], axis=-1, keepdims=True)
    signs = np.cumprod(np.where(agreement < 0, -1.0, 1.0), axis=0)
    quaternions[1:] *= signs
    return quaternions


def matrix_from_axis_angle(axis_angle: Array) -> Array:
    """Rotation matrices [..., 3, 3] from axis times angle in radians [..., 3]."""
    half = 0.5 * length(axis_angle)[..., None]
    # sin(half) / (2 half) stays finite at zero through sinc
    xyz = 0.5 * axis_angle * np.sinc(half / np.pi)
    return matrix_from_quaternion(np.concatenate([np.cos(half), xyz], axis=-1))


def axis_angle_from_matrix(matrix: Array) -> Array:
    """Axis times angle [..., 3], angle in [0, pi] radians, from rotation matrices [..., 3, 3]."""
    quaternion = quaternion_from_matrix(matrix)
    xyz = quaternion[..., 1:]
    sine = length(xyz)[..., None]
    angle = 2 * np.arctan2(sine, quaternion[..., :1])
    return xyz * np.where(sine > 1e-8, angle / np.maximum(sine, 1e-8), 2.0)


def matrix_from_yaw(yaw: Array) -> Array:
    """Turn about +y by `yaw` radians, shape [...] -> [..., 3, 3]; takes +z to (sin yaw, 0, cos yaw)."""
    c, s = np.cos(yaw), np.sin(yaw)
    matrix: Array = np.zeros((*np.shape(c), 3, 3), c.dtype)
    matrix[..., 0, 0], matrix[..., 0, 2], matrix[..., 1, 1], matrix[..., 2, 0], matrix[..., 2, 2] = c, s, 1, -s, c
    return matrix


def heading(direction: Array) -> Array:
    """The yaw [...] in radians of directions [..., 3]: about +y from +z, so that +x is a quarter turn."""
    return np.asarray(np.arctan2(direction[..., 0], direction[..., 2]))


def yaw_of(rotation: Array) -> Array:
    """The turn about +y [...] in radians that is nearest to rotations [..., 3, 3]."""
    return np.asarray(np.arctan2(rotation[..., 0, 2] - rotation[..., 2, 0], rotation[..., 0, 0] + rotation[..., 2, 2]))


def transpose(matrix: Array) -> Array:
    """Inverse rotations: the last two axes of [..., 3, 3] swapped."""
    return np.swapaxes(matrix, -1, -2)


def rotate(matrix: Array, vector: Array) -> Array:
    """R @ v for [..., 3, 3] and [..., 3], broadcasting."""
    rotated: Array = np.matmul(matrix, vector[..., None])[..., 0]
    return rotated


def orthogonal(matrix: Array) -> Array:
    """The rotations [..., 3, 3] nearest to matrices [..., 3, 3] (Kabsch)."""
    u, _, v = np.linalg.svd(matrix)
    sign = np.linalg.det(u @ v)
    u = u.copy()
    u[..., :, 2] *= np.asarray(sign)[..., None]
    return np.asarray(u @ v)


def slerp(quaternions: Array, times: Array, at: Array) -> Array:
    """Unit quaternions [N, 4] at the times `at` [N], on the shortest great arc between those at `times` [M] (rising).

    Before the first and after the last time they stay as they are there (Shoemake, SIGGRAPH 1985).
    """
    after = np.clip(np.searchsorted(times, at, side="right"), 1, max(len(times) - 1, 1))
    start, end = quaternions[after - 1], quaternions[np.minimum(after, len(times) - 1)]
    span = times[np.minimum(after, len(times) - 1)] - times[after - 1]
    share = np.clip((at - times[after - 1]) / np.where(span > 0, span, 1), 0, 1)[:, None]
    return slerp_between(start, end, share)


def slerp_between(start: Array, end: Array, share: Array) -> Array:
    """Unit quaternions [..., 4] a `share` [..., 1] of the way from `start` to `end` [..., 4], on the shortest arc."""
    cosine = np.sum(start * end, axis=-1, keepdims=True)
    end = np.where(cosine < 0, -end, end)
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    near = np.sin(angle) < 1e-6  # the arc is its chord
    sine = np.where(near, 1, np.sin(angle))
    first = np.where(near, 1 - share, np.sin((1 - share) * angle) / sine)
    second = np.where(near, share, np.sin(share * angle) / sine)
    return normalize(first * start + second * end)
