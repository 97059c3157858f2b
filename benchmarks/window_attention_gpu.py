"""The CUDA window attention against FlexAttention and dense attention with a mask, on an NVIDIA GPU.

    make kernels && python benchmarks/window_attention_gpu.py --out benchmarks/results/window_attention_gpu.md

One layer of attention (no projections), random inputs, N = 120 to 18,000 frames; rotary positions are part of each
contest: fused in ours, before the call in the others.  Parity first: over twice the error of PyTorch's operators in the
same precision nothing is timed and the exit status is 1.  Times are of CUDA events around a CUDA graph of many calls,
blocks interleaved as README.md says.  The roofline is what this GPU does in this run: bytes that must move at the speed
of a copy, or products that must be done at the speed of a large matrix product, whichever takes longer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import command
import machine
import measure
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genmo.runtime.support.errors import BackendError, GenmoError
from genmo.train.network.attention import rope_tables, window_mask
from genmo.train.network.window_kernel import INTERLEAVED, Tables, recomputed, turn, window_attention

LENGTHS = (120, 300, 600, 1800, 6000, 18000)
WINDOW = 120
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
OURS = "the kernel"
LONGEST_DENSE = 6000
"""frames; a dense mask of 18,000 has 324 million entries, and scores of that size do not pay"""
CALLS = 20
"""calls in a CUDA graph"""


@dataclass(frozen=True, eq=False)
class Case:
    """Inputs [batch, heads, frames, head_width] on the GPU."""

    q: Tensor
    k: Tensor
    v: Tensor
    tables: Tables

    @property
    def frames(self) -> int:
        return self.q.shape[2]

    def turned(self) -> tuple[Tensor, Tensor]:
        return turn(self.q, self.tables, INTERLEAVED), turn(self.k, self.tables, INTERLEAVED)


def make_case(frames: int, args: argparse.Namespace) -> Case:
    """Random inputs, as views of one projection."""
    made = torch.Generator(device="cuda").manual_seed(frames)
    shape = (args.batch, frames, 3, args.heads, args.head_width)
    packed = torch.randn(shape, generator=made, device="cuda").to(DTYPES[args.precision])
    q, k, v = packed.permute(2, 0, 3, 1, 4)
    cos, sin = rope_tables(frames, args.head_width, torch.device("cuda"))
    return Case(q, k, v, (cos, sin))


def ours(case: Case) -> Callable[[], Tensor]:
    return lambda: window_attention(case.q, case.k, case.v, WINDOW, case.tables)


def dense(case: Case) -> Callable[[], Tensor]:
    mask = None if case.frames <= WINDOW else window_mask(case.frames, WINDOW, case.q.device)
    return lambda: F.scaled_dot_product_attention(*case.turned(), case.v, attn_mask=mask)


def flex(case: Case) -> Callable[[], Tensor]:
    """FlexAttention, compiled, with a block mask of the clamped window."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    frames = case.frames

    def attends(b: Tensor, h: Tensor, row: Tensor, key: Tensor) -> Tensor:
        start = (row - WINDOW // 2).clamp(0, max(frames - WINDOW, 0))
        return (key >= start) & (key < start + WINDOW)

    blocks = create_block_mask(attends, None, None, frames, frames, device="cuda")
    compiled = torch.compile(lambda q, k, v: flex_attention(q, k, v, block_mask=blocks), dynamic=False)
    turned = torch.compile(case.turned, dynamic=False)
    return lambda: compiled(*turned(), case.v)


PEERS: dict[str, Callable[[Case], Callable[[], Tensor]]] = {"dense, masked": dense, "FlexAttention": flex}


def error(out: Tensor, exact: Tensor) -> float:
    return float((out.double() - exact).abs().max())


def parity(case: Case, ours_now: Callable[[], Tensor]) -> dict[str, float]:
    """Largest errors against float64 of the kernel and of PyTorch's operators in the same precision."""
    exact = recomputed(case.q.double(), case.k.double(), case.v.double(), case.tables, WINDOW, INTERLEAVED)
    plain = recomputed(case.q, case.k, case.v, case.tables, WINDOW, INTERLEAVED)
    rounding = torch.finfo(case.q.dtype).eps * float(exact.abs().max()) / 4
    got, allowed = error(ours_now(), exact), max(2 * error(plain, exact), rounding)
    return {"frames": case.frames, "error": got, "allowed": allowed}


def graph_of(call: Callable[[], Tensor]) -> torch.cuda.CUDAGraph:
    """CALLS calls, recorded, after some that compile and warm up."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            call()
    return graph


def milliseconds(graph: torch.cuda.CUDAGraph, replays: int) -> float:
    """Of one call, the median replay."""
    times = []
    for _ in range(replays):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / CALLS)
    return sorted(times)[len(times) // 2]


def speeds(dtype: torch.dtype, replays: int) -> dict[str, float]:
    """What the GPU does in this run: bytes a second of a copy (read and written), products a second."""
    source = torch.empty(2**28, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    square = torch.randn(8192, 8192, device="cuda").to(dtype)
    copied = milliseconds(graph_of(lambda: target.copy_(source)), replays)
    multiplied = milliseconds(graph_of(lambda: square @ square), replays)
    return {"bytes": 2 * 2**28 / copied * 1e3, "flop": 2 * 8192**3 / multiplied * 1e3}


def roofline_ms(case: Case, speed: dict[str, float]) -> float:
    """The least time: q, k, v and the answer move once, every row meets its keys twice."""
    moved = 4 * case.q.numel() * case.q.element_size() + sum(4 * table.numel() for table in case.tables)
    work = 4 * case.q.numel() * min(WINDOW, case.frames)
    return 1e3 * max(moved / speed["bytes"], work / speed["flop"])


def contest(case: Case, args: argparse.Namespace) -> dict[str, Any]:
    """The kernel's time and every peer's time over it: A B B A, the kernel against itself as the noise floor."""
    # a graph knows addresses only: what a call holds (masks) must outlive it
    calls = {OURS: ours(case)} | {
        name: make(case)
        for name, make in PEERS.items()
        if not (name.startswith("dense") and case.frames > LONGEST_DENSE)
    }
    graphs = {name: graph_of(call) for name, call in calls.items()}
    own: list[float] = []
    rows: dict[str, Any] = {}
    for name in [OURS, *(peer for peer in graphs if peer != OURS)]:
        ratios = []
        for number in range(args.pairs):
            order = [OURS, name] if number % 2 else [name, OURS]
            times = [milliseconds(graphs[which], args.replays) for which in order]
            kernel, peer = times if number % 2 else times[::-1]
            own.append(kernel)
            ratios.append(peer / kernel)
        rows["the kernel again (A/A)" if name == OURS else name] = measure.estimate(np.array(ratios))._asdict()
    return {"frames": case.frames, "kernel_ms": sorted(own)[len(own) // 2], "ratios": rows}


def table(results: list[dict[str, Any]]) -> list[str]:
    """A row a length."""
    names = list(results[0]["ratios"])
    lines = [f"| frames | kernel µs | of the roofline | {' | '.join(f'{name}, times ours' for name in names)} |"]
    lines.append("|---:" * (3 + len(names)) + "|")
    for row in results:
        cells = [
            f"{r['ratio']:.2f} [{r['low']:.2f}, {r['high']:.2f}]" if (r := row["ratios"].get(name)) else "not run"
            for name in names
        ]
        lines.append(
            f"| {row['frames']} | {1e3 * row['kernel_ms']:.1f} | {row['of_roofline']:.0%} | {' | '.join(cells)} |"
        )
    return lines


def run(args: argparse.Namespace) -> int:
    """Check, measure, print and write.  Raises BackendError without a GPU or the library."""
    if not torch.cuda.is_available():
        raise BackendError("no NVIDIA GPU that PyTorch can use; this benchmark needs one")
    cases = [make_case(frames, args) for frames in args.lengths]
    checks = [parity(case, ours(case)) for case in cases]
    bad = [check for check in checks if not check["error"] <= check["allowed"]]
    for check in bad:
        print("parity: {frames} frames, error {error:.2e}, allowed {allowed:.2e}".format(**check), file=sys.stderr)
    if bad:
        return 1
    speed = speeds(DTYPES[args.precision], args.replays)
    results = []
    for case in cases:
        result = contest(case, args)
        results.append(result | {"of_roofline": roofline_ms(case, speed) / result["kernel_ms"]})
    facts = machine.describe(("torch", "triton")) | {
        "GPU": torch.cuda.get_device_name(),
        "CUDA": str(torch.version.cuda),
        "measured speeds": f"copy {speed['bytes'] / 1e12:.2f} TB/s, products {speed['flop'] / 1e12:.0f} TFLOP/s",
        "shape": f"batch {args.batch}, {args.heads} heads of {args.head_width}, {args.precision}, window {WINDOW}",
        "largest error, of what is allowed": f"{max(c['error'] / c['allowed'] for c in checks):.2f}",
    }
    page = ["# Window attention on a GPU", "", *table(results), "", "| run | |", "|---|---|"]
    text = "\n".join([*page, *(f"| {name} | {fact} |" for name, fact in facts.items())]) + "\n"
    print(text, end="")
    numbers = {"run": facts, "parity": checks, "results": results}
    for path, content in ((args.out, text), (args.json, json.dumps(numbers, indent=1) + "\n")):
        if path:
            path.write_text(content, encoding="utf-8")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 parity failed, 2 bad input, no GPU or no library."""
    options = argparse.ArgumentParser(description="The CUDA window attention against FlexAttention and dense SDPA.")
    positive = command.above_zero(int)
    options.add_argument("--lengths", nargs="+", type=positive, default=list(LENGTHS), metavar="N", help="frames")
    options.add_argument("--precision", choices=DTYPES, default="fp16")
    options.add_argument("--head-width", type=positive, default=64)
    options.add_argument("--heads", type=positive, default=8)
    options.add_argument("--batch", type=positive, default=1)
    options.add_argument("--pairs", type=positive, default=10)
    options.add_argument("--replays", type=positive, default=50, help=f"of {CALLS} calls each, in a block")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    args = options.parse_args(arguments)
    try:
        return run(args)
    except (GenmoError, ValueError, OSError) as error_:
        options.error(" ".join(str(error_).split()))


if __name__ == "__main__":
    sys.exit(main())
