"""What a text says of a motion: how much each trait of it, a measure over a step (`speed>0.4`), speaks for the text.

A small network over the engine's own word vectors answers log odds of every trait (`genmo.runtime.actions.traits`):

    h = max and sum over tokens of relu(A [vector | its neighbours' first channels] + a), | the mean of the text
    log odds = C relu(B h + b) + c,    weight of a trait = (log odds - usual log odds) trust

It was taught weights that tell motions that do what a text says from others (`genmo.train.evaluation.teach_reader`).
Sides are read twice, as they are and with left and right exchanged, so that both are understood equally well.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.actions.names import mirrored_trait
from genmo.runtime.engine.text_wordpiece import CHANNELS, CONTEXT, WordPieceTextEncoder, layout
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.support.safe_read import read_npz

FILE = "text_reader.npz"
MAX_READER_BYTES = 2**22
TOKEN = CHANNELS + 2 * CONTEXT
"""channels of a token that are read: not its place"""
TOKENS = 24
"""of a text that are read; what follows is cut"""
SUM_GAIN = 0.25
"""of the sum over tokens, which grows with the text"""
SIDES_COUNT = 0.5
"""how much more the difference between a text and the text in the mirror counts: the wrong side is worse than none"""
LAYERS = ("tokens", "text", "traits")
_SIDES = {
    "left": "right", "leftward": "rightward", "leftwards": "rightwards", "lefthanded": "righthanded",
    "leftfooted": "rightfooted", "counterclockwise": "clockwise", "anticlockwise": "clockwise",
}  # fmt: skip
_EXCHANGED = {other: side for side, other in reversed(_SIDES.items())} | _SIDES
_SIDE = re.compile(rf"\b(?:{'|'.join(_EXCHANGED)})\b", re.IGNORECASE)


def exchanged(text: str) -> str:
    """The text with left and right exchanged."""
    return _SIDE.sub(lambda match: _EXCHANGED[match[0].lower()], text)


@dataclass(frozen=True, eq=False)
class Layer:
    """values @ weights * scales + bias; weights [inputs, outputs] int8."""

    weights: Array
    scales: Array
    """[outputs] float32"""
    bias: Array
    """[outputs] float32"""

    def __call__(self, values: Array) -> Array:
        return np.asarray(values @ self._floats + self.bias, np.float32)

    @cached_property
    def _floats(self) -> Array:
        return np.asarray(self.weights * self.scales, np.float32)

    @classmethod
    def of(cls, weights: Array, bias: Array) -> Layer:
        """Of float weights [inputs, outputs], rounded to 8 bits an output."""
        scales = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
        return cls(np.rint(weights / scales).astype(np.int8), scales.astype(np.float32), bias.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Reading:
    """What a text says."""

    weights: Array
    """[traits] how much a motion that has the trait agrees with the text, more than one that has it not"""
    amount: float
    """by how much motions whose traits are as the log odds have them agree with it more than any motions do: near 0
    where it says nothing that a trait shows"""


@dataclass(frozen=True, eq=False)
class TextReader:
    """Text -> `Reading`, with an engine's table of words."""

    encoder: WordPieceTextEncoder
    traits: tuple[str, ...]
    layers: tuple[Layer, Layer, Layer]
    usual: Array
    """[traits] log odds of a trait whatever the text"""
    trust: Array
    """[traits] above 0: what a trait's log odds count for"""

    def read(self, text: str) -> Reading:
        """What a text says.  Raises InputError for a text without a word."""
        odds = self._both_sides(text)
        weights = (odds - self.usual) * self.trust
        sided = weights + SIDES_COUNT * (weights - weights[self._mirror])
        return Reading(sided, float((_share(odds) - _share(self.usual)) @ weights))

    def _both_sides(self, text: str) -> Array:
        """[traits] log odds, the mean of those of the text and those of the text in the mirror."""
        other = self._log_odds(exchanged(text))[self._mirror]
        return np.asarray((self._log_odds(text) + other) / 2)

    @cached_property
    def _mirror(self) -> Array:
        rows = {name: row for row, name in enumerate(self.traits)}
        return np.array([rows[mirrored_trait(name)] for name in self.traits])

    def _log_odds(self, text: str) -> Array:
        table = self.encoder.table
        rows = self.encoder.rows(text)[:TOKENS]
        mean = table.mean(rows)
        tokens = layout(table.vectors_of(rows), mean, self.encoder.content(rows))[1:, :TOKEN]
        of_tokens, of_text, of_traits = self.layers
        hidden = np.maximum(of_tokens(tokens), 0)
        pooled = np.concatenate([hidden.max(axis=0), SUM_GAIN * hidden.sum(axis=0), mean])
        return of_traits(np.maximum(of_text(pooled), 0))


def _share(log_odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-log_odds.astype(np.float64))))


def reader_file(reader: TextReader) -> bytes:
    """The content of a reader's file, byte for byte the same for the same reader; inverse of `open_reader`."""
    arrays: dict[str, Any] = {"names": np.frombuffer("\n".join(reader.traits).encode(), np.uint8)}
    arrays |= {"usual": reader.usual.astype(np.float32), "trust": reader.trust.astype(np.float32)}
    for name, layer in zip(LAYERS, reader.layers, strict=True):
        arrays |= {name: layer.weights, f"{name}_scales": layer.scales, f"{name}_bias": layer.bias}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return packed.getvalue()


def open_reader(path: Path, encoder: WordPieceTextEncoder) -> TextReader:
    """The reader of a file that `reader_file` made.  Raises EngineError for what is none."""
    try:
        arrays = read_npz(path, "a reader of texts", MAX_READER_BYTES)
        names = tuple(arrays.pop("names").tobytes().decode("ascii").split("\n"))
        layers = [Layer(*(arrays.pop(f"{name}{of}") for of in ("", "_scales", "_bias"))) for name in LAYERS]
        usual, trust = arrays.pop("usual"), arrays.pop("trust")
    except (InputError, KeyError, ValueError):
        raise EngineError(f"{path}: not a reader of texts; export the engine again") from None
    reader = TextReader(encoder, names, (layers[0], layers[1], layers[2]), usual, trust)
    if arrays or not _is_whole(reader):
        raise EngineError(f"{path}: not a reader of texts; export the engine again")
    return reader


def _is_whole(reader: TextReader) -> bool:
    """Whether every array has its shape and finite numbers, and every trait its mirror image."""
    hidden = [layer.weights.shape[-1] if layer.weights.ndim == 2 else 0 for layer in reader.layers]
    count, names = len(reader.traits), set(reader.traits)
    inputs = (TOKEN, 2 * hidden[0] + CHANNELS, hidden[1])
    if hidden[2] != count or len(names) != count or not all(hidden):
        return False
    for layer, rows, columns in zip(reader.layers, inputs, hidden, strict=True):
        if layer.weights.shape != (rows, columns) or layer.weights.dtype != np.int8:
            return False
        if not all(_floats(array, columns) for array in (layer.scales, layer.bias)):
            return False
    known = all(mirrored_trait(name) in names for name in names)
    return known and _floats(reader.usual, count) and _floats(reader.trust, count)


def _floats(array: Array, count: int) -> bool:
    return array.shape == (count,) and array.dtype == np.float32 and bool(np.isfinite(array).all())
