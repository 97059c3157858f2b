"""The best of several takes of one motion: the one whose joints do most of what the texts say.

Takes differ in their noise alone.  What a text says, trait by trait, an engine's reader tells
(`genmo.runtime.engine.text_reader`).  Between keyframes a take also counts for less the further it is from the others,
for the one in their middle has the least expected error (minimum Bayes risk decoding; Kumar and Byrne 2004).  Of takes
that come out about equal the one that slides and jerks least is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.actions.agreement import agreement
from genmo.runtime.actions.names import Said
from genmo.runtime.actions.signals import ANKLES, FEET
from genmo.runtime.conditions.constraints import Frames
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.refine.example_takes import References, joins_well
from genmo.runtime.support.arrays import Array

NOWHERE: Frames = np.zeros(0, np.int64)
Take = tuple[Motion, list[str]]
"""a motion and what is noted of it"""
TAKES = 6
"""that are made of a motion whose texts say something that can be measured, where nothing else is asked for"""
ABOUT_EQUAL = 0.3
"""of agreement, within which takes are told apart by how smooth they are"""
CHOSEN = 1.0
"""of agreement, by which a take with an example has to have more than others: it was chosen for agreeing, and where
others do what is said as well, they are more natural"""
TAKES_BETWEEN = 12
"""that are made of a motion with frames between keyframes, where nothing else is asked for"""
APART = 0.005
"""metres in the mean of its joints, roots together, by which a take is further from the others between keyframes, for
which it has to agree by 1 more"""
NEAR_FLOOR = 0.06
"""metres over its lowest, at which the ball of a foot should not slide"""


@dataclass(frozen=True)
class Taste:
    """What counts beside agreement, in its units."""

    chosen: float = CHOSEN
    """by how much more a take with an example has to agree"""
    rough: float = 0.0
    """what a m/s of sliding (`roughness`) costs"""


GENMO_TASTE = Taste()


def rows_of_takes(samples: int, takes: int) -> list[range]:
    """The rows to sample for each of `samples` motions with so many takes, batch by batch; all in one for one take."""
    if takes == 1:
        return [range(samples)]
    return [range(sample * takes, (sample + 1) * takes) for sample in range(samples)]


def takes_wanted(said: Sequence[Said], timeline: Timeline, asked: int | None, usual: bool) -> int:
    """Takes to make of a timeline whose texts say `said`; `usual`: whether more than one is made though nobody `asked`
    for more."""
    between = not timeline.keypoints and len(timeline.keyframes.between)
    if not (said or between) or (asked is None and not usual):
        return 1
    return asked or (TAKES_BETWEEN if between else TAKES)


def best_of(
    takes: Sequence[Take], said: Sequence[Said], references: Sequence[References] = (), between: Frames = NOWHERE
) -> Take:
    """The take to keep, with what is noted of it.

    `references`: the examples of each take, those without first; takes that jerk where one begins or ends are left out.
    `between`: see `best_take`.
    """
    return takes[best_number([motion.joints_world() for motion, _ in takes], said, references, between)]


def best_number(
    joints: Sequence[Array],
    said: Sequence[Said],
    references: Sequence[References] = (),
    between: Frames = NOWHERE,
    taste: Taste = GENMO_TASTE,
) -> int:
    """The number of the take to keep, see `best_of`, of the takes' world joints [frames, 24, 3]."""
    spans = list(references) or [()] * len(joints)
    kept = [take for take, of_take in enumerate(spans) if joins_well(joints[take], of_take)]
    examples = sum(bool(spans[take]) for take in kept)
    return kept[best_take([joints[take] for take in kept], said, examples, between, taste)]


def best_take(
    takes: Sequence[Array],
    said: Sequence[Said],
    of_examples: int = 0,
    between: Frames = NOWHERE,
    taste: Taste = GENMO_TASTE,
) -> int:
    """The number of the one to keep of takes' world joints [frames, 24, 3]; the last `of_examples` have examples.

    `between`: frames between keyframes, in which it is to be like the others.  Where they agree by no numbers, as with
    a reader whose finite weights are too large, the first is kept.
    """
    if len(takes) == 1:
        return 0
    agreed = np.array([agreement(take, said) for take in takes], np.float64)
    agreed[len(takes) - of_examples :] -= taste.chosen
    if len(between):
        agreed -= apart(np.stack([take[between] - take[between, :1] for take in takes])) / APART
    rough = np.array([roughness(take) for take in takes])
    agreed -= taste.rough * rough
    equal = np.flatnonzero(agreed >= np.fmax.reduce(agreed) - ABOUT_EQUAL).tolist()
    return int(min(equal, key=lambda take: float(rough[take]), default=0))


def apart(posed: Array) -> Array:
    """Mean distance of each take's joints from those of the others [takes], metres; `posed` [takes, frames, 24, 3] with
    their roots together."""
    return np.array([np.linalg.norm(posed - one, axis=-1).mean() for one in posed])


def roughness(joints: Array) -> float:
    """How world joints [frames, 24, 3] slide and jerk: m/s of feet near the floor, and a tenth of the mean jerk of the
    ankles in km/s^3."""
    if len(joints) < 4:
        return 0.0
    feet = joints[:, FEET]
    down = feet[:-1, :, 1] < feet[..., 1].min() + NEAR_FLOOR
    slide = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) * FPS
    jerk = np.linalg.norm(np.diff(joints[:, ANKLES], n=3, axis=0), axis=-1) * FPS**3 / 1000
    return float((slide * down).sum() / max(int(down.sum()), 1) + 0.1 * jerk.mean())
