"""The compiled window attention as a PyTorch operator, against the attention that training uses."""

import pytest
import torch

from genmo.runtime.support.errors import BackendError
from genmo.train.network import window_kernel
from genmo.train.network.attention import apply_rope, dense_window_attention, rope_tables
from genmo.train.network.window_kernel import HALVES, INTERLEAVED, LIBRARY_VARIABLE, recomputed, window_attention

LENGTHS = [1, 2, 60, 119, 120, 121, 180, 300]


@pytest.fixture(autouse=True)
def library(request, monkeypatch, library_file):
    monkeypatch.setenv(LIBRARY_VARIABLE, str(library_file))


def random_inputs(frames, width=16, batch=2, heads=2, dtype=torch.float32):
    made = torch.Generator().manual_seed(frames)
    return [torch.randn(batch, heads, frames, width, generator=made).to(dtype) for _ in range(3)]


@pytest.mark.parametrize("frames", LENGTHS)
def test_it_is_the_attention_of_training(frames):
    (q, k, v), tables = random_inputs(frames), rope_tables(frames, 16)
    want = dense_window_attention(apply_rope(q, tables), apply_rope(k, tables), v, 120)
    torch.testing.assert_close(window_attention(q, k, v, 120, tables), want, atol=5e-6, rtol=1e-5)


def test_over_a_minute_and_without_positions():
    q, k, v = random_inputs(1800, 8, 1, 1)
    torch.testing.assert_close(window_attention(q, k, v, 120), dense_window_attention(q, k, v, 120))


def test_halves_are_interleaved_pairs_in_another_order():
    (q, k, v), tables = random_inputs(130), rope_tables(130, 16)
    order = torch.cat([torch.arange(0, 16, 2), torch.arange(1, 16, 2)])
    got = window_attention(q[..., order], k[..., order], v, 120, tables, HALVES)
    torch.testing.assert_close(got, window_attention(q, k, v, 120, tables, INTERLEAVED))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_come_back_as_such(dtype):
    (q, k, v), tables = random_inputs(121, dtype=dtype), rope_tables(121, 16)
    got = window_attention(q, k, v, 120, tables)
    want = window_attention(q.float(), k.float(), v.float(), 120, tables)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), want, atol=0, rtol=torch.finfo(dtype).eps)


def test_views_of_one_projection_and_repeated_rows():
    packed = torch.randn(2, 125, 3 * 2 * 16).unflatten(-1, (3, 2, 16)).permute(2, 0, 3, 1, 4)
    copies = [part.contiguous() for part in packed]
    torch.testing.assert_close(window_attention(*packed, 120), window_attention(*copies, 120), rtol=0, atol=0)
    same = packed[1][:, :, :1].expand(-1, -1, 125, -1)
    got = window_attention(packed[0], same, packed[2], 120)
    torch.testing.assert_close(got, window_attention(packed[0], same.contiguous(), packed[2], 120))


@pytest.mark.parametrize("pairing", [INTERLEAVED, HALVES])
@pytest.mark.parametrize(("frames", "window"), [(7, 4), (3, 8), (9, 1), (12, 5)])
def test_gradient(frames, window, pairing):
    """Backward is by PyTorch's operators: it must fit what went forward, by finite differences of that."""
    (q, k, v), tables = random_inputs(frames, 4, 1, 1), rope_tables(frames, 4)
    parts = [x.requires_grad_() for x in (q, k, v)]
    weight = torch.randn(1, 1, frames, 4)
    (window_attention(*parts, window, tables, pairing) * weight).sum().backward()
    for part in parts:
        change = torch.randn(part.shape)
        step = 1e-2
        sides = [[x.detach() + sign * step * change if x is part else x.detach() for x in parts] for sign in (1, -1)]
        up, down = ((window_attention(*side, window, tables, pairing) * weight).sum() for side in sides)
        torch.testing.assert_close((up - down) / (2 * step), (part.grad * change).sum(), atol=2e-3, rtol=2e-3)


def test_recomputed_is_the_same_for_odd_windows():
    q, k, v = random_inputs(40)
    for window in (1, 2, 3, 7, 25, 33):
        want = dense_window_attention(q, k, v, window)
        torch.testing.assert_close(recomputed(q, k, v, None, window, INTERLEAVED), want)


def test_pytorch_accepts_the_operator():
    """Schema, shapes without data, gradients: PyTorch's own checks of an operator."""
    (q, k, v), tables = random_inputs(5, 4, 1, 1), rope_tables(5, 4)
    parts = [x.requires_grad_() for x in (q, k, v)]
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(torch.ops.genmo.window_attention, (*parts, *tables, 3, INTERLEAVED), test_utils=tests)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": torch.zeros(1, 1, 4, 4)}, "wanted one"),
        ({"v": torch.zeros(1, 1, 5, 4, dtype=torch.float16)}, "wanted one of float32"),
        ({"window": 0}, "window 0"),
        ({"rope": rope_tables(4, 4)}, "tables"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    good = {name: torch.zeros(1, 1, 5, 4) for name in "qkv"} | {"window": 3}
    with pytest.raises(ValueError, match=message):
        window_attention(**(good | change))


def test_a_missing_library_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / "none.so"))
    with pytest.raises(BackendError, match="make kernels"):
        window_attention(*random_inputs(3), 2)
    (tmp_path / "text.so").write_text("no library")
    monkeypatch.setenv(LIBRARY_VARIABLE, str(tmp_path / "text.so"))
    with pytest.raises(BackendError, match="is not libgenmo_kernels"):
        window_attention(*random_inputs(3), 2)


@pytest.mark.requires_cuda
@pytest.mark.parametrize("width", [20, 64, 128])
@pytest.mark.parametrize("dtype", list(window_kernel.DTYPES))
def test_gpu_against_the_reference(monkeypatch, dtype, width):
    """Needs a library with CUDA: `make kernels` on the machine with the GPU."""
    monkeypatch.delenv(LIBRARY_VARIABLE)
    for frames in [*LENGTHS, 1800]:
        for pairing in (INTERLEAVED, HALVES):
            (q, k, v), tables = random_inputs(frames, width, dtype=dtype), rope_tables(frames, width)
            on_gpu = [x.cuda() for x in (q, k, v)]
            got = window_attention(*on_gpu, 120, tuple(t.cuda() for t in tables), pairing).cpu().double()
            want = recomputed(*(x.double() for x in (q, k, v)), tables, 120, pairing)
            plain = recomputed(q, k, v, tables, 120, pairing).double()
            allowed = max(2 * (plain - want).abs().max(), torch.finfo(dtype).eps * want.abs().max() / 4)
            assert (got - want).abs().max() <= allowed
