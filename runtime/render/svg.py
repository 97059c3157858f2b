"""A still picture of a motion, as SVG: the figures of several moments on one ground, coloured by time.

Drawn from the round cones of `mannequin` without any library: those of a member (head, trunk, hand, ...) become one
silhouette with a gradient across it, figures are sorted by depth, shadows and contacts lie on the ground.  A motion
that travels is seen from its side along its path; one that stays in place is spread out, first moment at the left; one
that goes so far that people would be too small to see is drawn in rows (`svg_rows`).
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.motion import Motion, contact_labels
from genmo.runtime.motion.rotation import matrix_from_yaw, normalize, rotate
from genmo.runtime.motion.skeleton import CONTACT_JOINTS, rest_joints
from genmo.runtime.render.mannequin import GROUND, body_shapes
from genmo.runtime.render.round_cones import Shape
from genmo.runtime.render.svg_figures import Camera, Figure, contact_rings, draw_figure, polygon, shadows
from genmo.runtime.render.svg_rows import (
    HEAD_HEIGHT,
    MAP_HEIGHT,
    PERSON,
    ROW_FIGURES,
    ROW_HEIGHT,
    SMALLEST,
    Frames,
    coloured_line,
    going_right,
    map_of,
    rows_of,
    time_labels,
    ways_at,
)
from genmo.runtime.support.arrays import Array

FIGURES = 7
WIDTH, HEIGHT = 1200, 480  # pixels
TITLE_LEFT, TITLE_SIZES = 34, (13, 21)  # pixels
LETTER = 0.6  # of the letters' size: the width of one, in most fonts a little less
APART = 0.95  # metres between the figures of a motion that stays in place
VIEW_TURN = np.radians(35.0)  # from how far beside their front people who stay in place are seen
ELEVATION = np.radians(13.0)  # how steeply the camera looks down
FIELD = np.radians(24.0)  # horizontal opening of the camera: long lens, little distortion
CELL, FINE_CELL = 0.5, 0.25  # metres of the grid on the ground; the finer one where it is not flat
STEP = 0.04  # metres between the points of a line over ground that is not flat
AROUND, PATCH = 2.0, 0.0  # metres of ground around figures; around one that was moved to stand beside others


def to_svg(motion: Motion, title: str | None = None, ground: Heights | None = None) -> bytes:
    """The picture, 1200 x 480 pixels, higher for somebody who goes far; `title` is written at its upper left.

    `ground`: what the person walks on; None: y = 0.
    """
    rotations, joints = (np.asarray(array, np.float64) for array in motion.kinematics())
    joints = joints - np.asarray([0.0, GROUND, 0.0])
    contacts = contact_labels(joints, motion.fps) if motion.contacts is None else motion.contacts
    figures = _figures(rotations, joints, contacts, _moments(joints[:, 0], FIGURES), ground)
    pelvis = np.stack([figure.joints[0] for figure in figures])
    across = _travel(joints[:, 0])
    spread = _stays(pelvis, across)
    if spread:
        across = _facing(np.stack([figure.rotations[0] for figure in figures]))
        moves = _row(pelvis, across)
        figures = [_shifted(one, move) for one, move in zip(figures, moves, strict=True)]
    view = _frame(figures, across, HEIGHT)
    body = _Body(body_shapes(motion.rest_offsets), rest_joints(np.asarray(motion.rest_offsets, np.float64)))
    if PERSON * view.focal / float(np.mean([view.depth(figure.joints[0]) for figure in figures])) < SMALLEST:
        drawn, height = _in_rows(rotations, joints, contacts, motion.fps, body, ground)
        return _document(drawn, title, height, ROW_HEIGHT).encode()
    path = coloured_line(view.project(figures[0].on_floor(joints[:, 0]))) if not spread else ""
    return _document(_stage(view, figures, body, path, apart=spread), title, HEIGHT, HEIGHT).encode()


@dataclass(frozen=True, eq=False)
class _Body:
    """Whom a picture shows."""

    shapes: list[Shape]
    rest: Array
    """[24, 3] joints at rest, metres"""


def _figures(rotations: Array, joints: Array, contacts: Array, moments: Frames, ground: Heights | None) -> list[Figure]:
    """The body at `moments`, where it is."""
    return [
        Figure(
            share=float(frame / max(len(joints) - 1, 1)),
            rotations=rotations[frame],
            joints=joints[frame],
            touching=tuple(j for j, on in zip(CONTACT_JOINTS, contacts[frame], strict=True) if on > 0.5),
            floor=ground,
        )
        for frame in moments
    ]


def _shifted(figure: Figure, move: Array) -> Figure:
    """A figure, and the ground under it, moved over the ground by `move` [3]."""
    floor = figure.floor
    moved = None if floor is None else lambda places: floor(places - move[[0, 2]])
    return replace(figure, joints=figure.joints + move, floor=moved)


def _stage(view: Camera, figures: list[Figure], body: _Body, path: str = "", *, apart: bool = True) -> str:
    """Ground, shadows, path and figures, these from far to near.  `apart`: figures were moved away from each other, and
    each has a ground of its own."""
    shared = figures[0].floor is None or not apart
    ground = _ground(view, figures) if shared else "".join(_ground(view, [one], PATCH) for one in figures)
    drawn = [ground, shadows(view, figures, body.shapes, body.rest), path, contact_rings(view, figures)]
    drawn += [
        draw_figure(view, figure, body.shapes, body.rest)
        for figure in sorted(figures, key=lambda figure: -float(view.depth(figure.joints[0])))
    ]
    return "".join(drawn)


def _in_rows(
    rotations: Array, joints: Array, contacts: Array, fps: float, body: _Body, ground: Heights | None
) -> tuple[str, int]:
    """Figures in rows over a map of the way, and the picture's height in pixels."""
    seconds = (len(joints) - 1) / fps
    moments = _moments(joints[:, 0], ROW_FIGURES * rows_of(seconds))
    figures = _figures(rotations, joints, contacts, moments, ground)
    ways = ways_at(joints[:, 0], rotations[:, 0, :, 2], moments, fps)
    rows = [
        going_right(figures[start : start + ROW_FIGURES], ways[start : start + ROW_FIGURES], APART)
        for start in range(0, len(figures), ROW_FIGURES)
    ]
    view = _frame([figure for row in rows for figure in row], np.asarray([1.0, 0.0, 0.0]), ROW_HEIGHT)
    drawn = []
    for number, row in enumerate(rows):
        stage = _stage(view, row, body) + time_labels(view, row, seconds)
        drawn.append(f'<g transform="translate(0,{HEAD_HEIGHT + number * ROW_HEIGHT})">{stage}</g>')
    top = HEAD_HEIGHT + len(rows) * ROW_HEIGHT
    box = 60.0, top + 20.0, WIDTH - 120.0, MAP_HEIGHT - 80.0
    drawn.append(map_of(joints[:, 0], moments, _travel(joints[:, 0]), box))
    return "".join(drawn), top + MAP_HEIGHT


