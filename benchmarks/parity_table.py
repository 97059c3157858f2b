"""Is every frozen engine the model?  The whole table: models, precisions, lengths, batches, texts, absent conditions.

    python benchmarks/parity_table.py --models small=runs/small base large --data path/to/cmu30 \\
        --out docs/exporting-parity.md

`NAME` is a preset with seeded random weights, `NAME=CHECKPOINT` a trained one.  Cases, each of one step from zeros and
one from noised input against PyTorch in fp32:
- every length with a batch of 1 and of 8, each with 0 to 4 texts, all conditions there;
- at 121 frames (more than the window) every subset of the conditions absent, with no text and with one.
Short cases run first; a precision that is over its gate in one is not asked the others.  With `--minutes` a model
stops after so long, and the page says how many cases were left out.
Exit status: 0 written, 2 bad input; an engine over its gate is a row that says so.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import command
import machine
import numpy as np
import one_step
import torch
from tqdm import tqdm

from genmo.export.onnx.graphs import write_graphs
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.parity import GATES_MM, LENGTHS, calibration_inputs, error_mm, passes, real_inputs, real_motion
from genmo.export.released_weights import open_checkpoint
from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.support.arrays import Arrays
from genmo.train.evaluation.torch_model import TorchDenoiser
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.settings.config import read_config

BATCHES, TEXTS, ABSENT_AT = (1, 8), (0, 1, 2, 3, 4), 121
STATISTICS = ("mean_mm", "p99_mm", "max_mm")


@dataclass(frozen=True)
class Case:
    """What an engine is asked."""

    frames: int
    batch: int
    texts: int
    absent: tuple[str, ...] = ()

    @property
    def row(self) -> str:
        """The row of the table that it belongs to."""
        if self.absent:
            return f"{self.frames} frames, subsets of conditions absent"
        return f"{self.frames} frames, batch {self.batch}"


@dataclass
class Row:
    """The worst of some cases, by precision."""

    cases: int = 0
    worst: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, precision: str, error: np.ndarray) -> None:
        """Take joint errors in mm of one case."""
        found = dict(zip(STATISTICS, (error.mean(), np.percentile(error, 99), error.max()), strict=True))
        before = self.worst.setdefault(precision, dict.fromkeys(STATISTICS, 0.0))
        # NaN is the worst of all, and stays
        self.worst[precision] = {name: float(np.maximum(before[name], found[name])) for name in STATISTICS}


def cases_of(config: ModelConfig, lengths: list[int], batches: tuple[int, ...] = BATCHES) -> list[Case]:
    """All cases of a model, the cheapest first."""
    sizes = [Case(*size) for size in itertools.product(lengths, batches, TEXTS)]
    names = list(frame_conditions(config))
    subsets = itertools.chain.from_iterable(itertools.combinations(names, n) for n in range(1, len(names) + 1))
    absent = [Case(ABSENT_AT, 1, texts, subset) for subset in subsets for texts in (0, 1)]
    return sorted([*sizes, *absent], key=lambda case: case.frames * case.batch)


def inputs_of(checkpoint: Checkpoint, motion: Arrays, case: Case) -> list[Arrays]:
    """A step from zeros at the last timestep, and one from noised input."""
    arrays = real_inputs(checkpoint, motion, case.frames, case.batch, case.texts)
    for name in case.absent:
        arrays[f"{name}_mask"] = np.zeros_like(arrays[f"{name}_mask"])
    last = np.full_like(arrays["timestep"], schedule.STEPS - 1)
    return [arrays | {"x_t": np.zeros_like(arrays["x_t"]), "timestep": last}, arrays]


def measure(
    checkpoint: Checkpoint, motion: Arrays, engines: dict[str, OnnxRuntimeDenoiser], cases: list[Case], seconds: float
) -> tuple[dict[str, Row], int]:
    """Rows of the table, and how many cases there was no time for; a precision that fails in a row is in none after."""
    reference, rows, start = TorchDenoiser(checkpoint.model.denoiser), {}, time.monotonic()
    engines = dict(engines)
    for done, case in enumerate(tqdm(cases, unit="case", disable=None)):
        if time.monotonic() - start > seconds:
            return rows, len(cases) - done
        errors: dict[str, list[np.ndarray]] = {name: [] for name in engines}
        for arrays in inputs_of(checkpoint, motion, case):
            wanted = reference(arrays)["x_0"]
            for name, engine in engines.items():
                errors[name].append(error_mm(checkpoint, engine(arrays)["x_0"], wanted))
        row = rows.setdefault(case.row, Row())
        row.cases += 1
        for name, parts in errors.items():
            row.add(name, np.concatenate(parts))
            if not passes([row.worst[name]], GATES_MM[name]):
                del engines[name]
    return rows, 0


def table(rows: dict[str, Row], precisions: list[str]) -> list[str]:
    """Mean and 99th percentile of the worst case of every row, in mm; who passes."""
    lines = [f"| worst case of | cases | {' | '.join(precisions)} |", "|---|---:|" + "---:|" * len(precisions)]
    for name, row in rows.items():
        found = [row.worst.get(precision) for precision in precisions]
        cells = ["" if worst is None else f"{worst['mean_mm']:.2g} / {worst['p99_mm']:.2g}" for worst in found]
        lines.append(f"| {name} | {row.cases} | {' | '.join(cells)} |")
    verdicts = [verdict(rows, precision) for precision in precisions]
    gates = [" / ".join(f"{limit:g}" for limit in GATES_MM[p].values()) for p in precisions]
    return [*lines, f"| gate | | {' | '.join(gates)} |", f"| **all** | | {' | '.join(verdicts)} |"]


def verdict(rows: dict[str, Row], precision: str) -> str:
    """Whether an engine of this precision would be written."""
    worst = [row.worst[precision] for row in rows.values() if precision in row.worst]
    return "passes" if worst and passes(worst, GATES_MM[precision]) else "FAILS"


def open_model(named: str, data: str | None) -> tuple[str, Checkpoint, Arrays]:
    """Title, weights and real motion of `NAME` or `NAME=CHECKPOINT`.  Raises GenmoError for what is neither."""
    name, _, place = named.partition("=")
    if not place:
        return f"{name}, random weights, random input", one_step.random_checkpoint(read_config(name).model), {}
    checkpoint = open_checkpoint(place)
    return f"{name}, trained, {'real motion' if data else 'random input'}", checkpoint, real_motion(data, checkpoint)


def section(args: argparse.Namespace, named: str) -> list[str]:
    """The part of the page that is about one model."""
    title, checkpoint, motion = open_model(named, args.data)
    config, engines = checkpoint.model.config, {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in args.precisions:
            place = Path(folder) / precision
            place.mkdir()
            calibration = calibration_inputs(checkpoint, motion) if precision == "int8" else []
            graphs = write_graphs(checkpoint.model.denoiser, place, PRECISIONS[precision], calibration)
            engines[precision] = OnnxRuntimeDenoiser(graphs, config, threads=args.threads)
    cases = cases_of(config, args.frames)
    rows, left = measure(checkpoint, motion, engines, cases, 60 * args.minutes)
    lines = [f"## {title}", "", *table(rows, args.precisions)]
    if left:
        lines += ["", f"{left} of {len(cases)} cases, the longest, were left out: `--minutes {args.minutes:g}`."]
    return lines


def run(args: argparse.Namespace) -> int:
    """Measure, print and write.  Raises GenmoError for a preset, a checkpoint or data that is none."""
    torch.set_num_threads(args.threads)
    facts = machine.describe(one_step.PACKAGES) | {"threads": str(args.threads), "command": typed(args)}
    about = [
        "Joints of an engine in ONNX Runtime against the fp32 PyTorch model with dense attention, from the root, in",
        "the camera and in the world: mean / 99th percentile in millimetres, of the worst case of each row. Each row",
        "has 0 to 4 texts; a precision that is over its gate is not measured further. With random weights poses are",
        "no poses: those tables show that every size and combination computes the same function (fp32), not what",
        "rounding costs on a trained model.",
    ]
    parts = [about, *(section(args, named) for named in args.models)]
    command.publish("Parity of exported engines", parts, facts, args.out)
    return 0


def _parts(named: str) -> tuple[str, str, str]:
    return named.partition("=")


def typed(args: argparse.Namespace) -> str:
    """What to type for the same page; places are left to the reader."""
    models = " ".join(f"{name}=CHECKPOINT" if given else name for name, given, _ in map(_parts, args.models))
    data = " --data SET" if args.data else ""
    sizes = f"--frames {' '.join(map(str, args.frames))} --precisions {' '.join(args.precisions)}"
    minutes = "" if args.minutes == float("inf") else f" --minutes {args.minutes:g}"
    return f"python benchmarks/parity_table.py --models {models}{data} {sizes}{minutes} --threads {args.threads}"


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    options = argparse.ArgumentParser(description="Parity of exported engines, the whole table.")
    options.add_argument("--models", nargs="+", default=["base", "large"], metavar="NAME[=CHECKPOINT]")
    options.add_argument("--data", metavar="SET", help="a *30 motion set, for trained models")
    options.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), help="default: all")
    options.add_argument("--frames", nargs="+", type=command.above_zero(int), default=list(LENGTHS))
    options.add_argument("--minutes", type=command.above_zero(float), default=float("inf"), help="of a model")
    options.add_argument("--threads", type=command.above_zero(int), default=machine.usable_cpus())
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
