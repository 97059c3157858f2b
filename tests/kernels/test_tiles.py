"""The very code of the CUDA kernels, run thread by thread on the CPU (kernels/tests/emulator.h), against brute force.

Tolerance: the error against float64 is at most twice that of the plain way in the same precision, where every result of
an operator is rounded.
"""

import ctypes
import mmap
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from genmo.train.network.attention import rope_tables, window_mask
from genmo.train.network.window_kernel import DTYPES, HALVES, INTERLEAVED, Problem, Rotary, Strides, turn

KERNELS = Path(__file__).resolve().parents[2] / "kernels"
WIDTH = 120
LENGTHS = [1, 2, 60, 119, 120, 121, 180, 300]
ODD_WINDOWS = [(1, 1), (70, 1), (65, 2), (130, 7), (200, 33), (129, 64), (193, 65), (150, 149), (90, 500)]
SIXTEEN = [torch.float16, torch.bfloat16]
LARGEST_FRAMES = 1800


def typed(path):
    library = ctypes.CDLL(str(path))
    pointers = [ctypes.c_void_p] * 4
    library.genmo_window_attention_emulated.argtypes = [
        ctypes.POINTER(Problem), ctypes.c_int, *pointers, ctypes.c_int, ctypes.c_int,
    ]  # fmt: skip
    return library


@pytest.fixture(scope="module")
def emulated(kernel_build):
    return typed(kernel_build("genmo_emulated"))


def random_inputs(frames, channels, dtype, batch=1, heads=1, spread=1.5):
    made = torch.Generator().manual_seed(frames + channels)
    return [(spread * torch.randn(batch, heads, frames, channels, generator=made)).to(dtype) for _ in range(3)]


def strides(x):
    return Strides(*x.stride()[:3])


