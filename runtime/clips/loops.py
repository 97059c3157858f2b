"""Loops of a library: strides made by the engine at the speed asked for, turned into every direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from genmo.runtime.clips.measuring import Measures, badness, looking, measured, root_of, stands, with_contacts
from genmo.runtime.clips.spec import Limits, LoopSpec, frames_of
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import SHORTEST_LOOP, Timeline
from genmo.runtime.model import MotionModel
from genmo.runtime.motion.bodies import leg_length
from genmo.runtime.motion.mirror import mirrored
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.root_motion import cycle_step, repeated
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.refine.facing import backward, facing_aside
from genmo.runtime.refine.foot_locking import FeetOptions, clean_feet
from genmo.runtime.support.arrays import Array

LENGTHS = (0.86, 0.92, 1.0, 1.08)
"""of the usual stride at a speed, that are tried"""
WALK, RUN = 2.0, 2.4
"""m/s up to which people walk, and from which they run"""
PLAYED = 7
"""times that a cycle is played when its feet are cleaned; the middle one is kept"""
ROOT_HORIZON = 10
"""frames over which the root gives way to planted feet: the way is kept"""
SIDE = 90.0
"""degrees; beyond, a direction is made of steps that go backward"""


def stride_seconds(speed: float) -> float:
    """How long two steps take of a person who goes at `speed` m/s.

    A walk's frequency grows with the root of its speed, a run's hardly.
    """
    walk, run = 1.07 * np.sqrt(1.2 / max(speed, 0.3)), 0.80 - 0.03 * speed
    share = np.clip((speed - WALK) / (RUN - WALK), 0, 1)
    return float(np.clip(walk + share * (run - walk), 0.6, 2.2))


def base_of(spec: LoopSpec) -> tuple[str, float, float | None]:
    """What a loop is turned from: loops with the same text, speed and length are made once."""
    return spec.text, spec.speed, spec.seconds


def base_loop(
    model: MotionModel, spec: LoopSpec, seed: int, samples: int, limits: Limits, done: Callable[[float], object]
) -> tuple[Motion, Measures]:
    """The best of several tries of a loop that goes ahead at the speed of `spec`, or stays."""
    ahead = replace(spec, direction=0.0)
    best: tuple[float, Motion, Measures] | None = None
    lengths = _lengths(spec)
    for number, frames in enumerate(lengths):
        timeline = Timeline(frames, (Text(spec.text),), seed=seed, loop="exact", velocity=(0.0, spec.speed))
        for cycle in model.follow(timeline, samples=samples, split_texts=False).motions:
            motion = gentler(planted(on_mean_body(cycle)))
            found = measured(motion)
            cost = badness(ahead, found, limits)
            if best is None or cost < best[0]:
                best = cost, motion, found
        done((number + 1) / len(lengths))
    assert best is not None
    return best[1:]


def _lengths(spec: LoopSpec) -> list[int]:
    if not spec.speed:
        assert spec.seconds is not None
        return [max(frames_of(spec.seconds), SHORTEST_LOOP)]
    if spec.seconds is not None:
        return [max(frames_of(spec.seconds), SHORTEST_LOOP)]
    usual = stride_seconds(spec.speed)
    return sorted({max(frames_of(share * usual), SHORTEST_LOOP) for share in LENGTHS})


def directed(base: Motion, direction: float) -> Motion:
    """A loop that goes ahead, going `direction` degrees to the left of where the person looks."""
    motion = gentler(backward(base)) if abs(direction) > SIDE else settled(base)
    goes = measured(motion).direction
    if goes is None:
        return motion
    return settled(facing_aside(motion, np.radians((goes - direction + 180) % 360 - 180)))


def gentler(cycle: Motion) -> Motion:
    """The settled cycle or, if its seam is seen less, its image in a mirror.

    A cycle begins where the left foot lands, its sharpest moment; nobody's feet land alike.
    """
    ways = settled(cycle), settled(mirrored(cycle))
    return min(ways, key=lambda way: measured(way).seam or 0.0)


def on_mean_body(motion: Motion) -> Motion:
    """The motion on the mean body, the way scaled to its legs: every clip of a library has one skeleton."""
    own = leg_length(motion.rest_offsets)
    mean = replace(motion, betas=np.zeros_like(motion.betas), offsets=None, smplx=None)
    return replace(mean, translation=leg_length(mean.rest_offsets) / own * motion.translation)


def settled(motion: Motion) -> Motion:
    """A cycle that begins where the left foot lands, over the origin, and looks along +z on average."""
    motion = from_frame(motion, first_landing(motion))
    mean = np.exp(1j * looking(motion)[:-1]).mean()
    turn = matrix_from_yaw(np.asarray(-np.angle(mean)))
    turned = motion.moved(turn, np.zeros(3))
    return with_contacts_of_cycle(turned.moved(np.eye(3), -root_of(turned).position[0]))


def first_landing(cycle: Motion) -> int:
    """The frame of a cycle in which the left foot lands after its longest time in the air; 0 where it never does."""
    standing = stands(repeated(cycle, 3))[cycle.frames - 1 : 2 * cycle.frames - 2, 0]
    landings = np.flatnonzero(standing & ~np.roll(standing, 1))
    if not len(landings):
        return 0
    air = [next(k for k in range(1, len(standing) + 1) if standing[frame - 1 - k]) for frame in landings]
    return int(landings[int(np.argmax(air))])


def from_frame(cycle: Motion, frame: int) -> Motion:
    """A cycle that begins at another of its frames."""
    if frame == 0:
        return cycle
    period = cycle.frames - 1
    moved = repeated(cycle, 2).cut(slice(frame, frame + period + 1))
    return replace(moved, loops=True)


def planted(cycle: Motion) -> Motion:
    """A cycle whose feet stand still where they are on the ground."""
    period = cycle.frames - 1
    played = with_contacts(repeated(cycle, PLAYED))
    clean = clean_feet(played, FeetOptions(horizon=ROOT_HORIZON))
    start = (PLAYED // 2) * period
    middle = clean.cut(slice(start, start + period + 1))
    return closed(middle)


def closed(motion: Motion) -> Motion:
    """A motion that ends almost as it began, as a cycle: the last frame is the first, moved on."""
    turn, shift = cycle_step(motion)
    rotations, translation = motion.rotations.copy(), motion.translation.copy()
    rotations[-1] = rotations[0]
    rotations[-1, 0] = turn @ rotations[0, 0]
    translation[-1] = rotate(turn, translation[0]) + shift
    return replace(motion, rotations=rotations, translation=translation, loops=True)


def with_contacts_of_cycle(cycle: Motion) -> Motion:
    """The cycle with contacts where its feet stand, over the seam too."""
    period = cycle.frames - 1
    contacts: Array | None = with_contacts(repeated(cycle, 3)).contacts
    assert contacts is not None
    return replace(cycle, contacts=contacts[period : 2 * period + 1])


def travel(cycle: Motion) -> Array:
    """Metres a frame [3] that a loop goes on average, in the world."""
    way = (cycle.translation[-1] - cycle.translation[0]) * [1.0, 0.0, 1.0]
    return np.asarray(way / (cycle.frames - 1))


def seconds_between(one: Motion, other: Motion) -> float:
    """How long a change from one loop to another takes: people speed up and slow down by about 5 m/s^2."""
    change = FPS * float(np.linalg.norm(travel(other) - travel(one)))
    return float(np.clip(change / 5.0, 0.4, 1.0))
