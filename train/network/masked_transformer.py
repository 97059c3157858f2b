"""The Multi-path Motion Transformer (GenM3, section 3.2): which tokens a motion has where it is masked.

Tokens of the sequence, as in equation 3: the whole text, a context token, its words, the motion's tokens and what ends
them.  All layers let all tokens attend to all.  The first half has one feed-forward network; in the second there are
three pathways, for motion, for text and for both, each of dense experts (equations 4 to 7).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from genmo.runtime.tokens.config import TokenConfig

SPECIALS = 3
"""mask, end, padding"""
SEGMENTS = 4
"""kinds of tokens: whole text, context, words, motion"""
UNSEEN = 1e-6
"""weight of a masked token in the mean of the motion descriptor, over that of a visible one: alone it still counts"""


@dataclass(frozen=True, eq=False)
class Texts:
    """Rows of texts as the text encoder makes them."""

    rows: Tensor
    """[batch, 1 + words, text_width]: the whole text, then its words"""
    mask: Tensor
    """[batch, 1 + words]: 1 where there is something; a sample without a text has nothing"""


def positions(count: int, width: int, device: torch.device) -> Tensor:
    """[count, width] sines and cosines of places from 0 on (Vaswani et al. 2017)."""
    rate = torch.exp(-math.log(10000.0) * torch.arange(0, width, 2, device=device) / width)
    angle = torch.arange(count, device=device)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


class Experts(nn.Module):
    """Equations 5 and 6: networks of one hidden layer, weighed token by token, all active.

    As one network whose hidden channels are scaled by their expert's weight: two products, no gathering.
    """

    def __init__(self, width: int, hidden: int, experts: int) -> None:
        super().__init__()
        self.each = hidden // experts
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width, bias=False)
        self.gate = nn.Linear(width, experts)
        self.bias = nn.Parameter(torch.zeros(experts, width))

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same."""
        shares = self.gate(x).softmax(dim=-1)
        hidden = functional.gelu(self.inner(x)).unflatten(-1, (-1, self.each))
        hidden = hidden * shares.to(hidden.dtype)[..., None]
        made: Tensor = self.outer(hidden.flatten(-2)) + shares @ self.bias
        return made


