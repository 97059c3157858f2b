"""Tags of people on the move: gait, direction, pace, turns, starts and stops."""

from __future__ import annotations

import numpy as np

from genmo.runtime.actions.measures import Measures, big_jumps
from genmo.runtime.actions.signals import UPRIGHT, quantile, share

ANGLES = {45: 9, 90: 13, 135: 12, 180: 20, 270: 20, 360: 25}
"""degrees that are named -> how far off a turn may be"""


def _upright(m: Measures) -> bool:
    # runners lean, and sink in the knees
    fast = m.gait.speed > 1.8
    upright = quantile(m.signals.tilt, 0.9) < (UPRIGHT + 8 if fast else UPRIGHT)
    return bool(upright and quantile(m.posture.pelvis, 0.1) > (0.8 if fast else 0.85))


def _direction(m: Measures) -> str:
    """Where a moving person goes against the facing; "" when it is not one direction."""
    gait = m.gait
    net = float(np.hypot(gait.along, gait.across))
    if net < 0.75 * gait.speed or gait.keeps < 0.8:
        return ""
    angle = float(np.degrees(np.arctan2(gait.across, gait.along)))
    side = "left" if angle > 0 else "right"
    if abs(angle) < 25:
        return "forward"
    if abs(angle) > 155:
        return "back"
    # sideways people who turn go where nobody would call sideways
    if gait.swing > 45:
        return ""
    if 65 < abs(angle) < 115:
        return side
    if 32 < abs(angle) < 58:
        return f"diagonal_{side}"
    return f"diagonal_back_{side}" if 122 < abs(angle) < 148 else ""


def gait_of(m: Measures) -> str:
    """ "walk", "jog", "run", "crouch_walk" or "" for people who are on the move from the first frame to the last."""
    gait = m.gait
    if gait.rest_share > 0.05 or gait.slowest < 0.3 or gait.speed < 0.38:
        return ""
    if big_jumps(m):
        return ""
    knees, pelvis = float(m.signals.knees.mean()), quantile(m.posture.pelvis, 0.6)
    if pelvis < 0.84 and knees > 45 and gait.speed < 1.9 and m.posture.knee_height.min() > 0.2 and pelvis > 0.5:
        return "crouch_walk"
    if not _upright(m):
        return ""
    if gait.flight_share < 0.03 and gait.speed < 1.95 and gait.fastest < 2.2 and knees < 50:
        return "walk"
    # side steps often are small jumps
    aside = abs(gait.across) > 0.85 * gait.speed and gait.fastest < 2.2
    if aside and gait.flight_share < 0.25 and knees < 65:
        return "walk"
    if gait.speed > 1.8 and gait.slowest > 1.5 and (gait.flight_share > 0.02 or knees > 48):
        return "run" if gait.speed > 2.8 and gait.slowest > 2.1 else "jog" if gait.fastest < 3.1 else ""
    return ""


def locomotion_tags(m: Measures) -> set[str]:
    """Gait, direction and pace."""
    gait, kind = m.gait, gait_of(m)
    if not kind:
        return set()
    where = _direction(m)
    found = {kind, f"{kind}_{where}"} if where else {kind}
    if kind == "walk":
        if gait.speed < 0.75 and gait.fastest < 0.95:
            found.add("walk_slow")
        if gait.speed > 1.6 and gait.slowest > 1.3:
            found.add("walk_brisk")
    if kind == "run" and gait.speed > 4.0:
        found.add("run_fast")
    third = m.signals.frames // 3
    speed = m.signals.speed
    first, last = float(speed[:third].mean()), float(speed[-third:].mean())
    if last > 1.5 * first and last - first > 0.5:
        found.add("speed_up")
    if first > 1.5 * last and first - last > 0.5:
        found.add("slow_down")
    return found


