"""Poses that an animator has set on the armature: as keyframes of genmo, and met exactly by what comes back.

genmo's own skeleton has other proportions, no fingers and three spine bones, so a pose that went there and back is a
little off.  `meet` takes off what is left, spread over the frames around each pose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genmo.runtime import InputError, Keyframes
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import axis_angle_from_matrix, matrix_from_axis_angle, orthogonal, rotate, transpose
from genmo.runtime.refine.constraint_solver import spread_corrections
from genmo.runtime.retarget import Character, Performance
from genmo.runtime.retarget.rig_motion import RigMotion, off_rig

from .skeleton import Skeleton, local_rotations

STILL = 1e-3
"""radians; a bone that is nearer to its rest than this has no pose"""


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of the armature at frames of the scene, counted from the motion's first."""

    frames: np.ndarray
    """[K] rising"""
    matrices: np.ndarray
    """[K, bones, 4, 4] armature space (`PoseBone.matrix`)"""


def motion_frame(frame: int, fps: float) -> int:
    """The frame of the motion, 30 a second, nearest to a frame of the scene."""
    return round(frame * FPS / fps)


def keyframes(poses: Poses, skeleton: Skeleton, body: Character, fps: float) -> Keyframes:
    """The poses as genmo's skeleton has them, standing where the armature's hips are by the scale of the legs.

    Raises InputError for poses of which two fall on one frame of the motion.
    """
    frames = np.asarray([motion_frame(int(frame), fps) for frame in poses.frames], np.int64)
    if (np.diff(frames) == 0).any():
        twice = int(np.flatnonzero(np.diff(frames) == 0)[0])
        raise InputError(
            f"poses at {poses.frames[twice]} and {poses.frames[twice + 1]} frames from the start are less than 1/30 s "
            "apart; wanted one of them"
        )
    local = local_rotations(skeleton.parents, orthogonal(poses.matrices[..., :3, :3]))
    hips = body.bones.hips
    still = RigMotion(body, local, np.zeros((len(frames), 3)), FPS)
    way = poses.matrices[:, hips, :3, 3] - still.world()[1][:, hips]
    motion = off_rig(RigMotion(body, local, way, FPS))
    return Keyframes(frames, motion.rotations, motion.translation)


def meet(performance: Performance, poses: Poses, skeleton: Skeleton) -> Performance:
    """The performance, at the scene's rate, that has the poses exactly at their frames.

    Bones that genmo does not drive (fingers, tails) and that a pose has moved go from pose to pose, and hold the first
    and the last.  Bones that constraints move are left to these.
    """
    body, count = performance.character, performance.frames
    wanted = local_rotations(skeleton.parents, orthogonal(poses.matrices[..., :3, :3]))
    rotations, driven = performance.rotations.copy(), list(performance.driven)
    error = axis_angle_from_matrix(wanted[:, driven] @ transpose(rotations[poses.frames][:, driven]))
    turns = spread_corrections(poses.frames, error.reshape(len(poses.frames), -1), count)
    rotations[:, driven] = matrix_from_axis_angle(turns.reshape(count, -1, 3)) @ rotations[:, driven]
    extra = [
        bone
        for bone in range(len(skeleton.names))
        if bone not in performance.driven
        and not skeleton.flag(skeleton.constrained, bone, False)
        and np.abs(axis_angle_from_matrix(body.rig.rotations[bone].T @ wanted[:, bone])).max() > STILL
    ]
    for bone in extra:
        rotations[:, bone] = _held(poses.frames, wanted[:, bone], count)
    hips, parent = body.bones.hips, body.rig.parents[body.bones.hips]
    places = poses.matrices[:, hips, :3, 3]
    if parent >= 0:
        above = poses.matrices[:, parent]
        places = rotate(transpose(orthogonal(above[:, :3, :3])), places - above[:, :3, 3])
    moves = spread_corrections(poses.frames, places - performance.hips[poses.frames], count)
    moved = (*performance.driven, *extra)
    return replace(performance, rotations=rotations, hips=performance.hips + moves, driven=moved)


def _held(frames: np.ndarray, rotations: np.ndarray, count: int) -> np.ndarray:
    """Rotations [count, 3, 3] that go from one of [K, 3, 3] at `frames` to the next, evenly, and hold the ends."""
    held = np.empty((count, 3, 3))
    held[: frames[0]], held[frames[-1] :] = rotations[0], rotations[-1]
    for first, last, start, end in zip(frames, frames[1:], rotations, rotations[1:], strict=False):
        share = np.arange(last - first)[:, None] / (last - first)
        held[first:last] = start @ matrix_from_axis_angle(share * axis_angle_from_matrix(start.T @ end))
    return held
