"""Tags of people who stay in one place: standing, balance, and getting down and up."""

from __future__ import annotations

from genmo.runtime.actions.measures import SIDES, Measures, longest
from genmo.runtime.actions.signals import UPRIGHT, quantile, share
from genmo.runtime.support.arrays import Flags


def standing_tags(m: Measures) -> set[str]:
    """People who stay where they are, upright; "in_place" for all who are about there."""
    gait = m.gait
    here = {"in_place"} if gait.distance < 0.5 and gait.swing < 60 and gait.speed < 0.3 else set()
    return here | _stands(m)


def _stands(m: Measures) -> set[str]:
    gait = m.gait
    if gait.rest_share < 0.95 or gait.distance > 0.25 or gait.length > 0.5 or m.posture.pelvis.min() < 0.88:
        return set()
    if quantile(m.signals.tilt, 0.95) > UPRIGHT or m.jumps or m.posture.foot_height.max() > 0.25:
        return set()
    if gait.swing > 30 or m.signals.knees.mean() > 38:
        return set()
    found = {"stand"}
    if quantile(m.signals.bustle, 0.95) < 0.14 and gait.swing < 10:
        found.add("still")
    return found


def balance_tags(m: Measures) -> set[str]:
    """People on one leg."""
    found = set()
    for side, name in enumerate(SIDES):
        raised = m.posture.foot_height[:, side] > 0.18
        grounded = m.posture.foot_height[:, 1 - side] < 0.1
        if share(raised & grounded) > 0.85 and m.gait.rest_share > 0.9 and m.posture.pelvis.min() > 0.75:
            # named after the leg that carries
            found.add(f"balance_{SIDES[1 - side]}")
            found.add(f"leg_up_{name}")
    return found


def states(m: Measures) -> dict[str, Flags]:
    """Frames [frames] (bool) in each posture; a frame may be in none."""
    shape, s = m.posture, m.signals
    low = shape.knee_height.min(axis=-1)
    thigh = shape.thigh.min(axis=-1)
    feet_down = shape.foot_height.max(axis=-1) < 0.18
    bent = s.knees.min(axis=-1)
    slow = s.speed < 0.5
    kneel = (low < 0.17) & (shape.pelvis > 0.33) & (shape.pelvis < 0.75) & (s.tilt < 45) & slow
    sit = (shape.pelvis > 0.3) & (shape.pelvis < 0.72) & (thigh > 55) & (shape.seat_back > 0.2) & (s.tilt < 45) & slow
    squat = (shape.pelvis < 0.66) & (bent > 80) & feet_down & (shape.seat_back < 0.2) & (s.tilt < 65) & slow
    return {
        "stand": (shape.pelvis > 0.88) & (s.tilt < 25) & (shape.foot_height.max(axis=-1) < 0.2),
        "sit": sit & ~kneel & (low > 0.25) & feet_down,
        "sit_floor": (shape.pelvis < 0.28) & (shape.pelvis > 0.04) & (s.tilt < 45) & (shape.head > 0.5) & slow,
        "squat": squat & (low > 0.2),
        "kneel": kneel & ~sit,
        "lie": (shape.head < 0.42) & (shape.pelvis < 0.3) & (s.tilt > 60),
        "fours": (low < 0.2) & (shape.hand_height.max(axis=-1) < 0.3) & (shape.pelvis > 0.3) & (s.tilt > 50),
        "crouch": (shape.pelvis < 0.8)
        & (shape.pelvis > 0.45)
        & (bent > 50)
        & (s.tilt < 60)
        & (low > 0.2)
        & feet_down
        & (shape.seat_back < 0.2),
        "bent": (s.bend > 55) & (shape.pelvis > 0.68) & feet_down & (shape.hand_height.min(axis=-1) < 1.0) & slow,
    }


DOWN = {
    "sit": ("sit_down", "sit_up"),
    "sit_floor": ("sit_floor_down", "get_up"),
    "squat": ("squat_down", "squat_up"),
    "kneel": ("kneel_down", "kneel_up"),
    "lie": ("lie_down", "get_up"),
    "bent": ("bend_down", "bend_up"),
}
"""posture -> (getting into it from standing, standing up from it)"""
ROUND = {"sit": "sit_round", "squat": "squat_round", "kneel": "kneel_round", "bent": "bend_round"}
"""posture -> getting into it and back"""


def posture_tags(m: Measures) -> set[str]:
    """Sitting, squatting, kneeling, lying, bending: being in it, getting into it and up again."""
    at = states(m)
    found = set()
    edge = max(4, m.signals.frames // 10)
    up_first, up_last = share(at["stand"][:edge]) > 0.7, share(at["stand"][-edge:]) > 0.7
    for name in DOWN:
        here = at[name]
        if share(here) > 0.9:
            found.add(name)
        elif longest(here) >= 0.2 and m.gait.distance < 1.2:
            if up_first and share(here[-edge:]) > 0.8:
                found.add(DOWN[name][0])
            if up_last and share(here[:edge]) > 0.8:
                found.add(DOWN[name][1])
            if up_first and up_last and name in ROUND:
                found.add(ROUND[name])
    ground = m.posture.pelvis < 0.38
    if ground[:edge].all() and up_last and not found & {"sit_up", "kneel_up", "squat_up"}:
        found.add("get_up")
    if ground[-edge:].all() and up_first and m.gait.speed < 1.5:
        found.add("down_to_ground")
    if share(at["crouch"]) > 0.9 and not found and m.gait.rest_share > 0.9:
        found.add("crouch")
    if share(at["fours"]) > 0.85:
        found.add("crawl" if m.gait.speed > 0.2 and m.gait.distance > 0.3 else "fours")
    if "squat_round" in found:
        found -= {"bend_round", "sit_round"}
        found |= _several_squats(at["squat"])
    if "sit_round" in found:
        found.discard("bend_round")
    return found


def _several_squats(squat: Flags) -> set[str]:
    count = sum(1 for a, b in zip(squat, squat[1:], strict=False) if b and not a)
    return {f"squat_{count}"} if 2 <= count <= 4 else set()
