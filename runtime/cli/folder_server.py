"""A folder of motions in the browser: a list, the player for one or some of them, and their other files.

It answers to this machine only, and hands out nothing but the motions that it lists: a request names an entry of the
list, never a path.
"""

from __future__ import annotations

import html
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from genmo.runtime.cli.motion_pages import AT_ONCE, SUFFIXES, motions_page
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.local_server import LocalServer, Query, Response, text_response
from genmo.runtime.support.safe_read import open_file

LISTED = 2**20
"""bytes of a .glb's JSON in which its animations are looked for"""
MAX_FILES = 2000
"""motions that the list of a folder shows"""
BESIDE = (*SUFFIXES, ".html", ".svg", ".png", ".gif", ".mp4")
"""files of the same name that are offered next to a motion"""
_HTML = "text/html; charset=utf-8"
_TYPES = {
    ".npz": "application/octet-stream", ".glb": "model/gltf-binary", ".bvh": "text/plain; charset=utf-8",
    ".html": _HTML, ".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif",
    ".mp4": "video/mp4",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A motion of a folder."""

    name: str
    """path from the folder, with slashes"""
    path: Path
    size: int
    """bytes"""
    beside: tuple[str, ...]
    """suffixes of files of the same name"""


def motions_in(folder: Path) -> dict[str, Entry]:
    """The motion files in a folder and its folders by name, in order; nothing that a link leads out to.

    Of files of one name the first of `SUFFIXES` is the motion, the others are beside it.
    """
    root = folder.resolve()
    entries: dict[str, Entry] = {}
    for path in _files(root):
        try:
            entry = _entry(path, root)
        except OSError:  # removed or locked meanwhile
            continue
        if entry is not None:
            entries[entry.name] = entry
        if len(entries) == MAX_FILES:
            break
    return entries


def _entry(path: Path, root: Path) -> Entry | None:
    """The entry of a motion; None for other files, and for names that a browser cannot be given."""
    name, kind = path.relative_to(root).as_posix(), path.suffix.lower()
    if kind not in SUFFIXES or not _is_utf8(name) or not _is_motion_of(path, root):
        return None
    siblings = {suffix: path.with_suffix(suffix) for suffix in BESIDE if suffix != kind}
    if any(_is_motion_of(siblings[suffix], root) for suffix in SUFFIXES[: SUFFIXES.index(kind)]):
        return None
    beside = tuple(suffix for suffix, other in siblings.items() if other.is_file() and _inside(other, root))
    return Entry(name, path, path.stat().st_size, beside)


def _is_utf8(name: str) -> bool:
    """Whether a file's name is text; other bytes of a name are lone surrogates in Python."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)


def _is_motion_of(path: Path, root: Path) -> bool:
    """Whether a file of the folder looks like a motion."""
    if not path.is_file() or not _inside(path, root):  # opening a pipe would wait for whoever writes to it
        return False
    try:
        return _LOOKS[path.suffix.lower()](path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, RecursionError, InputError):
        return False


def _is_npz_motion(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return {"rotations.npy", "joints_world.npy"} <= set(archive.namelist())


def _is_animated_glb(path: Path) -> bool:
    """A .glb whose JSON, which comes first, names animations: not a character's file without any."""
    with open_file(path, "a .glb") as file:
        head = file.read(20)
        return head[:4] == b"glTF" and b'"animations"' in file.read(min(int.from_bytes(head[12:16], "little"), LISTED))


def _is_bvh(path: Path) -> bool:
    with open_file(path, "a .bvh") as file:
        return b"HIERARCHY" in file.read(64).upper()


_LOOKS: dict[str, Callable[[Path], bool]] = {".npz": _is_npz_motion, ".glb": _is_animated_glb, ".bvh": _is_bvh}


@lru_cache(maxsize=16)
def _page_of(paths: tuple[tuple[str, int], ...]) -> bytes:
    """The page of files, remembered until one of them changes (each comes with its time of change)."""
    return motions_page([path for path, _ in paths])


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2530; --soft: #5d6875; --line: #d9dfe6; --back: #f4f6f8; --card: #fff;
  --accent: #c2552d }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #98a4b3; --line: #323b46; --back: #171c23;
  --card: #1f262f; --accent: #f0895c } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 900px; margin: 0 auto; padding: 36px 20px 60px }
h1 { font-size: 22px; margin: 0 0 2px }
p { color: var(--soft); margin: 0 0 20px }
table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--card);
  border: 1px solid var(--line); border-radius: 12px }
