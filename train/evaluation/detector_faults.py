"""What detectors do wrong, done to clean keypoints: noise, exchanged sides, low rates, cut images, hidden parts.

A fault takes keypoints [frames, 17, 3] (x, y in pixels, confidence; COCO-17) and a seeded generator, and answers them
spoiled; points that are not seen are zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genmo.runtime.support.arrays import Array

Fault = Callable[[Array, np.random.Generator], Array]
MIRROR = [0, *(point + 1 if point % 2 else point - 1 for point in range(1, 17))]
"""keypoint of the other side"""
WHOLE, LEGS = tuple(range(17)), tuple(range(11, 17))
MEMORY = 0.9
"""correlation of slow noise from frame to frame"""
PERSON = 352
"""pixels: the height of a person in the simulated images, in the mean"""


def as_projected(points: Array, random: np.random.Generator) -> Array:
    """No fault."""
    return points


def white(pixels: float) -> Fault:
    """Noise that is new in each frame."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        noise = pixels * random.standard_normal(points[..., :2].shape)
        return _where_visible(points, points[..., :2] + noise)

    return spoil


def slow(pixels: float) -> Fault:
    """Noise of the first order with a correlation of MEMORY from frame to frame."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        noise = random.standard_normal(points[..., :2].shape)
        for frame in range(1, len(noise)):
            noise[frame] = MEMORY * noise[frame - 1] + np.sqrt(1 - MEMORY**2) * noise[frame]
        return _where_visible(points, points[..., :2] + pixels * noise)

    return spoil


def _where_visible(points: Array, pixels: Array) -> Array:
    visible = points[..., 2:] > 0
    return np.concatenate([np.where(visible, pixels, 0.0), points[..., 2:]], axis=-1)


def exchanged(frames: int, parts: Sequence[int] = WHOLE) -> Fault:
    """Left and right of the points `parts` exchanged in so many frames, drawn by chance."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        spoiled = points.copy()
        rows = random.choice(len(points), min(frames, len(points)), replace=False)[:, None]
        spoiled[rows, list(parts)] = points[rows, [MIRROR[part] for part in parts]]
        return spoiled

    return spoil


def every(step: int) -> Fault:
    """Points in one frame of `step` only."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        seen = np.arange(len(points)) % step == 0
        return np.where(seen[:, None, None], points, 0.0)

    return spoil


def far(share: float) -> Fault:
    """That share of the points lies half a person's height off, at a confidence of 0.9."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        spoiled = points.copy()
        hit = (random.random(points.shape[:2]) < share) & (points[..., 2] > 0)
        angle = random.uniform(0, 2 * np.pi, int(hit.sum()))
        spoiled[hit, :2] += PERSON / 2 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        spoiled[hit, 2] = 0.9
        return spoiled

    return spoil


def hidden(share: float) -> Fault:
    """That share of the points is not seen, each frame anew."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        return np.where(random.random(points.shape[:2])[..., None] < share, 0.0, points)

    return spoil


def without(parts: Sequence[int]) -> Fault:
    """Those points are never seen."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        spoiled = points.copy()
        spoiled[:, list(parts)] = 0.0
        return spoiled

    return spoil


def cut_at(share: float) -> Fault:
    """The image ends below `share` of the person's height, from the highest point of a frame to the lowest."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        visible, height = points[..., 2] > 0, points[..., 1]
        top = np.where(visible, height, np.inf).min(axis=1, keepdims=True)
        bottom = np.where(visible, height, -np.inf).max(axis=1, keepdims=True)
        inside = visible & (height <= top + share * np.where(visible.any(axis=1, keepdims=True), bottom - top, 0.0))
        return np.where(inside[..., None], points, 0.0)

    return spoil


def both(*faults: Fault) -> Fault:
    """One fault after the other."""

    def spoil(points: Array, random: np.random.Generator) -> Array:
        for fault in faults:
            points = fault(points, random)
        return points

    return spoil


FAULTS: dict[str, Fault] = {
    "as projected": as_projected,
    "5 px of white noise": white(5),
    "10 px of white noise": white(10),
    "5 px of slow noise": slow(5),
    "10 px of slow noise": slow(10),
    "sides exchanged in 30 frames": exchanged(30),
    "legs exchanged in 30 frames, 5 px": both(exchanged(30, LEGS), white(5)),
    "5 % of the points half a height off": far(0.05),
    "10 frames a second": every(3),
    "5 frames a second": every(6),
    "30 % of the points hidden": hidden(0.3),
    "no hips and legs": without(LEGS),
    "cut at 60 % of the height": cut_at(0.6),
    "cut at 40 % of the height": cut_at(0.4),
}
