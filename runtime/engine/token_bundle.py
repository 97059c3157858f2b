"""An engine folder of the family "tokens": three graphs, the word table, and what their numbers mean.

Checked as a denoiser's folder is (`engine.bundle`): hashes, shapes, no code run, nothing unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.actions.examples import Examples
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.normalisation import Normalisation
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.engine.bundle import (
    TOKENS,
    engine_folder,
    listed_examples,
    listed_lengths,
    listed_prompts,
    listed_reader,
    read_description,
)
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.known_prompts import KnownPrompts
from genmo.runtime.engine.listed_files import check_files
from genmo.runtime.engine.text_encoders import open_text_encoder
from genmo.runtime.engine.text_lengths import TextLengths
from genmo.runtime.engine.text_ngram import TextEncoder
from genmo.runtime.engine.text_reader import TextReader
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, first_line
from genmo.runtime.support.safe_read import quoted
from genmo.runtime.tokens.config import TokenConfig
from genmo.runtime.tokens.decoding import CANDIDATES

MOST_TOKENS = 2**14
Specs = tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]


def token_signature(config: TokenConfig) -> dict[str, Specs]:
    """Inputs and outputs of the three graphs; features are normalised, `frames` is four times `tokens`.

    A token has an id for each part (`tokens.parts`); what is decoded is a mixture of codes, of `shares` that add up to
    1."""
    parts = len(config.part_names)
    features = TensorSpec("features", ("batch", "frames", config.motion_layout.width))
    ids = TensorSpec("ids", ("batch", "tokens", parts), "int64")
    mixed = ("batch", "tokens", parts, "candidates")
    likely = ("rows", "places", parts, min(CANDIDATES, config.codes))
    return {
        "encoder": ((features,), (ids,)),
        "decoder": ((TensorSpec("ids", mixed, "int64"), TensorSpec("shares", mixed)), (features,)),
        "tokens": (
            (
                TensorSpec("ids", ("inputs", "places", parts), "int64"),
                TensorSpec("texts", ("inputs", "words", config.text_width)),
                TensorSpec("mask", ("inputs", "words")),
                TensorSpec("mixture", ("rows", "inputs")),
            ),
            (
                TensorSpec("logits", likely),
                TensorSpec("codes", likely, "int64"),
                TensorSpec("total", ("rows", "places", parts)),
            ),
        ),
    }


def describe_token_signature(config: TokenConfig) -> dict[str, Any]:
    """The signature as it is stored in `engine.json`."""
    return {
        name: [[{"name": spec.name, "axes": list(spec.axes), "dtype": spec.dtype} for spec in specs] for specs in sides]
        for name, sides in token_signature(config).items()
    }


@dataclass(frozen=True, eq=False)
class TokenEngine:
    """The checked contents of an engine folder of the family "tokens"."""

    folder: Path
    config: TokenConfig
    mean: Array
    """[features] of `TOKEN_LAYOUT`"""
    std: Array
    """[features]"""
    longest: int
    """tokens that the transformer was trained on at most"""
    text_encoder: TextEncoder | None
    graphs: dict[str, Path]
    """by the names in TOKEN_GRAPHS"""
    description: dict[str, Any]
    """all of engine.json"""
    known_prompts: KnownPrompts | None = None
    """what it was trained on in words; None for engines that do not say"""
    text_lengths: TextLengths | None = None
    """says how long texts take; None for engines that do not"""
    text_reader: TextReader | None = None
    """reads texts to choose among takes by; None: one take is made"""
    read_examples: Callable[[], Examples | None] | None = None
    """unpacks motions that takes start from, when the first are made; None: all start from nothing"""

    @cached_property
    def examples(self) -> Examples | None:
        """Motions that takes start from; None for engines without.  Raises EngineError for a file that has none."""
        return None if self.read_examples is None else self.read_examples()

    @property
    def normalisation(self) -> Normalisation:
        """Between the network's features and metres."""
        return Normalisation(self.config.motion_layout, self.mean, self.std)


def load_token_engine(folder: str | Path) -> TokenEngine:
    """Read and check an engine (`bundle.engine_folder`).

    Raises EngineError when anything is missing, altered or of another family.
    """
    folder = engine_folder(folder)
    description = read_description(folder)
    if description.get("family") != TOKENS:
        raise EngineError(f"{folder}: its family is {quoted(description.get('family'))}; wanted {TOKENS}")
    try:
        config = TokenConfig.from_json(description["model"])
        mean, std = (np.asarray(description["normalisation"][key], np.float32) for key in ("mean", "std"))
        signature, encoder, longest = (description[key] for key in ("signature", "text_encoder", "longest"))
        names = {name: description["graphs"][name] for name in TOKEN_GRAPHS}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EngineError(
            f"{folder}/engine.json: entry {first_line(error)} is missing or wrong; export the engine again"
        ) from None
    width = config.motion_layout.width
    if mean.shape != (width,) or std.shape != (width,) or not (np.isfinite(mean).all() and (std > 0).all()):
        raise EngineError(f"{folder}/engine.json: normalisation is not {width} finite means and positive spreads")
    if type(longest) is not int or not 2 <= longest <= MOST_TOKENS or not isinstance(encoder, dict | None):
        raise EngineError(f"{folder}/engine.json: longest or text_encoder is wrong; export the engine again")
    if signature != describe_token_signature(config):
        raise EngineError(f"{folder}: its graphs have another signature than this genmo; export the engine again")
    files = check_files(folder, description.get("files"))
    for name in names.values():
        if not isinstance(name, str) or name not in files:
            raise EngineError(f"{folder}/engine.json: graph {quoted(name)} is not among its files; export it again")
    sizes = ModelConfig(text_width=config.text_width, text_tokens=config.text_tokens)
    text_encoder = open_text_encoder(folder, sizes, encoder, files)
    graphs = {name: folder / file for name, file in names.items()}
    known = listed_prompts(folder, description, files)
    of_texts = listed_lengths(folder, description, files, text_encoder)
    reader = listed_reader(folder, description, files, text_encoder)
    examples = listed_examples(folder, description, files)
    return TokenEngine(
        folder, config, mean, std, longest, text_encoder, graphs, description, known, of_texts, reader, examples
    )
