"""What the guided sampler as one graph (`--fuse-steps K`) gains over the loop that calls the step K times.

    python benchmarks/fused_steps.py --out benchmarks/results/fused_steps_base.md

The same engine, conditions and noise, both from conditions to the last answer, in ONNX Runtime.  Parity before timing;
protocol: README.md.  Exit status: 0 done, 1 they disagree and nothing was timed, 2 bad input.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import command
import machine
import numpy as np
import one_step
import report
import sequence
import torch

from genmo.export.onnx.graphs import write_graphs
from genmo.export.parity import StepByStep
from genmo.runtime.denoiser.sampler import generate
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.graphs import Graphs
from genmo.train.settings.config import read_config

SAME = "the loop again (A/A)"
LARGEST_DIFFERENCE = 1e-4  # of a normalised feature: the two round their sums in another order


def costs(graphs: Graphs) -> list[str]:
    """What the graph costs on the disk and before the first frame."""
    assert graphs.sampler is not None
    lines = ["| | step.onnx | sampler.onnx |", "|---|---:|---:|"]
    sizes = [path.stat().st_size / 2**20 for path in (graphs.step, graphs.sampler)]
    return [*lines, f"| file, MB | {sizes[0]:.1f} | {sizes[1]:.1f} |"]


def run(args: argparse.Namespace) -> int:
    """Check, measure, print and write.  Raises GenmoError for a preset or a number of steps that is none."""
    torch.set_num_threads(args.threads)
    facts = machine.describe(one_step.PACKAGES) | {"threads": str(args.threads)}
    facts["command"] = (
        f"python benchmarks/fused_steps.py --preset {args.preset} --steps {args.steps} --frames {args.frames} "
        f"--threads {args.threads} --pairs {args.pairs} --block-seconds {args.block_seconds:g}"
    )
    checkpoint = one_step.random_checkpoint(read_config(args.preset).model)
    config = checkpoint.model.config
    with tempfile.TemporaryDirectory() as folder:
        graphs = write_graphs(checkpoint.model.denoiser, Path(folder), fused_steps=args.steps)
        table, start = costs(graphs), time.perf_counter()
        plain = Graphs(graphs.conditions, graphs.texts, graphs.step, graphs.null_is_folded)
        OnnxRuntimeDenoiser(plain, config, threads=args.threads)
        middle = time.perf_counter()
        fused = OnnxRuntimeDenoiser(graphs, config, threads=args.threads)
        times = (middle - start, time.perf_counter() - middle)
        table.append(f"| load, s (the engine without and with it) | {times[0]:.2f} | {times[1]:.2f} |")
    loop = StepByStep(fused)
    conditions = sequence.shared(sequence.conditions_of(checkpoint, args.frames, 1))
    noise = np.random.default_rng(0).standard_normal((1, args.frames, config.motion_layout.width), np.float32)
    calls = {
        who: (lambda denoiser=denoiser: generate(denoiser, conditions, noise, args.steps, sequence.GUIDANCE)["x_0"])
        for who, denoiser in (("loop", loop), ("graph", fused))
    }
    difference = float(np.abs(calls["loop"]() - calls["graph"]()).max())
    if not difference <= LARGEST_DIFFERENCE:
        print(f"they differ by {difference:.1e}, more than {LARGEST_DIFFERENCE:.0e}: nothing was timed")
        return 1
    contests = {"one graph": (calls["loop"], calls["graph"]), SAME: (calls["loop"], calls["loop"])}
    measured, doubts, load = command.contest(contests, args)
    facts |= load
    parts = [[f"Parity: the largest difference of a normalised feature is {difference:.1e}."], table, *doubts]
    rows = (report.ratio_rows(measured, "the loop", SAME), report.time_rows(measured, "the loop", SAME))
    parts += [one_step.TIMED, *rows]
    title = f"{args.steps} guided steps as one graph: {args.preset}, {args.frames} frames, threads {args.threads}"
    command.publish(title, parts, facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    options = argparse.ArgumentParser(description="The guided sampler as one graph against the loop over its steps.")
    options.add_argument("--preset", default="base", help="a preset or a YAML file (default: base)")
    for name, default in (("steps", 5), ("frames", 120), ("threads", machine.usable_cpus()), ("pairs", 15)):
        options.add_argument(f"--{name}", type=command.above_zero(int), default=default, help=f"default: {default}")
    options.add_argument("--block-seconds", type=command.above_zero(float), default=3.0, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
