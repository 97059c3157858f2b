"""Pairs of least total cost (the Hungarian method)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genmo.runtime.readers.tracks import Indices
from genmo.runtime.support.arrays import Array


def least_cost_pairs(cost: Array, most: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of the assignment of least total cost in [a, b], those that cost `most` or more left out.

    Shortest augmenting paths (Jonker and Volgenant, 1987), O(n^3).  A row or column may stay alone at cost `most`, so
    that one impossible pair does not spoil the others.
    """
    rows, columns = cost.shape
    if rows == 0 or columns == 0:
        return []
    # a column of its own for every row is the choice to stay alone
    padded = np.concatenate([np.minimum(cost, most), np.full((rows, rows), most)], axis=1)
    owner = _owners(padded)
    pairs = [(int(row), column) for column, row in enumerate(owner[:columns]) if row >= 0]
    return sorted(pair for pair in pairs if cost[pair] < most)


def _owners(cost: Array) -> Indices:
    """The row of each column [b] in the best assignment of the rows of [a, b], a <= b; -1: none."""
    rows, columns = cost.shape
    of_row, of_column = np.zeros(rows), np.zeros(columns)
    owner = np.full(columns, -1, np.int64)
    for start in range(rows):
        path_cost, predecessor = np.full(columns, np.inf), np.full(columns, -1, np.int64)
        done = np.zeros(columns, bool)
        row, column, length = start, -1, 0.0
        while row >= 0:
            reduced = length + cost[row] - of_row[row] - of_column
            shorter = ~done & (reduced < path_cost)
            path_cost[shorter], predecessor[shorter] = reduced[shorter], column
            column = int(np.where(done, np.inf, path_cost).argmin())
            length, done[column] = float(path_cost[column]), True
            row = int(owner[column])
        _reprice(of_row, of_column, owner, path_cost, done, start, length)
        while column >= 0:
            previous = int(predecessor[column])
            owner[column] = start if previous < 0 else owner[previous]
            column = previous
    return owner


def _reprice(
    of_row: Array,
    of_column: Array,
    owner: Indices,
    path_cost: Array,
    done: npt.NDArray[np.bool_],
    start: int,
    length: float,
) -> None:
    """Move the prices along the shortest path, so that all reduced costs stay 0 or more."""
    inside = done & (owner >= 0)
    of_row[start] += length
    of_row[owner[inside]] += length - path_cost[inside]
    of_column[done] -= length - path_cost[done]
