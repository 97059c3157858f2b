"""Conditions computed from simulated cameras, in batches.  Twin of `genmo.runtime.conditions`."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.conditions.keypoints import BOX_MARGIN
from genmo.train.geometry.cameras import Cameras
from genmo.train.geometry.rotation import rotate, sixd_from_matrix, transpose

NEAR = 0.3  # metres; nearer points are behind the lens for our purposes


def project(points: Tensor, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """World points [batch, frames, n, 3] in image heights from the image centre [..., 2], and inside the image."""
    to_camera = transpose(cameras.rotation)[:, :, None]
    local = rotate(to_camera, points - cameras.position[:, :, None])
    depth = local[..., 2:].clamp_min(NEAR)
    pixels = cameras.focal[:, None, None, None] * local[..., :2] / depth
    edge = torch.stack([cameras.aspect / 2, torch.full_like(cameras.aspect, 0.5)], dim=-1)[:, None, None]
    return pixels, (pixels.abs() < edge).all(-1) & (local[..., 2] > NEAR)


def bounding_boxes(pixels: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes [batch, frames, 3] (centre x, y, side) around the seen points [batch, frames, n, 2]; frames with one.

    Unlike the numpy twin, frames without a box get a zero box: their mask hides them from the network.
    """
    inf = torch.inf
    low = torch.where(visible[..., None], pixels, inf).amin(dim=-2)
    high = torch.where(visible[..., None], pixels, -inf).amax(dim=-2)
    has_box = (visible.sum(dim=-1) >= 2) & ((high - low).amax(dim=-1) > 0)
    boxes = torch.cat([(low + high) / 2, BOX_MARGIN * (high - low).amax(dim=-1, keepdim=True)], dim=-1)
    return torch.where(has_box[..., None], boxes, 0.0), has_box


def camera_condition(rotation: Tensor, position: Tensor) -> Tensor:
    """[batch, frames, 12]: turn to the next frame 6D, step to it 3, up 3; see the numpy twin."""
    to_camera = transpose(rotation)
    if rotation.shape[1] == 1:
        turn, step = to_camera @ rotation, torch.zeros_like(position)
    else:
        turn = to_camera[:, 1:] @ rotation[:, :-1]
        step = rotate(to_camera[:, :-1], position.diff(dim=1))
        turn, step = torch.cat([turn, turn[:, -1:]], dim=1), torch.cat([step, step[:, -1:]], dim=1)
    return torch.cat([sixd_from_matrix(turn), step, to_camera[..., 1]], dim=-1)


def keypoint_conditions(pixels: Tensor, visible: Tensor, focal: Tensor) -> dict[str, Tensor]:
    """`keypoints` and `bounding_box` conditions with masks, from points in image heights from the centre."""
    boxes, has_box = bounding_boxes(pixels, visible)
    side = boxes[..., None, 2:].clamp_min(1e-6)
    shown = (visible & has_box[..., None])[..., None]
    local = torch.where(shown, 2 * (pixels - boxes[..., None, :2]) / side, 0.0)
    mask = has_box.to(pixels.dtype)
    return {
        "keypoints": torch.cat([local, shown.to(pixels.dtype)], dim=-1),
        "keypoints_mask": mask,
        "bounding_box": boxes / focal[:, None, None],
        "bounding_box_mask": mask,
    }
