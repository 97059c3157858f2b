"""Constraints that a motion must satisfy at some frames: whole poses (`Keyframes`), joint positions (`JointTargets`)
and facings (`Headings`).

All are in the world of the motion (right-handed, y up, metres, 30 fps).  `genmo.runtime.refine.constraint_solver`
makes a motion satisfy them; `docs/timeline.md` describes the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

Frames = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Keyframes:
    """Full-body poses at single frames."""

    frames: Frames
    """[K] rising"""
    rotations: Array
    """[K, 24, 3, 3] local joint rotations; joint 0 is the root in the world"""
    root: Array
    """[K, 3] pelvis in the world, metres; a row of NaN: the pose may be anywhere"""

    def shifted(self, start: int) -> Keyframes:
        """The same poses `start` frames later."""
        return replace(self, frames=self.frames + start)

    def only(self, chosen: npt.NDArray[np.bool_]) -> Keyframes:
        """The keyframes where `chosen` [K]."""
        return Keyframes(self.frames[chosen], self.rotations[chosen], self.root[chosen])

    @property
    def has_root(self) -> npt.NDArray[np.bool_]:
        """[K] whether the position of the pelvis is known."""
        return np.asarray(np.isfinite(self.root).all(axis=-1))

    @property
    def between(self) -> Frames:
        """Frames with keyframes in front of them and behind, and none of their own."""
        if not len(self.frames):
            return self.frames
        return np.setdiff1d(np.arange(self.frames[0], self.frames[-1]), self.frames)


@dataclass(frozen=True, eq=False)
class JointTargets:
    """Positions of joints at single frames."""

    frames: Frames
    """[M] rising"""
    joints: Frames
    """[M] 0 to 23"""
    positions: Array
    """[M, 3] world, metres; a NaN coordinate is free"""

    def shifted(self, start: int) -> JointTargets:
        """The same targets `start` frames later."""
        return replace(self, frames=self.frames + start)


@dataclass(frozen=True, eq=False)
class Headings:
    """Which way the body faces at single frames."""

    frames: Frames
    """[K] rising"""
    radians: Array
    """[K] yaw of the root's own z axis, about +y from +z, so that +x is a quarter turn"""


NO_HEADINGS = Headings(np.zeros(0, np.int64), np.zeros(0))
NO_KEYFRAMES = Keyframes(np.zeros(0, np.int64), np.zeros((0, JOINT_COUNT, 3, 3)), np.zeros((0, 3)))
NO_JOINT_TARGETS = JointTargets(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3)))


def joined_keyframes(parts: Sequence[Keyframes]) -> Keyframes:
    """All keyframes in order of time.  Raises InputError when a frame has two poses."""
    frames = np.concatenate([part.frames for part in parts] or [NO_KEYFRAMES.frames])
    order = np.argsort(frames, kind="stable")
    twice = frames[order][1:][np.diff(frames[order]) == 0]
    if len(twice):
        raise InputError(f"frame {twice[0]} has two keyframes; wanted one pose a frame")
    if not len(frames):
        return NO_KEYFRAMES
    rotations, root = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("rotations", "root"))
    return Keyframes(frames[order], rotations, root)


def joined_joint_targets(parts: Sequence[JointTargets]) -> JointTargets:
    """All targets in order of time.  Raises InputError when a joint has two targets in a frame."""
    if not any(len(part.frames) for part in parts):
        return NO_JOINT_TARGETS
    frames, joints, positions = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("frames", "joints", "positions")
    )
    order = np.lexsort((joints, frames))
    targets = JointTargets(frames[order], joints[order], positions[order])
    twice = (np.diff(targets.frames) == 0) & (np.diff(targets.joints) == 0)
    if twice.any():
        index = int(np.argmax(twice))
        name = JOINTS[targets.joints[index]]
        raise InputError(f"frame {targets.frames[index]} has two places for {name}; wanted one a joint and frame")
    return targets


@dataclass(frozen=True)
class ConstraintErrors:
    """How far a motion is from its constraints, millimetres; None without constraints of that kind."""

    keyframes: float | None
    """largest distance of a joint from the keyframe's, the pelvis put on the motion's where its position is free"""
    places: float | None
    """mean distance of a joint from its target, over the coordinates that are not free"""
    worst_place: float | None
    """the largest of these"""


def constraint_errors(motion: Motion, keyframes: Keyframes, places: JointTargets) -> ConstraintErrors:
    """The distances left between a motion and its keyframes and joint targets."""
    joints = motion.joints_world()
    key = mean = worst = None
    if len(keyframes.frames):
        actual = joints[keyframes.frames]  # [K, 24, 3]
        root = np.where(np.isfinite(keyframes.root), keyframes.root, actual[:, 0])
        expected = forward_kinematics(keyframes.rotations, root, motion.rest_offsets)[1]  # [K, 24, 3]
        key = 1000 * float(np.linalg.norm(actual - expected, axis=-1).max())
    if len(places.frames):
        distances = np.linalg.norm(np.nan_to_num(joints[places.frames, places.joints] - places.positions), axis=-1)
        mean, worst = 1000 * float(distances.mean()), 1000 * float(distances.max())
    return ConstraintErrors(key, mean, worst)
