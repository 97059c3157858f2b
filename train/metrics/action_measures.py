"""What a person does, in numbers: speeds, turns, raised hands, waves, jumps, kicks, steps up and down of the pelvis.

All of it from world joints [frames, 24, 3] at 30 fps, metres, y up.  Heights of the pelvis are shares of the leg's
length (hip to ankle; people who stand have 1.0 to 1.2), those of hands and feet are metres for a leg of 0.83 m, so that
a child and a giant do the same.  Turns are degrees, to the left positive.  A measure is a number a motion, by name in
MEASURES; `measured` takes it of a part of the motion as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from genmo.runtime.actions.measures import runs_of
from genmo.runtime.actions.signals import (
    ANKLES,
    FEET,
    HEAD,
    HIPS,
    KNEES,
    NECK,
    PELVIS,
    SHOULDERS,
    WRISTS,
    MotionSignals,
    box_filtered,
    motion_signals,
    swings,
)
from genmo.runtime.motion.joints import JOINTS, MIRROR_JOINTS
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array

LEG = 0.83
"""metres, the leg of the mean body: joints are scaled to it"""
AIRBORNE, FLIGHT = 0.06, 3
"""metres over the floor of the lowest foot, and frames: less is no flight"""
ANKLE = 0.06
"""metres over the floor of an ankle whose heel is on it"""
REACH = 0.85
"""share of a limb's length between its ends at which it is straight enough for a kick or a punch"""
KICK, KICK_HEIGHT = 4.5, 0.4
"""m/s and m: brisk walkers have 3.8 and 0.15, soccer players 6 to 9"""
LEFT, RIGHT = 0, 1
HANDS = [JOINTS.index("left_hand"), JOINTS.index("right_hand")]

Mask = npt.NDArray[np.bool_]


def mirrored_joints(joints: Array) -> Array:
    """World joints [frames, 24, 3] of the person in a mirror: left is right."""
    return np.asarray(joints[:, list(MIRROR_JOINTS)] * np.array([-1.0, 1.0, 1.0]))


@dataclass(frozen=True, eq=False)
class Signals:
    """One person's motion, scaled to a leg of LEG, the floor at 0; sides are the last axis but that of coordinates,
    left first."""

    curves: MotionSignals
    joints: Array
    """[frames, 24, 3] in the facing frame: to the left of the pelvis, over the floor, ahead of the pelvis; m"""
    places: Array
    """[frames, 2] of the pelvis on the ground, m, as they are"""

    @classmethod
    def of(cls, joints: Array) -> Signals:
        """The signals of world joints [frames, 24, 3] in metres."""
        joints = np.asarray(joints, np.float64)
        scaled = joints * (LEG / motion_signals(joints[:1]).leg)
        scaled = scaled - np.array([0.0, np.percentile(scaled[..., 1].min(axis=1), 5), 0.0])
        curves = motion_signals(scaled)
        return cls(curves, curves.joints, scaled[:, PELVIS][:, [0, 2]])

    @property
    def frames(self) -> int:
        return len(self.places)

    def cut(self, first: int, end: int) -> Signals:
        """The signals of some of the frames, over the same floor."""
        return Signals(self.curves.span(first, end), self.joints[first:end], self.places[first:end])

    @cached_property
    def heading(self) -> Array:
        """Degrees [frames], growing to the left, without jumps."""
        return np.degrees(self.curves.heading)

    @property
    def speed(self) -> Array:
        """Of the pelvis over the ground, m/s [frames]."""
        return np.asarray(self.curves.speed)

    @property
    def tilt(self) -> Array:
        """Degrees between the trunk (pelvis to neck) and the vertical [frames]."""
        return self.curves.tilt

    @cached_property
    def pelvis(self) -> Array:
        """Height of the pelvis over the floor in legs [frames]."""
        return np.asarray(self.joints[:, PELVIS, 1] / LEG)

    @cached_property
    def feet(self) -> Array:
        """Height of the ball or the heel of each foot over the floor, whichever is lower, m [frames, 2]."""
        return np.asarray(np.minimum(self.joints[:, FEET, 1], self.joints[:, ANKLES, 1] - ANKLE))

    @cached_property
    def wrists(self) -> Array:
        """Wrists from their shoulder [frames, 2, 3]: to the person's left, up, ahead; m."""
        return np.asarray(self.joints[:, WRISTS] - self.joints[:, SHOULDERS])

    @cached_property
    def ankles(self) -> Array:
        """Ankles from the pelvis [frames, 2, 3]: to the person's left, up, ahead; m."""
        return np.asarray(self.joints[:, ANKLES] - self.joints[:, [PELVIS]])

    @cached_property
    def hands_apart(self) -> Array:
        """Distance of the hands, m [frames]."""
        return np.asarray(np.linalg.norm(self.joints[:, HANDS[0]] - self.joints[:, HANDS[1]], axis=-1))

    @cached_property
    def limbs(self) -> Array:
        """Mean speed of wrists and ankles about their shoulder and the pelvis, m/s [frames]."""
        return np.asarray(speeds(np.concatenate([self.wrists, self.ankles], axis=1)).mean(axis=-1))

    @cached_property
    def flights(self) -> list[tuple[int, int]]:
        """(first, end) frames of each time with both feet off the floor."""
        return stretches(self.feet.min(axis=1) > AIRBORNE, FLIGHT)


