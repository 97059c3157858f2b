"""How every writer puts a file in place: whole or not at all, and several together or none."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from genmo.runtime.support.errors import InputError

_Waiting = list[tuple[str, Path]]
"""temporary files and what they will be called"""

Content = bytes | str | Callable[[BinaryIO], object]
"""what a file shall hold: bytes, text, or what a function writes to it"""

_waiting: ContextVar[_Waiting | None] = ContextVar("waiting", default=None)


def write_aside(path: str | Path, data: Content) -> None:
    """Write `data` to a temporary file beside `path`, flush it to disk, then rename it to `path`.

    Readers see the old file or the new one, never half of one.  Text is written as UTF-8.  Inside of `all_or_none` the
    rename waits for the other files.
    Raises InputError when the folder is missing or not writable, or the disk is full; then the old file
    is untouched and no temporary file stays behind.
    """
    path = Path(path)
    content = data.encode() if isinstance(data, str) else data
    waiting = _waiting.get()
    temporary = _written_beside(path, content)
    if waiting is not None:
        waiting.append((temporary, path))
        return
    try:
        _put([(temporary, path)])
    finally:
        _remove(temporary)


@contextmanager
def all_or_none() -> Iterator[None]:
    """Files that `write_aside` writes inside appear at the end, all of them; after an error, none.

    A process that is killed between two renames leaves some files new and the others old, each of them whole.
    One inside of another joins it: the outer one's end is the end.
    Raises InputError for a file that cannot be put in its place; those before it are then as they were, but for disks
    without hard links, where a file that replaced another stays.
    """
    if _waiting.get() is not None:
        yield
        return
    waiting: _Waiting = []
    token = _waiting.set(waiting)
    try:
        yield
        _put(waiting)
    finally:
        _waiting.reset(token)
        for temporary, _ in waiting:
            _remove(temporary)


def put_folder(finished: Path, out: Path) -> None:
    """Rename the folder `finished` to `out`, in the place of a folder that is there.

    A process that is killed on the way leaves the old folder, the new one, or none under this name; an error, the old.
    """
    old = out.with_name(f".{out.name}.{secrets.token_hex(4)}.old")
    replaces = out.exists()
    if replaces:
        out.rename(old)
    try:
        finished.rename(out)
    except BaseException:
        if replaces:
            old.rename(out)
        raise
    if replaces:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def folders_above(path: Path) -> Iterator[None]:
    """Make the folders that are missing above `path`; those are gone again afterwards where nothing came into them.

    Raises InputError when a file stands where a folder must be.
    """
    above = path.absolute().parents
    missing = [folder for folder in above if not folder.exists()]
    nearest = above[len(missing)]
    if not nearest.is_dir():
        raise InputError(f"{path}: {nearest} is no folder; wanted a place in a folder")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()  # refuses a folder that holds anything


def _written_beside(path: Path, content: bytes | Callable[[BinaryIO], object]) -> str:
    """The name of a file in the folder of `path` that holds the content, on the disk."""
    temporary: str | None = None
    if "\0" in str(path):
        raise InputError(f"{str(path)!r}: no file name may have a NUL character; wanted one without")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; an output should get the mode that open() would have given it.
        os.chmod(temporary, 0o666 & ~_umask())
    except OSError as error:
        if temporary is not None:
            _remove(temporary)
        room = "room" if callable(content) else f"{len(content)} bytes free"
        raise InputError(
            f"{path}: cannot be written ({_reason(error)}); wanted an existing, writable folder with {room}; "
            "choose another --out or make room"
        ) from error
    except BaseException:
        if temporary is not None:
            _remove(temporary)
        raise
    return temporary


def _put(files: _Waiting) -> None:
    """Rename temporary files to what they will be called; the old ones come back when one of them cannot be."""
    done: list[tuple[Path, str | None]] = []
    try:
        for temporary, path in files:
            done.append((path, _kept_beside(path) if len(files) > 1 else None))
            os.replace(temporary, path)
    except OSError as error:
        failed, old = done.pop()
        _remove(old or "")
        for path, old in reversed(done):
            _put_back(path, old)
        raise InputError(
            f"{failed}: cannot be put in place ({_reason(error)}); wanted a name that is free or a file's; "
            "choose another --out"
        ) from error
    for _, old in done:
        _remove(old or "")


def _kept_beside(path: Path) -> str | None:
    """A second name of the file that is there now, "" where there is none.  None: the disk knows no second names."""
    name = str(path.with_name(f".{path.name}.{secrets.token_hex(4)}.old"))
    try:
        os.link(path, name)
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    return name


def _put_back(path: Path, old: str | None) -> None:
    with suppress(OSError):
        if old:
            os.replace(old, path)
        elif old == "":
            os.unlink(path)


def _remove(name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
