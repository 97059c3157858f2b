"""The root of a body over the ground, as games move a character: a bone on the ground (y = 0) under the body that faces
where the body faces.

It takes the slow part of the pelvis's way and heading; the sway of each step stays with the pelvis, and so do height,
lean and jumps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.filters import raised_cosine
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, transpose, yaw_of
from genmo.runtime.support.arrays import Array

ROOT_BONE = "root"
"""the name that Unreal wants of the first bone; Unity takes any"""
SMOOTHING = 0.5
"""seconds on either side of a frame over which the root is averaged: about a stride in all"""
GROUND = np.array([1.0, 0.0, 1.0])
"""what of a place is a place on the ground"""


@dataclass(frozen=True, eq=False)
class RootTrack:
    """A root over the frames of a motion, on the ground y = 0."""

    position: Array
    """[frames, 3] metres"""
    yaw: Array
    """[frames] radians about +y from +z, without jumps by full turns"""

    @property
    def rotation(self) -> Array:
        """[frames, 3, 3] the root in the world."""
        return matrix_from_yaw(self.yaw)

    def inside(self, rotation: Array, position: Array) -> tuple[Array, Array]:
        """World rotations [frames, 3, 3] and positions [frames, 3] as the root sees them."""
        to_root = transpose(self.rotation)
        return to_root @ rotation, rotate(to_root, position - self.position)


def track_of(
    rotation: Array, position: Array, fps: float, loops: bool = False, facing: Array | None = None
) -> RootTrack:
    """The root under a body with rotations [frames, 3, 3] and positions [frames, 3] in the world (y up, metres).

    Averaged with a raised cosine, over `SMOOTHING` on either side.  At both ends the way goes on as it came, turned
    about the end, so that it begins and ends under the body; of a cycle it goes on with the next one.
    `facing` [frames]: headings to average in place of those of `rotation`, radians without jumps.
    """
    yaw = np.unwrap(yaw_of(np.asarray(rotation, np.float64))) if facing is None else np.asarray(facing, np.float64)
    place = np.asarray(position, np.float64) * GROUND
    radius = max(1, round(SMOOTHING * fps))
    if loops and len(yaw) > 1:
        yaw, place = _cycled(yaw, place, radius)
    else:
        yaw, place = _mirrored(yaw[:, None], radius)[:, 0], _mirrored(place, radius)
    taps = raised_cosine(radius, radius)
    smooth = [np.convolve(column, taps, mode="valid") for column in (yaw, *place.T)]
    return RootTrack(np.stack(smooth[1:], axis=1), smooth[0])


def _mirrored(values: Array, count: int) -> Array:
    """Values [frames, k] with `count` more at each end: what is on the other side, turned about the end."""
    index = np.arange(1, count + 1)
    before = 2 * values[0] - values[np.minimum(index[::-1], len(values) - 1)]
    after = 2 * values[-1] - values[np.maximum(len(values) - 1 - index, 0)]
    return np.concatenate([before, values, after])


def _cycled(yaw: Array, place: Array, count: int) -> tuple[Array, Array]:
    """Headings [frames] and places [frames, 3] of a cycle with `count` more at each end: of the cycles beside it."""
    period = len(yaw) - 1
    cycle, phase = np.divmod(np.arange(-count, len(yaw) + count), period)
    turn = yaw[-1] - yaw[0]
    step = matrix_from_yaw(turn)
    back = transpose(step)
    places = {0: place}
    for number in range(1, int(cycle.max()) + 1):
        places[number] = place[-1] + rotate(step, places[number - 1] - place[0])
    for number in range(-1, int(cycle.min()) - 1, -1):
        places[number] = place[0] + rotate(back, places[number + 1] - place[-1])
    return yaw[phase] + cycle * turn, np.stack([places[int(c)][p] for c, p in zip(cycle, phase, strict=True)])
