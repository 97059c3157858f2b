"""What comes out on real input: the path and the floor in the world, and how fast limbs move.

    python benchmarks/right_results.py --data FOLDER --out benchmarks/results/right_results.md

FOLDER holds the motion set `cmu30` and, for the videos' rows, `videos` and `detections`.  Validation people only; the
first 96 frames of 14 of their clips and the four clips of 20 to 25 s, filmed by simulated cameras that are given, with
2 pixels of noise at 1000 pixels of image height.  Each row group is a function: model, folder and options in, lines
of a table out.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import command
import machine
import numpy as np

from genmo.runtime import MotionGenerator, MotionModel, load_motion
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.refine.floor_clearance import sole_points
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.evaluation.generation import PROMPTS
from genmo.train.evaluation.simulated import estimates, spread_out
from genmo.train.metrics.paper_tables import Estimate
from genmo.train.metrics.pose import w_mpjpe, wa_mpjpe
from genmo.train.tools.simulate_keypoints import cut

PACKAGES = ("numpy", "onnxruntime", "torch")
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SHORT, CLIPS = 96, 14  # frames, clips
LONG = 600  # frames; the validation people have four clips of 20 to 25 s
NOISE = 2.0  # pixels at 1000 px image height
SECONDS = 6
FLOOR = 45  # frames at the start and at the end in whose lowest joint the floor is seen: a jump lands within them
RUNS = ("a person runs", "a person jogs", "a person sprints")
KICKS = ("a person kicks", "a person kicks a soccer ball", "a person dances", "a person is boxing", "a person runs")
VIDEOS = {"juggle": "sam2_juggle.mp4", "dog": "sam2_dog.mp4", "phalp": "phalp_vid.mp4"}


@dataclass(frozen=True)
class Options:
    """What may be varied."""

    data: Path
    """folder with `cmu30`, `videos`, `detections`"""
    seeds: int
    """motions of each text"""


def validation_clips(model: MotionModel, data: Path) -> list[Clip]:
    """The clips of the engine's validation subjects in `data`/cmu30; InputError when there are none."""
    subjects = model.engine.description["provenance"].get("train", {}).get("validation_subjects", ())
    clips = [clip for clip in read_clips(str(data / "cmu30")) if clip.subject in subjects]
    if not clips:
        raise InputError(f"{data / 'cmu30'} has no clip of {list(subjects)}; wanted the engine's validation subjects")
    return clips


def short_clips(model: MotionModel, data: Path) -> list[Clip]:
    """The first 96 frames of 14 validation clips."""
    return [
        cut(clip, 0, SHORT)
        for clip in spread_out([clip for clip in validation_clips(model, data) if clip.frames >= SHORT], CLIPS)
    ]


def path_rows(model: MotionModel, options: Options) -> list[str]:
    """Errors of the path in the world, camera given."""
    lines = [
        "In the world, the camera given: mm; drift of the root from the first frame to the last, m.",
        "",
        "| clips | camera | W-MPJPE100 | WA-MPJPE100 | drift at the end |",
        "|---|---|---|---|---|",
    ]
    clips = validation_clips(model, options.data)
    sets = {
        f"{CLIPS} of {SHORT} frames": short_clips(model, options.data),
        "20 to 25 s": [clip for clip in clips if clip.frames >= LONG],
    }
    for name, chosen in sets.items():
        for moving in (False, True):
            made = list(estimates(model, chosen, noise=NOISE, moving=moving))
            cells = " | ".join(
                f"{value:.{digits}f}" for value, digits in zip(path_errors(made), (0, 0, 2), strict=True)
            )
            lines.append(f"| {name} | {'moving' if moving else 'static'} | {cells} |")
    return lines


def path_errors(made: Sequence[Estimate]) -> tuple[float, float, float]:
    """W-MPJPE100 and WA-MPJPE100 in mm and the drift at the end in metres, means over clips."""
    rows = []
    for one in made:
        assert one.world is not None and one.true_world is not None
        walked, true = (joints[-1, 0] - joints[0, 0] for joints in (one.world, one.true_world))
        errors = (w_mpjpe(one.world, one.true_world).mean(), wa_mpjpe(one.world, one.true_world).mean())
        rows.append((*errors, np.linalg.norm(walked - true)))
    w, wa, drift = np.mean(rows, axis=0)
    return float(w), float(wa), float(drift)


def lowest_joint(motion: Motion) -> Array:
    """Height of the lowest joint [frames], metres over y = 0."""
    return np.asarray(motion.joints_world()[..., 1].min(axis=1))


def floor_change(motion: Motion) -> float:
    """How much higher the lowest joint comes in the last frames than in the first ones, metres."""
    low = lowest_joint(motion)
    return float(low[-FLOOR:].min() - low[:FLOOR].min())


def highest_floor(motion: Motion) -> float:
    """Greatest height of a floor under the motion: over `FLOOR` frames, the lowest joint is somewhere no lower."""
    low = lowest_joint(motion)
    return float(np.lib.stride_tricks.sliding_window_view(low, min(FLOOR, len(low))).min(axis=1).max())


