"""What a recording's own camera saw of it: real cameras and annotations in place of simulated ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genmo.runtime.conditions.keypoints import VISIBLE, default_intrinsics
from genmo.runtime.support.arrays import Array
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording
from genmo.train.geometry.cameras import Cameras

LEVEL = np.diag([1.0, -1.0, -1.0])
"""rotation of a level camera, for one of which nothing is known"""
STILL = 1e-4
"""radians or metres a frame; a camera that does more moves"""


@dataclass(frozen=True, eq=False)
class Footage:
    """A window of a recording as its camera saw it.  Lengths on the image in image heights."""

    rotation: Array
    """[frames, 3, 3] camera to world, OpenCV axes"""
    position: Array
    """[frames, 3] metres"""
    focal: float
    aspect: float
    """image width over height"""
    tracked: bool
    """whether the camera's poses are known"""
    pixels: Array | None
    """[frames, 17, 2] annotated COCO-17 points from the principal point; None: the points are where the body's are"""
    shown: npt.NDArray[np.bool_] | None
    """[frames, 17] which of them are seen"""

    @property
    def moving(self) -> bool:
        """Whether the camera turns or goes."""
        return moves(self.rotation, self.position)


def moves(rotation: Array, position: Array) -> bool:
    """Whether a camera of poses [frames, 3, 3] and [frames, 3] turns or goes."""
    steps = [np.abs(np.diff(values, axis=0)).max(initial=0.0) for values in (rotation, position)]
    return bool(max(steps) > STILL)


def footage_of(clip: Clip, start: int, frames: int) -> Footage | None:
    """What the camera of frames [start, start + frames) of a clip saw.

    None without keypoints and without a camera of known pose and lens.  A lens that is not known is taken to be
    `default_intrinsics` of the image, and an image of unknown size to reach from (0, 0) to the farthest seen keypoint.
    """
    if not isinstance(clip, Recording):
        return None
    span = slice(start, start + frames)
    points, camera = clip.keypoints, clip.camera
    if points is None and (camera is None or clip.intrinsics is None):
        return None
    width, height = image_size(clip)
    lens = default_intrinsics(width, height) if clip.intrinsics is None else clip.intrinsics
    pixels = shown = None
    if points is not None:
        pixels = ((points[span, :, :2] - lens[:2, 2]) / height).astype(np.float32)
        shown = points[span, :, 2] > VISIBLE
    return Footage(
        rotation=np.tile(LEVEL, (frames, 1, 1)) if camera is None else camera.rotation[span],
        position=np.zeros((frames, 3)) if camera is None else camera.position[span],
        focal=float(lens[0, 0] / height),
        aspect=width / height,
        tracked=camera is not None,
        pixels=pixels,
        shown=shown,
    )


def image_size(clip: Recording) -> tuple[float, float]:
    """Width and height in pixels of what a clip's camera saw, as far as is known: see `footage_of`."""
    if clip.image_size is not None:
        return float(clip.image_size[0]), float(clip.image_size[1])
    if clip.intrinsics is not None:  # the principal point is about the middle
        return 2 * float(clip.intrinsics[0, 2]), 2 * float(clip.intrinsics[1, 2])
    assert clip.keypoints is not None
    visible = clip.keypoints[clip.keypoints[..., 2] > VISIBLE]
    return (float(visible[:, 0].max()), float(visible[:, 1].max())) if len(visible) else (1.0, 1.0)


def filmed_by(cameras: Cameras, footage: Sequence[Footage | None]) -> Cameras:
    """The cameras of a batch, those of samples with footage replaced by their own."""
    changed = replace(cameras, **{name: getattr(cameras, name).clone() for name in Cameras.__dataclass_fields__})
    for index, own in enumerate(footage):
        if own is not None:
            changed.rotation[index] = torch.from_numpy(np.ascontiguousarray(own.rotation)).float()
            changed.position[index] = torch.from_numpy(np.ascontiguousarray(own.position)).float()
            changed.focal[index], changed.aspect[index], changed.moving[index] = own.focal, own.aspect, own.moving
    return changed


def annotated(pixels: Tensor, shown: Tensor, footage: Sequence[Footage | None]) -> tuple[Tensor, Tensor]:
    """Points [batch, frames, 17, 2] and which are seen, those of annotated samples replaced by their annotations."""
    pixels, shown = pixels.clone(), shown.clone()
    for index, own in enumerate(footage):
        if own is not None and own.pixels is not None and own.shown is not None:
            pixels[index] = torch.from_numpy(own.pixels)
            shown[index] = torch.from_numpy(own.shown)
    return pixels, shown
