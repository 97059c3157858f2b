"""The tick of a stream at the paper's size: PyTorch eager as the denoiser of `MotionStream`, against our backends.

    python benchmarks/tick.py --out benchmarks/results/tick_base.md

One person, look-ahead 15, a full window of 120 frames, keypoints of `examples/keypoints.npz`; everything that a frame
costs is in the tick: conditions, one step, roll-out, fit, feet.  Random weights (seeded), on which float32 engines can
be held to the exporter's gate; what rounding costs on trained weights: docs/exporting.md.  Protocol: README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import command
import machine
import numpy as np
import one_step
import report
import sequence
import torch

from genmo.export.parity import GATES_MM, passes
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.model import MotionModel
from genmo.runtime.readers.keypoints_npz import read_keypoints
from genmo.runtime.streaming.motion_stream import MotionStream
from genmo.train.evaluation.torch_model import motion_model
from genmo.train.settings.config import read_config

ENGINES = ("onnxruntime-fp32", "openvino-fp32", "openvino-bf16")
KEYPOINTS = Path(__file__).parents[1] / "examples/keypoints.npz"
EAGER, SAME = "PyTorch eager fp32", "PyTorch eager again (A/A)"
LOOK_AHEAD = 15


def ticker(model: MotionModel, keypoints: Keypoints, people: int = 1) -> Callable[[], object]:
    """A call that pushes the next frame into a stream whose window is full, the same for all its people."""
    stream = MotionStream(model, people=people, look_ahead=LOOK_AHEAD, intrinsics=keypoints.intrinsics)
    frames = iter(range(10**9))

    def tick() -> object:
        frame = next(frames) % keypoints.frames
        return stream.step(np.repeat(keypoints.points[frame : frame + 1], people, axis=0))

    for _ in range(model.engine.config.window):
        tick()
    return tick


def parity_row(name: str, model: MotionModel, reference: MotionModel, keypoints: Keypoints) -> str:
    """Joint distances from the root of one-step estimates without fit, mm, and what the exporter's gate says."""
    ours, theirs = (m.estimate(keypoints, fit=False, clean_feet=False).joints_camera for m in (model, reference))
    assert ours is not None and theirs is not None
    apart = (ours - ours[:, :1]) - (theirs - theirs[:, :1])
    error = 1000 * np.linalg.norm(apart, axis=-1)
    row = {"mean_mm": float(error.mean()), "p99_mm": float(np.percentile(error, 99))}
    gate = GATES_MM[name.rsplit("-", 1)[1]]
    limits = ", ".join(f"{limit} ({which})" for which, limit in gate.items())
    verdict = "inside" if passes([row], gate) else "OVER"
    return f"| {name} | {row['mean_mm']:.5f} | {row['p99_mm']:.5f} | {limits} | {verdict} |"


def run(args: argparse.Namespace) -> int:
    """Measure, print and write.  Raises GenmoError for a preset that is none."""
    torch.set_num_threads(args.threads)
    facts = machine.describe((*one_step.PACKAGES, "openvino")) | {"threads": str(args.threads)}
    facts["command"] = f"python benchmarks/tick.py --preset {args.preset} --engines {' '.join(args.engines)}"
    checkpoint = one_step.random_checkpoint(read_config(args.preset).model)
    keypoints = read_keypoints(KEYPOINTS)
    eager = motion_model(checkpoint)
    base = ticker(eager, keypoints)
    contests, parity = {}, ["| engine | parity, mean mm | p99 mm | gate | |", "|---|---:|---:|---:|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for name in args.engines:
            denoiser = sequence.open_engine(name, checkpoint, Path(folder), args.threads)
            model = replace(eager, denoiser=denoiser)
            parity.append(parity_row(name, model, eager, keypoints))
            contests[name] = (base, ticker(model, keypoints))
    contests[SAME] = (base, base)
    measured, doubts, load = command.contest(contests, args)
    facts |= load
    parts = [
        parity,
        *doubts,
        one_step.TIMED,
        report.ratio_rows(measured, EAGER, SAME),
        report.time_rows(measured, EAGER, SAME),
    ]
    command.publish(f"A tick of a stream: {args.preset}, look-ahead {LOOK_AHEAD}", parts, facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="A tick of MotionStream: PyTorch eager against the backends.")
    options.add_argument("--preset", default="base", help="a preset or a YAML file (default: base)")
    options.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES), help="default: all")
    options.add_argument("--threads", type=command.above_zero(int), default=machine.usable_cpus())
    options.add_argument("--pairs", type=command.above_zero(int), default=8)
    options.add_argument("--block-seconds", type=command.above_zero(float), default=2.0, help="of one peer")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
