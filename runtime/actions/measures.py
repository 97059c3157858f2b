"""Numbers that words about a motion rest on: speed and turn, posture, jumps, steps, what hands and feet do.

All take `MotionSignals` of the frames asked about; lengths in metres, angles in degrees, times in seconds, left and
right as the person has them (index 0 is the left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.actions.signals import (
    ANKLES,
    FEET,
    HEAD,
    HIPS,
    KNEES,
    PELVIS,
    SHOULDERS,
    WRISTS,
    MotionSignals,
    box_filtered,
    quantile,
    recent_maximum,
)
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array, Flags

SIDES = ("left", "right")
REST_SPEED = 0.22
"""m/s of the pelvis along the ground, below which a person is not on the move"""
FLIGHT_RISE = 0.05
"""metres over their lowest height of the window by which both feet have to be up"""
KICK_SPEED, BALL_SPEED, PUNCH_SPEED = 3.2, 5.5, 2.2
"""m/s of the foot of a high kick, of one at a ball, and of the fist, against the pelvis"""
SHORTEST_FLIGHT, LONGEST_FLIGHT = 3, 26
"""frames; a longer one is a person on something higher"""


@dataclass(frozen=True)
class Gait:
    """How the person moves over the ground."""

    speed: float
    """m/s, mean"""
    slowest: float
    """m/s, tenth percentile of the speed smoothed over half a second"""
    fastest: float
    """m/s, ninetieth percentile of it"""
    first: float
    """m/s over the first 0.4 s"""
    last: float
    """m/s over the last 0.4 s"""
    along: float
    """mean m/s towards the facing"""
    across: float
    """mean m/s towards the left"""
    keeps: float
    """share of the moving frames whose direction against the facing is within 40 degrees of the mean one"""
    length: float
    """metres of the path"""
    distance: float
    """metres from the first place to the last"""
    rest_before: float
    """seconds without moving at the start"""
    rest_after: float
    """seconds without moving at the end"""
    rest_share: float
    """share of the frames without moving"""
    longest_rest_inside: float
    """seconds of the longest rest that neither starts nor ends the frames"""
    turn: float
    """degrees that the facing changes by, left above zero"""
    turned: float
    """degrees that it changes by in all, there and back"""
    swing: float
    """degrees between its extremes"""
    path_turn: float
    """degrees that the direction of the path changes by while moving, left above zero"""
    steps: int
    """times that a foot is put down"""
    flight_share: float
    """share of the frames with both feet up"""


@dataclass(frozen=True)
class Jump:
    """A flight that starts and ends within the frames."""

    start: int
    end: int
    rise: float
    """metres that the pelvis rises from take-off to the top"""
    distance: float
    """metres along the ground, towards the facing at take-off"""
    sideways: float
    """metres towards the left"""
    turn: float
    """degrees"""
    one_foot: int
    """0 left, 1 right: the foot it leaves from and lands on; -1: both, or different ones"""


def floor_height(signals: MotionSignals) -> float:
    """Height in metres of the balls of the feet when planted: near their lowest of the frames."""
    return quantile(signals.joints[:, FEET, 1].min(axis=-1), 0.05)


def runs_of(true: Flags) -> list[tuple[int, int]]:
    """(first, end) of the stretches of true values [frames]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(true, np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def longest(true: Flags) -> float:
    """Seconds of the longest stretch of true values [frames]."""
    return max((b - a for a, b in runs_of(true)), default=0) / FPS


def lifted(signals: MotionSignals, floor: float) -> Flags:
    """[frames, 2] whether each foot is off the ground."""
    ball = signals.joints[:, FEET, 1] - floor
    ankle = signals.joints[:, ANKLES, 1] - floor
    # a heel that rises over planted toes is no lifted foot
    return np.asarray((ball > FLIGHT_RISE) & (ankle > FLIGHT_RISE + 0.04))


def gait(signals: MotionSignals, floor: float) -> Gait:
    """How the person moves over the ground."""
    speed = signals.speed
    n = len(speed)
    smooth = box_filtered(speed, min(15, (n - 1) // 2 * 2 + 1))
    resting = smooth_rest(signals)
    rests = runs_of(resting)
    inside = [b - a for a, b in rests if a > 0 and b < n]
    moving = speed > REST_SPEED
    along, across = float(signals.along.mean()), float(signals.across.mean())
    heading = np.degrees(signals.heading)
    up = lifted(signals, floor)
    edge = min(12, n)
    step = np.diff(signals.path, axis=0)
    return Gait(
        speed=float(speed.mean()),
        slowest=quantile(smooth, 0.1),
        fastest=quantile(smooth, 0.9),
        first=float(speed[:edge].mean()),
        last=float(speed[-edge:].mean()),
        along=along,
        across=across,
        keeps=_keeps(signals, moving),
        length=float(np.hypot(step[:, 0], step[:, 1]).sum()),
        distance=float(np.linalg.norm(signals.path[-1] - signals.path[0])),
        rest_before=(rests[0][1] if rests and rests[0][0] == 0 else 0) / FPS,
        rest_after=(n - rests[-1][0] if rests and rests[-1][1] == n else 0) / FPS,
        rest_share=float(resting.mean()),
        longest_rest_inside=max(inside, default=0) / FPS,
        turn=float(heading[-1] - heading[0]),
        turned=float(np.abs(np.diff(heading)).sum()),
        swing=float(heading.max() - heading.min()),
        path_turn=_path_turn(signals, moving),
        steps=sum(_landings(up[:, side]) for side in (0, 1)),
        flight_share=float(up.all(axis=-1).mean()),
    )


def smooth_rest(signals: MotionSignals) -> Flags:
    """[frames] whether the pelvis rests over the ground: slow for a quarter of a second about the frame."""
    return np.asarray(box_filtered(signals.speed, 7) < REST_SPEED)


def _keeps(signals: MotionSignals, moving: Flags) -> float:
    if not moving.any():
        return 0.0
    angle = np.arctan2(signals.across[moving], signals.along[moving])
    mean = np.arctan2(np.sin(angle).mean(), np.cos(angle).mean())
    return float((np.cos(angle - mean) > np.cos(np.radians(40))).mean())


def _path_turn(signals: MotionSignals, moving: Flags) -> float:
    """The direction of the path is that of the facing plus the one against it."""
    if moving.sum() < 8:
        return 0.0
    angle = signals.heading[moving] + np.arctan2(signals.across[moving], signals.along[moving])
    angle = np.degrees(np.unwrap(angle))
    edge = min(6, len(angle) // 2)
    return float(angle[-edge:].mean() - angle[:edge].mean())


def _landings(up: Flags) -> int:
    """Times that a foot which was up for three frames comes down."""
    return sum(1 for a, b in runs_of(up) if b < len(up) and b - a >= 3)


def jumps(signals: MotionSignals, floor: float) -> list[Jump]:
    """The flights that start and end within the frames, ballistic ones only."""
    up = lifted(signals, floor)
    pelvis = signals.joints[:, PELVIS, 1]
    found = []
    for start, end in runs_of(np.asarray(up.all(axis=-1))):
        if start < 2 or end > len(up) - 2 or not SHORTEST_FLIGHT <= end - start <= LONGEST_FLIGHT:
            continue
        top = float(pelvis[start:end].max())
        moved = signals.path[min(end, len(up) - 1)] - signals.path[start]
        facing = signals.heading[start]
        found.append(
            Jump(
                start=start,
                end=end,
                rise=top - float(pelvis[start - 1]),
                distance=float(moved[0] * np.sin(facing) + moved[1] * np.cos(facing)),
                sideways=float(moved[0] * np.cos(facing) - moved[1] * np.sin(facing)),
                turn=float(np.degrees(signals.heading[min(end + 3, len(up) - 1)] - signals.heading[max(start - 4, 0)])),
                one_foot=_one_foot(up, start, end),
            )
        )
    return found


def _one_foot(up: Flags, start: int, end: int) -> int:
    before, after = up[max(start - 4, 0) : start], up[end : end + 4]
    for foot in (0, 1):
        other = 1 - foot
        if before[:, other].all() and after[:, other].all() and not before[-1, foot] and not after[0, foot]:
            return foot
    return -1


@dataclass(frozen=True, eq=False)
class Posture:
    """Heights and angles over the frames; a standing pelvis has height 1."""

    pelvis: Array
    """[frames] height of the pelvis over the floor, by the leg's length and an ankle's height: 1 when standing"""
    head: Array
    """[frames] metres over the floor"""
    knee_height: Array
    """[frames, 2] metres over the floor"""
    hand_height: Array
    """[frames, 2] metres of the wrists over the floor"""
    foot_height: Array
    """[frames, 2] metres of the ankles over where they are when standing"""
    seat_back: Array
    """[frames] metres of the pelvis behind the middle of the ankles"""
    thigh: Array
    """[frames, 2] degrees of the thighs from straight down"""
    upside_down: float
    """share of the frames with the head well below the pelvis"""


def posture(signals: MotionSignals, floor: float) -> Posture:
    """Heights and angles over the frames."""
    joints = signals.joints
    height = joints[..., 1] - floor
    thigh = joints[:, KNEES] - joints[:, HIPS]
    down = -thigh[..., 1] / np.maximum(np.linalg.norm(thigh, axis=-1), 1e-9)
    return Posture(
        pelvis=height[:, PELVIS] / (signals.leg + 0.12),
        head=height[:, HEAD],
        knee_height=height[:, KNEES],
        hand_height=height[:, WRISTS],
        foot_height=height[:, ANKLES] - 0.05,
        seat_back=joints[:, ANKLES, 2].mean(axis=-1),
        thigh=np.degrees(np.arccos(np.clip(down, -1, 1))),
        upside_down=float((joints[:, HEAD, 1] < joints[:, PELVIS, 1] - 0.15).mean()),
    )


@dataclass(frozen=True, eq=False)
class Hands:
    """What the hands do; pairs are [frames, 2] (left, right)."""

    over_head: Array
    """metres of the wrists over the head joint"""
    over_shoulder: Array
    """metres of the wrists over their shoulders"""
    over_pelvis: Array
    """metres of the wrists over the pelvis"""
    outward: Array
    """metres of the wrists from their shoulders to their own side"""
    ahead: Array
    """metres of the wrists ahead of their shoulders"""
    reach: Array
    """distance from shoulder to wrist by the arm's length: 1 for a straight arm"""
    apart: Array
    """[frames] metres between the wrists"""
    to_head: Array
    """metres between the wrists and the head"""
    to_hip: Array
    """metres between the wrists and their own hips"""


def hands(signals: MotionSignals) -> Hands:
    """What the hands do."""
    joints = signals.joints
    wrists, shoulders = joints[:, WRISTS], joints[:, SHOULDERS]
    arm = wrists - shoulders
    return Hands(
        over_head=wrists[..., 1] - joints[:, HEAD, 1, None],
        over_shoulder=arm[..., 1],
        over_pelvis=wrists[..., 1] - joints[:, PELVIS, 1, None],
        outward=arm[..., 0] * [1, -1],
        ahead=arm[..., 2],
        reach=np.sqrt((arm**2).sum(-1)) / signals.arm,
        apart=np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1),
        to_head=np.linalg.norm(wrists - joints[:, [HEAD]], axis=-1),
        to_hip=np.linalg.norm(wrists - joints[:, HIPS], axis=-1),
    )


def kicks(signals: MotionSignals, shape: Posture) -> list[tuple[int, int]]:
    """(frame, side) of kicks: a foot that flies out from the hip to the front or the side, either high or as fast as
    it hits a ball, the leg all but straight and the other foot on the ground, by a person who is upright."""
    joints = signals.joints
    found = []
    for side in (0, 1):
        if signals.foot_speed[:, side].max() < KICK_SPEED:
            continue
        out = joints[:, ANKLES[side]] - joints[:, HIPS[side]]
        reach = np.hypot(np.maximum(out[:, 2], 0), out[:, 0]) / signals.leg
        recent = recent_maximum(signals.foot_speed[:, side], 8)
        # running legs are fast, too
        fast = recent > np.maximum(KICK_SPEED, 1 + 1.8 * signals.speed)
        good = (reach > 0.5) & fast & ((shape.foot_height[:, side] > 0.28) | (recent > BALL_SPEED))
        good &= (shape.foot_height[:, 1 - side] < 0.2) & (signals.knees[:, side] < 70) & (signals.tilt < 50)
        good &= signals.speed < 2.2
        found += [(start + int(reach[start:end].argmax()), side) for start, end in runs_of(np.asarray(good))]
    return _apart(found, 12)


def punches(signals: MotionSignals, arms: Hands) -> list[tuple[int, int]]:
    """(frame, side) of punches: the fist flies ahead at the height of the chest or head as the elbow straightens."""
    found = []
    for side in (0, 1):
        if signals.wrist_speed[:, side].max() < PUNCH_SPEED:
            continue
        reach = arms.reach[:, side]
        least = -recent_maximum(-reach, 8)
        fast = recent_maximum(signals.wrist_speed[:, side], 6)
        good = (reach > 0.82) & (reach - least > 0.22) & (fast > PUNCH_SPEED) & (signals.tilt < 45)
        good &= (arms.ahead[:, side] > 0.6 * signals.arm) & (np.abs(arms.over_shoulder[:, side]) < 0.28)
        good &= signals.speed < 1.8
        found += [(start + int(reach[start:end].argmax()), side) for start, end in runs_of(np.asarray(good))]
    return _apart(found, 8)


def _apart(events: list[tuple[int, int]], frames: int) -> list[tuple[int, int]]:
    """Events in order; of two of one side nearer than `frames`, the first."""
    kept: list[tuple[int, int]] = []
    for frame, side in sorted(events):
        if not any(s == side and frame - f < frames for f, s in kept):
            kept.append((frame, side))
    return kept


@dataclass(frozen=True, eq=False)
class Measures:
    """All of it, for one stretch of frames."""

    signals: MotionSignals
    floor: float
    gait: Gait
    posture: Posture
    hands: Hands
    jumps: list[Jump]
    kicks: list[tuple[int, int]]
    punches: list[tuple[int, int]]


def measure(signals: MotionSignals) -> Measures:
    """The measures of a stretch of at least three frames."""
    floor = floor_height(signals)
    shape, arms = posture(signals, floor), hands(signals)
    return Measures(
        signals=signals,
        floor=floor,
        gait=gait(signals, floor),
        posture=shape,
        hands=arms,
        jumps=jumps(signals, floor),
        kicks=kicks(signals, shape),
        punches=punches(signals, arms),
    )


def is_big(jump: Jump) -> bool:
    """A jump and no running step: long enough in the air, and as high as that time makes a body rise."""
    seconds = (jump.end - jump.start) / FPS
    rise = 9.81 * seconds**2 / 8
    return seconds > 0.25 and 0.09 < jump.rise < 3 * rise + 0.12


def big_jumps(m: Measures) -> list[Jump]:
    """The jumps of a stretch that are no running steps."""
    return [jump for jump in m.jumps if is_big(jump)]
