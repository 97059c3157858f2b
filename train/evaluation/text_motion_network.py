"""The networks of the text-motion evaluator: an encoder of motions and one of captions, and their loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from genmo.runtime.denoiser.config import ModelConfig
from genmo.train.evaluation.text_motion_features import FEATURES
from genmo.train.network.ngram_table import NgramTable

TEXT = ModelConfig(text_width=128, text_tokens=32, text_buckets=8192, text_encoder="ngram")


class _Pooled(nn.Module):
    """Transformer layers over tokens, their masked mean, and a unit vector of it."""

    def __init__(self, width: int, heads: int, depth: int, embedding: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, embedding))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """[batch, embedding] of tokens [batch, tokens, width] and mask [batch, tokens], 1 where there is one."""
        tokens = self.layers(tokens, src_key_padding_mask=mask == 0)
        mean = (tokens * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return functional.normalize(self.out(mean), dim=-1)


class TextMotion(nn.Module):
    """Both encoders.  Embeddings are unit vectors [.., 128], so distances lie between 0 and 2."""

    def __init__(self, width: int = 128, depth: int = 2, embedding: int = 128) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("std", torch.ones(FEATURES))
        self.shorten = nn.ModuleList(
            [nn.Conv1d(FEATURES, width, 4, stride=2, padding=1), nn.Conv1d(width, width, 4, stride=2, padding=1)]
        )
        self.motion = _Pooled(width, 4, depth, embedding)
        self.words = NgramTable(TEXT)
        self.text = _Pooled(TEXT.text_width, 4, 1, embedding)
        self.sharpness = nn.Parameter(torch.tensor(2.5))

    def encode_motions(self, motions: Sequence[npt.NDArray[np.float32]]) -> Tensor:
        """[batch, 128] of features [frames, 145] of any lengths from 1."""
        lengths = torch.tensor([len(features) for features in motions])
        frames = 4 * (-(-int(lengths.max()) // 4))
        padded = torch.zeros(len(motions), frames, FEATURES)
        for row, features in zip(padded, motions, strict=True):
            row[: len(features)] = (torch.from_numpy(features) - self.mean) / self.std
        tokens, mask = padded.mT, _mask(lengths, frames)
        for shorten in self.shorten:
            lengths = -(-lengths // 2)
            mask = _mask(lengths, tokens.shape[-1] // 2)
            # what the padding gives is cleared, so that a motion's embedding does not hang on its neighbours
            tokens = functional.gelu(shorten(tokens)) * mask[:, None]
        time = _positions(tokens.shape[-1], tokens.shape[1])
        return self.motion(tokens.mT + time, mask)

    def encode_texts(self, captions: Sequence[str], text_dropout: float = 0.0) -> Tensor:
        """[batch, 128] of captions with at least a word each."""
        tokens, mask = self.words(list(captions), text_dropout)
        return self.text(tokens, mask)


def _mask(lengths: Tensor, size: int) -> Tensor:
    return (torch.arange(size) < lengths[:, None]).float()


def _positions(count: int, width: int) -> Tensor:
    """Sinusoids [count, width]."""
    angle = torch.arange(count)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def contrastive_loss(texts: Tensor, motions: Tensor, same: Tensor, sharpness: Tensor) -> Tensor:
    """InfoNCE both ways (Radford et al. 2021) over unit vectors [n, d]; pairs with `same` [n, n] are not negatives."""
    logits = sharpness.clamp(0, 4.6).exp() * texts @ motions.mT
    own = torch.eye(len(texts), dtype=torch.bool)
    logits = logits.masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(texts))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.mT, target)) / 2
