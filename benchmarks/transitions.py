"""From one motion into another: `blend` and `between` against a cross-fade and inertialisation.

    python benchmarks/transitions.py --data ../shared/data --out benchmarks/results/transitions_small.md

Pairs of two seconds each out of real clips of people that the engine was not trained on (`cmu30`, subjects 07, 13, 35
and 49), drawn at random.  Cross-fade: the last frames of the first and the first frames of the second, turned and moved
onto each other, mixed by a smooth ease.  Inertialisation (Bollo 2018): the second plays at once, and what pose, place
and their speeds differ by at its first frame dies away by a quintic.  Both over 0.4 s; `blend` too; `between` makes
0.4 or 1 s.

Over the frames of the transition and three on either side: slide of a foot's ball that is within 6 cm of the floor,
cm/s; the largest acceleration of any joint, m/s^2, its median and 90th percentile over pairs; and the distance to real
motion: joints as the root sees them now and five frames before and behind, to the nearest such frames of other real
clips (`cmu30` without those people, `o3de30`), millimetres a joint.  `real`: the first of each pair, going on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import machine
import numpy as np
import report

from genmo.runtime import MotionModel, blend
from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    matrix_from_yaw,
    rotate,
    transpose,
    yaw_of,
)
from genmo.runtime.motion.skeleton import FOOT_JOINTS, JOINT_COUNT
from genmo.runtime.refine.joining import prepared
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import GenmoError

HELD_OUT = ("s07", "s13", "s35", "s49")
LENGTH, FADE = 60, 12  # frames of each motion, and of a fade
NEAR, LOW = 3, 0.06  # frames around a transition, metres of a low ball
AROUND = 5  # frames before and behind of which a distance is
STRIDE = 3  # of the real frames one in so many is compared with
PACKAGES = ("numpy", "onnxruntime")


def clips(folder: Path, held_out: bool) -> list[Motion]:
    """The real motions of a set, of the people held out or of the others."""
    motions = []
    for path in sorted(folder.glob("*.npz")):
        if (path.stem in HELD_OUT) != held_out:
            continue
        with np.load(path) as stored:
            for number, (start, count) in enumerate(zip(stored["clip_start"], stored["clip_len"], strict=True)):
                if count < LENGTH + 2 * AROUND:
                    continue
                rows = slice(start, start + count)
                quaternions = stored["quat_i16"][rows] / 32767.0
                rotations = np.tile(np.eye(3), (count, JOINT_COUNT, 1, 1))
                rotations[:, :22] = matrix_from_quaternion(quaternions)
                offsets = stored["offsets"][number].astype(np.float64)
                motions.append(Motion(rotations, stored["trans"][rows].astype(np.float64), offsets=offsets))
    return motions


def onto(second: Motion, first: Motion, at: int) -> Motion:
    """The second motion turned and moved so that its first frame lies on frame `at` of the first."""
    turn = matrix_from_yaw(yaw_of(first.rotations[at, 0]) - yaw_of(second.rotations[0, 0]))
    return second.moved(turn, (first.translation[at] - rotate(turn, second.translation[0])) * [1, 0, 1])


def cross_fade(first: Motion, second: Motion) -> Motion:
    """The textbook's: poses and places mixed over the overlap."""
    start = first.frames - FADE
    second = onto(second, first, start)
    share = smoothstep((np.arange(FADE) + 1) / (FADE + 1))
    one, other = first.rotations[start:], second.rotations[:FADE]
    mixed = one @ matrix_from_axis_angle(share[:, None, None] * axis_angle_from_matrix(transpose(one) @ other))
    way = first.translation[start:] + share[:, None] * (second.translation[:FADE] - first.translation[start:])
    return replace(
        first,
        rotations=np.concatenate([first.rotations[:start], mixed, second.rotations[FADE:]]),
        translation=np.concatenate([first.translation[:start], way, second.translation[FADE:]]),
    )


def inertialised(first: Motion, second: Motion) -> Motion:
    """The second at once, with an offset of value and speed that dies away with its speed and acceleration."""
    second = onto(second, first, -1)
    ahead = first.translation[-1] - first.translation[-2]
    second = second.moved(np.eye(3), ahead * [1, 0, 1])
    x = np.arange(FADE) / FADE
    value = 1 - 10 * x**3 + 15 * x**4 - 6 * x**5
    slope = FADE * (x - 6 * x**3 + 8 * x**4 - 3 * x**5)
    gap = axis_angle_from_matrix(transpose(second.rotations[0]) @ first.rotations[-1])
    before = axis_angle_from_matrix(transpose(first.rotations[-2]) @ first.rotations[-1])
    speed = before - axis_angle_from_matrix(transpose(second.rotations[0]) @ second.rotations[1])
    start = gap + speed
    offsets = value[:, None, None] * start + slope[:, None, None] * speed
    rotations = second.rotations.copy()
    rotations[:FADE] = rotations[:FADE] @ matrix_from_axis_angle(offsets)
    place = first.translation[-1] + ahead - second.translation[0]
    moving = ahead - (second.translation[1] - second.translation[0])
    translation = second.translation.copy()
    translation[:FADE] += value[:, None] * place + slope[:, None] * moving
    return replace(
        first,
        rotations=np.concatenate([first.rotations, rotations]),
        translation=np.concatenate([first.translation, translation]),
    )


