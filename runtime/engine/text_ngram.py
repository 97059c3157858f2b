"""A text encoder that is trained along: hashed character n-grams, open vocabulary, a table of a few megabytes.

A word's vector is the mean of the vectors of its n-grams of 3 to 5 letters and of the whole word (Bojanowski et al.
2017), each looked up in a table by a hash, so an unseen word gets the meaning of the parts that it shares with
seen ones.  Rows that training never touched are nearly zero and say nothing.  Position enters as a sinusoid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError


class TextEncoder(Protocol):
    """What an engine's text encoder can do."""

    @property
    def any_text(self) -> bool:
        """Whether it takes any text; else those alone that it was made with."""

    def encode(self, prompt: str) -> tuple[Array, Array]:
        """Token vectors [tokens, width] and their mask [tokens].  Raises InputError for a text that it cannot take."""


_WORD = re.compile(r"[a-z0-9]+")
NGRAMS = (3, 4, 5)


def words_of(prompt: str) -> list[str]:
    """Lower-case words and numbers of a prompt.  Raises InputError when there is none."""
    words = _WORD.findall(prompt.lower())
    if not words:
        raise InputError(f"text is {prompt!r}; wanted at least one word in Latin letters")
    return words


def _fnv1a(data: bytes) -> int:
    """32-bit FNV-1a hash: the same on every platform and Python, unlike hash()."""
    value = 0x811C9DC5
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


@lru_cache(maxsize=4096)
def word_rows(word: str, buckets: int) -> tuple[int, ...]:
    """Table rows of a word: its n-grams with the word's borders marked, and the whole."""
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in NGRAMS for i in range(len(marked) - n + 1)]
    return tuple(_fnv1a(gram.encode()) % buckets for gram in dict.fromkeys([*grams, marked]))


def position_table(tokens: int, width: int, base: float = 10000) -> Array:
    """[tokens, width] sinusoids (Vaswani et al. 2017)."""
    angle = np.arange(tokens)[:, None] / base ** (np.arange(0, width, 2) / width)[None]
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(tokens, width)


@dataclass(frozen=True, eq=False)
class NgramTextEncoder:
    """Text -> tokens.  Twin: `genmo.train.network.ngram_table` (the same table, trained)."""

    table: Array
    """[buckets, width]"""
    tokens: int
    """tokens of a text at most; further words are cut"""
    any_text: ClassVar[bool] = True

    def encode(self, prompt: str) -> tuple[Array, Array]:
        """Token vectors [tokens, width] and their mask [tokens] (1 = a word).  Raises InputError for no word."""
        words = words_of(prompt)[: self.tokens]
        encoded = np.zeros((self.tokens, self.table.shape[1]), np.float32)
        for index, word in enumerate(words):
            encoded[index] = self.table[list(word_rows(word, len(self.table)))].mean(axis=0)
        encoded += position_table(*encoded.shape).astype(np.float32)
        mask = (np.arange(self.tokens) < len(words)).astype(np.float32)
        return encoded * mask[:, None], mask
