"""The default text encoder: English WordPiece tokens, each with a static vector distilled from a sentence encoder.

A text is cut into words and sub-words as BERT cuts it (Devlin et al. 2019; greedy longest match), and every token has a
row in a table: what a sentence encoder makes of it, reduced by principal components (the recipe of model2vec,
`genmo.train.tools.distill_text`).  The table is not trained with the network, so a word that no caption had lies beside
its synonyms.  What the network reads of a text, [tokens, WIDTH]:

    row 0      the text as a whole: the mean of its tokens, rare words weighted more (Arora et al. 2017)
    row n      token n: its vector | of its left neighbour | of its right neighbour | its place as a sinusoid

Neighbours are the nearest tokens that are no function words, so "the left arm" and "turns left" differ at "left".
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from genmo.runtime.engine.text_cached import padded
from genmo.runtime.engine.text_ngram import position_table
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.support.safe_read import MAX_TABLE_BYTES, read_npz, read_text

WORDPIECE_SCHEME = "wordpiece-1"
"""names the tokenizer and the arithmetic of this module; a change here needs a new name"""
TABLE, VOCABULARY = "text_encoder.npz", "text_vocabulary.txt"
AXES = 8
"""first channels of a vector: opposites that sentence encoders hardly tell apart (left and right, ...) and numbers"""
CHANNELS = 104
"""of a token's vector"""
CONTEXT = 32
"""channels of each neighbour: the axes and the strongest components"""
PLACE = 24
"""channels of the place in the text"""
WIDTH = CHANNELS + 2 * CONTEXT + PLACE
"""channels of a row that the network reads: `ModelConfig.text_width`"""
PLACE_BASE = 100.0
"""longest wavelength of the sinusoids over the shortest: texts have some 30 tokens"""
LONGEST_WORD = 100
"""letters; what follows is cut"""
CONTINUED = "##"
"""before a token that goes on with a word"""
FUNCTION_WORDS = frozenset(
    "a an the to of his her its their them he she it they is are was be at on in with and".split()
)
"""never a neighbour"""

