"""Where people are in the world, frame by frame: velocity integrated, drift taken off as it comes.

A velocity is smooth and drifts, a position in a camera is noisy and does not.  Each frame moves by its velocity, then
a small share of the way to the observed position: a complementary filter (Higgins 1975), the causal twin of
`genmo.runtime.refine.root_path.path_drift`.  The ground is the lowest foot of the last second, as in
`genmo.runtime.refine.grounding.floor_under`.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.rotation import rotate
from genmo.runtime.motion.skeleton import BALL_HEIGHT
from genmo.runtime.refine.grounding import WINDOW
from genmo.runtime.streaming.ring_buffer import Index
from genmo.runtime.support.arrays import Array, Flags

HOLD = 1 / 30
"""share of the way to the observed position that a frame goes: a time constant of one second"""
SETTLE = 0.1
"""share of the way to the ground that a frame goes"""


class StaticView:
    """Where a static camera sees `people` while its tilt is still being learned: ways add up, each by the tilt known
    when it was gone, so that a better tilt moves nobody who stands."""

    def __init__(self, people: int) -> None:
        self._root, self._position = np.zeros((people, 3)), np.zeros((people, 3))

    def positions(self, who: Index, tilt: Array, root: Array, anew: Flags) -> Array:
        """Of the people `who` [k], [k, 3] in level axes, from the camera; `tilt` [k, 3, 3] turns it level, `root`
        [k, 3] is in the camera.  The ways of those who are seen `anew` [k] begin there."""
        self._root[who[anew]] = self._position[who[anew]] = 0.0
        self._position[who] += rotate(tilt, root - self._root[who])
        self._root[who] = root
        return self._position[who]


class RootTracker:
    """The world positions of `people`, their state between frames.

    `surveyed`: observations are positions in the world, which the path follows.  Otherwise height is counted from the
    lowest foot, and observations are relative to the camera: `over_ground` says whether they are followed in x and z,
    `heights` the same of the height; what is not is integrated.  Where the lens is not known, which
    stretches depth and nothing else, they are followed across the view only.
    """

    def __init__(
        self, people: int, surveyed: bool, *, over_ground: bool = False, heights: bool = True, lens_known: bool = True
    ) -> None:
        gain = HOLD if surveyed or over_ground else 0.0
        self._gain = np.array([gain, HOLD if surveyed or heights else 0.0, gain])
        self._across_only = not surveyed and not lens_known
        self._height_from_feet = not surveyed
        self.view = StaticView(people)
        """for observations of people who are not surveyed"""
        self._position = np.zeros((people, 3))
        self._origin = np.zeros((people, 3))
        """from the first observed position to the start position"""
        self._feet = np.zeros((people, WINDOW))
        """heights of the lowest foot in the last frames, newest last"""
        self._ground = np.zeros(people)

    def ground(self, person: int) -> float:
        """Height of the ground over the level from which heights are counted, metres; 0 for surveyed people."""
        return float(self._ground[person]) if self._height_from_feet else 0.0

    def start(self, who: Index, position: Array, feet: Array, observed: Array | None = None) -> Array:
        """Put the people `who` [k] at `position` [k, 3] when they are first `observed` at [k, 3] (None: the same).

        `feet` [k] is their lowest foot joint over the root, metres.  The world positions [k, 3].
        """
        self._position[who] = position
        self._origin[who] = 0.0 if observed is None else position - observed
        self._ground[who] = position[:, 1] + feet - BALL_HEIGHT
        self._feet[who] = self._ground[who][:, None]
        return self._answer(who)

    def resume(self, person: int, path: Array, feet: Array) -> None:
        """Go on from the end of a `path` [frames, 3] over ground at y = 0, metres; `feet` [frames] as in `start`."""
        lowest = (path[:, 1] + feet - BALL_HEIGHT)[-WINDOW:]
        self._position[person], self._ground[person] = path[-1], 0.0
        self._feet[person] = np.concatenate([np.full(WINDOW - len(lowest), lowest[0]), lowest])

    def advance(self, who: Index, step: Array, observed: Array, feet: Array, visible: Flags | None = None) -> Array:
        """Move the people `who` [k] by `step` [k, 3] metres and towards their `observed` positions [k, 3].

        Those not `visible` [k] (None: all are) only move by their step, and leave the ground as it is.  The world
        positions [k, 3].
        """
        visible = np.ones(len(who), np.bool_) if visible is None else visible
        moved = self._position[who] + step
        self._position[who] = moved + visible[:, None] * self._pull(observed, observed + self._origin[who] - moved)
        foot, updated = self._position[who, 1] + feet - BALL_HEIGHT, who[visible]
        self._feet[updated] = np.concatenate([self._feet[updated][:, 1:], foot[visible, None]], axis=1)
        self._ground[who] += SETTLE * (self._feet[who].min(axis=1) - self._ground[who])
        return self._answer(who)

    def _pull(self, views: Array, away: Array) -> Array:
        """Of how far people are `away` [k, 3] from where they are seen, the share [k, 3] that a frame goes; `views`
        [k, 3]: from the camera to them."""
        if self._across_only:
            ground = views * [1, 0, 1]
            ground = ground / np.maximum(np.linalg.norm(ground, axis=-1, keepdims=True), 1e-9)
            away = away - (away * ground).sum(axis=-1, keepdims=True) * ground
        return np.asarray(self._gain * away)

    def _answer(self, who: Index) -> Array:
        answer = self._position[who]
        if self._height_from_feet:
            answer[:, 1] -= self._ground[who]
        return answer
