"""Features in the units of the network and back, as tensors.  Twin of `genmo.runtime.denoiser.normalisation`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genmo.runtime.motion.layout import LAYOUTS, Layout


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Features to unit scale: a mean a feature, a spread a block (so a block's geometry is not distorted)."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, features: Tensor, layout: Layout = LAYOUTS["genmo"]) -> Normalisation:
        """Statistics of features [n, layout.width]."""
        mean = features.mean(dim=0)
        std = torch.ones_like(mean)
        for block in layout.slices.values():
            std[block] = features[:, block].var(dim=0).mean().sqrt().clamp_min(1e-3)
        return cls(mean, std)

    def to(self, device: torch.device) -> Normalisation:
        return Normalisation(self.mean.to(device), self.std.to(device))

    def apply(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std

    def undo(self, normalised: Tensor) -> Tensor:
        return normalised * self.std + self.mean
