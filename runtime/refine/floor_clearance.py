"""Feet that do not go through the floor: heels and toes turn up about the ball of the foot."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import cross, matrix_from_axis_angle, rotate
from genmo.runtime.motion.skeleton import BALL_HEIGHT, JOINTS, sole_ends
from genmo.runtime.support.arrays import Array

STANDS = 0.05  # metres over its height on the ground at which a ball no longer stands
MOST_BENT = 1.0  # radians by which toes and heels turn up

_BALLS = [JOINTS.index(f"{side}_foot") for side in ("left", "right")]
_ANKLES = [JOINTS.index(f"{side}_ankle") for side in ("left", "right")]


def feet_over_floor(
    foot: Array, toes: Array, height: Array, rest: Array, strength: float
) -> tuple[Array, Array, Array]:
    """World rotations of foot and toes [frames, 2, 3, 3] that keep heel and toes over the floor, and the ball's rise.

    `height` [frames, 2] is the ball's over the floor, metres, `rest` [24, 3] the rest offsets.  The ball rises to
    BALL_HEIGHT.  A heel that is still too low is turned up about a ball that stands and lifted with one that does not.
    """
    ends = sole_ends(rest)
    heels = ends.heels - rest[_BALLS]  # [2, 3] from the ball
    rise = np.maximum(BALL_HEIGHT - height, 0)
    sunk = np.maximum(ends.heel_radius - height - rise - rotate(foot, heels)[..., 1], 0)
    rise = strength * (rise + sunk * -np.expm1(-((np.maximum(height - BALL_HEIGHT, 0) / STANDS) ** 2)))
    height = height + rise
    foot = _bent_up(foot, heels, ends.heel_radius - height, strength)
    return foot, _bent_up(toes, ends.toes, ends.toe_radius - height, strength), rise


def sole_points(motion: Motion) -> Array:
    """The lowest points of heel, ball and toes of both feet [frames, 2, 3, 3] (side, point, xyz), metres."""
    rest = np.asarray(motion.rest_offsets, np.float64)
    ends, (world, joints) = sole_ends(rest), motion.kinematics()
    heels = joints[:, _ANKLES] + rotate(world[:, _ANKLES], ends.heels)
    toes = joints[:, _BALLS] + rotate(world[:, _BALLS], ends.toes)
    drop = np.array([ends.heel_radius, BALL_HEIGHT, ends.toe_radius])
    points = np.stack([heels, joints[:, _BALLS], toes], axis=2)
    return np.asarray(points - drop[:, None] * np.array([0.0, 1.0, 0.0]))


def _bent_up(rotations: Array, ends: Array, min_height: Array, strength: float) -> Array:
    """World `rotations` [frames, 2, 3, 3], bent about their own left-right axis until an end is high enough.

    `ends` [2, 3] is the end from the ball in the rest frame, `min_height` [frames, 2] its least height over the ball;
    metres.
    """
    across = rotations[..., 0]
    end = rotate(rotations, ends)  # [frames, 2, 3]
    # A turn by t brings the end to fixed + level * cos(t) + turning * sin(t) metres over the ball.
    fixed = (across * end).sum(axis=-1) * across[..., 1]
    level, turning = end[..., 1] - fixed, cross(across, end)[..., 1]
    radius, angle = np.hypot(level, turning), np.arctan2(turning, level)
    bend = np.abs(angle) - np.arccos(np.clip((min_height - fixed) / np.maximum(radius, 1e-9), -1, 1))
    bend = np.sign(angle) * strength * np.clip(bend, 0, MOST_BENT)
    return np.asarray(matrix_from_axis_angle(bend[..., None] * across) @ rotations)
