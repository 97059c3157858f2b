"""Clauses that say a change ("starts walking", "jogs and stops", "from a walk into a run") as what comes before it and
what comes after it.

A change takes a moment of a text's span, and what is before and after it fills the rest: networks of short windows
mostly show what fills it.  Said as two texts with spans of their own, the change falls on the border.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_GAITS = {
    "walk": "walk", "stroll": "stroll", "march": "march", "jog": "jog", "trot": "jog", "run": "run", "sprint": "sprint",
    "dash": "dash", "gallop": "gallop", "crawl": "crawl", "skip": "skip", "sneak": "sneak", "limp": "limp",
}  # fmt: skip
_STILL = "standstill|stand|standing|standing start|standing position|rest|stop|halt|dead stop"
_STATE = "|".join([f"{gait}(?:{gait[-1]}?ing)?" for gait in _GAITS] + [_STILL])
_MANNER = r"(?:\w+ly\s+)?"
_BEGINS = rf"^(?:is\s+|are\s+)?{_MANNER}"

_FROM_TO = re.compile(
    rf"\bfrom\s+(?:an?\s+|the\s+)?(?:(?!to\b)\w+\s+)??(?P<before>{_STATE})\s+(?:up\s+|down\s+)?(?:in)?to\s+(?:an?\s+|the\s+)?"
    rf"(?:\w+\s+)??(?P<after>{_STATE})\b",
    re.IGNORECASE,
)
_BECOMES = re.compile(
    rf"^(?:(?:the|an?|his|her|their)\s+)?(?:\w+\s+)??(?P<before>{_STATE})\s+(?:(?:slowly|gradually|suddenly)\s+)?"
    rf"(?:becomes|turns\s+(?:in)?to|changes\s+(?:in)?to|grows\s+into|gives\s+way\s+to|(?:in)?to)\s+(?:an?\s+)?(?:\w+\s+)??"
    rf"(?P<after>{_STATE})$",
    re.IGNORECASE,
)
_STARTS = re.compile(
    rf"{_BEGINS}(?:start(?:s|ing)?|begin(?:s|ning)?)\s+(?:off\s+)?(?:to\s+)?(?:{_MANNER})"
    rf"(?P<gait>{'|'.join(_GAITS)})(?P<ing>{'|'.join(f'(?<={g}){g[-1]}?ing' for g in _GAITS)})?\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_SETS_OFF = re.compile(
    rf"^(?P<wait>.*?)(?:^|,?\s+and\s+|,\s*){_MANNER}(?:sets?\s+(?:off|out)|moves?\s+off|gets?\s+(?:going|moving))"
    r"(?=$|\s+(?:\w+ing|on|along|down|for|forwards?|ahead|towards?|at|again|in|to|into)\b|\s+\w+ly\b)(?P<rest>.*)$",
    re.IGNORECASE,
)
_BREAKS_INTO = re.compile(
    rf"{_BEGINS}(?:breaks?|bursts?|explodes?|launch(?:es)?)\s+(?:out\s+)?into\s+an?\s+(?P<after>{'|'.join(_GAITS)})\b",
    re.IGNORECASE,
)
_STOP = (
    r"(?:stops?|halts?|freezes?|comes?\s+to\s+an?\s+(?:\w+\s+)?(?:stop|halt|standstill|rest)|pulls?\s+up(?:\s+(?:dead|short))?"
    r"|stops?\s+(?:dead|short|at\s+once|abruptly|suddenly)|stands?\s+still)"
)
_AND_STOPS = re.compile(
    rf"^(?P<before>.*\w)(?:,\s*(?:and\s+|but\s+)?|\s+(?:and|but)\s+)(?P<stop>{_MANNER}{_STOP})$", re.IGNORECASE
)
_STOPS = re.compile(
    rf"{_BEGINS}(?:comes?\s+to\s+an?\s+(?:\w+\s+)?(?:stop|halt|standstill)|stops?(?:\s+(?P<gait>{'|'.join(_GAITS)})\w?ing)?|halts?)"
    r"(?:\s+(?:after|at|in\s+front)\b.*)?$",
    re.IGNORECASE,
)
_SEATS = "chair|seat|stool|bench|sofa|couch|armchair|step|box|bed"
_SITS_DOWN = re.compile(
    rf"{_BEGINS}(?:sit(?:s|ting)?\s+(?:himself\s+|herself\s+|themselves\s+)?down|tak(?:es?|ing)\s+a\s+seat"
    rf"|(?:lowers?|lets?)\s+(?:him|her|them)sel(?:f|ves)\s+(?:down\s+)?(?:in|on)to\s+(?:an?|the)\s+(?:{_SEATS})"
    rf"|(?:plops?|drops?|flops?|sinks?)\s+(?:down\s+)?(?:in|on)(?:to)?\s+(?:an?|the)\s+(?:{_SEATS}))\b",
    re.IGNORECASE,
)
_STANDS_UP = re.compile(
    rf"{_BEGINS}(?:(?:stand|get)(?:s|ting|ing)?\s+up|ris(?:es?|ing)|gets?)\s+(?:again\s+)?(?:from|off|out\s+of)\s+"
    rf"(?:an?|the|his|her)\s+(?P<seat>{_SEATS})\b(?P<rest>.*)$",
    re.IGNORECASE,
)
_FINITE = re.compile(
    r"^(?:\w+ly\s+)?(?:walks|runs|jogs|sprints|dashes|strolls|stands|waits|stops|halts|jumps|hops|leaps|kicks|punches"
    r"|throws|catches|sits|turns|spins|bends|bows|crouches|kneels|squats|ducks|waves|claps|steps|falls|rises|lies|crawls"
    r"|dances|looks|nods|reaches|picks|stumbles|rolls|dodges|freezes|swims|climbs)\b",
    re.IGNORECASE,
)

SOMEBODY = "a person"
"""whom a clause without a subject is about"""
STANDS_FIRST, SITS_FIRST = 1.4, 1.0
"""seconds of what was before, where a clause implies it and does not say it"""
RISES = 1.2
"""seconds of getting up from a seat: over a whole span the network's people stay seated, or sit down again"""


