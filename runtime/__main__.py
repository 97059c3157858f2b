"""genmo-run: texts, keypoints, keyframes or a whole timeline in, motion files out."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from genmo.runtime.conditions import FeatureSpan, KeypointSpan, Text
from genmo.runtime.errors import GenmoError, InputError
from genmo.runtime.formats import SUFFIXES, check_suffix, save_motion
from genmo.runtime.inputs.music_files import read_music
from genmo.runtime.inputs.subjects import ALL, LARGEST, read_subjects
from genmo.runtime.keyframes import NO_KEYFRAMES, NO_PLACES, read_keyframes, read_places
from genmo.runtime.model import MotionModel, Result
from genmo.runtime.motion import FPS, Motion
from genmo.runtime.timeline import (
    DEFAULT_FRAMES,
    DEFAULT_GUIDANCE,
    DEFAULT_STEPS,
    Timeline,
    read_timeline,
)

PROGRAM = "genmo-run"
OF_KEYPOINTS = ("person", "image_size", "fps", "first_frame", "camera", "camera_scale")
_SPAN = re.compile(r"^(?P<prompt>.*)@(?P<start>\d+(\.\d+)?)-(?P<end>\d+(\.\d+)?)?$", re.DOTALL)


class OneLineParser(argparse.ArgumentParser):
    """Errors are one line on stderr and exit 2, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: error: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Make human motion from text, 2D keypoints, keyframes, or any mix of them.",
        epilog='Example: genmo-run --text "a person walks forward" --seconds 5 --out walk.glb --out walk.html',
    )
    add = options.add_argument
    add("--engine", metavar="DIR", help="engine folder (default: the one that ships with genmo)")
    add(
        "--text",
        action="append",
        default=[],
        metavar='"..."[@start-end]',
        help="a text; in seconds, the span it reaches",
    )
    add("--keypoints", metavar="FILE|DIR", help="genmo .npz, OpenPose, MMPose, COCO, AlphaPose or MediaPipe JSON")
    add("--person", metavar="largest|ID", help="who of several people (default: largest)")
    add("--image-size", metavar="WxH", help="of the video in pixels, where the keypoint file does not say")
    add("--fps", type=float, metavar="F", help="rate of the keypoints, where the file does not say (default: 30)")
    add("--first-frame", type=int, metavar="N", help="number of the video's first frame in the files' names")
    add("--camera", metavar="FILE|DIR", help="camera of the keypoints: genmo .npz, COLMAP model, Blender .json")
    add("--camera-scale", type=float, metavar="M", help="metres in a unit of the COLMAP model")
    add("--music", metavar="FILE", help="wav, flac, ogg, mp3, mp4, or features as .npy")
    add(
        "--keyframes",
        metavar="F.npz",
        help="poses to meet exactly: frames [K], rotations [K,24,3,3]; or a motion's .npz",
    )
    add("--constraints", metavar="F.npz", help="places to bring joints to: frames [M], joints [M], positions [M,3]")
    add("--timeline", metavar="F.yaml", help="all of these with their times in one file, and the length")
    length = options.add_mutually_exclusive_group()
    length.add_argument("--frames", type=int, metavar="N", help="length in frames, 30 a second")
    length.add_argument("--seconds", type=float, metavar="S", help="length in seconds (default: keypoints', else 4)")
    add("--steps", type=int, metavar="K", help=f"denoising steps (default: keypoints alone 1, else {DEFAULT_STEPS})")
    add(
        "--guidance",
        type=float,
        metavar="G",
        help=f"how much texts weigh (default: {DEFAULT_GUIDANCE})",
    )
    add("--seed", type=int, metavar="S", help="same seed, same motion (default: 0)")
    add(
        "--samples", type=int, default=1, metavar="n", help="motions to make; files are numbered (default: %(default)s)"
    )
    add("--no-fit", action="store_true", help="keep the network's answer: do not fit the pose to the keypoints")
    add("--no-clean-feet", action="store_true", help="leave the feet as made: planted ones may slide")
    add("--device", default="cpu", choices=("cpu", "cuda"), help="where the engine runs (default: %(default)s)")
    add("--threads", type=int, default=0, metavar="n", help="CPU threads (default: all cores)")
    add("--json", action="store_true", help="print one JSON object about the run")
    add("--out", action="append", required=True, metavar="FILE", help=f"{', '.join(SUFFIXES)}; may be repeated")
    return options


