"""A mannequin around any rest skeleton: the body that the glb, html and svg writers show.

The body is a list of round cones (spheres of varying radius swept along a segment) fixed to joints.  The
svg writer strokes them as they are; for glb and html they are melted into one smooth skin: the zero
level of their blended distance field, meshed by surface nets and pulled onto the exact surface.  No scan
and no licensed template is involved, so files that carry this mesh are free to share.

Frame: the rest pose of `genmo.runtime.motion.skeleton` (T-pose facing +z, left is +x, y up, metres), pelvis at the
origin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import normalize
from genmo.runtime.motion.skeleton import (
    CONTACT_JOINTS,
    JOINT_COUNT,
    JOINTS,
    MIRROR_JOINTS,
    PARENTS,
    rest_joints,
    shape_space,
)
from genmo.runtime.support.arrays import Array

Integers = npt.NDArray[np.integer]
Side = Literal["left", "middle", "right"]
Point = tuple[str, float, float, float]

CELL = 0.0165  # metres; edge of the meshing grid: fine enough for a hand, coarse enough for 7 thousand vertices
BLEND = 0.011  # metres; how far the surfaces of neighbouring parts melt into each other
SKIN_BLEND = 0.018  # metres; how far the skin weights of neighbouring parts mix
SOLE = 0.028  # metres from the centre of the foot joint down to the ground under a standing foot
PUSHES = 4  # Newton steps that pull the mesh onto the surface
INFLUENCES = 4  # joints a vertex may follow: what glTF and most engines take


@dataclass(frozen=True)
class Part:
    """One round cone of the body, in metres of the mean body.

    `start` and `end` are a joint and a place in that joint's rest frame.  `flat` < 1 squashes the part
    along `flat_axis` (0 x, 1 y, 2 z) of the rest frame.
    """

    joint: str
    start: Point
    end: Point
    radii: tuple[float, float]
    flat: float = 1.0
    flat_axis: int = 2


_MIDDLE = (
    Part("pelvis", ("pelvis", 0.0, -0.035, -0.026), ("spine2", 0.0, -0.02, 0.010), (0.148, 0.118), 0.67),
    Part("spine2", ("spine2", 0.0, -0.03, 0.016), ("spine2", 0.0, 0.06, 0.018), (0.122, 0.134), 0.70),
    Part("spine3", ("spine3", 0.0, -0.055, 0.016), ("spine3", 0.0, 0.030, 0.008), (0.134, 0.152), 0.70),
    Part("neck", ("neck", 0.0, -0.01, -0.002), ("head", 0.0, 0.01, 0.004), (0.058, 0.049)),
    Part("head", ("head", 0.0, 0.098, 0.006), ("head", 0.0, 0.034, 0.038), (0.088, 0.055)),
    Part("head", ("head", 0.0, 0.066, 0.095), ("head", 0.0, 0.045, 0.106), (0.009, 0.013)),
)
_LEFT = (
    Part("pelvis", ("left_hip", -0.012, -0.03, -0.044), ("left_hip", -0.008, 0.02, -0.034), (0.076, 0.066)),
    Part("left_hip", ("left_hip", 0.004, 0.0, -0.004), ("left_knee", 0.0, 0.03, 0.0), (0.083, 0.053)),
    Part("left_knee", ("left_knee", 0.0, 0.0, 0.004), ("left_ankle", 0.0, 0.0, 0.0), (0.050, 0.034)),
    Part("left_knee", ("left_knee", 0.004, -0.06, -0.012), ("left_knee", 0.004, -0.17, -0.016), (0.046, 0.041)),
    Part("left_ankle", ("left_ankle", 0.0, -0.022, -0.03), ("left_foot", 0.0, 0.0, 0.0), (0.036, 0.030)),
    Part("left_ankle", ("left_ankle", 0.0, 0.0, 0.0), ("left_foot", 0.0, 0.004, -0.01), (0.037, 0.028)),
    Part("left_foot", ("left_foot", 0.0, -0.001, 0.0), ("left_foot", 0.004, -0.007, 0.062), (0.030, 0.022)),
    Part("left_foot", ("left_foot", 0.022, -0.006, 0.0), ("left_foot", 0.018, -0.009, 0.045), (0.023, 0.019)),
    Part(
        "spine3",
        ("left_collar", 0.055, -0.055, 0.048),
        ("left_collar", 0.085, -0.045, 0.045),
        (0.060, 0.060),
        0.8,
    ),
    Part("left_collar", ("left_collar", 0.03, -0.012, -0.004), ("left_shoulder", 0.0, 0.0, 0.0), (0.062, 0.060)),
    Part("left_shoulder", ("left_shoulder", 0.0, 0.0, 0.0), ("left_elbow", -0.02, 0.0, 0.0), (0.052, 0.037)),
    Part("left_elbow", ("left_elbow", 0.0, 0.0, 0.0), ("left_wrist", -0.02, 0.0, 0.0), (0.038, 0.026)),
    Part("left_wrist", ("left_wrist", -0.005, 0.0, 0.0), ("left_hand", 0.0, 0.0, 0.0), (0.030, 0.042), 0.55, 1),
    Part("left_hand", ("left_hand", 0.0, 0.0, 0.0), ("left_hand", 0.075, -0.004, 0.0), (0.041, 0.027), 0.5, 1),
    Part(
        "left_wrist",
        ("left_wrist", 0.025, -0.004, 0.022),
        ("left_wrist", 0.082, -0.01, 0.062),
        (0.019, 0.013),
    ),
)


@dataclass(frozen=True, eq=False)
class Shape:
    """A part placed on a skeleton: joint index, segment ends [3] in metres of the rest frame, radii."""

    joint: int
    side: Side
    start: Array
    end: Array
    radii: tuple[float, float]
    flat: float
    flat_axis: int

    def distance(self, points: Array) -> Array:
        """Signed distance [...] in metres of points [..., 3] (approximate where the part is squashed)."""
        stretch = np.ones(3)
        stretch[self.flat_axis] = 1 / self.flat
        axis = (self.end - self.start) * stretch
        length = float(np.linalg.norm(axis))
        from_start = (points - self.start) * stretch
        along = from_start @ (axis / length)
        beside = np.sqrt(np.maximum(np.sum(from_start**2, axis=-1) - along**2, 0.0))
        # The nearest sphere of the sweep lies where the surface normal, tilted by the taper, meets the axis.
        slope = (self.radii[0] - self.radii[1]) / length
        slope = min(max(slope, -0.95), 0.95)
        centre = np.clip(along - slope / np.sqrt(1 - slope**2) * beside, 0.0, length)
        radius = self.radii[0] + (self.radii[1] - self.radii[0]) * centre / length
        gap: Array = (np.hypot(along - centre, beside) - radius) * self.flat
        return gap


@dataclass(frozen=True, eq=False)
class BodyMesh:
    """A skinned triangle mesh in the rest pose."""

    vertices: Array
    """[vertices, 3] metres, pelvis at the origin, float32"""
    normals: Array
    """[vertices, 3] unit, outward, float32"""
    faces: Integers
    """[faces, 3] counter-clockwise seen from outside, uint16"""
    joints: Integers
    """[vertices, 4] joint indices, uint8; an unused slot is joint 0 with weight 0"""
    weights: Array
    """[vertices, 4] not negative, each row sums to 1, float32"""


def _mirrored(part: Part) -> Part:
    """The same part on the other side of the body."""

    def other(point: Point) -> Point:
        return JOINTS[MIRROR_JOINTS[JOINTS.index(point[0])]], -point[1], point[2], point[3]

    joint = JOINTS[MIRROR_JOINTS[JOINTS.index(part.joint)]]
    return replace(part, joint=joint, start=other(part.start), end=other(part.end))


def stature(offsets: Array) -> float:
    """Height in metres of the head joint over the ankles in the rest pose of `offsets` [24, 3]."""
    rest = rest_joints(offsets)
    ankles = rest[[JOINTS.index("left_ankle"), JOINTS.index("right_ankle")], 1]
    return float(rest[JOINTS.index("head"), 1] - ankles.mean())


def body_shapes(offsets: Array) -> list[Shape]:
    """The parts of the body on rest offsets [24, 3] in metres; thickness grows with the stature."""
    offsets = np.asarray(offsets, np.float64)
    rest = rest_joints(offsets)
    scale = stature(offsets) / stature(shape_space().mean)
    sides: tuple[tuple[Side, tuple[Part, ...]], ...] = (
        ("middle", _MIDDLE),
        ("left", _LEFT),
        ("right", tuple(_mirrored(part) for part in _LEFT)),
    )

    def place(point: Point) -> Array:
        return np.asarray(rest[JOINTS.index(point[0])] + scale * np.asarray(point[1:]))

    return [
        Shape(
            joint=JOINTS.index(part.joint),
            side=side,
            start=place(part.start),
            end=place(part.end),
            radii=(scale * part.radii[0], scale * part.radii[1]),
            flat=part.flat,
            flat_axis=part.flat_axis,
        )
        for side, parts in sides
        for part in parts
    ]


def ground_height(joints: Array) -> float:
    """Height in metres of the floor under world joints [frames, 24, 3].

    World motions stand on y = 0; one that clearly does not (an estimate with an unknown floor) gets a floor
    under its lowest sole or hand instead.
    """
    lowest = float(joints[..., CONTACT_JOINTS, 1].min()) - SOLE
    return 0.0 if abs(lowest) < 0.12 else lowest


def _field(shapes: list[Shape], points: Array) -> Array:
    """Blended signed distance [n] of points [n, 3]: smooth within a side, sharp between left and right.

    Keeping the sides apart stops the thighs from melting into each other below the crotch.
    """
    density = {"left": np.full(len(points), 1e-30), "right": np.full(len(points), 1e-30)}
    for shape in shapes:
        share = np.exp(-shape.distance(points) / BLEND)
        for side, total in density.items():
            if shape.side in (side, "middle"):
                total += share
    return _blended(density)


def _blended(density: dict[str, Array]) -> Array:
    """Signed distance in metres from the summed shares of the parts of either side."""
    distance: Array = -BLEND * np.log(np.maximum(density["left"], density["right"]))
    return distance


def _grid(shapes: list[Shape]) -> tuple[Array, Array]:
    """The field on a regular grid [nx, ny, nz] with step CELL, and the position [3] of its first node."""
    reach = max(max(shape.radii) for shape in shapes) + 4 * CELL
    ends = np.concatenate([[shape.start, shape.end] for shape in shapes])
    origin = ends.min(axis=0) - reach
    counts = np.ceil((ends.max(axis=0) + reach - origin) / CELL).astype(int) + 1
    density = {side: np.full(counts, 1e-30) for side in ("left", "right")}
    axes = [origin[axis] + CELL * np.arange(counts[axis]) for axis in range(3)]
    for shape in shapes:
        # A part only matters near itself: beyond a few BLEND its share is below one in a thousand.
        margin = max(shape.radii) + 8 * BLEND
        low = np.minimum(shape.start, shape.end) - margin
        high = np.maximum(shape.start, shape.end) + margin
        box = tuple(slice(*np.searchsorted(axes[k], (low[k], high[k]))) for k in range(3))
        points = np.stack(np.meshgrid(*(axes[k][box[k]] for k in range(3)), indexing="ij"), axis=-1)
        share = np.exp(-shape.distance(points) / BLEND)
        for side, total in density.items():
            if shape.side in (side, "middle"):
                total[box] += share
    return _blended(density), origin


_CORNERS = np.stack(np.meshgrid((0, 1), (0, 1), (0, 1), indexing="ij"), axis=-1).reshape(8, 3)
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]


def _cell_vertices(field: Array) -> tuple[Array, Integers]:
    """Surface-net vertices [n, 3] in grid units, and each cell's vertex number [nx-1, ny-1, nz-1] or -1."""
    shape = tuple(n - 1 for n in field.shape)
    corners = np.stack([field[x : x + shape[0], y : y + shape[1], z : z + shape[2]] for x, y, z in _CORNERS], axis=-1)
    inside = corners < 0
    crossed = inside.any(axis=-1) & ~inside.all(axis=-1)
    values = corners[crossed]
    total, count = np.zeros((len(values), 3)), np.zeros((len(values), 1))
    for a, b in _EDGES:
        cuts = (values[:, a] < 0) != (values[:, b] < 0)
        share = values[cuts, a] / (values[cuts, a] - values[cuts, b])
        total[cuts] += _CORNERS[a] + share[:, None] * (_CORNERS[b] - _CORNERS[a])
        count[cuts] += 1
    number = np.full(shape, -1)
    number[crossed] = np.arange(len(values))
    return np.argwhere(crossed) + total / count, number