def stretches(mask: Mask, least: int = 1) -> list[tuple[int, int]]:
    """(first, end) of each run of at least `least` true frames."""
    return [(first, end) for first, end in runs_of(mask) if end - first >= least]


def speeds(points: Array) -> Array:
    """m/s [frames, ...] of points [frames, ..., 3]; 0 for a single frame."""
    if len(points) < 2:
        return np.zeros(points.shape[:-1])
    return np.asarray(np.linalg.norm(np.gradient(points, axis=0), axis=-1) * FPS)


def _seconds(mask: Mask) -> float:
    """The longest time that a mask holds, gaps of a tenth of a second left out."""
    filled = ~mask
    for first, end in stretches(filled):
        if end - first <= 3 and first > 0 and end < len(mask):
            filled[first:end] = False
    return max((end - first for first, end in stretches(~filled)), default=0) / FPS


def _raised(signals: Signals, side: int) -> float:
    """Seconds with the wrist above the head's joint (the chin) on an arm that is raised."""
    return _seconds(signals.joints[:, WRISTS[side], 1] > signals.joints[:, HEAD, 1])


def _both_raised(signals: Signals) -> float:
    return _seconds(np.all(signals.joints[:, WRISTS, 1] > signals.joints[:, [HEAD], 1], axis=1))


def _out(signals: Signals, side: int) -> float:
    """Seconds with the arm straight out to its side."""
    wrist = signals.wrists[:, side]
    sideways = wrist[:, 0] * (1 if side == LEFT else -1)
    return _seconds((sideways > 0.75 * signals.curves.arm) & (np.abs(wrist[:, 1]) < 0.4 * signals.curves.arm))


def _both_out(signals: Signals) -> float:
    return min(_out(signals, LEFT), _out(signals, RIGHT))


def _to_front(signals: Signals, side: int) -> float:
    """Seconds with the arm straight out to the front."""
    wrist = signals.wrists[:, side]
    return _seconds((wrist[:, 2] > 0.7 * signals.curves.arm) & (np.abs(wrist[:, 1]) < 0.45 * signals.curves.arm))


def _waves(signals: Signals, side: int) -> float:
    """How often a hand that is held up goes back and forth by 8 cm."""
    up = signals.wrists[:, side, 1] > -0.15
    best = 0
    for first, end in stretches(up, 10):
        hand = signals.wrists[first:end, side]
        best = max(best, swings(hand[:, 0], 0.08), swings(hand[:, 1], 0.08))
    return float(best)


def _claps(signals: Signals) -> float:
    """How often the hands come together before the body, from 10 cm further apart."""
    before = (signals.wrists[..., 2].min(axis=1) > 0.05) & (
        signals.wrists[..., 1].min(axis=1) > -0.85 * signals.curves.arm
    )
    lows = [low for a, b in stretches(before, 8) for low in _minima(signals.hands_apart[a:b], 0.08)]
    return float(sum(low < 0.2 for low in lows))


def _minima(signal: Array, size: float) -> list[float]:
    """The lowest values between rises of `size`."""
    lows, low, high, falling = [], np.inf, -np.inf, False
    for value in signal:
        if falling:
            low = min(low, value)
            if value > low + size:
                lows.append(float(low))
                falling, high = False, value
        else:
            high = max(high, value)
            if value < high - size:
                falling, low = True, value
    return lows


def _jumps(signals: Signals) -> float:
    """Flights in which the pelvis rises over where it stands."""
    stand = max(float(np.median(signals.pelvis)) + 0.06, 1.0)
    return float(sum(signals.pelvis[a:b].max() > stand for a, b in signals.flights))