@dataclass(frozen=True)
class Action:
    """What a person does for some time."""

    prompt: str
    seconds: float | None = None
    """that it takes; None: as long as such actions take"""
    implied: Literal["", "before", "after"] = ""
    """whether it is not said, but has to be so before what is said, or after it"""


def _said(subject: str, gait: str) -> str:
    """A clause of a noun or gerund of the tables: "sprinting" -> "a person sprints"."""
    word = gait.lower()
    plural = re.search(r"\b(?:they|people|men|women)$", subject, re.IGNORECASE)
    name = next((name for name in _GAITS if word.startswith(name)), "")
    verb = _GAITS.get(name, "stand")
    finite = verb if plural else verb + ("es" if verb.endswith("sh") else "s")
    return _clause(subject, finite if name else f"{finite} still")


def _is_still(state: str) -> bool:
    return re.fullmatch(_STILL, state, re.IGNORECASE) is not None


def _clause(subject: str, rest: str) -> str:
    return f"{subject or SOMEBODY} {rest.strip()}"


def _implied(subject: str) -> Action:
    return Action(_said(subject, "stand"), STANDS_FIRST, "before")


def _from_to(subject: str, clause: str) -> list[Action]:
    if not (match := _FROM_TO.search(clause) or _BECOMES.search(clause)):
        return []
    before, after = (_said(subject, match[part]) for part in ("before", "after"))
    still = _is_still(match["before"])
    return [Action(before, STANDS_FIRST, "before") if still else Action(before), Action(after)]


def _starts(subject: str, clause: str) -> list[Action]:
    if match := _STARTS.search(clause):
        return [_implied(subject), Action(_said(subject, match["gait"]) + match["rest"])]
    if match := _BREAKS_INTO.search(clause):
        return [_implied(subject), Action(_said(subject, match["after"]) + clause[match.end() :])]
    if not (match := _SETS_OFF.search(clause)):
        return []
    waits = [Action(_clause(subject, match["wait"]))] if match["wait"].strip(" ,") else [_implied(subject)]
    going = re.match(rf"\s+(?P<gait>{'|'.join(_GAITS)})\w?ing\b(?P<rest>.*)", match["rest"], re.IGNORECASE)
    goes = _said(subject, going["gait"]) + going["rest"] if going else _said(subject, "walk") + match["rest"]
    return [*waits, Action(goes)]


def _stops(subject: str, clause: str) -> list[Action]:
    if match := _AND_STOPS.search(clause):
        stop = "stops" if match["stop"].lower().startswith("pull") else match["stop"]
        return [Action(_clause(subject, match["before"])), Action(_clause(subject, stop))]
    if match := _STOPS.search(clause):
        return [Action(_said(subject, match["gait"] or "walk")), Action(_clause(subject, "stops"))]
    return []


def _sits(subject: str, clause: str) -> list[Action]:
    if match := _STANDS_UP.search(clause):
        sits = Action(_clause(subject, f"sits on a {match['seat'].lower()}"), SITS_FIRST, "before")
        rises = Action(_clause(subject, f"stands up{match['rest']}"), RISES)
        return [sits, rises, Action(_clause(subject, "stands"), implied="after")]
    return [_implied(subject), Action(_clause(subject, clause))] if _SITS_DOWN.search(clause) else []


def _listed(subject: str, clause: str) -> list[Action]:
    """ "stands, dashes, halts": verbs that follow one another without a word between."""
    pieces = re.split(r",\s*(?:and\s+)?|\s+and\s+(?=\w+s\b)" if clause.count(",") > 1 else r",\s*(?:and\s+)?", clause)
    if len(pieces) < 2 or not all(_FINITE.match(piece) for piece in pieces):
        return []
    return [Action(_clause(subject, piece)) for piece in pieces]


_CHANGES: tuple[Callable[[str, str], list[Action]], ...] = (_listed, _from_to, _stops, _starts, _sits)


def changes_of(subject: str, clause: str, first: bool, last: bool = True) -> list[Action]:
    """The actions of a clause that says a change, in order; empty for one that says none.

    `clause` is what is said of `subject` ("starts walking").  `first`: nothing was said of the time before it, so what
    the change implies of that time ("stands still") is made too; `last`: nothing is said of the time after it.
    """
    clause = clause.strip(" \t\n,;.:")
    for change in _CHANGES:
        actions = change(subject, clause)
        if actions:
            made = {"before": first, "after": last, "": True}
            return [action for action in actions if made[action.implied]]
    return []