def _net_faces(field: Array, number: Integers) -> Integers:
    """Triangles [faces, 3]: each grid edge that the surface crosses gives the quad of its four cells."""
    quads = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        below, above = [slice(None)] * 3, [slice(None)] * 3
        below[axis], above[axis] = slice(None, -1), slice(1, None)
        entering = field[tuple(below)] < 0
        at = np.argwhere(entering != (field[tuple(above)] < 0))
        step_u, step_v = np.eye(3, dtype=int)[[u, v]]
        ring = [number[tuple((at - du * step_u - dv * step_v).T)] for du, dv in ((1, 1), (0, 1), (0, 0), (1, 0))]
        quad = np.stack(ring, axis=-1)
        # The solid lies below the edge where the field is negative there: then u, v, axis is the outward turn.
        outward = entering[tuple(at.T)][:, None]
        quads.append(np.where(outward, quad, quad[:, ::-1]))
    quad = np.concatenate(quads)
    return np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])


def _gradient(shapes: list[Shape], points: Array) -> Array:
    """Gradient [n, 3] of the field by central differences."""
    step = 5e-4
    slopes = [_field(shapes, points + step * axis) - _field(shapes, points - step * axis) for axis in np.eye(3)]
    return np.stack(slopes, axis=-1) / (2 * step)


