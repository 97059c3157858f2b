"""A motion: what every part of genmo hands to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from genmo.runtime.rotation import Array, rotate, transpose
from genmo.runtime.skeleton import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT, forward_kinematics, shape_space

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
