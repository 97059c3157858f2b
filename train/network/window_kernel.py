"""The compiled window attention (kernels/) as a PyTorch operator, on GPUs and, for tests, on the CPU.

`window_attention` is `dense_window_attention` of queries and keys turned by rotary positions, in O(N W): on a GPU the
CUDA kernel, on the CPU the C++ reference (float32 loops: right, not fast).  Its gradient recomputes the attention with
PyTorch's own operators (`blocked_window_attention`), so training needs no second kernel.  The library comes from
`make kernels`, or from a wheel built with GENMO_KERNELS=1.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genmo.runtime
from genmo.runtime.support.errors import BackendError
from genmo.train.network.attention import apply_rope, blocked_window_attention, dense_window_attention

LIBRARY_VARIABLE = "GENMO_KERNELS_LIBRARY"
"""environment variable with the path of the library; without it, in `lib` of the runtime, then in `build/kernels`"""
DTYPES = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}
"""GenmoDtype of kernels/include/genmo/window_attention.h"""
INTERLEAVED, HALVES = 0, 1
"""GenmoPairing: channels (2 c, 2 c + 1), as trained, or (c, c + head_width / 2), as exported"""
MOST_CHANNELS = 128
"""of a head, in the CUDA kernel"""

Tables = tuple[Tensor, Tensor]


class Strides(ctypes.Structure):
    """GenmoStrides, in elements."""

    _fields_ = [(name, ctypes.c_int64) for name in ("batch", "head", "frame")]


class Rotary(ctypes.Structure):
    """GenmoRotary; all zero for no rotary positions."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("cos", "sin")),
        *((name, ctypes.c_int64) for name in ("stride", "pairing", "q_half", "k_half")),
    ]


class Problem(ctypes.Structure):
    """GenmoWindowAttention."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "heads", "frames", "channels", "window")),
        ("scale", ctypes.c_double),
        *((name, Strides) for name in ("q", "k", "v", "out")),
        ("rotary", Rotary),
    ]


def _library_name() -> str:
    return {"win32": "genmo_kernels.dll", "darwin": "libgenmo_kernels.dylib"}.get(sys.platform, "libgenmo_kernels.so")


def library_path() -> Path:
    """Where the compiled library is.  Raises BackendError when it was not built."""
    named = os.environ.get(LIBRARY_VARIABLE)
    folders = [Path(folder).resolve() for folder in genmo.runtime.__path__]  # an editable install has two
    name = _library_name()
    built = [folder.parent / "build" / "kernels" / "kernels" / name for folder in folders]
    paths = [Path(named)] if named else [*(folder / "lib" / name for folder in folders), *built]
    for path in paths:
        if path.is_file():
            return path
    raise BackendError(
        f"no {name} at {' or '.join(map(str, paths))}; build it with `make kernels` or point {LIBRARY_VARIABLE} at it"
    )


@functools.cache
def load_library(path: Path) -> ctypes.CDLL:
    """The library, its functions typed.  Raises BackendError for a file that is none."""
    try:
        library = ctypes.CDLL(str(path))
        library.genmo_status_text.restype = ctypes.c_char_p
        library.genmo_status_text.argtypes = [ctypes.c_int]
        pointers = [ctypes.c_void_p] * 4
        library.genmo_window_attention_cpu.argtypes = [ctypes.POINTER(Problem), *pointers]
        if hasattr(library, "genmo_window_attention_cuda"):
            library.genmo_window_attention_cuda.argtypes = [
                ctypes.POINTER(Problem),
                ctypes.c_int,
                *pointers,
                ctypes.c_void_p,
            ]
    except (OSError, AttributeError) as error:
        raise BackendError(f"{path} is not libgenmo_kernels ({error}); build it with `make kernels`") from None
    return library


def _strides(x: Tensor) -> Strides:
    return Strides(x.stride(0), x.stride(1), x.stride(2))


def _readable(x: Tensor) -> Tensor:
    """x, or a copy when its rows do not lie apart, channels side by side."""
    sound = x.stride(-1) == 1 and (x.shape[2] == 1 or x.stride(2) >= x.shape[3])
    return x if sound else x.contiguous()


def _problem(q: Tensor, k: Tensor, v: Tensor, out: Tensor, tables: Tables | None, window: int, pairing: int) -> Problem:
    batch, heads, frames, width = q.shape
    rotary = Rotary()
    if tables is not None:
        rotary = Rotary(tables[0].data_ptr(), tables[1].data_ptr(), width // 2, pairing, 0, 0)
    strides = [_strides(x) for x in (q, k, v, out)]
    return Problem(batch, heads, frames, width, window, width**-0.5, *strides, rotary)


def _check(library: ctypes.CDLL, status: int) -> None:
    if status:
        raise BackendError(f"window attention, status {status}: {library.genmo_status_text(status).decode()}")


def _empty_out(q: Tensor) -> Tensor:
    """[batch, heads, frames, width] whose memory is [batch, frames, heads, width], as the next layer wants it."""
    return q.new_empty(q.shape[0], q.shape[2], q.shape[1], q.shape[3]).transpose(1, 2)


def _tables(cos: Tensor | None, sin: Tensor | None) -> Tables | None:
    return None if cos is None or sin is None else (cos.float().contiguous(), sin.float().contiguous())


@torch.library.custom_op(
    "genmo::window_attention",
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor q, Tensor k, Tensor v, Tensor? cos, Tensor? sin, int window, int pairing) -> Tensor",
)
def _operator(
    q: Tensor, k: Tensor, v: Tensor, cos: Tensor | None, sin: Tensor | None, window: int, pairing: int
) -> Tensor:
    """The C++ reference."""
    library = load_library(library_path())
    queries, keys, values = (_readable(x.float()) for x in (q, k, v))
    out, tables = _empty_out(queries), _tables(cos, sin)
    problem = _problem(queries, keys, values, out, tables, window, pairing)
    pointers = [x.data_ptr() for x in (queries, keys, values, out)]
    _check(library, library.genmo_window_attention_cpu(ctypes.byref(problem), *pointers))
    return out if q.dtype == torch.float32 else _empty_out(q).copy_(out)


@_operator.register_kernel("cuda")
def _on_gpu(
    q: Tensor, k: Tensor, v: Tensor, cos: Tensor | None, sin: Tensor | None, window: int, pairing: int
) -> Tensor:
    path = library_path()
    library = load_library(path)
    if not hasattr(library, "genmo_window_attention_cuda"):
        raise BackendError(f"{path} was built without CUDA; put nvcc on the PATH and run `make kernels` again")
    queries, keys, values = (_readable(x) for x in (q, k, v))
    out, tables = _empty_out(queries), _tables(cos, sin)
    problem = _problem(queries, keys, values, out, tables, window, pairing)
    pointers = [x.data_ptr() for x in (queries, keys, values, out)]
    with torch.cuda.device(q.device):
        stream = torch.cuda.current_stream().cuda_stream
        status = library.genmo_window_attention_cuda(ctypes.byref(problem), DTYPES[q.dtype], *pointers, stream)
    _check(library, status)
    return out


@_operator.register_fake
def _shape(
    q: Tensor, k: Tensor, v: Tensor, cos: Tensor | None, sin: Tensor | None, window: int, pairing: int
) -> Tensor:
    return _empty_out(q)


def turn(x: Tensor, tables: Tables, pairing: int) -> Tensor:
    """[batch, heads, frames, head_width] turned by rotary positions, in the arithmetic of the kernel: in float32."""
    wide = x.float()
    if pairing == INTERLEAVED:
        return apply_rope(wide, tables).to(x.dtype)
    cos, sin = tables
    first, second = wide.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1).to(x.dtype)


def recomputed(q: Tensor, k: Tensor, v: Tensor, tables: Tables | None, window: int, pairing: int) -> Tensor:
    """The same attention in PyTorch's own operators."""
    if tables is not None:
        q, k = turn(q, tables, pairing), turn(k, tables, pairing)
    blocked = q.shape[2] > 3 * window // 2 and window > 1
    return (blocked_window_attention if blocked else dense_window_attention)(q, k, v, window)


