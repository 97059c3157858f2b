"""How far a text says that somebody turns: "a 90-degree left turn", "pivots by ninety degrees", "turns around".

The network knows the side of a turn better than its angle; the angle, where it is said, is measured and put right
(`genmo.runtime.refine.said_turns`).  "Turns left" and "veers right" say none, but not any angle is a left turn.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_DEGREES = {
    "thirty": 30, "forty-five": 45, "sixty": 60, "ninety": 90, "a hundred and eighty": 180, "one hundred eighty": 180,
    "one hundred and eighty": 180, "two hundred seventy": 270, "two hundred and seventy": 270,
    "three hundred sixty": 360, "three hundred and sixty": 360,
}  # fmt: skip
_TURNS = re.compile(
    r"\b(?:turn|rotat|pivot|spin|swivel|swing|twirl|whirl|revolv|veer|about-face|about face|u-turn)", re.IGNORECASE
)
_OF_A_PART = re.compile(
    r"\b(?:head|(?<!about-)(?<!about )face|neck|chin|eyes?|torso|trunk|waist|chest|hips?"
    r"|shoulders?|arms?|forearms?|elbows?|wrists?|hands?|palms?|fingers?|legs?|knees?|ankles?|(?<!on )foot|feet|toes?)"
    r"\b(?!\s+(?:back|the\s+(?:other|opposite))\b)",
    re.IGNORECASE,
)
"""what may turn in place of the person; "to face the other way" is the person"""
_ANGLE = re.compile(rf"\b(?:(\d{{1,3}}(?:\.\d+)?)|({'|'.join(_DEGREES)}))\s*-?\s*(?:degrees?\b|deg\b|°)", re.IGNORECASE)
_QUARTER = re.compile(r"\bquarter(?:\s+(?:of\s+a\s+)?turn|[\s-]turn|\s+to\s+the\s+(?:left|right))", re.IGNORECASE)
_HALF = re.compile(
    r"\bhalf(?:\s+a\s+turn|[\s-]turn)|\bturns?\s+(?:right\s+)?(?:around|about)(?=$|\s+(?:and|to|once|on)\b|[,.;])"
    r"|\babout[\s-]face\b|\bu-turn\b|\bto\s+face\s+(?:back(?:wards?)?|the\s+(?:other|opposite)\s+(?:way|direction))\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\bfull[\s-](?:turn|circle)|\b(?:whole|complete)\s+turn|\ball\s+the\s+way\s+(?:around|round)\b", re.IGNORECASE
)
_NAMED = ((_QUARTER, 90.0), (_HALF, 180.0), (_WHOLE, 360.0))
_LEFT = re.compile(r"\b(?:left|leftwards?|counter-?clockwise|anti-?clockwise)\b", re.IGNORECASE)
_RIGHT = re.compile(r"\b(?:right|rightwards?|(?<!-)clockwise)\b(?!\s+(?:around|about)\b)", re.IGNORECASE)
_BENDS = re.compile(
    r"\b(?:turn|veer|swerv|curv|bear(?:s|ing)?\b"
    r"|(?:(?:tak|mak)(?:es?|ing)|hang(?:s|ing)?)\s+an?\s+(?:\w+\s+)?(?:left|right)\b)",
    re.IGNORECASE,
)
_GENTLY = re.compile(r"\b(?:veer|curv|bear(?:s|ing)?\b|slight|gentl)", re.IGNORECASE)
_GOES_ON = re.compile(
    r"\b(?:circ|ring|loop|laps?\b|round|around|about|orbit|spin|twirl|whirl|revolv|pirouet|keep|again|several|times|twice"
    r"|back|degree|deg\b|half|full|whole|complete|one\s+way)",
    re.IGNORECASE,
)
"""what is no single turn to a side, or says how far it goes"""
MOST = 720.0
"""degrees: more is no turn but a dance"""


@dataclass(frozen=True)
class Turn:
    """A change of heading, radians about +y."""

    angle: float
    """larger than zero"""
    side: int
    """1 to the left, -1 to the right, 0 where the text does not say"""
    most: float | None = None
    """how far a turn may go, beyond which it becomes `angle`, where the text says no angle; None: it says this one"""


def said_turn(prompt: str) -> Turn | None:
    """The one turn of which a prompt says the angle; None where it says none, or several, or names a
    part of the body, which may be what turns."""
    angles = [_degrees(match) for match in _ANGLE.finditer(prompt)]
    if not angles:
        angles = [degrees for pattern, degrees in _NAMED for _ in pattern.finditer(prompt)]
    turns = _TURNS.search(prompt) or _HALF.search(prompt)
    if len(angles) != 1 or not turns or _OF_A_PART.search(prompt) or not 0 < angles[0] <= MOST:
        return None
    left, right = _LEFT.search(prompt) is not None, _RIGHT.search(prompt) is not None
    return None if left and right else Turn(math.radians(angles[0]), int(left) - int(right))


def usual_turn(prompt: str) -> Turn | None:
    """How far people usually turn where a prompt says to which side and not how far: a quarter, where they "veer" or
    turn "slightly" half of that; None where it is no single turn, or may be that of a part of the body."""
    if not _BENDS.search(prompt) or _GOES_ON.search(prompt) or _OF_A_PART.search(prompt):
        return None
    left, right = _LEFT.search(prompt) is not None, _RIGHT.search(prompt) is not None
    if left == right:
        return None
    angle, most = (45, 75) if _GENTLY.search(prompt) else (90, 110)
    return Turn(math.radians(angle), int(left) - int(right), math.radians(most))


def _degrees(match: re.Match[str]) -> float:
    return float(match[1]) if match[1] else float(_DEGREES[match[2].lower()])
