"""Motions without their way over the ground, and cycles, which go on with it.

A cycle (`Motion.loops`) ends with its first frame, moved on by its root (`genmo.runtime.motion.root_track`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_track import GROUND, RootTrack
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate, yaw_of
from genmo.runtime.support.arrays import Array


def in_place(motion: Motion, *, heading: bool = False, track: RootTrack | None = None) -> Motion:
    """The motion without its way over the ground: the root stays at the origin, the body sways about it.

    `heading`: without its turning too; it faces +z.  What a game wants that moves the character itself.  `track`:
    the root's, where it is not `Motion.root_track()`.
    """
    track = motion.root_track() if track is None else track
    track = track if heading else replace(track, yaw=np.zeros_like(track.yaw))
    rotations = motion.rotations.copy()
    rotations[:, 0], translation = track.inside(motion.rotations[:, 0], motion.translation)
    return motion.with_pose(rotations, translation)


def cycle_step(motion: Motion) -> tuple[Array, Array]:
    """The move x -> rotation @ x + shift ([3, 3], [3]) of the world that takes the first frame of a motion's pelvis to
    the last, over the ground: what a cycle has moved on after one turn."""
    yaw = yaw_of(np.asarray(motion.rotations[[0, -1], 0], np.float64))
    turn = matrix_from_yaw(yaw[1] - yaw[0])
    first, last = motion.translation[[0, -1]] * GROUND
    return turn, last - rotate(turn, first)


def repeated(motion: Motion, times: int) -> Motion:
    """A cycle played `times` times: frames - 1 frames each, and one more in the end."""
    turn, shift = cycle_step(motion)
    once = replace(motion, camera=None, root_camera=None)
    rotations, translation = [once.rotations[:1]], [once.translation[:1]]
    for _ in range(times):
        rotations.append(once.rotations[1:])
        translation.append(once.translation[1:])
        once = once.moved(turn, shift)
    contacts = motion.contacts
    if contacts is not None:
        contacts = np.concatenate([contacts[:1], *[contacts[1:]] * times])
    return replace(
        once, rotations=np.concatenate(rotations), translation=np.concatenate(translation), contacts=contacts
    )
