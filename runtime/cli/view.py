"""genmo-view: motion files in the browser: one, several beside each other, or a folder of them on 127.0.0.1.

A folder is served by the standard library's server.  It answers to this machine only, and hands out nothing but
the motions that it lists: a request names an entry of the list, never a path.
"""

from __future__ import annotations

import argparse
import html
import os
import sys
import tempfile
import webbrowser
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from genmo.runtime.conditions.provenance import MotionSources
from genmo.runtime.formats.npz import load_npz_given
from genmo.runtime.motion.motion import Motion
from genmo.runtime.render.html import compare_html, to_html
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser
from genmo.runtime.support.errors import GenmoError, InputError

PROGRAM = "genmo-view"
HOST = "127.0.0.1"
PORT = 8439
AT_ONCE = 4
"""motions that one page shows"""
MOST_FILES = 2000
"""motions that the list of a folder shows"""
BESIDE = (".glb", ".bvh", ".html", ".svg", ".png", ".gif", ".mp4")
"""files of the same name that are offered next to a motion"""
_TYPES = {
    ".npz": "application/octet-stream", ".glb": "model/gltf-binary", ".bvh": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif",
    ".mp4": "video/mp4",
}  # fmt: skip


def motions_page(paths: Sequence[str | Path]) -> bytes:
    """The player with the motions of one to four `.npz` files.  Raises InputError for files that are not that."""
    if not 1 <= len(paths) <= AT_ONCE:
        raise InputError(f"{len(paths)} motions at once; wanted 1 to {AT_ONCE}")
    return shown_page([(Path(path).name, *load_npz_given(path)) for path in paths])


def shown_page(named: Sequence[tuple[str, Motion, MotionSources]]) -> bytes:
    """The player with motions under their names; one alone has its texts under its name."""
    if len(named) == 1:
        name, motion, given = named[0]
        return to_html(motion, name, " / ".join(text.prompt for text in given.texts) or None, given)
    return compare_html(named, " and ".join(name for name, _, _ in named))


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


def show_motions(named: Sequence[tuple[str, Motion, MotionSources]]) -> tuple[Path, str | None]:
    """Write the page of some motions to a temporary file and open it: where it is, and what `show` says."""
    return _show_page(shown_page(named[:AT_ONCE]), Path(named[0][0]).stem)


def _show_page(page: bytes, name: str) -> tuple[Path, str | None]:
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)[:60]
    path = Path(tempfile.mkdtemp(prefix="genmo-")) / f"{safe or 'motion'}.html"
    path.write_bytes(page)
    return path, show(path.as_uri())


# --- a folder -----------------------------------------------------------------------------------------------------


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
    """The motion `.npz` files in a folder and its folders by name, in order; nothing that a link leads out to."""
    root = folder.resolve()
    found: dict[str, Entry] = {}
    for path in _files(root):
        if path.suffix.lower() == ".npz" and _inside(path, root) and _is_motion(path):
            name = path.relative_to(root).as_posix()
            beside = tuple(
                suffix
                for suffix in BESIDE
                if path.with_suffix(suffix).is_file() and _inside(path.with_suffix(suffix), root)
            )
            found[name] = Entry(name, path, path.stat().st_size, beside)
        if len(found) == MOST_FILES:
            break
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def _inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root)


