"""Tags of kicks and punches, and of what the arms do."""

from __future__ import annotations

import numpy as np

from genmo.runtime.actions.measures import SIDES, Measures, big_jumps
from genmo.runtime.actions.signals import forearm_sway, quantile, share, swings
from genmo.runtime.motion.motion import FPS


def strike_tags(m: Measures) -> set[str]:
    """Kicks and punches with their sides and counts."""
    found = set()
    calm = not big_jumps(m) and m.posture.pelvis.min() > 0.6
    for name, events in (("kick", m.kicks), ("punch", m.punches)):
        sides = {side for _, side in events}
        if not events or not calm:
            continue
        if len(sides) == 1:
            side = SIDES[sides.pop()]
            found.add(f"{name}_{side}")
            if 2 <= len(events) <= 4:
                found.add(f"{name}_{side}_{len(events)}")
        elif len(events) >= 3:
            found.add(f"{name}_both")
    return found


def _each_arm(m: Measures, side: int) -> set[str]:
    arms, name = m.hands, SIDES[side]
    high = arms.over_head[:, side] > 0.08
    low = arms.over_shoulder[:, side] < -0.12
    edge = max(4, m.signals.frames // 8)
    found = set()
    if share(high) > 0.85:
        found.add(f"arm_up_{name}")
    elif low[:edge].all() and high[-edge:].all():
        found.add(f"raise_{name}")
    elif high[:edge].all() and low[-edge:].all():
        found.add(f"lower_{name}")
    level = np.abs(arms.over_shoulder[:, side]) < 0.18
    straight = arms.reach[:, side] > 0.85
    if share(level & straight & (arms.outward[:, side] > 0.75 * m.signals.arm)) > 0.85:
        found.add(f"arm_side_{name}")
    if share(level & straight & (arms.ahead[:, side] > 0.75 * m.signals.arm)) > 0.85:
        found.add(f"arm_ahead_{name}")
    raised = arms.over_shoulder[:, side] > 0.0
    if share(raised) > 0.85:
        # a wave goes to and fro two times a second or so, the elbow stays
        count = swings(forearm_sway(m.signals, side), 0.1)
        if count >= 3 and count / (m.signals.frames / FPS) > 1.2 and m.gait.swing < 60:
            found.add(f"wave_{name}")
    if share(arms.to_head[:, side] < 0.22) > 0.85:
        found.add(f"hand_head_{name}")
    hip = (arms.to_hip[:, side] < 0.24) & (m.signals.elbows[:, side] > 55) & (arms.over_pelvis[:, side] > -0.05)
    if share(hip) > 0.9:
        found.add(f"hand_hip_{name}")
    return found


def arm_tags(m: Measures) -> set[str]:
    """What the arms do; a tag of one side is of that arm alone, the other one hangs."""
    arms = m.hands
    if quantile(m.signals.tilt, 0.9) > 45:
        return set()
    each = [_each_arm(m, side) for side in (0, 1)]
    down = [share(arms.over_shoulder[:, side] < -0.1) > 0.9 for side in (0, 1)]
    found = set()
    for kind in ("arm_up", "raise", "lower", "arm_side", "arm_ahead", "wave", "hand_head", "hand_hip"):
        which = [f"{kind}_{name}" in each[side] for side, name in enumerate(SIDES)]
        if all(which):
            found.add(f"{kind}_both")
        elif any(which):
            side = which.index(True)
            # one hand: the other one hangs, or the word would leave something out
            if down[1 - side]:
                found.add(f"{kind}_{SIDES[side]}")
    if share(arms.apart < 0.16) > 0.9:
        found.add("hands_together")
    dips = sum(1 for a, b in zip(arms.apart, arms.apart[1:], strict=False) if a >= 0.17 > b)
    front = (arms.over_pelvis.min(axis=-1) > 0.08) & (arms.ahead.min(axis=-1) > 0.05)
    calm = m.signals.speed.max() < 1.8 and m.gait.swing < 60
    if dips >= 2 and swings(arms.apart, 0.08) >= 3 and arms.apart.max() < 0.9 and share(front) > 0.9 and calm:
        found.add("clap")
    hang = (arms.over_pelvis.max(axis=-1) < 0.08) & (np.abs(arms.ahead).max(axis=-1) < 0.25)
    if share(hang) > 0.95:
        found.add("arms_down")
    return found
