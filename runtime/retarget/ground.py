"""Ground that is known at points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.support.arrays import Array

UNDER = 0.8
"""of the leg's length along the ground, within which a point tells what is under a foot"""


@dataclass(frozen=True, eq=False)
class Ground:
    """The height of the ground at points; the nearest point counts, and none that is far."""

    places: Array
    """[points, 2] x and z"""
    heights: Array
    """[points] y"""
    reach: float
    """how far a point counts"""

    def under(self, places: Array) -> Array:
        """Heights [...] under places [..., 2] (x, z); NaN where nothing is known."""
        flat = places.reshape(-1, 2)
        distance = np.linalg.norm(flat[:, None] - self.places[None], axis=-1)  # [n, points]
        nearest = distance.argmin(axis=1)
        known = distance[np.arange(len(flat)), nearest] <= self.reach
        return np.where(known, self.heights[nearest], np.nan).reshape(places.shape[:-1])
