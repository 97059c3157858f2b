"""The soles of a character's mesh: the points of a foot that touch the ground first, whichever way it is tilted.

A shoe ends centimetres before the toes' joint and behind the ankle, so joints alone leave it in the ground at push-off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate
from genmo.runtime.retarget.rig import Integers, Rig, bind_matrices, skinned_vertices
from genmo.runtime.support.arrays import Array, Flags

LOW = 0.25
"""of the leg's length over the floor: higher parts of a mesh are no sole"""
MOST = np.radians(70)
"""toes bend no further"""
_STEPS = 12
"""halvings of that: 0.02 degrees"""


@dataclass(frozen=True, eq=False)
class Sole:
    """Points of a foot's mesh in the rest pose, y up, facing +z, in the rig's unit."""

    foot: Array
    """[n, 3] from the foot's bone"""
    toes: Array
    """[n, 3] from the toes' bone; without one as `foot`"""
    share: Array
    """[n] how far each point moves with the toes"""
    front: Flags
    """[n] whether it moves with the toes mostly and lies before their joint"""
    depth: float
    """how far the lowest point is under the floor at rest; 0 or less"""

    def lowest(self, foot: tuple[Array, Array], toes: tuple[Array, Array]) -> Array:
        """Heights [frames] of the lowest point, from rotations since rest [frames, 3, 3] and positions [frames, 3] of
        the bones."""
        return np.asarray(self._heights(foot, toes).min(axis=1))

    def _heights(self, foot: tuple[Array, Array], toes: tuple[Array, Array]) -> Array:
        """[frames, n]"""
        parts = [
            place[:, 1:2] + turn[:, 1] @ points.T for (turn, place), points in ((foot, self.foot), (toes, self.toes))
        ]
        return (1 - self.share) * parts[0] + self.share * parts[1]

    def subset(self, chosen: Flags) -> Sole:
        """The sole with some of its points only."""
        return replace(
            self, foot=self.foot[chosen], toes=self.toes[chosen], share=self.share[chosen], front=self.front[chosen]
        )

    def bent(self, foot: tuple[Array, Array], toes: tuple[Array, Array], axis: Array, floor: float) -> Array:
        """The turns [frames, 3, 3] about `axis` [frames, 3] that lift what lies before the toes' joint to the floor,
        the smallest.

        A joint that is itself too low lifts them no higher than it has them at rest.
        """
        if not self.front.any():
            return matrix_from_axis_angle(0 * axis)
        front_sole = self.subset(self.front)
        target_height = np.minimum(floor, toes[1][:, 1] + front_sole.toes[:, 1].min())
        low, high = np.zeros(len(axis)), np.full(len(axis), MOST)
        free = front_sole.lowest(foot, toes) >= target_height
        for _ in range(_STEPS):
            middle = (low + high) / 2
            turn = matrix_from_axis_angle(middle[:, None] * axis) @ toes[0]
            above = front_sole.lowest(foot, (turn, toes[1])) >= target_height
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return matrix_from_axis_angle(np.where(free, 0.0, high)[:, None] * axis)


def find_sole(rig: Rig, frame: Array, foot: int, toes: int | None, floor: float, leg: float) -> Sole | None:
    """The sole on a foot's bone and the toes' bone, or None where the file has no mesh there.

    `frame` [3, 3] takes the rig's world to y up and facing +z; `floor` and `leg`: of the rest pose.
    """
    if rig.gltf is None or bind_matrices(rig.gltf, rig) is None:
        return None
    below = {foot: toes is not None and toes in rig.above(foot)}
    for node in rig.order:  # parents before children
        if rig.parents[node] in below:
            below[node] = node == toes or below[rig.parents[node]]
    parts = list(_parts(rig, frame, below))
    if not parts:
        return None
    points, share = (np.concatenate(column) for column in zip(*parts, strict=True))
    low = points[:, 1] < floor + LOW * leg
    points, share = points[low], share[low]
    if not len(points):
        return None
    chosen = np.unique(np.concatenate([_outermost(points, side) for side in (share <= 0.5, share > 0.5)]))
    points, share = points[chosen], share[chosen]
    positions = rotate(frame, rig.rest()[1])
    from_toes = points - positions[foot if toes is None else toes]
    way = positions[foot if toes is None else toes] - positions[foot]
    front = (share > 0.5) & (from_toes[:, [0, 2]] @ way[[0, 2]] > 0)
    return Sole(points - positions[foot], from_toes, share, front, min(0.0, float(points[:, 1].min()) - floor))


def _parts(rig: Rig, frame: Array, below: dict[int, bool]) -> Iterator[tuple[Array, Array]]:
    """Vertices [n, 3] that move with the foot mostly, and the share [n] of that which is the toes'."""
    members = np.zeros((2, len(rig.names)))
    for node, front in below.items():
        members[int(front), node] = 1.0
    for points, nodes, weights in skinned_vertices(rig):
        back, front = ((members[k][nodes] * weights).sum(axis=1) for k in (0, 1))
        mine = back + front > 0.5
        if mine.any():
            yield rotate(frame, points[mine]), (front / np.maximum(back + front, 1e-9))[mine]


def _outermost(points: Array, among: Flags) -> Integers:
    """Numbers of the points that are the lowest for some tilt of the foot, of those `among` [n]."""
    numbers = np.flatnonzero(among)
    if not len(numbers):
        return numbers
    pitch, roll = np.meshgrid(np.radians(np.arange(-85, 90, 10)), np.radians([-40, -20, 0, 20, 40]))
    ways = np.stack([np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), np.sin(pitch)], axis=-1).reshape(
        -1, 3
    )
    chosen = points[numbers]
    return np.asarray([numbers[int((chosen @ way).argmax())] for way in ways])
