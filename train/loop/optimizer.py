"""AdamW, and Muon for the matrices of the network's blocks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import nn

from genmo.runtime.support.errors import InputError
from genmo.train.settings.config import TrainConfig
from genmo.train.settings.token_config import TokenTrainConfig

BLOCKS = ("denoiser.rope_blocks.", "denoiser.text_blocks.", "denoiser.word_layers.", "transformer.layers.")
"""beginnings of the names of weights inside blocks, between which the residual stream runs"""


class JointOptimizer:
    """Several optimizers that step as one."""

    def __init__(self, optimizers: Iterable[torch.optim.Optimizer]) -> None:
        self.optimizers = list(optimizers)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups themselves, of all optimizers: a change to one's "lr" is heard."""
        return list(chain.from_iterable(optimizer.param_groups for optimizer in self.optimizers))

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes: of one optimizer what torch writes, of several a list of these."""
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        return states[0] if len(states) == 1 else {"joint": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError for the state of other optimizers."""
        states = state.get("joint", [state])
        if len(states) != len(self.optimizers):
            raise ValueError(f"the state of {len(states)} optimizers; wanted {len(self.optimizers)}")
        for optimizer, own in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(own)


def make_optimizer(
    config: TrainConfig | TokenTrainConfig, model: nn.Module, fused: bool, betas: tuple[float, float] = (0.9, 0.98)
) -> JointOptimizer:
    """The optimizer of `model`'s weights that need a gradient, which `config.optimizer` names.

    "muon" (K. Jordan et al., 2024): the momentum of each matrix of the blocks is made orthogonal (Newton-Schulz), so
    that rare directions, such as those that few captions ask for, are learned as fast as common ones; its steps are as
    long as AdamW's of the same learning rate (J. Liu et al., 2025, equation 4).  All other weights are AdamW's
    with `betas`.  Raises InputError where "muon" would have nothing to do.
    """
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    matrices = [
        weight
        for name, weight in trained.items()
        if config.optimizer == "muon" and weight.ndim == 2 and name.startswith(BLOCKS)
    ]
    if config.optimizer == "muon" and not matrices:
        raise InputError("config: optimizer is muon and only names no matrix of the blocks; wanted optimizer=adamw")
    chosen = {id(weight) for weight in matrices}
    rest = [weight for weight in trained.values() if id(weight) not in chosen]
    options = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    optimizers: list[torch.optim.Optimizer] = []
    if rest:
        optimizers.append(torch.optim.AdamW(rest, betas=betas, fused=fused, **options))
    if matrices:
        optimizers.append(torch.optim.Muon(matrices, adjust_lr_fn="match_rms_adamw", **options))
    return JointOptimizer(optimizers)