def seen(motion: Motion) -> Array:
    """[frames - 2 x AROUND, 3 x 22 x 3] joints of a frame and of those around it, as its root sees them."""
    joints = motion.joints_world()[:, :22]
    turn = matrix_from_yaw(-yaw_of(motion.rotations[:, 0]))
    middle = slice(AROUND, -AROUND)
    parts = []
    for shift in (-AROUND, 0, AROUND):
        moved = joints[AROUND + shift : len(joints) - AROUND + shift]
        moved = moved - motion.translation[middle, None] * [1.0, 0.0, 1.0]
        parts.append(rotate(turn[middle, None], moved).reshape(len(moved), -1))
    return np.concatenate(parts, axis=1).astype(np.float32)


def nearest(frames: Array, real: Array) -> Array:
    """Millimetres a joint from each of `frames` to the nearest of `real`."""
    squares = (frames**2).sum(axis=1)[:, None] + (real**2).sum(axis=1) - 2 * frames @ real.T
    return 1000 * np.sqrt(np.maximum(squares.min(axis=1), 0) / 66)


def measured(motion: Motion, start: int, end: int, real: Array) -> tuple[float, float, float]:
    """Slide cm/s (NaN: no low foot), acceleration m/s^2 and distance mm of frames start to end."""
    span = slice(max(start - NEAR, 1), min(end + NEAR, motion.frames - 1))
    joints = motion.joints_world()
    sharp = np.linalg.norm(joints[2:] - 2 * joints[1:-1] + joints[:-2], axis=-1).max(axis=1) * FPS**2
    balls = joints[:, FOOT_JOINTS]
    speed = 50 * FPS * np.linalg.norm((balls[2:] - balls[:-2])[..., [0, 2]], axis=-1)
    inner = slice(span.start - 1, span.stop - 1)
    low = balls[span][..., 1] < LOW
    slide = float(speed[inner][low].mean()) if low.any() else np.nan
    frames = seen(motion)[max(span.start - AROUND, 0) : span.stop - AROUND]
    return slide, float(sharp[inner].max()), float(nearest(frames, real).mean())


def transitions(model: MotionModel, one: Motion, other: Motion) -> dict[str, tuple[Motion, int, int]]:
    """What each way makes of a pair, and from which frame to which it changed something."""
    made: dict[str, tuple[Motion, int, int]] = {
        "real": (one, LENGTH // 2, LENGTH // 2 + FADE),
        "cross-fade, 0.4 s": (cross_fade(one, other), LENGTH - FADE, LENGTH),
        "inertialisation, 0.4 s": (inertialised(one, other), LENGTH, LENGTH + FADE),
        "blend, 0.4 s": (blend(one, other, FADE / FPS), LENGTH - FADE, LENGTH),
    }
    for seconds in (0.4, 1.0):
        whole = model.between(one, other, seconds)
        made[f"between, {seconds:g} s"] = (whole, LENGTH, LENGTH + round(FPS * seconds))
    return made


def table(model: MotionModel, data: Path, pairs: int) -> list[str]:
    """The rows of the page."""
    held_out = clips(data / "cmu30", held_out=True)
    others = [clip for name in ("cmu30", "o3de30") for clip in clips(data / name, held_out=False)]
    real = np.concatenate([seen(clip)[::STRIDE] for clip in others])
    rng = np.random.default_rng(0)
    results: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(pairs):
        parts = []
        for clip in rng.choice(len(held_out), 2, replace=False):
            start = int(rng.integers(held_out[clip].frames - LENGTH + 1))
            parts.append(held_out[clip].cut(slice(start, start + LENGTH)))
        one, other = prepared(parts[0]), prepared(parts[1], like=parts[0])
        for name, (motion, start, end) in transitions(model, one, other).items():
            results.setdefault(name, []).append(measured(motion, start, end, real))
    rows = ["| way | slide cm/s | acceleration, median | 90 % | distance mm |", "|---|---:|---:|---:|---:|"]
    for name, values in results.items():
        slide, sharp, distance = np.array(values).T
        middle, high = np.percentile(sharp, [50, 90])
        rows.append(f"| {name} | {np.nanmean(slide):.1f} | {middle:.0f} | {high:.0f} | {distance.mean():.1f} |")
    return rows


def main() -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description="Compare ways from one motion into another.")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with cmu30 and o3de30")
    options.add_argument("--pairs", type=int, default=40)
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    args = options.parse_args()
    try:
        rows = table(MotionModel.load(args.engine), args.data, args.pairs)
    except (GenmoError, OSError, KeyError) as error:
        print(f"transitions: error: {error}", file=sys.stderr)
        return 2
    facts = machine.describe(PACKAGES) | {"settings": f"{args.pairs} pairs, people {', '.join(HELD_OUT)}"}
    page = report.page("From one motion into another", [rows], facts)
    print(page)
    if args.out:
        args.out.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
