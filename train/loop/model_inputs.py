"""A batch as the denoiser's inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.train.data.batches import Batch
from genmo.train.geometry.known_frames import keyframe_condition
from genmo.train.geometry.representation import gravity_view_yaw


def text_inputs(batch: Batch, tokens: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The inputs of a batch's texts, of tokens [batch x texts, tokens, width] and mask [batch x texts, tokens]."""
    count = len(batch.prompts)
    return {
        "text_tokens": tokens.unflatten(0, (count, -1)),
        "text_token_mask": mask.unflatten(0, (count, -1)),
        "text_spans": batch.spans,
    }


def absent_conditions(config: ModelConfig, conditions: dict[str, Tensor]) -> dict[str, Tensor]:
    """Conditions that the network takes and a batch has none of, as zeros with their masks."""
    mask = torch.zeros_like(conditions["keypoints_mask"])
    absent: dict[str, Tensor] = {}
    for name, shape in frame_conditions(config).items():
        if name not in conditions:
            absent |= {name: mask.new_zeros(*mask.shape, *shape), f"{name}_mask": mask}
    return absent


def given_frames(config: ModelConfig, batch: Batch, target: Tensor) -> dict[str, Tensor]:
    """The keyframes condition of a batch whose normalised motion is `target` [batch, frames, width]; empty for a
    network that takes none."""
    if not config.keyframes or batch.known is None:
        return {}
    yaw = gravity_view_yaw(batch.cameras.rotation)
    return keyframe_condition(target, batch.known.groups, batch.known.placed, batch.joints[:, :, 0], yaw)
