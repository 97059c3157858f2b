"""Keypoints as detectors make them: noise, exchanged sides, low rates, real detections, and streams after rubbish.

    python benchmarks/shaky_keypoints.py --data SET --detections DIR --stream examples/keypoints.npz \
        --out benchmarks/results/shaky_keypoints.md

Made keypoints: 14 clips of the engine's validation subjects, their first 96 frames, filmed by static cameras that are
given to the engine; what is spoiled is seeded.  Real detections: `*_raw.npz` of a folder, as `--keypoints` reads them.
Streams: keypoints of real motion with two seconds spoiled, three seconds later, against the same stream unspoiled and
against a stream that begins where the rubbish ends: between themselves these two differ too, so the nearer one counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import command
import machine
import numpy as np

from genmo.runtime import MotionModel, MotionStream, read_keypoints
from genmo.runtime.conditions.keypoints import Keypoints, parse_keypoints
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.skeleton import COCO_JOINTS, JOINTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.detector_faults import FAULTS, Fault
from genmo.train.evaluation.simulated import spread_out, true_joints
from genmo.train.metrics.pose import accel, mpjpe, pa_mpjpe
from genmo.train.tools.simulate_keypoints import cut, film_as, keypoint_arrays

CLIPS, FRAMES = 14, 96
BODY = slice(5, None)
"""keypoints of limbs and trunk"""
ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
STILL = 0.15
"""m/s in the image at the ankle's depth, below which an ankle stands"""
PACKAGES = ("numpy", "onnxruntime")

WANTED = {
    "5 px of white noise": "50 / 6",
    "10 px of white noise": "58 / 7",
    "sides exchanged in 30 frames": "47",
    "legs exchanged in 30 frames, 5 px": "54",
    "10 frames a second": "46",
    "5 frames a second": "49",
}
"""MPJPE in mm / acceleration in m/s^2, of a fault of `genmo.train.evaluation.detector_faults`"""


@dataclass(frozen=True, eq=False)
class Filmed:
    """A clip before its camera."""

    arrays: dict[str, Array]
    truth: Array
    """[frames, 24, 3] joints in the camera"""
    seed: int


def filmed(clips: Sequence[Clip]) -> Iterator[Filmed]:
    for seed, clip in enumerate(clips):
        part = cut(clip, 0, FRAMES)
        cameras, camera = film_as(part, seed, False)
        arrays = keypoint_arrays(part, cameras, camera, 0.0, 0.0, seed)
        yield Filmed(arrays, camera.to_camera(true_joints(part)), seed)


def made_row(model: MotionModel, clips: Sequence[Filmed], fault: Fault, clean: bool) -> Array:
    """MPJPE and PA-MPJPE in mm and the error of the acceleration in m/s^2, means over the clips."""
    errors = []
    for clip in clips:
        points = fault(clip.arrays["keypoints"], np.random.default_rng(100 + clip.seed))
        motion = model.estimate(parse_keypoints(clip.arrays | {"keypoints": points}), clean_keypoints=clean)
        assert motion.joints_camera is not None
        pair = motion.joints_camera, clip.truth
        errors.append([mpjpe(*pair).mean(), pa_mpjpe(*pair).mean(), accel(*pair, FPS).mean()])
    return np.mean(errors, axis=0)


def made_table(model: MotionModel, clips: Sequence[Filmed]) -> list[str]:
    lines = [
        f"Made keypoints, {len(clips)} clips of {FRAMES} frames: MPJPE mm / PA-MPJPE mm / acceleration error m/s^2.",
        "",
        "| keypoints | as they are | cleaned | wanted (MPJPE / acceleration) |",
        "|---|---|---|---|",
    ]
    for name, fault in FAULTS.items():
        cells = [" / ".join(f"{x:.1f}" for x in made_row(model, clips, fault, clean)) for clean in (False, True)]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {WANTED.get(name, '')} |")
    return lines


def shaking(motion: Motion, keypoints: Keypoints) -> tuple[float, float]:
    """Mean acceleration of the joints about the pelvis, m/s^2, and the median residual to the limbs' keypoints, px."""
    joints = motion.joints_camera
    assert joints is not None
    speed = np.diff(joints - joints[:, :1], n=2, axis=0) * FPS**2
    points = joints[:, COCO_JOINTS[BODY]]
    pixels = points[..., :2] / points[..., 2:] * np.diag(keypoints.intrinsics)[:2] + keypoints.intrinsics[:2, 2]
    seen = keypoints.points[:, BODY, 2] > 0.5
    residual = np.linalg.norm(pixels - keypoints.points[:, BODY, :2], axis=-1)[seen]
    return float(np.linalg.norm(speed, axis=-1).mean()), float(np.median(residual))


def standing(motion: Motion, keypoints: Keypoints) -> tuple[float, float]:
    """Of ankles that stand still in the image: the share whose contact is over a half, and their speed in the world."""
    assert motion.joints_camera is not None and motion.contacts is not None
    ankles = keypoints.points[:, 15:17]
    padded = np.pad(ankles[..., :2], [(2, 2), (0, 0), (0, 0)], mode="edge")
    smoothed = np.mean([padded[k : k + len(ankles)] for k in range(5)], axis=0)
    depth = motion.joints_camera[:, ANKLES, 2]
    seen = np.linalg.norm(np.gradient(smoothed, axis=0), axis=-1) * FPS * depth / keypoints.intrinsics[0, 0]
    still = (seen < STILL) & (ankles[..., 2] > 0.5)
    speed = np.linalg.norm(np.gradient(motion.joints_world()[:, ANKLES], axis=0), axis=-1) * FPS
    contacts = motion.contacts[:, [0, 2]]
    if not still.any():
        return np.nan, np.nan
    return float((contacts[still] > 0.5).mean()), float(speed[still].mean())


