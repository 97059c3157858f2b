"""genmo-live --text and --path: an endless performer, told by lines what to do, sent on frame by frame."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from genmo.runtime.cli.live_lines import ORDERS, Lines, follow_line, parse_path
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.readers.constraints import read_joint_targets
from genmo.runtime.retarget.keyframes import motion_from_file
from genmo.runtime.streaming.motion_ahead import MotionAhead
from genmo.runtime.streaming.motion_generator import MotionGenerator
from genmo.runtime.streaming.root_plan import RootPath
from genmo.runtime.support.cli import say
from genmo.runtime.support.errors import InputError

REPORT_EVERY = 1.0
"""seconds between two lines on a terminal"""


@dataclass
class Performance:
    """What happened, in numbers."""

    poses: int = 0
    late: int = 0
    """frames that were repeated because the network was not in time"""
    longest_wait: float = 0.0
    """milliseconds that a frame took to be had"""

    def line(self, ahead: MotionAhead) -> str:
        """For people."""
        told = ahead.prompt or "in the words of the speed"
        late = f", {self.late} late" if self.late else ""
        return f"{told}, {1000 * ahead.lead / FPS:.0f} ms behind what is told{late}"


class Stage(Protocol):
    """Where the frames go."""

    def show(self, frame: Motion, note: str) -> None: ...


def opened_path(text: str) -> RootPath:
    """`--path`: a constraints file with places of the pelvis, or `X,Z X,Z ... [@SPEED]`.

    Raises InputError for anything else.
    """
    if not text.lower().endswith(".npz"):
        return parse_path(text)
    targets = read_joint_targets(Path(text))
    known = (targets.joints == 0) & np.isfinite(targets.positions[:, [0, 2]]).all(axis=-1)
    if not known.any():
        raise InputError(f"{text}: no place of the pelvis with x and z; wanted some: a path is where the pelvis goes")
    return RootPath(targets.frames[known], targets.positions[known][:, [0, 2]])


def perform(ahead: MotionAhead, lines: Lines, stage: Stage, seconds: float | None, said: Performance) -> None:
    """Show a frame every thirtieth of a second, and follow the lines that come, until the seconds end."""
    started = reported = time.monotonic()
    while seconds is None or said.poses < seconds * FPS:
        for line in lines.waiting():
            try:
                follow_line(ahead, line)
            except InputError as error:
                say(f"genmo-live: note: {error}")
        before = time.perf_counter()
        frame = ahead.next()
        said.longest_wait = max(said.longest_wait, 1000 * (time.perf_counter() - before) if said.poses else 0.0)
        said.poses, said.late = said.poses + 1, ahead.late
        note = said.line(ahead)
        stage.show(frame, note)
        if sys.stderr.isatty() and not sys.stdin.isatty() and time.monotonic() > reported + REPORT_EVERY:
            reported = time.monotonic()
            print(f"\r{note}\x1b[K", end="", file=sys.stderr, flush=True)
        time.sleep(max(0.0, started + said.poses / FPS - time.monotonic()))


def performer(
    model: MotionModel, text: str | None, path: str | None, start: str | None, *, seed: int, steps: int, lead: int
) -> MotionAhead:
    """The performer that the options ask for.  Raises InputError for a text or path that cannot be."""
    command = None if path is None else opened_path(path)
    clip = None if start is None else motion_from_file(start)
    generator = MotionGenerator(model, text, command=command, start=clip, seed=seed, steps=steps)
    return MotionAhead(generator, lead=lead)


def greeting(lines: Lines) -> str:
    """What may be typed, and where else it may come from."""
    listens = "" if lines.port is None else f" (or send lines to UDP 127.0.0.1:{lines.port})"
    return f"type {ORDERS}{listens}"
