"""What a motion must obey: user input turned into the arrays of the denoiser's signature.

Every condition is per frame and comes with a mask: 1 where it is known, 0 where it is absent, and an absent value is
zero.  Twin of the geometry: `genmo.train.geometry.conditions`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import transpose
from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST

VISIBLE = 0.5
"""Keypoints of higher confidence count as visible."""
FEET = ("left_heel", "left_toes", "right_heel", "right_toes")
"""Points of the feet that some detectors give beside COCO's 17."""
POINT_COUNT = COCO_COUNT + len(FEET)
BOX_MARGIN = 1.2
"""The box's side over the larger extent of the visible keypoints."""


@dataclass(frozen=True, eq=False)
class Keypoints:
    """2D keypoints of one person in a video."""

    points: Array
    """[frames, 17, 3]: x, y in pixels and confidence, COCO-17"""
    intrinsics: Array
    """[3, 3] pixels"""
    camera: Camera | None = None
    """camera poses in a y-up world in metres; None: not known, taken for static in the world roll-out"""
    noise: float | None = None
    """`keypoint_cleaning.noise_level` of what was brought to 30 a second, which hides it; None: as in `points`"""
    feet: Array | None = None
    """[frames, 4, 3] as `points`, of FEET; None: the detector gives none"""

    @property
    def frames(self) -> int:
        return len(self.points)

    @property
    def all_points(self) -> Array:
        """[frames, 21, 3]: `points`, and `feet` of confidence 0 where there are none."""
        feet = np.zeros((self.frames, len(FEET), 3)) if self.feet is None else self.feet
        return np.concatenate([self.points, feet], axis=1)

    def first(self, count: int) -> Keypoints:
        """The first `count` frames."""
        camera = self.camera and replace(
            self.camera, rotation=self.camera.rotation[:count], position=self.camera.position[:count]
        )
        feet = None if self.feet is None else self.feet[:count]
        return replace(self, points=self.points[:count], camera=camera, feet=feet)


def keypoints_from(points: Array, intrinsics: Array, camera: Camera | None = None) -> Keypoints:
    """Keypoints of `all_points` [frames, 21, 3]; without `feet` where none is seen."""
    body, feet = points[:, :COCO_COUNT], points[:, COCO_COUNT:]
    return Keypoints(body, intrinsics, camera, feet=feet if feet[..., 2].any() else None)


def default_intrinsics(width: float, height: float) -> Array:
    """[3, 3]: focal length = image diagonal (a 53 degree view across it), principal point in the middle."""
    focal = float(np.hypot(width, height))
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])


def are_guessed(intrinsics: Array) -> bool:
    """Whether intrinsics [3, 3] are those of `default_intrinsics`: distances that come from them mean little."""
    return bool(np.isclose(intrinsics[0, 0], 2 * np.hypot(*intrinsics[:2, 2]), rtol=1e-6))


def parse_keypoints(arrays: dict[str, Array], source: str = "keypoints") -> Keypoints:
    """Checked `Keypoints` from the arrays of a keypoint file; `source` names it in errors.

    A point that holds NaN is hidden.  Raises InputError for missing, wrongly shaped or otherwise non-finite arrays.
    """
    for name in ("keypoints", "feet_keypoints"):
        stored = arrays.get(name)
        if stored is not None and stored.dtype.kind == "f" and stored.ndim:
            unseen = np.isnan(stored).any(axis=-1, keepdims=True)
            arrays = arrays | {name: np.where(unseen, 0.0, stored)}
    points = _checked(arrays, "keypoints", (None, COCO_COUNT, 3), source)
    if len(points) == 0:
        raise InputError(f"{source}: keypoints has 0 frames; wanted at least 1")
    if "intrinsics" in arrays:
        intrinsics = _checked(arrays, "intrinsics", (3, 3), source)
        if intrinsics[0, 0] <= 0 or intrinsics[1, 1] <= 0:
            raise InputError(f"{source}: intrinsics has focal length {intrinsics[0, 0]:g}; wanted more than 0 pixels")
    else:
        width, height = _checked(arrays, "image_size", (2,), source)
        if not (width > 0 and height > 0):
            raise InputError(f"{source}: image_size is {width:g} x {height:g}; wanted width and height over 0")
        intrinsics = default_intrinsics(float(width), float(height))
    fps = float(_checked({"fps": np.ravel(arrays.get("fps", 30.0))}, "fps", (1,), source)[0])
    if abs(fps - 30.0) > 0.5:
        raise InputError(f"{source}: fps is {fps:g}; wanted 30, so resample the keypoints to 30 frames a second")
    feet = None
    if "feet_keypoints" in arrays:
        feet = _checked(arrays, "feet_keypoints", (len(points), len(FEET), 3), source)
    if "camera_to_world" not in arrays:
        return Keypoints(points, intrinsics, feet=feet)
    poses = _checked(arrays, "camera_to_world", (len(points), 4, 4), source)
    rotation = poses[:, :3, :3]
    if np.abs(rotation @ transpose(rotation) - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation).min() < 0:
        raise InputError(f"{source}: camera_to_world holds no rotations; wanted rigid poses, OpenCV axes, y-up world")
    ground = _checked({"ground_known": np.ravel(arrays.get("ground_known", 1.0))}, "ground_known", (1,), source)[0] != 0
    return Keypoints(points, intrinsics, Camera(rotation, poses[:, :3, 3], bool(ground)), feet=feet)


def _checked(arrays: dict[str, Array], name: str, shape: tuple[int | None, ...], source: str) -> Array:
    expected = "[" + ", ".join("N" if n is None else str(n) for n in shape) + "]"
    if name not in arrays:
        raise InputError(f"{source}: no array {name!r}; wanted {name} {expected}, the file has {sorted(arrays)}")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in "fiu":
        raise InputError(f"{source}: {name} is {array.dtype} {list(array.shape)}; wanted numbers {expected}")
    if not (np.abs(array) < LARGEST).all():
        raise InputError(
            f"{source}: {name} holds NaN or infinity, or more than {LARGEST:g}; wanted finite numbers "
            "(confidence 0 where unseen)"
        )
    return array.astype(np.float64)


def bounding_boxes(points: Array, conventions: Conventions = GENMO) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Square boxes [frames, 3] (centre x, y, side; pixels) around the visible keypoints, and which frames have one.

    Frames with fewer than two visible points take the box of the frames around them, linearly in between.
    `conventions` say how wide a box the weights were trained with.
    """
    visible = points[..., 2] > VISIBLE
    low: Array = np.where(visible[..., None], points[..., :2], np.inf).min(axis=1)
    high: Array = np.where(visible[..., None], points[..., :2], -np.inf).max(axis=1)
    has_box = np.asarray((visible.sum(axis=1) >= 2) & (np.max(high - low, axis=-1, initial=0) > 0), bool)
    if not has_box.any():
        return np.tile([0.0, 0.0, 1.0], (len(points), 1)), has_box
    with np.errstate(invalid="ignore"):
        extent = (high - low) / [conventions.box_aspect, 1.0]
        boxes = np.concatenate([(low + high) / 2, BOX_MARGIN * extent.max(axis=-1, keepdims=True)], axis=-1)
    frames = np.arange(len(points))
    filled = [np.interp(frames, frames[has_box], boxes[has_box, column]) for column in range(3)]
    return np.stack(filled, axis=-1), has_box
