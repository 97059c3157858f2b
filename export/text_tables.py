"""The text encoder of a checkpoint in its engine: the files, and what `engine.json` says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.actions.examples import Examples
from genmo.runtime.engine.example_file import FILE as EXAMPLES
from genmo.runtime.engine.example_file import examples_file
from genmo.runtime.engine.known_prompts import FILE, KnownPrompts
from genmo.runtime.engine.text_encoders import NGRAM_SCHEME
from genmo.runtime.engine.text_lengths import FILE as TEXT_LENGTHS
from genmo.runtime.engine.text_lengths import TextLengths, lengths_file
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.engine.text_reader import TextReader, reader_file
from genmo.runtime.engine.text_wordpiece import TABLE, VOCABULARY, WORDPIECE_SCHEME, wordpiece_files
from genmo.train.network.ngram_table import NgramTable
from genmo.train.network.wordpiece_text import WordPieceText

NGRAM_TABLE = "text_encoder.npy"


def described_encoder(encoder: NgramTable | WordPieceText | None) -> dict[str, Any] | None:
    """The entry `text_encoder` of `engine.json`."""
    if encoder is None:
        return None
    if isinstance(encoder, WordPieceText):
        return {
            "kind": WORDPIECE_SCHEME,
            "file": TABLE,
            "vocabulary": VOCABULARY,
            "teacher": encoder.encoder.table.teacher,
            "about": "static vectors of English WordPiece tokens, distilled from the teacher and not trained further; "
            "open vocabulary, English captions",
        }
    return {
        "kind": NGRAM_SCHEME,
        "file": NGRAM_TABLE,
        "about": "table of hashed character n-grams (3 to 5 letters and whole words), trained with the denoiser; "
        "open vocabulary, English captions",
    }


def write_prompts(known: KnownPrompts | None, folder: Path) -> dict[str, Any]:
    """Write what a checkpoint was trained on in words into an engine's folder; the entry of `engine.json`."""
    if known is None:
        return {}
    (folder / FILE).write_text(json.dumps(known.to_json(), separators=(",", ":")) + "\n", encoding="utf-8")
    return {"prompts": FILE}


def write_reader(reader: TextReader | None, folder: Path) -> dict[str, Any]:
    """Write a checkpoint's reader of texts into an engine's folder; the entry of `engine.json`."""
    if reader is None:
        return {}
    (folder / READER).write_bytes(reader_file(reader))
    return {"text_reader": READER}


def write_lengths(lengths: TextLengths | None, folder: Path) -> dict[str, Any]:
    """Write what says how long texts take into an engine's folder; the entry of `engine.json`."""
    if lengths is None:
        return {}
    (folder / TEXT_LENGTHS).write_bytes(lengths_file(lengths))
    return {"text_lengths": TEXT_LENGTHS}


def write_examples(examples: Examples | None, folder: Path) -> dict[str, Any]:
    """Write a checkpoint's examples into an engine's folder; the entry of `engine.json`."""
    if examples is None:
        return {}
    (folder / EXAMPLES).write_bytes(examples_file(examples))
    return {"examples": EXAMPLES}


def write_table(encoder: NgramTable | WordPieceText | None, folder: Path) -> None:
    """Write the table of a checkpoint's text encoder into an engine's folder."""
    if isinstance(encoder, WordPieceText):
        for name, content in wordpiece_files(encoder.encoder.table).items():
            (folder / name).write_bytes(content)
    elif encoder is not None:
        np.save(folder / NGRAM_TABLE, encoder.as_runtime().table)
