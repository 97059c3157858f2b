"""A motion made for a flat floor on ground of another shape, known at points.

What is planted stands on the ground under it: each time that a foot stands it has one height, that of the ground where
it stands, and between two of these it goes from the one to the other, up early and down late, so that it clears the
edge of a step.  The root follows between both feet, nearer to the lower one, whose leg is the longer way from it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.bone_names import SIDES
from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import FPS
from genmo.runtime.retarget.ground import Ground
from genmo.runtime.retarget.planting import smoothed
from genmo.runtime.retarget.rig_constraints import move_limb
from genmo.runtime.retarget.rig_motion import RigMotion
from genmo.runtime.support.arrays import Array, Flags

SWING = 0.6
"""share of a swing in which a foot rises (its beginning) or falls (its end)"""
UPPER = 0.35
"""where the root follows between the lower foot's ground (0) and the higher one's (1)"""
SMOOTH = 3.0
"""frames at 30 fps, one sigma, over which the root follows"""
STRAIGHT = 0.995
"""of a leg's length that it may reach"""


def on_ground(motion: RigMotion, ground: Ground, stands: Flags) -> RigMotion:
    """The motion, made for a floor at y = 0, on the ground; `stands` [frames, 2]: where the left and right foot stand.

    Where nothing is known under a foot that stands, it counts as in the air.  Only heights of the root, and the legs,
    change.
    """
    positions = motion.world()[1]
    feet = [motion.character.bones.limbs[f"{side}_foot"] for side in SIDES]
    rises = np.stack(
        [_foot_rise(ground, positions[:, node][:, [0, 2]], stands[:, k]) for k, node in enumerate(feet)], axis=1
    )
    if np.isnan(rises).all():
        return motion
    rises = np.where(np.isnan(rises), rises[:, ::-1], rises)  # a foot that stands nowhere goes with the other
    low, high = rises.min(axis=1), rises.max(axis=1)
    lift = smoothed(low + UPPER * (high - low), SMOOTH * motion.fps / FPS)
    lift -= _too_far(motion, positions, rises - lift[:, None])
    up = np.asarray([0.0, 1.0, 0.0])
    moved = replace(motion, root=motion.root + lift[:, None] * up)
    frames = np.arange(motion.frames)
    limbs = motion.character.bones.limbs
    for k, side in enumerate(SIDES):
        leg = (limbs[f"{side}_upper_leg"], limbs[f"{side}_lower_leg"], limbs[f"{side}_foot"])
        moved = move_limb(moved, leg, frames, (rises[:, k] - lift)[:, None] * up, False, moved.world())
    return moved


def _foot_rise(ground: Ground, places: Array, stands: Flags) -> Array:
    """How far [frames] a foot at `places` [frames, 2] is to be over the flat floor; all NaN where it stands nowhere."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], stands.astype(int), [0]])))
    runs = []
    for start, end in edges.reshape(-1, 2):
        height = float(ground.under(places[start:end].mean(axis=0)))
        if np.isfinite(height):
            runs.append((int(start), int(end), height))
    rise = np.full(len(places), np.nan)
    if not runs:
        return rise
    rise[: runs[0][0]], rise[runs[-1][1] :] = runs[0][2], runs[-1][2]
    for start, end, height in runs:
        rise[start:end] = height
    for (_, end, before), (start, _, after) in zip(runs, runs[1:], strict=False):
        share = np.arange(1, start - end + 1) / (start - end + 1)
        eased = smoothstep(share / SWING) if after > before else smoothstep((share - 1 + SWING) / SWING)
        rise[end:start] = before + (after - before) * eased
    return rise


def _too_far(motion: RigMotion, positions: Array, moves: Array) -> Array:
    """How far [frames] the root must come down for both legs to reach feet that move up by `moves` [frames, 2]."""
    limbs, excess = motion.character.bones.limbs, np.zeros(motion.frames)
    for k, side in enumerate(SIDES):
        hip, knee, ankle = (positions[:, limbs[f"{side}_{part}"]] for part in ("upper_leg", "lower_leg", "foot"))
        longest = STRAIGHT * (np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1))
        along = np.linalg.norm((ankle - hip)[:, [0, 2]], axis=-1)
        drop = hip[:, 1] - (ankle[:, 1] + moves[:, k])
        room = np.sqrt(np.maximum(longest**2 - along**2, 0.0))
        longer_than_it_was = np.maximum(np.linalg.norm(ankle - hip, axis=-1) / longest - 1, 0.0)
        excess = np.maximum(excess, np.where(longer_than_it_was > 0, np.maximum(-moves[:, k], 0.0), drop - room))
    return smoothed(np.maximum(excess, 0.0), SMOOTH * motion.fps / FPS)
