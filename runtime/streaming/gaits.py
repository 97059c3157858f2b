"""What a person does who moves at a speed, in the words of the prompts: standing, walking, jogging, running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genmo.runtime.conditions.spans import Text
from genmo.runtime.support.arrays import Array


class Gait(NamedTuple):
    """Up to which speed a prompt is right."""

    speed: float
    """m/s"""
    prompt: str


# The speeds of the engine that ships when these prompts alone lead it: 0, 0.65, 1.2, 1.7, 3.2, 3.9 and 4.6 m/s.
GAITS = (
    Gait(0.2, "a person stands still"),
    Gait(0.85, "a person walks slowly"),
    Gait(1.45, "a person walks forward"),
    Gait(2.2, "a person walks fast"),
    Gait(3.5, "a person jogs forward"),
    Gait(4.3, "a person runs forward"),
    Gait(np.inf, "a person runs fast"),
)
HOLD = 0.15
"""m/s by which a speed must leave a gait's range before the gait changes"""
SHORTEST = 12
"""frames of a gait; a shorter one is passed over"""


def gait_of(speed: float, before: int | None = None) -> int:
    """Index into GAITS for a speed in m/s; the one `before` stays while the speed is near its range."""
    index = next(number for number, gait in enumerate(GAITS) if speed <= gait.speed)
    if before is None or index == before:
        return index
    low = GAITS[before - 1].speed - HOLD if before else -np.inf
    return before if low <= speed <= GAITS[before].speed + HOLD else index


def gait_texts(speeds: Array, before: int | None = None) -> tuple[list[Text], Sequence[int]]:
    """Texts with spans for planned `speeds` [frames] in m/s, and the gait [frames] of each frame.

    `before`: the gait of the frame in front of the first.
    """
    gaits: list[int] = []
    for speed in speeds.tolist():
        gaits.append(gait_of(speed, gaits[-1] if gaits else before))
    edges = [0, *(np.flatnonzero(np.diff(gaits)) + 1).tolist(), len(gaits)]
    runs = [(gaits[start], start, end) for start, end in zip(edges[:-1], edges[1:], strict=True)]
    kept: list[tuple[int, int, int]] = []
    for gait, start, end in runs:
        if kept and (kept[-1][2] - kept[-1][1] < SHORTEST or kept[-1][0] == gait):  # what is short becomes the next
            start = kept.pop()[1]
        kept.append((gait, start, end))
    texts = [Text(GAITS[gait].prompt, start, end) for gait, start, end in kept]
    return texts, [gait for gait, start, end in kept for _ in range(start, end)]
