"""A timeline as tokens: which text each token is under, which tokens keyframes give, and the windows to fill in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.motion.token_features import to_features
from genmo.runtime.support.arrays import Array, Flags, Numbers
from genmo.runtime.tokens.config import FRAMES_A_TOKEN, token_count

BEFORE, AFTER = 8, 8
"""tokens that are known already on either side of a window, which it goes on from and leads to"""


@dataclass(frozen=True)
class Stretch:
    """Tokens [start, end) under one text, "" for none."""

    start: int
    end: int
    prompt: str


def stretches(texts: Sequence[Text], frames: int) -> list[Stretch]:
    """The motion's tokens by their text, in order; where texts overlap, the one that began last has them."""
    count = token_count(frames)
    under = np.full(count, -1)
    for number, text in sorted(enumerate(texts), key=lambda entry: entry[1].start):
        end = frames if text.end is None else min(text.end, frames)
        last = count if end == frames else round(end / FRAMES_A_TOKEN)
        under[round(text.start / FRAMES_A_TOKEN) : last] = number
    borders = [0, *(np.flatnonzero(np.diff(under)) + 1).tolist(), count]
    return [
        Stretch(a, b, texts[under[a]].prompt if under[a] >= 0 else "")
        for a, b in zip(borders, borders[1:], strict=False)
    ]


def given_tokens(
    keyframes: Keyframes, frames: int, encode: Callable[[Array], Numbers], masked: Sequence[int]
) -> Numbers:
    """Ids [tokens, parts] of what keyframes give: those of tokens whose four frames all are keyframes with a place,
    `masked` [parts] for the others.

    `encode`: ids [tokens, parts] of features [4 tokens, 269], not normalised.  Each run of such frames is encoded by
    itself, as training windows are, so nothing of what is not known leaks into its tokens.
    """
    ids = np.tile(np.asarray(masked), (token_count(frames), 1))
    known: Flags = np.zeros(len(ids) * FRAMES_A_TOKEN, np.bool_)
    known[keyframes.frames[keyframes.has_root]] = True
    whole: Flags = np.asarray(known.reshape(-1, FRAMES_A_TOKEN).all(axis=1))
    place = np.full(len(known), -1)
    place[keyframes.frames] = np.arange(len(keyframes.frames))
    for start, end in _runs(whole):
        rows = place[start * FRAMES_A_TOKEN : end * FRAMES_A_TOKEN]
        ids[start:end] = encode(to_features(keyframes.rotations[rows], keyframes.root[rows]))
    return ids


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """Where the flags hold: (first, end) of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def windows(stretch: Stretch, known: Flags, longest: int) -> Iterator[tuple[int, int]]:
    """Windows (first, end) of tokens that are filled in one after the other, none longer than `longest`.

    Each begins with known tokens before what it fills in, and ends with known ones behind it, where there are some.
    `known` [tokens] changes while windows are filled in; it is looked at anew for each.
    """
    before, start = min(BEFORE, longest // 4), stretch.start
    while len(unknown := start + np.flatnonzero(~known[start : stretch.end])):
        first = max(0, int(unknown[0]) - before)
        end = start = min(stretch.end, first + longest)
        while end < len(known) and known[end] and end - start < AFTER and end - first < longest:
            end += 1
        yield first, end
