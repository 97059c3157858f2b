"""The files of an engine folder against the list in its engine.json, before any library opens them."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, MAX_WEIGHTS_BYTES, quoted, sha256

GRAPH = ".onnx"
LONGEST_NAME = 255
_DIGEST = re.compile(r"[0-9a-f]{64}")
# A tensor whose numbers lie in another file says so in pairs of strings (field 13 of it), one with the key "location"
# (field 1) and the file's name (field 2).  Protobuf also reads tags and lengths written longer than they need be,
# fields in another order and fields given twice: such a pair is found, and refused.
_KEY = re.compile(rb"(?:\x0a|\x8a\x80{0,8}\x00)(?:\x08|\x88\x80{0,8}\x00)location\Z")
_PAIR = re.compile(rb"\x6a(.)\x0a\x08location\x12(.)", re.DOTALL)
_BEFORE, _WORD = 4, b"location"
_LONGEST_TAG = 20


def check_files(folder: Path, files: object) -> dict[str, str]:
    """The names and hashes of `files`, once every file is there, inside the folder, and has its hash.

    Numbers that a graph keeps in another file must be in one of them.  Raises EngineError otherwise.
    """
    if not isinstance(files, Mapping) or not all(isinstance(text, str) for pair in files.items() for text in pair):
        raise EngineError(f"{folder}/engine.json: files is no table of names and hashes; export the engine again")
    for name, expected in files.items():
        plain = Path(name).name == name and not name.startswith(".") and "\0" not in name
        if not plain or len(name.encode(errors="replace")) > LONGEST_NAME or not _DIGEST.fullmatch(expected):
            raise EngineError(
                f"{folder}/engine.json: {quoted(name)} is not a plain file name with a SHA-256; export the engine again"
            )
    for name, expected in files.items():
        _check_file(folder, name, expected, files)
    return dict(files)


def _check_file(folder: Path, name: str, expected: str, files: Mapping[str, str]) -> None:
    path = folder / name
    if not path.is_file():
        raise EngineError(f"{folder}: {name} is missing; copy the whole folder or export the engine again")
    try:
        actual = sha256(path, "a file of an engine", MAX_TABLE_BYTES if name.endswith(GRAPH) else MAX_WEIGHTS_BYTES)
    except InputError as error:
        raise EngineError(str(error)) from None
    if actual != expected:
        raise EngineError(f"{path}: its SHA-256 is not the one in engine.json: damaged or altered; export it again")
    for elsewhere in external_files(path) if name.endswith(GRAPH) else ():
        if elsewhere not in files:
            raise EngineError(
                f"{path}: keeps numbers in {quoted(elsewhere)}, whose SHA-256 is not in engine.json; "
                "export the engine again"
            )


def external_files(path: Path) -> Iterator[str]:
    """Names of the files in which an ONNX graph keeps numbers, "" for one that is not understood."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            position = data.find(_WORD)
            while position >= 0:
                if _KEY.search(data[max(position - _LONGEST_TAG, 0) : position + len(_WORD)]):
                    yield _name(data, position)
                position = data.find(_WORD, position + 1)


def _name(data: mmap.mmap, position: int) -> str:
    """The file's name that follows the key at `position`; "" where the pair is not written as every tool writes it."""
    pair = _PAIR.match(data, max(position - _BEFORE, 0))
    if pair is None:
        return ""
    whole, length = pair[1][0], pair[2][0]
    right = pair.start() == position - _BEFORE and whole == pair.end() - pair.start() - 2 + length < 128
    return data[pair.end() : pair.end() + length].decode(errors="replace") if right else ""
