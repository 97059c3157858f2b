"""Keyframes and places: are they met, and does the motion stay smooth?  And the borders of the paper's scenario.

    python benchmarks/timeline.py --out benchmarks/results/timeline_small.md

Constraints are taken from other motions of the same engine and text.  Jitter is the mean third difference of all joints
over that of the same seed without constraints.  Scenario: `examples/timeline.yaml`, largest joint acceleration of the
frames near a border of a condition or a keyframe, over the 99th percentile elsewhere.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import machine
import numpy as np
import report

from genmo.runtime import MotionModel
from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, NO_KEYFRAMES, JointTargets, Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.model import Result
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import GenmoError
from genmo.train.metrics.pose import jitter

FRAMES, TEXT = 240, "a person walks forward"
PELVIS, HEAD, HAND = (JOINTS.index(name) for name in ("pelvis", "head", "left_wrist"))
SCENARIO = Path(__file__).parents[1] / "examples/timeline.yaml"
NEAR = 6  # frames on each side that count as a border
PACKAGES = ("numpy", "onnxruntime")


def keyframes(motion: Motion, frames: Array, aside: float = 0.0) -> Keyframes:
    """Poses of a motion, `aside` metres to the side."""
    return Keyframes(frames, motion.rotations[frames], motion.translation[frames] + [aside, 0, 0])


def places(joint: int, frames: Array, positions: Array) -> JointTargets:
    """JointTargets [M, 3] of one joint."""
    return JointTargets(frames, np.full(len(frames), joint), positions)


def cases(free: Motion, other: Motion) -> Iterator[tuple[str, Keyframes, JointTargets]]:
    """What has to be met: a name and the constraints, from the unconstrained motion and one of another seed."""
    every, joints = np.arange(FRAMES), other.joints_world()
    for count in (2, 5):
        frames = np.linspace(0, FRAMES - 1, count).round().astype(int)
        yield f"{count} keyframes of another walk", keyframes(other, frames), NO_JOINT_TARGETS
    yield "2 keyframes 0.3 m beside the way", keyframes(free, np.array([80, 160]), 0.3), NO_JOINT_TARGETS
    yield "60 frames of another walk before", keyframes(other, every[:60]), NO_JOINT_TARGETS
    angle = every * 1.2 / FPS / 2.0  # 1.2 m/s on a radius of 2 m
    curve = np.stack([2 - 2 * np.cos(angle), np.full(FRAMES, np.nan), 2 * np.sin(angle)], axis=-1)
    yield "pelvis along a curve of radius 2 m, every frame", NO_KEYFRAMES, places(PELVIS, every, curve)
    sparse = every[::45]
    yield "head of another walk, every 45 frames", NO_KEYFRAMES, places(HEAD, sparse, joints[sparse, HEAD])
    yield "head of another walk, every frame", NO_KEYFRAMES, places(HEAD, every, joints[:, HEAD])
    thrice = np.array([60, 120, 180])
    hand = free.joints_world()[thrice, HAND] + [0.2, 0.3, 0.1]
    yield "a hand 0.37 m off, 3 times", NO_KEYFRAMES, places(HAND, thrice, hand)


def constraint_rows(model: MotionModel, seeds: int) -> list[str]:
    """A row a case: means over seeds, the largest error of all."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(seeds):
        walk = Timeline(FRAMES, (Text(TEXT),), seed=seed)
        free, other = (model.follow(replace(walk, seed=s)).motions[0] for s in (seed, seed + 100))
        calm = jitter(free.joints_world(), FPS)
        found.setdefault("nothing, another seed", []).append((jitter(other.joints_world(), FPS) / calm, 0.0, 0.0))
        for name, poses, points in cases(free, other):
            result = model.follow(replace(walk, keyframes=poses, places=points))
            shaken = jitter(result.motions[0].joints_world(), FPS) / calm
            found.setdefault(name, []).append((shaken, *errors(result)))
    lines = ["| what had to be met | jitter | mean error mm | largest |", "|---|---:|---:|---:|"]
    for name, rows in found.items():
        shaken, mean, largest = np.array(rows).T
        lines.append(f"| {name} | {shaken.mean():.2f} | {mean.mean():.1f} | {largest.max():.1f} |")
    return lines


def errors(result: Result) -> tuple[float, float]:
    """Mean and largest error in millimetres of what had to be met; of keyframes only the largest is known."""
    (missed,) = result.errors
    if missed.places is None or missed.worst_place is None:
        return missed.keyframes or 0.0, missed.keyframes or 0.0
    return missed.places, missed.worst_place


def scenario_ratio(model: MotionModel, seed: int) -> float:
    """Largest acceleration near a border over the 99th percentile elsewhere."""
    timeline = replace(read_timeline(SCENARIO), seed=seed)
    joints = model.follow(timeline).motions[0].joints_world()
    sharpest = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max(axis=1) * FPS**2
    near = np.zeros(len(sharpest), bool)
    for border in [*timeline.boundaries, *timeline.keyframes.frames]:
        near[max(0, int(border) - 1 - NEAR) : int(border) + NEAR] = True
    return float(sharpest[near].max() / np.percentile(sharpest[~near], 99))


def main() -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="Measure what constraints cost and how smooth a timeline is.")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    args = options.parse_args()
    try:
        model = MotionModel.load(args.engine)
        rows = constraint_rows(model, args.seeds)
        ratios = [scenario_ratio(model, seed) for seed in range(args.seeds)]
    except GenmoError as error:
        print(f"timeline: error: {error}", file=sys.stderr)
        return 2
    smooth = ["| seed | largest at the borders over p99 elsewhere |", "|---:|---:|"]
    smooth += [f"| {seed} | {ratio:.2f} |" for seed, ratio in enumerate(ratios)]
    facts = machine.describe(PACKAGES) | {"settings": f"seeds {args.seeds}, {FRAMES} frames, {TEXT!r}"}
    page = report.page("Constraints and borders", [["## Constraints", "", *rows], ["## Borders", "", *smooth]], facts)
    print(page)
    if args.out:
        args.out.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