def floor_rows(model: MotionModel, options: Options) -> list[str]:
    """Where the floor of generated motions goes."""
    lines = [
        f"Generated, {SECONDS} s, {options.seeds} seeds: lowest joint of the last {FLOOR} frames over that of the "
        f"first {FLOOR}, m (largest, either way); highest lowest joint of any {FLOOR} frames; "
        "lowest joint of all frames.",
        "",
        "| text | floor at the end | highest floor | lowest joint |",
        "|---|---|---|---|",
    ]
    frames = round(SECONDS * FPS)
    texts = dict.fromkeys((*RUNS, *PROMPTS))
    for text in texts:
        lines.append(_floor_row(text, (model.generate(text, frames, seed=seed)[0] for seed in range(options.seeds))))
    loud = (model.generate("a person walks", frames, seed=seed, guidance=10.0)[0] for seed in range(3))
    lines.append(_floor_row("a person walks, guidance 10, 3 seeds", loud))
    for text in (RUNS[0], "a person is boxing"):
        endless = (MotionGenerator(model, text, seed=seed).next(300) for seed in range(3))
        lines.append(_floor_row(f"{text}, stream of 10 s, 3 seeds", endless))
    return lines


def _floor_row(name: str, motions: Iterable[Motion]) -> str:
    change, least, greatest = 0.0, np.inf, -np.inf
    for motion in motions:
        change, greatest = max(change, abs(floor_change(motion))), max(greatest, highest_floor(motion))
        least = min(least, lowest_joint(motion).min())
    return f"| {name} | {change:.3f} | {greatest:.3f} | {least:.3f} |"


def ground_rows(model: MotionModel, options: Options) -> list[str]:
    """The lowest joint over time of the example timeline and of videos with `--camera vo`."""
    lines = [
        "Lowest joint over time, m over y = 0 (the ball of a foot that stands flat: 0.028), and the lowest point of "
        "the soles at most: a heel strikes while no joint is low.",
        "",
        "| motion | least | 5 % | median | 95 % | greatest | soles, greatest |",
        "|---|---|---|---|---|---|---|",
    ]
    (timeline,) = model.follow(read_timeline(EXAMPLES / "timeline.yaml")).motions
    lines.append(_lowest_row("examples/timeline.yaml", timeline))
    with tempfile.TemporaryDirectory() as folder:
        for name, video in VIDEOS.items():
            out = Path(folder) / f"{name}.npz"
            keypoints = options.data / "detections" / f"{name}_full_raw.npz"
            arguments = ["--keypoints", keypoints, "--video", options.data / "videos" / video, "--camera", "vo"]
            command = [Path(sys.executable).with_name("genmo-run"), *arguments, "--out", out]
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
            if done.returncode:
                raise InputError(done.stderr.strip().splitlines()[-1])
            lines.append(_lowest_row(f"{video}, `--camera vo`", load_motion(out)))
    return lines


def _lowest_row(name: str, motion: Motion) -> str:
    cells = " | ".join(f"{value:.3f}" for value in np.percentile(lowest_joint(motion), (0, 5, 50, 95, 100)))
    return f"| {name} | {cells} | {sole_points(motion)[..., 1].min(axis=(1, 2)).max():.3f} |"


def speed_rows(model: MotionModel, options: Options) -> list[str]:
    """How fast limbs of generated motions move."""
    lines = [
        f"Generated, 10 s, {options.seeds} seeds: fastest joint m/s, sharpest acceleration m/s^2, of all frames.",
        "",
        "| text | speed | acceleration |",
        "|---|---|---|",
    ]
    makers: dict[str, Callable[[str, int], Motion]] = {
        "": lambda text, seed: model.generate(text, 300, seed=seed)[0],
        ", stream": lambda text, seed: MotionGenerator(model, text, seed=seed).next(300),
    }
    for text in KICKS:
        for way, make in makers.items():
            peaks = [limb_peaks(make(text, seed)) for seed in range(options.seeds)]
            speed, sharp = np.max(peaks, axis=0)
            lines.append(f"| {text}{way} | {speed:.1f} | {sharp:.0f} |")
    return lines


def limb_peaks(motion: Motion) -> tuple[float, float]:
    """Largest speed m/s and acceleration m/s^2 of any joint in the world."""
    joints = motion.joints_world()
    speed, sharp = (np.linalg.norm(np.diff(joints, n, axis=0), axis=-1).max() * FPS**n for n in (1, 2))
    return float(speed), float(sharp)


ROWS: dict[str, Callable[[MotionModel, Options], list[str]]] = {
    "path": path_rows,
    "floor": floor_rows,
    "ground": ground_rows,
    "speed": speed_rows,
}


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, type=Path, metavar="FOLDER", help="holds cmu30, videos, detections")
    options.add_argument("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    options.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="row groups (default: all)")
    options.add_argument("--seeds", type=int, default=10, help="motions of each text (default: %(default)s)")
    options.add_argument("--out", type=Path, metavar="FILE.md", help="write the page there as well")
    return command.answer(options, run, arguments)


def run(args: argparse.Namespace) -> int:
    """The page of the rows that are asked for."""
    model = MotionModel.load(args.engine)
    tables = [ROWS[name](model, Options(args.data, args.seeds)) for name in args.rows]
    facts = {name: str(value) for name, value in machine.describe(PACKAGES).items()}
    command.publish("What comes out", tables, facts, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
