"""Sparse constants of `.tflite` files, unpacked.

The levels of a sparse tensor are its dimensions in some order, those that are cut in blocks twice: the block's number
and the place inside the block.  A dense level has every index, a sparse one (CSR) lists those that occur
(`lite/schema`: SparsityParameters; the format is that of TACO, Kjolstad et al., 2017).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Level:
    """One level: dense with `size` indices, or sparse with `segments` of `indices`, a segment for each parent."""

    size: int
    segments: Indices | None
    indices: Indices | None


def densify(
    values: npt.NDArray[Any],
    shape: tuple[int, ...],
    order: tuple[int, ...],
    block_map: tuple[int, ...],
    levels: list[Level],
) -> npt.NDArray[Any]:
    """[*shape] with `values` in their places and zeros elsewhere.

    `order`: the dimension of each level, those from the rank on being inside the blocks of the dimensions `block_map`.
    Raises ValueError where the levels do not fit the shape and the number of values.
    """
    rank, cut = len(shape), len(block_map)
    good = sorted(order) == list(range(rank + cut)) and len(levels) == len(order)
    if not good or len(set(block_map)) < cut or not all(0 <= dimension < rank for dimension in block_map):
        raise ValueError("a sparse constant whose levels do not fit its shape")
    block = [1] * rank
    for level, dimension in zip(levels, order, strict=True):
        if dimension >= rank:
            if level.segments is not None or not 1 <= level.size <= shape[block_map[dimension - rank]]:
                raise ValueError("a sparse constant with sparse or empty blocks")
            block[block_map[dimension - rank]] = level.size
    # an entry either has values below it or a segment that says that it has none
    most = min(math.prod(shape), len(values) + sum(len(one.segments) for one in levels if one.segments is not None))
    places = np.zeros((1, rank), np.int64)
    for level, dimension in zip(levels, order, strict=True):
        parents, index = _expand(level, len(places), most)
        places = places[parents]
        if dimension >= rank:
            places[:, block_map[dimension - rank]] += index
        else:
            places[:, dimension] += index * block[dimension]
    if len(places) != len(values) or not ((places >= 0) & (places < shape)).all():
        raise ValueError("a sparse constant whose indices do not fit its shape or values")
    dense = np.zeros(shape, values.dtype)
    dense[tuple(places.T)] = values
    return dense


def _expand(level: Level, parents: int, most: int) -> tuple[Indices, Indices]:
    """For every entry of a level the number of its parent and its index; at most `most`.  Raises ValueError."""
    if level.segments is None or level.indices is None:
        if level.size < 1 or parents * level.size > most:
            raise ValueError("a sparse constant with too many entries")
        return np.repeat(np.arange(parents), level.size), np.tile(np.arange(level.size), parents)
    counts = np.diff(level.segments)
    if len(level.segments) != parents + 1 or (counts < 0).any() or len(level.indices) > most:
        raise ValueError("a sparse constant with damaged segments")
    if level.segments[0] != 0 or level.segments[-1] != len(level.indices):
        raise ValueError("a sparse constant whose segments do not cover its indices")
    return np.repeat(np.arange(parents), counts), level.indices
