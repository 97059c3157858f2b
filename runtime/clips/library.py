"""A library of clips, made from its specification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.clips.bridges import STEADY, Bridge, acted, bridge, faded, over_a_foot
from genmo.runtime.clips.loops import base_loop, base_of, directed, seconds_between, travel
from genmo.runtime.clips.measuring import Measures, badness, measured, misses
from genmo.runtime.clips.spec import ActionSpec, LibrarySpec, LoopSpec, TransitionSpec, frames_of
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.support.progress import Progress, ProgressCallback, no_progress

GAPS = (0.75, 1.25, 1.7)
"""of the usual time between two loops, that are tried: after some of them the feet fit, after others they do not"""
LOOP_WORK, BRIDGE_WORK = 5.0, 2.0
"""shares of the time that a loop that is sampled and what joins two loops take"""


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip of a library."""

    asked: LoopSpec | ActionSpec | TransitionSpec
    motion: Motion
    """30 frames a second; its root begins over the origin, facing +z (of a loop: on average)"""
    found: Measures
    missed: tuple[str, ...]
    """where it is not what was asked for"""
    text: str | None = None
    leave: int | None = None
    """frame of the loop `asked.start` that its first frame is"""
    enter: int | None = None
    """frame of the loop `asked.end` that its last frame is"""

    @property
    def name(self) -> str:
        return self.asked.name

    @property
    def kind(self) -> str:
        kinds = {LoopSpec: "loop", ActionSpec: "action", TransitionSpec: "transition"}
        return kinds[type(self.asked)]


def make_library(model: MotionModel, spec: LibrarySpec, progress: ProgressCallback = no_progress) -> list[Clip]:
    """Every clip of a specification: loops, actions, transitions.  The same specification and engine give the same.

    Raises InputError for texts that the engine cannot take.
    """
    bases = {base_of(one): one for one in spec.loops}
    bridges: list[ActionSpec | TransitionSpec] = [*spec.actions, *spec.transitions]
    work = Progress(LOOP_WORK * len(bases) + BRIDGE_WORK * len(bridges), progress)
    made: dict[tuple[str, float, float | None], Motion] = {}
    for number, (key, one) in enumerate(bases.items()):
        part = work.part(0, LOOP_WORK)
        made[key], _ = base_loop(model, one, spec.seed, spec.samples, spec.limits, part)
        work.done(LOOP_WORK * (number + 1))
    clips = [_loop(one, made[base_of(one)], spec) for one in spec.loops]
    loops = {clip.name: clip.motion for clip in clips}
    for number, what in enumerate(bridges):
        clips.append(_bridged(model, what, loops, spec))
        work.done(LOOP_WORK * len(bases) + BRIDGE_WORK * (number + 1))
    return clips


def _loop(one: LoopSpec, base: Motion, spec: LibrarySpec) -> Clip:
    motion = directed(base, one.direction)
    found = measured(motion)
    return Clip(one, motion, found, tuple(misses(one, found, spec.limits)), one.text)


def _bridged(
    model: MotionModel, what: ActionSpec | TransitionSpec, loops: dict[str, Motion], spec: LibrarySpec
) -> Clip:
    ends = loops[what.start], loops[what.end]
    if what.seconds is not None:
        gaps = [frames_of(what.seconds)]
    else:
        gaps = [frames_of(share * seconds_between(*ends)) for share in GAPS]
    options = spec.seed, spec.samples, spec.limits
    tries: list[Bridge] = [bridge(model, ends, what, gap, *options) for gap in gaps]
    if isinstance(what, TransitionSpec):
        over = [(gap, over_a_foot(*ends, gap)) for gap in gaps]
        tries += [bridge(model, ends, what, gap, *options, on_foot) for gap, on_foot in over if on_foot is not None]
        if min(FPS * np.linalg.norm(travel(loop)) for loop in ends) > STEADY:
            tries += [faded(ends, gap, spec.seed) for gap in gaps]
    if isinstance(what, ActionSpec) and not what.turn:
        tries.append(acted(model, ends, what, gaps[0], *options))
    made = min(tries, key=lambda one: badness(what, one.found, spec.limits))
    text = what.text if isinstance(what, ActionSpec) else None
    missed = tuple(misses(what, made.found, spec.limits))
    return Clip(what, made.motion, made.found, missed, text, made.leave, made.enter)
