"""Features of video and music at unit scale while a network learns from them; its checkpoints read them as they are.

MFCCs come in hundreds and beats in ones.  Training shows the network features of mean 0 and spread 1, and `folded`
puts that into the layer that reads them, so that checkpoint and engine take what users have.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from genmo.train.datasets.clips import Clip
from genmo.train.network.checkpoint import Model

CONSTANT = 1e-4
"""a feature that varies less says nothing, and is not scaled"""


@dataclass(frozen=True)
class FeatureScales:
    """Mean and spread of each channel, by condition."""

    scales: dict[str, tuple[Tensor, Tensor]]
    """"video" and "music" -> mean [width], spread [width], where the data has some"""

    @classmethod
    def fit(cls, clips: Sequence[Clip], names: Iterable[str]) -> FeatureScales:
        """Statistics over all frames of all clips."""
        scales = {}
        for name in names:
            arrays = [values for clip in clips if (values := getattr(clip, name, None)) is not None]
            if arrays:
                count = sum(len(array) for array in arrays)
                mean = sum(np.asarray(array, np.float64).sum(axis=0) for array in arrays) / count
                square = sum(((array - mean) ** 2).sum(axis=0) for array in arrays) / count
                spread = np.where(square > CONSTANT**2, np.sqrt(square), 1.0)
                scales[name] = torch.from_numpy(mean).float(), torch.from_numpy(spread).float()
        return cls(scales)

    def to(self, device: torch.device) -> FeatureScales:
        """The same on another device."""
        return FeatureScales(
            {name: (mean.to(device), spread.to(device)) for name, (mean, spread) in self.scales.items()}
        )

    def apply(self, conditions: dict[str, Tensor]) -> dict[str, Tensor]:
        """The conditions with features of unit scale; what is masked stays zero."""
        scaled = dict(conditions)
        for name, (mean, spread) in self.scales.items():
            if name in conditions:
                scaled[name] = (conditions[name] - mean) / spread * conditions[f"{name}_mask"][..., None]
        return scaled

    @torch.no_grad()
    def folded(self, model: Model) -> Model:
        """A model that reads features as they are, of one that reads them scaled; the model itself without any."""
        if not self.scales:
            return model
        raw = copy.deepcopy(model)
        for name, (mean, spread) in self.scales.items():
            layer = _first_layer(raw, name)
            layer.weight /= spread
            layer.bias -= (layer.weight.double() @ mean.double()).float()
        return raw

    @torch.no_grad()
    def unfold(self, model: Model) -> None:
        """The inverse, in place: of a checkpoint's weights, what reads scaled features."""
        for name, (mean, spread) in self.scales.items():
            layer = _first_layer(model, name)
            layer.bias += (layer.weight.double() @ mean.double()).float()
            layer.weight *= spread


def _first_layer(model: Model, name: str) -> nn.Linear:
    layer = model.denoiser.conditions.embed[name].fuse[0]
    assert isinstance(layer, nn.Linear)
    return layer
