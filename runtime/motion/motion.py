"""A motion: what every part of genmo hands to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genmo.runtime.motion.rotation import rotate, transpose
from genmo.runtime.motion.skeleton import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT, forward_kinematics, shape_space
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

FPS = 30.0
STATIC_SPEED = 0.15  # m/s; slower joints count as in contact (the rule of GVHMR's static-joint labels)


@dataclass(frozen=True, eq=False)
class Camera:
    """Camera poses, OpenCV axes (x right, y down, z forward), in the world (y up, metres)."""

    rotation: Array
    """[frames, 3, 3], camera to world"""
    position: Array
    """[frames, 3]"""

    def to_camera(self, points: Array) -> Array:
        """World points [frames, ..., 3] in the camera frame of their own frame."""
        inner = (slice(None),) + (None,) * (points.ndim - 2)
        return rotate(transpose(self.rotation)[inner], points - self.position[inner])


@dataclass(frozen=True, eq=False)
class Motion:
    """One person's motion over `frames` frames.  World: right-handed, y up, metres."""

    rotations: Array
    """[frames, 24, 3, 3] local joint rotations; joint 0 is the root in the world"""
    translation: Array
    """[frames, 3] pelvis in the world"""
    betas: Array = field(default_factory=lambda: np.zeros(BETA_COUNT))
    """[10] shape coefficients of the default body"""
    offsets: Array | None = None
    """[24, 3] rest offsets; None: those of `betas`"""
    contacts: Array | None = None
    """[frames, 6] 0..1: left ankle, left foot, right ankle, right foot, left wrist, right wrist"""
    camera: Camera | None = None
    """the camera that saw it, if any"""
    joints_camera: Array | None = None
    """[frames, 24, 3] joints in the camera frame as estimated, where estimation gave them"""
    fps: float = FPS

    def __post_init__(self) -> None:
        frames = len(self.translation)
        if self.rotations.shape != (frames, JOINT_COUNT, 3, 3) or self.translation.shape != (frames, 3):
            raise ValueError(
                f"a motion wants rotations [frames, {JOINT_COUNT}, 3, 3] and translation [frames, 3], "
                f"got {self.rotations.shape} and {self.translation.shape}"
            )

    @property
    def frames(self) -> int:
        return len(self.translation)

    @property
    def rest_offsets(self) -> Array:
        """[24, 3] rest offsets in metres."""
        return shape_space().offsets(self.betas) if self.offsets is None else self.offsets

    def kinematics(self) -> tuple[Array, Array]:
        """World rotations [frames, 24, 3, 3] and joint positions [frames, 24, 3] in metres."""
        return forward_kinematics(self.rotations, self.translation, self.rest_offsets)

    def joints_world(self) -> Array:
        """[frames, 24, 3] metres."""
        return self.kinematics()[1]

    def moved(self, rotation: Array, shift: Array) -> Motion:
        """The motion, and its camera, after `x -> rotation @ x + shift` of the world ([3, 3], [3])."""
        rotations = self.rotations.copy()
        rotations[:, 0] = rotation @ rotations[:, 0]
        camera = self.camera and Camera(rotation @ self.camera.rotation, rotate(rotation, self.camera.position) + shift)
        return replace(self, rotations=rotations, translation=rotate(rotation, self.translation) + shift, camera=camera)


def contact_labels(joints: Array, fps: float = FPS) -> Array:
    """Contacts [..., frames, 6] (0 or 1) of world joints [..., frames, 24, 3]: the joint moves slower than 0.15 m/s.

    The speed of a frame is that of the step to the next one; the last frame repeats the one before it.
    """
    points = joints[..., CONTACT_JOINTS, :]
    if points.shape[-3] == 1:
        return np.ones(points.shape[:-1])
    speed = np.linalg.norm(np.diff(points, axis=-3), axis=-1) * fps
    speed = np.concatenate([speed, speed[..., -1:, :]], axis=-2)
    return (speed < STATIC_SPEED).astype(joints.dtype)


def cut(motion: Motion, span: slice) -> Motion:
    camera = motion.camera and Camera(motion.camera.rotation[span], motion.camera.position[span])
    contacts, joints = (None if a is None else a[span] for a in (motion.contacts, motion.joints_camera))
    return replace(
        motion,
        rotations=motion.rotations[span],
        translation=motion.translation[span],
        contacts=contacts,
        camera=camera,
        joints_camera=joints,
    )


def joined(blocks: Sequence[Motion]) -> Motion:
    """Blocks of one person's motion as one; InputError when they do not fit together."""
    first = blocks[0]
    for block in blocks[1:]:
        same = all(
            (getattr(first, name) is None) == (getattr(block, name) is None)
            for name in ("contacts", "camera", "joints_camera")
        )
        if not same or first.fps != block.fps or not np.allclose(first.rest_offsets, block.rest_offsets):
            raise InputError("a block differs from those before in body, fps or parts; wanted one person's stream")
    cameras = [block.camera for block in blocks if block.camera is not None]
    contacts = [block.contacts for block in blocks if block.contacts is not None]
    joints = [block.joints_camera for block in blocks if block.joints_camera is not None]
    return replace(
        first,
        rotations=np.concatenate([block.rotations for block in blocks]),
        translation=np.concatenate([block.translation for block in blocks]),
        contacts=np.concatenate(contacts) if contacts else None,
        camera=Camera(
            np.concatenate([camera.rotation for camera in cameras]),
            np.concatenate([camera.position for camera in cameras]),
        )
        if cameras
        else None,
        joints_camera=np.concatenate(joints) if joints else None,
    )
