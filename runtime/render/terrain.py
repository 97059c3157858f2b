"""Ground that is not flat, for pictures: its heights on a grid around where somebody goes, and as triangles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.ground import HeightGrid, Heights
from genmo.runtime.motion.rotation import cross, normalize
from genmo.runtime.support.arrays import Array

REACH = 3.5
"""metres of ground around a path"""
FADE = 1.5
"""metres over which the ground fades out at its border"""
FINEST = 0.05
"""metres between two heights"""
MOST = 40_000
"""heights; of longer ways they are further apart"""


def grid_around(heights: Heights, path: Array) -> HeightGrid:
    """The ground around a path [frames, 3], metres."""
    places = path[:, [0, 2]]
    low, high = places.min(axis=0) - REACH, places.max(axis=0) + REACH
    spacing = max(FINEST, float(np.sqrt(np.prod(high - low) / MOST)))
    x, z = (low[axis] + spacing * np.arange(int(np.ceil((high - low)[axis] / spacing)) + 1) for axis in (0, 1))
    grid = np.stack(np.meshgrid(x, z, indexing="ij"), axis=-1)
    return HeightGrid(np.asarray(heights(grid), np.float64), (float(x[0]), float(z[0])), spacing)


@dataclass(frozen=True, eq=False)
class TerrainMesh:
    """A grid of heights as triangles, counter-clockwise from above."""

    vertices: Array
    """[vertices, 3] metres"""
    normals: Array
    """[vertices, 3]"""
    faces: npt.NDArray[np.intp]
    """[faces, 3]"""
    shown: Array
    """[vertices] 0 at the border to 1"""


def mesh_of(grid: HeightGrid) -> TerrainMesh:
    """The triangles between the heights of a grid."""
    heights = np.asarray(grid.heights, np.float64)
    rows, columns = heights.shape
    number = np.arange(rows * columns).reshape(rows, columns)
    x, z = (grid.origin[axis] + grid.spacing * np.arange(heights.shape[axis]) for axis in (0, 1))
    at = np.stack([*np.meshgrid(x, z, indexing="ij")], axis=-1)
    points = np.stack([at[..., 0], heights, at[..., 1]], axis=-1)
    along_x, along_z = np.gradient(points, axis=0), np.gradient(points, axis=1)
    corners = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    a, b, c, d = (corner.reshape(-1) for corner in corners)
    faces = np.concatenate([np.stack([a, c, b], axis=-1), np.stack([a, d, c], axis=-1)])
    steps = [np.minimum(np.arange(n), np.arange(n)[::-1]) * grid.spacing for n in (rows, columns)]
    shown = smoothstep(np.minimum.outer(*steps) / FADE)
    return TerrainMesh(
        points.reshape(-1, 3), normalize(cross(along_z, along_x).reshape(-1, 3)), faces, shown.reshape(-1)
    )
