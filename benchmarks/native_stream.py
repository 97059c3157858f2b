"""Ticks, endless motion and motions of texts: the C interface against MotionStream, MotionGenerator and MotionModel.

    python benchmarks/native_stream.py --out benchmarks/results/native_stream.md

Each peer is a process of its own (`native_worker.py`) on one thread, blocks are interleaved A B B A, parity comes
first: of the streams of every example.  The window of a tick is full, the look-ahead 15.  Protocol: README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import command
import machine
import numpy as np
from native import ROOT, Peer, measured_pairs, publish, rows_of
from tqdm import tqdm

from genmo.runtime.support import native
from genmo.runtime.support.errors import InputError

NUMPY, LIBRARY, C, FAST = "numpy, ONNX Runtime", "libgenmo, --backend native", "in C", "in C, fixed point"
WHAT = {"tick": "tick", "endless": "60 frames without end", "generate": "120 frames of a text"}
MEAN, LARGEST = 0.002, 0.05
"""millimetres by which the joints of C may differ from the runtime's, in fp32 with the same network"""


def parity_rows(library: Peer) -> tuple[list[str], bool]:
    """A row a stream, and whether all are within the limits."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name, case in ((LIBRARY, "ticks"), (C, "ticks in C")):
            made[name] = Path(folder) / f"{len(made)}.npz"
            library.ask(case=case, file=str(made[name]))
        answers = {name: np.load(file) for name, file in made.items()}
        rows = [f"| ticks of keypoints; a text | frames | in C from {LIBRARY}, mm |", "|---|---:|---|"]
        sound = True
        for name in answers[C].files:
            apart = 1000 * np.linalg.norm(answers[C][name] - answers[LIBRARY][name], axis=-1)
            sound = sound and bool(apart.mean() <= MEAN and apart.max() <= LARGEST)
            rows.append(f"| {name} | {len(apart)} | {apart.mean():.5f} mean, {apart.max():.5f} largest |")
    return rows, sound


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 1 where the parity is over its limits.  Raises InputError without a library."""
    path = native.library_path()
    if path is None:
        raise InputError(f"{native.description()}; wanted libgenmo")
    numpy = Peer(ROOT, json.dumps({"backend": "onnxruntime"}), GENMO_NATIVE="0")
    library = Peer(ROOT, json.dumps({"backend": "native"}), GENMO_LIBRARY=str(path))
    parity, sound = parity_rows(library)
    if not sound:
        print("\n".join(parity), file=sys.stderr)
        return 1
    start, parts = machine.snapshot(), [parity]
    ends = {LIBRARY: "", C: " streamed in C", FAST: " streamed in C, fixed point"}
    with tqdm(total=args.pairs * len(ends) * len(WHAT), unit="pair", disable=None) as bar:
        for name, end in ends.items():
            measured = {
                says: measured_pairs((numpy, library), (case, case + end), args, bar) for case, says in WHAT.items()
            }
            parts.append(rows_of(measured, NUMPY, name))
    publish("Ticks, endless motion and motions of texts, in C", parts, "native_stream.py", start, args)
    for one in (numpy, library):
        one.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 parity over its limits, 2 bad input."""
    options = argparse.ArgumentParser(description="Ticks and endless motion in C against the runtime's.")
    options.add_argument("--pairs", type=command.above_zero(int), default=8)
    options.add_argument("--block-seconds", type=command.above_zero(float), default=0.5, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
