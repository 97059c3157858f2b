"""The text encoder that an engine folder names, checked and opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.text_cached import CACHE_SCHEME, CachedTextEncoder
from genmo.runtime.engine.text_ngram import NgramTextEncoder, TextEncoder
from genmo.runtime.engine.text_t5 import BERT_SCHEME, T5_SCHEME, T5TextEncoder
from genmo.runtime.engine.text_wordpiece import (
    TABLE,
    VOCABULARY,
    WIDTH,
    WORDPIECE_SCHEME,
    WordPieceTextEncoder,
    read_wordpiece_table,
)
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, quoted, read_npy_file

NGRAM_SCHEME = "hashed-ngrams-1"
"""names the tokenizer and the arithmetic of runtime/engine/text_ngram.py; a change there needs a new name"""


def open_text_encoder(
    folder: Path, config: ModelConfig, stored: dict[str, Any] | None, files: dict[str, str]
) -> TextEncoder | None:
    """The text encoder that an engine folder describes (`stored`, of engine.json) among its `files` with their hashes;
    None where it has none.  Raises EngineError for one that cannot be used."""
    if stored is None:
        return None
    kinds = {
        WORDPIECE_SCHEME: _wordpiece_encoder,
        NGRAM_SCHEME: _ngram_encoder,
        T5_SCHEME: _t5_encoder,
        BERT_SCHEME: _t5_encoder,
        CACHE_SCHEME: _cached_encoder,
    }
    kind, file, tokenizer = (stored.get(name) for name in ("kind", "file", "tokenizer"))
    if not isinstance(kind, str) or kind not in kinds:
        supported = ", ".join(repr(kind) for kind in kinds)
        raise EngineError(f"{folder}: text encoder {quoted(kind)} is unknown; this genmo has {supported}")
    if not isinstance(file, str) or file not in files:
        raise EngineError(f"{folder}: text encoder {quoted(file)} is not among its files; export it again")
    if kind == WORDPIECE_SCHEME and (file != TABLE or VOCABULARY not in files):
        raise EngineError(f"{folder}: {VOCABULARY} is not among its files; export it again")
    if kind in (T5_SCHEME, BERT_SCHEME) and (not isinstance(tokenizer, str) or tokenizer not in files):
        raise EngineError(f"{folder}: tokenizer {quoted(tokenizer)} is not among its files; export it again")
    return kinds[kind](folder, config, stored)


def _table(folder: Path, name: str) -> Array:
    try:
        return read_npy_file(folder / name, "a table of text vectors", MAX_TABLE_BYTES)
    except InputError as error:
        raise EngineError(f"{error}; export the engine again") from None


def _wordpiece_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    if config.text_width != WIDTH or config.text_tokens < 2:
        raise EngineError(f"{folder}: its model takes no rows of {WIDTH} channels, which its text encoder makes")
    return WordPieceTextEncoder(read_wordpiece_table(folder), config.text_tokens)


def _ngram_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    table = _table(folder, stored["file"])
    if table.shape != (config.text_buckets, config.text_width) or table.dtype != np.float32:
        raise EngineError(f"{folder}/{stored['file']}: {table.dtype} {table.shape} is not the table of this model")
    return NgramTextEncoder(table, config.text_tokens)


def _t5_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    graph, tokenizer = folder / stored["file"], folder / stored["tokenizer"]
    return T5TextEncoder(graph, tokenizer, config.text_tokens, config.text_width)


def _cached_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    prompts, lengths = stored.get("prompts"), stored.get("lengths")
    right = isinstance(prompts, list) and isinstance(lengths, list) and len(prompts) == len(lengths)
    right = right and all(isinstance(prompt, str) for prompt in prompts or ())
    right = right and all(type(length) is int and 0 < length <= config.text_tokens for length in lengths or ())
    if not right or not prompts:
        raise EngineError(f"{folder}/engine.json: text_encoder has no prompts with their lengths; export it again")
    assert lengths is not None
    table = _table(folder, stored["file"])
    if table.shape != (sum(lengths), config.text_width) or table.dtype != np.float32:
        raise EngineError(f"{folder}/{stored['file']}: {table.dtype} {table.shape} is not what its prompts need")
    return CachedTextEncoder(tuple(prompts), table, tuple(lengths), config.text_tokens)
