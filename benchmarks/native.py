"""What libgenmo gains: estimates, ticks and stages with it and in numpy alone, and against an older checkout.

    python benchmarks/native.py --out benchmarks/results/native.md
    git worktree add ../before COMMIT
    python benchmarks/native.py --before ../before --out benchmarks/results/native.md

Each peer is a process of its own (`native_worker.py`) on one thread, blocks are interleaved A B B A, parity comes
first.  Keypoints of `examples/`, the engine that ships with each checkout.  Protocol: README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import command
import machine
import measure
import numpy as np
from tqdm import tqdm

from genmo.runtime.support import native
from genmo.runtime.support.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
WHOLE = ("estimate", "tick")
STAGES = (
    *(f"{name}, all but the network" for name in WHOLE),
    "fit of 120 poses", "fit of 7 poses", "fit of a shape", "foot locking", "forward kinematics",
)  # fmt: skip
LIBRARY, NUMPY, FAST = "libgenmo", "numpy alone", "libgenmo, --backend native --precision i16"
MOST = 1e-9
"""metres, and entries of rotations, by which the two may differ"""


class Peer:
    """A process that answers what takes how long."""

    def __init__(self, checkout: Path, options: str = "{}", **environment: str) -> None:
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        arguments = [
            sys.executable,
            str(Path(__file__).with_name("native_worker.py")),
            str(checkout.resolve()),
            options,
        ]
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads | environment
        )

    def ask(self, **question: object) -> dict[str, object]:
        """The answer.  Raises InputError where the process has ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise InputError(f"a peer ended with status {self._process.wait()}; its message is above")
        answer: dict[str, object] = json.loads(line)
        return answer

    def block(self, case: str, seconds: float) -> measure.Block:
        """`case` again and again for so many seconds."""
        answer = self.ask(case=case, seconds=seconds)
        return measure.Block(tuple(answer["wall_ms"]), answer["cpu_ms"])  # type: ignore[arg-type]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def parity_rows(library: Peer, numpy: Peer) -> tuple[list[str], float]:
    """A row an array that both made, and the largest difference.  Raises InputError where a shape differs."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("library.npz", "numpy.npz")]
        for peer, file, wanted in zip((library, numpy), files, (native.description(), NUMPY), strict=True):
            said = str(peer.ask(case="answers", file=str(file))["computes"])
            if not said.startswith(wanted):
                raise InputError(f"a peer says {said!r}; wanted {wanted!r}")
        made, expected = (np.load(file) for file in files)
        apart = {name: float(np.abs(made[name] - expected[name]).max()) for name in expected.files}
    rows = [f"| {LIBRARY} against {NUMPY} | largest difference |", "|---|---:|"]
    rows += [f"| {name} | {value:.1e} |" for name, value in apart.items()]
    return rows, max(apart.values())


def measured_pairs(
    peers: tuple[Peer, Peer], cases: tuple[str, str], args: argparse.Namespace, bar: tqdm
) -> list[measure.Pair]:
    """Pairs of blocks (baseline, candidate), in the order A B, B A; `cases`: what each peer does."""
    pairs = []
    for number in range(args.pairs):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        blocks = {which: peers[which].block(cases[which], args.block_seconds) for which in order}
        pairs.append(measure.Pair(blocks[0], blocks[1]))
        bar.update()
    return pairs


def rows_of(measured: dict[str, list[measure.Pair]], baseline: str, candidate: str) -> list[str]:
    """A row a case: CPU milliseconds of a call, fastest and median block, and the ratio."""
    rows = [
        f"| case | {baseline}, CPU ms | {candidate}, CPU ms | times as fast (CPU) | (wall, p50) |",
        "|---|---:|---:|---|---|",
    ]
    for case, pairs in measured.items():
        cpu = [[getattr(pair, side).cpu_ms for pair in pairs] for side in ("baseline", "candidate")]
        ratios = [
            measure.estimate(measure.ratios(pairs, measure.METRICS[metric])) for metric in ("CPU time", "wall, p50")
        ]
        times = " | ".join(f"{min(own):.3g} to {np.median(own):.3g}" for own in cpu)
        found = " | ".join(f"{one.ratio:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in ratios)
        rows.append(f"| {case} | {times} | {found} |")
    return rows


def publish(
    title: str, parts: list[list[str]], script: str, start: machine.Snapshot, args: argparse.Namespace, more: str = ""
) -> None:
    """Print and write the page of a measurement that began at `start`; a busy machine is said first."""
    load = machine.load_between(start, machine.snapshot())
    facts = machine.describe(("numpy", "onnxruntime")) | {"library": native.description(), "threads": "1"}
    facts["command"] = f"python benchmarks/{script} --pairs {args.pairs} --block-seconds {args.block_seconds}{more}"
    if doubt := machine.disturbed(load):
        note = "CPU time, fastest block first, is what counts here; the ratios are taken inside pairs of blocks"
        parts = [[f"**On a busy machine**: {doubt}. {note}."], *parts]
    command.publish(title, parts, facts | {name: str(value) for name, value in load.items()}, args.out)


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 1 where the parity is over its limit.  Raises InputError without a library."""
    path = native.library_path()
    if path is None:
        raise InputError(f"{native.description()}; wanted libgenmo, to compare with numpy")
    library, again = (Peer(ROOT, GENMO_LIBRARY=str(path)) for _ in range(2))
    numpy = Peer(ROOT, GENMO_NATIVE="0")
    contests = {
        f"{LIBRARY} against {NUMPY}": ((numpy, library), (*WHOLE, *STAGES), (NUMPY, LIBRARY)),
        "noise floor (A/A)": ((library, again), WHOLE, (LIBRARY, "the same again")),
    }
    if args.before:
        before = Peer(args.before)
        fast = Peer(ROOT, json.dumps({"backend": "native", "precision": "i16"}), GENMO_LIBRARY=str(path))
        contests[f"against {args.name}"] = ((before, library), WHOLE, (args.name, LIBRARY))
        contests[f"against {args.name}, the network in libgenmo too"] = ((before, fast), WHOLE, (args.name, FAST))
    parity, largest = parity_rows(library, numpy)
    if largest > MOST:
        print("\n".join(parity), file=sys.stderr)
        return 1
    start, parts = machine.snapshot(), [parity]
    total = args.pairs * sum(len(cases) for _, cases, _ in contests.values())
    with tqdm(total=total, unit="pair", disable=None) as bar:
        for title, (peers, cases, names) in contests.items():
            measured = {case: measured_pairs(peers, (case, case), args, bar) for case in cases}
            parts.append([f"## {title}", "", *rows_of(measured, *names)])
    publish("libgenmo", parts, "native.py", start, args, " --before CHECKOUT" if args.before else "")
    for peer in {id(peer): peer for peers, *_ in contests.values() for peer in peers}.values():
        peer.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 parity over its limit, 2 bad input."""
    options = argparse.ArgumentParser(description="Estimates, ticks and stages with libgenmo and in numpy alone.")
    options.add_argument("--before", type=Path, metavar="CHECKOUT", help="an older checkout of genmo to compare with")
    options.add_argument("--name", default="before", help="what the page calls it")
    options.add_argument("--pairs", type=command.above_zero(int), default=8)
    options.add_argument("--block-seconds", type=command.above_zero(float), default=0.5, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
