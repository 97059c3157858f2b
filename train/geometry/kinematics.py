"""Forward kinematics on torch tensors.  Twin of the functions of the same names in `genmo.runtime.motion.skeleton`."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from genmo.runtime.motion.skeleton import COCO_JOINTS, COCO_KEYPOINTS, LEVELS, PARENTS, shape_space
from genmo.train.geometry.rotation import rotate


@cache
def _shape(device: torch.device) -> tuple[Tensor, Tensor]:
    space = shape_space()
    return (
        torch.tensor(space.mean, dtype=torch.float32, device=device),
        torch.tensor(space.components, dtype=torch.float32, device=device),
    )


def rest_offsets(betas: Tensor) -> Tensor:
    """Rest offsets [..., 24, 3] in metres for betas [..., 10]."""
    mean, components = _shape(betas.device)
    return mean + torch.einsum("...k,kjc->...jc", betas, components)


_ORDER = [0] + [joint for joints, _ in LEVELS for joint in joints]
_PLACE = [_ORDER.index(joint) for joint in range(len(PARENTS))]


def forward_kinematics(rotations: Tensor, translation: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Global rotations [..., 24, 3, 3] and joint positions [..., 24, 3]; see the numpy twin."""
    global_rotations, positions = {0: rotations[..., 0, :, :]}, {0: translation}
    levels_turned, levels_positions = [rotations[..., :1, :, :]], [translation[..., None, :]]
    for joints, parents in LEVELS:
        above = torch.stack([global_rotations[p] for p in parents], dim=-3)
        composed = above @ rotations[..., joints, :, :]
        position = torch.stack([positions[p] for p in parents], dim=-2) + rotate(above, offsets[..., joints, :])
        global_rotations.update(zip(joints, composed.unbind(-3), strict=True))
        positions.update(zip(joints, position.unbind(-2), strict=True))
        levels_turned.append(composed)
        levels_positions.append(position)
    return (
        torch.cat(levels_turned, dim=-3)[..., _PLACE, :, :],
        torch.cat(levels_positions, dim=-2)[..., _PLACE, :],
    )


def coco_keypoints(global_rotations: Tensor, positions: Tensor, jitter: Tensor | float = 0.0) -> Tensor:
    """COCO-17 points [..., 17, 3]; `jitter` [..., 17, 3] moves each in its joint's frame, metres."""
    fixed = torch.tensor([offset for _, _, offset in COCO_KEYPOINTS], device=positions.device) + jitter
    return positions[..., COCO_JOINTS, :] + rotate(global_rotations[..., COCO_JOINTS, :, :], fixed)
