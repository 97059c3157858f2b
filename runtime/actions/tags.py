"""What a stretch of motion does, as tags: only what is clearly so, with a margin to what it might be taken for.

A tag's "left" and "right" are the person's.
"""

from __future__ import annotations

from collections.abc import Callable

from genmo.runtime.actions.arm_tags import arm_tags, strike_tags
from genmo.runtime.actions.gait_tags import locomotion_tags, start_and_stop_tags, turn_tags
from genmo.runtime.actions.jump_tags import jump_tags
from genmo.runtime.actions.measures import Measures
from genmo.runtime.actions.posture_tags import balance_tags, posture_tags, standing_tags

SHORTEST = 14
"""frames, below which a motion is too short to be named"""
_RULES: tuple[Callable[[Measures], set[str]], ...] = (
    locomotion_tags,
    turn_tags,
    start_and_stop_tags,
    standing_tags,
    balance_tags,
    posture_tags,
    jump_tags,
    strike_tags,
    arm_tags,
)


def tags_of(measures: Measures) -> frozenset[str]:
    """Every tag of the stretch; none for one of fewer than SHORTEST frames."""
    if measures.signals.frames < SHORTEST:
        return frozenset()
    if measures.posture.upside_down > 0.1:
        return frozenset({"upside_down"})
    return frozenset(tag for rule in _RULES for tag in rule(measures))
