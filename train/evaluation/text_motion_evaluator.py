"""The text-motion evaluator: two encoders that bring a motion and its caption together, trained here, then fixed.

FID, R-precision, MM-Dist, Diversity and MultiModality are distances between its embeddings.  Numbers compare only under
the same evaluator: its hash goes with every table.  The one that is used where no other is named is SHIPPED; others are
trained with `genmo.train.evaluation.train_text_motion`; published ones are read by
`genmo.train.evaluation.guo_evaluator`, from weights that the user has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from genmo.runtime.motion.motion import Motion
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_json, sha256
from genmo.train.datasets.clips import Clip
from genmo.train.evaluation.text_motion_features import features_of
from genmo.train.evaluation.text_motion_network import TextMotion
from genmo.train.network.checkpoint import load_weights

FORMAT = 1
SHIPPED = Path(__file__).parents[1] / "evaluators" / "text_motion"
"""trained on the people that the shipped engine was trained on; `log.jsonl` beside it"""


@dataclass(frozen=True, eq=False)
class Evaluator:
    """A trained pair of encoders with the hash of its weights."""

    model: TextMotion
    sha256: str
    description: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def embed_motions(self, motions: Sequence[Clip | Motion], batch: int = 128) -> Array:
        """[n, 128] float64."""
        features = [features_of(motion) for motion in motions]
        embeddings = [self.model.encode_motions(features[i : i + batch]) for i in range(0, len(features), batch)]
        return np.asarray(torch.cat(embeddings).double())

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str]) -> Array:
        """[n, 128] float64."""
        return np.asarray(self.model.encode_texts(captions).double())


def save_evaluator(folder: str | Path, model: TextMotion, description: dict[str, Any]) -> str:
    """Write `weights.safetensors` (fp16) and `evaluator.json` into `folder`; the SHA-256 of the weights."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None
    weights = {name: tensor.detach().half().contiguous() for name, tensor in model.state_dict().items()}
    data = safetensors.torch.save(weights)
    digest = hashlib.sha256(data).hexdigest()
    write_aside(folder / "weights.safetensors", data)
    index = {"format": FORMAT, "kind": "genmo text-motion evaluator", "sha256": digest, **description}
    write_aside(folder / "evaluator.json", json.dumps(index, indent=1) + "\n")
    return digest


def load_evaluator(folder: str | Path) -> Evaluator:
    """Read an evaluator; no code of it is run.  Raises InputError when it is not one or was altered."""
    folder = Path(folder)
    expected = "wanted a folder that `python -m genmo.train.evaluation.train_text_motion` wrote"
    try:
        index = read_json(folder / "evaluator.json", "the description of an evaluator")
        digest = sha256(folder / "weights.safetensors", "the weights of an evaluator")
        fits = (index["format"], index["sha256"]) == (FORMAT, digest)
    except (InputError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: {first_line(error)}; {expected}") from None
    if not fits:
        raise InputError(f"{folder}: the weights are not those of evaluator.json (SHA-256 or format); {expected}")
    model = TextMotion()
    load_weights(model, folder / "weights.safetensors")
    return Evaluator(model.eval(), digest, index)
