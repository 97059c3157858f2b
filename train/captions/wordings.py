"""Tables of wordings: lines of verb phrases, "[a/b/c]" any of a, b and c, written out once and then drawn from."""

from __future__ import annotations

import re
from functools import cache
from itertools import product

import numpy as np

from genmo.train.captions.grammar import one_of
from genmo.train.captions.jump_wordings import JUMP_WORDINGS
from genmo.train.captions.limb_wordings import ARM_WORDINGS, STRIKE_WORDINGS
from genmo.train.captions.moment_wordings import MOMENT_WORDINGS
from genmo.train.captions.posture_wordings import POSTURE_WORDINGS
from genmo.train.captions.travel_wordings import GAIT_WORDINGS, TURN_WORDINGS

WORDINGS = (
    POSTURE_WORDINGS | STRIKE_WORDINGS | ARM_WORDINGS | JUMP_WORDINGS | MOMENT_WORDINGS | GAIT_WORDINGS | TURN_WORDINGS
)
_CHOICE = re.compile(r"\[([^\]]*)\]")


def written_out(line: str) -> tuple[str, ...]:
    """Every phrase of a line: "<hop> [up/high]" -> "<hop> up", "<hop> high"."""
    parts = _CHOICE.split(line)
    ways = [part.split("/") if i % 2 else [part] for i, part in enumerate(parts)]
    return tuple(" ".join("".join(way).split()) for way in product(*ways))


@cache
def wordings_of(key: str, side: str = "") -> tuple[tuple[str, ...], ...]:
    """Phrases of a key, line by line, {s}, {o} and {cw} (the sense of rotation) filled in; none for no such key."""
    other = {"left": "right", "right": "left", "": ""}[side]
    sense = "counterclockwise" if side == "left" else "clockwise"
    text = WORDINGS.get(key, "").replace("{s}", side).replace("{o}", other).replace("{cw}", sense)
    return tuple(written_out(line) for line in text.strip().splitlines())


def draw_wording(key: str, side: str, random: np.random.Generator) -> str:
    """One phrase: lines count evenly, however many phrases they write out; "" for no such key."""
    lines = wordings_of(key, side)
    return one_of(random, one_of(random, lines)) if lines else ""
