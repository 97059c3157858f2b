"""Hashes of a file's pieces: what libgenmo compares when it opens an engine, in half the time of a whole file's.

SHA-256 of a row of bytes waits for every block before the next, so that a processor with wide registers has nothing to
put into their lanes; sixteen pieces fill them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genmo.runtime.support.safe_read import MAX_WEIGHTS_BYTES, read_bytes

PIECE = 1 << 14
"""bytes of all pieces of a file but the last, which may be shorter"""


def hash_of_pieces(data: bytes, piece: int = PIECE) -> str:
    """SHA-256, in hexadecimal, of the SHA-256 digests of `data`'s pieces, one after the other."""
    digests = (hashlib.sha256(data[at : at + piece]).digest() for at in range(0, len(data), piece))
    return hashlib.sha256(b"".join(digests)).hexdigest()


def piece_hashes(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    """What the table "native" says of an engine's files that libgenmo reads: bytes of a piece, and a hash by name."""
    read = {name: read_bytes(folder / name, "a file of an engine", MAX_WEIGHTS_BYTES) for name in sorted(names)}
    return {"bytes": PIECE, "sha256": {name: hash_of_pieces(data) for name, data in read.items()}}


def read_by_native(table: dict[str, Any], text_encoder: dict[str, Any] | None) -> set[str]:
    """Names of the files that libgenmo reads, by an engine's table "native" and the description of its text encoder."""
    encoder = text_encoder or {}
    words = {str(encoder[key]) for key in ("file", "vocabulary") if encoder.get("kind") == "wordpiece-1"}
    return words | {str(file) for file, _, _ in table["tensors"].values()}
