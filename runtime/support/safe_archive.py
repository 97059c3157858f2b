"""One member of a `.zip` (a wheel too) or `.tar.gz`, read under limits; part of the gate of `safe_read`."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import MAX_BYTES, check_file, open_zip

MAX_UNPACKED_TAR = 2**30
"""Bytes of a .tar.gz that are unpacked to look for a member."""
MAX_ZIP_DIRECTORY = 2**23
"""Bytes that an archive may take to list its members; a wheel of 10,000 files takes 2**20."""


class _Limited:
    """A stream of which at most `left` bytes are read; tar headers may claim any size."""

    def __init__(self, file: gzip.GzipFile, left: int) -> None:
        self._file, self._left = file, left

    def read(self, count: int = -1) -> bytes:
        """The next bytes.  Raises ValueError beyond the limit."""
        data = self._file.read(count if 0 <= count <= self._left else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("unpacks to too many bytes")
        return data


def read_member(path: str | Path, name: str, expected: str, limit: int = MAX_BYTES) -> bytes:
    """The bytes of the member `name` of an archive; nothing is written, and no link is followed.

    Raises InputError when the file is no archive, lacks the member, or the member has over `limit` bytes; `expected`
    is what the archive should be.
    """
    path = Path(path)
    size = check_file(path, expected)
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"PK"
            file.seek(0)
            data = _zip_member(file, size, name, limit) if zipped else _tar_member(file, name, limit)
    except (
        OSError, ValueError, EOFError, RuntimeError, NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error,
        tarfile.TarError,
    ) as error:  # fmt: skip
        raise InputError(f"{path}: not a readable archive ({first_line(error)}); wanted {expected}") from None
    if data is None:
        raise InputError(f"{path}: no {name} in it; wanted {expected}")
    return data


def _zip_member(file: BinaryIO, size: int, name: str, limit: int) -> bytes | None:
    with open_zip(file, size, MAX_ZIP_DIRECTORY) as archive:
        member = next((one for one in archive.infolist() if one.filename == name), None)
        if member is None:
            return None
        if member.file_size > limit:
            raise ValueError(f"its member has {member.file_size} bytes")
        with archive.open(member) as opened:
            return opened.read(limit)


def _tar_member(file: BinaryIO, name: str, limit: int) -> bytes | None:
    with gzip.open(file) as unpacked, tarfile.open(fileobj=_Limited(unpacked, MAX_UNPACKED_TAR), mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            if member.name == name and member.isfile():
                if member.size > limit:
                    raise ValueError(f"its member has {member.size} bytes")
                opened = archive.extractfile(member)
                return None if opened is None else bytes(opened.read())
    return None
