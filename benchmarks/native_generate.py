"""From nothing to a motion in a file: the C program, and Python with and without ONNX Runtime.

    cmake -S . -B build/native -DGENMO_KERNELS=OFF && cmake --build build/native
    python benchmarks/native_generate.py --out benchmarks/results/native_generate.md

Every run is a new process on one thread that opens the engine, makes 120 frames from a text in 10 guided steps, the
best of six takes, and writes a .bvh; counted is the processor's time of the whole process.  Blocks are interleaved,
parity comes first.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import command
import machine
import numpy as np

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.support.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build" / "native" / "kernels" / "native" / "motion_from_text"
TEXT, FRAMES = "a person walks forward", 120


def peers(program: Path, out: Path) -> dict[str, list[str]]:
    """What each peer runs to write `out`."""
    made = [sys.executable, "-m", "genmo.runtime.cli.run", "--text", TEXT]
    run = [*made, "--frames", str(FRAMES), "--threads", "1"]
    return {
        "C, libgenmo": [str(program), str(SHIPPED), TEXT, str(FRAMES), str(out)],
        "Python, libgenmo": [*run, "--backend", "native", "--out", str(out)],
        "Python, ONNX Runtime": [*run, "--backend", "onnxruntime", "--out", str(out)],
    }


def cpu_ms(arguments: Sequence[str]) -> float:
    """Milliseconds of the processor that a process takes from its start to its end."""
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise InputError(f"{arguments[0]}: {done.stderr.strip()[-300:]}")
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def joints(path: Path) -> np.ndarray:
    """Joints [frames, 24, 3] of a .bvh, millimetres, by name."""
    bvh = read_bvh(path)
    order = sorted(range(len(bvh.names)), key=lambda joint: bvh.names[joint].lower())
    return np.asarray(10 * bvh.kinematics()[1][:, order])


def table(program: Path, runs: int) -> list[str]:
    """Lines of the page."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "motion.bvh"
        commands = peers(program, out)
        times: dict[str, list[float]] = {name: [] for name in commands}
        motions = {}
        for name, arguments in commands.items():
            cpu_ms(arguments)
            motions[name] = joints(out)
        for block in range(runs):
            for name in list(commands)[:: 1 if block % 2 == 0 else -1]:
                times[name].append(cpu_ms(commands[name]))
    first = next(iter(motions.values()))
    rows = []
    for name, taken in times.items():
        off = np.linalg.norm(motions[name] - first, axis=-1)
        parity = f"{off.mean():.4f} mean, {off.max():.4f} largest"
        rows.append(f"| {name} | {min(taken):.0f} | {np.median(taken):.0f} | {parity} |")
    return ["| process | CPU ms, least | median | joints from the first row's, mm |", "|---|---:|---:|---|", *rows]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--program", type=Path, default=PROGRAM, help="the built examples/motion_from_text")
    made.add_argument("--runs", type=command.above_zero(int), default=7, help="of each peer (default: %(default)s)")
    made.add_argument("--out", type=Path, help="page to write")
    return made


def run(options: argparse.Namespace) -> int:
    if not options.program.is_file():
        raise InputError(f"{options.program} is not there; build it: cmake --build build/native")
    before = machine.snapshot()
    lines = table(options.program, options.runs)
    load = machine.disturbed(machine.load_between(before, machine.snapshot()))
    trial = [f"**A trial, not a result**: {load}."] if load else []
    title = f"From nothing to a motion in a file: {FRAMES} frames from a text, the best of six takes, 10 guided steps"
    command.publish(
        title, [lines, trial] if trial else [lines], machine.describe(("numpy", "onnxruntime")), options.out
    )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 2 for what cannot be measured."""
    return command.answer(parser(), run, arguments)


if __name__ == "__main__":
    sys.exit(main())
