"""A GenM3 in training, and its checkpoint: `weights.safetensors` and `model.json`, as a denoiser's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from genmo.runtime.actions.examples import Examples
from genmo.runtime.engine.example_file import FILE as EXAMPLES
from genmo.runtime.engine.example_file import examples_file
from genmo.runtime.engine.known_prompts import FILE as PROMPTS
from genmo.runtime.engine.known_prompts import KnownPrompts, read_known_prompts
from genmo.runtime.engine.text_lengths import FILE as TEXT_LENGTHS
from genmo.runtime.engine.text_lengths import TextLengths, lengths_file
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.engine.text_reader import TextReader, reader_file
from genmo.runtime.engine.text_wordpiece import WordPieceTable, read_wordpiece_table, wordpiece_files
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.errors import EngineError, InputError, first_line
from genmo.runtime.support.safe_read import numbers, quoted, read_json
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.checkpoint import (
    FORMAT,
    MAX_DESCRIPTION,
    examples_beside,
    lengths_beside,
    load_weights,
    reader_beside,
)
from genmo.train.network.masked_transformer import MaskedTransformer
from genmo.train.network.mevq import MotionVQ
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.wordpiece_text import WordPieceText

FAMILY = "tokens"


class TokenModel(nn.Module):
    """What the stages train: the MEVQ-VAE in stage 1, the transformer over its tokens from stage 2 on.

    `table`: of a config with the "wordpiece" text encoder, for stage 3; its vectors are no weights.
    """

    def __init__(
        self, config: TokenConfig, stage: int = 1, table: WordPieceTable | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.config, self.stage = config, stage
        self.vq = MotionVQ(config)
        self.transformer = MaskedTransformer(config, dropout) if stage > 1 else None
        self.text_encoder = None if table is None else WordPieceText(config, table)


@dataclass(frozen=True, eq=False)
class TokenCheckpoint:
    """A trained model with what its numbers mean."""

    model: TokenModel
    normalisation: Normalisation
    provenance: dict[str, Any]
    """training config, step, data, scores: plain JSON"""
    known_prompts: KnownPrompts | None = None
    """what it was trained on in words; of stage 3"""
    text_lengths: TextLengths | None = None
    """says how long texts take; of stage 3"""
    text_reader: TextReader | None = None
    """reads texts to choose among takes by; of stage 3"""
    examples: Examples | None = None
    """motions that takes start from; of stage 3"""


def save_token_checkpoint(folder: Path, checkpoint: TokenCheckpoint) -> None:
    """Write the checkpoint into `folder`.  Raises InputError for a full disk and the like."""
    folder.mkdir(parents=True, exist_ok=True)
    model, statistics = checkpoint.model, checkpoint.normalisation
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    described = {
        "format": FORMAT,
        "family": FAMILY,
        "stage": model.stage,
        "model": model.config.to_json(),
        "normalisation": {"mean": statistics.mean.tolist(), "std": statistics.std.tolist()},
        "provenance": checkpoint.provenance,
    }
    with all_or_none():
        if model.text_encoder is not None:
            for name, content in wordpiece_files(model.text_encoder.encoder.table).items():
                write_aside(folder / name, content)
        if checkpoint.known_prompts is not None:
            write_aside(folder / PROMPTS, json.dumps(checkpoint.known_prompts.to_json(), indent=1) + "\n")
        if checkpoint.text_lengths is not None:
            write_aside(folder / TEXT_LENGTHS, lengths_file(checkpoint.text_lengths))
        if checkpoint.text_reader is not None:
            write_aside(folder / READER, reader_file(checkpoint.text_reader))
        if checkpoint.examples is not None:
            write_aside(folder / EXAMPLES, examples_file(checkpoint.examples))
        write_aside(folder / "weights.safetensors", safetensors.torch.save(weights))
        write_aside(folder / "model.json", json.dumps(described, indent=1) + "\n")


def load_token_checkpoint(folder: str | Path) -> TokenCheckpoint:
    """Read a checkpoint folder; no code of it is run.  Raises InputError when it is not one or is damaged."""
    folder = Path(folder)
    for name in ("model.json", "weights.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name}; wanted the folder of a run of genmo-train tokens")
    try:
        described = read_json(folder / "model.json", "the description of a checkpoint", MAX_DESCRIPTION)
        if described.get("family") != FAMILY:
            raise ValueError("its family is not tokens")
        config = TokenConfig.from_json(described["model"])
        lists = (described["normalisation"][key] for key in ("mean", "std"))
        statistics = Normalisation(*(torch.from_numpy(numbers(value, "normalisation")).float() for value in lists))
        stage, provenance = described["stage"], described["provenance"]
        if stage not in (1, 2, 3):
            raise ValueError(f"its stage is {quoted(stage)}")
    except (ValueError, KeyError, TypeError, AttributeError, EngineError, InputError) as error:
        raise InputError(f"{folder}/model.json: not a checkpoint of motion tokens ({first_line(error)})") from None
    width = (config.motion_layout.width,)
    if statistics.mean.shape != width or statistics.std.shape != width or not (statistics.std > 0).all():
        raise InputError(f"{folder}/model.json: normalisation is not {width[0]} means and positive spreads")
    model = TokenModel(config, stage, read_wordpiece_table(folder) if stage == 3 else None)
    load_weights(model, folder / "weights.safetensors")
    known_prompts = read_known_prompts(folder / PROMPTS) if (folder / PROMPTS).is_file() else None
    lengths, reader = lengths_beside(folder, model.text_encoder), reader_beside(folder, model.text_encoder)
    return TokenCheckpoint(
        model.eval(), statistics, provenance, known_prompts, lengths, reader, examples_beside(folder)
    )
