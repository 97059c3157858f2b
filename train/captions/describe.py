"""The sentence of a stretch of motion: what is clearly so in it, in words drawn from the grammar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.signals import PELVIS, WRISTS, MotionSignals, motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.support.arrays import Array
from genmo.train.captions.body_phrases import STAND, STILL
from genmo.train.captions.grammar import Voice, at_once, draw_voice, in_order, one_of
from genmo.train.captions.locomotion import GAITS, gait_phrase, jump_phrase, turn_in_place_phrase, turn_phrase
from genmo.train.captions.phrases import draw_phrase, phrases_of, split_tag
from genmo.train.captions.wordings import draw_wording

EVENTS = (
    "kick",
    "jump_turn",
    "run_leap",
    "squat_",
    "sit_",
    "kneel_",
    "lie_down",
    "get_up",
    "down_to",
    "bend_",
    "balance",
    "step_",
)
STATES = ("sit", "sit_floor", "squat", "kneel", "lie", "bent", "crouch", "fours", "crawl")
ARMS = (
    "wave",
    "clap",
    "punch",
    "raise",
    "lower",
    "arm_up",
    "arm_side",
    "arm_ahead",
    "hand_head",
    "hand_hip",
    "hands_together",
)
LASTING = (*GAITS, *STATES, "turn")
LASTING_ARMS = ("wave", "clap", "punch_both", "arm_", "hand")
"""what goes on from the first frame to the last"""
SHORTEST_PART = 14
"""frames of a part that is told apart from the other"""
SETTLING = 3
"""frames on each side of a change that belong to neither part"""


@dataclass(frozen=True)
class Description:
    """A sentence and what it rests on."""

    sentence: str
    """"" when nothing is clear enough to be said"""
    tags: frozenset[str]
    """of all frames"""
    parts: tuple[frozenset[str], ...] = ()
    """of what comes before and after `cut`, where the sentence tells them apart"""
    cut: int = 0


def describe(joints: Array, random: np.random.Generator, cut: int | None = None) -> Description:
    """A sentence about world joints [frames, 24, 3] (metres, y up, 30 fps).

    `cut`: the frame at which two clips were joined; the sentence then tells both parts, if both can be told.
    """
    signals = motion_signals(joints)
    whole = measure(signals)
    tags = tags_of(whole)
    if cut is not None or random.random() < 0.5:
        split = change_frame(signals) if cut is None else cut
        if SHORTEST_PART <= split - SETTLING and split + SETTLING + SHORTEST_PART <= signals.frames:
            parts = tuple(
                tags_of(measure(part))
                for part in (signals.span(0, split - SETTLING), signals.span(split + SETTLING, signals.frames))
            )
            sentence = _two_parts(parts[0], parts[1], random)
            if sentence:
                return Description(sentence, tags, parts, split)
    return Description(sentence_of(tags, random), tags)


def describe_apart(joints: Array, random: np.random.Generator, cut: int | None = None) -> tuple[str, str, int]:
    """(sentence, sentence, frame) of what world joints [frames, 24, 3] do before and from a frame on; "" where a part
    is not clear.  `cut`: that frame, where it is known; else the one where the motion changes the most."""
    signals = motion_signals(joints)
    split = change_frame(signals) if cut is None else cut
    if not SHORTEST_PART <= split - SETTLING <= signals.frames - 2 * SETTLING - SHORTEST_PART:
        return "", "", split
    parts = signals.span(0, split - SETTLING), signals.span(split + SETTLING, signals.frames)
    first, second = (sentence_of(tags_of(measure(part)), random) for part in parts)
    return first, second, split


def change_frame(signals: MotionSignals) -> int:
    """The frame before and after which speed, turning, height of pelvis and hands differ the most on average."""
    n = signals.frames
    turning = np.gradient(signals.heading) * 30 if n > 2 else np.zeros(n)
    joints = signals.joints
    curves = [signals.speed / 0.5, turning / 0.8, joints[:, PELVIS, 1] / 0.15, *(joints[:, WRISTS, 1].T / 0.4)]
    values = np.stack(curves, axis=1)
    total = np.cumsum(values, axis=0)
    first, last = max(n // 4, 1), max(n - n // 4, 2)
    at = np.arange(first, last)[:, None]
    difference = total[first - 1 : last - 1] / at - (total[-1] - total[first - 1 : last - 1]) / (n - at)
    score = (difference**2).sum(axis=-1) * (at * (n - at))[:, 0]
    return first + int(score.argmax())


def main_phrase(tags: Collection[str], random: np.random.Generator) -> tuple[str, str]:
    """(what kind of thing it is, its verb phrase) of what the body does as a whole; ("", "") for nothing clear."""
    if "upside_down" in tags:
        return "", ""
    events = [tag for tag in sorted(tags) if tag.startswith(EVENTS)]
    events = [tag for tag in events if not any(other != tag and other.startswith(f"{tag}_") for other in events)]
    if events and (rows := [tag for tag in events if phrases_of(tag)]):
        tag = one_of(random, rows)
        return tag, draw_phrase(tag, random)
    if phrase := jump_phrase(tags, random):
        return "jump", phrase
    for tag in sorted(tags):
        if tag in STATES:
            return tag, draw_phrase(tag, random)
        if tag.startswith(("start_", "stop_")) or tag == "pause":
            turn = turn_phrase(tags, random) if tag.startswith("start_") else ""
            return tag, f"{draw_phrase(tag, random)} {turn}".strip()
    for kind in GAITS:
        if kind in tags and (phrase := gait_phrase(kind, tags, random)):
            return kind, phrase
    if any(tag.startswith("turn_in_place") for tag in tags):
        return "turn", turn_in_place_phrase(tags, random)
    if "stand" in tags:
        if random.random() < 0.5:
            return "stand", draw_wording("still" if "still" in tags else "stand", "", random)
        return "stand", one_of(random, STILL if "still" in tags and random.random() < 0.7 else STAND)
    return "", ""


def arms_phrase(tags: Collection[str], random: np.random.Generator) -> tuple[str, str]:
    """(tag, verb phrase) of what the arms do; ("", "") for nothing clear."""
    for kind in ARMS:
        found = [tag for tag in sorted(tags) if tag.startswith(kind) and phrases_of(tag)]
        # the one with a count says more
        found = [tag for tag in found if split_tag(tag)[2]] if random.random() < 0.6 and len(found) > 1 else found
        if found:
            tag = found[int(random.random() * len(found))]
            return tag, draw_phrase(tag, random)
    if "arms_down" in tags and random.random() < 0.1:
        return "arms_down", draw_phrase("arms_down", random)
    return "", ""


def sentence_of(tags: Collection[str], random: np.random.Generator, gerund: bool = False) -> str:
    """A sentence of one set of tags, or a bare gerund; "" when they say nothing clear."""
    voice = Voice("", "ing", "the") if gerund else draw_voice(random)
    kind, main = main_phrase(tags, random)
    arm, beside = arms_phrase(tags, random)
    if not kind:
        # the rest of the body may do anything unsaid, but not leave the place
        alone = arm.startswith(("wave", "clap", "punch", "raise", "arm_up")) and "in_place" in tags
        return voice.clause(beside) if alone else ""
    if not beside:
        return voice.clause(main)
    if kind == "stand":
        return voice.clause(beside) if random.random() < 0.7 else at_once(random, voice, main, beside)
    if random.random() < 0.25:
        return voice.clause(main)
    if kind in LASTING or arm.startswith(LASTING_ARMS):
        return at_once(random, voice, main, beside)
    # two things that both take a moment of the window need not be at the same moment
    return f"{voice.clause(main)} and {voice.verb(beside).removeprefix('is ')}"


def _two_parts(first: frozenset[str], second: frozenset[str], random: np.random.Generator) -> str:
    """One after the other; "" unless both are clear and differ."""
    said = [_part_phrase(tags, random) for tags in (first, second)]
    # a part that is told in two steps would make it three: "stands, then stands and then walks"
    said = [(kind, _in_one_step(kind, phrase, random)) for kind, phrase in said]
    if not said[0][0] or not said[1][0] or said[0][0] == said[1][0]:
        return ""
    return in_order(random, draw_voice(random), said[0][1], said[1][1])


def _in_one_step(kind: str, phrase: str, random: np.random.Generator) -> str:
    if " then " not in phrase:
        return phrase
    rows = [row for row in phrases_of(kind) if " then " not in row]
    return one_of(random, rows) if rows else phrase


def _part_phrase(tags: frozenset[str], random: np.random.Generator) -> tuple[str, str]:
    """(what is done, its verb phrase); two parts of the same first entry are not told apart."""
    kind, phrase = main_phrase(tags, random)
    arm, beside = arms_phrase(tags, random)
    if arm and arm != "arms_down" and (kind == "stand" or not kind and "in_place" in tags):
        return arm, beside
    if kind in GAITS:
        # the same gait with another pace, direction or turn is something else
        marks = (
            tag for tag in tags if tag.startswith((f"{kind}_", "turn_left", "turn_right")) and "forward" not in tag
        )
        return "+".join(sorted({kind, *(tag for tag in marks if not tag.rpartition("_")[2].isdigit())})), phrase
    if kind == "turn":
        kind = "turn_left" if "turn_left" in tags else "turn_right"
    return kind, phrase
