"""The folder that `genmo-clips` writes: all of it or nothing."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from genmo.runtime.clips.library import Clip
from genmo.runtime.clips.manifest import manifest
from genmo.runtime.clips.measuring import looking, root_of
from genmo.runtime.clips.sheet import sheet
from genmo.runtime.clips.spec import LibrarySpec
from genmo.runtime.formats import save_motion
from genmo.runtime.formats.glb import Take, animations_glb
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_motion import in_place as without_way
from genmo.runtime.retarget.character import Character
from genmo.runtime.retarget.retargeting import Performance, retarget
from genmo.runtime.retarget.root_bone import with_root_bone
from genmo.runtime.retarget.write import performances_glb, save_performance
from genmo.runtime.support.atomic_write import put_folder, write_aside
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import ProgressCallback, no_progress

EACH = (".glb", ".bvh", ".npz", ".usd", ".usda", ".usdz", ".html")
LIBRARY, MANIFEST, SHEET, CLIPS = "library.glb", "manifest.json", "sheet.html", "clips"
PICTURES = 0.8
"""share of the time of writing that the pictures take"""


def check_place(out: Path) -> None:
    """Raises InputError, before any work, for a folder that cannot be made or that holds something else."""
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first or name another")
    if not os.access(out.absolute().parent, os.W_OK):
        raise InputError(f"--out {out}: cannot be written there; wanted a place in a folder open to writing")
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MANIFEST).is_file())):
        raise InputError(f"--out {out}: something else is there; wanted a new name, or a library to replace")


def write_library(
    clips: list[Clip],
    spec: LibrarySpec,
    out: Path,
    *,
    each: tuple[str, ...] = (),
    character: Character | None = None,
    root_bone: bool = True,
    in_place: bool = False,
    progress: ProgressCallback = no_progress,
) -> None:
    """Write the folder `out`, in the place of a library that was there.  Raises InputError for what a file cannot
    hold."""
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as above:
        folder = Path(above) / out.name
        folder.mkdir()
        shown = {clip.name: _shown(clip.motion, in_place, root_bone) for clip in clips}
        own = _write_each(shown, folder, each, character, root_bone)
        write_aside(folder / LIBRARY, _library(shown, character, root_bone))
        write_aside(folder / SHEET, sheet(clips, "Clips", lambda share: progress(PICTURES * share)))
        files = {"library": LIBRARY, "sheet": SHEET}
        told = manifest(clips, spec, files, own) | {"root_bone": root_bone, "in_place": in_place}
        write_aside(folder / MANIFEST, json.dumps(told, indent=1) + "\n")
        put_folder(folder, out)
    progress(1.0)


def _shown(motion: Motion, in_place: bool, root_bone: bool) -> Motion:
    """The motion as files are to have it.  In place, a root bone does not turn either."""
    if not in_place:
        return motion
    return without_way(motion, heading=root_bone, track=root_of(motion))


def _performance(motion: Motion, character: Character, root_bone: bool) -> Performance:
    made = retarget(motion, character)
    return with_root_bone(made, motion.loops, looking(motion)) if root_bone else made


def _library(shown: dict[str, Motion], character: Character | None, root_bone: bool) -> bytes:
    if character is not None:
        takes = [(name, _performance(motion, character, root_bone)) for name, motion in shown.items()]
        return performances_glb(takes)
    return animations_glb(
        [Take(name, motion, root_of(motion) if root_bone else None) for name, motion in shown.items()]
    )


def _write_each(
    shown: dict[str, Motion], folder: Path, each: tuple[str, ...], character: Character | None, root_bone: bool
) -> dict[str, list[str]]:
    """A file of every clip in every format of `each`; their names, relative to the folder, by clip."""
    if not each:
        return {}
    (folder / CLIPS).mkdir()
    names: dict[str, list[str]] = {}
    for name, motion in shown.items():
        for suffix in each:
            path = folder / CLIPS / f"{name}{suffix}"
            if character is not None and suffix != ".html":
                save_performance(path, _performance(motion, character, root_bone))
            else:
                save_motion(path, replace(motion), title=name, root_bone=root_of(motion) if root_bone else False)
            names.setdefault(name, []).append(f"{CLIPS}/{name}{suffix}")
    return names
