"""From a video file to a .glb by BlazePose: time, and how far its landmarks lie from MediaPipe's own.

    genmo-get-pose full heavy lite
    python benchmarks/phone_video.py --videos DIR --detections DIR --out benchmarks/results/phone_video.md

Time: `genmo-run --video CLIP --out FILE.glb` in a process of its own, start to end; CPU seconds of all its threads.
Distance: every frame of the source against `*_full_raw.npz` of the folder of detections, which MediaPipe 0.10.21's
Pose made with model_complexity 1 and without smoothing; a file belongs to the video whose name holds its first word.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import command
import machine
import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_npz
from genmo.runtime.video.blazepose import BlazePose
from genmo.runtime.video.blazepose_files import MODELS, installed
from genmo.runtime.video.frames import read_info, source_frames

WANTED = (
    "Wanted: at most 2 s for a second of video on two cores; a median of at most 1.2 px from MediaPipe's own landmarks."
)
PACKAGES = ("numpy", "onnxruntime", "av", "opencv-python-headless")


@dataclass(frozen=True)
class Ran:
    """One command: what it took."""

    wall: float
    """seconds"""
    cpu: float
    """seconds of all threads"""
    frames: int
    people: int


def to_glb(video: Path, model: str, threads: int, sheet: Path | None = None) -> Ran:
    """Run the command on a video, with a contact sheet if asked.  Raises InputError with the line that it says."""
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", str(Path(folder, "motion.glb")), "--json", "--threads", str(threads)]
        out += [] if sheet is None else ["--overlay", str(sheet)]
        arguments = [sys.executable, "-m", "genmo.runtime.cli.run", "--video", str(video), "--pose", model, *out]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise InputError(done.stderr.strip())
    said = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(wall, cpu, int(said["frames"]), len(said["people"]))


def times_table(videos: list[Path], models: list[str], threads: int) -> list[str]:
    """A row a video and model."""
    rows = [
        "| video | model | seconds | wall s | CPU s | wall s a second of video | CPU s a second |",
        "|---" * 7 + "|",
    ]
    for video in videos:
        seconds = read_info(video).seconds or 0.0
        for model in models:
            ran = to_glb(video, model, threads)
            seconds = seconds or ran.frames / 30
            cells = [f"{seconds:.1f}", f"{ran.wall:.1f}", f"{ran.cpu:.1f}"]
            cells += [f"{ran.wall / seconds:.2f}", f"{ran.cpu / seconds:.2f}"]
            rows.append(f"| {video.stem} | {model} | {' | '.join(cells)} |")
    return rows


def landmarks(video: Path) -> tuple[Array, float]:
    """[frames, 17, 3] of the surest person of every frame of the source, by the full network; and ms a frame."""
    pose = BlazePose(*installed("full"), threads=1)
    found, spent = [], 0.0
    for _, image in source_frames(video):
        begun = time.process_time()
        poses = pose.people(image)
        spent += time.process_time() - begun
        found.append(poses.points[0] if len(poses.points) else np.full((21, 3), np.nan))
    return np.array(found)[:, :17], 1000 * spent / len(found)


def distance_table(pairs: list[tuple[Path, Path]]) -> list[str]:
    """A row a video: pixels between our points and MediaPipe's, and of their visibility."""
    rows = ["| video | frames | median px | p95 | max | visibility p99 | CPU ms a frame |", "|---" * 7 + "|"]
    for video, stored in pairs:
        theirs = read_npz(stored, "keypoints as .npz")["keypoints"].astype(np.float64)
        ours, spent = landmarks(video)
        if ours.shape != theirs.shape:
            raise InputError(f"{stored}: {len(theirs)} frames; wanted the {len(ours)} of {video.name}")
        gaps = np.linalg.norm(ours[..., :2] - theirs[..., :2], axis=-1)
        shaky = np.percentile(np.abs(ours[..., 2] - theirs[..., 2]), 99)
        cells = [np.median(gaps), np.percentile(gaps, 95), gaps.max(), shaky]
        numbers = " | ".join(f"{one:.2f}" for one in cells)
        rows.append(f"| {video.stem} | {len(ours)} | {numbers} | {spent:.1f} |")
    return rows


def pairs_of(videos: list[Path], detections: Path) -> list[tuple[Path, Path]]:
    """Each video with MediaPipe's detections of it."""
    files = sorted(detections.glob("*_full_raw.npz"))
    return [(video, file) for video in videos for file in files if file.name.split("_")[0] in video.stem]


def run(args: argparse.Namespace) -> int:
    videos = sorted(args.videos.glob("*.mp4"))
    models = args.models
    if not videos:
        raise InputError(f"{args.videos}: no .mp4 in it")
    for model in {*models, "full"}:
        installed(model)
    before = machine.snapshot()
    parts = [[WANTED], times_table(videos, models, args.threads)]
    load = machine.load_between(before, machine.snapshot())
    doubt = machine.disturbed(load)
    if doubt:
        rest = "CPU seconds hold, and with one thread are about the wall seconds of a machine at rest"
        parts.append([f"**Other programs ran**: {doubt}. {rest}; wall seconds are too long."])
    pairs = [] if args.detections is None else pairs_of(videos, args.detections)
    if pairs:
        parts.append(distance_table(pairs))
    if args.sheets is not None:
        args.sheets.mkdir(parents=True, exist_ok=True)
        for video in videos:
            to_glb(video, models[0], args.threads, args.sheets / f"{video.stem}.jpg")
    facts = {"threads of the networks": str(args.threads)} | {
        name: str(value) for name, value in machine.describe(PACKAGES).items()
    }
    command.publish("From a phone video to a motion", parts, facts, args.out)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--videos", required=True, type=Path, metavar="DIR", help="a folder of .mp4")
    options.add_argument("--detections", type=Path, metavar="DIR", help="MediaPipe's own: NAME_full_raw.npz")
    options.add_argument("--models", nargs="+", choices=MODELS, default=["full"], help="landmarks (default: full)")
    options.add_argument("--threads", type=int, default=2, metavar="n", help="CPU threads (default: %(default)s)")
    options.add_argument("--sheets", type=Path, metavar="DIR", help="write contact sheets with what was found there")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page there as well")
    return command.answer(options, run, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
