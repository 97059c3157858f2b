"""When is a foot planted?  Probabilities from speed, height and contacts, and decisions by hysteresis."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.filters import edge_padded, fir_filtered
from genmo.runtime.motion.rotation import length
from genmo.runtime.refine import native_feet
from genmo.runtime.refine.native_feet import ContactRule
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array, Flags
from genmo.runtime.support.errors import InputError

# Odds are multiplied, as of independent evidence: the contact's own, a power of the speed, the height over the other
# foot.  Round numbers, tried on held-out people for sliding, MPJPE and jitter.
SLOW = 0.7  # m/s, where a contact of 0.5 is as likely as not; estimated feet slide
SLOW_ALONE = 0.2  # m/s, the same for a motion without contacts
STEEP = 3  # power of the speed
STILL = 0.05  # m/s, noise of a foot at rest
LIFTED = 0.15  # metres over the other foot
DETECT = 5  # frames ahead that the decision uses: one for speed, two for smoothing, two for the shortest contact
ENTER, LEAVE = 0.5, 0.4  # probabilities above which a foot is planted, below which it is free again


def contact_scores(balls: Array, contacts: Array | None, fps: float) -> Array:
    """Probability [frames, 2] that the left and right foot are planted.

    `balls` [frames, 2, 3] are the balls of the feet in the world, metres; `contacts` [frames, 6] those of a Motion.
    Raises InputError for contacts that are no probabilities.
    """
    if contacts is not None and not (contacts.min(initial=0) >= 0 and contacts.max(initial=0) <= 1):  # nor for NaN
        raise InputError("contacts are not between 0 and 1; wanted probabilities, not logits: apply the sigmoid")
    if native.library():
        return native_feet.contact_scores(_rule(ENTER, LEAVE), balls, contacts, fps)
    speed = length(_central_differences(balls)) * fps if len(balls) > 1 else np.zeros((1, 2))
    height = balls[..., 1] - balls[..., 1].min(axis=1, keepdims=True)
    weights = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9
    odds = np.exp(-((height / LIFTED) ** 2)) / (fir_filtered(speed, weights, 2) + STILL) ** STEEP
    if contacts is None:
        odds = odds * SLOW_ALONE**STEEP
    else:
        pairs = contacts[:, :4].reshape(-1, 2, 2).mean(axis=-1)  # [frames, 2], of ankle and ball
        likely = np.clip(fir_filtered(pairs, weights, 2), 0.02, 0.98)
        odds = odds * SLOW**STEEP * likely / (1 - likely)
    return np.asarray(odds / (1 + odds))


def _central_differences(values: Array) -> Array:
    """Change a frame [frames, ...] of values [frames, ...], at least 2 frames; one-sided at the ends."""
    change = np.empty_like(values)
    change[0], change[-1] = values[1] - values[0], values[-1] - values[-2]
    change[1:-1] = (values[2:] - values[:-2]) / 2
    return change


def frames_in_contact(scores: Array, enter: float = ENTER, leave: float = LEAVE, before: Flags | None = None) -> Flags:
    """Which frames [frames, 2] are planted: from `scores` [frames, 2] by hysteresis, at least 3 frames each.

    `before` [2] is the decision of the frame in front of the first.
    """
    start = np.zeros(2, np.bool_) if before is None else before
    if native.library():
        return native_feet.frames_in_contact(_rule(enter, leave), scores, start)
    padded = edge_padded(scores, 0, 2)
    contact = (scores > enter) & (np.minimum(padded[1:-1], padded[2:]) > leave)
    change = contact | (scores < leave)
    index = np.where(change, np.arange(len(scores))[:, None], -1)
    last = np.maximum.accumulate(index, axis=0)
    return np.where(last < 0, start, np.take_along_axis(contact, np.maximum(last, 0), axis=0))


def _rule(enter: float, leave: float) -> ContactRule:
    speeds = {"slow": SLOW, "slow_alone": SLOW_ALONE, "steep": STEEP, "still": STILL}
    return native.sized(ContactRule, enter=enter, leave=leave, lifted=LIFTED, **speeds)
