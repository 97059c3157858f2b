"""A mean over frames that come one by one, in which what is long ago counts less and less."""

from __future__ import annotations

import numpy as np

from genmo.runtime.streaming.ring_buffer import Index
from genmo.runtime.support.arrays import Array, Flags

MEMORY = 300
"""frames over which is averaged; a plain mean until there are as many"""


class RunningMean:
    """Means of `width` numbers for each of `people`."""

    def __init__(self, people: int, width: int) -> None:
        self._sums = np.zeros((people, width))
        self.counts = np.zeros(people)
        """[people] frames that count"""

    def reset(self, person: int) -> None:
        """Forget one person's frames."""
        self._sums[person], self.counts[person] = 0, 0

    def with_more(self, who: Index, values: Array, counted: Flags) -> Array:
        """The means [k, width] of the people `who` [k] if the `counted` [k, n] of `values` [k, n, width] came too."""
        total = self._sums[who] + np.einsum("kn,knc->kc", counted, values)
        return np.asarray(total / (self.counts[who] + counted.sum(axis=1))[:, None])

    def add(self, who: Index, values: Array, counted: Flags) -> None:
        """Add a frame [k, width] of the people `who` [k], where `counted` [k]."""
        kept = np.where(self.counts[who] >= MEMORY, 1 - counted / MEMORY, 1)
        self._sums[who] = self._sums[who] * kept[:, None] + counted[:, None] * values
        self.counts[who] = self.counts[who] * kept + counted
