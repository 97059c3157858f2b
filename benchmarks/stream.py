"""The stream: does a tick fit a frame, does memory stay, how near is it to offline, what do many people cost.

    python benchmarks/stream.py --data SET --minutes 10 --out benchmarks/results/stream_small.md

Ticks run one after the other without a pause; one that takes longer than 33.3 ms would be late at 30 frames a second.
Accuracy is that of `genmo-eval`: simulated cameras film clips of people that the engine never saw.
Exit status: 0 done, 2 bad input.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import machine
import measure
import numpy as np
import report

from genmo.runtime import MotionModel
from genmo.runtime.conditions.keypoints import Keypoints, parse_keypoints
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.streaming.motion_generator import BLOCK, OVERLAP, MotionGenerator
from genmo.runtime.streaming.motion_stream import MotionStream
from genmo.runtime.streaming.stream_pose import record
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.metrics.pose import jitter, mpjpe, pa_mpjpe
from genmo.train.tools.simulate_keypoints import cut, film, keypoint_arrays

FRAME_MS = 1000 / FPS
PROMPTS = ("a person walks", "a person runs", "a person jumps forward", "a person stands idle")
PACKAGES = ("numpy", "onnxruntime")
NEAR = 2  # frames on each side that count as the border of a block


def camera_pose(keypoints: Keypoints, frame: int) -> Array:
    """[4, 4] camera to world."""
    assert keypoints.camera is not None
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = keypoints.camera.rotation[frame], keypoints.camera.position[frame]
    return matrix


def play(stream: MotionStream, keypoints: Keypoints) -> Motion:
    """The whole clip through a stream."""
    poses = [stream.step(keypoints.points[f : f + 1], camera_pose(keypoints, f)) for f in range(keypoints.frames)]
    return record(poses + stream.finish())


def resident_bytes() -> int:
    """Memory of this process now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def sustained(model: MotionModel, keypoints: Keypoints, look_ahead: int, minutes: float) -> list[str]:
    """A row: the ticks of a long stream; the clip is played again and again, in one take."""
    stream = MotionStream(model, look_ahead=look_ahead, intrinsics=keypoints.intrinsics)
    ticks = max(round(minutes * 60 * FPS), 1)
    wall, cpu, settled = np.empty(ticks), np.empty(ticks), 0
    for tick in range(ticks):
        frame = tick % keypoints.frames
        points, pose = keypoints.points[frame : frame + 1], camera_pose(keypoints, frame)
        start, spent = time.perf_counter(), time.process_time()
        stream.step(points, pose)
        wall[tick], cpu[tick] = 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - spent)
        if tick == min(round(60 * FPS), ticks // 2):
            settled = resident_bytes()
    grown = (resident_bytes() - settled) / 2**20
    p50, p99 = np.percentile(wall, [50, 99])
    cpu50, cpu99 = np.percentile(cpu, [50, 99])
    late = float((wall > FRAME_MS).mean())
    return [
        "| ticks | p50 ms | p99 ms | CPU p50 ms | CPU p99 ms | longer than 33.3 ms | memory grown after 1 min, MiB |",
        "|---:" * 7 + "|",
        f"| {ticks} | {p50:.1f} | {p99:.1f} | {cpu50:.1f} | {cpu99:.1f} | {late:.2%} | {grown:.2f} |",
    ]


def farthest(path: Array, other: Array) -> float:
    """Largest distance of two paths [frames, 3] in metres at the same frame, mm."""
    return float(1000 * np.linalg.norm(path - other, axis=-1).max())


def accuracy(model: MotionModel, clips: list[Clip], look_aheads: list[int]) -> list[str]:
    """A row for offline and for each look-ahead; means over the frames of all clips."""
    rows: dict[str, list[tuple[Array, Array, float, float, float]]] = {}
    for seed, clip in enumerate(clips):
        cameras, camera = film(clip, seed)
        keypoints = parse_keypoints(keypoint_arrays(clip, cameras, camera, noise=0.0, hidden=0.0, seed=seed))
        truth = camera.to_camera(forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1])
        whole = model.estimate(keypoints)
        answers = {"offline": whole}
        for look_ahead in look_aheads:
            stream = MotionStream(model, look_ahead=look_ahead, intrinsics=keypoints.intrinsics)
            answers[f"{look_ahead}"] = play(stream, keypoints)
        for name, motion in answers.items():
            assert motion.joints_camera is not None
            errors = (mpjpe(motion.joints_camera, truth), pa_mpjpe(motion.joints_camera, truth))
            apart = (farthest(motion.translation, path) for path in (whole.translation, clip.translation))
            rows.setdefault(name, []).append((*errors, jitter(motion.joints_world(), FPS), *apart))
    lines = [
        "| look-ahead, frames | MPJPE mm | PA-MPJPE mm | against offline | jitter 10 m/s^3 "
        "| path from offline at most, mm: median clip, worst clip | path from the truth at most, mm: median, worst |",
        "|---:" * 7 + "|",
    ]
    base = float(np.concatenate([row[1] for row in rows["offline"]]).mean())
    for name, found in rows.items():
        error, aligned = (float(np.concatenate([row[i] for row in found]).mean()) for i in (0, 1))
        shaking, apart, astray = (np.array([row[i] for row in found]) for i in (2, 3, 4))
        lines.append(
            f"| {name} | {error:.1f} | {aligned:.1f} | {aligned - base:+.1f} | {shaking.mean():.1f} "
            f"| {np.median(apart):.0f}, {apart.max():.0f} | {np.median(astray):.0f}, {astray.max():.0f} |"
        )
    return lines


