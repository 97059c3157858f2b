"""Codes that mean nearly the same: targets and inputs of the transformer that do not insist on one of them.

A person whom training has not seen moves through neighbours of the codes that others had.  So the target of a masked
code is spread over the codes near the true one, and some of the visible ones are exchanged for near ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEAR = 16
"""codes that share a target, the true one among them"""
HALVINGS = 40


@dataclass(frozen=True, eq=False)
class NearCodes:
    """Of each code of each part the nearest ones, itself first, and how much of it they have."""

    ids: Tensor
    """[parts, codes, near]"""
    shares: Tensor
    """[parts, codes, near], adding up to 1"""

    def loss(self, logits: Tensor, parts: Tensor, truth: Tensor) -> Tensor:
        """Mean cross-entropy of logits [n, codes] of the `parts` [n] and the spread targets of `truth` [n]."""
        likely = logits.log_softmax(dim=-1).gather(-1, self.ids[parts, truth])
        return -(self.shares[parts, truth] * likely).sum(dim=-1).mean()

    def exchanged(self, ids: Tensor, which: Tensor) -> Tensor:
        """Ids [..., parts], those in `which` [..., parts] drawn anew among the codes near them.  Random numbers are
        torch's."""
        parts = torch.arange(ids.shape[-1], device=ids.device).expand_as(ids)[which]
        own = ids[which]
        drawn = torch.multinomial(self.shares[parts, own], 1)
        made = ids.clone()
        made[which] = self.ids[parts, own].gather(-1, drawn)[:, 0]
        return made


def near_codes(codes: Tensor, spread: float) -> NearCodes:
    """Of codes [parts, codes, width]: shares fall with the squared distance as a Gaussian does, as wide in each part as
    leaves codes 1 - `spread` of themselves in the mean."""
    near = min(NEAR, codes.shape[1])
    apart, ids = torch.cdist(codes.float(), codes.float()).square().topk(near, dim=-1, largest=False)
    ids[..., 0], apart[..., 0] = torch.arange(codes.shape[1], device=codes.device), 0.0
    low, high = torch.full((len(codes), 1, 1), 1e-6), torch.full((len(codes), 1, 1), 1e6)
    low, high = low.to(codes.device).log(), high.to(codes.device).log()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        own = (-apart / middle.exp()).softmax(dim=-1)[..., :1].mean(dim=1, keepdim=True)
        low, high = torch.where(own > 1 - spread, middle, low), torch.where(own > 1 - spread, high, middle)
    return NearCodes(ids, (-apart / low.exp()).softmax(dim=-1))
