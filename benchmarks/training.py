"""What a training step costs: steps a second, memory, the share of the GPU's bf16 peak, and a loss curve.

    python benchmarks/training.py --data path/to/cmu30 --out benchmarks/results/training_base.md

The preset is trained for `--steps` steps from random weights, by the trainer itself, on batches that worker processes
make; its loss curve is on the page.  Before that, steps on batches that lie ready show what the network
alone takes.  Products are counted by PyTorch, forward and backward; the peak is what a large bf16 product reaches on
this device in this run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import command
import machine
import torch
from torch.utils.flop_counter import FlopCounterMode

from genmo.train.data.step_stream import Shard
from genmo.train.loop.trainer import Trainer
from genmo.train.settings.config import read_config

READY = 4
"""batches that lie ready"""
LARGE = {"cuda": 8192, "cpu": 1024}
"""rows and columns of the product whose speed is the peak"""


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak_flop(device: torch.device, repeats: int = 20) -> float:
    """Operations a second of a large bf16 product."""
    size = LARGE[device.type]
    square = torch.randn(size, size, device=device).bfloat16()
    best = float("inf")
    for _ in range(repeats):
        synchronize(device)
        start = time.perf_counter()
        square @ square
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def alone(trainer: Trainer, ready: list[list[Shard]], seconds: float) -> float:
    """Steps a second on batches that lie ready."""
    trainer.train_step(ready[0])
    synchronize(trainer.device)
    started, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        trainer.train_step(ready[count % len(ready)])
        count += 1
    return count / passed


def work(trainer: Trainer, ready: list[list[Shard]]) -> float:
    """Operations of a step, the mean over the ready batches."""
    with FlopCounterMode(display=False) as counter:
        for shards in ready:
            trainer.train_step(shards)
    return counter.get_total_flops() / len(ready)


def curve(folder: Path) -> list[dict[str, Any]]:
    """The records of the training's log that hold a loss."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if "loss" in record]


def run(args: argparse.Namespace) -> int:
    """Train, print and write.  Raises GenmoError for a config that cannot be trained."""
    settings = [f"data=[{args.data}]", f"steps={args.steps}", f"workers={args.workers}", f"device={args.device}"]
    settings += [f"save_every={args.steps}", f"validate_every={args.steps}", *args.override]
    config = read_config(args.preset, settings)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, Path(folder) / "ready")
        device, on_gpu = trainer.device, trainer.device.type == "cuda"
        ready = [trainer.feed[number] for number in range(READY)]
        operations = work(trainer, ready)
        without_feed = alone(trainer, ready, args.seconds)
        memory = torch.cuda.max_memory_allocated() if on_gpu else 0
        peak = peak_flop(device)
        weights = sum(parameter.numel() for parameter in trainer.model.parameters())
        del trainer
        Trainer(config, Path(folder) / "run").run()
        losses = curve(Path(folder) / "run")
    samples = config.shards * (config.estimation + config.generation)
    lasting = losses[1:] or losses  # the first record has the start of the workers
    with_feed = sum(record["samples_a_second"] for record in lasting) / len(lasting) / samples
    waiting = sum(record["waiting_share"] for record in lasting) / len(lasting)
    table = ["| | |", "|---|---:|"]
    facts: list[tuple[str, str]] = [
        ("weights", f"{weights / 1e6:.1f} million"),
        ("samples a step, frames", f"{samples}, {', '.join(map(str, config.frames))}"),
        ("steps a second, batches lying ready", f"{without_feed:.2f}"),
        (f"steps a second, {args.workers} workers make the batches", f"{with_feed:.2f}"),
        ("of that time, waiting for batches", f"{waiting:.0%}"),
        ("operations a step", f"{operations / 1e12:.2f} TFLOP"),
        ("bf16 peak of this device", f"{peak / 1e12:.1f} TFLOP/s"),
        ("reached, batches lying ready", f"{operations * without_feed / peak:.1%} of the peak"),
    ]
    if on_gpu:
        facts.append(("GPU memory, most", f"{memory / 2**30:.2f} GiB"))
    table += [f"| {name} | {value} |" for name, value in facts]
    points = ["| step | loss |", "|---:|---:|", *(f"| {record['step']} | {record['loss']:.3f} |" for record in losses)]
    told = machine.describe(("torch", "numpy"))
    told["command"] = f"python benchmarks/training.py --preset {args.preset} --steps {args.steps}"
    if on_gpu:
        told["GPU"] = torch.cuda.get_device_name()
    command.publish(f"Training: {args.preset}", [table, points], told, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="What a training step costs, and a loss curve.")
    options.add_argument("--preset", default="base", help="a preset or a YAML file (default: base)")
    options.add_argument("--data", required=True, help="a *30 motion set")
    options.add_argument("--override", nargs="*", default=[], metavar="key=value", help="of the preset")
    options.add_argument("--steps", type=command.above_zero(int), default=500)
    options.add_argument("--workers", type=int, default=max(machine.usable_cpus() - 1, 0))
    options.add_argument("--seconds", type=command.above_zero(float), default=10.0, help="on batches that lie ready")
    options.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
