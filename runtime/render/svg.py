"""A still picture of a motion, as SVG: the figures of several moments on one ground, coloured by time.

Drawn from the round cones of `mannequin` without any library: those of a member (head, trunk, hand, ...) become one
silhouette with a gradient across it, figures are sorted by depth, shadows and contacts lie on the ground.  A motion
that travels is seen from its side along its path; one that stays in place is spread out, first moment at the left.
"""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import Motion, contact_labels
from genmo.runtime.motion.rotation import matrix_from_yaw, normalize, rotate
from genmo.runtime.motion.skeleton import CONTACT_JOINTS, JOINTS, rest_joints
from genmo.runtime.render.mannequin import GROUND, body_shapes
from genmo.runtime.render.round_cones import Shape
from genmo.runtime.support.arrays import Array

FIGURES = 7
WIDTH, HEIGHT = 1200, 480  # pixels
APART = 0.95  # metres between the figures of a motion that stays in place
VIEW_TURN = np.radians(35.0)  # from how far beside their front people who stay in place are seen
ELEVATION = np.radians(13.0)  # how steeply the camera looks down
FIELD = np.radians(24.0)  # horizontal opening of the camera: long lens, little distortion
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
class _Camera:
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
class _Figure:
    """One moment on the stage."""

    share: float
    """0..1 of the motion's time"""
    rotations: Array
    """[24, 3, 3] world"""
    joints: Array
    """[24, 3] metres, where it is drawn"""
    touching: tuple[int, ...]
    """joints in contact"""


def to_svg(motion: Motion, title: str | None = None) -> bytes:
    """The picture, 1200 x 480 pixels; `title` is written at its upper left."""
    rotations, joints = (np.asarray(array, np.float64) for array in motion.kinematics())
    floor = np.asarray([0.0, GROUND, 0.0])
    joints = joints - floor
    moments = _moments(joints[:, 0])
    across = _travel(joints[:, 0])
    spread = _stays(joints[moments, 0], across)
    if spread:
        across = _facing(rotations[moments, 0])
    shift = _row(joints[moments, 0], across) if spread else np.zeros((len(moments), 3))
    contacts = contact_labels(joints, motion.fps) if motion.contacts is None else motion.contacts
    figures = [
        _Figure(
            share=float(frame / max(motion.frames - 1, 1)),
            rotations=rotations[frame],
            joints=joints[frame] + moved,
            touching=tuple(j for j, on in zip(CONTACT_JOINTS, contacts[frame], strict=True) if on > 0.5),
        )
        for frame, moved in zip(moments, shift, strict=True)
    ]
    view = _frame(figures, across)
    shapes = body_shapes(motion.rest_offsets)
    rest = rest_joints(np.asarray(motion.rest_offsets, np.float64))
    path = joints[:, 0] * (1.0, 0.0, 1.0) if not spread else None
    body = [_ground(view, figures), _shadows(view, figures, shapes, rest)]
    body += [_path(view, path), _contacts(view, figures)]
    body += [
        _draw_figure(view, figure, shapes, rest)
        for figure in sorted(figures, key=lambda figure: -float(view.depth(figure.joints[0])))
    ]
    return _document("".join(body), title).encode()


def _moments(pelvis: Array) -> npt.NDArray[np.integer]:
    """Frames to show, ascending: evenly spaced in a mix of way travelled and time passed."""
    frames = len(pelvis)
    steps = np.linalg.norm(np.diff(pelvis[:, [0, 2]], axis=0), axis=-1)
    progress = np.concatenate([[0.0], np.cumsum(steps / max(steps.sum(), 0.5) + 1.0 / max(frames - 1, 1))])
    targets = np.linspace(0, progress[-1], min(FIGURES, frames))
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