def parse_text(argument: str) -> Text:
    """A `--text` argument: the prompt, and `@start-end` in seconds where given ("@2-" reaches to the end)."""
    match = _SPAN.match(argument)
    if match is None:
        return Text(argument)
    start, end = (
        None if match[name] is None else round(min(float(match[name]), 1e9) * FPS) for name in ("start", "end")
    )
    return Text(match["prompt"], start or 0, end)


def length_in_frames(frames: int | None, seconds: float | None, texts: list[Text]) -> int | None:
    """Frames asked for; with neither option the end of the last text span, or None."""
    if seconds is not None:
        if not (math.isfinite(seconds) and seconds > 0):
            raise InputError(f"--seconds is {seconds:g}; wanted more than 0")
        return max(1, round(seconds * FPS))
    ends = [text.end for text in texts if text.end is not None]
    return frames if frames is not None or not ends else max(ends)


def check_output(out: str) -> None:
    """Raise InputError before any work when an output file could not be written."""
    check_suffix(out)
    path = Path(out)
    if not path.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {path.parent}; make it first or name another")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"--out {out}: cannot be written there; wanted a file name in a folder open to writing")


def progress_bar(total: int) -> Callable[[int], None]:
    """A bar on stderr where that is a terminal; nothing elsewhere."""
    if not sys.stderr.isatty() or total < 2:
        return lambda done: None

    def show(done: int) -> None:
        filled = 30 * done // total
        end = "\n" if done == total else ""
        print(f"\r{'#' * filled}{'.' * (30 - filled)} step {done}/{total}", end=end, file=sys.stderr, flush=True)

    return show


def save_all(motions: list[Motion], outs: list[str], title: str) -> list[str]:
    """Write every motion in every format; with several motions `walk.glb` becomes `walk-1.glb`, `walk-2.glb`, ..."""
    written = []
    for number, motion in enumerate(motions, start=1):
        for out in outs:
            path = Path(out)
            if len(motions) > 1:
                path = path.with_name(f"{path.stem}-{number}{path.suffix}")
            save_motion(path, motion, title=title)
            written.append(str(path))
    return written


def report(model: MotionModel, result: Result, written: list[str]) -> dict[str, object]:
    """What `--json` prints; the errors, in millimetres, only where something was to be met, a list of all samples."""
    timings = result.timings
    told = {
        "frames": result.motions[0].frames,
        "fps": FPS,
        "samples": len(result.motions),
        "device": model.device,
        "backend": model.backend,
        "engine": str(model.engine.folder),
        "load_ms": round(model.load_ms, 2),
        "condition_ms": round(timings.condition_ms, 2),
        "step_ms": round(timings.step_ms, 2),
        "decode_ms": round(timings.decode_ms, 2),
        "outputs": written,
    }
    if result.misses[0].keyframes is not None:
        told["keyframe_error_mm"] = [miss.keyframes for miss in result.misses]
    if result.misses[0].places is not None:
        told["constraint_error_mm"] = [{"mean": miss.places, "max": miss.worst_place} for miss in result.misses]
    return told


def image_size(argument: str | None) -> tuple[float, float] | None:
    """An `--image-size` argument, as 1920x1080."""
    if argument is None:
        return None
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", argument)
    if match is None:
        raise InputError(f"--image-size is {argument!r}; wanted width and height in pixels as 1920x1080")
    return float(match[1]), float(match[2])


