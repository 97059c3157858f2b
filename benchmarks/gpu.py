"""One-step estimation, few-step generation and the tick of a stream on an NVIDIA GPU: PyTorch against our engines.

    python benchmarks/gpu.py --out benchmarks/results/gpu_base.md
    python benchmarks/gpu.py --preset large --out benchmarks/results/gpu_large.md

Peers, on the same weights and conditions: PyTorch eager in float32; `torch.compile` with CUDA graphs in float32 and
under float16 autocast; the engine that our exporter makes of the weights in float32 and float16, in ONNX Runtime on
the GPU with IO binding and CUDA graphs, five guided steps as one graph.  All run the same sampler on numpy arrays, so
every time has the copies to and from the GPU.  The tick has everything that a frame costs, fit and feet on the
processor included.  Not yet run to its end on hardware; --device cpu tries the script.
Random weights (seeded): what float16 costs on trained ones stands in docs/exporting.md.  The
roofline is that of 16 bits on this GPU in this run: every weight read once a step at the speed of a copy, or all
products at the speed of a large product, whichever takes longer.  Protocol: README.md.
Exit status: 0 done, 1 a float32 peer disagrees and nothing was timed, 2 bad input or no GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import command
import machine
import measure
import numpy as np
import one_step
import tick
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from genmo.export.onnx.graphs import write_graphs
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.sampler import Step
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.errors import BackendError
from genmo.train.evaluation.torch_model import motion_model
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.settings.config import read_config

STEPS, GUIDANCE = 5, 2.5
EAGER, SAME = "PyTorch eager fp32", "PyTorch eager fp32 again (A/A)"
COMPILED = {"torch.compile, CUDA graphs, fp32": None, "torch.compile, CUDA graphs, fp16 autocast": torch.float16}
ENGINES = {"our engine fp32": "fp32", "our engine fp16": "fp16"}
CROWD = 8
LARGEST_DIFFERENCE = 1e-3
"""of a normalised feature between float32 peers, which add up in different orders"""
LARGE = 8192
"""rows and columns of the product whose speed is the roof"""


Peers = dict[str, sampler.Denoiser]


class TorchPeer:
    """A network on a device behind the runtime's `PreparedDenoiser`; conditions are copied there once a sequence."""

    def __init__(self, denoiser: nn.Module, device: torch.device, rounded: torch.dtype | None = None) -> None:
        self._denoiser, self._device, self._rounded = denoiser, device, rounded

    def _there(self, array: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def prepare(self, conditions: Arrays) -> Step:
        kept = {name: self._there(array) for name, array in conditions.items()}

        def step(x_t: Array, timestep: int) -> Arrays:
            times = torch.full((len(x_t),), timestep, device=self._device)
            enabled = self._rounded is not None
            with torch.inference_mode(), torch.autocast(self._device.type, self._rounded, enabled=enabled):
                answer = self._denoiser(kept | {"x_t": self._there(x_t), "timestep": times})
            return {name: tensor.float().cpu().numpy() for name, tensor in answer.items()}

        return step

    def __call__(self, inputs: Arrays) -> Arrays:
        conditions = {name: array for name, array in inputs.items() if name not in ("x_t", "timestep")}
        return self.prepare(conditions)(inputs["x_t"], int(inputs["timestep"][0]))


@dataclass(frozen=True, eq=False)
class Case:
    """What is made, of one or many."""

    title: str
    conditions: Arrays
    noise: Array
    steps: int

    def run(self, denoiser: sampler.Denoiser) -> Array:
        """x_0, after all steps."""
        if self.steps == 1:
            return sampler.estimate(denoiser, self.conditions, self.noise.shape)["x_0"]
        return sampler.generate(denoiser, self.conditions, self.noise, self.steps, GUIDANCE)["x_0"]

    def work(self, denoiser: nn.Module) -> float:
        """Products and sums of all steps, as PyTorch counts them."""
        rows = len(self.noise) * (1 if self.steps == 1 else 2)  # guidance: with and without the text
        arrays = {name: np.repeat(array[:1], rows, axis=0) for name, array in self.conditions.items()}
        x_t = np.repeat(self.noise[:1], rows, axis=0).astype(np.float32)
        peer = TorchPeer(denoiser, next(denoiser.parameters()).device)
        with FlopCounterMode(display=False) as counter:
            peer.prepare(arrays)(x_t, 500)
        return float(counter.get_total_flops() * self.steps)


def make_case(checkpoint: Checkpoint, title: str, batch: int, frames: int, texts: int, steps: int) -> Case:
    """Random conditions; their texts share the frames, none for 0."""
    arrays = one_step.random_inputs(checkpoint.model.config, batch, frames, max(texts, 1))[0]
    if texts == 0:
        arrays["text_spans"] = np.zeros_like(arrays["text_spans"])
    noise = arrays.pop("x_t")
    del arrays["timestep"]
    return Case(title, arrays, noise, steps)


def make_peers(checkpoint: Checkpoint, device: torch.device, folder: Path, compiles: bool) -> Peers:
    """All peers by name, the baseline first."""
    denoiser = checkpoint.model.denoiser.to(device)
    peers: Peers = {EAGER: TorchPeer(denoiser, device)}
    if compiles:
        for name, rounded in COMPILED.items():
            peers[name] = TorchPeer(torch.compile(denoiser, mode="reduce-overhead", dynamic=False), device, rounded)
    for name, precision in ENGINES.items():
        if device.type == "cpu" and precision != "fp32":
            continue  # the library computes float16 on the processor in float32, slowly
        place = folder / precision
        place.mkdir()
        graphs = write_graphs(denoiser.cpu(), place, PRECISIONS[precision], fused_steps=STEPS)
        peers[name] = OnnxRuntimeDenoiser(graphs, denoiser.config, device.type)
    denoiser.to(device)
    return peers


def parity(case: Case, peers: Peers) -> dict[str, float]:
    """Largest difference of a normalised feature from the baseline's answer; the third answer, after all warm-up."""
    answers = {name: [case.run(peer) for _ in range(3)][-1] for name, peer in peers.items()}
    return {name: float(np.abs(answer - answers[EAGER]).max()) for name, answer in answers.items()}


def disagreeing(apart: dict[str, float]) -> list[str]:
    """The float32 peers that do not compute the same."""
    rounded = {name for name in apart if "fp16" in name}
    return [name for name, away in apart.items() if name not in rounded and not away <= LARGEST_DIFFERENCE]


def milliseconds(call: Callable[[], object], repeats: int = 20) -> float:
    """Of one call on the GPU, the median."""
    times = []
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return float(np.median(times))


def roof_ms(work: float, weights: int, steps: int) -> float:
    """The least time of `steps` steps of all that `work` on 16-bit weights that are read once a step."""
    source, target = (torch.empty(2**29, dtype=torch.uint8, device="cuda") for _ in range(2))
    square = torch.randn(LARGE, LARGE, device="cuda").half()
    copied, multiplied = milliseconds(lambda: target.copy_(source)), milliseconds(lambda: square @ square)
    reading = steps * 2 * weights / (2 * 2**29 / copied)
    return max(reading, work / (2 * LARGE**3 / multiplied))


def rows(measured: dict[str, list[measure.Pair]], apart: dict[str, float], roof: float | None) -> list[str]:
    """A row a peer."""
    lines = [
        "| peer | p50 ms | p99 ms | PyTorch eager over it | of the 16-bit roofline | features, largest difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, pairs in measured.items():
        blocks = [pair.candidate for pair in pairs]
        p50, p99 = np.percentile(np.concatenate([block.wall_ms for block in blocks]), [50, 99])
        ratio = measure.estimate(measure.ratios(pairs, measure.METRICS["wall, p50"]))
        share = "" if roof is None else f"{roof / p50:.1%}"
        away = f"{apart[name]:.1e}" if name in apart else ""
        cells = (f"{p50:.3f}", f"{p99:.3f}", f"{ratio.ratio:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]", share, away)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def contests(calls: dict[str, measure.Call]) -> dict[str, tuple[measure.Call, measure.Call]]:
    """Every peer against the baseline, the baseline against itself first."""
    return {SAME if name == EAGER else name: (calls[EAGER], call) for name, call in calls.items()}


def ticks(checkpoint: Checkpoint, peers: Peers, people: int) -> dict[str, measure.Call]:
    """The tick of a stream whose window is full, for every peer."""
    keypoints, model = read_keypoints(tick.KEYPOINTS), motion_model(checkpoint)
    return {
        name: tick.ticker(replace(model, denoiser=peer), keypoints, people)
        for name, peer in peers.items()
        if name not in COMPILED or people == 1
    }


def run(args: argparse.Namespace) -> int:
    """Measure, print and write.  Raises GenmoError for a preset that is none, or without a GPU."""
    if args.device == "cuda" and not torch.cuda.is_available():
        raise BackendError("no NVIDIA GPU that PyTorch can use; this benchmark needs one (--device cpu for a trial)")
    device = torch.device(args.device)
    facts = machine.describe(("torch", "onnxruntime", "onnxruntime-gpu", "onnx", "numpy"))
    facts["command"] = f"python benchmarks/gpu.py --preset {args.preset} --pairs {args.pairs}"
    if device.type == "cuda":
        facts |= {"GPU": torch.cuda.get_device_name(), "CUDA": str(torch.version.cuda)}
    checkpoint = one_step.random_checkpoint(read_config(args.preset).model)
    denoiser = checkpoint.model.denoiser
    weights = sum(parameter.numel() for parameter in denoiser.parameters())
    facts["weights"] = f"{weights / 1e6:.1f} million"
    cases = [
        make_case(checkpoint, "Estimation, 120 frames, one step", 1, 120, 0, 1),
        make_case(checkpoint, f"Estimation, 120 frames of {CROWD} people, one step", CROWD, 120, 0, 1),
        make_case(checkpoint, f"Generation, 196 frames, {STEPS} guided steps, one text", 1, 196, 1, STEPS),
    ]
    parts = [["Times have the copies to and from the GPU. Ratios: median of pairs [95 % confidence interval]."]]
    with tempfile.TemporaryDirectory() as folder:
        peers = make_peers(checkpoint, device, Path(folder), args.compile)
        for case in cases:
            apart = parity(case, peers)
            if strangers := disagreeing(apart):
                told = ", ".join(f"{name} by {apart[name]:.1e}" for name in strangers)
                print(f"{case.title}: not what PyTorch eager answers, more than {LARGEST_DIFFERENCE:.0e} off: {told}")
                return 1
            calls = {name: (lambda peer=peer, case=case: case.run(peer)) for name, peer in peers.items()}
            roof = roof_ms(case.work(denoiser), weights, case.steps) if device.type == "cuda" else None
            measured, doubts, _ = command.contest(contests(calls), args)
            parts += [[f"## {case.title}"], *doubts, rows(measured, apart, roof)]
        for people in args.people:
            measured, doubts, _ = command.contest(contests(ticks(checkpoint, peers, people)), args)
            parts += [[f"## A tick of a stream, people: {people}"], *doubts, rows(measured, {}, None)]
    command.publish(f"On a GPU: {args.preset}", parts, facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    options = argparse.ArgumentParser(description="PyTorch against our engines on an NVIDIA GPU.")
    options.add_argument("--preset", default="base", help="a preset or a YAML file (default: base)")
    options.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a trial of the script")
    options.add_argument("--no-compile", dest="compile", action="store_false", help="leave torch.compile out")
    options.add_argument("--people", nargs="*", type=command.above_zero(int), default=[1, CROWD], help="of the tick")
    options.add_argument("--pairs", type=command.above_zero(int), default=10)
    options.add_argument("--block-seconds", type=command.above_zero(float), default=0.25, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
