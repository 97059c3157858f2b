"""genmo-run: text or keypoints in, motion files out."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from genmo.runtime.conditions import Keypoints, Text, read_keypoints
from genmo.runtime.errors import GenmoError, InputError
from genmo.runtime.formats import SUFFIXES, check_suffix, save_motion
from genmo.runtime.model import DEFAULT_GUIDANCE, DEFAULT_STEPS, MotionModel, Timings
from genmo.runtime.motion import FPS, Motion

PROGRAM = "genmo-run"
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
        description="Make human motion from text, 2D keypoints, or both.",
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
    add("--keypoints", metavar="F.npz", help="keypoints [N,17,3] (COCO-17, pixels) and image_size [2]")
    length = options.add_mutually_exclusive_group()
    length.add_argument("--frames", type=int, metavar="N", help="length in frames, 30 a second")
    length.add_argument("--seconds", type=float, metavar="S", help="length in seconds (default: keypoints', else 4)")
    add("--steps", type=int, metavar="K", help=f"denoising steps (default: keypoints alone 1, else {DEFAULT_STEPS})")
    add(
        "--guidance",
        type=float,
        default=DEFAULT_GUIDANCE,
        metavar="G",
        help="how much texts weigh (default: %(default)s)",
    )
    add("--seed", type=int, default=0, metavar="S", help="same seed, same motion (default: %(default)s)")
    add(
        "--samples", type=int, default=1, metavar="n", help="motions to make; files are numbered (default: %(default)s)"
    )
    add("--no-fit", action="store_true", help="keep the network's answer: do not fit the pose to the keypoints")
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


def report(model: MotionModel, motions: list[Motion], timings: Timings, written: list[str]) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "frames": motions[0].frames,
        "fps": FPS,
        "samples": len(motions),
        "device": model.device,
        "backend": model.backend,
        "engine": str(model.engine.folder),
        "load_ms": round(model.load_ms, 2),
        "condition_ms": round(timings.condition_ms, 2),
        "step_ms": round(timings.step_ms, 2),
        "decode_ms": round(timings.decode_ms, 2),
        "outputs": written,
    }


def run(args: argparse.Namespace) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    texts = [parse_text(argument) for argument in args.text]
    frames = length_in_frames(args.frames, args.seconds, texts)
    for out in args.out:
        check_output(out)
    keypoints: Keypoints | None = None if args.keypoints is None else read_keypoints(args.keypoints)
    if not texts and keypoints is None:
        raise InputError("nothing to make a motion from; wanted --text or --keypoints")
    model = MotionModel.load(args.engine, device=args.device, threads=args.threads)
    total = args.steps or (DEFAULT_STEPS if texts else 1)
    motions, timings = model.run(
        texts,
        keypoints,
        frames,
        steps=args.steps,
        guidance=args.guidance,
        seed=args.seed,
        samples=args.samples,
        fit=not args.no_fit,
        progress=progress_bar(total),
    )
    if keypoints is not None and keypoints.camera is None and not args.json:
        print(
            f"{PROGRAM}: note: no camera_to_world in {args.keypoints}; the camera is taken for static", file=sys.stderr
        )
    title = " / ".join(text.prompt for text in texts) or Path(args.keypoints).stem
    written = save_all(motions, args.out, title)
    if args.json:
        print(json.dumps(report(model, motions, timings, written)))
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
