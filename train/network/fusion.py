"""Cross-attention fusion of the per-frame conditions: the alternative that appendix G of the paper compares with.

The embedded conditions are not added to the motion tokens frame by frame; they are tokens of their own, which every
module's motion tokens attend to, as they do to texts.  Rotary positions on both sides tell which frame is which (the
additive fusion needs none).  For experiments: the exporter refuses it.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from genmo.runtime.denoiser.config import ModelConfig
from genmo.train.network.attention import apply_rope, rope_tables, split_heads
from genmo.train.network.denoiser import Denoiser

CROSS_ATTENTION = "genmo cross-attention"
"""the family that a checkpoint of such a network names"""
FUSIONS = {"mlp": "genmo", "cross_attention": CROSS_ATTENTION}
"""`fusion` of a training config -> family of the network"""


class ConditionAttention(nn.Module):
    """From motion tokens to condition tokens [batch, frames, width], every frame to every frame."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = nn.LayerNorm(config.width)
        self.q = nn.Linear(config.width, config.width)
        self.kv = nn.Linear(config.width, 2 * config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, conditions: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        """x [batch, frames, width] plus what it found."""
        q = split_heads(self.q(self.norm(x)), self.heads)
        k, v = (split_heads(matrix, self.heads) for matrix in self.kv(conditions).chunk(2, dim=-1))
        mixed = F.scaled_dot_product_attention(apply_rope(q, rope), apply_rope(k, rope), v)
        return x + self.out(mixed.transpose(1, 2).flatten(2))


class CrossAttentionDenoiser(Denoiser):
    """The denoiser with cross-attention to the conditions before each module's blocks."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        del self.condition_in
        self.condition_attention = nn.ModuleList(ConditionAttention(config) for _ in range(config.depth))
        for block in self.condition_attention:
            for layer in (block.q, block.kv, block.out):
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)
            block.out.weight.data *= 1 / math.sqrt(4 * config.depth)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of `signature.inputs(config)` -> tensors of `signature.outputs(config)`."""
        x_t = inputs["x_t"]
        frames = x_t.shape[1]
        time = self.time(self.timestep_table[inputs["timestep"]])
        conditions = self.conditions(inputs)
        x = self.motion_in(x_t) + time[:, None]
        rope = rope_tables(frames, self.config.width // self.config.heads, x.device)
        texts = self.texts(inputs["text_tokens"], inputs["text_token_mask"], inputs["text_spans"], frames)
        blocks = zip(self.condition_attention, self.rope_blocks, self.text_blocks, strict=True)
        for condition_block, rope_block, text_block in blocks:
            x = condition_block(x, conditions, rope)
            if self.config.block_order == "paper":
                x = text_block(rope_block(x, rope), *texts)
            else:
                x = rope_block(text_block(x, *texts), rope)
        return self._answers(self.norm(x), inputs)


__all__ = ["CROSS_ATTENTION", "FUSIONS", "CrossAttentionDenoiser"]
