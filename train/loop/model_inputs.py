"""A batch as the denoiser's inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.train.data.batches import Batch
from genmo.train.datasets.store import FEATURES


def text_inputs(batch: Batch, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The inputs of a batch's texts, of tokens [batch x texts, tokens, width] and mask [batch x texts, tokens]."""
    count = len(batch.prompts)
    return {
        "text_tokens": tokens.unflatten(0, (count, -1)),
        "text_token_mask": mask.unflatten(0, (count, -1)),
        "text_spans": batch.spans,
    }


def absent_features(config: ModelConfig, conditions: dict[str, Tensor]) -> dict[str, Tensor]:
    """Features that the network takes and a batch has none of, as zeros with their masks."""
    mask = torch.zeros_like(conditions["keypoints_mask"])
    absent: dict[str, Tensor] = {}
    for name in FEATURES:
        shape = frame_conditions(config).get(name)
        if shape is not None and name not in conditions:
            absent |= {name: mask.new_zeros(*mask.shape, *shape), f"{name}_mask": mask}
    return absent