def crowd(model: MotionModel, keypoints: Keypoints, people: int, pairs: int, seconds: float) -> list[str]:
    """Rows: one frame of many people in one stream against as many streams, all windows full."""
    one = MotionStream(model, people=people, intrinsics=keypoints.intrinsics)
    many = [MotionStream(model, intrinsics=keypoints.intrinsics) for _ in range(people)]
    frames = iter(range(10**9))

    def together() -> None:
        frame = next(frames) % keypoints.frames
        one.step(np.repeat(keypoints.points[frame : frame + 1], people, axis=0))

    def apart() -> None:
        frame = next(frames) % keypoints.frames
        for stream in many:
            stream.step(keypoints.points[frame : frame + 1])

    for _ in range(model.engine.config.window):
        together()
        apart()
    name, same, new = f"{people} streams", f"{people} streams again (A/A)", f"{people} people in one stream"
    contests = {new: (apart, together), same: (apart, apart)}
    measured = measure.interleave(contests, pairs, seconds)
    return [*report.ratio_rows(measured, name, same), "", *report.time_rows(measured, name, same)]


def endless(model: MotionModel, frames: int, seeds: int) -> list[str]:
    """Rows: how smooth generated motion is at the borders of its blocks, and where the prompt changes."""
    parts: dict[str, list[Array]] = {"borders of blocks": [], "changes of the prompt": [], "elsewhere": []}
    start = time.process_time()
    for seed in range(seeds):
        generator, made = MotionGenerator(model, PROMPTS[0], seed=seed), []
        borders, changes = [], []
        for number, prompt in enumerate(PROMPTS):
            generator.prompt = prompt
            changes += [number * frames] if number else []
            first = BLOCK if number else OVERLAP + BLOCK
            borders += range(number * frames + first, (number + 1) * frames, BLOCK)
            made.append(generator.next(frames).joints_world())
        joints = np.concatenate(made)
        peak = np.linalg.norm(np.diff(joints, n=2, axis=0), axis=-1).max(axis=1) * FPS**2  # of frame i + 1
        kind = np.zeros(len(peak), int)
        for mark, places in ((1, borders), (2, changes)):
            for place in places:
                kind[place - 1 - NEAR : place - 1 + NEAR] = mark
        for name, mark in (("elsewhere", 0), ("borders of blocks", 1), ("changes of the prompt", 2)):
            parts[name].append(peak[kind == mark])
    spent = 1000 * (time.process_time() - start) / (seeds * frames * len(PROMPTS))
    high = float(np.percentile(np.concatenate(parts["elsewhere"]), 99))
    rows = [
        "| largest joint acceleration of a frame, m/s^2 | median | p99 | max | max over p99 elsewhere |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in parts.items():
        values = np.concatenate(found)
        p50, p99 = np.percentile(values, [50, 99])
        rows.append(f"| {name} | {p50:.1f} | {p99:.1f} | {values.max():.1f} | {values.max() / high:.2f} |")
    return [*rows, "", f"{spent:.2f} ms of CPU time a generated frame, {seeds * frames * len(PROMPTS)} frames."]


def held_out(model: MotionModel, data: list[str], subjects: list[str], count: int, longest: int) -> list[Clip]:
    """Clips of people that the engine never saw, evenly taken among those of two seconds and more."""
    provenance = model.engine.description.get("provenance", {})
    subjects = subjects or list(provenance.get("train", {}).get("validation_subjects", ()))
    clips = [clip for folder in data for clip in read_clips(folder) if clip.subject in subjects and clip.frames >= 60]
    if not clips:
        raise InputError(f"no clip of two seconds of {subjects} in {data}; name others with --subjects")
    taken = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, min(count, len(clips))).round().astype(int))]
    return [cut(clip, 0, min(clip.frames, longest)) for clip in taken]


