"""A checkpoint: `weights.safetensors` and `model.json` (what ships), `state.pt` beside them (what resumes)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.errors import EngineError, InputError
from genmo.train.data.batches import Normalisation
from genmo.train.network.fusion import CROSS_ATTENTION, CrossAttentionDenoiser
from genmo.train.network.gem import FAMILIES as RELEASED_FAMILIES
from genmo.train.network.ngram_table import NgramTable

FORMAT = 1
FAMILIES = RELEASED_FAMILIES | {CROSS_ATTENTION: CrossAttentionDenoiser}


class Model(nn.Module):
    """Everything that is trained together: the denoiser and, where the config has one, the text encoder.

    `family`: a key of FAMILIES; all but "genmo" are networks of released weights, or of experiments.
    """

    def __init__(self, config: ModelConfig, family: str = "genmo") -> None:
        super().__init__()
        self.config, self.family = config, family
        self.denoiser = FAMILIES[family](config)
        self.text_encoder = NgramTable(config) if config.text_encoder == "ngram" else None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model with what its numbers mean."""

    model: Model
    normalisation: Normalisation
    provenance: dict[str, Any]
    """training config, step, data and licences, metrics: plain JSON"""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write `weights.safetensors` and `model.json` into `folder`.  Raises InputError for a full disk and the like."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().float().contiguous() for name, tensor in checkpoint.model.state_dict().items()}
    described = {
        "format": FORMAT,
        "family": checkpoint.model.family,
        "model": checkpoint.model.config.to_json(),
        "normalisation": {
            "mean": checkpoint.normalisation.mean.tolist(),
            "std": checkpoint.normalisation.std.tolist(),
        },
        "provenance": checkpoint.provenance,
    }
    with all_or_none():
        write_aside(folder / "weights.safetensors", safetensors.torch.save(weights))
        write_aside(folder / "model.json", json.dumps(described, indent=1) + "\n")


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read a checkpoint folder; no code of it is run.  Raises InputError when it is not one or is damaged."""
    folder = Path(folder)
    for name in ("model.json", "weights.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name}; wanted a checkpoint folder (model.json and weights.safetensors)")
    try:
        described = json.loads((folder / "model.json").read_text())
        config = ModelConfig.from_json(described["model"])
        statistics = Normalisation(*(torch.tensor(described["normalisation"][key]) for key in ("mean", "std")))
        provenance, family = described["provenance"], described.get("family", "genmo")
        if family not in FAMILIES:
            raise ValueError(f"family {family!r} is none of {sorted(FAMILIES)}")
    except (ValueError, KeyError, TypeError, EngineError) as error:
        raise InputError(f"{folder}/model.json: not a checkpoint description ({error})") from None
    width = (config.motion_layout.width,)
    mean, std = statistics.mean, statistics.std
    if mean.shape != width or std.shape != width or not (mean.isfinite().all() and (std > 0).all()):
        raise InputError(f"{folder}/model.json: normalisation is not {width[0]} finite means and positive spreads")
    model = Model(config, family)
    load_weights(model, folder / "weights.safetensors")
    return Checkpoint(model.eval(), statistics, provenance)


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill a model from a safetensors file.  Raises InputError when names, shapes or numbers are wrong."""
    try:
        weights: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from None
    wanted = model.state_dict()
    problem = sorted(set(weights) ^ set(wanted)) or [n for n in wanted if weights[n].shape != wanted[n].shape]
    if problem:
        raise InputError(f"{path}: tensor {problem[0]} does not fit the model; model.json and the weights disagree")
    bad = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(f"{path}: tensor {bad[0]} holds NaN or infinity; wanted finite weights")
    model.load_state_dict(weights)


__all__ = ["Checkpoint", "Model", "load_checkpoint", "load_weights", "save_checkpoint"]
