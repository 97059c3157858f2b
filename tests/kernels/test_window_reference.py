"""The C++ library against a brute-force mask in numpy, through the C interface that every engine can use."""

import ctypes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.train.network.window_kernel import Problem, Rotary, Strides

WIDTH = 120
LENGTHS = [1, 60, 119, 120, 121, 180, 300]
OK, NULL_POINTER, BAD_SIZE, BAD_WINDOW, BAD_SCALE, BAD_STRIDE, BAD_DTYPE, BAD_ROTARY = range(8)


@pytest.fixture(scope="session")
def library(library_file):
    loaded = ctypes.CDLL(str(library_file))
    loaded.genmo_status_text.restype = ctypes.c_char_p
    return loaded


def strides_of(array):
    return Strides(*(step // array.itemsize for step in array.strides[:3]))


def problem_of(q, k, v, out, window=WIDTH, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return Problem(*q.shape, window, scale, *map(strides_of, (q, k, v, out)))


def attend(library, problem, *arrays):
    pointers = [None if array is None else array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    return library.genmo_window_attention_cpu(ctypes.byref(problem), *pointers)


def window_keys(library, row, frames, width):
    begin, end = ctypes.c_int64(), ctypes.c_int64()
    args = [ctypes.c_int64(value) for value in (row, frames, width)]
    assert library.genmo_window_keys(*args, ctypes.byref(begin), ctypes.byref(end)) == OK
    return begin.value, end.value


def brute_force_mask(frames, width):
    """mask[i, j]: row i attends key j. The definition, element by element, with no shortcut."""
    mask = np.zeros((frames, frames), bool)
    for row in range(frames):
        start = min(max(row - width // 2, 0), frames - width) if frames > width else 0
        for key in range(frames):
            mask[row, key] = start <= key < start + width
    return mask


def masked_attention(q, k, v, mask):
    scores = np.einsum("bhic,bhjc->bhij", q, k, dtype=np.float64) * q.shape[-1] ** -0.5
    scores = np.where(mask, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("bhij,bhjc->bhic", weights / weights.sum(-1, keepdims=True), v)


def assert_close(got, want):
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-6)


@pytest.mark.parametrize("frames", [*LENGTHS, 1800])
def test_window_keys_equal_the_mask(library, frames):
    mask = brute_force_mask(frames, WIDTH)
    for row in range(frames):
        begin, end = window_keys(library, row, frames, WIDTH)
        assert np.flatnonzero(mask[row]).tolist() == list(range(begin, end))


@given(data=st.data(), frames=st.integers(1, 400), width=st.integers(1, 200))
def test_window_keeps_its_promises(library, data, frames, width):
    row = data.draw(st.integers(0, frames - 1))
    begin, end = window_keys(library, row, frames, width)
    assert 0 <= begin <= row < end <= frames
    assert end - begin == min(frames, width)
    if row:
        assert begin - window_keys(library, row - 1, frames, width)[0] in (0, 1)
    if frames > width and width // 2 <= row <= frames - width + width // 2:
        assert begin == row - width // 2


@pytest.mark.parametrize("frames", LENGTHS)
def test_attention_equals_the_masked_one(library, frames):
    random = np.random.default_rng(frames)
    q, k, v = random.standard_normal((3, 2, 2, frames, 16)).astype(np.float32)
    out = np.full_like(q, np.nan)
    assert attend(library, problem_of(q, k, v, out), q, k, v, out) == OK
    assert_close(out, masked_attention(q, k, v, brute_force_mask(frames, WIDTH)))


def test_attention_reads_a_packed_projection(library):
    """From one array [batch, frames, 3, heads, channels] to [batch, frames, heads, channels], no copies."""
    packed = np.random.default_rng(0).standard_normal((2, 150, 3, 4, 8)).astype(np.float32)
    q, k, v = (packed[:, :, part].transpose(0, 2, 1, 3) for part in range(3))
    out = np.zeros((2, 150, 4, 8), np.float32).transpose(0, 2, 1, 3)
    assert attend(library, problem_of(q, k, v, out), q, k, v, out) == OK
    assert_close(out, masked_attention(q, k, v, brute_force_mask(150, WIDTH)))


def test_attention_survives_large_scores(library):
    q = k = np.full((1, 1, 130, 4), 100.0, np.float32)
    v = np.ones_like(q)
    out = np.zeros_like(q)
    assert attend(library, problem_of(q, k, v, out), q, k, v, out) == OK
    np.testing.assert_array_equal(out, v)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"frames": 0}, BAD_SIZE),
        ({"channels": -1}, BAD_SIZE),
        ({"window": 0}, BAD_WINDOW),
        ({"scale": float("nan")}, BAD_SCALE),
        ({"q": Strides(0, 0, 3)}, BAD_STRIDE),
        ({"out": Strides(40, 0, 4)}, BAD_STRIDE),
        ({"rotary": Rotary(cos=8)}, BAD_ROTARY),
        ({"rotary": Rotary(8, 8, 1, 0)}, BAD_ROTARY),
        ({"rotary": Rotary(8, 8, 2, 2)}, BAD_ROTARY),
        ({"rotary": Rotary(8, 8, 2, 0, 4, 0)}, BAD_ROTARY),
        ({"rotary": Rotary(8, 8, 2, 1, 0, 1)}, BAD_ROTARY),
        ({"channels": 3, "rotary": Rotary(8, 8, 2, 0)}, BAD_ROTARY),
    ],
)
def test_a_bad_problem_is_refused_and_nothing_is_written(library, change, status):
    q = np.zeros((1, 2, 5, 4), np.float32)
    out = np.full_like(q, 7)
    problem = problem_of(q, q, q, out)
    for name, value in change.items():
        setattr(problem, name, value)
    assert attend(library, problem, q, q, q, out) == status
    assert (out == 7).all()
    assert library.genmo_status_text(status)


def test_a_null_pointer_is_refused(library):
    q = np.zeros((1, 1, 5, 4), np.float32)
    assert attend(library, problem_of(q, q, q, q), q, None, q, q) == NULL_POINTER