def parser() -> argparse.ArgumentParser:
    """The options; the defaults are a trial of a few minutes."""
    options = argparse.ArgumentParser(description="Measure MotionStream and MotionGenerator.")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--data", action="append", required=True, metavar="SET", help="a *30 motion set; repeatable")
    options.add_argument("--subjects", nargs="*", default=[], help="set/subject names (default: the engine's own)")
    options.add_argument("--clips", type=int, default=12, help="of the accuracy table (default: %(default)s)")
    options.add_argument("--frames", type=int, default=300, help="of a clip at most (default: %(default)s)")
    options.add_argument("--look-ahead", type=int, nargs="+", default=[0, 5, 15, 30, 60], metavar="FRAMES")
    options.add_argument("--minutes", type=float, default=0.5, help="of the sustained stream (default: %(default)s)")
    options.add_argument("--people", type=int, default=8)
    options.add_argument("--pairs", type=int, default=6, help="of blocks, one stream against many (default: 6)")
    options.add_argument("--block-seconds", type=float, default=3.0, help="of one peer (default: %(default)s)")
    options.add_argument("--seeds", type=int, default=4, help="of generated motion (default: %(default)s)")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the report here too")
    return options


def run(args: argparse.Namespace) -> str:
    """The report's page."""
    model = MotionModel.load(args.engine, threads=args.threads)
    clips = held_out(model, args.data, args.subjects, args.clips, args.frames)
    longest = max(clips, key=lambda clip: clip.frames)
    cameras, camera = film(longest, 0)
    keypoints = parse_keypoints(keypoint_arrays(longest, cameras, camera, noise=1.0, hidden=0.05, seed=0))
    before = machine.snapshot()
    parts = [
        ["## Sustained, one person, look-ahead 15", "", *sustained(model, keypoints, 15, args.minutes)],
        [f"## {args.people} people", "", *crowd(model, keypoints, args.people, args.pairs, args.block_seconds)],
    ]
    load = machine.load_between(before, machine.snapshot())
    parts += [
        [f"## Accuracy on {len(clips)} clips of people never seen", "", *accuracy(model, clips, args.look_ahead)],
        ["## Endless generation", "", *endless(model, 180, args.seeds)],
    ]
    doubt = machine.disturbed(load)
    lead = [[f"**A trial, not a result**: {doubt}."]] if doubt else []
    # where data and engines lie on this machine is nobody's business
    given = vars(args) | {"data": [Path(name).name for name in args.data], "engine": Path(args.engine or "small").name}
    settings = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in given.items() if name != "out")
    facts = machine.describe(PACKAGES) | {name: str(value) for name, value in load.items()} | {"settings": settings}
    return report.page("Streams", [*lead, *parts], facts)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: see the first lines of this file."""
    options = parser()
    args = options.parse_args(arguments)
    try:
        text = run(args)
        print(text, end="")
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(text, encoding="utf-8")
        return 0
    except (GenmoError, OSError) as error:
        options.error(" ".join(str(error).split()))


if __name__ == "__main__":
    sys.exit(main())