def attend(library, q, k, v, window=WIDTH, tables=None, pairing=INTERLEAVED, plain=False, reverse=False):
    out = torch.full_like(q, float("nan"))
    batch, heads, frames, channels = q.shape
    rotary = Rotary()
    if tables is not None:
        rotary = Rotary(tables[0].data_ptr(), tables[1].data_ptr(), channels // 2, pairing)
    each = [strides(x) for x in (q, k, v, out)]
    problem = Problem(batch, heads, frames, channels, window, channels**-0.5, *each, rotary)
    pointers = [x.data_ptr() for x in (q, k, v, out)]
    status = library.genmo_window_attention_emulated(problem, DTYPES[q.dtype], *pointers, plain, reverse)
    assert status == 0, status
    return out


def mask_of(frames, window):
    """The definition, row by row."""
    mask = torch.zeros(frames, frames, dtype=torch.bool)
    for row in range(frames):
        start = min(max(row - window // 2, 0), frames - window) if frames > window else 0
        mask[row, start : start + window] = True
    return mask


def exact(q, k, v, window, tables=None, pairing=INTERLEAVED):
    q, k, v = (x.double() for x in (q, k, v))
    if tables is not None:
        q, k = (exactly_turned(x, tables, pairing) for x in (q, k))
    scores = (q @ k.mT) * q.shape[-1] ** -0.5
    return scores.masked_fill(~mask_of(q.shape[-2], window), -torch.inf).softmax(-1) @ v


def exactly_turned(x, tables, pairing):
    cos, sin = (table.double() for table in tables)
    pairs = x.unflatten(-1, (-1, 2)) if pairing == INTERLEAVED else x.unflatten(-1, (2, -1)).mT
    a, b = pairs.unbind(-1)
    turned = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return turned.flatten(-2) if pairing == INTERLEAVED else turned.mT.flatten(-2)


def plain_way(q, k, v, window, tables=None, pairing=INTERLEAVED):
    """One operator after the other, each result rounded to the inputs' dtype."""
    if tables is not None:
        q, k = turn(q, tables, pairing), turn(k, tables, pairing)
    scores = (q @ k.mT) * q.shape[-1] ** -0.5
    scores = scores.masked_fill(~window_mask(q.shape[-2], window), -torch.inf)
    return scores.softmax(-1) @ v


def assert_as_good(got, inputs, window=WIDTH, tables=None, pairing=INTERLEAVED):
    assert got.isfinite().all()
    want = exact(*inputs, window, tables, pairing)
    plain = plain_way(*inputs, window, tables, pairing)
    step = torch.finfo(got.dtype).eps * want.abs().max()  # what rounding the answer alone may cost
    for worst in (lambda error: error.abs().max(), lambda error: error.square().mean().sqrt()):
        assert worst(got - want) <= max(2 * worst(plain - want), step / 4)


@pytest.mark.parametrize("dtype", SIXTEEN)
def test_rounding_is_that_of_others(emulated, dtype):
    """The emulator's numbers of 16 bits against PyTorch's: all of them, and what lies between two."""
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    every = every[every.isfinite()].float().sort().values
    between = (every[1:].double() + every[:-1].double()) / 2
    x = torch.cat([every, between.float(), between.float() * (1 + 2**-20), torch.tensor([7e4, -7e4, torch.inf])])
    bits = torch.empty(len(x), dtype=torch.int16)
    emulated.genmo_round_emulated(
        DTYPES[dtype], ctypes.c_int64(len(x)), ctypes.c_void_p(x.data_ptr()), ctypes.c_void_p(bits.data_ptr())
    )
    assert torch.equal(bits, x.to(dtype).view(torch.int16))


@pytest.mark.parametrize("pairing", [INTERLEAVED, HALVES])
@pytest.mark.parametrize("channels", [64, 128])
@pytest.mark.parametrize("dtype", SIXTEEN)
def test_tensor_core_kernel_with_rotary_positions(emulated, dtype, channels, pairing):
    for frames in LENGTHS:
        inputs, tables = random_inputs(frames, channels, dtype), rope_tables(frames, channels)
        got = attend(emulated, *inputs, tables=tables, pairing=pairing)
        assert_as_good(got, inputs, tables=tables, pairing=pairing)


@pytest.mark.parametrize(("frames", "window"), ODD_WINDOWS)
def test_tensor_core_kernel_in_odd_windows(emulated, frames, window):
    inputs = random_inputs(frames, 64, torch.bfloat16)
    assert_as_good(attend(emulated, *inputs, window=window), inputs, window)


def test_tensor_core_kernel_over_a_minute(emulated):
    inputs, tables = random_inputs(LARGEST_FRAMES, 64, torch.float16), rope_tables(LARGEST_FRAMES, 64)
    assert_as_good(attend(emulated, *inputs, tables=tables), inputs, tables=tables)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [64, 128])
@pytest.mark.parametrize("dtype", SIXTEEN)
def test_all_of_it_over_a_minute(emulated, dtype, channels):
    inputs, tables = random_inputs(LARGEST_FRAMES, channels, dtype), rope_tables(LARGEST_FRAMES, channels)
    for pairing in (INTERLEAVED, HALVES):
        assert_as_good(attend(emulated, *inputs, tables=tables, pairing=pairing), inputs, WIDTH, tables, pairing)


@pytest.mark.parametrize(("dtype", "channels"), [(torch.float32, 64), (torch.float32, 128), (torch.float16, 20)])
def test_plain_kernel(emulated, dtype, channels):
    for frames, window, pairing in ((1, 120, 0), (121, 120, 1), (37, 7, 0), (50, 33, 1)):
        inputs, tables = random_inputs(frames, channels, dtype), rope_tables(frames, channels)
        got = attend(emulated, *inputs, window=window, tables=tables, pairing=pairing, plain=True)
        assert_as_good(got, inputs, window, tables, pairing)


@pytest.mark.parametrize("plain", [False, True])
def test_the_order_of_threads_changes_nothing(emulated, plain):
    """A barrier that is missing shows as a difference, or as the NaN that shared memory starts with."""
    inputs, tables = random_inputs(125, 64, torch.float16), rope_tables(125, 64)
    first, second = (attend(emulated, *inputs, tables=tables, plain=plain, reverse=r) for r in (False, True))
    assert torch.equal(first, second)


def test_strides_of_a_packed_projection(emulated):
    packed = random_inputs(70, 3 * 2 * 64, torch.bfloat16, batch=2)[0][:, 0].unflatten(-1, (3, 2, 64))
    q, k, v = packed.permute(2, 0, 3, 1, 4)
    assert_as_good(attend(emulated, q, k, v), (q, k, v))


def test_broken_numbers_of_neighbours_stay_theirs(emulated):
    """Rows that no window of a block reaches are never multiplied, not even by zero."""
    q, k, v = random_inputs(400, 64, torch.float16)
    clean = attend(emulated, q, k, v)
    k[:, :, 300:], v[:, :, 300:] = float("nan"), float("inf")
    spoilt = attend(emulated, q, k, v)
    assert torch.equal(clean[:, :, :192], spoilt[:, :, :192])  # three blocks of 64 rows, keys up to 251


def test_offsets_beyond_32_bits(emulated):
    """Rows so far apart that the last begins after 2^31 numbers; only the pages that are touched take memory."""
    frames, apart = 20, 2**27
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    space = mmap.mmap(-1, 2 * frames * apart, flags=flags)
    numbers = torch.from_numpy(np.frombuffer(space, np.int16)).view(torch.float16)
    q, k, v, out = (numbers.as_strided((1, 1, frames, 64), (0, 0, apart, 1), 64 * at) for at in range(4))
    given = random_inputs(frames, 64, torch.float16)
    for far, near in zip((q, k, v), given, strict=True):
        far.copy_(near)
    problem = Problem(1, 1, frames, 64, 7, 0.125, *[strides(x) for x in (q, k, v, out)], Rotary())
    pointers = [x.data_ptr() for x in (q, k, v, out)]
    assert emulated.genmo_window_attention_emulated(problem, 1, *pointers, False, False) == 0
    assert torch.equal(out, attend(emulated, *given, window=7))


def test_large_scores(emulated):
    q = k = torch.full((1, 1, 130, 64), 60.0, dtype=torch.float16)
    v = torch.ones_like(q)
    assert torch.equal(attend(emulated, q, k, v), v)


@pytest.mark.parametrize("dtype", [torch.float32, *SIXTEEN])
def test_packed_entries_read_what_the_exported_step_writes(emulated, dtype):
    """Columns: first halves of all heads' queries, of all keys, second halves of both, values."""
    batch, heads, frames, channels = 2, 3, 66, 64
    q, k, v = random_inputs(frames, channels, dtype, batch, heads)
    by_frame = [part.transpose(1, 2) for part in (q[..., :32], k[..., :32], q[..., 32:], k[..., 32:], v)]
    packed = torch.cat([part.flatten(2) for part in by_frame], dim=-1).contiguous()
    cos, sin = rope_tables(frames, channels)
    out = torch.full((batch, frames, heads * channels), float("nan"), dtype=dtype)
    sizes = [ctypes.c_int64(x) for x in (batch, frames, heads, channels, 40)]
    pointers = [ctypes.c_void_p(x.data_ptr()) for x in (cos, sin, packed, out)]
    scale = ctypes.c_double(channels**-0.5)
    status = emulated.genmo_window_attention_packed_emulated(DTYPES[dtype], *sizes, scale, *pointers)
    assert status == 0
    assert_as_good(out.unflatten(-1, (heads, channels)).transpose(1, 2), (q, k, v), 40, (cos, sin), HALVES)


# What a slip would look like: file, text that is there once, what replaces it.
SLIPS = {
    "the window ends one key late": ("include/genmo/window.h", "{begin, begin + width}", "{begin, begin + width + 1}"),
    "a row starts one key late": ("include/genmo/window.h", "row - width / 2", "row - width / 2 + 1"),
    "the last column of a tile counts twice": ("include/genmo/tile.h", "begin <= column && column < end",
                                               "begin <= column && column <= end"),
    "the last tile is forgotten": ("include/genmo/tile.h", "(a + b - 1) / b", "a / b"),
    "no barrier before the tile is read": ("src/tensor_core.h", "device::barrier();  // the tile is whole", "//"),
    "keys of the wrong frames are turned": ("src/tensor_core.h", "turn_rows<kKeys>(tile_of(keys_, tile), first_key)",
                                            "turn_rows<kKeys>(tile_of(keys_, tile), first_key + 1)"),
    "the fade is lost": ("include/genmo/tile.h", "total *= fade", "total *= 1.0f"),
    "a fragment is read from the wrong half": ("src/tensor_core.h", "2 * step + lane_ / 8 % 2",
                                               "2 * step + lane_ / 16"),
}  # fmt: skip
QUICK = ("the window ends one key late", "the last column of a tile counts twice")


@pytest.mark.parametrize(
    "slip", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in SLIPS]
)
def test_a_slip_would_be_seen(tmp_path, slip):
    """These tests can fail: with one bound moved, the same comparison does."""
    compiler = shutil.which("c++") or shutil.which("g++") or pytest.skip("no C++ compiler is installed")
    name, right, wrong = SLIPS[slip]
    shutil.copytree(KERNELS, tmp_path / "kernels")
    file = tmp_path / "kernels" / name
    text = file.read_text()
    assert text.count(right) == 1, f"{name} says {right!r} {text.count(right)} times"
    file.write_text(text.replace(right, wrong))
    folders = [f"-I{tmp_path / 'kernels' / folder}" for folder in ("include", "src")]
    built = tmp_path / "slip.so"
    source = tmp_path / "kernels" / "tests" / "emulated.cpp"
    command = [compiler, "-std=c++17", "-O1", "-w", "-fPIC", "-shared", *folders, source, "-o", built]
    subprocess.run(command, check=True)
    library, inputs, tables = typed(built), random_inputs(130, 64, torch.float16), rope_tables(130, 64)
    with pytest.raises(AssertionError):
        assert_as_good(attend(library, *inputs, window=40, tables=tables), inputs, 40, tables)


def test_the_reference_here_is_pytorchs(emulated):
    """The brute force above against PyTorch's attention with a mask."""
    q, k, v = random_inputs(90, 64, torch.float64)
    torch.testing.assert_close(exact(q, k, v, 31), F.scaled_dot_product_attention(q, k, v, mask_of(90, 31)))
    assert np.array_equal(mask_of(90, 31).numpy(), window_mask(90, 31).numpy())
