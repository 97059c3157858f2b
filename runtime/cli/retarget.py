"""genmo-retarget: a motion that was made before, on the user's character."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.cli.outputs import Outputs, check_output, output_format, save_all
from genmo.runtime.cli.run_options import IN_PLACE_HELP
from genmo.runtime.conditions.provenance import NO_SOURCES
from genmo.runtime.formats import load_motion
from genmo.runtime.formats.bvh_motion import read_bvh_motion, read_names
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.resampling import frames_at
from genmo.runtime.readers.joint_positions import read_joint_positions
from genmo.runtime.retarget.write import SUFFIXES
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import number

PROGRAM = "genmo-retarget"


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Put a motion on a character.",
        epilog="Example: genmo-retarget walk.npz --character hero.glb --out hero-walk.glb",
    )
    add = options.add_argument
    add(
        "motion",
        metavar="MOTION",
        help="a motion that genmo-run wrote as .npz, a .bvh of any common skeleton, or the .npy of another model of "
        "text to motion: joints or HumanML3D's features",
    )
    add(
        "--character",
        action="once",
        required=True,
        metavar="FILE",
        help=".glb, .gltf, .vrm or .bvh with the character's skeleton",
    )
    add(
        "--character-map",
        action="once",
        metavar="F.yaml",
        help="which of its bones is which, where the names do not tell",
    )
    add(
        "--names",
        action="once",
        metavar="F.json",
        help="of a .bvh motion, where its names do not tell: SMPL joint -> joint of the file",
    )
    add("--scale", type=float, metavar="M", help="metres of a .bvh motion's unit (default: by the length of the legs)")
    add("--out-fps", type=float, metavar="F", help="frames a second of what is written (default: the motion's)")
    add("--in-place", action="store_true", help=IN_PLACE_HELP)
    add("--root-bone", action="store_true", help="root motion: the character's bone above its hips carries the way")
    add("--json", action="store_true", help="print one JSON object about what was done")
    add("--out", action="append", required=True, metavar="FILE", help=f"{', '.join(SUFFIXES)}; may be repeated")
    return options


def read_motion(path: str, names: str | None = None, scale: float | None = None) -> Motion:
    """A motion from .npz, .npy or .bvh; `names` and `scale` are the options of a .bvh.  Raises InputError."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".npy", ".bvh"):
        raise InputError(f"{path}: got the suffix {suffix!r}, wanted a motion as .npz, .npy or .bvh")
    if suffix != ".bvh" and (names is not None or scale is not None):
        raise InputError(f"{path}: --names and --scale are for .bvh motions; wanted them left out")
    if scale is not None:
        scale = number(scale, "--scale", 1e-9, 1e9)
    if suffix == ".npy":
        return read_joint_positions(path)
    return load_motion(path) if suffix == ".npz" else read_bvh_motion(path, names=read_names(names), scale=scale)


@dataclass(frozen=True)
class RetargetOptions:
    """What `genmo-retarget` was asked to do."""

    motion: str
    character: str
    character_map: str | None
    names: str | None
    """of a .bvh motion: SMPL joint -> joint of the file"""
    scale: float | None
    """of a .bvh motion: metres in its unit"""
    out_fps: float | None
    in_place: bool
    root_bone: bool
    json: bool
    out: tuple[str, ...]


def read_options(arguments: Sequence[str] | None) -> RetargetOptions:
    """The options of the command line.  Raises InputError for files that could not be written."""
    values = vars(parser().parse_args(arguments))
    options = RetargetOptions(**{**values, "out": tuple(values["out"])})
    for out in options.out:
        if Path(out).suffix.lower() not in SUFFIXES:
            raise InputError(f"--out {out}: wanted one of {' '.join(SUFFIXES)} for a character")
        check_output(out)
    return options


def run(options: RetargetOptions) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    form = output_format(
        options.out,
        options.out_fps,
        options.character,
        options.character_map,
        in_place=options.in_place,
        root_bone=options.root_bone,
    )
    assert form.character is not None
    motion = read_motion(options.motion, options.names, options.scale)
    outputs = Outputs()
    save_all([motion], [Path(out) for out in options.out], Path(options.motion).stem, NO_SOURCES, form, outputs)
    if options.json:
        fps = options.out_fps or motion.fps
        frames = frames_at(motion.frames, motion.fps, fps, motion.loops)
        convention = form.character.bones.convention
        print(json.dumps({"frames": frames, "fps": fps, "names": convention, "outputs": outputs.written}))
    elif outputs.written:
        print("\n".join(outputs.written))
    outputs.check()


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input or a file that could not be written (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(read_options(arguments)))


if __name__ == "__main__":
    sys.exit(main())
