"""A checkpoint: `weights.safetensors` and `model.json` (what ships), `state.pt` beside them (what resumes).

With the "wordpiece" text encoder its table, which no training changes, lies beside them too, and in `prompts.json` what
it was trained on in words.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from genmo.runtime.actions.examples import Examples
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.example_file import FILE as EXAMPLES
from genmo.runtime.engine.example_file import examples_file, open_examples
from genmo.runtime.engine.known_prompts import FILE as PROMPTS
from genmo.runtime.engine.known_prompts import KnownPrompts, read_known_prompts
from genmo.runtime.engine.text_lengths import FILE as TEXT_LENGTHS
from genmo.runtime.engine.text_lengths import TextLengths, lengths_file, open_lengths
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.engine.text_reader import TextReader, open_reader, reader_file
from genmo.runtime.engine.text_wordpiece import WordPieceTable, read_wordpiece_table, wordpiece_files
from genmo.runtime.support.atomic_write import all_or_none, write_aside
from genmo.runtime.support.errors import EngineError, InputError, first_line
from genmo.runtime.support.safe_read import (
    MAX_WEIGHTS_BYTES,
    check_file,
    numbers,
    open_file,
    open_zip,
    quoted,
    read_json,
)
from genmo.train.network.fusion import CROSS_ATTENTION, CrossAttentionDenoiser
from genmo.train.network.gem import FAMILIES as RELEASED_FAMILIES
from genmo.train.network.ngram_table import NgramTable
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.wordpiece_text import WordPieceText

FORMAT = 1
MAX_DESCRIPTION = 2**24
FAMILIES = RELEASED_FAMILIES | {CROSS_ATTENTION: CrossAttentionDenoiser}


class Model(nn.Module):
    """Everything that is trained together: the denoiser and, where the config has one, the text encoder.

    `family`: a key of FAMILIES; all but "genmo" are networks of released weights, or of experiments.  `table`: of a
    config with the "wordpiece" text encoder, whose vectors are no weights.
    """

    def __init__(self, config: ModelConfig, family: str = "genmo", table: WordPieceTable | None = None) -> None:
        super().__init__()
        self.config, self.family = config, family
        self.denoiser = FAMILIES[family](config)
        self.text_encoder: NgramTable | WordPieceText | None = None
        if config.text_encoder == "ngram":
            self.text_encoder = NgramTable(config)
        elif table is not None:
            self.text_encoder = WordPieceText(config, table)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model with what its numbers mean."""

    model: Model
    normalisation: Normalisation
    provenance: dict[str, Any]
    """training config, step, data and licences, metrics: plain JSON"""
    known_prompts: KnownPrompts | None = None
    """what it was trained on in words"""
    text_reader: TextReader | None = None
    """what reads texts to choose among takes by, as `genmo.train.evaluation.teach_reader` teaches it"""
    text_lengths: TextLengths | None = None
    """what says how long texts take, as `genmo.train.evaluation.teach_lengths` teaches it"""
    examples: Examples | None = None
    """motions that takes start from, as `genmo.train.evaluation.choose_examples` makes them"""


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
    encoder = checkpoint.model.text_encoder
    with all_or_none():
        if isinstance(encoder, WordPieceText):
            for name, content in wordpiece_files(encoder.encoder.table).items():
                write_aside(folder / name, content)
        if checkpoint.known_prompts is not None:
            write_aside(folder / PROMPTS, json.dumps(checkpoint.known_prompts.to_json(), indent=1) + "\n")
        if checkpoint.text_reader is not None:
            write_aside(folder / READER, reader_file(checkpoint.text_reader))
        if checkpoint.text_lengths is not None:
            write_aside(folder / TEXT_LENGTHS, lengths_file(checkpoint.text_lengths))
        if checkpoint.examples is not None:
            write_aside(folder / EXAMPLES, examples_file(checkpoint.examples))
        write_aside(folder / "weights.safetensors", safetensors.torch.save(weights))
        write_aside(folder / "model.json", json.dumps(described, indent=1) + "\n")


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Read a checkpoint folder; no code of it is run.

    Raises InputError when it is not one or is damaged, EngineError when its table of token vectors is.
    """
    folder = Path(folder)
    for name in ("model.json", "weights.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no {name}; wanted a checkpoint folder (model.json and weights.safetensors)")
    try:
        described = read_json(folder / "model.json", "the description of a checkpoint", MAX_DESCRIPTION)
        config = ModelConfig.from_json(described["model"])
        lists = (described["normalisation"][key] for key in ("mean", "std"))
        statistics = Normalisation(*(torch.from_numpy(numbers(value, "normalisation")).float() for value in lists))
        provenance, family = described["provenance"], described.get("family", "genmo")
        if not isinstance(family, str) or family not in FAMILIES:
            raise ValueError(f"family {quoted(family)} is none of {sorted(FAMILIES)}")
    except (ValueError, KeyError, TypeError, EngineError, InputError) as error:
        raise InputError(f"{folder}/model.json: not a checkpoint description ({first_line(error)})") from None
    width = (config.motion_layout.width,)
    mean, std = statistics.mean, statistics.std
    if mean.shape != width or std.shape != width or not (mean.isfinite().all() and (std > 0).all()):
        raise InputError(f"{folder}/model.json: normalisation is not {width[0]} finite means and positive spreads")
    with torch.device("meta"):  # names and shapes alone: nothing is made that the weights do not fill
        shapes = {name: tuple(tensor.shape) for name, tensor in Model(config, family).state_dict().items()}
    _check_shapes(folder / "weights.safetensors", shapes)
    model = Model(config, family, read_wordpiece_table(folder) if config.text_encoder == "wordpiece" else None)
    load_weights(model, folder / "weights.safetensors")
    known_prompts = read_known_prompts(folder / PROMPTS) if (folder / PROMPTS).is_file() else None
    lengths = lengths_beside(folder, model.text_encoder)
    examples, reader = examples_beside(folder), reader_beside(folder, model.text_encoder)
    return Checkpoint(model.eval(), statistics, provenance, known_prompts, reader, lengths, examples)


def examples_beside(folder: Path) -> Examples | None:
    """The motions that takes start from beside a checkpoint, if they are there."""
    return open_examples(folder / EXAMPLES) if (folder / EXAMPLES).is_file() else None


def reader_beside(folder: Path, encoder: nn.Module | None) -> TextReader | None:
    """The reader of texts beside a checkpoint with a table of words, if there is one."""
    if not isinstance(encoder, WordPieceText) or not (folder / READER).is_file():
        return None
    return open_reader(folder / READER, encoder.encoder)


def lengths_beside(folder: Path, encoder: nn.Module | None) -> TextLengths | None:
    """What says how long texts take beside a checkpoint with a table of words, if it is there."""
    if not isinstance(encoder, WordPieceText) or not (folder / TEXT_LENGTHS).is_file():
        return None
    return open_lengths(folder / TEXT_LENGTHS, encoder.encoder)


def load_weights(model: nn.Module, path: Path) -> None:
    """Fill a model from a safetensors file.  Raises InputError when names, shapes or numbers are wrong."""
    _check_shapes(path, {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})
    try:
        weights: dict[str, Tensor] = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({first_line(error)})") from None
    bad = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if bad:
        raise InputError(f"{path}: tensor {bad[0]} holds NaN or infinity; wanted finite weights")
    model.load_state_dict(weights)


def read_state(path: Path, device: torch.device) -> dict[str, Any]:
    """What `torch.save` wrote into `state.pt`, once every part has the checksum that lies beside it in the file.

    torch itself does not compare them.  Raises InputError when the file is damaged.
    """
    damaged = f"wanted the state of a run; it is damaged: restore it, or go on from the weights with init={path.parent}"
    try:
        with (
            open_file(path, "the state of a run", MAX_WEIGHTS_BYTES) as file,
            open_zip(file, path.stat().st_size) as archive,
        ):
            if (part := archive.testzip()) is not None:
                raise InputError(f"{path}: {quoted(part)} has another checksum; {damaged} and another --out")
        state = torch.load(path, weights_only=True, map_location=device)
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: {first_line(error)}; {damaged} and another --out") from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: a {type(state).__name__}; {damaged} and another --out")
    return state


def _check_shapes(path: Path, expected: dict[str, tuple[int, ...]]) -> None:
    """Compare the names and shapes in a safetensors file, by its header alone, with those of a model."""
    check_file(path, "the weights of a model", MAX_WEIGHTS_BYTES)
    try:
        with safetensors.safe_open(path, framework="pt") as opened:
            stored = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({first_line(error)})") from None
    problem = sorted(set(stored) ^ set(expected)) or [name for name in expected if stored[name] != expected[name]]
    if problem:
        raise InputError(
            f"{path}: tensor {quoted(problem[0])[1:-1]} does not fit the model; model.json and the weights disagree"
        )


__all__ = ["Checkpoint", "Model", "load_checkpoint", "load_weights", "read_state", "save_checkpoint"]
