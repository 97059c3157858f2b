"""Sparse constants against an encoder of the format, for random tensors, orders and blocks."""

import itertools

import numpy as np
import pytest

from genmo.runtime.video.tflite_sparsity import Level, densify


def encode(dense, order, block_map, block, sparse):
    """Values and levels of a tensor; `sparse`: which levels are CSR, by position in `order`."""
    rank = dense.ndim
    sizes = [length // dict(zip(block_map, block, strict=True)).get(axis, 1) for axis, length in enumerate(dense.shape)]
    lengths = [sizes[axis] if axis < rank else block[axis - rank] for axis in order]

    def place(index):
        at = [0] * rank
        for axis, one in zip(order, index, strict=True):
            if axis < rank:
                at[axis] += one * dict(zip(block_map, block, strict=True)).get(axis, 1)
            else:
                at[block_map[axis - rank]] += one
        return tuple(at)

    entries, levels = [()], []
    for depth, length in enumerate(lengths):
        grown, segments = [], [0]
        for entry in entries:
            for one in range(length):
                rest = itertools.product(*(range(n) for n in lengths[depth + 1 :]))
                if not sparse[depth] or any(dense[place((*entry, one, *more))] for more in rest):
                    grown.append((*entry, one))
            segments.append(len(grown))
        indices = np.array([entry[-1] for entry in grown], np.int64)
        levels.append(Level(0, np.array(segments), indices) if sparse[depth] else Level(length, None, None))
        entries = grown
    return np.array([dense[place(entry)] for entry in entries], dense.dtype), levels


@pytest.mark.parametrize(
    ("shape", "order", "block_map", "block", "sparse"),
    [
        ((4, 6), (0, 1), (), (), (False, True)),
        ((4, 6), (1, 0), (), (), (True, True)),
        ((4, 6), (0, 1, 2), (1,), (2,), (False, True, False)),
        ((4, 6), (0, 1, 3, 2), (0, 1), (2, 3), (True, True, False, False)),
        ((8, 1, 1, 12), (0, 1, 2, 3, 4), (3,), (4,), (False, False, False, True, False)),
        ((5, 3, 2), (2, 0, 1), (), (), (False, True, True)),
    ],
)
def test_random_tensors_come_back(shape, order, block_map, block, sparse):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        dense = (rng.normal(size=shape) * (rng.uniform(size=shape) < 0.3)).astype(np.float16)
        values, levels = encode(dense, order, block_map, block, sparse)
        np.testing.assert_array_equal(densify(values, shape, order, block_map, levels), dense)


DENSE = Level(2, None, None)


def csr(segments, indices):
    return Level(0, np.array(segments, np.int64), np.array(indices, np.int64))


@pytest.mark.parametrize(
    ("order", "block_map", "levels"),
    [
        ((0,), (), [DENSE]),
        ((0, 0), (), [DENSE, DENSE]),
        ((0, 1, 2), (5,), [DENSE, DENSE, DENSE]),
        ((0, 1, 2), (1,), [DENSE, DENSE, Level(2**31 - 1, None, None)]),
        ((0, 1), (), [Level(2**31 - 1, None, None), DENSE]),
        ((0, 1), (), [Level(0, None, None), DENSE]),
        ((0, 1), (), [DENSE, csr([0, 1], [0])]),
        ((0, 1), (), [DENSE, csr([0, 2, 1], [0])]),
        ((0, 1), (), [DENSE, csr([0, 1, 2], [0, 9])]),
        ((0, 1), (), [DENSE, csr([0, 1, 2], [0, -1])]),
        ((0, 1), (), [DENSE, csr([0, 1, 2**40], [0, 1])]),
        ((0, 1), (), [DENSE, csr([0, 1, 1], [0])]),
        ((0, 1), (), [DENSE, csr([], [])]),
    ],
)
def test_what_does_not_fit_is_refused(order, block_map, levels):
    with pytest.raises(ValueError, match="a sparse constant"):
        densify(np.ones(2, np.float32), (2, 2), order, block_map, levels)
