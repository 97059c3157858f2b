"""One denoiser step on the CPU: PyTorch eager fp32 against our exported engine in ONNX Runtime.

    python benchmarks/one_step.py --out benchmarks/results/one_step_base.md

Random weights (seeded), the same inputs and threads for every peer, parity before timing.  Protocol: README.md here.
Exit status: 0 done, 1 the peers disagree and nothing was timed, 2 bad input.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import command
import machine
import measure
import numpy as np
import report
import torch

from genmo.export.onnx.graphs import example_inputs, write_graphs
from genmo.export.parity import GATES_MM, error_mm, passes
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.support.arrays import Arrays
from genmo.train.network.checkpoint import Checkpoint, Model
from genmo.train.network.normalisation import Normalisation
from genmo.train.settings.config import presets, read_config

EAGER, ENGINE, COMPILED = "PyTorch eager fp32", "genmo engine fp32, ONNX Runtime", "torch.compile fp32"
SAME = "PyTorch eager again (A/A)"
SEED = 0  # of weights and inputs
INPUT_SETS = 4
FEATURE_GATE = 1e-4  # largest difference of a normalised feature, beside the joints' gate in millimetres
TIMED = ["Ratios above 1: less than the baseline. Median of the per-pair ratios [95 % confidence interval]."]
VOID = ["Nothing was timed: the peers do not compute the same, so their speeds cannot be compared."]
PACKAGES = ("torch", "onnxruntime", "onnx", "numpy")


class Peer:
    """A denoiser with inputs of its own kind; calling it runs one step on the next input set."""

    def __init__(self, predict: Callable[[Any], dict[str, Any]], inputs: Sequence[Any]) -> None:
        self.predict, self.inputs = predict, inputs
        self._cycle = itertools.cycle(inputs)

    def __call__(self) -> object:
        return self.predict(next(self._cycle))

    def outputs(self) -> list[Arrays]:
        """The outputs for every input set, as numpy."""
        return [{k: np.asarray(v) for k, v in self.predict(one).items()} for one in self.inputs]


def random_checkpoint(config: ModelConfig) -> Checkpoint:
    """A model with seeded random weights; its normalisation changes nothing."""
    torch.manual_seed(SEED)
    width = config.motion_layout.width
    return Checkpoint(Model(config).eval(), Normalisation(torch.zeros(width), torch.ones(width)), {})


def random_inputs(config: ModelConfig, batch: int, frames: int, texts: int) -> list[Arrays]:
    """INPUT_SETS random inputs; the texts share the frames evenly, one after the other."""
    borders = np.linspace(0, frames, texts + 1).round().astype(np.int64)
    spans = np.broadcast_to(np.stack([borders[:-1], borders[1:]], axis=-1), (batch, texts, 2)).copy()
    sets = (
        example_inputs(config, np.random.default_rng((SEED, number)), batch=batch, frames=frames, texts=texts)
        for number in range(INPUT_SETS)
    )
    return [arrays | {"text_spans": spans} for arrays in sets]


def eager_peer(model: Callable[[Any], dict[str, Any]], inputs: list[Arrays]) -> Peer:
    """A PyTorch module; its tensors are made once, outside the timing."""

    def predict(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        with torch.inference_mode():
            return model(tensors)

    return Peer(predict, [{k: torch.from_numpy(v) for k, v in arrays.items()} for arrays in inputs])


def make_peers(checkpoint: Checkpoint, inputs: list[Arrays], threads: int, compiled: bool) -> dict[str, Peer]:
    """All peers by name, the baseline first, each on the same weights, inputs and number of threads."""
    torch.set_num_threads(threads)
    denoiser = checkpoint.model.denoiser
    with tempfile.TemporaryDirectory() as folder:
        engine = OnnxRuntimeDenoiser(write_graphs(denoiser, Path(folder)), denoiser.config, threads=threads)
    peers = {EAGER: eager_peer(denoiser, inputs), ENGINE: Peer(engine, inputs)}
    if compiled:
        peers[COMPILED] = eager_peer(torch.compile(denoiser), inputs)
    return peers


def parity_row(checkpoint: Checkpoint, peer: str, ours: list[Arrays], reference: list[Arrays]) -> dict[str, Any]:
    """How far a peer's outputs are from the baseline's: features without unit, joints in millimetres."""
    pairs = list(zip(ours, reference, strict=True))
    features = max(float(np.abs(a[name] - b[name]).max()) for a, b in pairs for name in b)
    joints = np.concatenate([error_mm(checkpoint, a["x_0"], b["x_0"]) for a, b in pairs])
    row = {"peer": peer, "features": features, "mean_mm": float(joints.mean()), "max_mm": float(joints.max())}
    row["p99_mm"] = float(np.percentile(joints, 99))
    row["passes"] = passes([row], GATES_MM["fp32"]) and features <= FEATURE_GATE
    return row


def check_parity(checkpoint: Checkpoint, peers: dict[str, Peer]) -> list[dict[str, Any]]:
    """A row for every peer but the baseline."""
    reference = peers[EAGER].outputs()
    return [parity_row(checkpoint, name, peer.outputs(), reference) for name, peer in peers.items() if name != EAGER]


def contests_of(peers: dict[str, Peer]) -> dict[str, tuple[Peer, Peer]]:
    """Every peer against the baseline, and the baseline against itself; all of them warm."""
    for peer in peers.values():
        for _ in peer.inputs:  # warm-up, after the round that parity was taken from
            peer()
    baseline = peers[EAGER]
    contests = {name: (baseline, peer) for name, peer in peers.items() if peer is not baseline}
    return contests | {SAME: (baseline, baseline)}


def parity_rows(parity: list[dict[str, Any]]) -> list[str]:
    """A line for each peer: how far it is from the baseline, and the gate."""
    rows = [
        "| parity | features, max | joints, mean mm | joints, p99 mm | joints, max mm |",
        "|---|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {row['peer']}: {'passes' if row['passes'] else 'FAILS'} "
        f"| {row['features']:.1e} | {row['mean_mm']:.5f} | {row['p99_mm']:.5f} | {row['max_mm']:.5f} |"
        for row in parity
    ]
    gate = GATES_MM["fp32"]
    return [*rows, f"| gate | {FEATURE_GATE:.0e} | {gate['mean']} | {gate['p99']} | |"]


def parser() -> argparse.ArgumentParser:
    """The options; the defaults measure `base` in about four minutes on two cores."""
    options = argparse.ArgumentParser(description="One denoiser step: PyTorch eager against the exported engine.")
    options.add_argument("--preset", default="base", help=f"{', '.join(presets())} or a YAML file (default: base)")
    sizes = {"frames": 120, "batch": 1, "texts": 1, "threads": machine.usable_cpus(), "pairs": 15}
    for name, default in sizes.items():
        options.add_argument(f"--{name}", type=command.above_zero(int), default=default, help=f"default: {default}")
    options.add_argument("--block-seconds", type=command.above_zero(float), default=3.0, help="of one peer; default: 3")
    options.add_argument("--compile", action="store_true", help="measure torch.compile too")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    return options


def typed(args: argparse.Namespace) -> str:
    """What to type for the same measurement, defaults spelled out; where it was written is left out."""
    settings = {k.replace("_", "-"): v for k, v in vars(args).items() if k not in ("out", "json", "compile")}
    words = [f"--{name} {value}" for name, value in settings.items()]
    return " ".join(["python benchmarks/one_step.py", *words, *(["--compile"] if args.compile else [])])


def run(args: argparse.Namespace) -> int:
    """Check, measure, print and write.  Raises GenmoError for a preset that is none."""
    facts = machine.describe(PACKAGES) | {"threads": str(args.threads), "command": typed(args)}
    checkpoint = random_checkpoint(read_config(args.preset).model)
    inputs = random_inputs(checkpoint.model.config, args.batch, args.frames, args.texts)
    peers = make_peers(checkpoint, inputs, args.threads, args.compile)
    parity = check_parity(checkpoint, peers)
    agreed = all(row["passes"] for row in parity)
    measured: dict[str, list[measure.Pair]] = {}
    parts = [parity_rows(parity)]
    if agreed:
        measured, doubts, load = command.contest(contests_of(peers), args)
        facts |= load
        parts += [*doubts, TIMED, report.ratio_rows(measured, EAGER, SAME), report.time_rows(measured, EAGER, SAME)]
    else:
        parts.append(VOID)
    what = f"{args.preset}, {args.frames} frames, batch {args.batch}, texts {args.texts}, threads {args.threads}"
    command.publish(f"One denoiser step: {what}", parts, facts, args.out)
    command.store({"run": facts, "parity": parity, "contests": report.contests(measured)}, args.json)
    return 0 if agreed else 1


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    return command.answer(parser(), run, arguments)


if __name__ == "__main__":
    sys.exit(main())