def _moments(pelvis: Array, count: int) -> Frames:
    """Frames to show, ascending: evenly spaced in a mix of way travelled and time passed."""
    frames = len(pelvis)
    steps = np.linalg.norm(np.diff(pelvis[:, [0, 2]], axis=0), axis=-1)
    progress = np.concatenate([[0.0], np.cumsum(steps / max(steps.sum(), 0.5) + 1.0 / max(frames - 1, 1))])
    targets = np.linspace(0, progress[-1], min(count, frames))
    return np.unique(np.abs(progress[:, None] - targets).argmin(axis=0))


def _travel(pelvis: Array) -> Array:
    """Unit ground direction [3] that runs from left to right in the picture: the way the motion travels."""
    ground = pelvis[:, [0, 2]] - pelvis[:, [0, 2]].mean(axis=0)
    spread, axes = np.linalg.eigh(ground.T @ ground)
    if spread[-1] < 1e-6:
        return np.asarray([1.0, 0.0, 0.0])
    x, z = axes[:, -1]
    travel = (pelvis[-1] - pelvis[0])[[0, 2]] @ (x, z)
    return np.asarray([x, 0.0, z]) * (1.0 if travel >= 0 else -1.0)


def _stays(pelvis: Array, across: Array) -> bool:
    """Whether figures at these places [figures, 3] would stand in one another's way."""
    along = pelvis @ across
    gaps = np.abs(np.subtract.outer(along, along)) + 9.0 * np.eye(len(pelvis))
    return len(pelvis) > 1 and bool(np.median(gaps.min(axis=1)) < 0.45 * APART)


def _facing(roots: Array) -> Array:
    """Unit ground direction [3], left to right, that shows people with root rotations [figures, 3, 3] half from
    the front."""
    forward = normalize(roots[..., 2].mean(axis=0) * (1.0, 0.0, 1.0))
    if np.linalg.norm(forward) < 0.5:
        return np.asarray([1.0, 0.0, 0.0])
    towards = rotate(matrix_from_yaw(np.asarray(-VIEW_TURN)), forward)
    return np.cross((0.0, 1.0, 0.0), towards)


def _row(pelvis: Array, across: Array) -> Array:
    """What to add [figures, 3] to each figure's place to line them up at equal distances."""
    positions = np.outer((np.arange(len(pelvis)) - (len(pelvis) - 1) / 2) * APART, across)
    shift: Array = positions - pelvis * (1.0, 0.0, 1.0)
    return shift