def keypoints_of(args: argparse.Namespace) -> tuple[tuple[KeypointSpan, ...], tuple[str, ...]]:
    """The person of `--keypoints` seen by `--camera`, and notes on what was taken for granted."""
    if args.keypoints is None:
        for name in OF_KEYPOINTS:
            if getattr(args, name) is not None:
                raise InputError(f"--{name.replace('_', '-')} without --keypoints; wanted the keypoints it is about")
        return (), ()
    if args.person == ALL:
        raise InputError("--person is all; a motion is one person's: wanted largest or an id, one run each")
    people, notes = read_subjects(
        args.keypoints,
        args.camera,
        person=args.person or LARGEST,
        image_size=image_size(args.image_size),
        fps=args.fps,
        first_frame=args.first_frame,
        scale=args.camera_scale,
    )
    return (KeypointSpan(next(iter(people.values())), source=str(args.keypoints)),), notes


def timeline_of(args: argparse.Namespace) -> Timeline:
    """What the arguments ask for: `--timeline`, with its seed, steps and guidance replaced where they are given, or
    the timeline that the other options describe.  Raises InputError for what cannot be."""
    told = {name: value for name in ("seed", "steps", "guidance") if (value := getattr(args, name)) is not None}
    if args.timeline is not None:
        for name in ("text", "keypoints", "keyframes", "constraints", "frames", "seconds", "music", *OF_KEYPOINTS):
            if getattr(args, name) not in (None, []):
                option = name.replace("_", "-")
                raise InputError(f"--{option} together with --timeline; wanted it in {args.timeline}, which says when")
        return replace(read_timeline(args.timeline), **told)
    texts = tuple(parse_text(argument) for argument in args.text)
    frames = length_in_frames(args.frames, args.seconds, list(texts))
    keypoints, taken = keypoints_of(args)
    music = None if args.music is None else read_music(args.music)
    keyframes = NO_KEYFRAMES if args.keyframes is None else read_keyframes(args.keyframes)
    places = NO_PLACES if args.constraints is None else read_places(args.constraints)
    if not (texts or keypoints or args.music or args.keyframes or args.constraints):
        raise InputError("nothing to make a motion from; wanted --text or --keypoints, or --keyframes or --timeline")
    if frames is None:
        frames = keypoints[0].frames if keypoints else DEFAULT_FRAMES if music is None else len(music)
        if args.seconds is None and args.frames is None:
            last = [int(part.frames.max()) + 1 for part in (keyframes, places) if len(part.frames)]
            frames = max([frames, *last])
    heard = () if music is None else (FeatureSpan("music", music[:frames], source=str(args.music)),)
    return Timeline(frames, texts, keypoints, features=heard, keyframes=keyframes, places=places, notes=taken, **told)


def notes(timeline: Timeline, args: argparse.Namespace) -> list[str]:
    """What was taken for granted."""
    unknown = [span.source or args.keypoints for span in timeline.keypoints if span.camera is None]
    static = [f"no camera_to_world in {source}; the camera is taken for static" for source in unknown]
    return [*timeline.notes, *static]


def title_of(timeline: Timeline, args: argparse.Namespace) -> str:
    """What stands over a picture of the motion."""
    said = " / ".join(text.prompt for text in timeline.texts)
    return said or Path(args.timeline or args.keypoints or args.music or args.keyframes or args.constraints).stem


def run(args: argparse.Namespace) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    for out in args.out:
        check_output(out)
    timeline = timeline_of(args)
    model = MotionModel.load(args.engine, device=args.device, threads=args.threads)
    bar = progress_bar(timeline.step_count)
    result = model.follow(
        timeline, samples=args.samples, fit=not args.no_fit, clean_feet=not args.no_clean_feet, progress=bar
    )
    if not args.json:
        for note in notes(timeline, args):
            print(f"{PROGRAM}: note: {note}", file=sys.stderr)
    written = save_all(result.motions, args.out, title_of(timeline, args))
    if args.json:
        print(json.dumps(report(model, result, written)))
    else:
        print("\n".join(written))


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    args = parser().parse_args(arguments)
    try:
        run(args)
    except GenmoError as error:
        line = " ".join(str(error).split())
        print(f"{PROGRAM}: error: {line}", file=sys.stderr)
        return 2
    except MemoryError:
        print(
            f"{PROGRAM}: error: not enough memory for this length and number of samples; ask for less", file=sys.stderr
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
