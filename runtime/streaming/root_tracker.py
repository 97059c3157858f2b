"""Where people are in the world, frame by frame: velocity integrated, drift taken off as it comes.

A velocity is smooth and drifts, a place seen by a camera trembles and does not.  Each frame moves by its velocity,
then a small share of the way to where it is seen: a complementary filter (Higgins 1975), the causal twin of
`genmo.runtime.refine.grounding.correct_height_drift` and `placed`.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.skeleton import BALL_HEIGHT
from genmo.runtime.streaming.ring_buffer import Index
from genmo.runtime.support.arrays import Array, Flags

HOLD_HEIGHT = 1 / 30
"""share of the way to the seen height that a frame goes: a time constant of one second"""
HOLD_PLACE = 1 / 120
"""the same over the ground, where depth, which the camera sees worst, counts too"""
GROUND_FRAMES = 150
"""the ground is where feet were in the last five seconds, longer than a jump or a handstand lasts"""
GROUND_SHARE = 0.03
"""the share of these frames in which the lowest foot is taken to be at or under the ground"""
SETTLE, RISE = 0.1, 0.05
"""share of the way to the ground that a frame goes, down and up"""


class RootTracker:
    """The world positions of `people`, their state between frames.

    `surveyed`: people are seen at places in the world and held to them.  Otherwise they are seen at heights over some
    fixed level only: their path over the ground is integrated, and their height counted from their lowest foot.
    """

    def __init__(self, people: int, surveyed: bool) -> None:
        over_ground = HOLD_PLACE if surveyed else 0.0
        self._gain = np.array([over_ground, HOLD_HEIGHT, over_ground])
        self._grounded = not surveyed
        self._position = np.zeros((people, 3))
        self._feet = np.full((people, GROUND_FRAMES), np.nan)
        """heights of the lowest foot in the last frames in which the person was seen"""
        self._count = np.zeros(people, np.int64)
        """of frames that were put there"""
        self._ground = np.zeros(people)

    def ground(self, person: int) -> float:
        """Height of the ground over the level from which heights are seen, metres; 0 for people seen in the world."""
        return float(self._ground[person]) if self._grounded else 0.0

    def start(self, who: Index, position: Array, feet: Array) -> Array:
        """Put the people `who` [k] at `position` [k, 3]; `feet` [k] is their lowest foot joint over the root, metres.

        The world positions [k, 3].
        """
        self._position[who] = position
        self._ground[who] = position[:, 1] + feet - BALL_HEIGHT
        self._feet[who], self._count[who] = np.nan, 0
        self._remember(who, self._ground[who])
        return self._answer(who)

    def advance(self, who: Index, step: Array, seen: Array, feet: Array, shown: Flags | None = None) -> Array:
        """Move the people `who` [k] by `step` [k, 3] metres and towards where they are `seen` [k, 3].

        Those not `shown` [k] (None: all are) only move by their step, and teach nothing of the ground.  The world
        positions [k, 3].
        """
        shown = np.ones(len(who), np.bool_) if shown is None else shown
        moved = self._position[who] + step
        self._position[who] = moved + shown[:, None] * self._gain * (seen - moved)
        self._remember(who[shown], (self._position[who, 1] + feet - BALL_HEIGHT)[shown])
        lowest = np.nanquantile(self._feet[who], GROUND_SHARE, axis=1)
        change = lowest - self._ground[who]
        self._ground[who] += np.where(change < 0, SETTLE, RISE) * change
        return self._answer(who)

    def _remember(self, who: Index, heights: Array) -> None:
        """Put the heights [k] of the lowest feet of the people `who` [k] over the oldest ones."""
        self._feet[who, self._count[who] % GROUND_FRAMES] = heights
        self._count[who] += 1

    def _answer(self, who: Index) -> Array:
        answer = self._position[who]
        if self._grounded:
            answer[:, 1] -= self._ground[who]
        return answer
