"""What a stream answers: the poses of all its people at one moment, and one person's as a motion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import Motion, RootPose
from genmo.runtime.motion.skeleton import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT, forward_kinematics, shape_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

NOBODY = -1


@dataclass(frozen=True, eq=False)
class StreamPose:
    """The poses of all people of a stream at one moment.  World: right-handed, y up, metres."""

    frame: npt.NDArray[np.int64]
    """[people] which frame this is, counted from the person's first one; -1: no person yet"""
    settled: npt.NDArray[np.bool_]
    """[people] false while the look-ahead fills: the first frame is answered again and again, better each time"""
    rotations: Array
    """[people, 24, 3, 3] local joint rotations; joint 0 is the root in the world"""
    translation: Array
    """[people, 3] pelvis in the world"""
    betas: Array
    """[people, 10] shape, averaged over the last ten seconds in which the person was visible"""
    contacts: Array
    """[people, 6] 0..1, as in `Motion.contacts`"""
    root_camera: RootPose
    """the root of each person in the camera frame: rotation [people, 3, 3], translation [people, 3]"""

    @classmethod
    def empty(cls, people: int) -> StreamPose:
        """Nobody: rest poses at the origin."""
        return cls(
            frame=np.full(people, NOBODY, np.int64),
            settled=np.zeros(people, bool),
            rotations=np.tile(np.eye(3), (people, JOINT_COUNT, 1, 1)),
            translation=np.zeros((people, 3)),
            betas=np.zeros((people, BETA_COUNT)),
            contacts=np.zeros((people, len(CONTACT_JOINTS))),
            root_camera=RootPose(np.tile(np.eye(3), (people, 1, 1)), np.zeros((people, 3))),
        )

    def joints_world(self) -> Array:
        """[people, 24, 3] metres."""
        return forward_kinematics(self.rotations, self.translation, shape_space().offsets(self.betas))[1]

    @property
    def joints_camera(self) -> Array:
        """[people, 24, 3] joints in the camera frame, metres."""
        rotations = np.concatenate([self.root_camera.rotation[:, None], self.rotations[:, 1:]], axis=1)
        return forward_kinematics(rotations, self.root_camera.translation, shape_space().offsets(self.betas))[1]


def record(poses: Iterable[StreamPose], person: int = 0) -> Motion:
    """The settled frames of one person as a motion, its shape the last one answered.

    Raises InputError when there is none.
    """
    settled = [pose for pose in poses if pose.settled[person]]
    if not settled:
        raise InputError(f"no settled pose of person {person}; push more frames than the look-ahead, or finish()")
    return Motion(
        rotations=np.stack([pose.rotations[person] for pose in settled]),
        translation=np.stack([pose.translation[person] for pose in settled]),
        betas=settled[-1].betas[person],
        contacts=np.stack([pose.contacts[person] for pose in settled]),
        root_camera=RootPose(
            np.stack([pose.root_camera.rotation[person] for pose in settled]),
            np.stack([pose.root_camera.translation[person] for pose in settled]),
        ),
    )
