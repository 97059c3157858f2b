"""Motions as keyframes of bones: what an action of the armature is filled with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime import InputError
from genmo.runtime.motion.rotation import continuous_quaternions, rotate, transpose
from genmo.runtime.retarget import Performance

from .skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Track:
    """One bone over the frames of a take."""

    bone: str
    rotations: np.ndarray
    """[frames, 4] quaternions (w, x, y, z) of `PoseBone.rotation_quaternion`, each on the side of the one before"""
    locations: np.ndarray | None = None
    """[frames, 3] of `PoseBone.location`, of the hips alone"""


@dataclass(frozen=True)
class Switch:
    """A property of a bone that has to have a value while a take plays, where the bone has the property."""

    bone: str
    name: str
    value: float


@dataclass(frozen=True, eq=False)
class Take:
    """A motion of the armature, frame after frame of the scene."""

    label: str
    tracks: tuple[Track, ...]
    notes: tuple[str, ...] = ()
    switches: tuple[Switch, ...] = ()

    @property
    def frames(self) -> int:
        return len(self.tracks[0].rotations)


def tracks(performance: Performance, skeleton: Skeleton) -> tuple[Track, ...]:
    """What the bones' channels hold: turns from the rest pose, and the way of the hips.

    Raises InputError for hips that cannot be moved.
    """
    hips = performance.character.bones.hips
    if skeleton.flag(skeleton.connected, hips, False):
        raise InputError(
            f"{skeleton.name}: {skeleton.names[hips]!r} is connected to its parent and cannot move; wanted hips that "
            "are not: Edit Mode, Bone, Relations, clear Connected"
        )
    return tuple(
        Track(
            skeleton.names[bone],
            continuous_quaternions(_basis(performance, skeleton, bone)[:, None])[:, 0],
            _locations(performance, skeleton) if bone == hips else None,
        )
        for bone in sorted(performance.driven)
    )


def _basis(performance: Performance, skeleton: Skeleton, bone: int) -> np.ndarray:
    """Turns [frames, 3, 3] from the rest pose, in the bone's own axes."""
    rig = performance.character.rig
    if skeleton.flag(skeleton.inherits_rotation, bone, True):
        return np.asarray(rig.rotations[bone].T @ performance.rotations[:, bone])
    rest = rig.rest()[0][bone]
    return np.asarray(rest.T @ performance.world()[0][:, bone])


def _locations(performance: Performance, skeleton: Skeleton) -> np.ndarray:
    """The hips' way [frames, 3] from where they rest, in the axes that their location counts along."""
    rig, hips = performance.character.rig, performance.character.bones.hips
    step = performance.hips - rig.translations[hips]  # in the axes of the parent
    if skeleton.flag(skeleton.local_location, hips, True):
        return np.asarray(rotate(transpose(rig.rotations[hips]), step))
    parent = rig.parents[hips]
    return np.asarray(step if parent < 0 else rotate(rig.rest()[0][parent], step))
