"""The files that `genmo-run` writes: checked before any work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from genmo.runtime.cli.motion_pages import show, show_motions
from genmo.runtime.cli.progress_bar import progress_bar
from genmo.runtime.conditions.provenance import MotionSources
from genmo.runtime.formats import ROOT_BONE_SUFFIXES, check_motion, check_suffix, save_motion
from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.resampling import at_rate, check_rate
from genmo.runtime.motion.root_motion import in_place as without_way
from genmo.runtime.readers.ground import read_ground
from genmo.runtime.refine.uneven_ground import on_uneven_ground
from genmo.runtime.retarget.character import Character, read_character
from genmo.runtime.retarget.retargeting import retarget
from genmo.runtime.retarget.root_bone import check_root_bone, with_root_bone
from genmo.runtime.retarget.write import SUFFIXES as CHARACTER_SUFFIXES
from genmo.runtime.retarget.write import check_holds, save_performance
from genmo.runtime.support.errors import GenmoError, InputError


@dataclass(frozen=True)
class OutputFormat:
    """How motions are written."""

    fps: float | None = None
    """frames a second; None: as they were made"""
    character: Character | None = None
    """who plays in the formats that a character can be written to; None: genmo's own body"""
    in_place: bool = False
    """without the way over the ground; with a root bone without its turning too"""
    root_bone: bool = False
    """a bone on the ground carries the way"""
    ground: Heights | None = None
    """what the person walks on; None: the motion's own floor"""

    def shown(self, motion: Motion, sources: MotionSources) -> tuple[Motion, MotionSources]:
        """The motion as it is to be written, in place or as it goes, and its sources that are still true."""
        if self.ground is not None:
            motion = on_uneven_ground(motion, self.ground)
        if not self.in_place:
            return motion, sources
        free = replace(sources, place_frames=sources.place_frames[:0], place_joints=sources.place_joints[:0])
        moved = without_way(motion, heading=self.root_bone)
        return moved, replace(free, place_positions=sources.place_positions[:0])


def output_format(
    outs: Sequence[str],
    fps: float | None,
    character: str | None,
    character_map: str | None,
    *,
    in_place: bool = False,
    root_bone: bool = False,
    ground: str | None = None,
) -> OutputFormat:
    """What `--out`, `--out-fps`, `--character`, `--character-map`, `--in-place`, `--root-bone` and `--ground` ask for.

    Raises InputError before any work.
    """
    if fps is not None:
        check_rate(fps)
    if root_bone and not any(Path(out).suffix.lower() in ROOT_BONE_SUFFIXES for out in outs):
        asked = f"--out {', '.join(outs)}" if outs else "--view"
        raise InputError(f"--root-bone changes nothing in {asked}; wanted one of {' '.join(ROOT_BONE_SUFFIXES)}")
    if ground is not None and in_place:
        raise InputError("--ground with --in-place, where nobody walks over it; wanted one of them")
    heights = None if ground is None else read_ground(ground)
    if character is None:
        if character_map is not None:
            raise InputError("--character-map without --character; wanted the character that it is about")
        return OutputFormat(fps, None, in_place, root_bone, heights)
    own = [out for out in outs if Path(out).suffix.lower() in CHARACTER_SUFFIXES]
    if outs and not own:
        raise InputError(
            f"--character is written to none of --out {', '.join(outs)}; wanted {' '.join(CHARACTER_SUFFIXES)}"
        )
    performer = read_character(character, character_map)
    for out in own:
        check_holds(performer, out)
    if root_bone:
        check_root_bone(performer)
    return OutputFormat(fps, performer, in_place, root_bone, heights)


def save_one(path: Path, motion: Motion, title: str, sources: MotionSources, form: OutputFormat) -> None:
    """Write one motion, on the character where the format can hold it."""
    motion, sources = form.shown(motion, sources)
    motion = at_rate(motion, form.fps)
    if form.character is not None and path.suffix.lower() in CHARACTER_SUFFIXES:
        check_motion(motion)
        performance = retarget(motion, form.character)
        save_performance(path, with_root_bone(performance, motion.loops) if form.root_bone else performance)
    else:
        bar = progress_bar()
        root, ground = form.root_bone, form.ground
        save_motion(path, motion, title=title, sources=sources, root_bone=root, ground=ground, progress=bar)


def check_output(out: str) -> None:
    """Raise InputError before any work when an output file could not be written."""
    if "\0" in out:
        raise InputError(f"--out {out!r}: no file name may have a NUL character; wanted one without")
    check_suffix(out)
    path = Path(out)
    if not path.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {path.parent}; make it first or name another")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"--out {out}: cannot be written there; wanted a file name in a folder open to writing")


@dataclass
class Outputs:
    """Files written one by one: what can be written is there in the end, and the rest is named."""

    written: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """why a file is missing, a line each"""

    def write(self, path: Path, save: Callable[[], object]) -> None:
        """Write the file of this name by `save`, which puts it in place whole or not at all."""
        try:
            save()
        except (GenmoError, OSError) as error:
            reason = str(error)
            self.failures.append(reason if str(path) in reason else f"{path}: {reason}")
        except MemoryError:
            self.failures.append(f"{path}: not enough memory")
        else:
            self.written.append(str(path))

    def check(self) -> None:
        """Raise InputError where a file could not be written."""
        if self.failures:
            also = f"; written: {', '.join(self.written)}" if self.written else ""
            raise InputError("; ".join(self.failures) + also)


def save_all(
    motions: Sequence[Motion], outs: Sequence[Path], title: str, sources: MotionSources, form: OutputFormat, to: Outputs
) -> None:
    """Write every motion to every file.

    With several motions `walk.glb` becomes `walk-1.glb`, `walk-2.glb`, ...  `sources`: what they were made from, for
    the formats that keep it.
    """
    for number, motion in enumerate(motions, start=1):
        for out in outs:
            path = out.with_name(f"{out.stem}-{number}{out.suffix}") if len(motions) > 1 else out
            to.write(path, partial(save_one, path, motion, title, sources, form))


def view_all(
    titled: Sequence[tuple[str, Motion, MotionSources]], written: Sequence[str], ground: Heights | None = None
) -> tuple[str, str | None]:
    """Open motions, each with its title, in the browser: the page that was written where there is one motion, else a
    temporary page of the first few.  `ground`: what they walk on.  Where the page is, and a line for the user where
    there is no browser."""
    pages = [path for path in written if path.lower().endswith(".html")]
    if pages and len(titled) == 1:
        return pages[0], show(Path(pages[0]).resolve().as_uri())
    named = [
        (title if len(titled) == 1 else f"{title} {number}", motion, sources.at_rate(motion.fps, motion.frames))
        for number, (title, motion, sources) in enumerate(titled, start=1)
    ]
    page, missing = show_motions(named, ground)
    return str(page), missing
