"""Motion files: what a motion is written to, by suffix, and read from.

.npz    everything, float32; loads in the SMPL add-ons; the one that `load_motion` reads back
.bvh    skeleton animation in centimetres for animation tools
.glb    skinned mannequin with the animation, for Blender, game engines and browsers
.usd    skinned mannequin with the animation as UsdSkel; also .usda (text) and .usdz; needs the extra `usd`
.html   one page that plays the motion and shows what it was made from, no network
.svg    a still picture of several moments
.png    a still picture of the middle; .gif and .mp4: all of it, drawn without a display; need the extra `pictures`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.provenance import NO_SOURCES, MotionSources
from genmo.runtime.formats.bvh import Bvh, read_bvh, to_bvh
from genmo.runtime.formats.glb import to_glb
from genmo.runtime.formats.npz import load_npz, to_npz
from genmo.runtime.formats.usd import SUFFIXES as USD_SUFFIXES
from genmo.runtime.formats.usd import need_usd, to_usd
from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_track import RootTrack
from genmo.runtime.render.html import to_html
from genmo.runtime.render.images import check_library, to_gif, to_mp4, to_png
from genmo.runtime.render.svg import to_svg
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.progress import ProgressCallback, no_progress

__all__ = [
    "SUFFIXES",
    "Bvh",
    "check_suffix",
    "load_motion",
    "read_bvh",
    "save_motion",
    "to_bvh",
    "to_glb",
    "to_html",
    "to_npz",
    "to_svg",
    "write_aside",
]


@dataclass(frozen=True, eq=False)
class _Shown:
    """What a file shows beside the motion."""

    title: str | None
    prompt: str | None
    sources: MotionSources
    ground: Heights | None


_WRITERS: dict[str, Callable[[Motion, _Shown], bytes]] = {
    ".npz": lambda motion, shown: to_npz(motion, shown.sources),
    ".bvh": lambda motion, shown: to_bvh(motion),
    ".glb": lambda motion, shown: to_glb(motion),
    ".html": lambda motion, shown: to_html(motion, shown.title, shown.prompt, shown.sources, shown.ground),
    ".svg": lambda motion, shown: to_svg(motion, shown.title, shown.ground),
    ".png": lambda motion, shown: to_png(motion, shown.ground),
    ".usd": lambda motion, shown: to_usd(motion, ".usd"),
    ".usda": lambda motion, shown: to_usd(motion, ".usda"),
    ".usdz": lambda motion, shown: to_usd(motion, ".usdz"),
}

_FILMS: dict[str, Callable[[Motion, ProgressCallback, Heights | None], bytes]] = {".gif": to_gif, ".mp4": to_mp4}

SUFFIXES = (*_WRITERS, *_FILMS)
"""What `save_motion` can write."""

_WITH_ROOT_BONE: dict[str, Callable[[Motion, MotionSources, bool | RootTrack], bytes]] = {
    ".npz": lambda motion, sources, root: to_npz(motion, sources, root_bone=root),
    ".bvh": lambda motion, sources, root: to_bvh(motion, root_bone=root),
    ".glb": lambda motion, sources, root: to_glb(motion, root_bone=root),
    ".usd": lambda motion, sources, root: to_usd(motion, ".usd", root_bone=root),
    ".usda": lambda motion, sources, root: to_usd(motion, ".usda", root_bone=root),
    ".usdz": lambda motion, sources, root: to_usd(motion, ".usdz", root_bone=root),
}

ROOT_BONE_SUFFIXES = tuple(_WITH_ROOT_BONE)
"""What can have a root bone; the others show a picture of the motion, which it does not change."""


def check_suffix(path: str | Path) -> str:
    """The suffix of an output path, in lower case.

    Raises InputError when nothing here writes it, BackendError when what writes it is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: got the suffix {suffix!r}, wanted one of {' '.join(SUFFIXES)}; rename the output file"
        )
    if suffix in USD_SUFFIXES:
        need_usd()
    check_library(suffix)
    return suffix


def save_motion(
    path: str | Path,
    motion: Motion,
    title: str | None = None,
    prompt: str | None = None,
    sources: MotionSources = NO_SOURCES,
    *,
    root_bone: bool | RootTrack = False,
    ground: Heights | None = None,
    progress: ProgressCallback = no_progress,
) -> None:
    """Write a motion in the format that the suffix of `path` names; whole or not at all.

    `title` (html, svg) and `prompt` (html) are shown with the motion; `sources`, what it was made from in frames at
    30 a second, is kept in npz and drawn in html.  `root_bone`: a bone on the ground carries the way of the body
    (`genmo.runtime.motion.root_track`), or goes on a given track; a npz has the track, pages and pictures do not show
    it.  `ground`: what the person walks on, for pages and pictures (None: y = 0).  `progress` hears the share of the
    frames of a gif or mp4 that is drawn.
    Raises InputError for an unknown suffix, a motion with numbers that are not finite or without frames, and a
    place that cannot be written to.
    """
    suffix = check_suffix(path)
    check_motion(motion)
    sources = sources.at_rate(motion.fps, motion.frames)
    if root_bone and suffix in _WITH_ROOT_BONE:
        write_aside(path, _WITH_ROOT_BONE[suffix](motion, sources, root_bone))
    elif suffix in _FILMS:
        write_aside(path, _FILMS[suffix](motion, progress, ground))
    else:
        write_aside(path, _WRITERS[suffix](motion, _Shown(title, prompt, sources, ground)))


def check_motion(motion: Motion) -> None:
    """Raise InputError for a motion that no file can hold."""
    if motion.frames == 0:
        raise InputError("got a motion of 0 frames, wanted at least 1; ask for more frames")
    if not all(np.isfinite(array).all() for array in (motion.rotations, motion.translation, motion.rest_offsets)):
        raise InputError("got a motion with numbers that are not finite, wanted finite ones; check the input data")


def load_motion(path: str | Path) -> Motion:
    """Read a motion back from the .npz that `save_motion` wrote.

    Raises InputError for another suffix and for a file that is not whole or not such a file.
    """
    if Path(path).suffix.lower() != ".npz":
        raise InputError(
            f"{path}: got {Path(path).suffix!r}, wanted .npz; only .npz keeps everything, read_bvh reads BVH"
        )
    return load_npz(path)
