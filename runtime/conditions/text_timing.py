"""How long an action takes by what its clause says ("for 3 seconds"), and by what kind of action it is."""

from __future__ import annotations

import re

from genmo.runtime.motion.motion import FPS

SHORTEST = 20
"""frames of a part at least: an action in less is a twitch"""
SHORT_SECONDS, USUAL_SECONDS, LONG_SECONDS = 2.0, 3.0, 4.0
"""of an action that is over soon, of one that is not known, and of one that goes on"""
MOST_REPEATS = 10

_NUMBERS = {
    "twice": 2, "two": 2, "thrice": 3, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10,
}  # fmt: skip
_GOES_ON = re.compile(
    r"\b(?:walk|run|jog|danc|swim|crawl|march|strid|stroll|sprint|wander|pac(?:e|es|ing)\b|skip|idl|wait|rest|climb|row|ski"
    r"|skat|juggl|exercis|box|fight|train|sneak|creep|limp|stand(?:s|ing)? (?:still|idle|there)|moonwalk|waltz|play)",
    re.IGNORECASE,
)
_SOON_OVER = re.compile(
    r"\b(?:jump|hop|leap|kick|punch|throw|catch|sit|stand|get|turn|bend|bow|crouch|kneel|squat|pick|start|fall|trip"
    r"|rais|lower|lift|put|point|nod|shrug|wav|clap|step|duck|dodg|lung|spin|somersault|cartwheel|salut|reach|stumbl|ris"
    r"|lie|lying)",
    re.IGNORECASE,
)
_SECONDS = re.compile(r"\bfor\s+(?:about\s+|around\s+)?(\d+(?:\.\d+)?)\s*(?:s|sec|secs|seconds?)\b", re.IGNORECASE)
_TIMES = re.compile(
    rf"\b(?:({'|'.join(_NUMBERS)})|(\d+))(?:\s+(?:times|jumps|hops|kicks|punches|steps)\b|(?<=ice)\b)", re.I
)


def stated_seconds(prompt: str) -> float | None:
    """How long the prompt says that its action takes ("for 3 seconds"); None where it does not say it."""
    stated = _SECONDS.search(prompt)
    return None if stated is None else max(SHORTEST / FPS, min(float(stated[1]), 600.0))


def seconds_of(prompt: str) -> float:
    """How long an action takes: what the prompt says, else by what kind of action it is and how often it is done."""
    stated = stated_seconds(prompt)
    if stated is not None:
        return stated
    seconds, number = kind_of(prompt)
    return seconds if seconds == USUAL_SECONDS else seconds * (0.5 + 0.5 * number)


def kind_of(prompt: str) -> tuple[float, int]:
    """(LONG_SECONDS for an action that goes on, SHORT_SECONDS for one that is soon over, USUAL_SECONDS for what is not
    known; how often it is done, 1 to MOST_REPEATS)."""
    counted = _TIMES.search(prompt)
    number = 1 if counted is None else int(counted[2]) if counted[2] else _NUMBERS[counted[1].lower()]
    # the first verb counts: "walks and sits" is a walk
    found = [(match.start(), seconds) for pattern, seconds in ((_GOES_ON, LONG_SECONDS), (_SOON_OVER, SHORT_SECONDS))
             if (match := pattern.search(prompt))]  # fmt: skip
    return min(found)[1] if found else USUAL_SECONDS, max(1, min(number, MOST_REPEATS))
