"""libgenmo under damaged engines, wild options and keypoints, and for half an hour: what its programs of tests say.

    cmake -S . -B build/native -DGENMO_KERNELS=OFF && cmake --build build/native
    python benchmarks/native_robust.py --out benchmarks/results/native_robust.md

Exit status 1 where one fails.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path

import command
import machine

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.support import native
from genmo.runtime.support.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "build" / "native" / "kernels" / "native"


def commands(args: argparse.Namespace) -> list[list[str]]:
    """Programs and their arguments; ENGINE stands for the engine that ships."""
    made = []
    if "fuzz" in args.parts:
        made.append(["fuzz_test", str(args.count), str(args.count), "ENGINE", str(args.count)])
    if "keypoints" in args.parts:
        made.append(["estimate_test", "ENGINE", str(args.count)])
    if "stream" in args.parts:
        made += [["stream_test", engine, "60", str(args.minutes)] for engine in args.streamed]
    return made


def run_one(folder: Path, arguments: list[str]) -> tuple[list[str], bool]:
    """Lines about a program, and whether it was content."""
    program = folder / arguments[0]
    if not program.is_file():
        raise InputError(f"{program} is not there; build it: cmake --build build/native")
    actual = [str(SHIPPED) if argument == "ENGINE" else argument for argument in arguments[1:]]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(program), *actual], capture_output=True, text=True, errors="replace")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = [*done.stdout.splitlines(), *done.stderr.splitlines()[-5:]]
    head = f"`{' '.join(arguments)}`: exit status {done.returncode}, {seconds:.0f} s of the processor"
    return [head, "", "```", *said, "```"], done.returncode == 0


def run(args: argparse.Namespace) -> int:
    parts, sound = [], True
    for arguments in commands(args):
        lines, good = run_one(args.programs, arguments)
        parts.append(lines)
        sound = sound and good
    facts = machine.describe(()) | {"libgenmo": native.description()}
    command.publish("libgenmo under everything that can be wrong, and for long", parts, facts, args.out)
    return 0 if sound else 1


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, 1 where a program fails, 2 for what cannot be run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, default=PROGRAMS, help="folder of the built tests")
    parser.add_argument(
        "--parts", nargs="+", choices=("fuzz", "keypoints", "stream"), default=("fuzz", "keypoints", "stream")
    )
    parser.add_argument("--count", type=command.above_zero(int), default=100_000, help="of each (default: %(default)s)")
    parser.add_argument(
        "--minutes", type=command.above_zero(int), default=30, help="of a stream (default: %(default)s)"
    )
    parser.add_argument(
        "--streamed",
        nargs="+",
        choices=("tiny", "ENGINE"),
        default=("tiny", "ENGINE"),
        help='engines of the streams; "tiny": one that the test makes up, ENGINE: the real (default: both)',
    )
    parser.add_argument("--out", type=Path, help="page to write")
    return command.answer(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
