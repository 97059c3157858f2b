"""Foot sliding before and after `clean_feet`: estimated, generated and real motion.

    python benchmarks/feet.py --data SET --out benchmarks/results/feet.md

Estimated: held-out people filmed by simulated cameras, as genmo-eval does; a frame is in contact where the real clip's
joint is slower than 0.15 m/s (`contact_labels`), sliding is the speed of the estimated ankles and balls there.
Generated: the ten prompts of genmo-eval.  Real: the same clips cleaned, which should change next to nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import command
import machine
import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.conditions.keypoints import parse_keypoints
from genmo.runtime.motion.motion import Motion, contact_labels, join_motions
from genmo.runtime.motion.skeleton import CONTACT_JOINTS
from genmo.runtime.refine.foot_locking import FeetOptions, FootLocker, clean_feet
from genmo.runtime.refine.pipeline import CAMERA_FEET, ESTIMATED_FEET
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.generation import PROMPTS, statistics
from genmo.train.metrics.pose import jitter, mpjpe, pa_mpjpe
from genmo.train.tools.simulate_keypoints import cut, film, keypoint_arrays

Cleaner = Callable[[Motion], Motion]
FEET = CONTACT_JOINTS[:4]  # both ankles, both balls
LONGEST = 300  # frames of a clip, from its middle
PACKAGES = ("numpy", "onnxruntime", "torch")
UNKNOWN = FeetOptions(ground=None)


def streamed(lookahead: int, options: FeetOptions) -> Cleaner:
    """`clean_feet` as a stream in blocks of 10 frames."""

    def clean(motion: Motion) -> Motion:
        cleaner = FootLocker(lookahead, options)
        blocks = [cleaner.push(motion.cut(slice(start, start + 10))) for start in range(0, motion.frames, 10)]
        return join_motions([out for out in (*blocks, cleaner.flush()) if out is not None and out.frames])

    return clean


def real_motion(clip: Clip) -> Motion:
    """The clip as a Motion of float64, without contacts."""
    return Motion(
        clip.rotations.astype(np.float64), clip.translation.astype(np.float64), offsets=clip.offsets.astype(np.float64)
    )


def estimates(model: MotionModel, clips: list[Clip], with_camera: bool) -> list[tuple[Motion, Motion, Array]]:
    """For each clip: the estimate, uncleaned; the truth; true joints [frames, 24, 3] in the camera frame."""
    made = []
    for seed, clip in enumerate(clips):
        cameras, camera = film(clip, seed)
        arrays = keypoint_arrays(clip, cameras, camera, noise=0.0, hidden=0.0, seed=seed)
        if not with_camera:
            del arrays["camera_to_world"]
        truth = real_motion(clip)
        estimate = model.estimate(parse_keypoints(arrays), clean_feet=False)
        made.append((estimate, truth, camera.to_camera(truth.joints_world())))
    return made


def aligned(points: Array, truth: Array) -> Array:
    """Points [frames, 24, 3] after the one rigid motion of the whole clip that brings them nearest to `truth`."""
    mean, wanted = points.mean(axis=(0, 1)), truth.mean(axis=(0, 1))
    p, t = (points - mean).reshape(-1, 3), (truth - wanted).reshape(-1, 3)
    u, _, vt = np.linalg.svd(p.T @ t)
    turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    return np.asarray((p @ turn).reshape(points.shape) + wanted)


def contact_sums(joints: Array, contact: Array, fps: float) -> tuple[float, float]:
    """Summed speed (m/s) of the feet in contact, and how many frames of feet that were."""
    speed = np.linalg.norm(np.diff(joints[:, FEET], axis=0), axis=-1) * fps
    down = contact[:-1, :4] > 0.5
    return float(speed[down].sum()), float(down.sum())


def estimation_row(made: list[tuple[Motion, Motion, Array]], clean: Cleaner) -> str:
    """Frame means over all clips: sliding, MPJPE and PA-MPJPE in the camera, MPJPE in the world, jitter."""
    speed, down, sums, frames = 0.0, 0.0, np.zeros(4), 0
    for estimate, truth, in_camera in made:
        motion = clean(estimate)
        joints, wanted = motion.joints_world(), truth.joints_world()
        more, count = contact_sums(joints, contact_labels(wanted), motion.fps)
        speed, down, frames = speed + more, down + count, frames + motion.frames
        assert motion.joints_camera is not None
        world = 1000 * np.linalg.norm(aligned(joints, wanted) - wanted, axis=-1).mean(axis=-1)
        errors = (mpjpe(motion.joints_camera, in_camera), pa_mpjpe(motion.joints_camera, in_camera), world)
        sums += [*(error.sum() for error in errors), motion.frames * jitter(joints, motion.fps)]
    means = sums / frames
    return f"{speed / down:.3f} | {means[0]:.1f} | {means[1]:.1f} | {means[2]:.0f} | {means[3]:.1f}"


def estimation_table(model: MotionModel, clips: list[Clip]) -> list[str]:
    lines = [
        f"Estimated from keypoints, {len(clips)} clips, {sum(clip.frames for clip in clips)} frames. Sliding in true "
        "contact m/s; MPJPE and PA-MPJPE in the camera, MPJPE in the world after one rigid alignment a clip, mm; "
        "jitter 10 m/s^3.",
        "",
        "| input | feet | sliding | MPJPE | PA-MPJPE | world | jitter |",
        "|---|---|---|---|---|---|---|",
    ]
    for with_camera in (True, False):
        options, usual = (UNKNOWN, CAMERA_FEET) if with_camera else (FeetOptions(), ESTIMATED_FEET)
        ways: dict[str, Cleaner] = {
            "as estimated": lambda motion: motion,
            "cleaned": lambda motion, o=options: clean_feet(motion, o),  # type: ignore[misc]
            "cleaned as genmo-run does": lambda motion, o=usual: clean_feet(motion, o),  # type: ignore[misc]
        }
        if with_camera:
            ways |= {f"stream, {ahead} frames ahead": streamed(ahead, options) for ahead in (0, 15)}
        made = estimates(model, clips, with_camera)
        name = "camera known" if with_camera else "no camera file"
        lines += [f"| {name} | {way} | {estimation_row(made, clean)} |" for way, clean in ways.items()]
    return lines


def generation_table(model: MotionModel, samples: int) -> list[str]:
    lines = [
        f"Generated, {samples} samples a prompt, 120 frames; before / after. Speed of low feet as genmo-eval counts it "
        "(any foot within 4 cm of the lowest point, swinging or not) and where the model's own contact is over 0.5, "
        "m/s; root speed m/s.",
        "",
        "| prompt | low feet | in contact | jitter | root speed |",
        "|---|---|---|---|---|",
    ]
    every = []
    for prompt in PROMPTS:
        rows = []
        for motion in model.generate(prompt, 120, samples=samples, clean_feet=False, tries=1):
            assert motion.contacts is not None
            for one in (motion, clean_feet(motion)):
                numbers = statistics(one)
                sums = contact_sums(one.joints_world(), motion.contacts, motion.fps)
                rows.append([numbers["low_foot_speed"], *sums, numbers["jitter"], numbers["root_speed"]])
        table = np.array(rows).reshape(-1, 2, 5)
        every.append(table)
        lines.append(f"| {prompt} | {_pairs(table)} |")
    return [*lines, f"| all | {_pairs(np.concatenate(every))} |"]


def _pairs(table: Array) -> str:
    """Cells `before / after` of [motions, 2, (sliding, contact speed sum, contact count, jitter, root speed)]."""
    mean = table.mean(axis=0)
    contact = mean[:, 1] / np.maximum(mean[:, 2], 1e-9)
    columns = (mean[:, 0], contact, mean[:, 3], mean[:, 4])
    return " | ".join(f"{before:.2f} / {after:.2f}" for before, after in columns)


def real_table(clips: list[Clip]) -> list[str]:
    moved, sums, shakes = [], [], []
    for clip in clips:
        motion = real_motion(clip)
        clean = clean_feet(motion, UNKNOWN)
        before, after = motion.joints_world(), clean.joints_world()
        moved.append(1000 * np.linalg.norm(after - before, axis=-1))
        contact = contact_labels(before)
        sums.append([*contact_sums(before, contact, motion.fps), *contact_sums(after, contact, motion.fps)])
        shakes.append([clip.frames * jitter(before, motion.fps), clip.frames * jitter(after, motion.fps)])
    change, total = np.concatenate(moved), np.sum(sums, axis=0)
    shake = np.sum(shakes, axis=0) / len(change)
    return [
        "Real motion cleaned (no contacts given, ground not given).",
        "",
        "| joints moved, mean | 95 % of frames under | sliding in contact | jitter |",
        "|---|---|---|---|",
        f"| {change.mean():.1f} mm | {np.quantile(change.mean(axis=1), 0.95):.1f} mm | "
        f"{total[0] / total[1]:.3f} / {total[2] / total[3]:.3f} m/s | {shake[0]:.1f} / {shake[1]:.1f} |",
    ]


def held_out_clips(folder: str, model: MotionModel, count: int) -> list[Clip]:
    """`count` clips spread evenly over the engine's validation subjects, each cut to its middle ten seconds."""
    subjects = model.engine.description["provenance"].get("train", {}).get("validation_subjects", ())
    clips = [clip for clip in read_clips(folder) if clip.subject in subjects]
    if not clips:
        raise InputError(f"{folder} has no clip of the engine's validation subjects {list(subjects)}; name another set")
    chosen = [clips[int(place)] for place in np.linspace(0, len(clips) - 1, min(count, len(clips)))]
    return [cut(clip, max(clip.frames - LONGEST, 0) // 2, min(clip.frames, LONGEST)) for clip in chosen]


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, metavar="SET", help="a *30 motion set with the validation subjects")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument(
        "--clips", type=int, default=1000, help="at most so many held-out clips: 25 for a trial (default: all)"
    )
    options.add_argument("--samples", type=int, default=2, help="motions a prompt (default: %(default)s)")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page there as well")
    return command.answer(options, run, arguments)


def run(args: argparse.Namespace) -> int:
    """The page."""
    model = MotionModel.load(args.engine)
    clips = held_out_clips(args.data, model, args.clips)
    tables = (estimation_table(model, clips), generation_table(model, args.samples), real_table(clips))
    facts = {name: str(value) for name, value in machine.describe(PACKAGES).items()}
    command.publish("Clean feet", tables, facts, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