def turn_tags(m: Measures) -> set[str]:
    """Turns with their sides and the angles that are named; "straight"."""
    gait = m.gait
    size, found = abs(gait.turn), set()
    if quantile(m.signals.tilt, 0.95) > 50 or m.posture.pelvis.min() < 0.6:
        return set()
    kind = gait_of(m)
    if kind and gait.swing < 22 and abs(gait.path_turn) < 15 and gait.keeps > 0.9:
        return {"straight"}
    if kind and gait.swing > 50 and size < 20:
        return {"weave"}
    # a gait in curves that are no one turn
    unclear = {"around"} if kind and gait.swing > 40 else set()
    if gait.swing - size > 14 + 0.08 * size or size < 22:
        return unclear
    # "walks and turns left" is said of people who walk ahead, or backward
    if kind and _direction(m) not in ("forward", "back") and gait.along < 0.6 * gait.speed:
        return unclear
    if kind and _direction(m) == "forward" and abs(gait.path_turn - gait.turn) > 25 + 0.15 * size:
        return unclear
    side = "left" if gait.turn > 0 else "right"
    if size < 70 and kind:
        found.add(f"veer_{side}")
    if size > 40:
        found.add(f"turn_{side}")
    found |= {f"turn_{side}_{angle}" for angle, off in ANGLES.items() if abs(size - angle) < off}
    if size > 195 and not any(tag.endswith(("270", "360")) for tag in found):
        found.add(f"turn_{side}_on")
    if size > 300:
        found.add(f"circle_{side}")
    calm = share(m.hands.over_shoulder < -0.1) > 0.85 and not big_jumps(m)
    if size > 40 and gait.length < 0.35 + 0.004 * size and calm:
        found.add(f"turn_in_place_{side}")
    return found


def start_and_stop_tags(m: Measures) -> set[str]:
    """Starts from standing, stops to standing, pauses, single steps."""
    gait = m.gait
    found: set[str] = set()
    if m.posture.pelvis.min() < 0.82 or quantile(m.signals.tilt, 0.9) > UPRIGHT + 10 or big_jumps(m):
        return found
    found |= _single_step(m)
    # whoever backs away or goes sideways starts and stops in other words
    if gait.along < 0.75 * gait.speed or gait.swing > 75:
        return found
    # standing, then on the move to the end; the other way round
    moves = 1 - gait.rest_share
    if gait.rest_before >= 0.3 and gait.rest_after == 0 and gait.longest_rest_inside < 0.2 and moves > 0.3:
        pace = "run" if gait.last > 2.6 else "jog" if gait.last > 2.0 else "walk" if 0.7 < gait.last < 1.7 else ""
        found |= {f"start_{pace}"} if pace else set()
    if gait.rest_after >= 0.3 and gait.rest_before == 0 and gait.longest_rest_inside < 0.2 and moves > 0.3:
        pace = "run" if gait.first > 2.6 else "jog" if gait.first > 2.0 else "walk" if 0.7 < gait.first < 1.7 else ""
        found |= {f"stop_{pace}"} if pace else set()
    if gait.first > 0.7 and gait.last > 0.7 and gait.longest_rest_inside >= 0.4 and gait.rest_share < 0.6:
        found.add("pause")
    return found


def _single_step(m: Measures) -> set[str]:
    gait = m.gait
    found: set[str] = set()
    short = gait.rest_before >= 0.2 and gait.rest_after >= 0.2 and 0.28 < gait.distance < 1.1 and gait.swing < 40
    if short and gait.length < 1.25 * gait.distance and gait.steps <= 3:
        net = m.signals.path[-1] - m.signals.path[0]
        facing = m.signals.heading[0]
        ahead, left = net @ [np.sin(facing), np.cos(facing)], net @ [np.cos(facing), -np.sin(facing)]
        angle = float(np.degrees(np.arctan2(left, ahead)))
        names = ((0, "forward"), (90, "left"), (-90, "right"), (180, "back"), (-180, "back"))
        found |= {f"step_{name}" for at, name in names if abs(angle - at) < 25}
    return found