def _frame(figures: list[Figure], across: Array, height: int) -> Camera:
    """The camera that looks square at the line of figures and holds them all, in a picture of `height` pixels."""
    towards = np.cross(across, (0.0, 1.0, 0.0))
    back = np.cos(ELEVATION) * towards + np.sin(ELEVATION) * np.asarray([0.0, 1.0, 0.0])
    up = np.cross(back, across)
    focal = 0.5 * WIDTH / np.tan(FIELD / 2)
    points = np.concatenate([part for one in figures for part in (one.joints, one.on_floor(one.joints))])
    centre = 0.5 * (points.min(axis=0) + points.max(axis=0))
    room = np.asarray([WIDTH / 2 - 75.0, height / 2 - 70.0 * min(height / HEIGHT + 0.2, 1.0)])
    distance = 4.0
    for _ in range(40):  # step back until everything is inside
        view = Camera(centre + distance * back, across, up, back, focal, (WIDTH / 2, height / 2))
        pixels = view.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        excess = float(np.max((high - low) / (2 * room)))
        if excess <= 1 and float(view.depth(points).min()) > 1:
            break
        distance *= max(excess, 1.02)
    middle = (WIDTH - 0.5 * float(low[0] + high[0]), height + 24.0 * height / HEIGHT - 0.5 * float(low[1] + high[1]))
    return Camera(view.eye, across, up, back, focal, middle)


def _ground(view: Camera, figures: list[Figure], around: float = AROUND) -> str:
    """A grid under the figures that fades out around them: of half metres where it is flat, finer where it is not."""
    floor, feet = figures[0].on_floor, np.concatenate([figure.joints for figure in figures]) * (1.0, 0.0, 1.0)
    towards = normalize(view.back * (1.0, 0.0, 1.0))
    cell = CELL if figures[0].floor is None else FINE_CELL
    steps, ends = [], []
    for along in (feet @ view.right, feet @ towards):
        low, high = np.floor(along.min() / cell) - around / cell, np.ceil(along.max() / cell) + around / cell
        steps.append(cell * np.arange(low, high + 1))
        ends.append(steps[-1][[0, -1]] if cell == CELL else np.arange(steps[-1][0], steps[-1][-1] + STEP / 2, STEP))
    lines = [np.outer(np.ones(len(ends[1])), x * view.right) + np.outer(ends[1], towards) for x in steps[0]]
    lines += [np.outer(ends[0], view.right) + z * towards for z in steps[1]]
    grid = "".join(polygon(view.project(floor(line)), closed=False) for line in lines)
    return f'<g mask="url(#fade)"><path d="{grid}" stroke="#b9c4d0" stroke-width="1" fill="none"/></g>'


_DEFINITIONS = """<defs>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop stop-color="#f7f9fb"/>
<stop offset=".62" stop-color="#eef2f5"/><stop offset="1" stop-color="#e2e8ee"/></linearGradient>
<radialGradient id="glow"><stop offset=".45" stop-color="#fff"/><stop offset="1" stop-color="#000"/></radialGradient>
<mask id="fade" maskUnits="userSpaceOnUse" x="0" y="0" width="@W@" height="@H@">
<ellipse cx="@CX@" cy="@CY@" rx="@RX@" ry="@RY@" fill="url(#glow)"/></mask>
<filter id="soft" x="-5%" y="-20%" width="110%" height="140%"><feGaussianBlur stdDeviation="3.2"/></filter>
</defs>"""


def _headline(title: str) -> str:
    """The title over the picture, in smaller letters where it is long, and cut where these do not fit either."""
    room = WIDTH - 2 * TITLE_LEFT
    size = min(max(room / (LETTER * len(title)), TITLE_SIZES[0]), TITLE_SIZES[1])
    shown = textwrap.shorten(title, int(room / (LETTER * TITLE_SIZES[0])), placeholder=" …")
    return (
        f'<text x="{TITLE_LEFT}" y="46" font-family="system-ui,-apple-system,Segoe UI,Roboto,sans-serif" '
        f'font-size="{size:.3g}" font-weight="600" fill="#26323f">{html.escape(shown)}</text>'
    )


def _document(body: str, title: str | None, height: int, stage: int) -> str:
    """The file: `height` pixels, of stages of `stage` pixels each."""
    sizes = {"@W@": WIDTH, "@H@": stage, "@CX@": WIDTH // 2, "@CY@": round(0.76 * stage)}
    sizes |= {"@RX@": round(0.56 * WIDTH), "@RY@": round(0.40 * stage)}
    definitions = _DEFINITIONS
    for key, value in sizes.items():
        definitions = definitions.replace(key, str(value))
    words, headline = html.escape(title or "genmo motion"), _headline(title) if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{words}"><title>{words}</title>{definitions}'
        f'<rect width="{WIDTH}" height="{height}" rx="14" fill="url(#sky)"/>{body}{headline}</svg>\n'
    )
