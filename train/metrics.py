"""Pose metrics on numpy arrays, millimetres.  Joints [..., frames, 24, 3] in metres."""

from __future__ import annotations

import numpy as np

from genmo.runtime.rotation import Array


def mpjpe(predicted: Array, truth: Array) -> Array:
    """Mean joint distance after moving both roots to the origin, mm: [..., frames]."""
    difference = (predicted - predicted[..., :1, :]) - (truth - truth[..., :1, :])
    return np.asarray(1000 * np.linalg.norm(difference, axis=-1).mean(axis=-1))


def procrustes(predicted: Array, truth: Array) -> Array:
    """`predicted` [..., joints, 3] after the similarity that brings it nearest to `truth` (Umeyama 1991)."""
    mean_p, mean_t = predicted.mean(axis=-2, keepdims=True), truth.mean(axis=-2, keepdims=True)
    p, t = predicted - mean_p, truth - mean_t
    u, singular, vt = np.linalg.svd(np.swapaxes(p, -1, -2) @ t)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    weights = np.stack([np.ones_like(sign), np.ones_like(sign), sign], axis=-1)
    turn = (u * weights[..., None, :]) @ vt
    scale = (singular * weights).sum(axis=-1) / np.maximum((p**2).sum(axis=(-1, -2)), 1e-12)
    return np.asarray(scale[..., None, None] * (p @ turn) + mean_t)


def pa_mpjpe(predicted: Array, truth: Array) -> Array:
    """Mean joint distance after Procrustes alignment of each frame, mm: [..., frames]."""
    return np.asarray(1000 * np.linalg.norm(procrustes(predicted, truth) - truth, axis=-1).mean(axis=-1))


def jitter(joints: Array, fps: float) -> float:
    """Mean jerk of world joints [frames, 24, 3], in 10 m/s^3 (as WHAM and GVHMR report it); 0 under 4 frames."""
    if len(joints) < 4:
        return 0.0
    return float(np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1).mean() * fps**3 / 10)
