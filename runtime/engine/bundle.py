"""An engine folder: what `genmo-export` writes and `--engine` takes.

`engine.json` describes everything else in the folder, with hashes: the denoiser's ONNX graphs, what they keep in files
of their own, the text encoder's table.  Loading reads data only: no code of the folder is run, nothing is unpickled.
A hash says that a file is the one that was exported, not who exported it: engine.json is not signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genmo.runtime.actions.examples import Examples
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.normalisation import Normalisation
from genmo.runtime.denoiser.sampler import Denoiser
from genmo.runtime.denoiser.signature import inputs, outputs
from genmo.runtime.engine.example_file import parse_examples, read_packed
from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.engine.known_prompts import KnownPrompts, read_known_prompts
from genmo.runtime.engine.listed_files import check_files
from genmo.runtime.engine.text_encoders import open_text_encoder
from genmo.runtime.engine.text_lengths import TextLengths, open_lengths
from genmo.runtime.engine.text_ngram import TextEncoder
from genmo.runtime.engine.text_reader import TextReader, open_reader
from genmo.runtime.engine.text_wordpiece import WordPieceTextEncoder
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import EngineError, InputError, first_line
from genmo.runtime.support.safe_read import quoted, read_json

FORMAT = 2
MAX_DESCRIPTION = 2**26
"""bytes of engine.json, which may hold a thousand prompts and where every weight lies"""
MAX_FUSED = 1000
DIFFUSION, TOKENS = "diffusion", "tokens"
"""families of engines: GENMO, and GenM3 (`engine.token_bundle`)"""
ENGINES = Path(__file__).parents[1] / "engines"
"""the engines that come with genmo, each by its name"""
SHIPPED = ENGINES / "small"
"""the one that is used where no other is named"""


def describe_signature(config: ModelConfig) -> dict[str, Any]:
    """The signature as it is stored in `engine.json`."""
    return {
        side: [{"name": spec.name, "axes": list(spec.axes), "dtype": spec.dtype} for spec in specs]
        for side, specs in (("inputs", inputs(config)), ("outputs", outputs(config)))
    }


class LoadedEngine(Protocol):
    """An engine that runs: a `MotionModel`, or anything else that holds both."""

    @property
    def engine(self) -> Engine: ...

    @property
    def denoiser(self) -> Denoiser: ...


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
    known_prompts: KnownPrompts | None = None
    """what it was trained on in words; None for engines that do not say"""
    text_reader: TextReader | None = None
    """reads what texts say of a motion; None for engines without one"""
    text_lengths: TextLengths | None = None
    """says how long texts take; None for engines that do not"""
    read_examples: Callable[[], Examples | None] | None = None
    """unpacks motions of what is done seldom, when the first takes are made; None for engines without"""

    @cached_property
    def examples(self) -> Examples | None:
        """Motions of what is done seldom; None for engines without.  Raises EngineError for a file that has none."""
        return None if self.read_examples is None else self.read_examples()

    @property
    def normalisation(self) -> Normalisation:
        """Between the network's features and metres."""
        return Normalisation(self.config.motion_layout, self.mean, self.std)

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
            native=self.description.get("native"),
        )


def engine_folder(engine: str | Path | None) -> Path:
    """The folder of an engine: a path, or where there is none, the name of one that comes with genmo; None: SHIPPED."""
    if engine is None:
        return SHIPPED
    folder = Path(engine)
    shipped = len(folder.parts) == 1 and not folder.exists() and (ENGINES / folder / "engine.json").is_file()
    return ENGINES / folder if shipped else folder


def family_of(folder: str | Path | None) -> str:
    """The family of an engine (`engine_folder`), DIFFUSION for None.  Raises EngineError for no engine."""
    return DIFFUSION if folder is None else str(read_description(engine_folder(folder)).get("family", DIFFUSION))


