"""Sentences that people might type for a few seconds of motion, beside the tags that they ask for.

`sentences.txt` has one a line, `tags | sentence`.  What no side is said of has a tag of each, `kick_left/kick_right`.
They were written for genmo, without the prompts of the obey report in sight, and hold words that neither the grammar
nor the captions of the sets use: the reader of texts learns from them what users may mean
(`genmo.train.data.reader_pairs`), and a share of the windows of a training may have them as captions
(`CaptionConfig.written`).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from genmo.runtime.actions.names import mirrored_tag
from genmo.runtime.engine.text_reader import exchanged
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_text
from genmo.train.captions.grammar import one_of

FILE = Path(__file__).with_name("sentences.txt")


@dataclass(frozen=True)
class Sentence:
    """A sentence and what it asks for."""

    text: str
    asks: tuple[frozenset[str], ...]
    """ways to do what it says: tags that a motion has all of.  Two where no side is said, else one"""

    @property
    def has_side(self) -> bool:
        """Whether it is another sentence in the mirror."""
        return exchanged(self.text) != self.text

    def mirrored(self) -> Sentence:
        """With left and right exchanged."""
        return Sentence(exchanged(self.text), tuple(frozenset(map(mirrored_tag, way)) for way in self.asks))


@cache
def written_sentences(path: Path = FILE) -> tuple[Sentence, ...]:
    """The sentences of a file.  Raises InputError for a line that is none."""
    lines = read_text(path, "sentences with their tags").splitlines()
    return tuple(_sentence(path, number, line) for number, line in enumerate(lines, 1) if line.strip())


def sentence_for(tags: Set[str], random: np.random.Generator) -> str:
    """A written sentence that asks for what a motion of such tags does; "" where none does.

    All ways to do something are as likely, so that what is said in many ways is not what is said most.
    """
    texts = [texts for way, texts in _by_way().items() if way <= tags]
    return one_of(random, one_of(random, texts)) if texts else ""


@cache
def _by_way() -> dict[frozenset[str], list[str]]:
    """The texts that ask for all of some tags, those in the mirror among them."""
    found: dict[frozenset[str], list[str]] = {}
    for one in written_sentences():
        for said in (one, one.mirrored()) if one.has_side else (one,):
            for way in said.asks:
                found.setdefault(way, []).append(said.text)
    return found


def _sentence(path: Path, number: int, line: str) -> Sentence:
    tags, bar, text = (part.strip() for part in line.partition("|"))
    ways = [word.split("/") for word in tags.split()]
    counts = {len(way) for way in ways} | {1}
    if not (bar and text and ways) or len(counts) > 2:
        raise InputError(
            f"{path}, line {number}: {line[:60]!r}; wanted tags | sentence, e.g. 'kick_left | a left kick'"
        )
    asks = [frozenset(way[min(one, len(way) - 1)] for way in ways) for one in range(max(counts))]
    return Sentence(text, tuple(asks))
