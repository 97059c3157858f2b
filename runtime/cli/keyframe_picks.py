"""Keyframes picked out of motion files on the command line: `walk.bvh:40@3.5s`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from genmo.runtime.conditions.constraints import Keyframes, joined_keyframes
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.retarget.keyframes import keyframes_from_file
from genmo.runtime.support.errors import InputError

FORM = "FILE:FRAME@TIME"
"""how a pick is typed"""
_PICK = re.compile(r"(?P<file>.+):(?P<frame>\d{1,9})@(?P<time>\d{1,9}(?:\.\d*)?|\.\d+)(?P<unit>[sf])", re.DOTALL)


@dataclass(frozen=True)
class KeyframePick:
    """A frame of a file, and the frame of the motion that it becomes; both from 0."""

    file: str
    frame: int
    at: int


def parse_pick(argument: str, option: str) -> KeyframePick:
    """A pick such as `walk.bvh:40@3.5s` or `walk.bvh:40@105f`.  Raises InputError, with the `option` that it is of."""
    match = _PICK.fullmatch(argument)
    if match is None:
        raise InputError(
            f"{option}: got {argument[:80]!r}; wanted {FORM}, the time in seconds or frames, as walk.bvh:40@3.5s or "
            "walk.bvh:40@105f"
        )
    time = float(match["time"])
    if match["unit"] == "f" and not time.is_integer():
        raise InputError(f"{option}: {argument[:80]!r} is at frame {match['time']}; wanted a whole frame, or seconds")
    at = round(time * (FPS if match["unit"] == "s" else 1))
    if at >= MAX_FRAMES:
        raise InputError(f"{option}: {argument[:80]!r} is at frame {at} of the motion; wanted less than {MAX_FRAMES}")
    return KeyframePick(match["file"], int(match["frame"]), at)


def picked_keyframes(picks: Sequence[KeyframePick], names: dict[str, str] | None = None) -> Keyframes:
    """All picks in order of time; every file is read once.  `names`: SMPL joint -> bone, for bones of unknown names.

    Raises InputError for a file that cannot be read, a frame that it has not, and two poses for one frame.
    """
    by_file: dict[str, list[tuple[int, int]]] = {}
    for pick in picks:
        by_file.setdefault(pick.file, []).append((pick.frame, pick.at))
    return joined_keyframes([keyframes_from_file(file, frames, names=names) for file, frames in by_file.items()])
