"""Whole sequences on the CPU: what computing conditions and texts once gains, and what our engines gain over PyTorch.

    python benchmarks/sequence.py --out benchmarks/results/sequence_base.md

Contests, each of a baseline and a candidate on the same weights, inputs and threads:
- estimation: one step without texts, all included;
- generation: five guided steps with a text; PyTorch runs its two halves one after the other, the engine as a batch;
- a guided step of four texts that has its conditions, against our three graphs run again at every step, and against
  the whole network as one graph, as PyTorch's exporter traces it for these very sizes;
- 1800 frames against 300: linear would be 6.
Random weights (seeded), so the millimetres of the rounding engines mean little: the exporter measures them on trained
weights and real motion.  Protocol: README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command
import machine
import measure
import numpy as np
import one_step
import onnxruntime
import report
import torch

from genmo.export.onnx.graphs import write_graphs
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.parity import calibration_inputs
from genmo.runtime.denoiser import schedule
from genmo.runtime.denoiser.signature import inputs
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.backends.openvino import OpenVinoDenoiser
from genmo.runtime.engine.backends.stepwise import StepwiseDenoiser
from genmo.runtime.support.arrays import Arrays
from genmo.train.evaluation.torch_model import TorchDenoiser
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.network.denoiser import Denoiser
from genmo.train.settings.config import read_config

STEPS, GUIDANCE = 5, 2.5
ENGINES = ("onnxruntime-fp32", "onnxruntime-int8", "openvino-fp32", "openvino-bf16")
SAME = "the same twice (A/A)"


def open_engine(name: str, checkpoint: Checkpoint, folder: Path, threads: int) -> StepwiseDenoiser:
    """An engine by its name in ENGINES."""
    library, precision = name.split("-")
    stored = precision if library == "onnxruntime" else "fp32"  # OpenVINO rounds by itself
    place = folder / stored
    place.mkdir(exist_ok=True)
    denoiser = checkpoint.model.denoiser
    graphs = write_graphs(denoiser, place, PRECISIONS[stored], calibration_inputs(checkpoint, {}))
    if library == "onnxruntime":
        return OnnxRuntimeDenoiser(graphs, denoiser.config, threads=threads)
    return OpenVinoDenoiser(graphs, denoiser.config, threads, precision)


def conditions_of(checkpoint: Checkpoint, frames: int, texts: int) -> Arrays:
    """Random conditions of one motion; its texts share the frames, none for 0."""
    arrays = one_step.random_inputs(checkpoint.model.config, 1, frames, max(texts, 1))[0]
    if texts == 0:
        arrays["text_spans"][:] = 0
    return arrays


def without_text(arrays: Arrays) -> Arrays:
    """The conditions of guidance's other half."""
    hidden = {name: np.zeros_like(arrays[name]) for name in ("text_token_mask", "text_spans")}
    return arrays | hidden


def shared(arrays: Arrays) -> Arrays:
    return {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}


def estimation(checkpoint: Checkpoint, engine: StepwiseDenoiser) -> tuple[measure.Call, measure.Call]:
    """One step from zeros, PyTorch and engine."""
    arrays = conditions_of(checkpoint, 120, 0)
    arrays |= {"x_t": np.zeros_like(arrays["x_t"]), "timestep": np.full(1, schedule.STEPS - 1)}
    eager = TorchDenoiser(checkpoint.model.denoiser)
    return lambda: eager(arrays)["x_0"], lambda: engine(arrays)["x_0"]


def generation(checkpoint: Checkpoint, engine: StepwiseDenoiser) -> tuple[measure.Call, measure.Call]:
    """Guided steps at the sampler's timesteps from the same x_t: the cost of sampling, without its few array sums."""
    arrays = conditions_of(checkpoint, 120, 1)
    halves = [arrays, without_text(arrays)]
    eager = TorchDenoiser(checkpoint.model.denoiser)
    times = schedule.step_timesteps(STEPS)

    def by_torch() -> object:
        parts = [[eager(half | {"timestep": np.full(1, t)})["x_0"] for half in halves] for t in times]
        return np.stack([none + GUIDANCE * (some - none) for some, none in parts])

    def by_engine() -> object:
        both = {name: np.concatenate([half[name] for half in halves]) for name in arrays}
        step = engine.prepare(shared(both))
        parts = [np.split(step(both["x_t"], t)["x_0"], 2) for t in times]
        return np.stack([none + GUIDANCE * (some - none) for some, none in parts])

    return by_torch, by_engine


def prepared_step(checkpoint: Checkpoint, engine: StepwiseDenoiser) -> tuple[measure.Call, measure.Call]:
    """A guided step of four texts that computes everything, and one that has its conditions."""
    arrays = conditions_of(checkpoint, 120, 4)
    halves = [arrays, without_text(arrays)]
    both = {name: np.concatenate([half[name] for half in halves]) for name in arrays}
    both["timestep"][:] = 500
    step = engine.prepare(shared(both))
    return lambda: engine(both)["x_0"], lambda: step(both["x_t"], 500)["x_0"]