def _skin_weights(shapes: list[Shape], points: Array) -> tuple[Integers, Array]:
    """Four joints [n, 4] and weights [n, 4] of points [n, 3]: a soft minimum over the distances to the parts.

    A vertex follows only the joint of its nearest part and that joint's parent and children, so that
    skin never sticks to a limb that merely happens to be near in the T-pose.
    """
    nearest = np.full((len(points), JOINT_COUNT), np.inf)
    for shape in shapes:
        nearest[:, shape.joint] = np.minimum(nearest[:, shape.joint], shape.distance(points))
    owner = nearest.argmin(axis=1)
    related = np.eye(JOINT_COUNT, dtype=bool)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        related[joint, parent] = related[parent, joint] = True
    excess = np.where(related[owner], nearest - nearest.min(axis=1, keepdims=True), np.inf)
    weights = np.exp(-excess / SKIN_BLEND)
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, joints, axis=1)
    kept = np.where(kept < 0.01, 0.0, kept)
    return np.where(kept > 0, joints, 0), kept / kept.sum(axis=1, keepdims=True)


def body_mesh(offsets: Array) -> BodyMesh:
    """The mannequin for rest offsets [24, 3] in metres; the last few bodies are remembered."""
    return _body_mesh(np.ascontiguousarray(offsets, np.float64).tobytes())


@lru_cache(maxsize=4)
def _body_mesh(offsets: bytes) -> BodyMesh:
    shapes = body_shapes(np.frombuffer(offsets).reshape(JOINT_COUNT, 3))
    field, origin = _grid(shapes)
    cells, number = _cell_vertices(field)
    faces = _net_faces(field, number)
    vertices = origin + CELL * cells
    for _ in range(PUSHES):
        slope = _gradient(shapes, vertices)
        steepness = np.maximum(np.sum(slope**2, axis=-1, keepdims=True), 0.25)
        push = _field(shapes, vertices)[:, None] * slope / steepness
        vertices = vertices - np.clip(push, -CELL / 2, CELL / 2)
    joints, weights = _skin_weights(shapes, vertices)
    return BodyMesh(
        vertices=vertices.astype(np.float32),
        normals=normalize(_gradient(shapes, vertices)).astype(np.float32),
        faces=faces.astype(np.uint16),
        joints=joints.astype(np.uint8),
        weights=weights.astype(np.float32),
    )
