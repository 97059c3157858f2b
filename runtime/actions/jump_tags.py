"""Tags of jumps and hops."""

from __future__ import annotations

from genmo.runtime.actions.measures import SIDES, Jump, Measures, big_jumps
from genmo.runtime.actions.signals import FEET, quantile


def jump_tags(m: Measures) -> set[str]:
    """Jumps with both feet or hops on one, with their count and way where these are sure."""
    big = big_jumps(m)
    if not big or quantile(m.signals.tilt, 0.95) > 60 or m.posture.pelvis.min() < 0.4:
        return set()
    if m.gait.first > 1.8 or m.gait.last > 1.8:
        leap = len(big) == 1 and big[0].distance > 0.8 and big[0].rise > 0.12
        return {"run_leap"} if leap else set()
    # whoever roams about and jumps now and then does no jump that has a name
    if m.gait.swing > 75 and len(big) > 1:
        return set()
    found = set()
    # a flight cut by the window's ends, or too short to tell, leaves the count open
    sure = len(big) == len(m.jumps) and not _cut_flight(m)
    feet = {jump.one_foot for jump in big}
    if feet == {-1}:
        found.add("jump")
        found |= {f"jump_{len(big)}"} if sure and len(big) <= 5 else set()
    elif len(feet) == 1 and m.gait.speed < 1.1:
        side = SIDES[feet.pop()]
        found.add(f"hop_{side}")
        found |= {f"hop_{side}_{len(big)}"} if sure and len(big) <= 6 else set()
    else:
        return set()
    ways = [_jump_way(jump) for jump in big]
    if len(set(ways)) == 1 and ways[0]:
        found.add(f"jump_{ways[0]}")
    if all(jump.rise > 0.3 for jump in big):
        found.add("jump_high")
    if len(big) == 1 and 140 < abs(big[0].turn) < 220 or len(big) == 1 and 65 < abs(big[0].turn) < 115:
        side = "left" if big[0].turn > 0 else "right"
        found.add(f"jump_turn_{side}_{180 if abs(big[0].turn) > 130 else 90}")
    return found


def _cut_flight(m: Measures) -> bool:
    height = m.signals.joints[:, FEET, 1].min(axis=-1) - m.floor
    return bool(height[:3].max() > 0.08 or height[-3:].max() > 0.08)


def _jump_way(jump: Jump) -> str:
    if abs(jump.distance) < 0.25 and abs(jump.sideways) < 0.2:
        return "up"
    if jump.distance > 0.4 and abs(jump.sideways) < 0.4 * jump.distance:
        return "forward"
    if jump.distance < -0.25 and abs(jump.sideways) < 0.15:
        return "back"
    if abs(jump.sideways) > 0.3 and abs(jump.distance) < 0.15:
        return "left" if jump.sideways > 0 else "right"
    return ""
