"""Texts beside how long what they describe takes, which the head of lengths is taught with."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.actions.names import mirrored_tag
from genmo.runtime.conditions.text_timing import LONG_SECONDS, kind_of
from genmo.runtime.engine.text_lengths import LENGTHS
from genmo.runtime.support.arrays import Array, Numbers
from genmo.train.captions.describe import ARMS, sentence_of
from genmo.train.captions.describe import LASTING as GOING
from genmo.train.captions.grammar import one_of
from genmo.train.captions.phrases import split_tag
from genmo.train.data.action_lengths import ENDS_ITSELF, LASTING, LASTS, STRIDE, Actions
from genmo.train.data.augmentation import mirrored_caption, reworded
from genmo.train.data.reader_pairs import plain_words
from genmo.train.data.window_index import PLENTY
from genmo.train.datasets.clips import Clip

CAPTIONS, ON = 0.1, 0.4
"""shares of the texts that are captions of whole clips, and, of the others, that are of what goes on"""
MOSTLY = 0.6
"""share of a clip's windows, from which on a clip without an event goes on"""
LONGEST_ONE = 110
"""frames, above which whoever does something once has not come to rest, but is on to something else"""
SPREAD = 0.12
"""of the log of a length: how far a target reaches to the lengths beside it"""
GOES_ON = len(LENGTHS)
"""the class of what has no end"""
_COUNTED = re.compile(
    r"\b(?:\d+|twice|thrice|two|three|four|five|six|double|triple|times|again|repeatedly|several|up and down"
    r"|over and over)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class LengthPairs:
    """Texts and the lengths of what they describe."""

    texts: list[str]
    frames: Numbers
    """[texts] LASTS for what goes on"""


def draw_length_pairs(
    clips: Sequence[Clip],
    actions: Actions,
    count: int,
    without: Collection[str],
    seed: int,
    captions: float = CAPTIONS,
) -> LengthPairs:
    """So many pairs, of which the share `captions` are captions of clips; no text is among `without`, as `plain_words`
    writes them."""
    random = np.random.default_rng(seed)
    of_captions = caption_lengths(clips, actions)
    kinds = _kinds(actions)
    names = list(kinds)
    shares = np.array([np.cbrt(min(len(kinds[name]), PLENTY)) for name in names])
    shares = shares / shares.sum() if names else shares
    lasting = [row for row, tags in enumerate(actions.tags) if length_said(tags, int(actions.frames[row])) == LASTS]
    texts: list[str] = []
    frames: list[int] = []
    while len(texts) < count:
        mirrored = random.random() < 0.5
        if of_captions and random.random() < captions or not (names and lasting):
            caption, taken = of_captions[int(random.random() * len(of_captions))]
            text = reworded(mirrored_caption(caption) if mirrored else caption, random)
        else:
            on, kind = random.random() < ON, names[int(random.choice(len(names), p=shares))]
            row = one_of(random, lasting if on else kinds[kind])
            tags, taken = actions.tags[row], LASTS if on else int(actions.frames[row])
            tags = tags if on else about(tags, kind)
            text = sentence_of({mirrored_tag(tag) for tag in tags} if mirrored else tags, random)
            if not on and several(tags) and not _COUNTED.search(text):  # five jumps are no length of "jumps"
                continue
        if text and plain_words(text) not in without:
            texts.append(text)
            frames.append(taken)
    return LengthPairs(texts, np.array(frames))


def caption_lengths(clips: Sequence[Clip], actions: Actions) -> list[tuple[str, int]]:
    """(caption, frames) of every clip: its own, LASTS for those too long for a length, and for those in which nothing
    ends and most windows go on, or what the caption says does: runs are as short as the room they were recorded in."""
    events = np.bincount(actions.clip[actions.frames != LASTS], minlength=len(clips))
    lasting = np.bincount(actions.clip[actions.frames == LASTS], minlength=len(clips))
    found = []
    for number, clip in enumerate(clips):
        windows = max((clip.frames - LASTING) // STRIDE + 1, 1)
        on = lasting[number] >= MOSTLY * windows
        for caption in clip.captions:
            lasts = not events[number] and (on or kind_of(caption)[0] == LONG_SECONDS)
            found.append((caption, LASTS if lasts or clip.frames > LENGTHS[-1] else clip.frames))
    return found


def about(tags: Collection[str], kind: str) -> frozenset[str]:
    """The tags without events of other families than the kind's: the sentence is to be of what was measured."""
    family = kind.split("_")[0]
    return frozenset(tag for tag in tags if not tag.startswith(ENDS_ITSELF) or tag.split("_")[0] == family)


def several(tags: Collection[str]) -> bool:
    """Whether an event among the tags is done more than once, as far as it was counted."""
    return any(split_tag(tag)[2] > 1 for tag in tags if tag.startswith(ENDS_ITSELF) and "turn" not in tag)


def _uncounted(tag: str, tags: Collection[str]) -> bool:
    """Whether a tag is of jumps of which it is not known how many there are."""
    family = tag.split("_")[0]
    return family in ("jump", "hop") and not any(split_tag(other)[2] for other in tags if other.startswith(family))


def length_said(tags: Collection[str], frames: int) -> int:
    """The length of what a sentence of these tags says: arms that are raised while somebody walks end no walk."""
    events = [tag for tag in tags if tag.startswith(ENDS_ITSELF)]
    beside = all(tag.startswith(ARMS) for tag in events) and any(tag in GOING for tag in tags)
    return LASTS if beside else frames


def targets(frames: Numbers) -> Array:
    """[texts, lengths + 1] shares: around each length, narrowly; all on the last for what goes on."""
    away = np.log(np.maximum(frames, 1))[:, None] - np.log(np.array(LENGTHS, float))
    near = np.exp(-0.5 * (np.clip(away, -9, 9) / SPREAD) ** 2) + 1e-12 * (np.abs(away) < 9)
    near[frames > LENGTHS[-1]] = np.eye(len(LENGTHS))[-1]
    near[(frames > LASTS) & (frames < LENGTHS[0])] = np.eye(len(LENGTHS))[0]
    made = np.concatenate([near / near.sum(axis=1, keepdims=True), np.zeros((len(frames), 1))], axis=1)
    made[frames == LASTS] = np.eye(GOES_ON + 1)[GOES_ON]
    return np.asarray(made, np.float32)


def _kinds(actions: Actions) -> dict[str, list[int]]:
    """Tag of an event, its side written left -> stretches whose sentence tells it."""
    kinds: dict[str, list[int]] = {}
    for row, tags in enumerate(actions.tags):
        taken = int(actions.frames[row])
        if length_said(tags, taken) == LASTS or (taken > LONGEST_ONE and not several(tags)):
            continue
        for tag in tags:
            if tag.startswith(ENDS_ITSELF) and not _uncounted(tag, tags):
                kinds.setdefault(min(tag, mirrored_tag(tag)), []).append(row)
    return dict(sorted(kinds.items()))
