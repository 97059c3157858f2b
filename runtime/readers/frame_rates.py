"""Other frame rates, brought to 30 a second."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

LOWEST_FPS, HIGHEST_FPS = 0.1, 1000.0
SAME_FPS = 0.05
"""Rates this close to 30 (NTSC's 29.97 is) are taken frame for frame: 1 s of drift in 17 min, but no blur."""


def same_rate(fps: float) -> bool:
    """Whether frames at `fps` are taken one for one as frames at 30."""
    return abs(fps - FPS) <= SAME_FPS


def frame_count(frames: int, fps: float) -> int:
    """How many frames at 30 fps lie within `frames` frames at `fps`.  Raises InputError when no motion is so long."""
    count = frames if same_rate(fps) else int(np.floor((frames - 1) / fps * FPS + 1e-6)) + 1
    if count > MAX_FRAMES:
        raise InputError(f"{frames} frames at {fps:g} fps; wanted at most {MAX_FRAMES / FPS / 60:.0f} minutes: cut it")
    return count


def resample_points(points: Array, fps: float) -> Array:
    """Points [N, K, 3] (x, y, confidence) at `fps` as [M, K, 3] at 30 fps.

    Normalised convolution (Knutsson and Westin, 1993) with a tent as wide as the coarser of the two steps: every
    neighbour counts by its confidence, so undetected points pull nothing towards them.  The new confidence is the
    tent's average, so a frame far from any detection of the point has confidence 0 too.
    """
    if same_rate(fps):
        return points
    step = fps / FPS
    source_frames = np.arange(frame_count(len(points), fps)) * step
    radius = max(1.0, step)
    side = int(np.ceil(radius))
    nearest = np.floor(source_frames + 1e-6).astype(int)
    position = np.zeros((len(source_frames), points.shape[1], 2))  # [M, K, 2]
    mass = np.zeros((len(source_frames), points.shape[1]))  # [M, K]
    tent = np.zeros((len(source_frames), 1))  # [M, 1]
    for offset in range(-side, side + 1):  # one neighbour at a time: memory stays that of the answer
        index = nearest + offset
        inside = (index >= 0) & (index < len(points))
        weight = 1 - np.abs(index - source_frames) / radius
        weight = np.where(inside & (weight > 1e-6), weight, 0)[:, None]  # rounding is no detection
        neighbour = points[np.clip(index, 0, len(points) - 1)]
        position += (weight * neighbour[..., 2])[..., None] * neighbour[..., :2]
        mass += weight * neighbour[..., 2]
        tent += weight
    visible = mass > 0
    position /= np.where(visible, mass, 1)[..., None]
    return np.concatenate([position * visible[..., None], (mass / tent)[..., None]], axis=-1)
