"""The options of `genmo-run`, by group; a new option is a line in the group that it belongs to."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

from genmo.runtime.cli.edit_span import FORM as EDIT_FORM
from genmo.runtime.cli.keyframe_picks import FORM as KEYFRAME_FORM
from genmo.runtime.cli.run_options import (
    AUTO,
    DETECTOR_HELP,
    IN_PLACE_HELP,
    POSE_HELP,
    PROGRAM,
    ROOT_BONE_HELP,
    RunOptions,
    parse_image_size,
)
from genmo.runtime.conditions.timeline import Loop
from genmo.runtime.denoiser.chunking import CHUNK
from genmo.runtime.denoiser.conventions import CONVENTIONS, GENMO
from genmo.runtime.engine.open_denoiser import BACKENDS, PRECISIONS
from genmo.runtime.formats import SUFFIXES
from genmo.runtime.refine.takes import TAKES, TAKES_BETWEEN
from genmo.runtime.refine.token_takes import TAKES as TOKEN_TAKES
from genmo.runtime.support.cli import OneLineParser, utf8_text
from genmo.runtime.support.errors import InputError

MAX_SAMPLES, MAX_TRIES = 1000, 64


def read_options(arguments: Sequence[str] | None) -> RunOptions:
    """The options of the command line.  Raises InputError for values that no input makes right."""
    values: dict[str, Any] = vars(parser().parse_args(arguments))
    if values["samples"] > MAX_SAMPLES:
        raise InputError(f"--samples is {values['samples']}; wanted at most {MAX_SAMPLES}; use other --seed")
    if values["tries"] is not None and not 1 <= values["tries"] <= MAX_TRIES:
        raise InputError(f"--tries is {values['tries']}; wanted 1 to {MAX_TRIES}")
    values["text"] = tuple(utf8_text(text, "--text") for text in values["text"])
    for name in ("out", "keyframe", "between"):
        values[name] = tuple(values[name])
    values["image_size"] = parse_image_size(values["image_size"])
    for name in ("clean_keypoints", "fit", "clean_feet", "split_texts"):
        values[name] = not values.pop(f"no_{name}")
    return RunOptions(**values)


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Make human motion from text, 2D keypoints, keyframes, or any mix of them.",
        epilog='Example: genmo-run --text "a person walks forward" --seconds 5 --out walk.glb --out walk.html',
    )
    _conditions(options.add_argument_group("what to make the motion from"))
    _keypoints(options.add_argument_group("about the keypoints"))
    _video(options.add_argument_group("about the video"))
    _length(options)
    _sampling(options.add_argument_group("how it is made"))
    _machine(options.add_argument_group("what runs it"))
    _output(options.add_argument_group("what is written"))
    return options


def _conditions(group: argparse._ArgumentGroup) -> None:
    """What the motion obeys."""
    add, once = group.add_argument, partial(group.add_argument, action="once")
    add(
        "--text",
        action="append",
        default=[],
        metavar='"..."[@start-end]',
        help="a text; in seconds, the span it reaches",
    )
    once(
        "--keypoints", metavar="FILE|DIR", help="genmo .npz, or JSON of OpenPose, MMPose, COCO, AlphaPose, ViTPose, ..."
    )
    once("--video", metavar="FILE", help="people in a video (once: genmo-get-pose), or what --keypoints are about")
    once("--music", metavar="FILE", help="wav, flac, ogg, mp3, mp4, or features as .npy")
    once(
        "--keyframes",
        metavar="F.npz",
        help="poses to meet exactly: frames [K], rotations [K,24,3,3]; or a motion's .npz",
    )
    add(
        "--keyframe",
        action="append",
        default=[],
        metavar=KEYFRAME_FORM,
        help="a frame of a .bvh, .glb or .npz as a keyframe: walk.bvh:40@3.5s; may be repeated",
    )
    once("--edit", metavar=EDIT_FORM, help="make a span of a motion anew, in seconds: walk.bvh:1.5-3; the rest is kept")
    once(
        "--edit-parts",
        metavar="NAMES",
        help="of the span, make these anew alone: arms, left leg, trunk, upper, lower, path",
    )
    once("--vary", type=float, metavar="SHARE", help="of the span, make a share anew, 0 to 1: a motion like this one")
    once("--constraints", metavar="F.npz", help="places to bring joints to: frames [M], joints [M], positions [M,3]")
    once(
        "--between",
        nargs=2,
        default=(),
        metavar=("A", "B"),
        help="two motions (.bvh, .glb, .npz): A, then --seconds of made-up frames (default: 1), then B where A leads",
    )
    once("--timeline", metavar="F.yaml", help="all of these with their times in one file, and the length")


def _keypoints(group: argparse._ArgumentGroup) -> None:
    """What the keypoint file does not say itself."""
    add, once = group.add_argument, partial(group.add_argument, action="once")
    add("--person", metavar="largest|all|ID", help="who of several people; all: a file each (default: largest)")
    add("--image-size", metavar="WxH", help="of the video in pixels, where the keypoint file does not say")
    add("--fps", type=float, metavar="F", help="rate of the keypoints, where the file does not say (default: 30)")
    add("--first-frame", type=int, metavar="N", help="number of the video's first frame in the files' names")
    once(
        "--camera",
        metavar="static|vo|FILE",
        help="static; vo: from the video's background; genmo .npz, COLMAP, nerfstudio, TUM, Blender (default: static)",
    )
    add(
        "--camera-scale",
        type=float,
        metavar="M",
        help="metres in a unit of the COLMAP model; with vo, from the camera to the background at the start",
    )


def _video(group: argparse._ArgumentGroup) -> None:
    """The networks that look at the video, and what is kept of it."""
    add, once = group.add_argument, partial(group.add_argument, action="once")
    add("--pose", metavar="NAME|FILE.onnx", help=POSE_HELP)
    add("--detector", metavar="FILE.onnx", help=DETECTOR_HELP)
    add("--video-features", metavar="FILE.onnx", help="image encoder, for engines trained with video features")
    add("--focal-length", type=float, metavar="MM", help="35 mm equivalent (default: the header's, else 43)")
    once("--save-keypoints", metavar="F.npz", help="keep the keypoints, for --keypoints")
    once("--overlay", metavar="F.mp4|png|jpg", help="the video, or a contact sheet, with what was found drawn on it")


def _length(options: argparse.ArgumentParser) -> None:
    """How long the motion is."""
    group = options.add_argument_group("how long it is")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--frames", type=int, metavar="N", help="length in frames, 30 a second")
    length.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S|auto",
        help="length in seconds, or auto: as long as the texts take (default: keypoints', else 4)",
    )
    group.add_argument(
        "--loop",
        nargs="?",
        const="gait",
        choices=get_args(Loop),
        help="make it a cycle: of the nearest whole gait (default), or of exactly the length",
    )


def _seconds(text: str) -> float | str:
    """A number of seconds, or AUTO."""
    if text.strip().lower() == AUTO:
        return AUTO
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no length; wanted seconds such as 4 or 2.5, or auto") from None


def _sampling(group: argparse._ArgumentGroup) -> None:
    """How the motion is made."""
    add = group.add_argument
    released = CONVENTIONS["gem"]
    add(
        "--steps",
        type=int,
        metavar="K",
        help=f"denoising steps (default: keypoints alone 1, else {GENMO.steps}; released weights {released.steps})",
    )
    add(
        "--guidance",
        type=float,
        metavar="G",
        help=f"how much texts weigh (default: {GENMO.guidance}; released weights {released.guidance})",
    )
    add("--seed", type=int, metavar="S", help="same seed, same motion (default: 0)")
    add(
        "--samples", type=int, default=1, metavar="n", help="motions to make; files are numbered (default: %(default)s)"
    )
    add(
        "--tries",
        type=int,
        metavar="n",
        help="takes of each motion, of which the one is kept that does most of what the text says "
        f"(default: {TAKES}, {TAKES_BETWEEN} between keyframes, of motion tokens {TOKEN_TAKES}; 1 is fastest, and "
        "enough where a text says nothing that can be measured)",
    )
    add(
        "--chunk",
        type=int,
        metavar="FRAMES",
        help=f"given to the network at a time; 0: all (default: {CHUNK} when long)",
    )
    add("--no-clean-keypoints", action="store_true", help="take keypoints as they are: do not smooth or mend them")
    add("--no-fit", action="store_true", help="keep the network's answer: do not fit the pose to the keypoints")
    add("--no-split-texts", action="store_true", help='keep a text of several actions ("walks, then sits") one text')
    add("--no-clean-feet", action="store_true", help="leave the feet as made: planted ones may slide")


MOST_CPUS = 4096
"""in a range; no machine has more"""


def _cpu_numbers(text: str) -> tuple[int, ...]:
    """Whole numbers and ranges of them with commas between: `0,2` or `0-3`, as taskset takes them."""
    cpus: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        numbers = (first, last) if dash else (first, first)
        good = all(number.isascii() and number.isdigit() and len(number) <= 5 for number in numbers)
        if not good or int(numbers[1]) - int(numbers[0]) > MOST_CPUS:
            raise argparse.ArgumentTypeError(f"{text!r} is no list of CPUs; wanted numbers from 0, such as 0,2 or 0-3")
        cpus += range(int(numbers[0]), int(numbers[1]) + 1)
    return tuple(cpus)


def _machine(group: argparse._ArgumentGroup) -> None:
    """The engine, and the library and processor that run it."""
    add, once = group.add_argument, partial(group.add_argument, action="once")
    add("--engine", metavar="DIR", help="engine: folder, or the name of one that ships (default: small)")
    once("--body", metavar="F.npz", help="your SMPLX_NEUTRAL.npz: the body of the person, with released weights")
    add("--backend", choices=BACKENDS, help="library that runs it (default: the first of these that is installed)")
    add("--device", choices=("cpu", "cuda"), help="where the engine runs (default: cpu; tensorrt: cuda)")
    add("--threads", type=int, default=0, metavar="n", help="CPU threads (default: all cores)")
    add("--cpus", type=_cpu_numbers, default=(), metavar="c,c-c", help="a thread on each of these CPUs (onnxruntime)")
    add("--prompts", action="store_true", help="list prompts that the engine was trained on, and make nothing")
    add("--bench", action="store_true", help="measure the engine here: streams and whole motions; a table, or --json")
    add("--precision", choices=PRECISIONS, help="what native (fp32, i16) or openvino (fp32, bf16) computes in")


def _output(group: argparse._ArgumentGroup) -> None:
    """The files and what is printed."""
    add, once = group.add_argument, partial(group.add_argument, action="once")
    add("--json", action="store_true", help="print one JSON object about the run")
    add("--verbose", action="store_true", help="tell on stderr what is loaded and done")
    add("--out-fps", type=float, metavar="F", help="frames a second of what is written, as 24, 25, 60 (default: 30)")
    once(
        "--character",
        metavar="FILE",
        help="who plays in .glb, .bvh and .usd: a .glb, .gltf, .vrm or .bvh with a skeleton",
    )
    once("--character-map", metavar="F.yaml", help="which of its bones is which, where the names do not tell")
    add("--in-place", action="store_true", help=IN_PLACE_HELP)
    add("--root-bone", action="store_true", help=ROOT_BONE_HELP)
    once("--ground", metavar="FILE", help="what the person walks on: planes in .yaml, a grid of heights in .npz")
    add("--out", action="append", default=[], metavar="FILE", help=f"{', '.join(SUFFIXES)}; may be repeated")
    add("--view", action="store_true", help="open the motion in the browser")