def _frame(figures: list[_Figure], across: Array) -> _Camera:
    """The camera that looks square at the line of figures and holds them all."""
    towards = np.cross(across, (0.0, 1.0, 0.0))
    back = np.cos(ELEVATION) * towards + np.sin(ELEVATION) * np.asarray([0.0, 1.0, 0.0])
    up = np.cross(back, across)
    focal = 0.5 * WIDTH / np.tan(FIELD / 2)
    points = np.concatenate([figure.joints for figure in figures])
    points = np.concatenate([points, points * (1.0, 0.0, 1.0)])
    centre = 0.5 * (points.min(axis=0) + points.max(axis=0))
    room = np.asarray([WIDTH / 2 - 75.0, HEIGHT / 2 - 70.0])
    distance = 4.0
    for _ in range(40):  # step back until everything is inside
        view = _Camera(centre + distance * back, across, up, back, focal, (WIDTH / 2, HEIGHT / 2))
        pixels = view.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        excess = float(np.max((high - low) / (2 * room)))
        if excess <= 1 and float(view.depth(points).min()) > 1:
            break
        distance *= max(excess, 1.02)
    middle = (WIDTH - 0.5 * float(low[0] + high[0]), HEIGHT + 24.0 - 0.5 * float(low[1] + high[1]))
    return _Camera(view.eye, across, up, back, focal, middle)


def _color(share: float, bright: float = 1.0) -> str:
    """Colour of time `share` 0..1 as #rrggbb, made darker (< 1) or mixed with white (> 1)."""
    stops = [stop for stop, _ in RAMP]
    rgb = np.asarray([np.interp(share, stops, [color[k] for _, color in RAMP]) for k in range(3)])
    rgb = rgb * bright if bright <= 1 else rgb + (255 - rgb) * (bright - 1)
    return "#" + "".join(f"{round(float(value)):02x}" for value in np.clip(rgb, 0, 255))


def _polygon(points: Array, closed: bool = True) -> str:
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


def _sphere_points(shape: Shape, figure: _Figure, rest: Array) -> tuple[Array, Array]:
    """World centres [2, 3] of the part's end spheres, and the axes [3, 3] (columns) of its cross-section."""
    turn, position = figure.rotations[shape.joint], figure.joints[shape.joint]
    ends = np.stack([shape.start, shape.end]) - rest[shape.joint]
    flat = np.ones(3)
    flat[shape.flat_axis] = shape.flat
    return position + rotate(turn, ends), turn * flat


def _outline(view: _Camera, ends: Array, axes: Array, radii: tuple[float, float]) -> Array:
    """Silhouette [n, 2] in pixels of a (squashed) round cone: the hull of its end ellipses as seen."""
    right, up = axes.T @ view.right, axes.T @ view.up
    shape = np.stack([right, up])  # half axes of the projected ellipsoid come from this 2 x 3 map
    size, vectors = np.linalg.eigh(shape @ shape.T)
    circle = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=-1) * np.sqrt(np.maximum(size, 1e-9))
    circle = (circle @ vectors.T) * (1.0, -1.0)
    scale = view.focal / view.depth(ends)
    rims = [view.project(end) + radius * s * circle for end, radius, s in zip(ends, radii, scale, strict=True)]
    return _hull(np.concatenate(rims))


def _draw_figure(view: _Camera, figure: _Figure, shapes: list[Shape], rest: Array) -> str:
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


def _draw_member(view: _Camera, share: float, name: str, parts: list[tuple[Shape, Array, Array]]) -> str:
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
    ramp = "".join(f'<stop offset="{offset}" stop-color="{_color(share, bright)}"/>' for offset, bright in stops)
    return (
        f'<linearGradient id="{name}" gradientUnits="userSpaceOnUse" x1="{x1:.1f}" y1="{y1:.1f}" '
        f'x2="{x2:.1f}" y2="{y2:.1f}">{ramp}</linearGradient>'
        f'<path d="{"".join(map(_polygon, outlines))}" fill="url(#{name})"/>'
    )


def _ground(view: _Camera, figures: list[_Figure]) -> str:
    """A grid of half metres under the figures that fades out around them."""
    feet = np.concatenate([figure.joints for figure in figures]) * (1.0, 0.0, 1.0)
    towards = normalize(view.back * (1.0, 0.0, 1.0))
    wide, deep = feet @ view.right, feet @ towards
    steps_wide = np.arange(np.floor(2 * wide.min()) - 4, np.ceil(2 * wide.max()) + 5) / 2
    steps_deep = np.arange(np.floor(2 * deep.min()) - 4, np.ceil(2 * deep.max()) + 4) / 2
    lines = []
    for x in steps_wide:
        lines.append([x * view.right + z * towards for z in (steps_deep[0], steps_deep[-1])])
    for z in steps_deep:
        lines.append([x * view.right + z * towards for x in (steps_wide[0], steps_wide[-1])])
    grid = "".join(_polygon(view.project(np.stack(line)), closed=False) for line in lines)
    return f'<g mask="url(#fade)"><path d="{grid}" stroke="#b9c4d0" stroke-width="1" fill="none"/></g>'


