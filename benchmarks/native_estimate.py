"""Keypoints to a motion: genmo_estimate of the C interface against `MotionModel.estimate`, in numpy and with libgenmo.

    python benchmarks/native_estimate.py --out benchmarks/results/native_estimate.md
    python benchmarks/native_estimate.py --keypoints more.npz --out benchmarks/results/native_estimate.md

Each peer is a process of its own (`native_worker.py`) on one thread, blocks are interleaved A B B A, parity comes
first: of every example and of further files of keypoints.  Protocol: README.md.
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

CASE, CASE_C, CASE_FAST = "estimate", "estimate in C", "estimate in C, fixed point"
NUMPY, LIBRARY, C, FAST = "numpy, ONNX Runtime", "libgenmo, --backend native", "genmo_estimate", "genmo_estimate, fast"
MEAN, LARGEST = 0.002, 0.05
"""millimetres by which the joints of C may differ from the runtime's, in fp32 with the same network"""


def parity_rows(numpy: Peer, library: Peer, files: Sequence[str]) -> tuple[list[str], bool]:
    """A row a file of keypoints, and whether all are within the limits."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name, peer, case in ((NUMPY, numpy, "joints"), (LIBRARY, library, "joints"), (C, library, "joints in C")):
            made[name] = Path(folder) / f"{len(made)}.npz"
            peer.ask(case=case, file=str(made[name]), keypoints=list(files))
        answers = {name: np.load(file) for name, file in made.items()}
        rows = [f"| keypoints | frames | {C} from {LIBRARY}, mm | from {NUMPY}, mm |", "|---|---:|---|---|"]
        sound = True
        for name in answers[C].files:
            apart = [
                1000 * np.linalg.norm(answers[C][name] - answers[peer][name], axis=-1) for peer in (LIBRARY, NUMPY)
            ]
            sound = sound and bool(apart[0].mean() <= MEAN and apart[0].max() <= LARGEST)
            cells = " | ".join(f"{one.mean():.5f} mean, {one.max():.5f} largest" for one in apart)
            rows.append(f"| {name} | {len(answers[C][name])} | {cells} |")
    return rows, sound


def run(args: argparse.Namespace) -> int:
    """Measure, print and write; 1 where the parity is over its limits.  Raises InputError without a library."""
    path = native.library_path()
    if path is None:
        raise InputError(f"{native.description()}; wanted libgenmo")
    numpy = Peer(ROOT, json.dumps({"backend": "onnxruntime"}), GENMO_NATIVE="0")
    library = Peer(ROOT, json.dumps({"backend": "native"}), GENMO_LIBRARY=str(path))
    parity, sound = parity_rows(numpy, library, [str(file.resolve()) for file in args.keypoints])
    if not sound:
        print("\n".join(parity), file=sys.stderr)
        return 1
    start, parts = machine.snapshot(), [parity]
    contests = ((LIBRARY, library, CASE), (C, library, CASE_C), (FAST, library, CASE_FAST))
    with tqdm(total=args.pairs * len(contests), unit="pair", disable=None) as bar:
        for name, peer, case in contests:
            pairs = measured_pairs((numpy, peer), (CASE, case), args, bar)
            parts.append(rows_of({f"{CASE}, 120 frames": pairs}, NUMPY, name))
    publish("Keypoints to a motion, in C", parts, "native_estimate.py", start, args)
    for one in (numpy, library):
        one.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 parity over its limits, 2 bad input."""
    options = argparse.ArgumentParser(description="genmo_estimate in C against MotionModel.estimate.")
    options.add_argument("--keypoints", type=Path, nargs="*", default=[], help="further files for the parity")
    options.add_argument("--pairs", type=command.above_zero(int), default=8)
    options.add_argument("--block-seconds", type=command.above_zero(float), default=0.5, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
