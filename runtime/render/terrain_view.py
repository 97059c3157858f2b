"""Pictures of somebody on ground that is not flat: a mesh, drawn with the body, that lies in the body's shadow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.ground import Heights
from genmo.runtime.render.floor import HALF, LIGHT_TILE, SHADE_TILE, SHADOW, SHADOW_ALPHA, SKY
from genmo.runtime.render.rasterizer import blurred, coverage, drawn
from genmo.runtime.render.shot import NEAR, Shot
from genmo.runtime.render.terrain import grid_around, mesh_of
from genmo.runtime.support.arrays import Array

TEXEL = 0.02
"""metres of the picture that the light sees"""
SOFT = 2
"""texels that the edge of a shadow is soft by"""
LEVEL = 0.78
"""how bright a slope is that turns away from the sun, of a flat floor"""


class TerrainView:
    """The ground around a path [frames, 3] in metres, under a light that comes from `sun` [3]."""

    def __init__(self, ground: Heights, path: Array, sun: Array) -> None:
        self._grid, self._sun = grid_around(ground, path), sun
        mesh = mesh_of(self._grid)
        self._vertices, self._faces, self._shown = mesh.vertices, mesh.faces, mesh.shown[:, None]
        tile = np.floor(mesh.vertices[:, [0, 2]] + 0.25).sum(axis=1) % 2
        flat = SHADE_TILE + tile[:, None] * (LIGHT_TILE - SHADE_TILE)
        steep = np.clip(mesh.normals @ sun / sun[1], 0, 1.08)
        self._colors = flat * (LEVEL + (1 - LEVEL) * steep)[:, None]
        self._across = self._from_light(mesh.vertices)

    def under(self, points: Array) -> Array:
        """Heights [...] of the ground under points [..., 3]."""
        return self._grid(points[..., [0, 2]])

    def picture(self, shot: Shot, smooth: int, vertices: Array, faces: npt.NDArray[np.intp], lit: Array) -> Array:
        """[3, height, width], 0 to 255 and HALF: ground and body; `shot` is `smooth` times as fine.

        `vertices` [n, 3] of the body, `lit` [n, 3] their colours of 0 to 1, `faces` [m, 3].
        """
        dark = SHADOW_ALPHA * self._shadow(vertices, faces)[:, None]
        ground = self._shown * (self._colors + dark * (SHADOW - self._colors)) + (1 - self._shown) * SKY
        points = np.concatenate([vertices, self._vertices])
        colors = 255 * np.concatenate([lit, ground]) + HALF
        pixels, depth = shot.project(points)
        triangles = np.concatenate([faces, self._faces + len(vertices)])
        triangles = triangles[(depth[triangles] > NEAR).all(axis=1)]
        corners = pixels[triangles]
        inside = (corners.max(axis=1) > 0).all(axis=1) & (corners.min(axis=1) < [shot.width, shot.height]).all(axis=1)
        triangles, corners = triangles[inside], corners[inside]
        size = shot.width // smooth, shot.height // smooth
        seen = drawn(corners, depth[triangles], colors[triangles], *size, smooth)
        sky = 255 * SKY + HALF
        whole = seen[..., :3] + (1 - seen[..., 3:]) * sky
        return np.minimum(np.moveaxis(whole, -1, 0), 255)

    def _from_light(self, points: Array) -> Array:
        """Where points [n, 3] are in the picture that the light sees [n, 2], metres."""
        return np.asarray(points[:, [0, 2]] - points[:, 1:2] * (self._sun / self._sun[1])[[0, 2]])

    def _shadow(self, vertices: Array, faces: npt.NDArray[np.intp]) -> Array:
        """How much of each vertex of the ground [n] lies in the shadow of a body, 0 to 1."""
        body = self._from_light(vertices)
        margin = TEXEL * (2 * SOFT + 2)
        low = body.min(axis=0) - margin
        width, height = (int(n) for n in np.ceil((body.max(axis=0) + margin - low) / TEXEL))
        mask = coverage(((body - low) / TEXEL)[faces], width, height)
        soft = blurred(mask.astype(np.float64), SOFT)
        x, y = ((self._across - low) / TEXEL).astype(int).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        shadow = np.zeros(len(x))
        shadow[inside] = soft[y[inside], x[inside]]
        return shadow
