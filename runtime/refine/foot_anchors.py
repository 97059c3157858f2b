"""Where planted feet are pinned: one world point a contact, found again when the foot has gone on.

The point of a foot is its ball.  Frame counts are meant for 30 fps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.skeleton import BALL_HEIGHT
from genmo.runtime.refine import native_feet
from genmo.runtime.refine.native_feet import AnchorRule
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array, Flags

LIFT = 8  # frames for which a foot stays free after a pin, while the pin's offset goes
SPAN = 60  # frames from which an anchor is taken
REACH = 0.12  # metres; a foot that is dragged further from its anchor is let go and pinned anew
BRIEF = 20  # frames in which a foot in contact that is dragged further, but comes back, stays pinned: hidden feet jump
STEP = 0.2  # metres; a foot that stands higher stands on something, and stays there


@dataclass
class Lock:
    """The lock of one foot, carried from block to block."""

    anchor: Array | None = None
    rest: int = 0  # frames for which it must still stay free


def lock_anchors(balls: Array, in_contact: Flags, upto: int, locks: Sequence[Lock], ground: float | None) -> Array:
    """Anchors [upto, 2, 3], NaN where a foot is free; changes the two `locks`.

    `balls` [frames, 2, 3] of left and right, metres, y up; `in_contact` [frames, 2]; `ground`: its height or None.
    """
    if native.library():
        held = native_feet.locks_of([(lock.anchor, lock.rest) for lock in locks])
        anchors = native_feet.lock_anchors(_rule(ground), balls, in_contact, upto, held)
        for lock, (anchor, rest) in zip(locks, native_feet.states_of(held), strict=True):
            lock.anchor, lock.rest = anchor, rest
        return anchors
    feet = [_lock_foot(balls[:, foot], in_contact[:, foot], upto, locks[foot], ground) for foot in (0, 1)]
    return np.stack(feet, axis=1)


def _rule(ground: float | None) -> AnchorRule:
    frames = {"lift": LIFT, "span": SPAN, "brief": BRIEF}
    height = np.nan if ground is None else ground
    return native.sized(AnchorRule, **frames, reach=REACH, step=STEP, ball_height=BALL_HEIGHT, ground=height)


def _lock_foot(balls: Array, in_contact: Flags, upto: int, lock: Lock, ground: float | None) -> Array:
    """Anchors [upto, 3] of one foot, NaN where free; changes `lock`.  `balls` [frames, 3], `in_contact` [frames]."""
    anchors = np.full((upto, 3), np.nan)
    frame = 0
    while frame < upto:
        if lock.anchor is None:
            start = min(frame + lock.rest, upto)
            lock.rest -= start - frame
            waiting = np.flatnonzero(in_contact[start:upto])
            if not len(waiting):
                break
            frame = start + int(waiting[0])
            lifts = np.flatnonzero(~in_contact[frame:])
            lock.anchor = _anchor(balls[frame:][: lifts[0] if len(lifts) else None], ground)
        dragged = _dragged(balls[frame:], in_contact[frame:], lock.anchor)[: upto - frame]
        released = np.flatnonzero(dragged | ~in_contact[frame:upto])
        end = frame + int(released[0]) if len(released) else upto
        anchors[frame:end] = lock.anchor
        if len(released):
            lock.anchor, lock.rest = None, LIFT
        frame = end
    return anchors


def _dragged(balls: Array, in_contact: Flags, anchor: Array) -> Flags:
    """Which frames [frames] of one foot's `balls` [frames, 3] are over REACH from its `anchor` [3], and not back within
    BRIEF frames while the foot stays `in_contact` [frames]."""
    far = np.asarray(np.linalg.norm((balls - anchor)[:, [0, 2]], axis=-1) > REACH)
    edges = np.flatnonzero(np.diff(far.astype(np.int8), prepend=0))
    for start, end in zip(edges[::2], edges[1::2], strict=False):  # a stretch without an end does not come back
        far[start:end] = end - start > BRIEF or not in_contact[start:end].all()
    return far


def _anchor(balls: Array, ground: float | None) -> Array:
    """Where [3] to pin a ball of these positions [frames, 3] while it is in contact; on the ground if that is near.

    The median where the foot always comes back to it, since it may land out of place; the mean of the first ones within
    REACH of each other where it does not, and of all where none is further.
    """
    balls = balls[:SPAN]
    too_far = np.flatnonzero(np.linalg.norm((balls - balls[0])[:, [0, 2]], axis=-1) > REACH)
    anchor = balls[: too_far[0] if len(too_far) else None].mean(axis=0)
    if len(too_far):
        median = np.median(balls, axis=0)
        anchor = anchor if _dragged(balls, np.ones(len(balls), np.bool_), median).any() else median
    if ground is not None:
        over = anchor[1] - ground - BALL_HEIGHT
        anchor[1] -= over * np.exp(-((max(over, 0.0) / STEP) ** 4))
    return np.asarray(anchor)
