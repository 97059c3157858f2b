"""What English speakers call each tag: verb phrases (`grammar`), {s} and {o} the side and the other one."""

from __future__ import annotations

import re

import numpy as np

from genmo.train.captions.body_phrases import BODY_PHRASES
from genmo.train.captions.grammar import one_of
from genmo.train.captions.limb_phrases import LIMB_PHRASES
from genmo.train.captions.wordings import draw_wording

_COUNTS = {
    1: ("once", "one time", "a single time", "1 time"),
    2: ("twice", "two times", "2 times"),
    3: ("three times", "3 times", "thrice"),
    4: ("four times", "4 times"),
    5: ("five times", "5 times"),
    6: ("six times", "6 times"),
}
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
DEGREES = {
    45: ("45 degrees", "forty-five degrees", "45°", "an eighth of a turn"),
    90: ("90 degrees", "ninety degrees", "a quarter turn", "90°", "90 deg"),
    135: ("135 degrees", "135°"),
    180: ("180 degrees", "a half turn", "half a turn", "180°", "one hundred eighty degrees"),
    270: ("270 degrees", "three quarters of a turn", "three quarter turns"),
    360: ("360 degrees", "a full turn", "a full circle", "one full rotation", "360°", "all the way round"),
}
PHRASES = BODY_PHRASES | LIMB_PHRASES
_SIDED = re.compile(r"_(left|right)\b|_(left|right)(?=_)")


def counts(number: int) -> tuple[str, ...]:
    """Words for a number of times."""
    return _COUNTS[number]


def split_tag(tag: str) -> tuple[str, str, int]:
    """A tag's key in PHRASES, its side ("" for none) and its number (0 for none): kick_left_2 -> kick_S_N, left, 2."""
    found = _SIDED.search(tag)
    side = (found.group(1) or found.group(2)) if found else ""
    key = _SIDED.sub("_S", tag, count=1)
    head, _, last = key.rpartition("_")
    if last.isdigit() and key not in PHRASES:
        return f"{head}_N", side, int(last)
    return key, side, 0


def phrases_of(tag: str) -> tuple[str, ...]:
    """Verb phrases of a tag with a row of its own; none for others."""
    key, side, number = split_tag(tag)
    rows = PHRASES.get(key, ())
    other = {"left": "right", "right": "left", "": ""}[side]
    out = []
    for row in rows:
        times = counts(number) if number else ("",)
        written = row.replace("{s}", side).replace("{o}", other).replace("{n}", NUMBERS.get(number, ""))
        out += [written.replace("{times}", t) for t in (times if "{times}" in row else times[:1])]
    return tuple(out)


PLAIN_SHARE = 0.35
"""of the phrases drawn; the others are of the wider tables of `wordings`"""


def draw_phrase(tag: str, random: np.random.Generator) -> str:
    """One phrase of a tag that has `phrases_of`: a plain one, or one of the many others."""
    key, side, number = split_tag(tag)
    if random.random() > PLAIN_SHARE and (row := draw_wording(key, side, random)):
        row = row.replace("{n}", NUMBERS.get(number, ""))
        return row.replace("{times}", one_of(random, counts(number))) if number else row
    return one_of(random, phrases_of(tag))