def _is_motion(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {"rotations.npy", "joints_world.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return False


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
    ).encode()


def _row(entry: Entry) -> str:
    query, name = quote(entry.name, safe=""), html.escape(entry.name, quote=True)
    files = "".join(
        f'<a class="file" href="/file?m={query}&amp;as={suffix[1:]}">{suffix}</a>' for suffix in (".npz", *entry.beside)
    )
    return (
        f'<tr><td><input type="checkbox" name="m" value="{name}" aria-label="compare {name}"></td>'
        f'<td><a href="/play?m={query}">{name}</a></td><td>{files}</td>'
        f'<td class="size">{entry.size / 1024:.0f} kB</td></tr>'
    )


def ours(host: str) -> bool:
    """Whether a request's Host names this machine as we do: a page elsewhere could give it a name of its own."""
    return host.rsplit(":", 1)[0] in (HOST, "localhost")


class FolderServer(ThreadingHTTPServer):
    """Serves the motions of a folder on 127.0.0.1; port 0: any free one."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """What the browser is given."""
        return f"http://{HOST}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: FolderServer
    timeout = 30

    def do_GET(self) -> None:  # the name that http.server calls
        """Answer, with one line of text where something is wrong."""
        if not ours(self.headers.get("Host", "")):
            return self._say(HTTPStatus.FORBIDDEN, f"wanted the host {HOST}")
        try:
            self._answer()
        except InputError as error:
            self._say(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except (BrokenPipeError, ConnectionResetError):
            pass

    do_HEAD = do_GET

    def _answer(self) -> None:
        url = urlsplit(self.path)
        asked = parse_qs(url.query, max_num_fields=64)
        names, entries = asked.get("m", []), motions_in(self.server.folder)
        if url.path == "/":
            return self._send(index_page(self.server.folder, entries), "text/html; charset=utf-8")
        if url.path not in ("/play", "/file") or not names or not all(name in entries for name in names):
            return self._say(HTTPStatus.NOT_FOUND, "no such motion; go back to the list and load it again")
        chosen = [entries[name] for name in names]
        if url.path == "/play":
            paths = tuple((str(entry.path), entry.path.stat().st_mtime_ns) for entry in chosen)
            return self._send(_page_of(paths), "text/html; charset=utf-8")
        suffix = "." + parse_qs(url.query, keep_blank_values=True).get("as", ["npz"])[0]
        if suffix not in (".npz", *chosen[0].beside):
            return self._say(HTTPStatus.NOT_FOUND, "no such file beside that motion")
        path = chosen[0].path.with_suffix(suffix) if suffix != ".npz" else chosen[0].path
        self._send(path.read_bytes(), _TYPES[suffix], path.name)

    def _say(self, status: HTTPStatus, line: str) -> None:
        self._send(line.encode(), "text/plain; charset=utf-8", status=status)

    def _send(self, body: bytes, kind: str, name: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff", "Connection": "close",
        }  # fmt: skip
        if name is not None:
            headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name)}"
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal belongs to the user."""


# --- the command --------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Look at motion files in the browser.",
        epilog="Examples: genmo-view walk.npz; genmo-view a.npz b.npz; genmo-view takes/ --port 9000",
    )
    add = options.add_argument
    add("paths", nargs="*", metavar="FILE|DIR", help=f"one to {AT_ONCE} motion .npz, or a folder (default: this one)")
    add("--port", type=int, metavar="P", help=f"of 127.0.0.1 for a folder; 0: any free one (default: {PORT})")
    add("--out", metavar="F.html", help="write the page of FILEs here")
    add("--no-open", action="store_true", help="do not open the browser; print where to look")
    return options


def view(args: argparse.Namespace) -> None:
    """Everything after parsing.  Raises GenmoError with the line for the user."""
    paths = [Path(path) for path in args.paths or ["."]]
    folders = [path for path in paths if path.is_dir()]
    if folders and len(paths) > 1:
        raise InputError(f"{folders[0]} is a folder among other paths; wanted one folder, or files")
    if folders:
        if args.out is not None:
            raise InputError(f"--out with the folder {folders[0]}; wanted motion files with it")
        return serve(folders[0], PORT if args.port is None else args.port, open_it=not args.no_open)
    if args.port is not None:
        raise InputError("--port with files; wanted a folder to serve")
    page = motions_page(paths)
    if args.out is not None:
        if Path(args.out).suffix.lower() != ".html":
            raise InputError(f"--out {args.out}: wanted a name that ends in .html")
        write_aside(args.out, page)
        path, missing = Path(args.out).resolve(), None
        if not args.no_open:
            missing = show(path.as_uri())
    elif args.no_open:
        raise InputError("--no-open with files and no --out; wanted --out F.html to write the page to")
    else:
        path, missing = _show_page(page, paths[0].stem)
    print(path)
    if missing is not None:
        print(f"{PROGRAM}: note: {missing}", file=sys.stderr)


def serve(folder: Path, port: int, *, open_it: bool) -> None:
    """Serve a folder until Ctrl-C.  Raises InputError for a port that cannot be had."""
    if not 0 <= port <= 65535:
        raise InputError(f"--port is {port}; wanted 0 to 65535")
    try:
        server = FolderServer(folder, port)
    except OSError as error:
        raise InputError(f"port {port} cannot be had ({error.strerror}); wanted a free --port, or 0 for any") from None
    with server:
        print(f"{server.address}  (Ctrl-C ends it)", flush=True)
        missing = show(server.address) if open_it else None
        if missing is not None:
            print(f"{PROGRAM}: note: {missing}", file=sys.stderr, flush=True)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print(file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    args = parser().parse_args(arguments)
    try:
        view(args)
    except GenmoError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
