"""The files that `genmo-run` writes: checked before any work."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.cli.view import show, show_motions
from genmo.runtime.conditions.provenance import MotionSources
from genmo.runtime.formats import check_motion, check_suffix, save_motion
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.resampling import at_rate, check_rate
from genmo.runtime.retarget.character import Character, read_character
from genmo.runtime.retarget.retargeting import retarget
from genmo.runtime.retarget.write import SUFFIXES as CHARACTER_SUFFIXES
from genmo.runtime.retarget.write import check_holds, save_performance
from genmo.runtime.support.atomic_write import all_or_none
from genmo.runtime.support.errors import InputError


@dataclass(frozen=True)
class Wanted:
    """How motions are written."""

    fps: float | None = None
    """frames a second; None: as they were made"""
    character: Character | None = None
    """who plays in the formats that a character can be written to; None: genmo's own body"""


def wanted_of(outs: list[str], fps: float | None, character: str | None, character_map: str | None) -> Wanted:
    """What `--out`, `--out-fps`, `--character` and `--character-map` ask for.  Raises InputError before any work."""
    if fps is not None:
        check_rate(fps)
    if character is None:
        if character_map is not None:
            raise InputError("--character-map without --character; wanted the character that it is about")
        return Wanted(fps)
    own = [out for out in outs if Path(out).suffix.lower() in CHARACTER_SUFFIXES]
    if outs and not own:
        raise InputError(
            f"--character is written to none of --out {', '.join(outs)}; wanted {' '.join(CHARACTER_SUFFIXES)}"
        )
    found = read_character(character, character_map)
    for out in own:
        check_holds(found, out)
    return Wanted(fps, found)


def save_one(path: Path, motion: Motion, title: str, given: MotionSources, wanted: Wanted) -> None:
    """Write one motion, on the character where the format can hold it."""
    motion = at_rate(motion, wanted.fps)
    if wanted.character is not None and path.suffix.lower() in CHARACTER_SUFFIXES:
        check_motion(motion)
        save_performance(path, retarget(motion, wanted.character))
    else:
        save_motion(path, motion, title=title, given=given)


def check_output(out: str) -> None:
    """Raise InputError before any work when an output file could not be written."""
    check_suffix(out)
    path = Path(out)
    if not path.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {path.parent}; make it first or name another")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"--out {out}: cannot be written there; wanted a file name in a folder open to writing")


def view_all(shown: list[tuple[str, Motion, MotionSources]], written: list[str]) -> tuple[str, str | None]:
    """Open motions, each with its title, in the browser: the page that was written where there is one motion, else a
    temporary page of the first few.  Where the page is, and a line for the user where there is no browser."""
    pages = [path for path in written if path.lower().endswith(".html")]
    if pages and len(shown) == 1:
        return pages[0], show(Path(pages[0]).resolve().as_uri())
    named = [
        (title if len(shown) == 1 else f"{title} {number}", motion, given.at_rate(motion.fps, motion.frames))
        for number, (title, motion, given) in enumerate(shown, start=1)
    ]
    page, missing = show_motions(named)
    return str(page), missing


def save_all(
    motions: list[Motion], outs: list[str], title: str, given: MotionSources, wanted: Wanted = Wanted()
) -> list[str]:
    """Write every motion in every format, all of the files or none.

    With several motions `walk.glb` becomes `walk-1.glb`, `walk-2.glb`, ...  `given`: what they were made from, for
    the formats that keep it.
    """
    written = []
    with all_or_none():
        for number, motion in enumerate(motions, start=1):
            for out in outs:
                path = Path(out)
                if len(motions) > 1:
                    path = path.with_name(f"{path.stem}-{number}{path.suffix}")
                save_one(path, motion, title, given, wanted)
                written.append(str(path))
    return written