def detections_table(model: MotionModel, folder: Path) -> list[str]:
    lines = [
        "Real detections, the camera taken for static; before and after cleaning. Wanted: acceleration at most 4.5, "
        "residual at most 3.5 px, still ankles in contact at least 90 %, their speed at most 0.1 m/s.",
        "",
        "| file | acceleration m/s^2 | residual px | still ankles in contact | their speed m/s |",
        "|---|---|---|---|---|",
    ]
    files = sorted(folder.glob("*_raw.npz"))
    if not files:
        raise InputError(f"{folder}: no *_raw.npz; wanted a folder of detections, or no --detections")
    for file in files:
        keypoints = read_keypoints(file)
        cells = []
        for clean in (False, True):
            motion = model.estimate(keypoints, clean_keypoints=clean)
            contact, speed = standing(motion, keypoints)
            cells.append([*(f"{x:.1f}" for x in shaking(motion, keypoints)), f"{100 * contact:.0f} %", f"{speed:.2f}"])
        pairs = " | ".join(f"{before} / {after}" for before, after in zip(*cells, strict=True))
        lines.append(f"| {file.stem} | {pairs} |")
    return lines


def rubbish(points: Array, size: Array) -> dict[str, Array]:
    """What a detector may say for a while instead of points [frames, 17, 3]."""
    random, middle = np.random.default_rng(0), points[..., :2].mean(axis=1, keepdims=True)
    kinds = {name: points.copy() for name in ("a tiny blob", "random points", "other in every 2nd frame", "1e8 px")}
    kinds["a tiny blob"][..., :2] = middle + 0.1 * (points[..., :2] - middle)
    kinds["random points"][..., :2] = random.uniform(0, 1, points[..., :2].shape) * size
    kinds["other in every 2nd frame"][::2, :, :2] = 0.7 * points[::2, :, :2] + [300, 100]
    kinds["1e8 px"][..., :2] = random.choice([-1e8, 1e8], points[..., :2].shape)
    return kinds | {"all points equal": np.full_like(points, 1) * [500, 500, 1], "nobody": np.zeros_like(points)}


def streamed(model: MotionModel, keypoints: Keypoints, points: Array) -> tuple[Array, Array]:
    """Camera joints [frames, 24, 3] and heights of the lowest joint [frames] of a stream 5 frames behind."""
    stream = MotionStream(model, intrinsics=keypoints.intrinsics, look_ahead=5)
    poses = [stream.step(one[None]) for one in points]
    return (
        np.stack([pose.joints_camera[0] for pose in poses]),
        np.array([pose.joints_world()[0, :, 1].min() for pose in poses]),
    )


def stream_table(model: MotionModel, keypoints: Keypoints) -> list[str]:
    there = np.concatenate([keypoints.points, keypoints.points[::-1]])
    points = there[np.arange(250) % len(there)]
    size, bad = 2 * keypoints.intrinsics[:2, 2], slice(90, 150)
    at = slice(240, 250)
    plain = streamed(model, keypoints, points)
    late = streamed(model, keypoints, points[150:])
    fresh = [np.concatenate([np.zeros_like(a[:150]), b]) for a, b in zip(plain, late, strict=True)]
    lines = [
        "Streams 3 s after 2 s of rubbish: height of the lowest joint in cm and camera joints in mm, off the unspoiled "
        "stream / a fresh one. Wanted of the nearer one: 2 cm, 10 mm.",
        "",
        "| rubbish | lowest joint | camera joints |",
        "|---|---|---|",
    ]
    for name, part in rubbish(points[bad], size).items():
        spoiled = points.copy()
        spoiled[bad] = part
        joints, lowest = streamed(model, keypoints, spoiled)
        off = [
            (100 * np.abs(lowest[at] - low[at]).max(), 1000 * np.linalg.norm(joints[at] - all_[at], axis=-1).mean())
            for all_, low in (plain, fresh)
        ]
        lines.append(f"| {name} | {off[0][0]:.1f} / {off[1][0]:.1f} | {off[0][1]:.1f} / {off[1][1]:.1f} |")
    return lines


def held_out(folder: str, model: MotionModel) -> list[Clip]:
    subjects = model.engine.description["provenance"].get("train", {}).get("validation_subjects", ())
    clips = [clip for clip in read_clips(folder) if clip.subject in subjects and clip.frames >= FRAMES]
    if not clips:
        raise InputError(f"{folder} has no clip of the engine's validation subjects {list(subjects)}; name another set")
    return spread_out(clips, CLIPS)


def run(args: argparse.Namespace) -> int:
    model = MotionModel.load(args.engine, threads=1)
    parts = [made_table(model, list(filmed(held_out(args.data, model))))]
    if args.detections is not None:
        parts.append(detections_table(model, args.detections))
    if args.stream is not None:
        parts.append(stream_table(model, read_keypoints(args.stream)))
    facts = {name: str(value) for name, value in machine.describe(PACKAGES).items()}
    command.publish("Keypoints as detectors make them", parts, facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, metavar="SET", help="a *30 motion set with the validation subjects")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--detections", type=Path, metavar="DIR", help="a folder of real detections, *_raw.npz")
    options.add_argument("--stream", type=Path, metavar="F.npz", help="keypoints for the streams")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page there as well")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
