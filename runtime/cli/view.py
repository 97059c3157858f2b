"""genmo-view: motion files in the browser: one, several beside each other, or a folder of them on 127.0.0.1."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.cli.folder_server import FolderServer
from genmo.runtime.cli.motion_pages import AT_ONCE, SUFFIXES, motions_page, show, show_page
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import InputError

PROGRAM = "genmo-view"
PORT = 8439


@dataclass(frozen=True)
class ViewOptions:
    """What `genmo-view` was asked to show, and how."""

    paths: tuple[Path, ...]
    """motion files, or one folder"""
    port: int | None
    out: Path | None
    """where to write the page of files; None: a temporary place"""
    open_browser: bool


def parser() -> OneLineParser:
    """The command line."""
    options = OneLineParser(
        prog=PROGRAM,
        description="Look at motion files in the browser.",
        epilog="Examples: genmo-view walk.npz; genmo-view a.npz b.npz; genmo-view takes/ --port 9000",
    )
    add = options.add_argument
    add(
        "paths",
        nargs="*",
        metavar="FILE|DIR",
        help=f"one to {AT_ONCE} motions as {' '.join(SUFFIXES)}, or a folder (default: this one)",
    )
    add("--port", type=int, metavar="P", help=f"of 127.0.0.1 for a folder; 0: any free one (default: {PORT})")
    add("--out", action="once", metavar="F.html", help="write the page of FILEs here")
    add("--no-open", action="store_true", help="do not open the browser; print where to look")
    return options


def read_options(arguments: Sequence[str] | None) -> ViewOptions:
    """The options of the command line.  Raises InputError for those that do not go together."""
    args = parser().parse_args(arguments)
    paths = tuple(Path(path) for path in args.paths or ["."])
    out = None if args.out is None else Path(args.out)
    options = ViewOptions(paths, args.port, out, not args.no_open)
    folder = next((path for path in paths if path.is_dir()), None)
    if folder is None:
        _check_files(options)
    elif len(paths) > 1:
        raise InputError(f"{folder} is a folder among other paths; wanted one folder, or files")
    elif out is not None:
        raise InputError(f"--out with the folder {folder}; wanted motion files with it")
    return options


def _check_files(options: ViewOptions) -> None:
    """Raise InputError for options that do not go with files."""
    if options.port is not None:
        raise InputError("--port with files; wanted a folder to serve")
    if options.out is None and not options.open_browser:
        raise InputError("--no-open with files and no --out; wanted --out F.html to write the page to")
    if options.out is not None and options.out.suffix.lower() != ".html":
        raise InputError(f"--out {options.out}: wanted a name that ends in .html")


def view(options: ViewOptions) -> None:
    """Show files or serve a folder.  Raises GenmoError with the line for the user."""
    if options.paths[0].is_dir():
        serve(options)
    else:
        show_files(options)


def show_files(options: ViewOptions) -> None:
    """Write the page of one to four files and open it.  Raises InputError for files that are no motions."""
    page = motions_page(options.paths)
    if options.out is None:
        path, missing = show_page(page, options.paths[0].stem)
    else:
        write_aside(options.out, page)
        path = options.out.resolve()
        missing = show(path.as_uri()) if options.open_browser else None
    print(path)
    _note(missing)


def serve(options: ViewOptions) -> None:
    """Serve a folder until Ctrl-C.  Raises InputError for a port that cannot be had."""
    with FolderServer(options.paths[0], PORT if options.port is None else options.port) as server:
        print(f"{server.address}  (Ctrl-C ends it)", flush=True)
        _note(show(server.address) if options.open_browser else None)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            print(file=sys.stderr)


def _note(line: str | None) -> None:
    if line is not None:
        print(f"{PROGRAM}: note: {line}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input (one line on stderr)."""
    return run_main(PROGRAM, lambda: view(read_options(arguments)))


if __name__ == "__main__":
    sys.exit(main())
