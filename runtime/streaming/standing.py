"""In which frames of a stream a foot stands by the network, without estimating them again."""

from __future__ import annotations

import numpy as np

from genmo.runtime.refine.image_contacts import standing
from genmo.runtime.streaming.ring_buffer import Index
from genmo.runtime.support.arrays import Array, Flags


class Standing:
    """The answered frames of `people`, the newest `window` of each."""

    def __init__(self, people: int, window: int) -> None:
        self._stood = np.zeros((people, window), bool)  # at the frame's number modulo the window

    def push(self, who: Index, frame: Index, contacts: Array) -> None:
        """Frames `frame` [k] of the people `who` [k] are answered with the network's contacts [k, 6]."""
        self._stood[who, frame % self._stood.shape[1]] = standing(contacts)

    def in_window(self, person: np.intp, frame: np.int64, row: np.intp, contacts: Array) -> Flags:
        """Whether a foot of one person stands in each frame of a window [n]: as they were answered in the `row` frames
        before `frame`, from there on by the network's contacts [n - row, 6]."""
        before = self._stood[person, np.arange(frame - row, frame) % self._stood.shape[1]]
        return np.concatenate([before, standing(contacts)])
