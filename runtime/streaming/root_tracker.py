"""Where people are in the world, frame by frame: velocity integrated, drift taken off as it comes.

A velocity is smooth and drifts, a place seen by a camera trembles and does not.  Each frame moves by its velocity,
then a small share of the way to where it is seen: a complementary filter (Higgins 1975), the causal twin of
`genmo.runtime.refine.root_path.path_drift`.  The ground is the lowest foot of the last second, as in
`genmo.runtime.refine.grounding.floor_under`.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.skeleton import BALL_HEIGHT
from genmo.runtime.refine.grounding import WINDOW
from genmo.runtime.streaming.ring_buffer import Index
from genmo.runtime.support.arrays import Array, Flags

HOLD = 1 / 30
"""share of the way to where the camera sees a person that a frame goes: a time constant of one second"""
SETTLE = 0.1
"""share of the way to the ground that a frame goes"""


class RootTracker:
    """The world positions of `people`, their state between frames.

    `surveyed`: people are seen at places in the world and held to them.  Otherwise their height is counted from their
    lowest foot, and what is seen of them is relative to where they started: `over_ground` says whether their way in x
    and z is seen well enough to be held to, `heights` the same of their height; what is not is integrated.
    """

    def __init__(self, people: int, surveyed: bool, *, over_ground: bool = False, heights: bool = True) -> None:
        place = HOLD if surveyed or over_ground else 0.0
        self._gain = np.array([place, HOLD if surveyed or heights else 0.0, place])
        self._grounded = not surveyed
        self._position = np.zeros((people, 3))
        self._origin = np.zeros((people, 3))
        """from where people were seen at first to where they were put"""
        self._feet = np.zeros((people, WINDOW))
        """heights of the lowest foot in the last frames, newest last"""
        self._ground = np.zeros(people)

    def ground(self, person: int) -> float:
        """Height of the ground over the level from which heights are seen, metres; 0 for people seen in the world."""
        return float(self._ground[person]) if self._grounded else 0.0

    def start(self, who: Index, position: Array, feet: Array, seen: Array | None = None) -> Array:
        """Put the people `who` [k] at `position` [k, 3] when they are `seen` [k, 3] for the first time (None: there).

        `feet` [k] is their lowest foot joint over the root, metres.  The world positions [k, 3].
        """
        self._position[who] = position
        self._origin[who] = 0.0 if seen is None else position - seen
        self._ground[who] = position[:, 1] + feet - BALL_HEIGHT
        self._feet[who] = self._ground[who][:, None]
        return self._answer(who)

    def advance(self, who: Index, step: Array, seen: Array, feet: Array, shown: Flags | None = None) -> Array:
        """Move the people `who` [k] by `step` [k, 3] metres and towards where they are `seen` [k, 3].

        Those not `shown` [k] (None: all are) only move by their step, and teach nothing of the ground.  The world
        positions [k, 3].
        """
        shown = np.ones(len(who), np.bool_) if shown is None else shown
        moved = self._position[who] + step
        self._position[who] = moved + shown[:, None] * self._gain * (seen + self._origin[who] - moved)
        foot, known = self._position[who, 1] + feet - BALL_HEIGHT, who[shown]
        self._feet[known] = np.concatenate([self._feet[known][:, 1:], foot[shown, None]], axis=1)
        self._ground[who] += SETTLE * (self._feet[who].min(axis=1) - self._ground[who])
        return self._answer(who)

    def _answer(self, who: Index) -> Array:
        answer = self._position[who]
        if self._grounded:
            answer[:, 1] -= self._ground[who]
        return answer
