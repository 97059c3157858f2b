"""A still picture of somebody who goes far: people in rows, as large as those who stay, over a map of their way.

Drawn to scale a walk of a minute is a line of people of a few pixels.  Here time runs along the rows, everybody goes to
the right, and the way lies beneath as it is seen from above, with a dot where each of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, transpose
from genmo.runtime.render.svg_figures import Camera, Figure, color, polygon
from genmo.runtime.support.arrays import Array

Frames = npt.NDArray[np.integer]

SMALLEST = 105.0
"""pixels of a person, under which a picture to scale shows nothing"""
PERSON = 1.7  # metres
ROW_SECONDS, MOST_ROWS = 20.0, 3
ROW_FIGURES = 9
ROW_HEIGHT, MAP_HEIGHT, HEAD_HEIGHT = 275, 230, 50  # pixels
TOWARDS_VIEWER = np.radians(22.0)
"""by which people who go to the right are turned to whoever looks"""
STROLL = 0.3
"""m/s, slower than which a way has no direction"""
_FONT = 'font-family="system-ui,-apple-system,Segoe UI,Roboto,sans-serif" fill="#4a5866"'


def rows_of(seconds: float) -> int:
    """How many rows a motion of so many seconds has."""
    return int(np.clip(round(seconds / ROW_SECONDS), 1, MOST_ROWS))


def going_right(figures: Sequence[Figure], ways: Array, apart: float) -> list[Figure]:
    """The figures of a row side by side along +x, `apart` metres from each other, each turned so that its way over the
    ground [figures, 3] goes to the right."""
    lined = []
    for number, (figure, way) in enumerate(zip(figures, ways, strict=True)):
        turn = matrix_from_yaw(np.asarray(np.pi / 2 - TOWARDS_VIEWER - np.arctan2(way[0], way[2])))
        place = np.array([(number - (len(figures) - 1) / 2) * apart, 0.0, 0.0])
        joints = rotate(turn, figure.joints - figure.joints[0] * [1.0, 0.0, 1.0]) + place
        floor = None if figure.floor is None else _moved(figure.floor, turn, figure.joints[0], place)
        lined.append(replace(figure, rotations=turn @ figure.rotations, joints=joints, floor=floor))
    return lined


def _moved(floor: Heights, turn: Array, pivot: Array, place: Array) -> Heights:
    """The ground after what was at `pivot` [3] was turned [3, 3] and put at `place` [3], seen from above."""

    def heights(places: Array) -> Array:
        apart = np.stack([places[..., 0] - place[0], np.zeros(places.shape[:-1]), places[..., 1] - place[2]], axis=-1)
        return floor((rotate(transpose(turn), apart) + pivot)[..., [0, 2]])

    return heights


def ways_at(path: Array, forward: Array, moments: Frames, fps: float) -> Array:
    """Unit directions [moments, 3] over the ground in which somebody goes, or looks who hardly goes.

    `path` [frames, 3] of the root, metres; `forward` [frames, 3] where it looks.
    """
    around = max(round(fps / 2), 1)
    early, late = np.maximum(moments - around, 0), np.minimum(moments + around, len(path) - 1)
    moves = (path[late] - path[early]) * [1.0, 0.0, 1.0]
    far = np.linalg.norm(moves, axis=-1) > STROLL * np.maximum(late - early, 1) / fps
    looks = forward[moments] * [1.0, 0.0, 1.0]
    ways = np.where(far[:, None], moves, looks)
    return np.asarray(ways / np.maximum(np.linalg.norm(ways, axis=-1, keepdims=True), 1e-9))


def time_labels(view: Camera, figures: Sequence[Figure], seconds: float) -> str:
    """When each of a row's figures is, under its feet."""
    labels = []
    for figure in figures:
        x, y = view.project(figure.on_floor(figure.joints[0]))
        said = f"{figure.share * seconds:.0f} s"
        labels.append(f'<text x="{x:.1f}" y="{y + 42:.1f}" text-anchor="middle" font-size="13" {_FONT}>{said}</text>')
    return "".join(labels)


def map_of(path: Array, moments: Frames, across: Array, box: tuple[float, float, float, float]) -> str:
    """The way [frames, 3] from above, `across` [3] to the right, inside a box (left, top, width, height; pixels): dots
    at `moments`, and a bar of so many metres."""
    left, top, width, height = box
    flat = np.stack([path @ across, -(path @ np.cross(across, (0.0, 1.0, 0.0)))], axis=-1)
    flat[:, 1] *= -1.0  # what is nearer to the viewer is lower
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = float(min(width / max(high[0] - low[0], 1.0), height / max(high[1] - low[1], 1.0)))
    pixels = (flat - (low + high) / 2) * scale + [left + width / 2, top + height / 2]
    dots = "".join(
        f'<circle cx="{pixels[frame, 0]:.1f}" cy="{pixels[frame, 1]:.1f}" r="4.5" '
        f'fill="{color(frame / max(len(path) - 1, 1), 0.95)}" stroke="#fff" stroke-width="1.2"/>'
        for frame in moments.tolist()
    )
    return coloured_line(pixels) + dots + _bar(scale, left, top + height + 24.0)


def coloured_line(pixels: Array) -> str:
    """A line through points [frames, 2] in pixels, coloured by time."""
    if len(pixels) < 2:
        return ""
    cuts = np.unique(np.linspace(0, len(pixels) - 1, min(len(pixels), 60)).astype(int))
    pieces = [
        f'<path d="{polygon(pixels[a : b + 1], closed=False)}" stroke="{color(a / (len(pixels) - 1), 0.9)}"/>'
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    return f'<g fill="none" stroke-width="2.5" stroke-linecap="round" opacity=".8">{"".join(pieces)}</g>'


def _bar(scale: float, left: float, y: float) -> str:
    """A bar of a round number of metres, about 120 pixels long, at `scale` pixels a metre."""
    lengths = np.array([step * 10.0**power for power in range(-1, 5) for step in (1, 2, 5)])
    metres = float(lengths[np.abs(np.log(lengths * scale / 120)).argmin()])
    end = left + metres * scale
    return (
        f'<path d="M{left:.1f},{y - 5:.1f}V{y:.1f}H{end:.1f}V{y - 5:.1f}" fill="none" stroke="#4a5866"/>'
        f'<text x="{end + 8:.1f}" y="{y + 2:.1f}" font-size="13" {_FONT}>{metres:g} m</text>'
    )