class Whole(torch.nn.Module):
    """The denoiser with its inputs in the signature's order and one output."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        names = [spec.name for spec in inputs(self.denoiser.config)]
        return self.denoiser(dict(zip(names, tensors, strict=True)))["x_0"]


def traced_step(checkpoint: Checkpoint, engine: StepwiseDenoiser) -> tuple[measure.Call, measure.Call]:
    """A guided step of four texts: the network as one traced graph of fixed sizes, and our step."""
    denoiser = checkpoint.model.denoiser
    candidate = prepared_step(checkpoint, engine)[1]
    arrays = conditions_of(checkpoint, 120, 4)
    both = {name: np.concatenate([half[name] for half in (arrays, without_text(arrays))]) for name in arrays}
    both["timestep"][:] = 500
    names = [spec.name for spec in inputs(denoiser.config)]
    tensors = tuple(torch.from_numpy(both[name]) for name in names)
    file = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's, about itself
        torch.onnx.export(
            Whole(denoiser).eval(), tensors, dynamo=True, input_names=names, output_names=["x_0"], optimize=True
        ).save(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    taken = {node.name for node in session.get_inputs()}
    given = {name: both[name] for name in names if name in taken}
    return lambda: session.run(["x_0"], given)[0], candidate


def length(checkpoint: Checkpoint, engine: StepwiseDenoiser) -> tuple[measure.Call, measure.Call]:
    """A step of 1800 frames and one of 300."""

    def call(frames: int) -> measure.Call:
        arrays = conditions_of(checkpoint, frames, 0)
        step = engine.prepare(shared(arrays))
        return lambda: step(arrays["x_t"], 500)["x_0"]

    return call(1800), call(300)


CONTESTS: dict[str, Callable[[Checkpoint, StepwiseDenoiser], tuple[measure.Call, measure.Call]]] = {
    "estimation against PyTorch": estimation,
    "five guided steps against PyTorch": generation,
    "a step with its conditions against one that computes them (4 texts)": prepared_step,
    "a step with its conditions against the network as one traced graph (4 texts)": traced_step,
    "300 frames against 1800 (ratio is the cost of 1800)": length,
}
COMPARED = ("estimation against PyTorch", "five guided steps against PyTorch")


def parity_row(checkpoint: Checkpoint, what: str, calls: tuple[measure.Call, measure.Call]) -> dict[str, Any]:
    """How far the candidate's answer is from the baseline's."""
    ours, reference = (np.concatenate(list(np.asarray(call()))) for call in reversed(calls))
    ours, reference = ours.reshape(-1, 120, ours.shape[-1]), reference.reshape(-1, 120, reference.shape[-1])
    return one_step.parity_row(checkpoint, what, [{"x_0": ours}], [{"x_0": reference}])


def contests_of(checkpoint: Checkpoint, name: str, engine: StepwiseDenoiser, only: list[str]) -> dict[str, Any]:
    """The contests of an engine, by a title that names both."""
    return {f"{name}: {title}": make(checkpoint, engine) for title, make in CONTESTS.items() if title in only}


def run(args: argparse.Namespace) -> int:
    """Check, measure, print and write.  Raises GenmoError for a preset that is none."""
    torch.set_num_threads(args.threads)
    facts = machine.describe((*one_step.PACKAGES, "openvino")) | {"threads": str(args.threads)}
    facts["command"] = f"python benchmarks/sequence.py --preset {args.preset} --engines {' '.join(args.engines)}"
    checkpoint = one_step.random_checkpoint(read_config(args.preset).model)
    calls: dict[str, tuple[measure.Call, measure.Call]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(args.engines):
            engine = open_engine(name, checkpoint, Path(folder), args.threads)
            calls |= contests_of(checkpoint, name, engine, list(CONTESTS) if number == 0 else list(COMPARED))
    parity = [parity_row(checkpoint, title, pair) for title, pair in calls.items() if title.endswith("PyTorch")]
    first = next(iter(calls.values()))[1]
    calls[SAME] = (first, first)
    measured, doubts, load = command.contest(calls, args)
    facts |= load
    parts = [one_step.parity_rows(parity), *doubts]
    parts += [one_step.TIMED, report.ratio_rows(measured, "its baseline", SAME)]
    command.publish(f"Sequences: {args.preset}, 120 frames, threads {args.threads}", parts, facts, args.out)
    command.store({"run": facts, "parity": parity, "contests": report.contests(measured)}, args.json)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="Whole sequences: PyTorch eager against the exported engines.")
    options.add_argument("--preset", default="base", help="a preset or a YAML file (default: base)")
    options.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="default: all")
    options.add_argument("--threads", type=command.above_zero(int), default=machine.usable_cpus())
    options.add_argument("--pairs", type=command.above_zero(int), default=15)
    options.add_argument("--block-seconds", type=command.above_zero(float), default=3.0, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
