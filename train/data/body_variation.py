"""People as they stand and are built: straight knees, other proportions; the feet stay where they were recorded."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.skeleton import rest_joints, shape_space
from genmo.runtime.support.arrays import Array
from genmo.train.geometry.kinematics import forward_kinematics, rest_offsets
from genmo.train.geometry.rotation import matrix_from_axis_angle, normalize, transpose

LEGS = tuple(joint_indices(*(f"{side}_{part}" for part in ("hip", "knee", "ankle"))) for side in ("left", "right"))
REACH = 0.985, 0.9995
"""hip to ankle over the length of the leg that legs are straightened to: knees bent by 20 to 4 degrees"""
UPRIGHT = 0.09
"""metres that the pelvis of somebody upright can rise, in the median, until a leg is straight"""
SETTLE = 10
"""frames around each over which the pelvis rises no further than in the worst of them"""
TORSO = -1.0, 6.0
"""standard deviations of the actors along the direction that changes torso over leg most: ratios of 0.60 to 0.78"""


@cache
def torso_direction() -> Tensor:
    """[10] unit betas along which the length of the torso over that of the legs grows fastest."""
    space = shape_space()
    steps = 0.5 * np.eye(len(space.components))
    gradient = torch.from_numpy(_ratios(space.offsets(steps)) - _ratios(space.offsets(-steps)))
    return (gradient / gradient.norm()).float()


def _ratios(offsets: Array) -> Array:
    """Shoulders to hips over hips to ankles in the rest pose of offsets [n, 24, 3]."""
    joints = rest_joints(offsets)
    middle = {
        part: joints[:, list(joint_indices(f"left_{part}", f"right_{part}"))].mean(axis=1)
        for part in ("shoulder", "hip", "ankle")
    }
    torso, leg = middle["shoulder"] - middle["hip"], middle["hip"] - middle["ankle"]
    return np.asarray(np.linalg.norm(torso, axis=-1) / np.linalg.norm(leg, axis=-1))


def reproportioned(
    translation: Tensor, betas: Tensor, chosen: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paths [batch, frames, 3] and betas [batch, 10] with other torsos in the `chosen` [batch] samples.

    Paths are scaled with the legs, so that steps fit them and the feet stay on the ground.
    """
    direction = torso_direction()
    goal = TORSO[0] + (TORSO[1] - TORSO[0]) * torch.rand(len(betas), generator=generator)
    change = (goal - betas @ direction) * chosen
    changed = betas + change[:, None] * direction
    scale = _leg_length(changed) / _leg_length(betas)
    return translation * scale[:, None, None], changed


def _leg_length(betas: Tensor) -> Tensor:
    """[batch] metres, hip to ankle."""
    return rest_offsets(betas)[:, LEGS[0][1:]].norm(dim=-1).sum(dim=-1)


