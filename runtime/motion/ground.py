"""Ground that is not flat, as a height under every place: any function of places, planes with borders, or a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

Heights = Callable[[Array], Array]
"""places [..., 2] (x, z), metres -> heights [...], metres"""
NEAR = 0.02
"""metres between the places whose heights tell a slope"""
HIGHEST = 1e4
"""metres; no ground in a file is further up or down"""


@dataclass(frozen=True)
class Plane:
    """A part of the ground: `height` at its corner of least x and z, and how much it rises along x and z.

    Where a border is infinite, the height is that at 0.
    """

    height: float = 0.0
    x: tuple[float, float] = (-np.inf, np.inf)
    z: tuple[float, float] = (-np.inf, np.inf)
    rise_x: float = 0.0
    """metres a metre"""
    rise_z: float = 0.0

    def __post_init__(self) -> None:
        values = np.array([self.height, self.rise_x, self.rise_z])
        if not (np.isfinite(values).all() and (np.abs(values) <= HIGHEST).all()):
            raise InputError(f"a plane of the ground has height and rises {values.tolist()}; wanted finite metres")
        for name, (low, high) in (("x", self.x), ("z", self.z)):
            if not low < high:
                raise InputError(f"a plane of the ground has {name} from {low:g} to {high:g}; wanted a rising span")


@dataclass(frozen=True)
class Planes:
    """Planes over one another: at each place the last one in the list counts; where there is none the ground is 0."""

    planes: Sequence[Plane]

    def __call__(self, places: Array) -> Array:
        """Heights [...] under places [..., 2]."""
        x, z = places[..., 0], places[..., 1]
        heights = np.zeros(places.shape[:-1])
        for plane in self.planes:
            inside = (x >= plane.x[0]) & (x < plane.x[1]) & (z >= plane.z[0]) & (z < plane.z[1])
            corner = [low if np.isfinite(low) else 0.0 for low in (plane.x[0], plane.z[0])]
            rising = plane.height + plane.rise_x * (x - corner[0]) + plane.rise_z * (z - corner[1])
            heights = np.where(inside, rising, heights)
        return np.asarray(heights)


@dataclass(frozen=True, eq=False)
class HeightGrid:
    """Heights at the points of a grid, linear between them; beyond it the nearest border counts."""

    heights: Array
    """[nx, nz] metres, at least 2 x 2"""
    origin: tuple[float, float]
    """x and z of heights[0, 0], metres"""
    spacing: float
    """metres between two points"""

    def __post_init__(self) -> None:
        shape = np.shape(self.heights)
        if len(shape) != 2 or min(shape) < 2 or not np.isfinite(self.heights).all():
            raise InputError(f"heights of the ground are {list(shape)}; wanted [2 or more, 2 or more] finite metres")
        if not (self.spacing > 0 and np.isfinite([self.spacing, *self.origin]).all()):
            raise InputError(f"the grid's spacing is {self.spacing:g}; wanted metres over 0, and a finite origin")

    def __call__(self, places: Array) -> Array:
        """Heights [...] under places [..., 2]."""
        size = np.array(self.heights.shape) - 1
        steps = np.clip((places - np.array(self.origin)) / self.spacing, 0, size)
        low = np.minimum(steps.astype(np.int64), size - 1)
        share = steps - low
        (i, j), (s, t) = np.moveaxis(low, -1, 0), np.moveaxis(share, -1, 0)
        near = (1 - t) * self.heights[i, j] + t * self.heights[i, j + 1]
        far = (1 - t) * self.heights[i + 1, j] + t * self.heights[i + 1, j + 1]
        return np.asarray((1 - s) * near + s * far)


def normals(heights: Heights, places: Array) -> Array:
    """Unit normals [..., 3] of the ground under places [..., 2], from heights `NEAR` around them."""
    slopes = []
    for axis in range(2):
        step = NEAR * np.eye(2)[axis]
        slopes.append((heights(places + step) - heights(places - step)) / (2 * NEAR))
    upright = np.stack([-slopes[0], np.ones_like(slopes[0]), -slopes[1]], axis=-1)
    return np.asarray(upright / np.linalg.norm(upright, axis=-1, keepdims=True))
