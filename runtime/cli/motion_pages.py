"""Pages with the player for motions, and the user's browser to show them in."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genmo.runtime.conditions.provenance import MotionSources
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.formats.gltf import read_gltf
from genmo.runtime.formats.npz import load_npz_with_sources
from genmo.runtime.motion.ground import Heights
from genmo.runtime.motion.motion import Motion
from genmo.runtime.render.html import compare_html, file_payload, motion_payload, to_html
from genmo.runtime.render.html import page as html_page
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_bytes

AT_ONCE = 4
"""motions that one page shows"""
SUFFIXES = (".npz", ".glb", ".bvh")
"""of files that a page shows; the player itself reads all but `.npz`, so a character has its own skin"""
MAX_SHOWN = 2**26
"""bytes of a file that a page holds"""


def motions_page(paths: Sequence[str | Path]) -> bytes:
    """The player with the motions of one to four files.  Raises InputError for files that are none."""
    if not 1 <= len(paths) <= AT_ONCE:
        raise InputError(f"{len(paths)} motions at once; wanted 1 to {AT_ONCE}")
    names = [text_of(Path(path).name) for path in paths]
    if len(paths) == 1 and Path(paths[0]).suffix.lower() == ".npz":
        return player_page([(names[0], *load_npz_with_sources(paths[0]))])
    return html_page([_payload(Path(path)) for path in paths], " and ".join(names))


def _payload(path: Path) -> dict[str, Any]:
    """What a page needs of a motion file.  Raises InputError for one that cannot be shown."""
    suffix, name = path.suffix.lower(), text_of(path.name)
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: got the suffix {suffix!r}; wanted a motion as {' '.join(SUFFIXES)}")
    if suffix == ".npz":
        motion, sources = load_npz_with_sources(path)
        return motion_payload(motion, name, sources)
    data = read_bytes(path, f"a motion as {suffix}", MAX_SHOWN)
    if suffix == ".bvh":
        read_bvh(path)
    elif not read_gltf(path).entries("animations"):
        raise InputError(f"{path}: has no animation; wanted a motion, as genmo-run --out FILE.glb writes one")
    return file_payload(name, data)


def text_of(name: str) -> str:
    """A file's name as text; bytes that are none become question marks."""
    return name.encode("utf-8", "replace").decode()


def player_page(named: Sequence[tuple[str, Motion, MotionSources]], ground: Heights | None = None) -> bytes:
    """The player with motions under their names; one alone has its texts under its name.  `ground`: under them."""
    if len(named) == 1:
        name, motion, sources = named[0]
        return to_html(motion, name, " / ".join(text.prompt for text in sources.texts) or None, sources, ground)
    return compare_html(named, " and ".join(name for name, _, _ in named), ground)


def show(address: str) -> str | None:
    """Open an address in the user's browser; None when that was done, else a line that says what to do instead."""
    on_screen = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        if on_screen and webbrowser.open(address):
            return None
    except webbrowser.Error:
        pass
    return f"no browser was found here; open {address} in one"


def show_motions(
    named: Sequence[tuple[str, Motion, MotionSources]], ground: Heights | None = None
) -> tuple[Path, str | None]:
    """Write the page of some motions to a temporary file and open it: where it is, and what `show` says."""
    return show_page(player_page(named[:AT_ONCE], ground), Path(named[0][0]).stem)


def show_page(page: bytes, name: str) -> tuple[Path, str | None]:
    """Write a page to a temporary file with a name like this and open it: where it is, and what `show` says."""
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:60]
    path = Path(tempfile.mkdtemp(prefix="genmo-")) / f"{safe or 'motion'}.html"
    path.write_bytes(page)
    return path, show(path.as_uri())
