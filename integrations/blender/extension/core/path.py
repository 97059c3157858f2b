"""A drawn line as the way of the hips: along it at one speed, over the whole motion."""

from __future__ import annotations

import numpy as np

from genmo.runtime import InputError, JointTargets
from genmo.runtime.motion.motion import FPS
from genmo.runtime.retarget import Character
from genmo.runtime.retarget.rig_motion import to_genmo

EVERY = 6
"""frames of the motion between two points that the hips meet: between them a walk sways as it likes"""
SHORTEST = 0.05
"""metres; a line that is shorter says no way"""
FASTEST = 8.0
"""metres a second; faster than this nobody runs"""


def along(points: np.ndarray, count: int) -> np.ndarray:
    """`count` points [count, D], evenly along a line through `points` [P, D]."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    lengths = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0.0, lengths[-1], count)
    return np.stack([np.interp(at, lengths, points[:, column]) for column in range(points.shape[1])], axis=-1)


def root_path(points: np.ndarray, body: Character, frames: int) -> tuple[JointTargets, str]:
    """Places of the pelvis along a line of points [P, 3] in armature space, and a note with its length and speed.

    Heights are left to the motion.  Raises InputError for a line without length and for one too long for the time.
    """
    if len(points) < 2 or not np.isfinite(points).all():
        raise InputError("the path has fewer than 2 points; wanted a curve")
    way = to_genmo(body, np.asarray(points, np.float64))[:, [0, 2]]
    length = float(np.linalg.norm(np.diff(way, axis=0), axis=-1).sum())
    if length < SHORTEST:
        raise InputError(f"the path is {length:.2f} m long; wanted a curve along the ground")
    speed = length * FPS / max(frames - 1, 1)
    if speed > FASTEST:
        raise InputError(
            f"the path is {length:.1f} m long, {speed:.1f} m/s over {frames / FPS:.1f} s; wanted at most "
            f"{FASTEST:g} m/s: more frames, or a shorter curve"
        )
    numbers = np.unique(np.append(np.arange(0, frames, EVERY), frames - 1))
    places = along(way, frames)[numbers]
    positions = np.stack([places[:, 0], np.full(len(numbers), np.nan), places[:, 1]], axis=-1)
    targets = JointTargets(numbers.astype(np.int64), np.zeros(len(numbers), np.int64), positions)
    return targets, f"path of {length:.1f} m at {speed:.1f} m/s"
