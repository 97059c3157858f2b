"""Texts beside the traits of the motions that they describe, which the reader of texts is taught with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.actions.names import mirrored_tag, mirrored_trait
from genmo.runtime.engine.text_wordpiece import words_of
from genmo.runtime.support.arrays import Flags, Numbers
from genmo.train.captions.describe import sentence_of
from genmo.train.captions.grammar import one_of
from genmo.train.captions.phrases import split_tag
from genmo.train.data.augmentation import mirrored_caption, reworded
from genmo.train.data.caption_draws import is_loose
from genmo.train.data.reader_windows import Windows
from genmo.train.data.window_index import NEVER, PLENTY, RARELY
from genmo.train.datasets.clips import Clip

BY_KIND, OWN = 0.8, 0.25
"""share of the windows drawn by what they do, so that rare things are read too, and of those with the set's caption"""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Texts and the windows that they describe."""

    texts: list[str]
    traits: Flags
    """[pairs, traits] of the window, or of it in the mirror"""
    window: Numbers
    """[pairs]"""


def plain_words(text: str) -> str:
    """A text without case and punctuation."""
    return " ".join(words_of(text))


def draw_pairs(clips: Sequence[Clip], windows: Windows, count: int, without: Collection[str], seed: int) -> Pairs:
    """So many pairs; no text is among `without`, as `plain_words` writes them."""
    random = np.random.default_rng(seed)
    kinds = _kinds(windows)
    names = list(kinds)
    shares = np.array([np.cbrt(min(len(kinds[k]), PLENTY)) * RARELY.get(split_tag(k)[0], 1.0) for k in names])
    shares /= shares.sum()
    columns = {name: column for column, name in enumerate(windows.names)}
    mirror = np.array([columns[mirrored_trait(name)] for name in windows.names])
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
    return Pairs(texts, np.stack(traits), np.array(chosen))


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
