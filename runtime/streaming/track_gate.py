"""Which frames of a stream of keypoints can be the person that was followed so far.

A detector that locks on a blob for two seconds, or on somebody else in every other frame, must not be taken for motion.
A frame is compared with the last one that was accepted, on the points that both show: how far they moved and how much
larger or smaller they became.  The longer nothing was accepted, the more may have happened; points that are
elsewhere for LOST frames on end, and move like a person, are accepted as a new person's.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.conditions.keypoints import VISIBLE
from genmo.runtime.motion.rotation import length
from genmo.runtime.support.arrays import Array, Flags

FEWEST = 4
"""points that two frames must share to be compared; a frame with fewer is too little evidence to be refused"""
STEP = 0.25
"""person's heights that the points may move from one frame to the next, in the median"""
WALK = 0.05
"""the same for every further frame since the last one accepted"""
GROWTH = 0.25
"""logarithm of how much larger or smaller a person may become from one frame to the next"""
GROWTH_RATE = 0.01
"""the same for every further frame since the last one accepted"""
AGREE = 3
"""frames that must agree with each other before one is accepted after a break"""
LOST = 90
"""frames without an accepted one after which whoever is visible is accepted"""


class TrackGate:
    """The gate of `people` streams of keypoints, frame by frame."""

    def __init__(self, people: int, points: int) -> None:
        self._accepted, self._latest = np.zeros((people, points, 3)), np.zeros((people, points, 3))
        self.missing = np.zeros(people, np.int64)
        """frames since the last accepted one of each person"""
        self._agreeing = np.zeros(people, np.int64)
        """frames on end, with the latest, in which the visible points moved like one person"""
        self._confirmed = np.zeros(people, np.bool_)

    def reset(self, person: int) -> None:
        """Forget one person."""
        self._accepted[person] = self._latest[person] = 0
        self.missing[person] = self._agreeing[person] = 0
        self._confirmed[person] = False

    def push(self, points: Array) -> Flags:
        """Which people [people] may be accepted as they are now: `points` [people, points, 3] in pixels."""
        visible = np.asarray((points[..., 2] > VISIBLE).any(axis=1), np.bool_)
        steady = _alike(self._latest, points, STEP, GROWTH)
        self._agreeing = np.where(steady & visible, self._agreeing + 1, np.where(visible, 1, 0))
        plausible = _alike(self._accepted, points, STEP + WALK * self.missing, GROWTH + GROWTH_RATE * self.missing)
        has_track = (self._accepted[..., 2] > VISIBLE).any(axis=1)
        returned = (self.missing < AGREE) | (self._agreeing >= AGREE)
        other = (self._agreeing >= AGREE) & ((self.missing >= LOST) | ~self._confirmed)
        accepted = visible & (~has_track | (plausible & returned) | other | (~self._confirmed & ~plausible))
        self._confirmed = (self._confirmed & ~(other & ~plausible)) | (accepted & (self._agreeing >= AGREE))
        enough = (points[..., 2] > VISIBLE).sum(axis=1) >= FEWEST
        self._accepted = np.where((accepted & enough)[:, None, None], points, self._accepted)
        self._latest = np.where(visible[:, None, None], points, self._latest)
        self.missing = np.where(accepted, 0, self.missing + 1)
        return np.asarray(accepted, np.bool_)


def _alike(before: Array, now: Array, step: Array | float, growth: Array | float) -> Flags:
    """Whether points [people, points, 3] can be those of `before` one frame on: no further than `step` heights [people]
    in the median and not scaled by more than exp(`growth`) [people]; too few in common are alike."""
    both = (before[..., 2] > VISIBLE) & (now[..., 2] > VISIBLE)
    enough = np.asarray(both.sum(axis=1) >= FEWEST, np.bool_)
    alike: Flags = ~enough
    if not enough.any():
        return alike
    shared = both[enough][..., None]  # [some, points, 1]
    old, new = (points[enough][..., :2] for points in (before, now))
    with np.errstate(over="ignore", invalid="ignore"):
        top, bottom = np.where(shared, old, -np.inf).max(axis=1), np.where(shared, old, np.inf).min(axis=1)
        height = np.maximum((top - bottom).max(axis=-1), 1e-9)
        moved = _median(length(new - old), shared[..., 0])
        sizes = [length(_spread(xy, shared)) for xy in (old, new)]
    limits = [np.broadcast_to(limit, len(both))[enough] for limit in (step, growth)]
    scaled = np.abs(np.log(np.maximum(sizes[1], 1e-9) / np.maximum(sizes[0], 1e-9)))
    alike[enough] = (moved <= limits[0] * height) & (scaled <= limits[1])
    return alike


def _median(values: Array, counted: Flags) -> Array:
    """Medians [people] of those of `values` [people, points] that are `counted` [people, points], at least one each."""
    rising = np.sort(np.where(counted, values, np.inf), axis=1)
    last = np.asarray(counted.sum(axis=1) - 1)
    people = np.arange(len(values))
    return np.asarray((rising[people, last // 2] + rising[people, (last + 1) // 2]) / 2)


def _spread(positions: Array, counted: Flags) -> Array:
    """Standard deviations [people, 2] of those of `positions` [people, points, 2] that are `counted`
    [people, points, 1], at least one each."""
    count = counted.sum(axis=1)
    mean = np.where(counted, positions, 0).sum(axis=1) / count
    return np.asarray(np.sqrt((np.where(counted, positions - mean[:, None], 0) ** 2).sum(axis=1) / count))
