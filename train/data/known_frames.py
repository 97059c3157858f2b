"""Which frames of a sample are given, as users give them: what came before, what comes after, keyframes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genmo.train.data.simulated_cameras import uniform
from genmo.train.geometry.representation import LAYOUT

KINDS = {"before": 0.15, "after": 0.1, "ends": 0.25, "gap": 0.15, "single": 0.35}
"""share of each: frames up to one, from one on, a few at both ends, all but a gap, and keyframes"""
PLACED = 0.75
"""share of the samples whose given frames have a place in the world, not only a pose"""
ANCHORED = 0.25
"""share in which the root's turn in the camera is given too"""
WHOLE = 0.3
"""share of the samples with runs of given frames in which all features are given, as a stream continues itself"""
MOST_KEYFRAMES = 8


@dataclass(frozen=True, eq=False)
class KnownFrames:
    """What a batch's samples are given."""

    groups: Tensor
    """[batch, frames, groups] bool, of `Layout.groups`"""
    placed: Tensor
    """[batch, frames] bool: whether the root's place in the world is given"""


def draw_known_frames(eligible: Tensor, frames: int, share: float, generator: torch.Generator) -> KnownFrames:
    """Given frames for a `share` of the `eligible` [batch] samples of `frames` frames."""
    batch = len(eligible)

    def chance(likely: float) -> Tensor:
        return torch.rand(batch, 1, generator=generator) < likely

    kind = torch.multinomial(torch.tensor(list(KINDS.values())), batch, replacement=True, generator=generator)[:, None]
    given = _runs(kind, frames, generator)
    keyed = kind == list(KINDS).index("single")
    given = torch.where(keyed, _keyframes(batch, frames, generator), given) & chance(share) & eligible[:, None]
    placed = given & chance(PLACED)
    whole = given & chance(WHOLE) & ~keyed
    followed = torch.zeros_like(given)
    followed[:, :-1] = given[:, 1:]
    groups = whole[..., None].repeat(1, 1, len(LAYOUT.groups))
    of_block = {block.start: index for index, block in enumerate(LAYOUT.groups)}
    turns = LAYOUT.slices["joint_rotations"].start
    body = of_block[turns] + 1
    groups[..., of_block[LAYOUT.slices["gravity_view_orientation"].start]] |= given
    groups[..., body] |= given
    groups[..., of_block[turns]] |= given & chance(ANCHORED)
    velocity = of_block[LAYOUT.slices["root_velocity"].start]
    groups[..., velocity] = (groups[..., velocity] | placed) & followed
    return KnownFrames(groups, placed)


def _runs(kind: Tensor, frames: int, generator: torch.Generator) -> Tensor:
    """[batch, frames] bool: the runs of given frames of each `kind` [batch, 1] but keyframes."""
    batch = len(kind)
    time = torch.arange(frames)
    part = (uniform(generator, (batch, 1), 0, 0.7) * frames).long() + 1
    start, end = ((uniform(generator, (batch, 1), 0, 1) ** 3 * 0.3 * frames).long() + 1 for _ in range(2))
    length = (uniform(generator, (batch, 1), 0.03, 0.6) * frames).long() + 1
    begin = (uniform(generator, (batch, 1), 0, 1) * (frames - length)).long()
    runs = {
        "before": time < part,
        "after": time >= frames - part,
        "ends": (time < start) | (time >= frames - end),
        "gap": (time < begin) | (time >= begin + length),
    }
    given = torch.zeros(batch, frames, dtype=torch.bool)
    for name, run in runs.items():
        given |= run & (kind == list(KINDS).index(name))
    return given


def _keyframes(batch: int, frames: int, generator: torch.Generator) -> Tensor:
    """[batch, frames] bool: one to MOST_KEYFRAMES single frames a sample, half of the time the ends among them."""
    count = torch.randint(1, MOST_KEYFRAMES + 1, (batch, 1), generator=generator).clamp_max(frames)
    rank = torch.rand(batch, frames, generator=generator)
    ends = torch.rand(batch, 1, generator=generator) < 0.5
    rank[:, [0, -1]] = torch.where(ends, -1.0, rank[:, [0, -1]])
    return rank.argsort(dim=1).argsort(dim=1) < count


__all__ = ["KnownFrames", "draw_known_frames"]
