"""Pose and trajectory metrics on numpy arrays.  Joints [..., frames, joints, 3] in metres, world with y up.

Definitions follow WHAM (Shin et al. 2024) and GVHMR (Shen et al. 2024), which the paper's Tables 1 to 3 compare with;
`docs/metrics.md` says where a definition leaves a choice and which one is taken here.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.joints import FOOT_JOINTS, joint_indices
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

SEGMENT = 100
"""frames over which WA-MPJPE100 and W-MPJPE100 align"""
CONTACT_STEP = 0.01
"""metres a frame; a true foot that moves less is in contact (WHAM's threshold)"""
FOOT_HEIGHT = 0.04
"""metres above its lowest point: below, a foot counts as low"""
GROUND = [0, 2]
"""the horizontal coordinates of a world with y up"""
ENDS = joint_indices("left_ankle", "right_ankle", "left_wrist", "right_wrist")
FEET = joint_indices("left_ankle", "left_foot", "right_ankle", "right_foot")


def point_error(predicted: Array, truth: Array) -> Array:
    """Mean distance of points [..., points, 3] as they stand, mm: [...]."""
    return np.asarray(1000 * np.linalg.norm(predicted - truth, axis=-1).mean(axis=-1))


def mpjpe(predicted: Array, truth: Array) -> Array:
    """Mean joint distance after moving both roots to the origin, mm: [..., frames]."""
    return point_error(predicted - predicted[..., :1, :], truth - truth[..., :1, :])


def pve(vertices: Array, true_vertices: Array, joints: Array, true_joints: Array) -> Array:
    """Per-vertex error, mm: [..., frames]; vertices [..., frames, vertices, 3], either root joint at the origin."""
    return point_error(vertices - joints[..., :1, :], true_vertices - true_joints[..., :1, :])


def similarity(points: Array, targets: Array, *, scaled: bool = True) -> tuple[Array, Array, Array]:
    """Turn [..., 3, 3], scale [...] and shift [..., 3] with `scale * points @ turn + shift` nearest to `targets`.

    Points [..., n, 3]; least squares, no mirroring (Umeyama 1991).  Not `scaled`: the scale is 1.
    """
    mean_p, mean_t = points.mean(axis=-2, keepdims=True), targets.mean(axis=-2, keepdims=True)
    p, t = points - mean_p, targets - mean_t
    u, singular, vt = np.linalg.svd(np.swapaxes(p, -1, -2) @ t)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    weights = np.stack([np.ones_like(sign), np.ones_like(sign), sign], axis=-1)
    turn = (u * weights[..., None, :]) @ vt
    scale = (singular * weights).sum(axis=-1) / np.maximum((p**2).sum(axis=(-1, -2)), 1e-12)
    scale = np.asarray(scale if scaled else np.ones_like(scale))
    return turn, scale, (mean_t - scale[..., None, None] * (mean_p @ turn))[..., 0, :]


def _moved(points: Array, fit: tuple[Array, Array, Array]) -> Array:
    turn, scale, shift = fit
    return np.asarray(scale[..., None, None] * (points @ turn) + shift[..., None, :])


def procrustes(predicted: Array, truth: Array) -> Array:
    """`predicted` [..., joints, 3] after the similarity that brings it nearest to `truth` (Umeyama 1991)."""
    return _moved(predicted, similarity(predicted, truth))


def pa_mpjpe(predicted: Array, truth: Array) -> Array:
    """Mean joint distance after Procrustes alignment of each frame, mm: [..., frames]."""
    return point_error(procrustes(predicted, truth), truth)


def accel(predicted: Array, truth: Array, fps: float) -> Array:
    """Acceleration error, m/s^2: [frames - 2], roots at the origin; joints [frames, joints, 3].

    The mean length of the difference of second differences (Kanazawa et al. 2019), times fps squared.
    """
    difference = (predicted - predicted[:, :1]) - (truth - truth[:, :1])
    return np.asarray(np.linalg.norm(np.diff(difference, n=2, axis=0), axis=-1).mean(axis=-1) * fps**2)


def segments(frames: int, length: int = SEGMENT) -> list[slice]:
    """Stretches of `length` frames; what is left over joins the last one, so no stretch is shorter unless all is."""
    starts = range(0, max(frames - length, 0) + 1, length)
    return [slice(s, s + length if s + 2 * length <= frames else frames) for s in starts]


def _aligned_by_segment(predicted: Array, truth: Array, head: int | None) -> Array:
    """Joint errors in mm [frames] after one similarity a segment, fitted on its first `head` frames (None: all)."""
    errors = []
    for segment in segments(len(truth)):
        p, t = predicted[segment], truth[segment]
        fit = similarity(p[:head].reshape(-1, 3), t[:head].reshape(-1, 3))
        errors.append(point_error(_moved(p.reshape(-1, 3), fit).reshape(p.shape), t))
    return np.concatenate(errors)


def wa_mpjpe(predicted: Array, truth: Array) -> Array:
    """WA-MPJPE100, mm: [frames].  World joints [frames, joints, 3]; each 100 frames aligned as a whole."""
    return _aligned_by_segment(predicted, truth, None)


def w_mpjpe(predicted: Array, truth: Array) -> Array:
    """W-MPJPE100, mm: [frames].  World joints [frames, joints, 3]; each 100 frames aligned by its first two."""
    return _aligned_by_segment(predicted, truth, 2)


def rte(predicted: Array, truth: Array) -> float:
    """Root translation error, % of the true path's length: roots [frames, 3] in metres.

    The whole trajectories are aligned without scale; the mean distance is divided by the length of the true path
    (WHAM).  Raises InputError where the true root does not move, for then it means nothing.
    """
    length = float(np.linalg.norm(np.diff(truth, axis=0), axis=-1).sum())
    if length < 1e-6:
        raise InputError("the true root does not move; RTE wants a path to divide by")
    aligned = _moved(predicted, similarity(predicted, truth, scaled=False))
    return float(100 * np.linalg.norm(aligned - truth, axis=-1).mean() / length)


def jitter(joints: Array, fps: float) -> float:
    """Mean jerk of world joints [frames, 24, 3], in 10 m/s^3 (as WHAM and GVHMR report it); 0 under 4 frames."""
    if len(joints) < 4:
        return 0.0
    return float(np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean() * fps**3 / 10)


def foot_sliding(feet: Array, true_feet: Array, fps: float) -> Array:
    """Foot sliding, mm a frame: how far feet move in each frame in which the true ones are in contact: [contacts].

    World points [frames, points, 3].  A true point that moves less than 1 cm a frame at 30 fps is in contact (WHAM,
    which takes vertices of heels and toes; on the skeleton take the joints FEET).  With the truth twice: the floor.
    """
    per_frame = 30.0 / fps
    true_steps = np.linalg.norm(np.diff(true_feet, axis=0), axis=-1)
    steps = np.linalg.norm(np.diff(feet, axis=0), axis=-1)
    return np.asarray(1000 * steps[true_steps < CONTACT_STEP * per_frame] / per_frame)


def low_foot_speed(joints: Array, fps: float) -> float:
    """Mean speed over the ground, m/s, of balls of feet while they are low; joints [frames, 24, 3] in the world.

    A foot is low within FOOT_HEIGHT of its lowest point, swinging or not: what can be measured without a true motion.
    """
    feet = joints[:, FOOT_JOINTS]
    speed = np.linalg.norm(np.diff(feet[..., GROUND], axis=0), axis=-1) * fps
    low = feet[:-1, :, 1] < feet[..., 1].min() + FOOT_HEIGHT
    return float(speed[low].mean()) if low.any() else 0.0


def root_speed(path: Array, fps: float) -> float:
    """Mean speed of the root over the ground, m/s, of pelvis positions [frames, 3]."""
    return float(np.linalg.norm(np.diff(path[:, GROUND], axis=0), axis=-1).mean() * fps)


def joint_range(joints: Array, root_rotation: Array) -> float:
    """Mean extent, m, of the places of ankles and wrists in the root's frame.

    World joints [frames, 24, 3] and root rotations [frames, 3, 3].
    """
    local = np.einsum("fji,fkj->fki", root_rotation, joints - joints[:, :1])
    return float(np.ptp(local[:, ENDS], axis=0).mean())


def best_of(errors: Array) -> float:
    """Least mean error of samples [samples, frames]: what in-betweening reports of ten seeds (Table 6)."""
    return float(np.asarray(errors).reshape(len(errors), -1).mean(axis=1).min())