class Pathways(nn.Module):
    """Equation 7: a projection of what the three pathways answer; a token takes its own kind's and the cross one."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        d = config.width
        self.motion, self.text, self.cross = (Experts(d, config.expert_width, config.experts) for _ in range(3))
        self.project = nn.Linear(3 * d, d)

    def forward(self, x: Tensor, words: int, all_paths: bool) -> Tensor:
        """[batch, tokens, width] of which the first `words` are text; `all_paths`: motion takes the text's path too,
        as in pretraining on motion alone."""
        text, motion = x[:, :words], x[:, words:]
        by_motion, by_text, by_cross = self.project.weight.split(x.shape[-1], dim=1)  # the others' part times zero
        of_text = functional.linear(self.text(text), by_text)
        of_motion = functional.linear(self.motion(motion), by_motion)
        if all_paths:
            of_motion = of_motion + functional.linear(self.text(motion), by_text)
        own = torch.cat([of_text, of_motion], dim=1)
        return own + functional.linear(self.cross(x), by_cross, self.project.bias)


class Layer(nn.Module):
    """Attention among all tokens, then a feed-forward network or pathways; normalised before each."""

    def __init__(self, config: TokenConfig, paths: bool, dropout: float) -> None:
        super().__init__()
        d = config.width
        self.drop = nn.Dropout(dropout)
        self.heads = config.heads
        self.before_attention, self.before_network = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        hidden = config.expert_width
        self.network = None if paths else nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, d))
        self.pathways = Pathways(config) if paths else None

    def forward(self, x: Tensor, keys: Tensor, words: int, all_paths: bool) -> Tensor:
        """[batch, tokens, width]; `keys` [batch, 1, 1, tokens] bool: what may be attended to."""
        q, k, v = self.qkv(self.before_attention(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        # written out: with so few tokens the fused attention's backward pass takes three times as long on processors
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        seen = scores.masked_fill(~keys, -1e9).softmax(dim=-1).to(v.dtype) @ v
        x = x + self.drop(self.out(seen.transpose(1, 2).flatten(2)))
        inside = self.before_network(x)
        if self.pathways is not None:
            return x + self.drop(self.pathways(inside, words, all_paths))
        assert self.network is not None
        return x + self.drop(self.network(inside))


class MaskedTransformer(nn.Module):
    """Logits of the codes where the motion's tokens are masked, or doubted."""

    def __init__(self, config: TokenConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        d = config.width
        parts = len(config.part_names)
        self.specials = nn.Parameter(0.02 * torch.randn(parts, SPECIALS, config.code_width))
        self.motion_in = nn.Linear(parts * config.code_width, d)
        self.text_in, self.word_in = nn.Linear(config.text_width, d), nn.Linear(config.text_width, d)
        self.no_text = nn.Parameter(0.02 * torch.randn(2, d))
        """in the place of the whole text and of the context"""
        self.segments = nn.Parameter(0.02 * torch.randn(SEGMENTS, d))
        paths = [False] * config.plain_layers + [True] * config.path_layers
        self.layers: Sequence[Layer] = nn.ModuleList(Layer(config, with_paths, dropout) for with_paths in paths)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, parts * config.codes, bias=False)

    def descriptor(self, motion: Tensor, ids: Tensor, words: Tensor, mask: Tensor) -> Tensor:
        """The context token [batch, width] (equation 2).

        `motion` [batch, tokens, width] with its `ids` [batch, tokens, parts] as they are given: what is masked tells
        nothing of itself.
        `words` [batch, words, width] with their `mask`.
        """
        c = self.config
        scores = motion @ words.transpose(1, 2) / math.sqrt(c.width)
        there = (ids < c.mask_id).to(motion.dtype).mean(dim=-1)
        weight = there + UNSEEN * (ids == c.mask_id).to(motion.dtype).mean(dim=-1)
        if c.context == "text":
            response = scores.masked_fill(mask[:, None] == 0, -1e4).softmax(dim=-1) @ words
            return (response * weight[..., None]).sum(dim=1) / weight.sum(dim=1, keepdim=True)
        response = (scores + weight.log()[..., None].clamp_min(-1e4)).softmax(dim=1).transpose(1, 2) @ motion
        return (response * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp_min(1)

    def forward(self, ids: Tensor, codes: Tensor, texts: Texts | None, all_paths: bool = False) -> Tensor:
        """Logits [batch, tokens, parts, codes] of ids [batch, tokens, parts] that may be masked, end or padding.

        `codes` [parts, codes, code_width]: the codebook, frozen; `texts` None: no sample has one.  All parts of a place
        are asked for at once, as its codes are read at once; what ends or fills up does so in all parts.
        """
        c = self.config
        known = torch.cat([codes, self.specials], dim=1)[torch.arange(len(codes), device=ids.device), ids]
        motion = self.motion_in(known.flatten(2))
        motion = motion + positions(ids.shape[1], c.width, ids.device) + self.segments[3]
        valid = ids[..., 0] != c.pad_id
        if texts is None:
            nothing = self.no_text.expand(len(ids), 2, c.width)
            front, seen = nothing + self.segments[:2], valid.new_ones(len(ids), 2)
        else:
            front, seen = self._front(motion, ids, texts)
        x = torch.cat([front, motion], dim=1)
        keys = torch.cat([seen, valid], dim=1)[:, None, None]
        words = front.shape[1]
        for layer in self.layers:
            x = layer(x, keys, words, all_paths)
        logits: Tensor = self.head(self.norm(x[:, words:]))
        return logits.unflatten(-1, (len(codes), c.codes))

    def _front(self, motion: Tensor, ids: Tensor, texts: Texts) -> tuple[Tensor, Tensor]:
        """What stands before the motion [batch, 2 + words, width], and which of it is there [batch, 2 + words]."""
        c = self.config
        told = texts.mask[:, :1] > 0
        rows, mask = texts.rows[:, 1:], texts.mask[:, 1:]
        words = self.word_in(rows)
        whole = torch.where(told, self.text_in(texts.rows[:, 0]), self.no_text[0]) + self.segments[0]
        nothing = self.no_text[1].expand_as(whole)
        context = nothing if c.context == "none" else self.descriptor(motion, ids, words, mask)
        context = torch.where(told & (mask.sum(dim=1, keepdim=True) > 0), context, nothing) + self.segments[1]
        placed = words + positions(words.shape[1], c.width, ids.device) + self.segments[2]
        ones = mask.new_ones(len(ids), 2, dtype=torch.bool)
        return torch.cat([whole[:, None], context[:, None], placed], dim=1), torch.cat([ones, mask > 0], dim=1)
