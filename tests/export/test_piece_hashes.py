"""Hashes of pieces in the table "native": what they are, and that every export has them."""

import json
from hashlib import sha256

import pytest

from genmo.export.piece_hashes import PIECE, hash_of_pieces, read_by_native
from genmo.runtime.engine.bundle import SHIPPED


def test_the_hash_is_of_the_pieces_hashes():
    one, two = sha256(b"ab").digest(), sha256(b"c").digest()
    assert hash_of_pieces(b"abc", 2) == sha256(one + two).hexdigest()
    assert hash_of_pieces(b"ab", 2) == sha256(one).hexdigest()
    assert len({hash_of_pieces(data, 2) for data in (b"", b"ab", b"ba", b"abc", b"ab\0", b"abab")}) == 6


@pytest.mark.parametrize("which", ["exported", "ships"])
def test_an_engine_has_hashes_of_the_files_that_libgenmo_reads(which, tiny_engine):
    folder = tiny_engine if which == "exported" else SHIPPED
    described = json.loads((folder / "engine.json").read_text())
    pieces = described["native"]["pieces"]
    assert pieces["bytes"] == PIECE
    assert pieces["sha256"] == {name: hash_of_pieces((folder / name).read_bytes()) for name in pieces["sha256"]}
    assert set(pieces["sha256"]) == read_by_native(described["native"], described["text_encoder"])
    assert {"step.onnx", "conditions.onnx", "texts.onnx"} <= set(pieces["sha256"])


def test_words_are_read_where_they_are_tokens():
    table = {"tensors": {"step.time": ["step.onnx", 0, [4]]}}
    words = {"kind": "wordpiece-1", "file": "a.npz", "vocabulary": "b.txt"}
    assert read_by_native(table, words) == {"step.onnx", "a.npz", "b.txt"}
    assert read_by_native(table, words | {"kind": "t5-1"}) == read_by_native(table, None) == {"step.onnx"}
