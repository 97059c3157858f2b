"""Vertices of a body around any of our skeletons, by linear blend skinning: for the loss and the error on vertices.

The user's own SMPL, SMPL-H or SMPL-X file gives vertices, skin weights and rest joints.  A vertex keeps its place
beside every joint that moves it, and the joints are those of the motion, so that bones of any length carry the mesh
along; pose correctives are left out (Loper et al. 2015, without B_P).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS
from genmo.runtime.motion.smpl_body import HANDS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bodies import WANTED, entries

_NEEDED = ("v_template", "J_regressor", "weights")
_WANTED = f"{WANTED} and weights"
_HEAD = JOINTS.index("head")
_SIDES = (JOINTS.index("left_hand"), JOINTS.index("right_hand"))


@dataclass(frozen=True, eq=False)
class Mesh:
    """Skinned vertices."""

    beside: Tensor
    """[24, vertices, 3] place of each vertex beside each joint at rest, times its weight there, metres"""
    weights: Tensor
    """[vertices, 24] share of each joint, of sum 1"""

    def vertices(self, rotations: Tensor, joints: Tensor) -> Tensor:
        """[..., vertices, 3] of global joint rotations [..., 24, 3, 3] and joints [..., 24, 3], in their frame."""
        columns = rotations.transpose(-1, -2).flatten(-3, -2)  # [..., 24 x 3, 3]
        rotated = self.beside.transpose(0, 1).flatten(1) @ columns
        return rotated + self.weights @ joints

    def to(self, device: torch.device) -> Mesh:
        """The same on another device."""
        return Mesh(self.beside.to(device), self.weights.to(device))


def read_mesh(path: str | Path, count: int | None = None) -> Mesh:
    """The vertices of a body file, or `count` of them, evenly taken.  Raises InputError for a file without a mesh."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted {_WANTED}")
    template, regressor, skin = entries(path, _NEEDED, _WANTED)
    joints = len(regressor)
    if joints not in HANDS or skin.shape != (len(template), joints) or regressor.shape != (joints, len(template)):
        shapes = f"weights {skin.shape}, J_regressor {regressor.shape} and v_template {template.shape}"
        raise InputError(f"{path}: has {shapes}; wanted {_WANTED}, of 24, 52 or 55 joints")
    rest = (regressor @ template)[[*range(JOINT_COUNT - 2), *HANDS[joints]]]
    weights = _of_24(skin)
    if count is not None and count < len(template):
        kept = np.linspace(0, len(template) - 1, count).round().astype(int)
        template, weights = template[kept], weights[kept]
    beside = (template[None] - rest[:, None]) * weights.T[..., None]
    return Mesh(torch.from_numpy(beside).float(), torch.from_numpy(weights).float())


def _of_24(skin: Array) -> Array:
    """Weights [vertices, 24] of those of a body with fingers and a face: what moves with a joint that ours lacks moves
    with the hand or the head that carries it."""
    joints = skin.shape[1]
    if joints == JOINT_COUNT:
        return skin
    fingers = 15
    weights = np.zeros((len(skin), JOINT_COUNT))
    weights[:, : JOINT_COUNT - 2] = skin[:, : JOINT_COUNT - 2]
    face = joints - (JOINT_COUNT - 2) - 2 * fingers  # jaw and eyes, between the body and the fingers
    weights[:, _HEAD] += skin[:, JOINT_COUNT - 2 : JOINT_COUNT - 2 + face].sum(axis=1)
    for hand, start in zip(_SIDES, (joints - 2 * fingers, joints - fingers), strict=True):
        weights[:, hand] += skin[:, start : start + fingers].sum(axis=1)
    return weights
