"""A span of a motion file made anew: `walk.bvh:1.5-3` keeps everything but the frames from 1.5 to 3 seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.motion.motion import FPS
from genmo.runtime.retarget.keyframes import motion_from_file
from genmo.runtime.support.errors import InputError

FORM = "FILE:START-END"
"""how an edit is typed"""
_NUMBER = r"\d{1,6}(?:\.\d*)?|\.\d+"
_EDIT = re.compile(rf"(?P<file>.+):(?P<start>{_NUMBER})s?-(?P<end>{_NUMBER})?s?", re.DOTALL)


@dataclass(frozen=True, eq=False)
class EditedMotion:
    """What is kept of a motion."""

    keyframes: Keyframes
    """every frame outside the span, 30 a second"""
    frames: int
    """of the whole motion"""


def edited_motion(argument: str) -> EditedMotion:
    """The motion that an `--edit` argument names, less its span; no end: to the motion's.

    Raises InputError for what is no edit, a file that cannot be read, and a span that is no part of the motion.
    """
    match = _EDIT.fullmatch(argument)
    if match is None:
        raise InputError(f"--edit: got {argument[:80]!r}; wanted {FORM} in seconds, such as walk.bvh:1.5-3")
    motion = motion_from_file(match["file"])
    frames = motion.frames
    start = round(float(match["start"]) * FPS)
    end = frames if match["end"] is None else round(float(match["end"]) * FPS)
    if not 0 <= start < end <= frames or end - start == frames:
        raise InputError(
            f"--edit: {argument[:80]!r} is no part of the motion, which has {frames / FPS:.2f} s; wanted a span in it"
        )
    kept = np.concatenate([np.arange(start), np.arange(end, frames)])
    return EditedMotion(Keyframes(kept, motion.rotations[kept], motion.translation[kept]), frames)
