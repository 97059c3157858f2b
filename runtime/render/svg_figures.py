"""The figures of a still picture: bodies of round cones, drawn as silhouettes with gradients, as SVG.

The parts of a member (head, trunk, hand, ...) become one silhouette with a gradient across it; shadows and contacts lie
on the ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.rotation import normalize, rotate
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.render.round_cones import Shape
from genmo.runtime.support.arrays import Array

LIGHT = np.asarray([-0.45, 1.0, 0.35])  # towards the light, in the picture's own axes (right, up, to the viewer)
RAMP = ((0.0, (62, 104, 178)), (0.35, (58, 158, 160)), (0.65, (236, 172, 82)), (1.0, (214, 88, 66)))
CIRCLE = np.linspace(0, 2 * np.pi, 23)[:-1]
_MEMBERS = {"pelvis": "pelvis spine1 spine2 spine3 left_collar right_collar"} | {
    f"{side}_{whole}": f"{side}_{whole} {side}_{end}"
    for side in ("left", "right")
    for whole, end in (("wrist", "hand"), ("ankle", "foot"))
}
HEAD = JOINTS.index("head")
FEATURE = 0.15
"""of the head's radius: a smaller part is a nose or an ear, not a form of the face"""
MEMBER = list(range(len(JOINTS)))
"""by joint: the joint whose silhouette its parts belong to"""
for _whole, _names in _MEMBERS.items():
    for _name in _names.split():
        MEMBER[JOINTS.index(_name)] = JOINTS.index(_whole)


@dataclass(frozen=True, eq=False)
class Camera:
    """A perspective camera; `right`, `up`, `back` [3] are its axes in the world, `eye` [3] its place."""

    eye: Array
    right: Array
    up: Array
    back: Array
    focal: float
    """pixels"""
    middle: tuple[float, float]
    """pixels; where the axis meets the picture"""

    def depth(self, points: Array) -> Array:
        """Metres [...] in front of the camera of points [..., 3]."""
        return np.asarray((self.eye - points) @ self.back)

    def project(self, points: Array) -> Array:
        """Pixels [..., 2] of points [..., 3] in front of the camera."""
        relative = points - self.eye
        scale = self.focal / self.depth(points)
        x, y = self.middle
        return np.stack([x + scale * (relative @ self.right), y - scale * (relative @ self.up)], axis=-1)


@dataclass(frozen=True, eq=False)
class Figure:
    """One moment on the stage."""

    share: float
    """0..1 of the motion's time"""
    rotations: Array
    """[24, 3, 3] world"""
    joints: Array
    """[24, 3] metres, where it is drawn"""
    touching: tuple[int, ...]
    """joints in contact"""
    floor: Heights | None = None
    """the ground where it is drawn; None: y = 0"""

    def on_floor(self, points: Array) -> Array:
        """Points [..., 3] brought down, or up, to the ground."""
        flat = points * (1.0, 0.0, 1.0)
        return flat if self.floor is None else flat + self.floor(points[..., [0, 2]])[..., None] * (0.0, 1.0, 0.0)

    def along(self, point: Array, light: Array) -> Array:
        """Where the light that falls along `light` [3] (upwards 1) through a point [3] meets the ground."""
        place = point - light * point[1]
        for _ in range(0 if self.floor is None else 4):  # the ground under it, from the last place
            place = point - light * (point[1] - self.on_floor(place)[1])
        return np.asarray(place)


def color(share: float, bright: float = 1.0) -> str:
    """Colour of time `share` 0..1 as #rrggbb, made darker (< 1) or mixed with white (> 1)."""
    stops = [stop for stop, _ in RAMP]
    rgb = np.asarray([np.interp(share, stops, [color[k] for _, color in RAMP]) for k in range(3)])
    rgb = rgb * bright if bright <= 1 else rgb + (255 - rgb) * (bright - 1)
    return "#" + "".join(f"{round(float(value)):02x}" for value in np.clip(rgb, 0, 255))


def polygon(points: Array, closed: bool = True) -> str:
    """SVG path data through points [n, 2] in pixels."""
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + ("Z" if closed else "")


def _hull(points: Array) -> Array:
    """Convex hull [m, 2] of points [n, 2], in order around it (Andrew's monotone chain)."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]

    def half(rows: Array) -> list[Array]:
        chain: list[Array] = []
        for point in rows:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.asarray(half(ordered) + half(ordered[::-1]))


def _turn(a: Array, b: Array, c: Array) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _sphere_points(shape: Shape, figure: Figure, rest: Array) -> tuple[Array, Array]:
    """World centres [2, 3] of the part's end spheres, and the axes [3, 3] (columns) of its cross-section."""
    turn, position = figure.rotations[shape.joint], figure.joints[shape.joint]
    ends = np.stack([shape.start, shape.end]) - rest[shape.joint]
    flat = np.ones(3)
    flat[shape.flat_axis] = shape.flat
    return position + rotate(turn, ends), turn * flat


def _outline(view: Camera, ends: Array, axes: Array, radii: tuple[float, float]) -> Array:
    """Silhouette [n, 2] in pixels of a (squashed) round cone: the hull of its end ellipses as seen."""
    right, up = axes.T @ view.right, axes.T @ view.up
    shape = np.stack([right, up])  # half axes of the projected ellipsoid come from this 2 x 3 map
    size, vectors = np.linalg.eigh(shape @ shape.T)
    circle = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=-1) * np.sqrt(np.maximum(size, 1e-9))
    circle = (circle @ vectors.T) * (1.0, -1.0)
    scale = view.focal / view.depth(ends)
    rims = [view.project(end) + radius * s * circle for end, radius, s in zip(ends, radii, scale, strict=True)]
    return _hull(np.concatenate(rims))


