"""Given frames as a condition, in batches.  Twin of `genmo.runtime.denoiser.known_frames`."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.denoiser.known_frames import CLOSE, LINE, REACH
from genmo.train.geometry.representation import LAYOUT
from genmo.train.geometry.rotation import matrix_from_yaw, rotate

_GROUP = torch.cat([torch.full((group.stop - group.start,), index) for index, group in enumerate(LAYOUT.groups)])
"""[width] the group of each feature"""


def keyframe_condition(values: Tensor, known: Tensor, placed: Tensor, path: Tensor, yaw: Tensor) -> dict[str, Tensor]:
    """`keyframes` [batch, frames, channels] and `keyframes_mask` [batch, frames]; see the numpy twin.

    values [batch, frames, width]: normalised features; known [batch, frames, groups] (bool): which groups of them are
    given; placed [batch, frames] (bool): whether the root's place is; path [batch, frames, 3]: that place, metres;
    yaw [batch, frames]: the camera's heading, radians.
    """
    group = _GROUP.to(values.device)
    before, after, distance = _neighbours(known)
    length = (after - before).clamp_min(1)
    time = torch.arange(values.shape[1], device=values.device)[None, :, None]
    share = ((time - before) / length).clamp(0, 1)[..., group]
    first, last = (values.gather(1, index[..., group]) for index in (before, after))
    some = known.any(dim=1, keepdim=True)
    filled = (first + share * (last - first)) * some[..., group]
    closeness = torch.exp(-distance / CLOSE) * some
    within = torch.where(some, distance, torch.inf).amin(dim=-1, keepdim=True) <= REACH
    condition = torch.cat([filled, closeness, _line(placed, path, yaw)], dim=-1) * within
    return {"keyframes": condition, "keyframes_mask": within[..., 0].to(values.dtype)}


def _neighbours(known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For [batch, frames, n] (bool): the last known frame up to each, the first from each on (the other one where there
    is none, 0 without any), and frames to the nearer one; all [batch, frames, n]."""
    frames = known.shape[1]
    time = torch.arange(frames, device=known.device)[None, :, None]
    before = torch.where(known, time, -1).cummax(dim=1).values
    after = torch.where(known, time, frames).flip(1).cummin(dim=1).values.flip(1)
    has_before, has_after = before >= 0, after < frames
    start, end = torch.where(has_before, before, after), torch.where(has_after, after, before)
    distance = torch.minimum((time - start).abs(), (end - time).abs())
    none = ~(has_before | has_after)
    return start.masked_fill(none, 0), end.masked_fill(none, 0), distance


def _line(placed: Tensor, path: Tensor, yaw: Tensor) -> Tensor:
    """[batch, frames, 4]: the step of the line between given places, and whether there is one."""
    frames = placed.shape[1]
    time = torch.arange(frames, device=placed.device)
    before = torch.where(placed, time, -1).cummax(dim=1).values
    following = torch.where(placed, time, frames).flip(1).cummin(dim=1).values.flip(1)
    after = torch.cat([following[:, 1:], torch.full_like(following[:, :1], frames)], dim=1)
    inside = (before >= 0) & (after < frames)
    first, last = before.clamp_min(0), after.clamp_max(frames - 1)
    ends = (path.gather(1, index[..., None].expand(-1, -1, 3)) for index in (last, first))
    step = torch.sub(*ends) / (last - first).clamp_min(1)[..., None]
    line = rotate(matrix_from_yaw(-yaw), step) / LINE
    return torch.cat([line, torch.ones_like(line[..., :1])], dim=-1) * inside[..., None]
