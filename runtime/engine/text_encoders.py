"""The text encoder that an engine folder names, checked and opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.text_cached import CACHE_SCHEME, CachedTextEncoder
from genmo.runtime.engine.text_ngram import NgramTextEncoder, TextEncoder
from genmo.runtime.engine.text_t5 import T5_SCHEME, T5TextEncoder
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError

NGRAM_SCHEME = "hashed-ngrams-1"
"""names the tokenizer and the arithmetic of runtime/engine/text_ngram.py; a change there needs a new name"""


def open_text_encoder(
    folder: Path, config: ModelConfig, stored: dict[str, Any] | None, files: dict[str, str]
) -> TextEncoder | None:
    """The text encoder that an engine folder describes (`stored`, of engine.json) among its `files` with their hashes;
    None where it has none.  Raises EngineError for one that cannot be used."""
    if stored is None:
        return None
    kinds = {NGRAM_SCHEME: _ngram_encoder, T5_SCHEME: _t5_encoder, CACHE_SCHEME: _cached_encoder}
    if stored.get("kind") not in kinds or str(stored.get("file")) not in files:
        known = ", ".join(repr(kind) for kind in kinds)
        raise EngineError(f"{folder}: text encoder {stored.get('kind')!r} is unknown; this genmo has {known}")
    if stored["kind"] == T5_SCHEME and str(stored.get("tokenizer")) not in files:
        raise EngineError(f"{folder}: tokenizer {stored.get('tokenizer')!r} is not among its files; export it again")
    return kinds[stored["kind"]](folder, config, stored)


def _table(folder: Path, name: str) -> Array:
    try:
        with (folder / name).open("rb") as file:
            table: Array = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise EngineError(f"{folder}/{name}: not a readable table ({error})") from None
    return table


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
