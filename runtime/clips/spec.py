"""What a library of clips is to hold, and the file that says it (`docs/clips.md` has every entry)."""

from __future__ import annotations

import fnmatch
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from genmo.runtime.conditions.timeline import MOST_SPEED
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.errors import InputError

EXAMPLE = Path(__file__).parent / "example.yaml"
DIRECTIONS = {
    "forward": 0,
    "forward_left": 45,
    "left": 90,
    "backward_left": 135,
    "backward": 180,
    "backward_right": -135,
    "right": -90,
    "forward_right": -45,
}
"""degrees to the left of where the person looks"""
SHORTEST, LONGEST = 0.6, 20.0
"""seconds of a clip"""
MOST_CLIPS = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")


@dataclass(frozen=True)
class Limits:
    """What a clip may be off by before the manifest and a line say that it misses its specification."""

    speed: float = 0.1
    """share of the speed asked for, and as many m/s"""
    direction: float = 8.0
    """degrees"""
    turn: float = 8.0
    """degrees"""
    ahead: float = 0.3
    """metres"""
    slide: float = 20.0
    """cm/s of feet on the ground; half as much again at a run (over 2 m/s)"""
    sharpness: float = 350.0
    """m/s^2, the largest acceleration of a joint: 99 % of clips of people never exceed it"""
    rise: float = 0.6
    """share of the height of a jump that is enough"""


@dataclass(frozen=True)
class LoopSpec:
    """A cycle that goes straight on at `speed` (m/s) in `direction` (degrees to the left of where the person looks)."""

    name: str
    text: str
    speed: float = 0.0
    direction: float = 0.0
    seconds: float | None = None
    """None: that of a stride at this speed"""


@dataclass(frozen=True)
class ActionSpec:
    """Something done once, from a loop back to a loop: a jump, a turn on the spot, a wave."""

    name: str
    text: str
    seconds: float
    start: str
    end: str
    turn: float = 0.0
    """degrees to the left from start to end"""
    ahead: float | None = None
    """metres from where the start is left to where the end begins; None: what the speeds of both make of it"""
    rise: float | None = None
    """metres that both feet are to leave the ground by"""


@dataclass(frozen=True)
class TransitionSpec:
    """What leads from one loop to another."""

    start: str
    end: str
    seconds: float | None = None
    """of made-up frames; None: as the change of speed takes"""

    @property
    def name(self) -> str:
        return f"{self.start}-to-{self.end}"


@dataclass(frozen=True)
class LibrarySpec:
    """A whole library.  Raises InputError for names that are there twice or not at all."""

    loops: tuple[LoopSpec, ...]
    actions: tuple[ActionSpec, ...] = ()
    transitions: tuple[TransitionSpec, ...] = ()
    seed: int = 0
    samples: int = 2
    """tries of each length, of which the best is kept"""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        bridges: list[ActionSpec | TransitionSpec] = [*self.actions, *self.transitions]
        names = [one.name for one in self.loops] + [one.name for one in bridges]
        for name, times in Counter(name.lower() for name in names).items():
            if times > 1:
                raise InputError(f"two clips are called {name!r}, capitals or not; wanted every name once")
        if len(names) > MOST_CLIPS:
            raise InputError(f"{len(names)} clips and transitions; wanted at most {MOST_CLIPS}")
        loops = [one.name for one in self.loops]
        for one in bridges:
            for name in (one.start, one.end):
                if name not in loops:
                    raise InputError(
                        f"{one.name}: there is no loop {name!r}; wanted one of {', '.join(loops) or 'none'}"
                    )


def read_spec(path: str | Path) -> LibrarySpec:
    """The library that a YAML file asks for.  Raises InputError, with the file and the entry."""
    from genmo.runtime.support.safe_yaml import read_yaml  # so that the rest is content with numpy

    document = read_yaml(path, "a library of clips, as genmo-clips --example prints one")
    try:
        return _library(_entries(document, "the file", "seed", "samples", "limits", "clips", "transitions"))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _library(document: dict[str, Any]) -> LibrarySpec:
    loops: list[LoopSpec] = []
    actions: list[ActionSpec] = []
    clips = document.get("clips")
    if not isinstance(clips, Mapping) or not clips:
        raise InputError(f"clips is {_shown(clips)}; wanted a map of names to clips")
    for name, about in clips.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InputError(f"a clip is called {_shown(name)}; wanted up to 40 letters, digits, _ and -")
        if isinstance(about, Mapping) and ("from" in about or "to" in about):
            actions.append(_action(name, about))
        else:
            loops += _loops(name, about)
    transitions: list[TransitionSpec] = []
    for entry in _list(document.get("transitions", []), "transitions"):
        transitions += _transitions(entry, [one.name for one in loops])
    limits = _entries(document.get("limits", {}), "limits", *(one.name for one in fields(Limits)))
    return LibrarySpec(
        tuple(loops),
        tuple(actions),
        tuple({one.name: one for one in transitions}.values()),
        _whole(document, "seed", 0, 0, 2**31),
        _whole(document, "samples", 2, 1, 50),
        Limits(**{name: _number(limits, name, 0.0, 0.0, 1e6, f"limits, {name}") for name in limits}),
    )


