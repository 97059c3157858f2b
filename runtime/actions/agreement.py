"""How much of what texts say a motion does."""

from __future__ import annotations

from collections.abc import Sequence

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.names import Said
from genmo.runtime.actions.signals import MotionSignals, motion_signals
from genmo.runtime.actions.tags import SHORTEST
from genmo.runtime.actions.traits import STEPS, steps_over
from genmo.runtime.support.arrays import Array


def agreement(joints: Array, said: Sequence[Said]) -> float:
    """How much of what is said world joints [frames, 24, 3] do: more for the motion that does more of it; the number by
    itself says nothing."""
    signals = motion_signals(joints)
    return sum(_agreement(signals.span(one.start, one.end), one) for one in said)


def _agreement(signals: MotionSignals, said: Said) -> float:
    if signals.frames < SHORTEST:
        return 0.0
    over = dict(zip(STEPS, steps_over(measure(signals)).tolist(), strict=True))
    return float(sum(weight for name, weight in zip(said.traits, said.weights.tolist(), strict=True) if over.get(name)))