def _hops(signals: Signals, side: int) -> float:
    """Flights that begin and end on the same foot while the other stays up."""
    count = 0
    other = signals.feet[:, 1 - side]
    for first, end in signals.flights:
        around = slice(max(first - 4, 0), end + 4)
        count += bool(other[around].min() > 0.08)
    return float(count)


def _kick(signals: Signals, side: int) -> float:
    """How much of a kick a foot does while the other stands: 1 is a swing forward at KICK m/s about the pelvis, or an
    ankle KICK_HEIGHT over the floor in front on a straight leg."""
    if len(signals.joints) < 2:
        return 0.0
    stands = (signals.feet[:, 1 - side] < 0.15) & (signals.tilt < 60)
    swing = np.gradient(signals.ankles[:, side, 2]) * FPS * (stands & (signals.speed < 2.8))
    leg = signals.joints[:, HIPS[side]] - signals.joints[:, ANKLES[side]]
    front = stands & (np.linalg.norm(leg, axis=-1) > REACH * LEG) & (signals.ankles[:, side, 2] > 0.3)
    height = signals.joints[:, ANKLES[side], 1] * front
    return float(max(swing.max() / KICK, height.max() / KICK_HEIGHT, 0.0))


def _punches(signals: Signals, side: int) -> float:
    """How often a bent arm is stretched forward within a third of a second, at the height of chest or head."""
    wrist = signals.wrists[:, side]
    reach = np.linalg.norm(wrist, axis=-1) / signals.curves.arm
    front = (wrist[:, 2] > 0.65 * signals.curves.arm) & (np.abs(wrist[:, 1]) < 0.45 * signals.curves.arm)
    count, ready = 0, -100
    for frame, (now, ahead) in enumerate(zip(reach, front, strict=True)):
        if now < 0.68:
            ready = frame
        elif now > REACH and ahead and frame - ready <= 10:
            count, ready = count + 1, -100
    return float(count)


def _sitting(signals: Signals) -> float:
    """Seconds with thighs that lie and an upright trunk, the pelvis between floor and standing."""
    thighs = signals.joints[:, KNEES] - signals.joints[:, HIPS]
    lying = (-thighs[..., 1] / np.linalg.norm(thighs, axis=-1)).max(axis=1) < 0.7
    return _seconds(lying & (signals.tilt < 40) & (signals.pelvis < 0.9) & (signals.speed < 0.5))


def _kneeling(signals: Signals) -> float:
    """Seconds with a knee on the floor and the trunk over it."""
    return _seconds((signals.joints[:, KNEES, 1].min(axis=1) < 0.18) & (signals.pelvis > 0.25) & (signals.tilt < 60))


def _lying(signals: Signals) -> float:
    """Seconds with pelvis and neck near the floor."""
    return _seconds((signals.joints[:, PELVIS, 1] < 0.35) & (signals.joints[:, NECK, 1] < 0.45))


def _on_all_fours(signals: Signals) -> float:
    """Seconds with both wrists and a knee near the floor and the trunk level."""
    hands = (signals.joints[:, WRISTS, 1] < 0.3).any(axis=1)
    return _seconds(hands & (signals.joints[:, KNEES, 1].min(axis=1) < 0.25) & (signals.tilt > 45))


def _one_leg(signals: Signals, side: int) -> float:
    """Seconds on one foot that stands while the other is up."""
    speed = speeds(signals.joints[:, ANKLES[side]] + np.insert(signals.places, 1, 0.0, axis=1))
    return _seconds((signals.feet[:, 1 - side] > 0.12) & (signals.feet[:, side] < 0.1) & (speed < 0.4))


def _carrying(signals: Signals) -> float:
    """Seconds with both hands still about the trunk, in front, between hip and chin, as far apart as a box."""
    hands = signals.wrists
    still = speeds(box_filtered(hands, 5)).max(axis=1) < 0.5
    apart = np.linalg.norm(signals.joints[:, WRISTS[0]] - signals.joints[:, WRISTS[1]], axis=-1)
    placed = (hands[..., 2] > 0.15).all(axis=1) & (np.abs(hands[..., 1] + 0.2) < 0.28).all(axis=1)
    return _seconds(still & placed & (apart > 0.1) & (apart < 0.6))


def _on_hips(signals: Signals) -> float:
    """Seconds with both wrists at the hips and the elbows out."""
    near = np.linalg.norm(signals.joints[:, WRISTS] - signals.joints[:, HIPS], axis=-1) < 0.24
    bent = np.linalg.norm(signals.wrists, axis=-1) < 0.88 * signals.curves.arm
    return _seconds((near & bent).all(axis=1))