def _loops(name: str, about: object) -> list[LoopSpec]:
    """A loop, or the loops of a gait in several directions."""
    entries = _entries(about, name, "text", "speed", "direction", "seconds", "directions", "speed_aside", "speed_back")
    speed = _number(entries, "speed", 0.0, 0.0, MOST_SPEED, name)
    seconds = None if "seconds" not in entries else _number(entries, "seconds", 0, SHORTEST, LONGEST, name)
    if not speed and seconds is None:
        raise InputError(f"{name}: neither speed nor seconds; wanted seconds for a loop that stays where it is")
    one = LoopSpec(name, _text(entries, name), speed, _angle(entries, "direction", name), seconds)
    if "directions" not in entries:
        return [one]
    if "direction" in entries or not speed:
        raise InputError(f"{name}: directions with a direction or without a speed; wanted a speed and directions")
    aside = _number(entries, "speed_aside", speed, 0.1, MOST_SPEED, name)
    back = _number(entries, "speed_back", speed, 0.1, MOST_SPEED, name)
    loops = []
    asked = entries["directions"]
    for where in DIRECTIONS if asked == "all" else _list(asked, f"{name}, directions"):
        if where not in DIRECTIONS:
            raise InputError(f"{name}: direction {_shown(where)}; wanted all, or some of {', '.join(DIRECTIONS)}")
        angle = DIRECTIONS[where]
        fast = speed if abs(angle) < 90 else aside if abs(angle) == 90 else back
        loops.append(replace(one, name=f"{name}_{where}", direction=float(angle), speed=fast))
    return loops


def _action(name: str, about: Mapping[Any, Any]) -> ActionSpec:
    entries = _entries(about, name, "text", "seconds", "from", "to", "turn", "ahead", "rise")
    start = _string(entries, "from", name)
    return ActionSpec(
        name,
        _text(entries, name),
        _number(entries, "seconds", 2.0, SHORTEST, LONGEST, name),
        start,
        _string(entries, "to", name) if "to" in entries else start,
        _angle(entries, "turn", name),
        None if "ahead" not in entries else _number(entries, "ahead", 0.0, -20.0, 20.0, name),
        None if "rise" not in entries else _number(entries, "rise", 0.0, 0.0, 2.0, name),
    )


def _transitions(entry: object, loops: list[str]) -> list[TransitionSpec]:
    """An entry of transitions: names may be patterns, and lists of these."""
    entries = _entries(entry, "transitions", "from", "to", "back", "seconds")
    ends = []
    for key in ("from", "to"):
        stated = entries.get(key)
        patterns = stated if isinstance(stated, list) else [stated]
        found = [one for one in loops if any(fnmatch.fnmatchcase(one, str(pattern)) for pattern in patterns)]
        if not found:
            raise InputError(f"transitions {key} {_shown(stated)}: no such loop; wanted some of {', '.join(loops)}")
        ends.append(found)
    back = entries.get("back", False)
    if not isinstance(back, bool):
        raise InputError(f"transitions, back is {_shown(back)}; wanted true or false")
    seconds = None if "seconds" not in entries else _number(entries, "seconds", 0.0, 0.2, 5.0, "transitions")
    pairs = [(one, other) for one in ends[0] for other in ends[1] if one != other]
    return [TransitionSpec(*pair, seconds) for pair in [*pairs, *(pair[::-1] for pair in pairs if back)]]


def _entries(value: object, what: str, *names: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{what} is {_shown(value)}; wanted entries: {', '.join(names)}")
    for key in value:
        if key not in names:
            raise InputError(f"{what}: unknown entry {_shown(key)}; wanted one of {', '.join(names)}")
    return dict(value)


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{what}: got {_shown(value)}; wanted a list")
    return value


def _string(entries: dict[str, Any], key: str, what: str) -> str:
    value = entries.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{what}: {key} is {_shown(value)}; wanted words")
    return value


def _text(entries: dict[str, Any], what: str) -> str:
    return _string(entries, "text", what)


def _number(entries: dict[str, Any], key: str, default: float, low: float, high: float, what: str) -> float:
    value = entries.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{what}: {key} is {_shown(value)}; wanted a number")
    if not low <= value <= high:
        raise InputError(f"{what}: {key} is {value:g}; wanted {low:g} to {high:g}")
    return float(value)


def _angle(entries: dict[str, Any], key: str, what: str) -> float:
    return _number(entries, key, 0.0, -180.0, 180.0, what)


def _whole(entries: dict[str, Any], key: str, default: int, low: int, high: int) -> int:
    value = _number(entries, key, default, low, high, "the file")
    if value != int(value):
        raise InputError(f"the file: {key} is {value:g}; wanted a whole number")
    return int(value)


def _shown(value: object) -> str:
    words = repr(value)
    return words if len(words) <= 40 else f"{words[:40]}..."


def frames_of(seconds: float) -> int:
    """The nearest number of frames."""
    return round(seconds * FPS)
