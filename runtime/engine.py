"""An engine folder: what `genmo-export` writes and `--engine` takes.

`engine.json` describes everything else in the folder, with sizes and hashes: the denoiser's ONNX graph, the text
encoder's table.  Loading reads data only: no code of the folder is run and nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.config import ModelConfig
from genmo.runtime.errors import EngineError
from genmo.runtime.rotation import Array
from genmo.runtime.signature import inputs, outputs
from genmo.runtime.text import NgramTextEncoder, TextEncoder
from genmo.runtime.text_cache import CACHE_SCHEME, CachedTextEncoder
from genmo.runtime.text_t5 import T5_SCHEME, T5TextEncoder

FORMAT = 2
GRAPHS = ("conditions", "texts", "step")
SHIPPED = Path(__file__).parent / "engines" / "small"
NGRAM_SCHEME = "hashed-ngrams-1"
"""names the tokenizer and the arithmetic of runtime/text.py; a change there needs a new name"""


def describe_signature(config: ModelConfig) -> dict[str, Any]:
    """The signature as it is stored in `engine.json`."""
    return {
        side: [{"name": spec.name, "axes": list(spec.axes), "dtype": spec.dtype} for spec in specs]
        for side, specs in (("inputs", inputs(config)), ("outputs", outputs(config)))
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Graphs:
    """The ONNX files of an engine."""

    conditions: Path
    texts: Path
    step: Path
    null_is_folded: bool
    """motions that no text reaches need no text input: the null text is a constant of the step"""
    sampler: Path | None = None
    """the guided sampler of `fused_steps` steps as one graph, where the engine has it"""
    fused_steps: int = 0


@dataclass(frozen=True, eq=False)
class Engine:
    """The checked contents of an engine folder."""

    folder: Path
    config: ModelConfig
    mean: Array
    """[features] of the motion layout"""
    std: Array
    """[features]"""
    text_encoder: TextEncoder | None
    description: dict[str, Any]
    """all of engine.json"""

    @property
    def denoiser(self) -> Graphs:
        """The ONNX graphs."""
        stored = self.description["denoiser"]
        sampler = stored.get("sampler")
        return Graphs(
            conditions=self.folder / stored["conditions"],
            texts=self.folder / stored["texts"],
            step=self.folder / stored["step"],
            null_is_folded=stored["null_is_folded"],
            sampler=None if sampler is None else self.folder / sampler,
            fused_steps=stored.get("fused_steps", 0),
        )


def load_engine(folder: str | Path | None = None) -> Engine:
    """Read and check an engine folder; None: the one that ships with genmo.

    Raises EngineError when anything is missing, altered or of another version.
    """
    folder = SHIPPED if folder is None else Path(folder)
    description = _read_description(folder)
    try:
        config = ModelConfig.from_json(description["model"])
        mean, std = (np.asarray(description["normalisation"][key], np.float32) for key in ("mean", "std"))
        files = dict(description["files"])
        signature, encoder = description["signature"], description["text_encoder"]
        denoiser = description["denoiser"]
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"{folder}/engine.json: entry {error} is missing or wrong; export the engine again") from None
    graphs = _graph_files(denoiser)
    if not graphs or not isinstance(encoder, dict | None):
        raise EngineError(f"{folder}/engine.json: denoiser or text_encoder is wrong; export the engine again")
    width = config.motion_layout.width
    if mean.shape != (width,) or std.shape != (width,) or not (np.isfinite(mean).all() and (std > 0).all()):
        raise EngineError(f"{folder}/engine.json: normalisation is not {width} finite means and positive spreads")
    if signature != describe_signature(config):
        raise EngineError(f"{folder}: its denoiser has another signature than this genmo; export the engine again")
    _check_files(folder, files)
    for name in graphs:
        if name not in files:
            raise EngineError(f"{folder}/engine.json: denoiser {name!r} is not among its files; export it again")
    return Engine(folder, config, mean, std, _text_encoder(folder, config, encoder, files), description)


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / "engine.json"
    if not path.is_file():
        raise EngineError(f"{folder}: no engine.json; wanted an engine folder as genmo-export writes it")
    try:
        description = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise EngineError(f"{path}: not readable as JSON ({error}); export the engine again") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        found = description.get("format") if isinstance(description, dict) else None
        raise EngineError(f"{path}: format is {found!r}; this genmo reads format {FORMAT}: export the engine again")
    return description


def _graph_files(denoiser: Any) -> list[str]:
    """Names of the graphs; none when the entry is wrong."""
    if not isinstance(denoiser, dict):
        return []
    fused = "sampler" in denoiser
    graphs = (*GRAPHS, *["sampler"] * fused)
    if set(denoiser) != {*graphs, "null_is_folded", *["fused_steps"] * fused}:
        return []
    names = [denoiser[name] for name in graphs]
    right = all(isinstance(name, str) for name in names) and isinstance(denoiser["null_is_folded"], bool)
    right = right and (not fused or (type(denoiser["fused_steps"]) is int and denoiser["fused_steps"] >= 1))
    return names if right else []


def _check_files(folder: Path, files: dict[str, str]) -> None:
    """Every file is there, inside the folder, and has its hash."""
    for name, wanted in files.items():
        path = folder / name
        if Path(name).name != name or name.startswith("."):
            raise EngineError(f"{folder}/engine.json: {name!r} is not a plain file name; export the engine again")
        if not path.is_file():
            raise EngineError(f"{folder}: {name} is missing; copy the whole folder or export the engine again")
        if file_hash(path) != wanted:
            raise EngineError(f"{path}: its SHA-256 is not the one in engine.json: damaged or altered; export it again")


def _text_encoder(
    folder: Path, config: ModelConfig, stored: dict[str, Any] | None, files: dict[str, str]
) -> TextEncoder | None:
    if stored is None:
        return None
    kinds = {NGRAM_SCHEME: _ngram_encoder, T5_SCHEME: _t5_encoder, CACHE_SCHEME: _cached_encoder}
    if stored.get("kind") not in kinds or str(stored.get("file")) not in files:
        known = ", ".join(repr(kind) for kind in kinds)
        raise EngineError(f"{folder}: text encoder {stored.get('kind')!r} is unknown; this genmo has {known}")
    if stored["kind"] == T5_SCHEME and str(stored.get("tokenizer")) not in files:
        raise EngineError(f"{folder}: tokenizer {stored.get('tokenizer')!r} is not among its files; export it again")
    return kinds[stored["kind"]](folder, config, stored)


def _table(folder: Path, name: str) -> Array:
    try:
        with (folder / name).open("rb") as file:
            table: Array = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise EngineError(f"{folder}/{name}: not a readable table ({error})") from None
    return table


def _ngram_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    table = _table(folder, stored["file"])
    if table.shape != (config.text_buckets, config.text_width) or table.dtype != np.float32:
        raise EngineError(f"{folder}/{stored['file']}: {table.dtype} {table.shape} is not the table of this model")
    return NgramTextEncoder(table, config.text_tokens)


def _t5_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    graph, tokenizer = folder / stored["file"], folder / stored["tokenizer"]
    return T5TextEncoder(graph, tokenizer, config.text_tokens, config.text_width)


def _cached_encoder(folder: Path, config: ModelConfig, stored: dict[str, Any]) -> TextEncoder:
    prompts, lengths = stored.get("prompts"), stored.get("lengths")
    right = isinstance(prompts, list) and isinstance(lengths, list) and len(prompts) == len(lengths)
    right = right and all(isinstance(prompt, str) for prompt in prompts or ())
    right = right and all(type(length) is int and 0 < length <= config.text_tokens for length in lengths or ())
    if not right or not prompts:
        raise EngineError(f"{folder}/engine.json: text_encoder has no prompts with their lengths; export it again")
    assert lengths is not None
    table = _table(folder, stored["file"])
    if table.shape != (sum(lengths), config.text_width) or table.dtype != np.float32:
        raise EngineError(f"{folder}/{stored['file']}: {table.dtype} {table.shape} is not what its prompts need")
    return CachedTextEncoder(tuple(prompts), table, tuple(lengths), config.text_tokens)