def load_engine(folder: str | Path | None = None) -> Engine:
    """Read and check an engine (`engine_folder`); None: the one that ships with genmo.

    Raises EngineError when anything is missing, altered or of another version.
    """
    folder = engine_folder(folder)
    description = read_description(folder)
    if (family := description.get("family", DIFFUSION)) != DIFFUSION:
        raise EngineError(
            f"{folder}: an engine of the family {quoted(family)}; wanted one of GENMO here: motion tokens run in "
            "genmo-run, and in Python through genmo.runtime.token_model.TokenModel"
        )
    try:
        config = ModelConfig.from_json(description["model"])
        mean, std = (np.asarray(description["normalisation"][key], np.float32) for key in ("mean", "std"))
        signature, encoder = description["signature"], description["text_encoder"]
        denoiser = description["denoiser"]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EngineError(
            f"{folder}/engine.json: entry {first_line(error)} is missing or wrong; export the engine again"
        ) from None
    graphs = _graph_files(denoiser)
    if not graphs or not isinstance(encoder, dict | None):
        raise EngineError(f"{folder}/engine.json: denoiser or text_encoder is wrong; export the engine again")
    width = config.motion_layout.width
    if mean.shape != (width,) or std.shape != (width,) or not (np.isfinite(mean).all() and (std > 0).all()):
        raise EngineError(f"{folder}/engine.json: normalisation is not {width} finite means and positive spreads")
    if signature != describe_signature(config):
        raise EngineError(f"{folder}: its denoiser has another signature than this genmo; export the engine again")
    files = check_files(folder, description.get("files"))
    for name in graphs:
        if name not in files:
            raise EngineError(f"{folder}/engine.json: denoiser {quoted(name)} is not among its files; export it again")
    text_encoder = open_text_encoder(folder, config, encoder, files)
    known, reader = listed_prompts(folder, description, files), listed_reader(folder, description, files, text_encoder)
    lengths = listed_lengths(folder, description, files, text_encoder)
    examples = listed_examples(folder, description, files)
    return Engine(folder, config, mean, std, text_encoder, description, known, reader, lengths, examples)


def listed_prompts(folder: Path, description: dict[str, Any], files: dict[str, str]) -> KnownPrompts | None:
    """The training texts that engine.json names, None where it names none.  Raises EngineError for what is none."""
    name = description.get("prompts")
    if name is None:
        return None
    if not isinstance(name, str) or name not in files:
        raise EngineError(f"{folder}/engine.json: prompts {quoted(name)} is not among its files; export it again")
    try:
        return read_known_prompts(folder / name)
    except InputError as error:
        raise EngineError(f"{error}; export the engine again") from None


def listed_reader(
    folder: Path, description: dict[str, Any], files: dict[str, str], encoder: TextEncoder | None
) -> TextReader | None:
    """The reader of texts that engine.json names, None where it names none.  Raises EngineError for what is none."""
    found = _of_words("text_reader", folder, description, files, encoder)
    return None if found is None else open_reader(*found)


def listed_lengths(
    folder: Path, description: dict[str, Any], files: dict[str, str], encoder: TextEncoder | None
) -> TextLengths | None:
    """What says how long texts take, as engine.json names it, None where it does not.  Raises EngineError."""
    found = _of_words("text_lengths", folder, description, files, encoder)
    return None if found is None else open_lengths(*found)


def _of_words(
    entry: str, folder: Path, description: dict[str, Any], files: dict[str, str], encoder: TextEncoder | None
) -> tuple[Path, WordPieceTextEncoder] | None:
    """The file that an entry of engine.json names, and the table of words that it is about; None without the entry."""
    name = description.get(entry)
    if name is None:
        return None
    if not isinstance(name, str) or name not in files or not isinstance(encoder, WordPieceTextEncoder):
        raise EngineError(
            f"{folder}/engine.json: {entry} {quoted(name)} is not among its files, or it has no table of words; "
            "export it again"
        )
    return folder / name, encoder


def listed_examples(folder: Path, description: dict[str, Any], files: dict[str, str]) -> Callable[[], Examples] | None:
    """What unpacks the examples that engine.json names, None where it names none: most calls need none, and unpacking
    takes longer than reading everything else that is no network.  Raises EngineError for a file that is not there."""
    name = description.get("examples")
    if name is None:
        return None
    if not isinstance(name, str) or name not in files:
        raise EngineError(f"{folder}/engine.json: examples {quoted(name)} is not among its files; export it again")
    return partial(parse_examples, read_packed(folder / name), str(folder / name))


def read_description(folder: Path) -> dict[str, Any]:
    """What engine.json says, of any family.  Raises EngineError for a folder that is no engine of this version."""
    path = folder / "engine.json"
    if not path.is_file():
        shipped = " or ".join(sorted(path.parent.name for path in ENGINES.glob("*/engine.json")))
        raise EngineError(
            f"{folder}: no engine.json; wanted an engine folder as genmo-export writes it, or the name of one that "
            f"ships: {shipped}"
        )
    try:
        description = read_json(path, "the description of an engine", MAX_DESCRIPTION)
    except InputError as error:
        raise EngineError(f"{error}: export the engine again") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        got = quoted(description.get("format") if isinstance(description, dict) else None)
        raise EngineError(f"{path}: format is {got}; this genmo reads format {FORMAT}: export the engine again")
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
    right = right and (
        not fused or (type(denoiser["fused_steps"]) is int and 1 <= denoiser["fused_steps"] <= MAX_FUSED)
    )
    return names if right else []
