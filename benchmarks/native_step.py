"""One denoiser step on the CPU: libgenmo, every instruction set and precision, against the same engine in ONNX Runtime.

    python benchmarks/native_step.py --out benchmarks/results/native_step.md

The engine that ships or `--engine`, one thread, the same inputs for every peer, parity before timing; then libgenmo on
two threads against one.  What is timed is what a sampler calls again and again: conditions and texts are prepared.
Exit status: 0 done, 1 the peers disagree and nothing was timed, 2 bad input.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command
import machine
import numpy as np
import report

from genmo.export.onnx.graphs import example_inputs
from genmo.runtime.denoiser.sampler import Step
from genmo.runtime.engine.backends.native import PRECISIONS, NativeDenoiser
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import Engine, load_engine
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array, Arrays

BASELINE, SAME = "ONNX Runtime fp32", "ONNX Runtime again (A/A)"
ALONE = "i16, 1 thread again (A/A)"
SEED, INPUT_SETS = 0, 4
GATES = {"fp32": 2e-5, "i16": 1e-3}
"""fp32: largest difference as a share of the largest feature or of 1; i16: root mean square, as a share of the
features'"""
TIMED = ["Ratios above 1: less than the baseline. Median of the per-pair ratios [95 % confidence interval]."]


class Peer:
    """A denoiser's steps under the conditions of every input set; a call takes the next one."""

    def __init__(self, denoiser: Any, inputs: list[Arrays]) -> None:
        self._steps: list[tuple[Step, Array]] = []
        for arrays in inputs:
            conditions = {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}
            self._steps.append((denoiser.prepare(conditions), arrays["x_t"]))
        self._cycle = itertools.cycle(self._steps)

    def __call__(self) -> object:
        step, x_t = next(self._cycle)
        return step(x_t, 500)

    def outputs(self) -> list[Array]:
        """x_0 for every input set."""
        return [step(x_t, 500)["x_0"] for step, x_t in self._steps]


def input_sets(engine: Engine, args: argparse.Namespace) -> list[Arrays]:
    """INPUT_SETS random inputs with `args.texts` texts over all frames, or none."""
    sets = []
    for number in range(INPUT_SETS):
        random = np.random.default_rng((SEED, number))
        arrays = example_inputs(engine.config, random, batch=args.batch, frames=args.frames, texts=max(args.texts, 1))
        arrays["text_spans"][:] = (0, args.frames)
        arrays["text_token_mask"][:] = float(args.texts > 0)
        sets.append(arrays)
    return sets


def native_peers(engine: Engine, inputs: list[Arrays]) -> dict[str, Peer]:
    """Every instruction set of this processor in both precisions, on one thread."""
    peers = {}
    for name in native.instruction_sets():
        with native.using_instruction_set(name):
            for precision in PRECISIONS:
                denoiser = NativeDenoiser(engine.denoiser, engine.config, threads=1, precision=precision)
                peers[f"{name} {precision}"] = Peer(denoiser, inputs)
    return peers


def parity_row(name: str, ours: list[Array], reference: list[Array]) -> dict[str, Any]:
    """How far a peer is from the baseline, and whether within the gate of its precision."""
    pairs = zip(ours, reference, strict=True)
    largest = max(float(np.abs(a - b).max()) / max(float(np.abs(b).max()), 1.0) for a, b in pairs)
    both = np.stack([np.concatenate([array.ravel() for array in side]) for side in (ours, reference)])
    rms = float(np.sqrt(np.mean((both[0] - both[1]) ** 2) / np.mean(both[1] ** 2)))
    precision = name.split()[-1]
    passes = (largest if precision == "fp32" else rms) <= GATES[precision]
    return {"peer": name, "largest": largest, "rms": rms, "passes": passes}


def parity_rows(rows: list[dict[str, Any]]) -> list[str]:
    """The parity as a table."""
    head = ["| parity | largest difference | root mean square |", "|---|---:|---:|"]
    return head + [
        f"| {row['peer']}: {'passes' if row['passes'] else 'FAILS'} | {row['largest']:.1e} | {row['rms']:.1e} |"
        for row in rows
    ]


def two_threads(engine: Engine, inputs: list[Arrays]) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """One thread against two, in each precision."""
    contests = {}
    for precision in PRECISIONS:
        one, two = (
            Peer(NativeDenoiser(engine.denoiser, engine.config, threads=threads, precision=precision), inputs)
            for threads in (1, 2)
        )
        contests[f"{precision}, 2 threads"] = (one, two)
    contests[ALONE] = (one, one)
    return contests


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description="One denoiser step: libgenmo against ONNX Runtime.")
    options.add_argument("--engine", type=Path, help="engine folder (default: the one that ships)")
    for name, default in {"frames": 120, "batch": 1, "pairs": 12}.items():
        options.add_argument(f"--{name}", type=command.above_zero(int), default=default, help=f"default: {default}")
    options.add_argument("--texts", type=int, default=1, help="of every motion, over all frames; default: 1")
    options.add_argument(
        "--block-seconds", type=command.above_zero(float), default=0.3, help="of one peer; default: 0.3"
    )
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    return options


def typed(args: argparse.Namespace) -> str:
    """What to type for the same measurement."""
    settings = {k.replace("_", "-"): v for k, v in vars(args).items() if k not in ("out", "json") and v is not None}
    return " ".join(["python benchmarks/native_step.py", *(f"--{name} {value}" for name, value in settings.items())])


def run(args: argparse.Namespace) -> int:
    """Check, measure, print and write.  Raises GenmoError for a bad engine."""
    engine = load_engine(args.engine)
    facts = machine.describe(("onnxruntime", "numpy")) | {"libgenmo": native.description(), "command": typed(args)}
    inputs = input_sets(engine, args)
    baseline = Peer(OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1), inputs)
    peers, reference = native_peers(engine, inputs), baseline.outputs()
    parity = [parity_row(name, peer.outputs(), reference) for name, peer in peers.items()]
    if not all(row["passes"] for row in parity):
        command.publish("One denoiser step in libgenmo", [parity_rows(parity), ["Nothing was timed."]], facts, args.out)
        return 1
    contests = {name: (baseline, peer) for name, peer in peers.items()} | {SAME: (baseline, baseline)}
    measured, doubts, load = command.contest(contests, args)
    threaded = two_threads(engine, inputs)
    scaled, _, _ = command.contest(threaded, args)
    parts = [
        parity_rows(parity),
        *doubts,
        TIMED,
        report.ratio_rows(measured, BASELINE, SAME),
        report.time_rows(measured, BASELINE, SAME),
        report.ratio_rows(scaled, "one thread", ALONE),
    ]
    what = f"{engine.folder.name}, {args.frames} frames, batch {args.batch}, texts {args.texts}, one thread"
    command.publish(f"One denoiser step in libgenmo: {what}", parts, facts | load, args.out)
    numbers = {"run": facts | load, "parity": parity, "contests": report.contests(measured | scaled)}
    command.store(numbers, args.json)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    return command.answer(parser(), run, arguments)


if __name__ == "__main__":
    sys.exit(main())
