"""A span of a motion file made anew: `walk.bvh:1.5-3` keeps everything but the frames from 1.5 to 3 seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.revision import Revision
from genmo.runtime.motion.motion import FPS
from genmo.runtime.retarget.keyframes import motion_from_file
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.parts import LIMBS

FORM = "FILE:START-END"
"""how an edit is typed"""
TOGETHER = {
    "arms": ("left arm", "right arm"),
    "legs": ("left leg", "right leg"),
    "upper": ("trunk", "left arm", "right arm"),
    "lower": ("path", "left leg", "right leg"),
}
"""names of several parts"""
_NUMBER = r"\d{1,6}(?:\.\d*)?|\.\d+"
_EDIT = re.compile(rf"(?P<file>.+):(?P<start>{_NUMBER})s?-(?P<end>{_NUMBER})?s?", re.DOTALL)


@dataclass(frozen=True, eq=False)
class EditedMotion:
    """What is kept of a motion."""

    keyframes: Keyframes
    """every frame outside the span, 30 a second"""
    frames: int
    """of the whole motion"""
    revision: Revision | None = None
    """which parts of it, or which share, are made anew; None: the span as a whole"""


def edited_motion(argument: str, parts: str | None = None, share: float | None = None) -> EditedMotion:
    """The motion that an `--edit` argument names, less its span; no end: to the motion's.

    `parts`: what `--edit-parts` says, and `share` what `--vary` says; with either the span may be the whole motion.
    Raises InputError for what is no edit, a file that cannot be read, and a span that is no part of the motion.
    """
    names = () if parts is None else part_names(parts)
    if share is not None and not 0 < share <= 1:
        raise InputError(f"--vary is {share:g}; wanted more than 0, at most 1 for all")
    match = _EDIT.fullmatch(argument)
    if match is None:
        raise InputError(f"--edit: got {argument[:80]!r}; wanted {FORM} in seconds, such as walk.bvh:1.5-3")
    motion = motion_from_file(match["file"])
    frames = motion.frames
    start = round(float(match["start"]) * FPS)
    end = frames if match["end"] is None else round(float(match["end"]) * FPS)
    revised = bool(names) or share is not None
    if not 0 <= start < end <= frames or (end - start == frames and not revised):
        raise InputError(
            f"--edit: {argument[:80]!r} is no part of the motion, which has {frames / FPS:.2f} s; wanted a span in it"
        )
    kept = np.concatenate([np.arange(start), np.arange(end, frames)])
    keyframes = Keyframes(kept, motion.rotations[kept], motion.translation[kept])
    if not revised:
        return EditedMotion(keyframes, frames)
    revision = Revision(motion.rotations, motion.translation, start, end, names, 1.0 if share is None else share)
    return EditedMotion(keyframes, frames, revision)


def part_names(argument: str) -> tuple[str, ...]:
    """The parts of the body that `--edit-parts` names.  Raises InputError for others."""
    names: list[str] = []
    for name in (part.strip().lower().replace("_", " ") for part in argument.split(",")):
        if name not in LIMBS and name not in TOGETHER:
            known = ", ".join([*LIMBS, *TOGETHER])
            raise InputError(f"--edit-parts: got {argument[:80]!r}; wanted names, with commas between, of {known}")
        names += TOGETHER.get(name, (name,))
    return tuple(dict.fromkeys(names))
