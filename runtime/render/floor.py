"""The floor that every frame of a camera shows: tiles that fade into the sky, computed once; only their places move.

The camera keeps its direction and its height over the floor, so that what a pixel sees of it (how far, at what slant,
how deep in the haze) is the same in every frame.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.support.arrays import Array

SKY, LIGHT_TILE, SHADE_TILE = (
    np.asarray(rgb) for rgb in ([0.914, 0.929, 0.945], [0.865, 0.885, 0.905], [0.80, 0.826, 0.855])
)
SHADOW, SHADOW_ALPHA = np.asarray([0.02, 0.04, 0.08]), 0.3
HALF = 0.5
"""of a grey level: every colour in the making is higher by it, so that cutting off its fraction rounds it"""
ROWS = 24
"""worked on at a time: what is in between stays in the cache"""
HAZE = 4.0, 17.0
"""metres from what the camera looks at: where the floor begins to fade, and where it is gone"""


class Floor:
    """Tiles of one metre under a camera `height` metres over the floor with axes `right`, `up`, `back` [3].

    `focal` and `size` (width, height) are pixels; `aim` [2]: x and z, from the camera, of the place on the floor under
    what it looks at.
    """

    def __init__(
        self, axes: tuple[Array, Array, Array], height: float, aim: Array, focal: float, size: tuple[int, int]
    ) -> None:
        right, up, back = axes
        self.width, self.height = size
        across = (np.arange(self.width) + 0.5 - 0.5 * self.width) / focal
        down = (0.5 * self.height - np.arange(self.height) - 0.5) / focal
        rays = across[None, :, None] * right + down[:, None, None] * up - back  # [height, width, 3]
        below = -rays[..., 1]
        self.first = int(np.argmax((below > 1e-6).all(axis=1))) if (below > 1e-6).any() else self.height
        """the first row that shows floor"""
        rays, below = rays[self.first :], below[self.first :]
        distance = height / below
        points = distance[..., None] * rays[..., [0, 2]]  # [rows, width, 2] from the camera
        long = np.linalg.norm(rays, axis=-1)
        # How many metres a pixel spans along the floor, where the slant stretches it.
        span = distance / focal * long / np.maximum(below / long, 1e-3)
        haze = smoothstep((np.linalg.norm(points - aim, axis=-1) - HAZE[0]) / (HAZE[1] - HAZE[0]))
        sharp = 1 / np.maximum(span, 1e-4)
        fading = np.clip((span - 0.3) / 0.9, 0, 1)
        contrast = 255 * (1 - haze)[..., None] * (LIGHT_TILE - SHADE_TILE)
        still = 255 * (SHADE_TILE * (1 - haze)[..., None] + SKY * haze[..., None]) + 0.5 * fading[..., None] * contrast

        def planes(values: Array) -> Array:  # one after the other: whole rows of one number are quick to work on
            return np.ascontiguousarray(np.moveaxis(values, -1, 0), np.float32)

        self._half = planes(0.5 * points)
        self._slope, self._offset = (2 * sharp).astype(np.float32), (0.5 - 0.5 * sharp).astype(np.float32)
        self._still, self._swing = planes(still + HALF), planes(contrast * (1 - fading)[..., None])
        self._dark = planes(255 * (SHADOW * (1 - haze)[..., None] + SKY * haze[..., None]) + HALF)

    def tiles(self, eye: Array) -> Array:
        """[3, height, width] sky and floor, float32, 0 to 255 and HALF, seen from `eye` [3]."""
        image = np.empty((3, self.height, self.width), np.float32)
        image[:, : self.first] = 255 * SKY[:, None, None] + HALF
        shifts = ((0.5 * (eye[[0, 2]] + 0.25)) % 1).astype(np.float32)
        for row in range(0, self.height - self.first, ROWS):
            rows = slice(row, row + ROWS)
            odd, other = (self._stripes(axis, rows, shifts[axis]) for axis in (0, 1))
            both = odd * other
            both *= 2
            odd += other
            odd -= both
            for channel in range(3):
                part = image[channel, self.first + row : self.first + row + ROWS]
                np.multiply(self._swing[channel, rows], odd, out=part)
                part += self._still[channel, rows]
        return image

    def _stripes(self, axis: int, rows: slice, shift: np.float32) -> Array:
        """[rows, width] 0 to 1: whether a pixel's tile is odd along x (0) or z (1), averaged over the pixel."""
        stripe: Array = self._half[axis, rows] + shift
        stripe -= np.floor(stripe)
        stripe -= np.float32(0.5)
        np.abs(stripe, out=stripe)
        stripe *= self._slope[rows]
        stripe += self._offset[rows]
        return np.clip(stripe, 0, 1, out=stripe)

    def darken(self, image: Array, shadow: Array, corner: tuple[int, int]) -> None:
        """Lay a shadow [rows, columns] of 0 to 1, its first pixel at `corner` (row, column), on an image of `tiles`."""
        row, column = corner
        hidden = max(self.first - row, 0)  # rows of sky
        if hidden >= len(shadow):
            return
        dark = (SHADOW_ALPHA * shadow[hidden:]).astype(np.float32)
        rows = slice(row + hidden, row + len(shadow))
        columns = slice(column, column + shadow.shape[1])
        part = image[:, rows, columns]
        part += dark * (self._dark[:, rows.start - self.first : rows.stop - self.first, columns] - part)
