"""What an engine was trained on in words, and whether a prompt lies within it.

An engine knows English as far as its training texts went.  A word is known when it, or a word that lies close to it,
was in them; another language, a name or an action that no clip showed is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.engine.text_wordpiece import FUNCTION_WORDS, WordPieceTable, words_of
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_json

FILE = "prompts.json"
MAX_PROMPTS_BYTES = 2**22
NEAR = 0.5
"""cosine of a word's vector with the nearest that was trained on, from which it counts as known"""
NEAR_IN_PIECES = 0.65
"""the same for a word that is known by its parts alone, whose vectors say less"""
NAMED = 3
"""words and prompts that a note names"""
EVERYWHERE = frozenset(
    (
        "i me him us you we who what that this these those there here some any each every all both not no or but so "
        "as if when while for from by of off out into onto over under again just very really quite about like same "
        "own being been have has had do does doing did can could should would will then next first finally before "
        "after during until please make makes making take takes taking go goes going one two three four five six "
        "seven eight nine ten once twice times person people man men woman women someone somebody human figure "
        "character boy girl guy "
    ).split()
)
"""words that say nothing of a movement, besides function words"""


@dataclass(frozen=True)
class KnownPrompts:
    """Training texts of an engine, those that stand for all, and their words."""

    prompts: tuple[str, ...]
    words: frozenset[str]
    """lower case"""

    def to_json(self) -> dict[str, Any]:
        return {"prompts": list(self.prompts), "words": sorted(self.words)}


def read_known_prompts(path: Path) -> KnownPrompts:
    """The prompts of a file that `KnownPrompts.to_json` made.  Raises InputError for what is none."""
    expected = "lists of prompts and of words"
    stored = read_json(path, expected, MAX_PROMPTS_BYTES)
    right = isinstance(stored, dict) and set(stored) == {"prompts", "words"}
    if not right or not all(_texts(stored[name]) for name in ("prompts", "words")):
        raise InputError(f"{path}: wanted {expected}")
    return KnownPrompts(tuple(stored["prompts"]), frozenset(stored["words"]))


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text.isprintable() for text in value)


def telling_words(text: str) -> list[str]:
    """The words of a text that could say something of a movement, each once, in order; no numbers."""
    words = dict.fromkeys(words_of(text))
    return [word for word in words if word not in FUNCTION_WORDS | EVERYWHERE and not word.isdigit()]


def unknown_words(prompt: str, known: KnownPrompts, table: WordPieceTable) -> list[str]:
    """The words of a prompt that were not trained on, nor any close to them, in order."""
    words = [word for word in telling_words(prompt) if word not in known.words]
    trained = _units(telling_words(" ".join(sorted(known.words))), table)
    if not words or not len(trained):
        return words
    near = (_units(words, table) @ trained.T).max(axis=1)
    limits = [NEAR if word in table.rows else NEAR_IN_PIECES for word in words]
    return [word for word, cosine, limit in zip(words, near, limits, strict=True) if cosine < limit]


def nearest_prompts(prompt: str, known: KnownPrompts, table: WordPieceTable, count: int = NAMED) -> list[str]:
    """The prompts that are most like one; the first ones for one without a word."""
    if not known.prompts or not table.tokenize(prompt):
        return list(known.prompts[:count])
    alike = _units(known.prompts, table) @ _units([prompt], table)[0]
    return [known.prompts[index] for index in np.argsort(-alike, kind="stable")[:count]]


def _units(texts: Sequence[str], table: WordPieceTable) -> Array:
    """Vectors [texts, channels] of length one, zero for texts without a word."""
    means = np.stack([table.mean(table.tokenize(text)) for text in texts]) if texts else np.zeros((0, 1), np.float32)
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6), np.float32)


def prompt_notes(prompt: str, known: KnownPrompts, table: WordPieceTable) -> list[str]:
    """One line on the words of a prompt that the engine does not know, with prompts that it does; none where it knows
    them all."""
    words, missing = telling_words(prompt), unknown_words(prompt, known, table)
    if words and not missing:
        return []
    understood = " ".join(word for word in words if word not in missing)
    examples = ", ".join(map(repr, nearest_prompts(understood, known, table)))
    nearest = f"; {'nearest to the rest' if understood else 'it knows'}: {examples}" if examples else ""
    if not words:
        return [f"text {prompt!r} names no action in English words{nearest}"]
    listed = ", ".join(map(repr, missing[:NAMED]))
    if len(missing) > NAMED:
        listed += f" and {len(missing) - NAMED} more"
    what = "has words that this engine" if understood else "is of words that this engine, which reads English,"
    return [f"text {prompt!r} {what} was not trained on ({listed}){nearest}"]
