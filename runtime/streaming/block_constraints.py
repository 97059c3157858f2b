"""Keyframes and joint targets of a block of endless motion: the past stays as it was answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.constraints import JointTargets, Keyframes, joined_keyframes
from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.motion import Camera, Motion, join_motions
from genmo.runtime.motion.representation import decode
from genmo.runtime.refine.constraint_solver import solve_constraints
from genmo.runtime.refine.grounding import put_on_floor
from genmo.runtime.refine.inpainting import with_pose
from genmo.runtime.support.arrays import Array

PINNED = 2
"""frames before a block that a correction of it goes through: pose and speed stay"""


@dataclass(frozen=True, eq=False)
class BlockConstraints:
    """What a window must meet, in its frames."""

    keyframes: Keyframes
    targets: JointTargets

    def __bool__(self) -> bool:
        return bool(len(self.keyframes.frames) or len(self.targets.frames))

    def met_by_features(self, features: Array, layout: Layout, camera: Camera, past: Motion | None) -> Array:
        """Features [window, layout.width] (not normalised) of a window that begins with `past` and meets them."""
        motion = decode(features, layout, camera)
        if past is None:
            motion, _ = put_on_floor(motion, np.zeros(motion.frames, np.bool_))
            return with_pose(features, layout, camera, motion, solve_constraints(motion, self.keyframes, self.targets))
        known = past.frames
        shift = past.translation[-1] - motion.translation[known - 1]
        motion = motion.with_pose(motion.rotations, motion.translation + shift)
        pinned = joined_keyframes([_pins(past, known - min(PINNED, known), known), self.keyframes])
        stays = np.arange(motion.frames) < known
        return with_pose(features, layout, camera, motion, solve_constraints(motion, pinned, self.targets, stays))

    def met_by(self, block: Motion, past: Motion | None) -> Motion:
        """A finished block, whose first frame is the first of the constraints', after the last frames of `past`."""
        if past is None:
            return solve_constraints(block, self.keyframes, self.targets)
        tail = past.cut(slice(-PINNED, None))
        keyframes = joined_keyframes([_pins(tail, 0, tail.frames), self.keyframes.shifted(tail.frames)])
        stays = np.arange(tail.frames + block.frames) < tail.frames
        met = solve_constraints(join_motions([tail, block]), keyframes, self.targets.shifted(tail.frames), stays)
        return met.cut(slice(tail.frames, None))


def _pins(past: Motion, first: int, last: int) -> Keyframes:
    """Frames of the past that stay."""
    frames = np.arange(first, last)
    return Keyframes(frames, past.rotations[first:last], past.translation[first:last])
