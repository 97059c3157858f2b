"""The last frames of several people, in memory that never grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.arrays import Array

Index = npt.NDArray[np.intp]


class RingBuffer:
    """The newest `capacity` rows of named arrays, for each of `people`; older rows are overwritten.

    `fields`: name -> shape of a row and its dtype.  A field that is never pushed stays zero.
    """

    def __init__(self, capacity: int, people: int, fields: Mapping[str, tuple[tuple[int, ...], npt.DTypeLike]]) -> None:
        self._capacity = capacity
        self._rows = {name: np.zeros((people, capacity, *shape), dtype) for name, (shape, dtype) in fields.items()}
        self._newest = -1

    def push(self, rows: Mapping[str, Array]) -> None:
        """Append a row of the named fields, each [people, ...] or broadcast to that."""
        self._newest = (self._newest + 1) % self._capacity
        self.overwrite(rows)

    def overwrite(self, rows: Mapping[str, Array], back: int = 0) -> None:
        """Overwrite the row `back` frames before the newest one."""
        for name, row in rows.items():
            self._rows[name][:, (self._newest - back) % self._capacity] = row

    def rows(self, name: str, who: Index, back: Index) -> Array:
        """Copies [k, n, ...] of the rows `back` [k, n] frames before the newest one, of the people `who` [k]."""
        return self._rows[name][who[:, None], (self._newest - back) % self._capacity]

    def last(self, names: Iterable[str], who: Index, count: int) -> dict[str, Array]:
        """The newest `count` rows [k, count, ...] of the named fields of the people `who` [k], oldest first."""
        back = np.arange(count - 1, -1, -1)[None]
        return {name: self.rows(name, who, back) for name in names}
