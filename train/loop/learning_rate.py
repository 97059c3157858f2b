"""How fast a run learns at a step."""

from __future__ import annotations

import math

FLOOR = 0.02
"""of the highest rate, at the last step"""


def warmed_cosine(step: int, steps: int, warmup: int, highest: float) -> float:
    """Linear warm-up over `warmup` steps, then a cosine to FLOOR of the highest at the last of `steps`."""
    if step < warmup:
        return highest * (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(steps - warmup, 1))
    return highest * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