_WORD = re.compile(r"[a-z0-9]+")
_TOKEN = re.compile(r"(?:##)?[a-z0-9]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def is_token(text: str) -> bool:
    """Whether a vocabulary may hold it: a word, a number, or a part of one that goes on."""
    return _TOKEN.fullmatch(text) is not None


def words_of(text: str) -> list[str]:
    """Lower-case words and numbers of a text, accents removed; whatever is neither separates them."""
    plain = unicodedata.normalize("NFD", text.replace("°", " degrees ").lower())
    return _WORD.findall("".join(letter for letter in plain if unicodedata.category(letter) != "Mn"))


@dataclass(frozen=True, eq=False)
class WordPieceTable:
    """Tokens and their static vectors; two files, `TABLE` and `VOCABULARY`."""

    vocabulary: tuple[str, ...]
    vectors: Array
    """[rows, CHANNELS] int8, in units of `scales`"""
    scales: Array
    """[CHANNELS] float32"""
    weights: Array
    """[rows] float16 in 0 to 1: share of a token in the mean of its text, small for the commonest"""
    teacher: str
    """the sentence encoder that the vectors were distilled from, and its licence"""

    @cached_property
    def rows(self) -> dict[str, int]:
        """Token -> row."""
        return {token: row for row, token in enumerate(self.vocabulary)}

    def pieces(self, word: str) -> list[int]:
        """Rows of a lower-case word: itself, or the longest parts from the left that there are."""
        whole = self.rows.get(word)
        if whole is not None:
            return [whole]
        word, found, start = word[:LONGEST_WORD], [], 0
        while start < len(word):
            mark = CONTINUED if start else ""
            stop = next(stop for stop in range(len(word), start, -1) if mark + word[start:stop] in self.rows)
            found.append(self.rows[mark + word[start:stop]])
            start = stop
        return found

    def tokenize(self, text: str) -> list[int]:
        """Rows of a text's tokens in order."""
        return [row for word in words_of(text) for row in self.pieces(word)]

    def vectors_of(self, rows: Iterable[int]) -> Array:
        """[rows, CHANNELS] float32."""
        return np.asarray(self.vectors[list(rows)] * self.scales, np.float32)

    def mean(self, rows: list[int]) -> Array:
        """[CHANNELS]: the mean of rows by their weights, as long as they are on the mean; zero for none."""
        if not rows:
            return np.zeros(CHANNELS, np.float32)
        vectors, weights = self.vectors_of(rows), self.weights[rows].astype(np.float32)
        mean = weights @ vectors / weights.sum()
        length = np.linalg.norm(vectors, axis=1).mean()
        return np.asarray(mean * (length / max(float(np.linalg.norm(mean)), 1e-6)), np.float32)


@dataclass(frozen=True, eq=False)
class WordPieceTextEncoder:
    """Text -> tokens [tokens, WIDTH].  Twin: `genmo.train.network.wordpiece_text` (the same numbers, with dropout)."""

    table: WordPieceTable
    tokens: int
    """rows of a text at most, the one of the whole included; further tokens are cut"""
    any_text: ClassVar[bool] = True

    def encode(self, prompt: str) -> tuple[Array, Array]:
        """Token vectors [tokens, WIDTH] and their mask [tokens] (1 = a token).  Raises InputError for no word."""
        rows = self.rows(prompt)
        return padded(layout(self.table.vectors_of(rows), self.table.mean(rows), self.content(rows)), self.tokens)

    def rows(self, prompt: str) -> list[int]:
        """Rows of the tokens that are kept.  Raises InputError for a text without a word."""
        rows = self.table.tokenize(prompt)
        if not rows:
            raise InputError(f"text is {prompt!r}; wanted at least one word in Latin letters")
        return rows[: self.tokens - 1]

    def content(self, rows: list[int]) -> list[bool]:
        """Whether each token may be a neighbour: no function word."""
        return [self.table.vocabulary[row] not in FUNCTION_WORDS for row in rows]


def layout(vectors: Array, mean: Array, content: list[bool]) -> Array:
    """Rows [1 + n, WIDTH] of a text, from its tokens' vectors [n, CHANNELS], their mean [CHANNELS], and which of them
    may be neighbours."""
    count = len(vectors)
    filled = np.zeros((1 + count, WIDTH), np.float32)
    filled[0, :CHANNELS] = mean
    filled[1:, :CHANNELS] = vectors
    left, right = filled[1:, CHANNELS : CHANNELS + CONTEXT], filled[1:, CHANNELS + CONTEXT : CHANNELS + 2 * CONTEXT]
    before: int | None = None
    for index in range(count):
        if before is not None:
            left[index] = vectors[before, :CONTEXT]
        before = index if content[index] else before
    after: int | None = None
    for index in reversed(range(count)):
        if after is not None:
            right[index] = vectors[after, :CONTEXT]
        after = index if content[index] else after
    filled[1:, -PLACE:] = position_table(count, PLACE, PLACE_BASE)
    return filled


def read_wordpiece_table(folder: Path) -> WordPieceTable:
    """The table of a folder: an engine, a checkpoint, or what `genmo.train.tools.distill_text` writes.

    Raises EngineError for files that are missing or no such table.
    """
    try:
        arrays = read_npz(folder / TABLE, "a table of token vectors", MAX_TABLE_BYTES)
        vocabulary = tuple(read_text(folder / VOCABULARY, "a vocabulary, one token a line").split("\n")[:-1])
    except InputError as error:
        raise EngineError(f"{error}; export the engine again") from None
    names, count = {"vectors", "scales", "weights", "teacher"}, len(vocabulary)
    shapes = {"vectors": (count, CHANNELS), "scales": (CHANNELS,), "weights": (count,), "teacher": ()}
    dtypes = {"vectors": "int8", "scales": "float32", "weights": "float16"}
    right = set(arrays) == names and all(arrays[name].shape == shape for name, shape in shapes.items())
    right = right and all(arrays[name].dtype == dtype for name, dtype in dtypes.items())
    right = right and arrays["teacher"].dtype.kind == "U" and arrays["teacher"].dtype.itemsize <= 4000
    if not right or not np.isfinite(arrays["scales"]).all() or not _within(arrays["weights"], 0, 1):
        raise EngineError(f"{folder / TABLE}: not the vectors of the {count} tokens in {VOCABULARY}; export it again")
    spelled = {*_LETTERS, *(CONTINUED + letter for letter in _LETTERS)}
    distinct = set(vocabulary)
    if len(distinct) < count or not spelled <= distinct or not all(map(is_token, vocabulary)):
        raise EngineError(
            f"{folder / VOCABULARY}: wanted tokens of a-z and 0-9, each once and every letter among them, alone and "
            f"after {CONTINUED}; export the engine again"
        )
    return WordPieceTable(vocabulary, arrays["vectors"], arrays["scales"], arrays["weights"], str(arrays["teacher"]))


def wordpiece_files(table: WordPieceTable) -> dict[str, bytes]:
    """The table's files, name -> content, byte for byte the same for the same table; inverse of the reader."""
    packed = io.BytesIO()
    np.savez(packed, vectors=table.vectors, scales=table.scales, weights=table.weights, teacher=np.array(table.teacher))
    return {TABLE: packed.getvalue(), VOCABULARY: "".join(f"{token}\n" for token in table.vocabulary).encode()}


def _within(values: Array, low: float, high: float) -> bool:
    return bool(((values > low) & (values <= high)).all())