def draw_figure(view: Camera, figure: Figure, shapes: list[Shape], rest: Array) -> str:
    """One figure, its members from far to near."""
    members: dict[int, list[tuple[Shape, Array, Array]]] = {}
    for shape in shapes:
        members.setdefault(MEMBER[shape.joint], []).append((shape, *_sphere_points(shape, figure, rest)))
    drawn = []
    for number, parts in members.items():
        distances = [float(view.depth(ends).mean()) - min(shape.radii) for shape, ends, _ in parts]
        nearest = float(np.average(distances, weights=[max(shape.radii) for shape, _, _ in parts]))
        drawn.append((nearest, _draw_member(view, figure.share, f"f{round(1000 * figure.share)}p{number}", parts)))
    return "<g>" + "".join(path for _, path in sorted(drawn, key=lambda member: -member[0])) + "</g>"


def _draw_member(view: Camera, share: float, name: str, parts: list[tuple[Shape, Array, Array]]) -> str:
    """The parts as one silhouette with one gradient across it, from the lit side to the dark one."""
    outlines = [_outline(view, ends, axes, shape.radii) for shape, ends, axes in parts]
    if parts[0][0].joint == HEAD:  # the face is what spans brow, cheeks and chin; nose and ears stand out of it
        forms = [shape.radii[0] > FEATURE * parts[0][0].radii[0] for shape, _, _ in parts]
        face = np.concatenate([one for one, form in zip(outlines, forms, strict=True) if form])
        outlines = [_hull(face), *(one for one, form in zip(outlines, forms, strict=True) if not form)]
    outline = np.concatenate(outlines)
    centres = np.concatenate([view.project(ends) for _, ends, _ in parts])
    spread, axes = np.linalg.eigh(np.cov(centres.T))
    along = axes[:, -1] if spread[-1] > 1e-6 else np.asarray([0.0, 1.0])
    long = float(np.ptp(centres @ along))
    light = normalize(np.asarray([LIGHT[0], -LIGHT[1]]))
    across = np.asarray([along[1], -along[0]])
    across = across if across @ light >= 0 else -across
    # Members seen end-on are lit like balls, long ones like rods.
    thick = max(max(shape.radii) * view.focal / float(view.depth(ends).mean()) for shape, ends, _ in parts)
    rod = min(long / (2.5 * thick), 1.0)
    toward = normalize(rod * across + (1.05 - rod) * light)
    middle, half_width = outline.mean(axis=0), float(np.ptp(outline @ toward) / 2)
    (x1, y1), (x2, y2) = middle + half_width * toward, middle - half_width * toward
    facing = float(toward @ light)
    stops = ((0.0, 1.20 + 0.16 * facing), (0.45, 0.98 + 0.04 * facing), (1.0, 0.70))
    ramp = "".join(f'<stop offset="{offset}" stop-color="{color(share, bright)}"/>' for offset, bright in stops)
    return (
        f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" x1="{x1:.1f}" y1="{y1:.1f}" '
        f'x2="{x2:.1f}" y2="{y2:.1f}">{ramp}</linearGradient>'
        f'<path d="{"".join(map(polygon, outlines))}" fill="url(#{name})"/>'
    )


def shadows(view: Camera, figures: list[Figure], shapes: list[Shape], rest: Array) -> str:
    """Every part flattened onto the ground along the light, softened; overlaps darken once."""
    towards = normalize(view.back * (1.0, 0.0, 1.0))
    light = LIGHT[0] * view.right + LIGHT[2] * towards + np.asarray([0.0, 1.0, 0.0])
    outlines = []
    for figure in figures:
        for shape in shapes:
            ends, _ = _sphere_points(shape, figure, rest)
            rims = [
                figure.along(end, light)
                + radius * (np.cos(CIRCLE)[:, None] * view.right + np.sin(CIRCLE)[:, None] * towards)
                for end, radius in zip(ends, shape.radii, strict=True)
            ]
            outlines.append(polygon(_hull(view.project(np.concatenate(rims)))))
    shadow = f'<path d="{"".join(outlines)}" fill="#26364a"/>'
    return f'<g opacity=".24" filter="url(#soft)">{shadow}</g>'


def contact_rings(view: Camera, figures: list[Figure]) -> str:
    """Rings on the ground around what touches it."""
    towards = normalize(view.back * (1.0, 0.0, 1.0))
    ring = 0.085 * (np.cos(CIRCLE)[:, None] * view.right + np.sin(CIRCLE)[:, None] * towards)
    marks = []
    for figure in figures:
        for joint in figure.touching:
            position = figure.joints[joint]
            if position[1] - figure.on_floor(position)[1] < 0.2:  # a hand that rests in the air touches nothing
                outline = polygon(view.project(figure.on_floor(position + ring)))
                marks.append(f'<path d="{outline}" stroke="{color(figure.share, 0.85)}"/>')
    return f'<g fill="none" stroke-width="1.6" opacity=".9">{"".join(marks)}</g>'
