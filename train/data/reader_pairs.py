"""Texts beside the traits of the motions that they describe, which the reader of texts is taught with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genmo.runtime.actions.names import mirrored_tag, mirrored_trait
from genmo.runtime.engine.text_wordpiece import words_of
from genmo.runtime.support.arrays import Array, Flags, Numbers
from genmo.train.captions.describe import sentence_of
from genmo.train.captions.grammar import one_of
from genmo.train.captions.phrases import split_tag
from genmo.train.captions.sentences import Sentence
from genmo.train.data.augmentation import mirrored_caption, reworded
from genmo.train.data.caption_draws import is_loose
from genmo.train.data.reader_windows import Windows
from genmo.train.data.window_index import NEVER, PLENTY, RARELY
from genmo.train.datasets.clips import Clip

BY_KIND, OWN = 0.8, 0.25
"""share of the windows drawn by what they do, so that rare things are read too, and of those with the set's caption"""
FEW = 20
"""windows that do what a sentence asks for, below which windows of which a part does it are taken as well"""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Texts and the windows that they describe."""

    texts: list[str]
    traits: Flags
    """[pairs, traits] of the window, or of it in the mirror"""
    window: Numbers
    """[pairs]"""
    asks: Flags
    """[2, pairs, traits] what a written sentence asks for, in both ways to do it; none of other texts, which say some
    of what their windows do"""

    def __add__(self, other: Pairs) -> Pairs:
        """These and others."""
        return Pairs(
            self.texts + other.texts,
            np.concatenate([self.traits, other.traits]),
            np.concatenate([self.window, other.window]),
            np.concatenate([self.asks, other.asks], axis=1),
        )


def plain_words(text: str) -> str:
    """A text without case and punctuation."""
    return " ".join(words_of(text))


def draw_pairs(clips: Sequence[Clip], windows: Windows, count: int, without: Collection[str], seed: int) -> Pairs:
    """So many pairs of captions of the sets and sentences of the grammar; no text is among `without`, as `plain_words`
    writes them."""
    random = np.random.default_rng(seed)
    kinds = _kinds(windows)
    names = list(kinds)
    shares = np.array([np.cbrt(min(len(kinds[k]), PLENTY)) * RARELY.get(split_tag(k)[0], 1.0) for k in names])
    shares /= shares.sum()
    mirror = _mirror(windows)
    loose = [is_loose(clip) for clip in clips]
    texts: list[str] = []
    traits, chosen = [], []
    while len(texts) < count:
        by_kind = random.random() < BY_KIND
        among = kinds[names[int(random.choice(len(names), p=shares))]] if by_kind else range(len(windows.tags))
        window, mirrored = int(one_of(random, among)), random.random() < 0.5
        clip = int(windows.clip[window])
        own = () if loose[clip] else clips[clip].captions
        text = _text(own, windows.tags[window], mirrored, random)
        if not text or plain_words(text) in without:
            continue
        texts.append(text)
        traits.append(windows.traits[window][mirror] if mirrored else windows.traits[window])
        chosen.append(window)
    found = np.stack(traits)
    return Pairs(texts, found, np.array(chosen), np.zeros((2, *found.shape), np.bool_))


def draw_sentences(
    sentences: Sequence[Sentence], windows: Windows, count: int, without: Collection[str], seed: int
) -> Pairs:
    """So many written sentences, each beside a window that does what it asks for, the rare as often as the common;
    sentences that no window does are left out, those of `without` as well."""
    random = np.random.default_rng(seed)
    does = _Does(windows)
    kept = [one for one in sentences if plain_words(one.text) not in without and any(map(does.rows_of, one.asks))]
    kinds = [min(min(way), mirrored_tag(min(way))) for way in (one.asks[0] for one in kept)]
    often = Counter(kinds)
    shares = np.array([1 / np.sqrt(often[kind]) for kind in kinds])
    mirror = _mirror(windows)
    columns = {name: column for column, name in enumerate(windows.names)}
    texts: list[str] = []
    traits, chosen = [], []
    asks = np.zeros((2, count, len(windows.names)), np.bool_)
    for pair, drawn in enumerate(random.choice(len(kept), count, p=shares / shares.sum()) if kept else ()):
        one = kept[int(drawn)]
        one = one.mirrored() if one.has_side and random.random() < 0.5 else one
        ways = [way for way in one.asks if does.rows_of(way)]
        row = one_of(random, does.rows_of(one_of(random, ways)))
        window, mirrored = row % len(windows.tags), row >= len(windows.tags)
        texts.append(one.text)
        traits.append(windows.traits[window][mirror] if mirrored else windows.traits[window])
        chosen.append(window)
        for way in (0, 1):
            asks[way, pair, [columns[tag] for tag in ways[min(way, len(ways) - 1)]]] = True
    found = np.stack(traits) if traits else np.zeros((0, len(windows.names)), np.bool_)
    return Pairs(texts, found, np.array(chosen, np.int64), asks[:, : len(texts)])


class _Does:
    """Which windows, and windows in the mirror behind them, have all of some tags."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._found: dict[frozenset[str], list[int]] = {}

    def rows_of(self, tags: frozenset[str]) -> list[int]:
        """Numbers of windows; those of which a part does it, where few do all the time."""
        if tags not in self._found:
            columns = [self._columns.get(tag, -1) for tag in tags]
            rows = [] if -1 in columns else _having(self._whole, columns)
            if -1 not in columns and len(rows) < FEW:
                rows = _having(self._within, columns)
            self._found[tags] = rows
        return self._found[tags]

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self._windows.names)}

    @cached_property
    def _within(self) -> Flags:
        traits = self._windows.traits
        return np.concatenate([traits, traits[:, _mirror(self._windows)]])

    @cached_property
    def _whole(self) -> Flags:
        has = np.zeros_like(self._windows.traits)
        for row, tags in enumerate(self._windows.tags):
            has[row, [self._columns[tag] for tag in tags]] = True
        return np.concatenate([has, has[:, _mirror(self._windows)]])


def _having(traits: Flags, columns: list[int]) -> list[int]:
    """Rows of traits [rows, traits] with all of some columns."""
    found: list[int] = np.flatnonzero(traits[:, columns].all(axis=1)).tolist()
    return found


def _mirror(windows: Windows) -> Array:
    """[traits] the column of each trait's mirror image."""
    columns = {name: column for column, name in enumerate(windows.names)}
    return np.array([columns[mirrored_trait(name)] for name in windows.names])


def _kinds(windows: Windows) -> dict[str, list[int]]:
    """Tag with its side written left -> windows that have it."""
    kinds: dict[str, list[int]] = {}
    for window, tags in enumerate(windows.tags):
        for tag in tags:
            if not tag.startswith(NEVER):
                kinds.setdefault(min(tag, mirrored_tag(tag)), []).append(window)
    return dict(sorted(kinds.items()))


def _text(own: Sequence[str], tags: frozenset[str], mirrored: bool, random: np.random.Generator) -> str:
    """The set's caption or a sentence of the grammar; "" where there is nothing clear to say."""
    if own and random.random() < OWN:
        caption = one_of(random, own)
        return reworded(mirrored_caption(caption) if mirrored else caption, random)
    return sentence_of({mirrored_tag(tag) for tag in tags} if mirrored else tags, random)