def straightened(
    rotations: Tensor, translation: Tensor, betas: Tensor, chosen: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Motions [batch, frames, 24, 3, 3], [batch, frames, 3] with straighter knees in `chosen` [batch] samples.

    The pelvis rises as far as the legs allow, both knees stretch, and ankles and feet keep their places and turns, so
    contacts are what they were.  Who crouches, sits or lies is left alone.
    """
    (rows,) = chosen.nonzero(as_tuple=True)
    if not len(rows):
        return rotations, translation
    offsets = rest_offsets(betas[rows])
    turned, joints = forward_kinematics(rotations[rows], translation[rows], offsets[:, None])
    reach = REACH[0] + (REACH[1] - REACH[0]) * torch.rand(len(rows), 1, generator=generator)
    slack = torch.stack([_slack(joints, offsets, leg, reach) for leg in LEGS]).amin(dim=0)
    upright = ((slack.median(dim=1).values < UPRIGHT) & _heads_up(joints))[:, None]
    rise = _settled(slack.clamp(0, UPRIGHT)) * upright
    if not upright.any():
        return rotations, translation
    local = rotations[rows].clone()
    lift = torch.zeros_like(translation[rows])
    lift[..., 1] = rise
    for leg in LEGS:
        _stretch(local, turned, joints, lift, leg)
    lifted = (rise > 1e-4)[..., None]
    changed, path = rotations.clone(), translation.clone()
    changed[rows] = torch.where(lifted[..., None, None], local, rotations[rows])
    path[rows] = translation[rows] + lift * lifted
    return changed, path


def _heads_up(joints: Tensor) -> Tensor:
    """[batch] whether the head is well over the pelvis throughout."""
    (head,) = joint_indices("head")
    return ((joints[..., head, 1] - joints[..., 0, 1]).amin(dim=1)) > 0.3


def _slack(joints: Tensor, offsets: Tensor, leg: tuple[int, ...], reach: Tensor) -> Tensor:
    """[batch, frames] metres that the hip can rise until the ankle is `reach` [batch, 1] of the leg's length away."""
    hip, _, ankle = leg
    length = reach * offsets[:, leg[1:]].norm(dim=-1).sum(dim=-1, keepdim=True)
    away = joints[..., hip, :] - joints[..., ankle, :]
    level = away[..., [0, 2]].square().sum(dim=-1)
    return (length**2 - level).clamp_min(0).sqrt() - away[..., 1]


def _settled(slack: Tensor) -> Tensor:
    """The smallest of SETTLE frames on both sides, then the mean over as many: smooth, and never more than `slack`."""
    size = 2 * SETTLE + 1
    padded = torch.nn.functional.pad(slack[:, None], (SETTLE, SETTLE), mode="replicate")
    lowest = -torch.nn.functional.max_pool1d(-padded, size, stride=1)
    padded = torch.nn.functional.pad(lowest, (SETTLE, SETTLE), mode="replicate")
    return torch.nn.functional.avg_pool1d(padded, size, stride=1)[:, 0]


def _stretch(local: Tensor, turned: Tensor, joints: Tensor, lift: Tensor, leg: tuple[int, ...]) -> None:
    """Turn hip, knee and ankle of `local` [batch, frames, 24, 3, 3], in place, for a hip that is lifted and an ankle
    that stays; `turned` and `joints` are the global rotations and positions before."""
    hip, knee, ankle = (joints[..., joint, :] for joint in leg)
    new_hip = hip + lift
    thigh, shank = (ends.norm(dim=-1, keepdim=True) for ends in (knee - hip, ankle - knee))
    away = ankle - new_hip
    distance = torch.minimum(away.norm(dim=-1, keepdim=True), 0.9999 * (thigh + shank))
    line = normalize(away)
    ahead = turned[..., leg[0], :, 2]  # knees bend forward where they are straight already
    bend = knee - new_hip + 0.02 * ahead
    bend = normalize(bend - (bend * line).sum(dim=-1, keepdim=True) * line)
    along = (thigh**2 - shank**2 + distance**2) / (2 * distance)
    new_knee = new_hip + along * line + (thigh**2 - along**2).clamp_min(0).sqrt() * bend
    new_thigh = _swing(knee - hip, new_knee - new_hip) @ turned[..., leg[0], :, :]
    new_shank = _swing(ankle - knee, ankle - new_knee) @ turned[..., leg[1], :, :]
    local[..., leg[0], :, :] = transpose(turned[..., 0, :, :]) @ new_thigh
    local[..., leg[1], :, :] = transpose(new_thigh) @ new_shank
    local[..., leg[2], :, :] = transpose(new_shank) @ turned[..., leg[2], :, :]


def _swing(before: Tensor, after: Tensor) -> Tensor:
    """The smallest rotations [..., 3, 3] that take the directions `before` to `after` [..., 3]."""
    a, b = normalize(before), normalize(after)
    axis = torch.linalg.cross(a, b)
    sine, cosine = axis.norm(dim=-1, keepdim=True), (a * b).sum(dim=-1, keepdim=True)
    return matrix_from_axis_angle(axis / sine.clamp_min(1e-9) * torch.atan2(sine, cosine))


__all__ = ["reproportioned", "straightened", "torso_direction"]