def _keep(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Any, ...], output: Tensor) -> None:
    q, k, v, cos, sin, ctx.window, ctx.pairing = inputs
    ctx.save_for_backward(q, k, v, cos, sin)


def _gradient(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
    q, k, v, cos, sin = ctx.saved_tensors
    with torch.enable_grad():
        leaves = [x.detach().requires_grad_() for x in (q, k, v)]
        out = recomputed(leaves[0], leaves[1], leaves[2], _tables(cos, sin), ctx.window, ctx.pairing)
    return (*torch.autograd.grad(out, leaves, gradient), None, None, None, None)


_operator.register_autograd(_gradient, setup_context=_keep)


def _refuse_unless(sound: bool, message: str) -> None:
    if not sound:
        raise ValueError(f"window attention: {message}")


def window_attention(
    q: Tensor, k: Tensor, v: Tensor, window: int, rope: Tables | None = None, pairing: int = INTERLEAVED
) -> Tensor:
    """softmax(q k^T / sqrt(head_width) in the window) v over [batch, heads, frames, head_width] -> the same shape.

    q, k, v: float32, float16 or bfloat16, all of one dtype, sums in float32; on a GPU at most 128 channels a head.
    `rope`: cosines and sines [frames, head_width / 2] (`rope_tables`) by which q and k are turned first, pairs of
    channels as `pairing` says.  No gradient reaches `rope`.  Raises ValueError for tensors that do not fit, and
    BackendError when the library is not there.
    """
    shapes = ", ".join(str(list(x.shape)) for x in (q, k, v))
    _refuse_unless(
        q.ndim == 4 and q.shape == k.shape == v.shape, f"got {shapes}; wanted one [batch, heads, frames, head_width]"
    )
    _refuse_unless(
        q.dtype == k.dtype == v.dtype and q.dtype in DTYPES,
        f"got {q.dtype}, {k.dtype}, {v.dtype}; wanted one of float32, float16, bfloat16",
    )
    _refuse_unless(window >= 1, f"window {window}; wanted at least 1")
    if q.device.type == "cuda":
        _refuse_unless(
            q.shape[3] <= MOST_CHANNELS, f"{q.shape[3]} channels a head; wanted at most {MOST_CHANNELS} on a GPU"
        )
    cos, sin = rope if rope is not None else (None, None)
    if cos is not None and sin is not None:
        expected = (q.shape[2], q.shape[3] // 2)
        sound = q.shape[3] % 2 == 0 and cos.shape == sin.shape == expected
        _refuse_unless(sound, f"tables {list(cos.shape)}, {list(sin.shape)}; wanted {list(expected)} of an even width")
    out: Tensor = torch.ops.genmo.window_attention(q, k, v, cos, sin, window, pairing)
    return out
