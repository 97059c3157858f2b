"""genmo-keyframe: frames of motion files as the keyframe file that `genmo-run --keyframes` takes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from genmo.runtime.cli.keyframe_picks import FORM, parse_pick, picked_keyframes
from genmo.runtime.formats.bvh_motion import read_names
from genmo.runtime.retarget.keyframes import SUFFIXES, keyframes_npz
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError

PROGRAM = "genmo-keyframe"


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Make a keyframe file out of frames of motion files.",
        epilog="Example: genmo-keyframe walk.bvh:40@3.5s jump.glb:12@5s --out poses.npz",
    )
    add = options.add_argument
    add(
        "picks",
        nargs="+",
        metavar=FORM,
        help=f"a frame (from 0) of a {', '.join(SUFFIXES)}, and when it is in the motion: 3.5s or 105f",
    )
    add(
        "--names",
        action="once",
        metavar="F.json",
        help="where names of bones do not tell: SMPL joint -> bone of the file",
    )
    add("--anywhere", action="store_true", help="leave places out: the poses may be anywhere in the motion")
    add("--out", action="once", required=True, metavar="F.npz", help="for genmo-run --keyframes")
    return options


def run(picks: Sequence[str], names: str | None, anywhere: bool, out: str) -> None:
    """Write the keyframe file and print its name.  Raises InputError."""
    if Path(out).suffix.lower() != ".npz":
        raise InputError(f"--out {out}: wanted a file that ends in .npz")
    keyframes = picked_keyframes([parse_pick(pick, "a frame") for pick in picks], read_names(names))
    write_aside(out, keyframes_npz(keyframes, with_place=not anywhere))
    print(out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input or a file that could not be written (one line on stderr)."""

    def command() -> None:
        options = parser().parse_args(arguments)
        run(options.picks, options.names, options.anywhere, options.out)

    return run_main(PROGRAM, command)


if __name__ == "__main__":
    sys.exit(main())
