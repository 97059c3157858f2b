"""How a step's time and memory grow with the motion, and up to where one dense block of attention is as fast.

    python benchmarks/lengths.py --out benchmarks/results/lengths_base.md

- Crossover: the step with dense attention against the same step in blocks, at lengths around `step.CROSSOVER`.
- Cost: 1800 frames against 300 (linear is 6), in time by pairs of blocks, and in activation memory: how far a fresh
  process's peak grows when it runs a step of that length, weights and library not counted.  The allocator is told to
  give every tensor pages of its own and to give them back: what loading left free would serve a short step unseen.
ONNX Runtime, fp32, random weights; Linux, for the memory.  Protocol: README.md.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import command
import machine
import measure
import numpy as np
import one_step
import report
import torch

from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.graphs import write_onnx
from genmo.export.onnx.onnx_builder import FP32
from genmo.export.onnx.step_graph import CROSSOVER, StepGraph
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import outputs, step_inputs
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeGraph
from genmo.runtime.engine.backends.stepwise import no_texts
from genmo.runtime.support.arrays import Arrays
from genmo.train.settings.config import read_config

ALWAYS_DENSE = 10**6
HONEST_MALLOC = {"MALLOC_MMAP_THRESHOLD_": "16384", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}
SAME = "the same twice (A/A)"
SHORT, LONG = 300, 1800


def open_step(path: Path, config: ModelConfig, threads: int) -> OnnxRuntimeGraph:
    """The step's graph alone."""
    return OnnxRuntimeGraph(path, step_inputs(config), outputs(config), "cpu", threads)


def arrays_of(config: ModelConfig, frames: int) -> Arrays:
    """A step's inputs for one motion without text."""
    random = np.random.default_rng(0)
    wide = {name: (1, frames, width) for name, width in (("x_t", config.motion_layout.width), ("fused", config.width))}
    arrays = {name: random.standard_normal(shape, np.float32) for name, shape in wide.items()}
    return arrays | {"timestep": np.full(1, 500, np.int64)} | no_texts(config)


def caller(step: OnnxRuntimeGraph, config: ModelConfig, frames: int) -> measure.Call:
    """A call of the step at a length."""
    kept = step.keep(arrays_of(config, frames))
    return lambda: step(kept, {})["x_0"]


def memory_mb(entry: str) -> float:
    """An entry of this process's status, as Linux tells it: VmRSS is what it has, VmHWM the most that it had."""
    status = Path("/proc/self/status").read_text()
    return float(status.split(f"{entry}:")[1].split()[0]) / 2**10


def print_growth(args: argparse.Namespace) -> int:
    """In a process of its own: the peak of a step of `--grow FRAMES` over what is there after one of two frames."""
    config = read_config(args.preset).model
    step = open_step(args.step, config, 1)
    call = caller(step, config, args.grow)  # its inputs count as there before
    caller(step, config, 2)()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what loading left free would serve the step unseen
    Path("/proc/self/clear_refs").write_text("5")  # the peak of loading, which is larger, is forgotten
    before = memory_mb("VmRSS")
    call()
    print(memory_mb("VmHWM") - before)
    return 0


def growth(args: argparse.Namespace, step: Path, frames: int) -> float:
    """Median of three fresh processes."""
    command = [sys.executable, __file__, "--preset", args.preset, "--step", str(step), "--grow", str(frames)]
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "env": os.environ | HONEST_MALLOC}
    told = [subprocess.run(command, **options).stdout for _ in range(3)]
    return float(np.median([float(one) for one in told]))


def run(args: argparse.Namespace) -> int:
    """Measure, print and write.  Raises GenmoError for a preset that is none."""
    facts = machine.describe(one_step.PACKAGES) | {"threads": str(args.threads)}
    facts["command"] = (
        f"python benchmarks/lengths.py --preset {args.preset} --frames {' '.join(map(str, args.frames))} "
        f"--threads {args.threads} --pairs {args.pairs} --block-seconds {args.block_seconds:g}"
    )
    config = read_config(args.preset).model
    with torch.no_grad():
        folded = fold(one_step.random_checkpoint(config).model.denoiser)
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.onnx" for name in ("dense", "blocks", "shipped")}
        for name, crossover in (("dense", ALWAYS_DENSE), ("blocks", 0), ("shipped", CROSSOVER)):
            write_onnx(StepGraph(folded, FP32, crossover=crossover).build(), paths[name])
        dense, blocks, shipped = (open_step(path, config, args.threads) for path in paths.values())
        grown = {frames: growth(args, paths["shipped"], frames) for frames in (SHORT, LONG)}
        contests = {f"{n} frames: blocks": (caller(dense, config, n), caller(blocks, config, n)) for n in args.frames}
        longest, shorter = (caller(shipped, config, frames) for frames in (LONG, SHORT))
        contests[f"{SHORT} frames (ratio is the cost of {LONG})"] = (longest, shorter)
        contests[SAME] = (shorter, shorter)
        measured, doubts, load = command.contest(contests, args)
    facts |= load
    memory = [
        "| activation memory of a step | MB |",
        "|---|---:|",
        *(f"| {frames} frames | {size:.1f} |" for frames, size in grown.items()),
        f"| {LONG} against {SHORT} frames | {grown[LONG] / grown[SHORT]:.2f} times |",
    ]
    said = [f"Engines use one dense block up to {CROSSOVER} frames. In rows of blocks, above 1: faster than dense."]
    parts = [said, *doubts, one_step.TIMED, report.ratio_rows(measured, "its baseline", SAME), memory]
    command.publish(f"Lengths: one step of {args.preset}, threads {args.threads}", parts, facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="Time and memory of a step by the length of the motion.")
    options.add_argument("--preset", default="base", help="a preset or a YAML file (default: base)")
    options.add_argument("--frames", nargs="+", type=command.above_zero(int), default=[181, 240, 300, 420, 600])
    for name, default in (("threads", machine.usable_cpus()), ("pairs", 15)):
        options.add_argument(f"--{name}", type=command.above_zero(int), default=default, help=f"default: {default}")
    options.add_argument("--block-seconds", type=command.above_zero(float), default=3.0, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page here too")
    options.add_argument("--step", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--grow", type=int, help=argparse.SUPPRESS)
    return command.answer(options, lambda args: print_growth(args) if args.grow else run(args), arguments)


if __name__ == "__main__":
    sys.exit(main())
