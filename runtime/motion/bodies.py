"""A motion of somebody else's skeleton on genmo's body: the same turns, the way scaled to the legs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import JOINTS, shape_space
from genmo.runtime.support.arrays import Array

_LEGS = [JOINTS.index(name) for name in ("left_knee", "left_ankle")]


def on_own_body(motion: Motion) -> Motion:
    """The motion on the body of its betas where it has `offsets` of its own; else as it is.

    The root goes as far and as high over y = 0 as that body's legs are longer, so that feet on the ground stay there.
    """
    if motion.offsets is None:
        return motion
    ratio = leg_length(shape_space().offsets(motion.betas)) / leg_length(motion.offsets)
    return replace(motion, offsets=None, translation=ratio * motion.translation)


def leg_length(offsets: Array) -> float:
    """Metres of thigh and shin of rest offsets [24, 3]."""
    return float(np.linalg.norm(offsets[_LEGS], axis=-1).sum())
