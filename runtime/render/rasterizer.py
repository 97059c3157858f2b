"""Triangles to pixels: libgenmo where it is, else numpy, all triangles at once; each pixel of their boxes is tested.

It suits meshes of many small triangles, as bodies are: the work is the summed area of the triangles' boxes.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array

Integers = npt.NDArray[np.intp]
BATCH = 2**21
"""Candidate pixels worked on at a time: memory stays bounded for triangles of any size."""


@dataclass(frozen=True, eq=False)
class Hits:
    """Pixels that triangles cover, each as often as it is covered."""

    pixel: Integers
    """[hits] row * width + column"""
    face: Integers
    """[hits] which triangle"""
    share: Array
    """[hits, 3] weights of its corners on the screen; they sum to 1"""


def covered(corners: Array, width: int, height: int) -> list[Hits]:
    """The pixels whose centres lie in triangles with corners [faces, 3, 2] (x right, y down, in pixels), in batches.

    A centre on an edge belongs to both triangles of the edge, so that meshes have no holes.
    """
    low = np.floor(corners.min(axis=1)).astype(np.intp)
    high = np.ceil(corners.max(axis=1)).astype(np.intp)
    low, high = np.maximum(low, 0), np.minimum(high, (width, height))
    size = np.maximum(high - low, 0)
    a, b, c = (corners[:, k] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    count = np.where(np.abs(area) > 1e-9, size.prod(axis=1), 0)
    faces = np.flatnonzero(count)
    if not len(faces):
        return []
    groups = np.cumsum(count[faces]) // BATCH
    return [
        _test(corners, area, low, size, faces[groups == group], count, width)
        for group in np.unique(groups)
    ]  # fmt: skip


def _test(
    corners: Array, area: Array, low: Integers, size: Integers, faces: Integers, count: Integers, width: int
) -> Hits:
    """The hits among all pixels of the boxes of `faces`."""
    face = np.repeat(faces, count[faces])
    number = np.arange(len(face)) - np.repeat(np.cumsum(count[faces]) - count[faces], count[faces])
    row, column = np.divmod(number, size[face, 0])
    x, y = low[face, 0] + column, low[face, 1] + row
    share = np.empty((len(face), 3))  # [candidates, 3]
    for k in range(3):
        p, q = corners[:, (k + 1) % 3], corners[:, (k + 2) % 3]
        step = (q - p) / np.where(area == 0, 1, area)[:, None]
        # Twice the area that the pixel spans with the edge opposite of corner k, over that of the whole triangle.
        constant = step[:, 1] * p[:, 0] - step[:, 0] * p[:, 1]
        share[:, k] = step[face, 0] * (y + 0.5) - step[face, 1] * (x + 0.5) + constant[face]
    inside = (share >= -1e-9).all(axis=1)
    return Hits((y * width + x)[inside], face[inside], share[inside])


def coverage(corners: Array, width: int, height: int) -> npt.NDArray[np.bool_]:
    """[height, width] the pixels whose centres any of the triangles [faces, 3, 2] covers."""
    if native.library():
        out = np.empty((height, width), np.bool_)
        packed = np.ascontiguousarray(corners, np.float64)
        size, count = map(ctypes.c_int32, (width, height)), ctypes.c_int64(len(packed))
        native.call("genmo_draw_coverage", *size, count, native.address(packed), native.address(out))
        return out
    mask = np.zeros(width * height, np.bool_)
    for hits in covered(corners, width, height):
        mask[hits.pixel] = True
    return mask.reshape(height, width)


def nearest(corners: Array, depth: Array, colors: Array, width: int, height: int) -> tuple[Array, Array]:
    """Colours [height, width, 3] and depth [height, width] (infinite where nothing is) of the nearest triangles.

    `corners` [faces, 3, 2] pixels, `depth` [faces, 3] metres before the camera (over 0), `colors` [faces, 3, 3] at the
    corners; both vary in perspective: linearly in 1 / depth on the screen.
    """
    image, z_buffer = np.zeros((width * height, 3)), np.full(width * height, np.inf)
    for hits in covered(corners, width, height):
        weight = hits.share / depth[hits.face]  # [hits, 3]
        total = weight.sum(axis=1)
        away = 1 / total
        order = np.argsort(-away, kind="stable")
        order = order[away[order] < z_buffer[hits.pixel[order]]]
        # Of a pixel that is there several times the last stays, which is the nearest.
        pixel = hits.pixel[order]
        z_buffer[pixel] = away[order]
        weight, face = (weight[order] * away[order, None]), hits.face[order]
        image[pixel] = np.einsum("hk,hkc->hc", weight, colors[face])
    return image.reshape(height, width, 3), z_buffer.reshape(height, width)


def drawn(corners: Array, depth: Array, colors: Array, width: int, height: int, smooth: int) -> Array:
    """[height, width, 4] float32: colour times coverage, and coverage 0 to 1, of the nearest triangles.

    They are drawn on a picture `smooth` times as wide and high, whose pixels `corners` counts, and averaged.  Arguments
    as for `nearest`.
    """
    if native.library():
        out = np.empty((height, width, 4), np.float32)
        arrays = [np.ascontiguousarray(array, np.float64) for array in (corners, depth, colors)]
        size, count = map(ctypes.c_int32, (width, height, smooth)), ctypes.c_int64(len(corners))
        native.call(
            "genmo_draw_triangles", *size, count, *[native.address(array) for array in arrays], native.address(out)
        )
        return out
    image, away = nearest(corners, depth, colors, width * smooth, height * smooth)
    whole = np.concatenate([image, np.isfinite(away)[..., None]], axis=-1, dtype=np.float32)
    blocks = whole.reshape(height, smooth, width, smooth, 4)
    return np.asarray(blocks.mean(axis=(1, 3)))


def blurred(image: Array, radius: int) -> Array:
    """An image [height, width] averaged over squares of 2 * radius + 1 pixels, twice."""
    for _ in range(2):
        for axis in (0, 1):
            width = [(radius + 1, radius) if k == axis else (0, 0) for k in (0, 1)]
            total = np.cumsum(np.pad(image, width, mode="edge"), axis=axis)
            ahead = np.take(total, range(2 * radius + 1, total.shape[axis]), axis=axis)
            behind = np.take(total, range(total.shape[axis] - 2 * radius - 1), axis=axis)
            image = (ahead - behind) / (2 * radius + 1)
    return image
