"""How long actions take: stretches of clips in which something is done from rest to rest, and what goes on without end.

A window whose tags name an event (a kick, three jumps, sitting down) is cut to the event itself: from where the body
sets itself in motion to where it comes to rest again.  Windows in which nothing but lasting things happen (gaits,
postures, standing) say that their text has no length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.signals import MotionSignals, box_filtered, motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_npz
from genmo.train.captions.describe import EVENTS
from genmo.train.datasets.clips import Clip

LENGTHS = (30, 60, 90, 120)
"""frames of the windows that are looked at, the shortest that shows an event first"""
LASTING = 60
"""frames of the windows that may say that something goes on"""
STRIDE, MOST = 15, 150
"""frames from one window to the next, and windows of one length that a clip gives at most"""
ENDS_ITSELF = (
    *(tag for tag in EVENTS if tag != "balance"), "jump", "hop", "punch_left", "punch_right", "raise_", "lower_",
    "turn_in_place",
)  # fmt: skip
"""beginnings of the tags of what is over some time"""
BUSY, QUIET, QUIET_SPEED = 0.4, 0.2, 0.18
"""shares of the window's greatest bustle (m/s, mean of head, wrists, knees and ankles) above which the event is on, and
below which, or below so many m/s, it has not begun or is over"""
REACH, SETTLING = 30, 6
"""frames beyond the window in which the event may begin or end, and that are kept before and after it"""
LASTS = 0
"""length of what goes on"""


@dataclass(frozen=True, eq=False)
class Actions:
    """Stretches of clips."""

    clip: Numbers
    """[stretches] number of the clip"""
    frames: Numbers
    """[stretches] that the event takes; LASTS for what goes on"""
    tags: tuple[frozenset[str], ...]
    """of the window: what sentences are made of"""

    def of(self, clips: Sequence[int]) -> Actions:
        """Of these clips alone, numbered anew in this order."""
        numbers = {clip: number for number, clip in enumerate(clips)}
        rows = [row for row, clip in enumerate(self.clip.tolist()) if clip in numbers]
        renumbered = np.array([numbers[int(self.clip[row])] for row in rows], np.int64)
        return Actions(renumbered, self.frames[rows], tuple(self.tags[row] for row in rows))

    def save(self, path: Path) -> None:
        """Write all of it into an .npz."""
        packed: dict[str, Any] = {"clip": self.clip, "frames": self.frames}
        text = "\n".join(" ".join(sorted(tags)) for tags in self.tags)
        np.savez_compressed(path, tags=np.frombuffer(text.encode(), np.uint8), **packed)

    @classmethod
    def load(cls, path: Path) -> Actions:
        """Inverse of `save`.  Raises InputError for another file."""
        arrays = read_npz(path, "lengths of actions")
        try:
            tags = tuple(frozenset(line.split()) for line in arrays["tags"].tobytes().decode().split("\n"))
            return cls(arrays["clip"], arrays["frames"], tags)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path}: {error}; wanted lengths of actions, as teach_lengths --actions writes them"
            ) from None


def measured_actions(clips: Sequence[Clip]) -> Actions:
    """Events of clips that are true in the world, with how long they take, and stretches of what goes on."""
    rows = [
        (number, frames, tags)
        for number, clip in enumerate(clips)
        if clip.truth == "world" and clip.frames >= min(LENGTHS)
        for frames, tags in actions_of_clip(
            motion_signals(forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1])
        )
    ]
    numbers, frames = (np.array([row[column] for row in rows], np.int64) for column in (0, 1))
    return Actions(numbers, frames, tuple(tags for *_, tags in rows))


def actions_of_clip(signals: MotionSignals) -> list[tuple[int, frozenset[str]]]:
    """(frames, tags of the window) of every stretch; an event is taken from the shortest windows that show it."""
    found: list[tuple[int, frozenset[str]]] = []
    taken: dict[str, list[tuple[int, int]]] = {}
    for length in LENGTHS:
        apart = max(STRIDE, (signals.frames - length) // MOST)
        for start in range(0, signals.frames - length + 1, apart):
            tags = tags_of(measure(signals.span(start, start + length)))
            events = {tag for tag in tags if tag.startswith(ENDS_ITSELF)}
            if not tags or not events:
                found += [(LASTS, tags)] if tags and length == LASTING else []
                continue
            span = event_span(signals.bustle, start, start + length)
            new = [tag for tag in events if not any(_same(span, other) for other in taken.get(tag, []))]
            if new:
                found.append((span[1] - span[0], tags))
            for tag in new:
                taken.setdefault(tag, []).append(span)
    return found


def event_span(bustle: Array, start: int, end: int) -> tuple[int, int]:
    """Frames [first, last) of the event that the window [start, end) shows, from rest to rest, or to REACH beyond."""
    smooth = box_filtered(bustle, 5)
    peak = float(smooth[start:end].max())
    busy = start + np.flatnonzero(smooth[start:end] >= BUSY * peak)
    quiet = max(QUIET * peak, QUIET_SPEED)
    first, last = int(busy[0]), int(busy[-1])
    while first > max(0, start - REACH) and smooth[first - 1] > quiet:
        first -= 1
    while last + 1 < min(len(smooth), end + REACH) and smooth[last + 1] > quiet:
        last += 1
    return max(0, first - SETTLING), min(len(smooth), last + 1 + SETTLING)


def _same(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two stretches share half of the shorter one."""
    return 2 * (min(a[1], b[1]) - max(a[0], b[0])) > min(a[1] - a[0], b[1] - b[0])
