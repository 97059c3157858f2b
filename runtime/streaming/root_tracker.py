"""Where people are in the world, frame by frame: velocity integrated, drift taken off as it comes.

A velocity is smooth and drifts, a place seen by a camera trembles and does not.  Each frame moves by its velocity,
then a small share of the way to where it is seen: a complementary filter (Higgins 1975), the causal twin of
`genmo.runtime.refine.grounding.correct_height_drift` and `placed`.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.skeleton import BALL_HEIGHT
from genmo.runtime.streaming.ring_buffer import Index
from genmo.runtime.support.arrays import Array

HOLD_HEIGHT = 1 / 30
"""share of the way to the seen height that a frame goes: a time constant of one second"""
HOLD_PLACE = 1 / 120
"""the same over the ground, where depth, which the camera sees worst, counts too"""
RISE = 0.02 / 30
"""metres a frame by which the ground may rise under a person whose feet are above it, as in a jump"""
SETTLE = 0.1
"""share of the way to the ground that a frame goes"""


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
        self._lowest = np.zeros(people)
        self._ground = np.zeros(people)

    def ground(self, person: int) -> float:
        """Height of the ground over the level from which heights are seen, metres; 0 for people seen in the world."""
        return float(self._ground[person]) if self._grounded else 0.0

    def start(self, who: Index, position: Array, feet: Array) -> Array:
        """Put the people `who` [k] at `position` [k, 3]; `feet` [k] is their lowest foot joint over the root, metres.

        The world positions [k, 3].
        """
        self._position[who] = position
        self._lowest[who] = self._ground[who] = position[:, 1] + feet - BALL_HEIGHT
        return self._answer(who)

    def advance(self, who: Index, step: Array, seen: Array, feet: Array) -> Array:
        """Move the people `who` [k] by `step` [k, 3] metres and towards where they are `seen` [k, 3].

        The world positions [k, 3].
        """
        moved = self._position[who] + step
        self._position[who] = moved + self._gain * (seen - moved)
        foot = self._position[who, 1] + feet - BALL_HEIGHT
        self._lowest[who] = np.minimum(foot, self._lowest[who] + RISE)
        self._ground[who] += SETTLE * (self._lowest[who] - self._ground[who])
        return self._answer(who)

    def _answer(self, who: Index) -> Array:
        answer = self._position[who]
        if self._grounded:
            answer[:, 1] -= self._ground[who]
        return answer
