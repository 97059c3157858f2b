"""The WordPiece text encoder in training: frozen vectors, so that words of no caption stay beside their synonyms.

Twin of `genmo.runtime.engine.text_wordpiece.WordPieceTextEncoder`: the same numbers, and what varies them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.text_wordpiece import (
    AXES,
    CHANNELS,
    WIDTH,
    WordPieceTable,
    WordPieceTextEncoder,
    layout,
    read_wordpiece_table,
)
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, InputError

WORD_NOISE = 0.25
"""length of the noise on a vector over the length of the vector: as far as close synonyms are apart"""
FUNCTION_WORD_DROPOUT = 0.3
"""chance that a function word is left out, where texts are varied"""


class TextSizes(Protocol):
    """What a model's config says of its texts."""

    @property
    def text_encoder(self) -> str: ...

    @property
    def text_width(self) -> int: ...

    @property
    def text_tokens(self) -> int: ...


class WordPieceText(nn.Module):
    """The table and the arithmetic that makes tokens of a text; has no weights."""

    def __init__(self, config: TextSizes, table: WordPieceTable) -> None:
        """Raises InputError for a config of other widths than the table's."""
        super().__init__()
        if config.text_width != WIDTH or config.text_tokens < 2:
            raise InputError(
                f"config: model.text_width is {config.text_width} and text_tokens {config.text_tokens}; the wordpiece "
                f"text encoder wanted text_width={WIDTH} and text_tokens of at least 2"
            )
        self.encoder = WordPieceTextEncoder(table, config.text_tokens)
        self._rows = lru_cache(maxsize=2**16)(self.encoder.rows)
        self.register_buffer("place", torch.zeros(()), persistent=False)  # the device that answers go to

    def as_runtime(self) -> WordPieceTextEncoder:
        """The runtime's encoder."""
        return self.encoder

    def forward(self, prompts: list[str], dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Rows [prompts, tokens, WIDTH] and mask [prompts, tokens]; an empty prompt has none.

        `dropout`: chance that a word that has no axis (left, three, ...) is left out; above 0 function words go more
        often, and every vector is moved a little, at most as far as to a close synonym, but for its axes.
        """
        tokens = self.encoder.tokens
        rows = np.zeros((len(prompts), tokens, WIDTH), np.float32)
        mask = np.zeros((len(prompts), tokens), np.float32)
        # torch's generator is the one that training seeds, so a resumed run varies texts in the same way
        random = np.random.default_rng(int(torch.randint(2**62, ()))) if dropout else None
        for index, prompt in enumerate(prompts):
            if prompt:
                made = self._varied(prompt, dropout, random) if random is not None else self._plain(prompt)
                rows[index, : len(made)], mask[index, : len(made)] = made, 1
        return torch.from_numpy(rows).to(self.place.device), torch.from_numpy(mask).to(self.place.device)

    def _plain(self, prompt: str) -> Array:
        rows = self._rows(prompt)
        table = self.encoder.table
        return layout(table.vectors_of(rows), table.mean(rows), self.encoder.content(rows))

    def _varied(self, prompt: str, dropout: float, random: np.random.Generator) -> Array:
        """Rows [1 + n, WIDTH] of a text with some words left out and the others moved."""
        table, every = self.encoder.table, self._rows(prompt)
        content, vectors = np.array(self.encoder.content(every)), table.vectors_of(every)
        chance = np.where(content, dropout * ~vectors[:, :AXES].any(axis=1), FUNCTION_WORD_DROPOUT)
        kept = random.random(len(every)) >= chance
        if not (kept & content).any():
            kept[:] = True
        rows, vectors = [row for row, stays in zip(every, kept, strict=True) if stays], vectors[kept]
        moved = random.normal(size=vectors.shape).astype(np.float32)
        moved[:, :AXES] = 0
        length = WORD_NOISE * np.linalg.norm(vectors[:, AXES:], axis=1) / (CHANNELS - AXES) ** 0.5
        vectors = vectors + moved * (length * random.random(len(vectors)))[:, None].astype(np.float32)
        return layout(vectors, table.mean(rows), content[kept].tolist())


def read_text_table(config: TextSizes, folder: str) -> WordPieceTable | None:
    """The table of a config with the "wordpiece" text encoder, of a folder or ("") that of the engine that ships.

    Raises InputError for a folder without one, and for one that no text encoder of the config takes.
    """
    if config.text_encoder != "wordpiece":
        if folder:
            raise InputError(
                f"config: text_table with model.text_encoder={config.text_encoder}, which has none; wanted "
                "model.text_encoder=wordpiece with it"
            )
        return None
    try:
        return read_wordpiece_table(Path(folder) if folder else SHIPPED)
    except EngineError as error:
        raise InputError(f"config: text_table: {error}") from None
