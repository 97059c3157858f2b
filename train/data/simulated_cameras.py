"""Simulated cameras for motion capture: static, panning, tracking and hand-held.

Lengths in metres, the image height is 1, so focal lengths are in image heights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.train.geometry.cameras import Cameras
from genmo.train.geometry.rotation import matrix_from_axis_angle, normalize


def uniform(generator: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def smooth(path: Tensor, kernel: int = 31) -> Tensor:
    """Moving average of [batch, frames, 3] over time, ends repeated."""
    side = kernel // 2
    padded = torch.nn.functional.pad(path.mT, (side, side), mode="replicate")
    return torch.nn.functional.avg_pool1d(padded, kernel, stride=1).mT


def look_at(position: Tensor, target: Tensor, roll: Tensor) -> Tensor:
    """Camera-to-world rotations [..., 3, 3] at `position` looking at `target` [..., 3], turned by `roll` [...]."""
    forward = normalize(target - position)
    up = torch.zeros_like(forward)
    up[..., 1] = 1
    right = normalize(torch.linalg.cross(forward, up))
    down = torch.linalg.cross(forward, right)
    level = torch.stack([right, down, forward], dim=-1)
    spin = torch.zeros_like(forward)
    spin[..., 2] = roll
    return level @ matrix_from_axis_angle(spin)


def wobble(generator: torch.Generator, batch: int, frames: int, channels: int) -> Tensor:
    """Smooth random motion [batch, frames, channels] of unit size: four sinusoids of 0.1 to 1.5 Hz."""
    time = torch.arange(frames) / 30
    frequency = uniform(generator, (batch, 1, channels, 4), 0.1, 1.5)
    phase = uniform(generator, (batch, 1, channels, 4), 0, 2 * torch.pi)
    waves = torch.sin(2 * torch.pi * frequency * time[None, :, None, None] + phase)
    return (waves * frequency.rsqrt()).mean(-1) / frequency.rsqrt().mean(-1)


def simulate_cameras(
    root: Tensor, facing: Tensor, canonical: Tensor, generator: torch.Generator, near: Tensor | None = None
) -> Cameras:
    """Random cameras that watch the roots [batch, frames, 3] (world, metres).

    `facing` [batch]: heading of the person at the first frame, radians.  Where `canonical` [batch] (bool) holds the
    camera is static, level with the chest and in front of the person: the frame of generation without a camera.
    Where `near` [batch] (bool) holds it is as near as a webcam, and the image holds the upper body at most.
    """
    batch, frames, _ = root.shape

    def pick(low: float, high: float) -> Tensor:
        return uniform(generator, (batch,), low, high)

    chance = pick(0, 1)
    moving = (chance > 0.45) & ~canonical
    drifting = (chance > 0.65) & ~canonical
    followed = torch.where(moving, pick(0, 1).sqrt(), 0.0)[:, None, None]
    centre = root.mean(dim=1, keepdim=True)
    path = centre + followed * (smooth(root) - centre)

    focal = torch.where(canonical, 1.2, 0.7 * (2.4 / 0.7) ** pick(0, 1))
    aspect = torch.where(pick(0, 1) < 0.7, pick(1.2, 1.9), pick(0.55, 0.8))
    share = torch.where(canonical, 0.4, pick(0.25, 0.9))  # of the image height that a standing person takes
    if near is not None:
        share = torch.where(near, pick(1.0, 2.4), share)
    strayed = (root - path)[..., [0, 2]].norm(dim=-1).amax(dim=1)
    distance = (1.7 * focal / share + 0.7 * strayed).clamp_min(1.2)
    if near is not None:
        distance = torch.where(near, (1.7 * focal / share + 0.7 * strayed).clamp_min(0.6), distance)

    time = torch.arange(frames)[None] / 30
    turn = torch.where(drifting, pick(-0.5, 0.5), 0.0)[:, None] * time  # orbit, rad/s
    around = torch.where(canonical, facing, pick(-torch.pi, torch.pi))[:, None] + turn
    height = torch.where(canonical, 1.2, 0.2 + 2.6 * pick(0, 1) ** 1.3)[:, None]
    height = height + torch.where(drifting, pick(-0.15, 0.15), 0.0)[:, None] * time
    reach = distance[:, None] * (1 + torch.where(drifting, pick(-0.08, 0.08), 0.0)[:, None] * time).clamp_min(0.4)
    position = path + torch.stack([reach * around.sin(), torch.zeros_like(reach), reach * around.cos()], dim=-1)
    floor = root[..., 1].amin(dim=1) - 0.9
    position[..., 1] = floor[:, None] + height

    shake = torch.where(moving, pick(0, 1) ** 2, 0.0)[:, None, None]
    position = position + 0.06 * shake * wobble(generator, batch, frames, 3)
    aim = uniform(generator, (batch, 1, 3), -0.25, 0.25) * torch.where(canonical, 0.0, 1.0)[:, None, None]
    if near is not None:  # level with the upper body, and looking at it
        raised = torch.where(near, pick(0.1, 0.6), 0.0)
        position[..., 1] = torch.where(near[:, None], path[..., 1] + raised[:, None], position[..., 1])
        aim[..., 1] += torch.where(near, pick(0.2, 0.55), 0.0)[:, None]
    roll = torch.where(canonical, 0.0, 0.06 * torch.randn(batch, generator=generator))[:, None].expand(batch, frames)
    rotation = look_at(position, path + aim, roll)
    rotation = rotation @ matrix_from_axis_angle(0.03 * shake * wobble(generator, batch, frames, 3))
    return Cameras(rotation, position, focal, aspect, moving)
