"""The texts that a run was trained on: their words, and a few that stand for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from torch import nn

from genmo.runtime.engine.known_prompts import KnownPrompts
from genmo.runtime.engine.text_wordpiece import WordPieceTable, words_of
from genmo.runtime.support.arrays import Array
from genmo.train.network.wordpiece_text import WordPieceText

KEPT = 200
"""prompts that stand for all"""
COUNTED = 20_000
"""different prompts that are counted; measured captions have no end"""
CONSIDERED = 2000
"""of the commonest prompts, among which those that stand for all are chosen"""
LONGEST = 80
"""letters of a prompt that stands for others"""
ALIKE = 0.9
"""cosine from which one prompt says what another does"""


class SeenPrompts:
    """Counts the prompts of a run."""

    def __init__(self, known: KnownPrompts | None = None) -> None:
        """`known`: of the run that this one goes on from."""
        self._words = set() if known is None else set(known.words)
        self._counts: Counter[str] = Counter(() if known is None else known.prompts)

    def add(self, prompts: Iterable[str]) -> None:
        """Count the prompts of a batch; empty ones are none."""
        for prompt in prompts:
            if prompt not in self._counts:
                self._words.update(words_of(prompt))
            if prompt and (prompt in self._counts or len(self._counts) < COUNTED):
                self._counts[prompt] += 1

    def known(self, encoder: nn.Module | None) -> KnownPrompts | None:
        """The words, and up to KEPT prompts that differ for a model's text encoder, the commonest first; None before
        the first."""
        common = [prompt for prompt, _ in self._counts.most_common(CONSIDERED) if len(prompt) <= LONGEST]
        chosen = _different(common, encoder.encoder.table) if isinstance(encoder, WordPieceText) else common[:KEPT]
        return KnownPrompts(tuple(chosen), frozenset(self._words)) if self._words else None


def _different(prompts: list[str], table: WordPieceTable) -> list[str]:
    """Up to KEPT prompts from the first on, each unlike those before it."""
    chosen: list[str] = []
    vectors: list[Array] = []
    for prompt in prompts:
        mean = table.mean(table.tokenize(prompt))
        mean = mean / max(float(np.linalg.norm(mean)), 1e-6)
        if not vectors or float((np.stack(vectors) @ mean).max()) < ALIKE:
            chosen.append(prompt)
            vectors.append(mean)
        if len(chosen) == KEPT:
            break
    return chosen
