"""Feet that swing clear of the floor.

A generated foot that goes from one place to the next is often a centimetre over the floor, or on it, and looks dragged.
People lift their feet by how fast these go.  In the walks of 0.4 to 2 m/s of `cmu30` three of four balls of the foot
are higher over where they stand than 1.6 cm at 0.3 to 0.5 m/s, 2.5 at 0.5 to 0.8, 3.5 at 0.8 to 1.2, 4.2 at 1.2 to 1.6,
and 4.6 to 5.4 above that.  A foot that is lower is lifted, the knee bends.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, JOINTS
from genmo.runtime.refine.facing import with_leg
from genmo.runtime.support.arrays import Array

CLEARANCE = 0.042
"""metres of the ball of a foot over where it stands, at SWING and faster"""
SWING = 1.4
"""m/s"""
SOFT = 0.006
"""metres within which a lift begins softly"""
BEGINNING = 4
"""frames"""
_LEGS = [[JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "foot")] for side in ("left", "right")]


def swings_clear(motion: Motion, before: Array | None = None) -> Motion:
    """The motion on the ground y = 0 whose feet are lifted while they go.

    `before` [2, 3]: the balls of the feet in the frame before the first, where there is one.  A frame depends on the
    one before and the one after it alone.
    """
    if motion.frames + (before is not None) < 2:
        return motion
    world, joints = motion.kinematics()
    lift = swing_lift(joints[:, FOOT_JOINTS], before, motion.fps)
    if lift.max() <= 0:
        return motion
    for side, leg in enumerate(_LEGS):
        target = joints[:, leg[2]] + lift[:, side, None] * [0.0, 1.0, 0.0]
        motion = with_leg(motion, leg, target, world[:, leg[2]])
    return motion


def swing_lift(balls: Array, before: Array | None, fps: float) -> Array:
    """Metres [frames, 2] by which the balls of the feet [frames, 2, 3] are too low, given those [2, 3] `before`.

    The slower of the steps from the frame before and to the frame after counts: who stands in one of them is not
    lifted.  A motion begins as it is: lifts grow over its first `BEGINNING` frames.
    """
    moves = np.diff(balls, axis=0, prepend=balls[:1] if before is None else before[None])
    steps = np.linalg.norm(moves[..., [0, 2]], axis=-1)
    speed = fps * np.minimum(steps, np.concatenate([steps[1:], steps[-1:]]))
    missing = CLEARANCE * smoothstep(speed / SWING) - (balls[..., 1] - BALL_HEIGHT)
    soft = (missing + np.hypot(missing, SOFT)) / 2
    lift = soft * smoothstep(4 * speed / SWING)
    if before is None:
        lift *= smoothstep(np.arange(len(lift)) / BEGINNING)[:, None]
    return np.asarray(lift)
