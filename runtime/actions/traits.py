"""What a stretch of motion does in yes and no: whether each of many measures is over each of its steps.

Tags (`actions.tags`) are strict: half of a kick has none.  Steps are graded: a foot at 3 m/s is over more of them than
one at 1 m/s, so that of two motions that are both no kick the one that is nearer to it can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np

from genmo.runtime.actions.measures import SIDES, Measures, big_jumps, longest
from genmo.runtime.actions.signals import forearm_sway, quantile, share, swings
from genmo.runtime.support.arrays import Flags

_Sided = Callable[[Measures, int], float]
_STEPS: dict[str, tuple[float, ...]] = {
    "speed": (0.15, 0.4, 0.7, 1.0, 1.4, 1.8, 2.4, 3.2),
    "slowest": (0.1, 0.4, 1.0, 2.0),
    "fastest": (0.3, 0.8, 1.6, 2.2, 3.0, 4.5),
    "speed_first": (0.2, 0.5, 1.5),
    "speed_last": (0.2, 0.5, 1.5),
    "faster": (0.3, 1.0),
    "slower": (0.3, 1.0),
    "ahead": (0.15, 0.4, 1.0),
    "back": (0.1, 0.25, 0.5),
    "travel": (0.3, 0.7, 1.5, 3.0),
    "swing": (20, 60, 150),
    "low": (0.05, 0.15, 0.25, 0.4, 0.55, 0.7),
    "low_first": (0.1, 0.2, 0.35, 0.5, 0.65),
    "low_last": (0.1, 0.2, 0.35, 0.5, 0.65),
    "head_low": (0.3, 0.6, 0.9, 1.1),
    "tilt": (25, 40, 55, 75),
    "tilt_last": (25, 50),
    "knee_down": (0.1, 0.4),
    "seat": (0.1, 0.4, 0.8),
    "hand_low": (0.2, 0.4, 0.6),
    "both_raised": (0.2, 0.5, 1.0, 2.0),
    "together": (0.1, 0.4, 0.8),
    "claps": (1, 2, 4),
    "carry": (0.3, 0.7),
    "jumps": (1, 2, 3, 4, 5),
    "rise": (0.1, 0.25, 0.4),
    "leap": (0.3, 0.8),
    "bustle": (0.05, 0.12, 0.3, 0.8),
}
"""measure -> its steps, of both sides together"""
_SIDED_STEPS: dict[str, tuple[float, ...]] = {
    "ward": (0.1, 0.2, 0.4),
    "turn": (20, 45, 65, 85, 110, 150, 200, 300),
    "path_turn": (20, 60, 120, 250),
    "raised": (0.2, 0.5, 1.0, 2.0),
    "up": (0.1, 0.4, 0.8),
    "out": (0.05, 0.2, 0.5),
    "front": (0.05, 0.2, 0.5),
    "waves": (2, 3, 5),
    "hip": (0.3, 0.7),
    "hops": (1, 2),
    "foot_speed": (2.5, 3.5, 4.5, 6.0),
    "foot_height": (0.2, 0.4, 0.6),
    "punches": (1, 2, 4),
    "hand_speed": (2.0, 3.5, 5.0),
    "one_leg": (0.2, 0.5, 0.8),
}
"""measure -> its steps, of the left and of the right"""

_OF_ARMS = {
    "both_raised", "together", "claps", "carry", "raised", "up", "out", "front", "waves", "hip", "punches",
    "hand_speed",
}  # fmt: skip
"""measures of the arms alone, whatever the rest of the body does"""


def is_of_arms(trait: str) -> bool:
    """Whether a trait such as `waves_left>2` is of the arms alone."""
    return trait.split(">")[0].removesuffix("_left").removesuffix("_right") in _OF_ARMS


def _over(value: float, steps: tuple[float, ...]) -> list[bool]:
    return [value >= step for step in steps]


def _gait(m: Measures) -> dict[str, float]:
    gait, third = m.gait, max(m.signals.frames // 3, 1)
    first, last = float(m.signals.speed[:third].mean()), float(m.signals.speed[-third:].mean())
    return {
        "speed": gait.speed,
        "slowest": gait.slowest,
        "fastest": gait.fastest,
        "speed_first": gait.first,
        "speed_last": gait.last,
        "faster": last - first,
        "slower": first - last,
        "ahead": gait.along,
        "back": -gait.along,
        "travel": gait.distance,
        "swing": gait.swing,
        "bustle": float(m.signals.bustle.mean()),
    }


def _postures(m: Measures) -> dict[str, float]:
    shape, tilt, edge = m.posture, m.signals.tilt, min(9, m.signals.frames)
    seat = (shape.thigh.min(axis=-1) > 50) & (shape.pelvis < 0.85) & (tilt < 45)
    return {
        "low": 1 - quantile(shape.pelvis, 0.05),
        "low_first": 1 - float(np.median(shape.pelvis[:edge])),
        "low_last": 1 - float(np.median(shape.pelvis[-edge:])),
        "head_low": 1.5 - float(shape.head.min()),
        "tilt": quantile(tilt, 0.95),
        "tilt_last": float(np.median(tilt[-edge:])),
        "knee_down": share((shape.knee_height.min(axis=-1) < 0.2) & (tilt < 60)),
        "seat": share(seat),
        "hand_low": 0.8 - float(shape.hand_height.min()),
    }


def _both_hands(m: Measures) -> dict[str, float]:
    arms = m.hands
    before = (arms.ahead.min(axis=-1) > 0.12) & (np.abs(arms.over_pelvis - 0.2).max(axis=-1) < 0.3)
    dips = sum(1 for a, b in zip(arms.apart, arms.apart[1:], strict=False) if a >= 0.2 > b)
    return {
        "both_raised": longest(np.asarray((arms.over_head > 0).all(axis=-1))),
        "together": share(arms.apart < 0.2),
        "claps": dips if swings(arms.apart, 0.08) >= 2 else 0,
        "carry": share(before & (arms.apart > 0.1) & (arms.apart < 0.6)),
    }


def _jumps(m: Measures) -> dict[str, float]:
    big = big_jumps(m)
    return {
        "jumps": len(big),
        "rise": max((jump.rise for jump in big), default=0),
        "leap": max((jump.distance for jump in big), default=0),
    }


def _held(m: Measures, side: int) -> tuple[float, float]:
    """Shares of the frames with a straight arm level to its side, and to the front."""
    arms, arm = m.hands, m.signals.arm
    level = np.abs(arms.over_shoulder[:, side]) < 0.4 * arm
    return share(level & (arms.outward[:, side] > 0.72 * arm)), share(level & (arms.ahead[:, side] > 0.72 * arm))


def _waves(m: Measures, side: int) -> float:
    up = m.hands.over_shoulder[:, side] > -0.15
    return swings(np.where(up, forearm_sway(m.signals, side), 0.0), 0.09) if share(up) > 0.25 else 0


def _foot_speed(m: Measures, side: int) -> float:
    """Of a foot while the other one stands and the person is not running."""
    stands = (m.posture.foot_height[:, 1 - side] < 0.15) & (m.signals.speed < 2.2) & (m.signals.tilt < 60)
    return float((m.signals.foot_speed[:, side] * stands).max())


_SIDED: dict[str, _Sided] = {
    "ward": lambda m, side: m.gait.across * (1 - 2 * side),
    "turn": lambda m, side: m.gait.turn * (1 - 2 * side),
    "path_turn": lambda m, side: m.gait.path_turn * (1 - 2 * side),
    "raised": lambda m, side: longest(m.hands.over_head[:, side] > 0),
    "up": lambda m, side: share(m.hands.over_shoulder[:, side] > 0),
    "out": lambda m, side: _held(m, side)[0],
    "front": lambda m, side: _held(m, side)[1],
    "waves": _waves,
    "hip": lambda m, side: share(
        (m.hands.to_hip[:, side] < 0.24) & (m.signals.elbows[:, side] > 50) & (m.hands.over_pelvis[:, side] > -0.08)
    ),
    "hops": lambda m, side: sum(jump.one_foot == side for jump in m.jumps),
    "foot_speed": _foot_speed,
    "foot_height": lambda m, side: float(
        (m.posture.foot_height[:, side] * (m.posture.foot_height[:, 1 - side] < 0.15)).max()
    ),
    "punches": lambda m, side: sum(1 for _, at in m.punches if at == side),
    "hand_speed": lambda m, side: float(m.signals.wrist_speed[:, side].max()),
    "one_leg": lambda m, side: share(
        (m.posture.foot_height[:, 1 - side] > 0.14) & (m.posture.foot_height[:, side] < 0.1) & (m.signals.speed < 0.4)
    ),
}
STEPS: tuple[str, ...] = (
    *(f"{name}>{step:g}" for name, steps in _STEPS.items() for step in steps),
    *(f"{name}_{side}>{step:g}" for name, steps in _SIDED_STEPS.items() for side in SIDES for step in steps),
)
"""the names of all steps: `speed>0.4`, `turn_left>85`"""


def steps_over(m: Measures) -> Flags:
    """[len(STEPS)] which of the STEPS a stretch of motion is over."""
    values = _gait(m) | _postures(m) | _both_hands(m) | _jumps(m)
    found = [_over(values[name], steps) for name, steps in _STEPS.items()]
    for name, steps in _SIDED_STEPS.items():
        found += [_over(_SIDED[name](m, side), steps) for side in (0, 1)]
    return np.array(list(chain.from_iterable(found)))