def _hand_speed(signals: Signals, side: int) -> float:
    """Largest speed of a wrist about its shoulder, m/s."""
    return float(speeds(signals.wrists[:, side]).max())


def _half_second(curve: Array) -> Array:
    return box_filtered(curve, min(15, (len(curve) - 1) // 2 * 2 + 1))


def _pick_ups(signals: Signals) -> float:
    """How often a hand goes down below the knees and comes up again by 40 cm."""
    return float(sum(low < 0.4 for low in _minima(signals.joints[:, WRISTS, 1].min(axis=1), 0.4)))


def _gain(signals: Signals) -> float:
    """Mean speed of the last 30 % less that of the first 30 %, m/s."""
    part = max(1, round(0.3 * signals.frames))
    return float(signals.speed[-part:].mean() - signals.speed[:part].mean())


def _squats(signals: Signals) -> float:
    """How often the pelvis goes down below 0.8 legs and comes up again by a quarter of a leg."""
    return float(sum(low < 0.8 for low in _minima(signals.pelvis, 0.25)))


Measure = Callable[[Signals], float]
MEASURES: dict[str, Measure] = {
    "speed": lambda s: float(s.speed.mean()),
    "top_speed": lambda s: float(_half_second(s.speed).max()),
    "least_speed": lambda s: float(_half_second(s.speed).min()),
    "ahead": lambda s: float(s.curves.along.mean()),
    "leftward": lambda s: float(s.curves.across.mean()),
    "sideways": lambda s: float(np.abs(s.curves.across).mean()),
    "travel": lambda s: float(np.linalg.norm(s.places[-1] - s.places[0])),
    "path": lambda s: float(s.speed.sum() / FPS),
    "turn": lambda s: float(s.heading[-1] - s.heading[0]),
    "turned": lambda s: float(abs(s.heading[-1] - s.heading[0])),
    "turn_range": lambda s: float(np.ptp(s.heading)),
    "pelvis": lambda s: float(np.median(s.pelvis)),
    "lowest_pelvis": lambda s: float(np.percentile(s.pelvis, 5)),
    "pelvis_at_start": lambda s: float(np.median(s.pelvis[:8])),
    "pelvis_at_end": lambda s: float(np.median(s.pelvis[-8:])),
    "tilt": lambda s: float(np.percentile(s.tilt, 95)),
    "tilt_at_end": lambda s: float(np.median(s.tilt[-8:])),
    "limb_speed": lambda s: float(s.limbs.mean()),
    "flights": lambda s: float(len(s.flights)),
    "jumps": _jumps,
    "flight_height": lambda s: float(s.feet.min(axis=1).max()),
    "claps": _claps,
    "punches": lambda s: _punches(s, LEFT) + _punches(s, RIGHT),
    "waves": lambda s: min(_waves(s, LEFT), _waves(s, RIGHT)),
    "diagonal": lambda s: float(min(s.curves.along.mean(), s.curves.across.mean())),
    "hands_together": lambda s: _seconds(s.hands_apart < 0.24),
    "both_raised": _both_raised,
    "both_out": _both_out,
    "sitting": _sitting,
    "kneeling": _kneeling,
    "lying": _lying,
    "all_fours": _on_all_fours,
    "carrying": _carrying,
    "squats": _squats,
    "pick_ups": _pick_ups,
    "gain": _gain,
    "wrist_range": lambda s: float(np.ptp(s.wrists, axis=0).max()),
    "on_hips": _on_hips,
    "lowest_hand": lambda s: float(s.joints[:, WRISTS, 1].min()),
    "head": lambda s: float(s.joints[:, HEAD, 1].min()),
    "crouching": lambda s: _seconds((s.pelvis < 0.9) & (s.tilt < 70)),
}
_SIDED: dict[str, Callable[[Signals, int], float]] = {
    "raised": _raised, "out": _out, "to_front": _to_front, "waves": _waves, "hops": _hops, "kick": _kick,
    "punches": _punches, "stand": _one_leg, "hand_speed": _hand_speed,
}  # fmt: skip
for _name, _of in _SIDED.items():
    for _side, _word in ((LEFT, "left"), (RIGHT, "right")):
        MEASURES[f"{_word}_{_name}"] = lambda s, of=_of, side=_side: of(s, side)  # type: ignore[misc]
    MEASURES[f"most_{_name}"] = lambda s, of=_of: max(of(s, LEFT), of(s, RIGHT))  # type: ignore[misc]
