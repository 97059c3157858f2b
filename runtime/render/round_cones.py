"""Round cones (spheres of varying radius swept along a segment) melted into one smooth skin.

The skin is the zero level of the cones' blended distance field, cut flat at the sole: meshed by surface nets (Gibson
1998) on a grid that is fine in face, hands and feet and coarse along limbs (`mesh_grid`), then pulled onto the exact
surface.
Metres, in the rest frame of `genmo.runtime.motion.skeleton`, pelvis at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import normalize
from genmo.runtime.render.mesh_grid import Grid
from genmo.runtime.support.arrays import Array

Integers = npt.NDArray[np.integer]
Side = Literal["left", "middle", "right"]

CELL = 0.02  # metres; the largest that a vertex is moved in one push
BLEND = 0.011  # metres; how far the surfaces of neighbouring parts melt into each other
SOLE_EDGE = 0.0025  # metres; how round the edge of the flat sole is
NEAR_GRID, NEAR_SURFACE = 3.5 * BLEND, 6 * BLEND  # metres; a part matters no further off
FAINT = 1e-8  # density where no part is near
PUSHES = 3  # Newton steps that pull the mesh onto the surface


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
    blend: float = BLEND
    """metres; how far its surface melts into the others'"""


@dataclass(frozen=True, eq=False)
class _Cones:
    """Round cones as arrays: one row a part, or one row a pair of a part and a point."""

    start: Array
    """[n, 3] metres"""
    axis_scale: Array
    """[n, 3] what a squashed part's axis is multiplied by"""
    axis: Array
    """[n, 3] unit, stretched"""
    length: Array
    """[n] metres, stretched"""
    radius: Array
    """[n] metres, at the start"""
    taper: Array
    """[n] radius gained a metre of the axis"""
    flat: Array
    """[n]"""
    blend: Array
    """[n] metres"""

    def __getitem__(self, rows: Any) -> _Cones:
        return _Cones(*(getattr(self, field.name)[rows] for field in fields(self)))

    def distance(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Signed distances in metres (approximate where the part is squashed) of places relative to the start.

        Also where on the axis the nearest sphere of the sweep is centred, and how far that centre is, both stretched.
        Everything may be broadcast.
        """
        x, y, z = x * self.axis_scale[..., 0], y * self.axis_scale[..., 1], z * self.axis_scale[..., 2]
        along = x * self.axis[..., 0] + y * self.axis[..., 1] + z * self.axis[..., 2]
        beside = np.sqrt(np.maximum(x * x + y * y + z * z - along * along, 0.0))
        # The nearest sphere of the sweep lies where the surface normal, tilted by the taper, meets the axis.
        centre = along + self.taper / np.sqrt(1 - self.taper**2) * beside
        centre = np.minimum(np.maximum(centre, 0.0), self.length)
        away = np.sqrt((along - centre) ** 2 + beside**2)
        return (away - self.radius - self.taper * centre) * self.flat, centre, away


def _cones(shapes: list[Shape]) -> _Cones:
    """The parts stacked, [parts]."""
    start, end = (np.stack([getattr(shape, name) for shape in shapes]) for name in ("start", "end"))
    flat = np.asarray([shape.flat for shape in shapes])
    axis_scale = np.ones_like(start)
    axis_scale[np.arange(len(shapes)), [shape.flat_axis for shape in shapes]] = 1 / flat
    radii = np.asarray([shape.radii for shape in shapes])
    axis = (end - start) * axis_scale
    length = np.linalg.norm(axis, axis=1)
    taper = np.clip((radii[:, 1] - radii[:, 0]) / length, -0.95, 0.95)
    blend = np.asarray([shape.blend for shape in shapes])
    rows = start, axis_scale, axis / length[:, None], length, radii[:, 0], taper, flat, blend
    return _Cones(*(values.astype(np.float32) for values in rows))  # half the time; a micrometre is enough


def _box(shape: Shape, margin: float) -> tuple[Array, Array]:
    """Opposite corners [3] of the part's bounding box, widened by `margin` metres."""
    extent = max(shape.radii) + margin
    return np.minimum(shape.start, shape.end) - extent, np.maximum(shape.start, shape.end) + extent


def _cut(density: Array, height: Array) -> tuple[Array, Array]:
    """Density cut by the floor, and how much of the surface there is the floor's (0 to 1).

    A density is exp(-distance / BLEND): over 1 inside.  `height` is metres over the sole; the larger of the two
    distances counts, with an edge as round as SOLE_EDGE.
    """
    power = BLEND / SOLE_EDGE
    body, floor = np.maximum(density, FAINT) ** -power, np.exp(-np.maximum(height, -0.2) / SOLE_EDGE)
    return (body + floor) ** (-1 / power), floor / (body + floor)


def _density(shapes: list[Shape], soles: Array, grid: Grid) -> Array:
    """The body's density on the nodes of a grid, [nx, ny, nz].

    Parts add up within a side and with the middle; of left and right the denser counts, so that the thighs do not melt
    into each other below the crotch.
    """
    cones = _cones(shapes)
    x, y, z = grid.nodes()  # [nx, ny, 1], [1, ny, 1], [nx, ny, nz]
    sides = {side: np.zeros(z.shape, np.float32) for side in ("left", "right")}
    for part, shape in enumerate(shapes):
        box = grid.within(*_box(shape, NEAR_GRID))
        offsets = [
            values[tuple(span if size > 1 else slice(None) for span, size in zip(box, values.shape, strict=True))]
            - np.float32(start)
            for values, start in zip((x, y, z), shape.start, strict=True)
        ]
        share = np.exp(cones[part].distance(*offsets)[0] / -shape.blend)
        for side, total in sides.items():
            if shape.side in (side, "middle"):
                total[box] += share
    density = np.maximum(sides["left"], sides["right"])
    layers = int(np.searchsorted(y[0, :, 0], soles.max() + 12 * SOLE_EDGE))
    height = y[:, :layers] - np.where(x[:, :layers] > 0, soles[0], soles[1]).astype(np.float32)
    density[:, :layers] = _cut(density[:, :layers], height)[0]
    return density


_CORNERS = np.stack(np.meshgrid((0, 1), (0, 1), (0, 1), indexing="ij"), axis=-1).reshape(8, 3)
_EDGES = np.asarray([(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1])


def _cell_vertices(density: Array) -> tuple[Array, Integers]:
    """Surface-net vertices [n, 3] in grid units, and the vertex number [nx * ny * nz] of each cell or -1."""
    count = (density > 1).view(np.uint8).ravel()  # corners inside, 0 to 8, of the cell that starts at each node
    for step in _strides(density):
        count = count[:-step] + count[step:]
    # The grid's rim is empty, so that the wrap from the end of a row to the next one's start finds nothing.
    cell = np.flatnonzero((count > 0) & (count < 8))
    corner = cell[:, None] + _CORNERS @ _strides(density)  # [n, 8]
    values = np.log(np.maximum(density.ravel()[corner], FAINT))  # [n, 8]
    first, second = values[:, _EDGES[:, 0]], values[:, _EDGES[:, 1]]  # [n, 12]
    cuts = (first > 0) != (second > 0)
    share = np.where(cuts, first / np.where(cuts, first - second, 1.0), 0.0)
    ends = _CORNERS[_EDGES]
    total = cuts @ ends[:, 0].astype(float) + share @ (ends[:, 1] - ends[:, 0]).astype(float)
    number = np.full(density.size, -1, np.int32)
    number[cell] = np.arange(len(cell))
    index = np.stack(np.unravel_index(cell, density.shape), axis=-1)  # [n, 3]
    return index + total / cuts.sum(axis=1, keepdims=True), number


def _strides(grid: Array) -> Integers:
    """How far [3] neighbours along each axis lie apart in the flattened grid."""
    return np.asarray(grid.strides) // grid.itemsize


def _net_faces(density: Array, number: Integers) -> Integers:
    """Triangles [faces, 3]: each grid edge that the surface crosses gives the quad of its four cells."""
    quads = []
    inside, steps = (density > 1).ravel(), _strides(density)
    for axis in range(3):
        edges = np.flatnonzero(inside[: -steps[axis]] != inside[steps[axis] :])
        u, v = steps[[(axis + 1) % 3, (axis + 2) % 3]]
        quad = number[edges[:, None] - (u + v, v, 0, u)]  # [edges, 4]
        # The solid lies below the edge where its start is inside: then u, v, axis is the outward turn.
        quads.append(np.where(inside[edges][:, None], quad, quad[:, ::-1]))
    quad = np.concatenate(quads)
    return np.concatenate([quad[:, [0, 1, 2]], quad[:, [0, 2, 3]]])


@dataclass(frozen=True, eq=False)
class Pairs:
    """Each point with each part that matters there, ordered by part."""

    cones: _Cones
    """[pairs]"""
    part: Integers
    """[pairs]"""
    point: Integers
    """[pairs]"""

    def __getitem__(self, rows: Any) -> Pairs:
        return Pairs(self.cones[rows], self.part[rows], self.point[rows])

    def distance(self, points: Array) -> Array:
        """Signed distance [pairs] in metres of each pair's point, of `points` [n, 3], to its part."""
        return self.cones.distance(*(points[self.point] - self.cones.start).T)[0]

    def gradient(self, points: Array) -> tuple[Array, Array]:
        """`distance` and its gradient [pairs, 3]."""
        offset = points[self.point] - self.cones.start  # [pairs, 3]
        distance, centre, away = self.cones.distance(*offset.T)
        axis_scale = self.cones.axis_scale
        outward = offset * axis_scale - centre[:, None] * self.cones.axis
        return distance, outward * axis_scale * (self.cones.flat / np.maximum(away, 1e-9))[:, None]


def near_pairs(shapes: list[Shape], points: Array, most: float) -> Pairs:
    """The pairs of parts and points [n, 3] that are less than `most` metres apart."""
    indices = []
    columns = np.ascontiguousarray(points.T)
    for shape in shapes:
        within = np.ones(len(points), np.bool_)
        for column, low, high in zip(columns, *_box(shape, most), strict=True):
            within &= (column > low) & (column < high)
        indices.append(np.flatnonzero(within))
    part = np.repeat(np.arange(len(shapes)), [len(rows) for rows in indices])
    pairs = Pairs(_cones(shapes)[part], part, np.concatenate(indices))
    return pairs[pairs.distance(points) < most]


def _level(shapes: list[Shape], soles: Array, pairs: Pairs, points: Array) -> tuple[Array, Array]:
    """The body's signed distance [n] in metres at points [n, 3], and its gradient [n, 3]."""
    distance, slope = pairs.gradient(points)
    blend = pairs.cones.blend
    share = np.exp(distance / -blend)
    sides = np.asarray([shape.side for shape in shapes])[pairs.part]

    def summed(values: Array) -> Array:
        return np.bincount(pairs.point, values, len(points)).astype(np.float32)

    left, right = (summed(share * (sides != other)) for other in ("right", "left"))
    share *= np.where((left > right)[pairs.point], sides != "right", sides != "left")
    body = np.maximum(left, right)
    steep = share * (np.float32(BLEND) / blend)
    gradient = np.stack([summed(steep * along) for along in slope.T], axis=-1) / np.maximum(body, FAINT)[:, None]
    height = points[:, 1] - np.where(points[:, 0] > 0, soles[0], soles[1]).astype(np.float32)
    density, floor = _cut(body, height)
    gradient = gradient * (1 - floor[:, None]) - floor[:, None] * np.asarray((0, 1, 0), np.float32)
    return -BLEND * np.log(density), gradient


def smooth_surface(shapes: list[Shape], soles: Array, grid: Grid) -> tuple[Array, Array, Integers]:
    """The skin over the parts: vertices [n, 3] metres, unit outward normals [n, 3], both float32, and triangles [m, 3].

    `soles` [2]: heights below which there is no left and right side; `grid`: where the field is sampled.
    """
    density = _density(shapes, soles, grid)
    cells, number = _cell_vertices(density)
    faces = _net_faces(density, number)
    vertices = grid.places(cells).astype(np.float32)
    pairs = near_pairs(shapes, vertices, NEAR_SURFACE)
    for _ in range(PUSHES):
        distance, slope = _level(shapes, soles, pairs, vertices)
        steepness = np.maximum(np.sum(slope**2, axis=-1), 0.25)
        vertices = vertices - np.clip((distance / steepness)[:, None] * slope, -CELL / 2, CELL / 2)
    normals = normalize(_level(shapes, soles, pairs, vertices)[1]).astype(np.float32)
    return vertices, normals, faces
