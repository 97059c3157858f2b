"""How long a text's action takes: a softmax over lengths, and over that it goes on, from the mean of the text's words.

    hidden = relu(A [mean | kind] + a)
    share of each length of LENGTHS, and of "goes on" = softmax(B hidden + b)

The mean is the engine's own (`text_wordpiece.WordPieceTable.mean`); the kind is what rules tell of the verb and of how
often it is done (`text_timing.kind_of`).  Lengths are in motion tokens of four frames, finer where they are short.
GenM3's relatives guess a length from the text's global vector; what they do not tell apart is a text that says no end
("a person walks"), of which any length is right.
It was taught with captions and measured actions (`genmo.train.evaluation.teach_lengths`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.conditions.text_timing import LONG_SECONDS, SHORT_SECONDS, kind_of
from genmo.runtime.engine.text_reader import Layer
from genmo.runtime.engine.text_wordpiece import CHANNELS, WordPieceTextEncoder
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.support.safe_read import read_npz

FILE = "text_lengths.npz"
MAX_BYTES = 2**20
FRAMES_A_STEP = 4
"""frames by which lengths are counted: those of a motion token"""
LENGTHS = tuple(
    FRAMES_A_STEP * count
    for count in (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 21, 24, 27, 30, 34, 38, 43, 48, 54, 60, 67, 75)
)
"""frames that an action may take, 0.7 to 10 s"""
LAYERS = ("hidden", "shares")
KINDS = 3
"""numbers that say the kind of an action"""


@dataclass(frozen=True)
class LengthReading:
    """What a text says of its length."""

    goes_on: float
    """share of such texts, 0 to 1, that say no end"""
    frames: int
    """the median of those that do"""


@dataclass(frozen=True, eq=False)
class TextLengths:
    """Text -> `LengthReading`, with an engine's table of words."""

    encoder: WordPieceTextEncoder
    layers: tuple[Layer, Layer]

    def read(self, text: str) -> LengthReading:
        """What a text says of its length.  Raises InputError for a text without a word."""
        shares = self.shares(text)
        ends = np.cumsum(shares[:-1])
        middle = int(np.searchsorted(ends, ends[-1] / 2))
        return LengthReading(float(shares[-1]), LENGTHS[min(middle, len(LENGTHS) - 1)])

    def shares(self, text: str) -> Array:
        """[lengths + 1] share of the texts like this one that take so long; the last: that go on."""
        mean = self.encoder.table.mean(self.encoder.rows(text))
        hidden, answer = self.layers
        logits = answer(np.maximum(hidden(np.concatenate([mean, kind_numbers(text)])), 0)).astype(np.float64)
        shares = np.exp(logits - logits.max())
        return np.asarray(shares / shares.sum())


def kind_numbers(text: str) -> Array:
    """[KINDS] of the text's action: whether it is soon over, whether it goes on, the log of how often it is done."""
    seconds, number = kind_of(text)
    return np.array([seconds == SHORT_SECONDS, seconds == LONG_SECONDS, np.log(number)], np.float32)


def lengths_file(lengths: TextLengths) -> bytes:
    """The content of the file, byte for byte the same for the same layers; inverse of `open_lengths`."""
    arrays: dict[str, Any] = {}
    for name, layer in zip(LAYERS, lengths.layers, strict=True):
        arrays |= {name: layer.weights, f"{name}_floats": np.stack([layer.scales, layer.bias])}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return packed.getvalue()


def open_lengths(path: Path, encoder: WordPieceTextEncoder) -> TextLengths:
    """What `lengths_file` made.  Raises EngineError for a file that is none."""
    wrong = EngineError(f"{path}: not a table of how long texts take; export the engine again")
    try:
        arrays = read_npz(path, "a table of how long texts take", MAX_BYTES)
        layers = [Layer(arrays.pop(name), *arrays.pop(f"{name}_floats")) for name in LAYERS]
    except (InputError, KeyError, ValueError, TypeError):
        raise wrong from None
    rows, columns = CHANNELS + KINDS, len(LENGTHS) + 1
    middle = layers[0].weights.shape[-1] if layers[0].weights.ndim == 2 else 0
    right = not arrays and middle > 0
    for layer, shape in zip(layers, ((rows, middle), (middle, columns)), strict=True):
        right = right and layer.weights.shape == shape and layer.weights.dtype == np.int8
        right = right and all(
            floats.shape == shape[1:] and floats.dtype == np.float32 and bool(np.isfinite(floats).all())
            for floats in (layer.scales, layer.bias)
        )
    if not right:
        raise wrong
    return TextLengths(encoder, (layers[0], layers[1]))