def _shadows(view: _Camera, figures: list[_Figure], shapes: list[Shape], rest: Array) -> str:
    """Every part flattened onto the ground along the light, softened; overlaps darken once."""
    towards = normalize(view.back * (1.0, 0.0, 1.0))
    light = LIGHT[0] * view.right + LIGHT[2] * towards + np.asarray([0.0, 1.0, 0.0])
    outlines = []
    for figure in figures:
        for shape in shapes:
            ends, _ = _sphere_points(shape, figure, rest)
            rims = [
                end
                - light * end[1]
                + radius * (np.cos(CIRCLE)[:, None] * view.right + np.sin(CIRCLE)[:, None] * towards)
                for end, radius in zip(ends, shape.radii, strict=True)
            ]
            outlines.append(_polygon(_hull(view.project(np.concatenate(rims)))))
    shadow = f'<path d="{"".join(outlines)}" fill="#26364a"/>'
    return f'<g opacity=".24" filter="url(#soft)">{shadow}</g>'


def _path(view: _Camera, path: Array | None) -> str:
    """The way of the pelvis on the ground, [frames, 3], coloured by time."""
    if path is None or len(path) < 2:
        return ""
    pixels = view.project(path)
    cuts = np.unique(np.linspace(0, len(path) - 1, min(len(path), 60)).astype(int))
    pieces = [
        f'<path d="{_polygon(pixels[a : b + 1], closed=False)}" stroke="{_color(a / (len(path) - 1), 0.9)}"/>'
        for a, b in zip(cuts[:-1], cuts[1:], strict=True)
    ]
    return f'<g fill="none" stroke-width="2.5" stroke-linecap="round" opacity=".8">{"".join(pieces)}</g>'


def _contacts(view: _Camera, figures: list[_Figure]) -> str:
    """Rings on the ground around what touches it."""
    towards = normalize(view.back * (1.0, 0.0, 1.0))
    ring = 0.085 * (np.cos(CIRCLE)[:, None] * view.right + np.sin(CIRCLE)[:, None] * towards)
    marks = []
    for figure in figures:
        for joint in figure.touching:
            position = figure.joints[joint]
            if position[1] < 0.2:  # a hand that rests in the air touches nothing
                outline = _polygon(view.project(position * (1.0, 0.0, 1.0) + ring))
                marks.append(f'<path d="{outline}" stroke="{_color(figure.share, 0.85)}"/>')
    return f'<g fill="none" stroke-width="1.6" opacity=".9">{"".join(marks)}</g>'


_DEFINITIONS = """<defs>
<linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop stop-color="#f7f9fb"/>
<stop offset=".62" stop-color="#eef2f5"/><stop offset="1" stop-color="#e2e8ee"/></linearGradient>
<radialGradient id="glow"><stop offset=".45" stop-color="#fff"/><stop offset="1" stop-color="#000"/></radialGradient>
<mask id="fade" maskUnits="userSpaceOnUse" x="0" y="0" width="@W@" height="@H@">
<ellipse cx="@CX@" cy="@CY@" rx="@RX@" ry="@RY@" fill="url(#glow)"/></mask>
<filter id="soft" x="-5%" y="-20%" width="110%" height="140%"><feGaussianBlur stdDeviation="3.2"/></filter>
</defs>"""


def _document(body: str, title: str | None) -> str:
    sizes = {"@W@": WIDTH, "@H@": HEIGHT, "@CX@": WIDTH // 2, "@CY@": round(0.76 * HEIGHT)}
    sizes |= {"@RX@": round(0.56 * WIDTH), "@RY@": round(0.40 * HEIGHT)}
    definitions = _DEFINITIONS
    for key, value in sizes.items():
        definitions = definitions.replace(key, str(value))
    words = html.escape(title or "genmo motion")
    headline = (
        f'<text x="34" y="46" font-family="system-ui,-apple-system,Segoe UI,Roboto,sans-serif" font-size="21" '
        f'font-weight="600" fill="#26323f">{words}</text>'
        if title
        else ""
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{words}"><title>{words}</title>{definitions}'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="14" fill="url(#sky)"/>{body}{headline}</svg>\n'
    )
