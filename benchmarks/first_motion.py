"""From the start of a program to its first motion: C with libgenmo, and Python.

    cmake -S . -B build/native -DGENMO_KERNELS=OFF && cmake --build build/native
    python benchmarks/first_motion.py --out benchmarks/results/first_motion.md
    python benchmarks/first_motion.py --against OLD/kernels/native --only "first pose"  # and another build's library

Every run is a new process that opens the engine that ships, whose files the system has in memory, and makes its first
pose of a stream, or a second of motion from keypoints or from a text.  Wall time from the start of the process to its
end, the processor's time of all of it, and what the process itself counts for opening and for the motion.  Runs are
interleaved.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import command
import machine
import numpy as np

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.support.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build" / "native" / "kernels" / "native" / "first_motion"
PYTHON = """
import time; started = time.perf_counter()
import numpy as np
from genmo.runtime import MotionModel, MotionStream
model = MotionModel.load(backend="{backend}", threads=1)
opened = time.perf_counter()
points = np.full((1, 17, 3), 0.9)
points[0, :, 0], points[0, :, 1] = 600 + 40 * (np.arange(17) % 2), 100 + 30 * np.arange(17)
MotionStream(model, image_size=(1280.0, 720.0)).step(points).joints_world()
print(1000 * (opened - started), 1000 * (time.perf_counter() - opened))
"""


@dataclass(frozen=True)
class Peer:
    """A command, and the folder of another libgenmo than the program's own."""

    arguments: list[str]
    library: Path | None = None


def peers(program: Path, against: Path | None = None) -> dict[str, Peer]:
    """Commands by what they do; those of C also with the library in the folder `against`."""
    made = {}
    for what, kind in (
        ("first pose", "pose"),
        ("a second from keypoints", "keypoints"),
        ("a second from a text", "text"),
    ):
        for name, options in (
            ("", []), (", fixed point", ["fast"]), (", hashes not compared", ["trusted"]), (", two threads", ["2"]),
            (", fixed point, two threads", ["fast", "2"]),
        ):  # fmt: skip
            if kind == "pose" or name in ("", ", fixed point"):
                arguments = [str(program), str(SHIPPED), kind, *options]
                made[f"C, {what}{name}"] = Peer(arguments)
                if against is not None:
                    made[f"C, {what}{name}, the other build"] = Peer(arguments, against)
    for backend in ("native", "onnxruntime"):
        made[f"Python, first pose, {backend}"] = Peer([sys.executable, "-c", PYTHON.format(backend=backend)])
    return made


def milliseconds(peer: Peer) -> tuple[float, ...]:
    """Of the whole process, of the processor, of opening and of the motion."""
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    if peer.library is not None:
        environment["LD_LIBRARY_PATH"] = str(peer.library)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(peer.arguments, env=environment, capture_output=True, text=True)
    whole, after = 1000 * (time.perf_counter() - started), resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise InputError(f"{peer.arguments[0]}: {done.stderr.strip()[-300:]}")
    opened, made = map(float, done.stdout.split())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return whole, 1000 * cpu, opened, made


def table(commands: Mapping[str, Peer], runs: int) -> list[str]:
    """Lines of the page."""
    for peer in commands.values():
        milliseconds(peer)
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in commands}
    for block in range(runs):
        for name in list(commands)[:: 1 if block % 2 == 0 else -1]:
            times[name].append(milliseconds(commands[name]))
    rows = []
    for name, taken in times.items():
        columns = np.array(taken).T
        cells = [f"{value:.1f}" for column in columns for value in (column.min(), np.median(column))]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    heads = " | ".join(f"{name}, ms, least | median" for name in ("whole", "CPU", "opening", "motion"))
    return [f"| process | {heads} |", "|---|" + "---:|" * 8, *rows]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--program", type=Path, default=PROGRAM, help="the built tests/first_motion")
    made.add_argument("--against", type=Path, metavar="FOLDER", help="of another build's libgenmo.so, to compare with")
    made.add_argument("--only", default="", metavar="WORDS", help="peers with these words in their names")
    made.add_argument("--runs", type=command.above_zero(int), default=15, help="of each peer (default: %(default)s)")
    made.add_argument("--out", type=Path, help="page to write")
    return made


def run(options: argparse.Namespace) -> int:
    if not options.program.is_file():
        raise InputError(f"{options.program} is not there; build it: cmake --build build/native")
    if options.against is not None and not (options.against / "libgenmo.so").is_file():
        raise InputError(f"{options.against} has no libgenmo.so; wanted kernels/native of another build's folder")
    commands = {name: peer for name, peer in peers(options.program, options.against).items() if options.only in name}
    if not commands:
        raise InputError(f'no peer\'s name has {options.only!r} in it; wanted a part of one, such as "first pose"')
    before = machine.snapshot()
    lines = table(commands, options.runs)
    load = machine.disturbed(machine.load_between(before, machine.snapshot()))
    parts = [[f"**A trial, not a result**: {load}."]] if load else []
    title = "From the start of a program to its first motion"
    command.publish(title, [*parts, lines], machine.describe(("numpy", "onnxruntime")), options.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, or 2 for what cannot be measured."""
    return command.answer(parser(), run, arguments)


if __name__ == "__main__":
    sys.exit(main())
