"""Prompts that name actions in order ("a person walks, then sits") or a change ("a person starts walking",
`text_changes`) as one text for each action, with spans that fit.

The network was mostly taught with one action a text; which frames an action gets is said better by spans than by words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_changes import Action, changes_of
from genmo.runtime.conditions.text_timing import SHORTEST, seconds_of
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS

IMPLIED_SHARE = 0.4
"""of a span, at most, for a part of a change whose time is known"""
_ORDER = re.compile(
    r"(?:(?<=[\w)\"'])|[,;.])\s*(?:,|;|\.)?\s*(?:\band\s+|\bbut\s+)?"
    r"(?<!\bnow and )(?<!\bby )(?<!\bsince )(?<!\beven )"
    r"\b(?:then(?:\s+(?:finally|again|afterwards))?|after\s+(?:that|which|this)|afterwards?|subsequently|finally|lastly"
    r"|next(?!\s+to\b)|before\s+(?=(?!\w*thing\b)\w+ing\b))\b\s*,?\s*",
    re.IGNORECASE,
)
_NOW_AND_THEN = re.compile(r"\bnow and then\b|\bnow and again\b|\bone after the other\b", re.IGNORECASE)
_FIRST = re.compile(r"^\s*(?:at first|first(?:ly| of all)?|to begin with|initially|next|then)\b\s*,?\s*", re.IGNORECASE)
_REVERSED = re.compile(r"^(?P<second>.+?),?\s+after\s+(?P<first>(?!\w*thing\b)\w+ing\b.*)$", re.IGNORECASE | re.DOTALL)
_PEOPLE = (
    "person|people|man|woman|men|women|boy|girl|kid|child|guy|lady|human|figure|character|actor|actress|dancer|someone"
    "|somebody|he|she|they|it|athlete|player|boxer|soldier|zombie|robot|subject|individual|performer|adult|toddler|avatar"
)
_SUBJECT = re.compile(rf"^(?:(?:a|an|the|one|this|that|some)\s+)?(?:[\w-]+\s+){{0,3}}?(?:{_PEOPLE})\b", re.IGNORECASE)
_PRONOUN = re.compile(rf"^(?:(?:the|this|that)\s+)?(?:{_PEOPLE})\b\s*", re.IGNORECASE)
_BE = re.compile(r"^(?:is|are|was|were)\b", re.IGNORECASE)
_WITHOUT_VERB = re.compile(
    r"^(?:the|a|an|his|her|their|its|both|to|left|right|forwards?|backwards?|back|sideways|up|down|again|once|twice|thrice"
    r"|slowly|slower|quickly|faster|fast|in|on|around|clockwise|counterclockwise|with|at|two|three|four|five|\d+)\b",
    re.IGNORECASE,
)
_ADVERB = re.compile(r"^\w+ly\b,?\s+(?=\w)", re.IGNORECASE)


def parts_of(prompt: str) -> list[str]:
    """The actions of a prompt in the order of time, each with the subject of the first; the prompt alone where it does
    not say an order ("while" and a mere "and" say none)."""
    masked = _NOW_AND_THEN.sub(lambda match: "\0" * len(match[0]), prompt)
    cuts = [match.span() for match in _ORDER.finditer(masked)]
    edges = [0, *(edge for cut in cuts for edge in cut), len(prompt)]
    pieces = [prompt[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    pieces = [piece for piece in map(_trimmed, pieces) if re.search(r"\w", piece)]
    if pieces and (match := _REVERSED.match(pieces[0])):
        pieces[:1] = _reordered(match["first"], match["second"])
    if len(pieces) < 2:
        return [prompt]
    return _with_subject(pieces, subject_of(pieces[0]))


def subject_of(clause: str) -> str:
    """Who a clause is about, as it says it ("an old man"); "" where it says nobody."""
    match = _SUBJECT.match(clause)
    return "" if match is None else match[0]


def _trimmed(piece: str) -> str:
    """Without the words and signs of order around it."""
    return _FIRST.sub("", piece.strip(" \t\n,;.")).strip(" \t\n,;.")


def _reordered(first: str, second: str) -> list[str]:
    """ "sits down after walking" -> walking, sits down; the subject goes with the first."""
    subject = subject_of(second)
    return [f"{subject} is {first}", second] if subject else [first, second]


def _with_subject(pieces: Sequence[str], subject: str) -> list[str]:
    """Every piece as a clause of its own: subject and, where a piece has none ("then backwards"), the verb before."""
    made = [pieces[0]]
    verb = _verb(pieces[0][len(subject) :])
    for piece in pieces[1:]:
        own = _SUBJECT.match(piece)
        if own is None or (_PRONOUN.match(piece) and subject):
            rest = _PRONOUN.sub("", piece, count=1) if own else piece
            subject = "they" if own and own[0].lower() == "they" else subject
            if own is None and _WITHOUT_VERB.match(_ADVERB.sub("", rest)):
                rest = f"{verb} {rest}"
            elif subject and re.match(r"\w+ing\b", rest):
                rest = f"is {rest}"
            verb = _verb(rest)
            piece = f"{subject} {rest}".strip()
        made.append(piece)
    return made


def _verb(clause: str) -> str:
    """The first word, or two of "is walking"."""
    words = clause.split()
    return " ".join(words[: 2 if words and _BE.match(words[0]) else 1]).rstrip(",")


def natural_frames(prompt: str) -> int | None:
    """Frames that the actions of a prompt take in all; None for a prompt that says no order."""
    parts = parts_of(prompt)
    return round(FPS * sum(map(seconds_of, parts))) if len(parts) > 1 else None


def actions_of(prompt: str, first: bool, last: bool = True) -> list[Action]:
    """The actions of a prompt in the order of time, those that it states as a change included (`text_changes`).

    `first`: it begins the motion, so that what a change implies of the time before ("starts walking": stands) is one;
    `last`: it ends the motion, so that what a change implies of the time after is one.
    """
    actions: list[Action] = []
    parts = parts_of(prompt)
    for number, part in enumerate(parts, 1):
        subject = subject_of(part)
        begins, ends = first and not actions, last and number == len(parts)
        actions += changes_of(subject, part[len(subject) :], begins, ends) or [Action(part)]
    return actions


def in_order(text: Text, frames: int) -> list[Text]:
    """The text as one text for each of its actions, the span divided by how long they take; itself alone where it says
    no order and no change, or where they would get less than SHORTEST frames.

    `frames`: of the motion.
    """
    end = frames if text.end is None else min(text.end, frames)
    actions = actions_of(text.prompt, text.start == 0, end == frames)
    if len(actions) < 2 or end - text.start < SHORTEST * len(actions):
        return [text]
    lengths = _lengths(actions, end - text.start)
    edges = [text.start + sum(lengths[:index]) for index in range(len(lengths) + 1)]
    spans = [
        replace(text, prompt=action.prompt, start=start, end=stop)
        for action, start, stop in zip(actions, edges[:-1], edges[1:], strict=True)
    ]
    if text.end is None or text.end > frames:
        spans[-1] = replace(spans[-1], end=text.end)
    return spans


def _lengths(actions: Sequence[Action], frames: int) -> list[int]:
    """Frames of each action: of those whose time is known as many, up to IMPLIED_SHARE of all; the others share the
    rest by how long they take.  SHORTEST each at least, `frames` together."""
    free = frames - SHORTEST * len(actions)
    given = [0.0 if a.seconds is None else min(a.seconds * FPS, IMPLIED_SHARE * frames) for a in actions]
    given = [max(length - SHORTEST, 0.0) for length in given]
    wanted = [0.0 if a.seconds else max(seconds_of(a.prompt) - SHORTEST / FPS, 0.0) for a in actions]
    total, rest = sum(wanted) or 1.0, max(free - sum(given), 0.0)
    ends, reached = [0], 0.0
    for length, share in zip(given, wanted, strict=True):
        reached += length + rest * share / total
        ends.append(min(round(reached), free))
    ends[-1] = free
    return [SHORTEST + stop - start for start, stop in zip(ends[:-1], ends[1:], strict=True)]


def with_texts_in_order(timeline: Timeline) -> tuple[Timeline, tuple[str, ...]]:
    """The timeline with each text divided as `in_order` does, and a note on each that was."""
    texts: list[Text] = []
    notes: list[str] = []
    for text in timeline.texts:
        parts = in_order(text, timeline.frames)
        texts += parts
        if len(parts) > 1:
            listed = ", ".join(f"{part.prompt!r} from {part.start / FPS:.1f} s" for part in parts)
            notes.append(f"text {text.prompt!r} is {len(parts)} texts in order: {listed}")
    return replace(timeline, texts=tuple(texts)), tuple(notes)
