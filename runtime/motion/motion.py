"""A motion: what every part of genmo hands to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from genmo.runtime.motion.root_track import RootTrack, track_of
from genmo.runtime.motion.rotation import rotate, transpose
from genmo.runtime.motion.skeleton import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT, forward_kinematics, shape_space
from genmo.runtime.motion.smpl_body import SmplxShape
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

FPS = 30.0
MAX_FRAMES = 65536
"""36 minutes; graphs promise no more"""
STATIC_SPEED = 0.15  # m/s; slower joints count as in contact (the rule of GVHMR's static-joint labels)


@dataclass(frozen=True, eq=False)
class Camera:
    """Camera poses, OpenCV axes (x right, y down, z forward), in the world (y up, metres)."""

    rotation: Array
    """[frames, 3, 3], camera to world"""
    position: Array
    """[frames, 3]"""
    ground_known: bool = True
    """whether y = 0 of its world is the ground; False where only the camera's own path tells the world"""

    def to_camera(self, points: Array) -> Array:
        """World points [frames, ..., 3] in the camera frame of their own frame."""
        inner = (slice(None),) + (None,) * (points.ndim - 2)
        return rotate(transpose(self.rotation)[inner], points - self.position[inner])


@dataclass(frozen=True, eq=False)
class RootPose:
    """Where a camera sees the root of a body: OpenCV axes (x right, y down, z forward), metres."""

    rotation: Array
    """[frames, 3, 3], root to camera"""
    translation: Array
    """[frames, 3]"""


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
    root_camera: RootPose | None = None
    """the root in the camera frame as estimated, where estimation gave it"""
    fps: float = FPS
    smplx: SmplxShape | None = None
    """the shape in SMPL-X's space, where the weights tell it; `offsets` then are of its body, if there is one"""
    loops: bool = False
    """whether the last frame is the first again, turned about the vertical and moved over the ground: one cycle"""

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

    def root_track(self, facing: Array | None = None) -> RootTrack:
        """The root under the body: the slow part of its way over the ground (see `track_of`).

        `facing` [frames]: headings that it is to have, radians without jumps; None: the pelvis's.
        """
        return track_of(self.rotations[:, 0], self.translation, self.fps, self.loops, facing)

    def root_bone(self, asked: bool | RootTrack) -> RootTrack | None:
        """The track of a root bone that was `asked` for: one that is given, or the motion's own, or none."""
        return asked if isinstance(asked, RootTrack) else self.root_track() if asked else None

    @property
    def rotations_camera(self) -> Array | None:
        """[frames, 24, 3, 3] local joint rotations with the root in the camera frame; None where it is not known."""
        if self.root_camera is None:
            return None
        return np.concatenate([self.root_camera.rotation[:, None], self.rotations[:, 1:]], axis=1)

    @property
    def joints_camera(self) -> Array | None:
        """[frames, 24, 3] joints in the camera frame, metres; None where the root in the camera is not known."""
        rotations = self.rotations_camera
        if rotations is None or self.root_camera is None:
            return None
        return forward_kinematics(rotations, self.root_camera.translation, self.rest_offsets)[1]

    def root_seen_by(self, camera: Camera) -> RootPose:
        """The root in the frame of a camera that has the motion's frames."""
        return RootPose(transpose(camera.rotation) @ self.rotations[:, 0], camera.to_camera(self.translation))

    def viewpoint(self) -> Camera | None:
        """The camera from which the motion in the world looks as it was estimated; None where it is unknown.

        The known camera, or for each frame the rigid move that lays the root in the camera onto the root in the world.
        """
        if self.camera is not None or self.root_camera is None:
            return self.camera
        rotation = self.rotations[:, 0] @ transpose(self.root_camera.rotation)
        return Camera(rotation, self.translation - rotate(rotation, self.root_camera.translation))

    def with_pose(self, rotations: Array, translation: Array) -> Motion:
        """The motion with another pose ([frames, 24, 3, 3], [frames, 3]), which the camera sees from where it was."""
        root = self.root_camera
        if root is not None:
            to_camera = root.rotation @ transpose(self.rotations[:, 0])
            root = RootPose(
                to_camera @ rotations[:, 0], root.translation + rotate(to_camera, translation - self.translation)
            )
        return replace(self, rotations=rotations, translation=translation, root_camera=root)

    def moved(self, rotation: Array, shift: Array) -> Motion:
        """The motion, and its camera, after `x -> rotation @ x + shift` of the world ([3, 3], [3])."""
        rotations = self.rotations.copy()
        rotations[:, 0] = rotation @ rotations[:, 0]
        camera = self.camera and Camera(
            rotation @ self.camera.rotation, rotate(rotation, self.camera.position) + shift, self.camera.ground_known
        )
        return replace(self, rotations=rotations, translation=rotate(rotation, self.translation) + shift, camera=camera)

    def cut(self, span: slice) -> Motion:
        """The frames of a slice, which no longer loop."""
        camera, root = self.camera, self.root_camera
        return replace(
            self,
            loops=False,
            rotations=self.rotations[span],
            translation=self.translation[span],
            contacts=None if self.contacts is None else self.contacts[span],
            camera=camera and replace(camera, rotation=camera.rotation[span], position=camera.position[span]),
            root_camera=root and RootPose(root.rotation[span], root.translation[span]),
        )


def join_motions(blocks: Sequence[Motion]) -> Motion:
    """Blocks of one person's motion as one.  Raises InputError when they do not fit together."""
    first = blocks[0]
    for block in blocks[1:]:
        same = all(
            (getattr(first, name) is None) == (getattr(block, name) is None)
            for name in ("contacts", "camera", "root_camera")
        )
        if not same or first.fps != block.fps or not np.allclose(first.rest_offsets, block.rest_offsets):
            raise InputError("a block differs from those before in body, fps or parts; wanted one person's stream")
    cameras = [block.camera for block in blocks if block.camera is not None]
    roots = [block.root_camera for block in blocks if block.root_camera is not None]
    contacts = [block.contacts for block in blocks if block.contacts is not None]
    return replace(
        first,
        loops=False,
        rotations=np.concatenate([block.rotations for block in blocks]),
        translation=np.concatenate([block.translation for block in blocks]),
        contacts=np.concatenate(contacts) if contacts else None,
        camera=_joined_cameras(cameras) if cameras else None,
        root_camera=RootPose(*_joined(roots, "rotation", "translation")) if roots else None,
    )


def _joined_cameras(cameras: Sequence[Camera]) -> Camera:
    rotation, position = _joined(cameras, "rotation", "position")
    return replace(cameras[0], rotation=rotation, position=position)


def _joined(blocks: Sequence[object], *names: str) -> list[Array]:
    return [np.concatenate([getattr(block, name) for block in blocks]) for name in names]


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
