"""Attention of the denoiser: rotary positions, the clamped window, several texts with spans of their own.

The window: row i attends keys [s, s + W) with s = clamp(i - W/2, 0, N - W), all keys when N <= W, so every row has
exactly min(N, W) keys (kernels/README.md shows it as matrices).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROPE_BASE = 10000.0


def rope_tables(frames: Tensor | int, head_width: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Cosines and sines [frames, head_width / 2] of rotary positions 0 .. frames - 1 (Su et al. 2021)."""
    position = torch.arange(frames, device=device, dtype=torch.float32)
    exponent = torch.arange(0, head_width, 2, device=device, dtype=torch.float32) / head_width
    angle = position[:, None] * (ROPE_BASE**-exponent)[None, :]
    return angle.cos(), angle.sin()


def apply_rope(x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate interleaved channel pairs of [batch, heads, frames, head_width] by their frame's angle."""
    cos, sin = (table.to(x.dtype) for table in tables)
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def window_start(row: Tensor, frames: int, window: int) -> Tensor:
    """First key of each row's window (see the module's first lines)."""
    return (row - window // 2).clamp(min=0).clamp(max=max(frames - window, 0))


def window_mask(frames: int, window: int, device: torch.device | None = None) -> Tensor:
    """[frames, frames] bool, true where row attends key: the definition, dense."""
    row = torch.arange(frames, device=device)
    start = window_start(row, frames, window)[:, None]
    return (row[None] >= start) & (row[None] < start + window)


def dense_window_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Attention over [batch, heads, frames, head_width] with the window as a dense mask: O(N^2)."""
    frames = q.shape[-2]
    mask = None if frames <= window else window_mask(frames, window, q.device)
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    # the gradient of PyTorch 2.13's fused kernel takes seven times as long on a CPU (bf16, 120 frames, AMX)
    scores = (q * q.shape[-1] ** -0.5) @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1) @ v


def blocked_window_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """The same in O(N W): blocks of W/2 queries, each against a stretch of 3W/2 keys that holds its windows.

    The stretch of block b starts at clamp((b - 1) W/2, 0, N - 3W/2), not simply one block back: the windows of
    the last, incomplete block reach further back than its neighbour.  Traceable for every N, also N < W.
    """
    batch, heads, frames, width = q.shape
    half = window // 2
    blocks = (frames + half - 1) // half
    # sizes of the traced graph stay symbolic, so bounds are tensors and minima are clamps
    last = torch.zeros((), dtype=torch.int64, device=q.device) + frames
    row = torch.arange(blocks * half, device=q.device).reshape(blocks, half, 1)
    start = torch.minimum((row - half).clamp(min=0), (last - window).clamp(min=0))
    end = torch.minimum(start + window, last)
    first = (torch.arange(blocks, device=q.device)[:, None] - 1) * half
    first = torch.minimum(first.clamp(min=0), (last - 3 * half).clamp(min=0))
    stretch = first + torch.arange(3 * half, device=q.device)[None]  # [blocks, 3W/2] key numbers
    within = (stretch[:, None] >= start) & (stretch[:, None] < end)
    rows = torch.minimum(stretch, last - 1).reshape(-1)
    queries = F.pad(q, (0, 0, 0, blocks * half - frames)).reshape(batch, heads, blocks, half, width)
    keys = k.index_select(2, rows).reshape(batch, heads, blocks, 3 * half, width)
    values = v.index_select(2, rows).reshape(batch, heads, blocks, 3 * half, width)
    scores = (queries * width**-0.5) @ keys.mT
    never = max(-1e9, torch.finfo(scores.dtype).min)
    scores = torch.where(within, scores, torch.full((), never, dtype=scores.dtype, device=q.device))
    mixed = scores.softmax(dim=-1) @ values
    return mixed.reshape(batch, heads, blocks * half, width)[:, :, :frames]


class RopeAttention(nn.Module):
    """Windowed self-attention with rotary positions over [batch, frames, width]."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.blocked = False
        """choose the O(N W) form; the exporter always does, training for long windows"""

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        q, k, v = (split_heads(matrix, self.heads) for matrix in self.qkv(x).chunk(3, dim=-1))
        attend = blocked_window_attention if self.blocked else dense_window_attention
        mixed = attend(apply_rope(q, rope), apply_rope(k, rope), v, self.window)
        return self.out(mixed.transpose(1, 2).flatten(2))


class MultiTextAttention(nn.Module):
    """Attention from frames to several texts, one softmax a text, summed over the texts that reach the frame
    (equations 2-3 of the paper).  The text that reaches frames under no text is the caller's null text."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, texts: Tensor, token_bias: Tensor, reach: Tensor) -> Tensor:
        """x [batch, frames, width], texts [batch, texts, tokens, width], token_bias [batch, texts, tokens]
        (0 or a large negative number), reach [batch, texts, frames] (0 or 1) -> [batch, frames, width]."""
        batch, count, tokens, _ = texts.shape
        q = split_heads(self.q(x), self.heads)
        k, v = (split_heads(matrix, self.heads) for matrix in self.kv(texts.flatten(1, 2)).chunk(2, dim=-1))
        scores = (q * q.shape[-1] ** -0.5) @ k.mT  # [batch, heads, frames, texts * tokens]
        scores = scores.unflatten(-1, (count, tokens)) + token_bias[:, None, None]
        weights = scores.softmax(dim=-1) * reach.mT[:, None, :, :, None]
        mixed = weights.flatten(-2) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[batch, n, width] -> [batch, heads, n, width / heads]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)
