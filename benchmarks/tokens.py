"""An engine of motion tokens beside the engine that ships and interpolation: completion, a minute, idling, speed.

    python benchmarks/tokens.py --engine runtime/engines/tokens --data ../shared/data/cmu30 \
        --out benchmarks/results/tokens.md

Completion: of the middle 120 frames of clips of held-out people, poses and places of all frames but a gap and the
caption are given; single samples; MPJPE (roots together), PA-MPJPE and world error of the missing frames in mm with
95 % intervals over clips, the largest acceleration of a joint within three frames of the gap's borders over the 99th
percentile of the real clip, and the Frechet distance of whole completed motions from the real ones (the evaluator that
ships).  All ways complete the same clips in one run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import machine
import numpy as np
import report

from genmo.runtime import MotionModel
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import GenmoError
from genmo.runtime.token_model import AnyModel, TokenModel
from genmo.train.datasets.clips import Clip, middle
from genmo.train.datasets.resampling import interpolated_rotations
from genmo.train.evaluation import long_motions
from genmo.train.evaluation.completion import GAPS, SHORTEST, keyframes_outside
from genmo.train.evaluation.report import subject_clips
from genmo.train.evaluation.simulated import true_joints
from genmo.train.evaluation.text_motion_evaluator import SHIPPED, load_evaluator
from genmo.train.evaluation.text_motion_features import LONGEST
from genmo.train.metrics.pose import jitter, low_foot_speed, mpjpe, pa_mpjpe, point_error
from genmo.train.metrics.sets import bootstrap, frechet_distance

PACKAGES = ("numpy", "onnxruntime")
NEAR = 3  # frames on either side of a border
SPEED_ROUNDS = 4
Way = Callable[[Clip, tuple[int, int], int], Motion]


class Completed(NamedTuple):
    """What a way made of one gap of one clip."""

    motion: Motion
    errors: tuple[Array, Array, Array]
    """MPJPE, PA-MPJPE and world error of each missing frame, mm"""
    border: float


def by_engine(model: AnyModel) -> Way:
    """One sample, given the rest of the clip and its caption."""

    def complete(clip: Clip, gap: tuple[int, int], seed: int) -> Motion:
        texts = (Text(clip.captions[0]),) if clip.captions else ()
        timeline = Timeline(frames=clip.frames, texts=texts, keyframes=keyframes_outside(clip, gap), seed=seed)
        (made,) = model.follow(timeline).motions
        return Motion(made.rotations, made.translation, offsets=clip.offsets)

    return complete


def slerp_and_a_line(clip: Clip, gap: tuple[int, int], seed: int) -> Motion:
    """Every joint turned at constant speed through the gap, the root on a straight line."""
    keys = keyframes_outside(clip, gap)
    times = np.interp(np.arange(clip.frames), keys.frames, np.arange(len(keys.frames)))
    path = np.stack([np.interp(np.arange(clip.frames), keys.frames, axis) for axis in keys.root.T], axis=-1)
    return Motion(interpolated_rotations(keys.rotations, times), path, offsets=clip.offsets)


def completed(way: Way, clip: Clip, gap: tuple[int, int], seed: int) -> Completed:
    motion = way(clip, gap, seed)
    joints, truth, part = motion.joints_world(), true_joints(clip), slice(*gap)
    errors = tuple(measure(joints[part], truth[part]) for measure in (mpjpe, pa_mpjpe, point_error))
    made, real = (np.linalg.norm(np.diff(one, n=2, axis=0), axis=-1).max(axis=-1) for one in (joints, truth))
    near = np.zeros(len(made), bool)
    for border in gap:
        if 0 < border < len(joints):
            near[max(border - 1 - NEAR, 0) : border - 1 + NEAR] = True
    return Completed(motion, errors, float(made[near].max() / np.percentile(real, 99)))


def completion(ways: dict[str, Way], clips: Sequence[Clip], samples: int) -> list[str]:
    """A row a gap and way."""
    evaluator = load_evaluator(SHIPPED)
    real = evaluator.embed_motions([Motion(c.rotations, c.translation, offsets=c.offsets) for c in clips])
    rows = [
        "| missing of 4 s | made by | MPJPE | PA-MPJPE | in the world | Frechet | border |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, gap_of in GAPS.items():
        for way_name, way in ways.items():
            count = 1 if way is slerp_and_a_line else samples
            found = [[completed(way, clip, gap_of(clip.frames), seed) for seed in range(count)] for clip in clips]
            cells = [
                str(bootstrap([np.concatenate([one.errors[i] for one in made]) for made in found])) for i in range(3)
            ]
            distance = frechet_distance(evaluator.embed_motions([made[0].motion for made in found]), real)
            border = np.median([one.border for made in found for one in made])
            rows.append(f"| {name} | {way_name} | {' | '.join(cells)} | {distance:.3f} | {border:.2f} |")
            print(rows[-1], flush=True)
    return rows


def idling(models: dict[str, AnyModel], real: Sequence[Clip], samples: int) -> list[str]:
    """Jitter of who stands, and how fast low feet of walkers move, beside the real ones."""
    of_people = {
        kind: [true_joints(middle(clip, 300)) for clip in real if any(word in clip.captions[0] for word in words)]
        for kind, words in {"idle": ("idle", "stands", "waits"), "walk": ("walk",)}.items()
    }
    rows = ["| | jitter of who stands, 10 m/s^3 | low feet of walkers, m/s |", "|---|---|---|"]
    still, feet = (
        np.mean([measure(joints, FPS) for joints in of_people[kind]] or [np.nan])
        for kind, measure in (("idle", jitter), ("walk", low_foot_speed))
    )
    rows.append(f"| real people | {still:.2f} | {feet:.3f} |")
    for name, model in models.items():
        idle, walks = (
            [model.generate(text, 300, seed=seed)[0].joints_world() for seed in range(samples)]
            for text in ("a person stands idle, waiting", "a person walks")
        )
        still, feet = np.mean([jitter(one, FPS) for one in idle]), np.mean([low_foot_speed(one, FPS) for one in walks])
        rows.append(f"| {name} | {still:.2f} | {feet:.3f} |")
    return rows


def speed(models: dict[str, AnyModel]) -> list[str]:
    """Seconds for four seconds of a text, in turn, medians."""
    takes: dict[str, list[float]] = {}
    calls = {
        f"{name}, {said}": (model, guidance)
        for name, model in models.items()
        for said, guidance in (("guided", 3.0), ("unguided", 1.0))
    }
    for round_number in range(SPEED_ROUNDS + 1):
        for name, (model, guidance) in calls.items():
            start = time.perf_counter()
            model.generate("a person walks", 120, steps=10, guidance=guidance, seed=round_number)
            if round_number:  # the first warms up
                takes.setdefault(name, []).append(time.perf_counter() - start)
    rows = ["| 4 s in ten passes or steps | seconds |", "|---|---|"]
    return rows + [f"| {name} | {np.median(found):.2f} |" for name, found in takes.items()]


def main() -> int:
    """Measure and print; write where --out says."""
    options = argparse.ArgumentParser(description="Compare an engine of motion tokens with the one that ships.")
    options.add_argument("--engine", required=True, metavar="DIR", help="engine of motion tokens")
    options.add_argument("--data", action="append", required=True, metavar="DIR", help="motion set; may be repeated")
    options.add_argument("--clips", type=int, default=40, help="of held-out people (default: 40)")
    options.add_argument("--samples", type=int, default=2)
    options.add_argument("--no-completion", action="store_true", help="leave out the longest part")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    args = options.parse_args()
    try:
        tokens = TokenModel.load(args.engine, threads=args.threads)
        models: dict[str, AnyModel] = {"tokens": tokens, "small": MotionModel.load(threads=args.threads)}
        _, held_out, every = subject_clips(tokens, args.data, [], 0)
        long_enough = [clip for clip in held_out if clip.frames >= SHORTEST]
        chosen = [long_enough[int(i)] for i in np.linspace(0, len(long_enough) - 1, min(args.clips, len(long_enough)))]
        clips = [middle(clip, LONGEST) for clip in chosen]
        ways = {name: by_engine(model) for name, model in models.items()} | {"slerp and a line": slerp_and_a_line}
        parts = [] if args.no_completion else [completion(ways, clips, args.samples)]
        parts += [idling(models, [clip for clip in every if clip.captions], args.samples + 1)]
        parts += [
            [f"{name}:", "", *long_motions.markdown(long_motions.report(model, args.samples, None))]
            for name, model in models.items()
        ]
        parts += [speed(models)]
    except GenmoError as error:
        print(f"tokens: error: {error}", file=sys.stderr)
        return 2
    facts = machine.describe(PACKAGES) | {
        "settings": f"{len(clips)} clips, {args.samples} samples, {args.threads} threads"
    }
    page = report.page("Motion tokens", parts, facts)
    print(page)
    if args.out:
        args.out.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