td { padding: 9px 12px; border-top: 1px solid var(--line) }
tr:first-child td { border-top: 0 }
td.size { text-align: right; color: var(--soft); white-space: nowrap }
a { color: var(--accent); text-decoration: none; font-weight: 600; overflow-wrap: anywhere }
a:hover, a:focus { text-decoration: underline }
a.file { font-weight: 400; margin-right: 8px }
button { font: inherit; font-weight: 600; color: #fff; background: #c2552d; border: 0; border-radius: 9px;
  padding: 8px 16px; margin-top: 16px; cursor: pointer }
"""


def index_page(folder: Path, entries: dict[str, Entry]) -> bytes:
    """The list of a folder: a link to play each motion, boxes to compare some, and their other files."""
    rows = "".join(_row(entry) for entry in entries.values())
    many = f"{len(entries)} motion{'' if len(entries) == 1 else 's'}"
    empty = "<p>No motion here. genmo-run --out FILE.npz makes one; then load this page again.</p>"
    button = f"<button>Compare what is ticked (2 to {AT_ONCE})</button>" if len(entries) > 1 else ""
    form = f'<form action="/play"><table>{rows}</table>{button}</form>' if entries else empty
    name = html.escape(folder.resolve().name or str(folder))
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{_STYLE}</style><main><h1>{name}</h1><p>{many}</p>{form}</main></html>"
    ).encode("utf-8", "replace")


def _row(entry: Entry) -> str:
    query, name = quote(entry.name, safe=""), html.escape(entry.name, quote=True)
    files = "".join(
        f'<a class="file" href="/file?m={query}&amp;as={suffix[1:]}">{suffix}</a>'
        for suffix in (entry.path.suffix.lower(), *entry.beside)
    )
    return (
        f'<tr><td><input type="checkbox" name="m" value="{name}" aria-label="compare {name}"></td>'
        f'<td><a href="/play?m={query}">{name}</a></td><td>{files}</td>'
        f'<td class="size">{entry.size / 1024:.0f} kB</td></tr>'
    )


class FolderServer(LocalServer):
    """Serves the motions of a folder on 127.0.0.1; port 0: any free one."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        super().__init__(port)

    def respond(self, path: str, query: Query) -> Response:
        """The list at /, the player at /play?m=NAME, a file at /file?m=NAME&as=SUFFIX."""
        entries = motions_in(self.folder)
        if path == "/":
            return Response(index_page(self.folder, entries), _HTML)
        names = query.get("m", [])
        if path not in ("/play", "/file") or not names or not all(name in entries for name in names):
            return text_response(HTTPStatus.NOT_FOUND, "no such motion; go back to the list and load it again")
        if path == "/play":
            chosen = [entries[name].path for name in names]
            return Response(_page_of(tuple((str(each), each.stat().st_mtime_ns) for each in chosen)), _HTML)
        entry = entries[names[0]]
        return _file(entry, "." + query.get("as", [entry.path.suffix[1:]])[0].lower())


def _file(entry: Entry, suffix: str) -> Response:
    """The motion itself, or a file of its name beside it."""
    if suffix not in (own := entry.path.suffix.lower(), *entry.beside):
        return text_response(HTTPStatus.NOT_FOUND, "no such file beside that motion")
    path = entry.path if suffix == own else entry.path.with_suffix(suffix)
    return Response(path.read_bytes(), _TYPES[suffix], filename=path.name, foreign=True)
