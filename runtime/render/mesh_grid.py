"""The grid on which the mannequin's skin is sampled: fine where a body has small things, coarse where it is smooth.

Three axes of uneven steps, and magnifiers: above the neck x and z are stretched, beyond the wrists and below the ankles
z is.  In a T-pose nothing else is at these heights and distances from the middle.  Metres, in the rest
frame of `genmo.runtime.motion.skeleton`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.support.arrays import Array

HEAD, HAND, SOLE = 1.75, 3.1, 1.7
"""how many times as fine the grid is across the head, across the hand, and along the foot"""
ACROSS, ALONG_ARM, FOREARM, ALONG_HAND = 0.0280, 0.050, 0.024, 0.0140
"""metres a step of x: trunk and legs, arms, before the wrist, hands"""
DEEP = 0.0280
"""metres a step of z"""
ALONG_LEG, HIPS, TRUNK, ARMS, NECK, FACE, FOOT = 0.056, 0.038, 0.047, 0.0165, 0.031, 0.0155, 0.0155
"""metres a step of y"""


@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes of the grid before it is magnified: `axes` are x, y and z, each ascending."""

    axes: tuple[Array, Array, Array]
    neck: tuple[float, float]
    """heights between which the magnifier of the head sets in"""
    ankle: tuple[float, float]
    """heights between which the magnifier of the feet ends"""
    wrist: tuple[float, float]
    """distances from the middle between which that of the hands does"""

    def _head(self, y: Array) -> Array:
        return 1 + (HEAD - 1) * smoothstep((y - self.neck[0]) / (self.neck[1] - self.neck[0]))

    def _hand(self, x: Array) -> Array:
        return 1 + (HAND - 1) * smoothstep((np.abs(x) - self.wrist[0]) / (self.wrist[1] - self.wrist[0]))

    def _foot(self, y: Array) -> Array:
        return SOLE - (SOLE - 1) * smoothstep((y - self.ankle[0]) / (self.ankle[1] - self.ankle[0]))

    def _real(self, x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
        """Where places of the magnified grid are, metres; everything may be broadcast."""
        head = self._head(y)
        return x / head, y, z / np.maximum(np.maximum(head, self._foot(y)), self._hand(x))

    def nodes(self) -> tuple[Array, Array, Array]:
        """x [nx, ny, 1], y [1, ny, 1] and z [nx, ny, nz] of all nodes, float32."""
        x, y, z = self._real(*np.ix_(*self.axes))
        return x.astype(np.float32), y.astype(np.float32), z.astype(np.float32)

    def places(self, index: Array) -> Array:
        """[n, 3] metres, of fractional indices [n, 3] of nodes."""
        columns = (np.interp(index[:, k], np.arange(len(axis)), axis) for k, axis in enumerate(self.axes))
        return np.stack(self._real(*columns), axis=-1)

    def within(self, low: Array, high: Array) -> tuple[slice, slice, slice]:
        """Nodes that hold the box between two corners [3], and maybe some more."""
        head = float(self._head(np.asarray(high[1])))
        reach = np.asarray([min(low[0], low[0] * head), max(high[0], high[0] * head)])
        deep = max(head, float(self._foot(np.asarray(low[1]))), float(self._hand(np.abs(reach).max())))
        ends = np.asarray(
            [reach, (low[1], high[1]), (min(low[2], low[2] * deep), max(high[2], high[2] * deep))], np.float64
        )
        x, y, z = (np.searchsorted(axis, span) for axis, span in zip(self.axes, ends, strict=True))
        return slice(int(x[0]), int(x[1])), slice(int(y[0]), int(y[1])), slice(int(z[0]), int(z[1]))


def body_grid(rest: Array, soles: Array, scale: float, low: Array, high: Array) -> Grid:
    """The grid for a body with rest joints [24, 3] and soles [2] whose skin lies between two corners [3].

    `scale`: how many times as tall as the mean body it is.
    """
    place = dict(zip(JOINTS, rest, strict=True))
    wrist = min(abs(place[f"{side}_wrist"][0]) for side in ("left", "right"))
    shoulder = max(place[f"{side}_shoulder"][1] for side in ("left", "right"))
    neck = max(shoulder + 0.062 * scale, place["neck"][1] + 0.09 * scale)
    grip = [place[f"{side}_{name}"][1] for side in ("left", "right") for name in ("wrist", "hand")]
    hips, ankles = place["left_hip"][1], max(place["left_ankle"][1], place["right_ankle"][1])
    heights: list[tuple[float, float]] = [  # up to here, this step
        (float(soles.max()) + 0.045 * scale, FOOT), (ankles + 0.05 * scale, 0.5 * (FOOT + ALONG_LEG)),
        (hips - 0.12 * scale, ALONG_LEG), (hips + 0.08 * scale, HIPS), (min(grip) - 0.045 * scale, TRUNK),
        (max(grip) + 0.04 * scale, ARMS), (neck, NECK), (neck + 0.07 * scale, 0.5 * (NECK + FACE)),
    ]  # fmt: skip
    widths = [(0.2, ACROSS), (wrist / scale - 0.14, ALONG_ARM), (wrist / scale - 0.03, FOREARM)]
    bounds = [(scale * end, scale * step) for end, step in widths]
    half = _axis(0.5 * ACROSS * scale, max(high[0], -low[0]) + ACROSS, bounds, ALONG_HAND * scale)
    x = np.concatenate([-half[::-1], half])
    y = _axis(low[1] - FOOT, high[1] + FACE, [(end, step * scale) for end, step in heights], FACE * scale)
    hands = [place[f"{side}_{name}"][2] for side in ("left", "right") for name in ("wrist", "hand")]
    back = min(max(HEAD, SOLE) * low[2], HAND * (min(hands) - 0.06 * scale))
    front = max(max(HEAD, SOLE) * high[2], HAND * (max(hands) + 0.11 * scale))
    z = _axis(back - DEEP, front + DEEP, [], DEEP * scale)
    return Grid(
        (x, y, z),
        neck=(neck, neck + 0.05 * scale),
        ankle=(ankles, ankles + 0.1 * scale),
        wrist=(wrist - 0.16 * scale, wrist + 0.03 * scale),
    )


def _axis(start: float, end: float, bounds: Sequence[tuple[float, float]], last: float) -> Array:
    """Nodes from `start` to beyond `end`; steps are those of `bounds` (up to here, this step), then `last`."""
    nodes = [start]
    while nodes[-1] < end:
        nodes.append(nodes[-1] + next((step for limit, step in bounds if nodes[-1] < limit), last))
    return np.asarray([*nodes, nodes[-1] + last])
