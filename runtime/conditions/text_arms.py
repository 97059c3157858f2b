"""Prompts of two things at once ("walks while waving", "runs with both arms up") as one text of the body and one of the
arms.

The network has hardly seen any two things at once, but each of them alone: the arms can follow one text and the rest of
the body another (`genmo.runtime.denoiser.arms_apart`).
"""

from __future__ import annotations

import re
from dataclasses import replace

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.text_changes import SOMEBODY
from genmo.runtime.conditions.text_sequence import subject_of
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS

_LIMBS = r"(?:arms?|hands?|fists?|palms?)"
_OF_ARMS = re.compile(
    rf"^(?:is\s+|are\s+)?(?:\w+ly\s+)?(?:wav(?:es?|ing)|clap(?:s|ping)?|applaud(?:s|ing)?|point(?:s|ing)?|salut(?:es?|ing)|greet(?:s|ing)?"
    rf"|beckon(?:s|ing)?|carr(?:y|ies|ying)|shrug(?:s|ging)?|(?:hold|rais|lift|stretch|spread|keep|put|fold|cross|swing|shak)(?:es|s|e|ing|ting)?\b.*\b{_LIMBS}"
    rf"|(?:both\s+)?{_LIMBS})\b",
    re.IGNORECASE,
)
_OF_LEGS = re.compile(
    r"\b(?:walk|run|jog|sprint|strol|strid|march|wander|pac(?:e|es|ing)\b|strut|step|sidestep|sneak|skip|jump|hop|turn|rotat|spin"
    r"|circl|sit|stand|kneel|crouch|squat|stroll|mov(?:es?|ing)\b|go(?:es|ing)?\b)",
    re.IGNORECASE,
)
_WHILE = re.compile(r",?\s+(?:while|whilst|as\s+(?=(?:he|she|they)\b))\s*", re.IGNORECASE)
_GERUND = re.compile(
    r"(?:,\s+(?=(?:\w+ly\s+)?\w+ing\b)|\s+(?=(?:waving|clapping|carrying|holding|pointing|raising|swinging|stretching)\b))",
    re.IGNORECASE,
)
_WITH = re.compile(
    rf"(?:,?\s+with\s+|,\s+)(?=(?:(?:his|her|their|its|the|both|two|one|left|right|outstretched|raised|lifted|folded|crossed)\s+)*{_LIMBS}\b(?!\s+and\s+(?:knee|f[eo]+t)))",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"^(?:he|she|they|it)\s+(?:is\s+|are\s+)?", re.IGNORECASE)
_GERUND_FIRST = re.compile(r"^(?P<manner>\w+ly\s+)?(?P<gerund>\w+ing)\b", re.IGNORECASE)
_FINITE = {
    "waving": "waves", "clapping": "claps", "applauding": "applauds", "pointing": "points", "saluting": "salutes",
    "greeting": "greets", "carrying": "carries", "holding": "holds", "raising": "raises", "lifting": "lifts",
    "stretching": "stretches", "spreading": "spreads", "keeping": "keeps", "putting": "puts", "swinging": "swings",
    "walking": "walks", "running": "runs", "jogging": "jogs", "strolling": "strolls", "standing": "stands",
}  # fmt: skip
"""the form of captions, where it is known"""


def body_and_arms(prompt: str) -> tuple[str, str] | None:
    """What the body does and what the arms do in a prompt that says both at once, each as a clause of its own; None for
    any other prompt."""
    subject = subject_of(prompt)
    said = prompt[len(subject) :].strip(" \t\n,;.:")
    who = subject or SOMEBODY
    for cut in (_WHILE, _GERUND, _WITH):
        pieces = [piece.strip(" ,") for piece in cut.split(said)]
        if len(pieces) != 2 or not all(pieces):
            continue
        first, second = (_PRONOUN.sub("", piece) for piece in pieces)
        if cut is _WITH:
            second = f"has {second}"
            arms = [False, True]
        else:
            arms = [_OF_ARMS.match(piece) is not None for piece in (first, second)]
        body, apart = (second, first) if arms[0] else (first, second)
        if arms[0] != arms[1] and _OF_LEGS.search(body):
            return _clause(who, body), _clause(who, apart)
    return None


def _clause(who: str, said: str) -> str:
    if not (match := _GERUND_FIRST.match(said)):
        return f"{who} {said}"
    if finite := _FINITE.get(match["gerund"].lower()):
        return f"{who} {match['manner'] or ''}{finite}{said[match.end() :]}"
    return f"{who} is {said}"


def with_arms_apart(timeline: Timeline) -> tuple[Timeline, tuple[Text, ...], tuple[str, ...]]:
    """The timeline without what its texts say of the arms alone, that as texts, and a note on each."""
    texts: list[Text] = []
    arms: list[Text] = []
    notes: list[str] = []
    for text in timeline.texts:
        both = body_and_arms(text.prompt)
        texts.append(text if both is None else replace(text, prompt=both[0]))
        if both is not None:
            arms.append(replace(text, prompt=both[1]))
            since = f" from {text.start / FPS:.1f} s" if text.start else ""
            notes.append(f"text {text.prompt!r}{since}: the body follows {both[0]!r}, the arms {both[1]!r}")
    return replace(timeline, texts=tuple(texts)), tuple(arms), tuple(notes)
