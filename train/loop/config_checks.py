"""What a training config asks for that no training can do, found before any data is read."""

from __future__ import annotations

import os
from pathlib import Path

from genmo.runtime.support.errors import InputError
from genmo.train.network.fusion import FUSIONS
from genmo.train.settings.config import OBJECTIVES, OPTIMIZERS, TrainConfig


def check_config(config: TrainConfig) -> None:
    """Raises InputError for settings that fit no training, before any data is read."""
    if config.model.text_encoder != "none" and config.text_model:
        raise InputError(
            f"config: text_model with model.text_encoder={config.model.text_encoder}, which is one itself; wanted "
            "model.text_encoder=none with it"
        )
    if not 0 <= config.text_dropout < 1:
        raise InputError(f"config: text_dropout is {config.text_dropout}; wanted 0 to below 1")
    if config.model.layout != "genmo":
        raise InputError("config: model.layout must be 'genmo': other layouts are for converted checkpoints")
    if not config.frames or not all(isinstance(n, int) and n >= 2 for n in config.frames):
        raise InputError(f"config: frames is {list(config.frames)}; wanted window lengths of at least 2")
    choices_of = {"objective": OBJECTIVES, "fusion": tuple(FUSIONS), "optimizer": OPTIMIZERS}
    for field, choices in choices_of.items():
        if getattr(config, field) not in choices:
            raise InputError(f"config: {field} is {getattr(config, field)!r}; wanted one of {', '.join(choices)}")
    if config.objective == "regression" and config.generation:
        raise InputError(f"config: objective is regression and generation {config.generation}; wanted generation=0")
    least = {
        "steps": 1, "estimation": 0, "generation": 0, "warmup": 0, "validate_every": 1, "save_every": 1, "threads": 0,
        "workers": 0,
    }  # fmt: skip
    for field, lowest in least.items():
        if getattr(config, field) < lowest:
            raise InputError(f"config: {field} is {getattr(config, field)}; wanted at least {lowest}")
    if config.estimation + config.generation < 1:
        raise InputError("config: estimation and generation are 0; wanted at least one sample a step")
    if not (config.learning_rate > 0 and config.clip_norm > 0 and 0 <= config.ema < 1):
        raise InputError("config: wanted learning_rate and clip_norm above 0, and ema from 0 to below 1")


def check_shards(shards: int, processes: int) -> None:
    """Raises InputError for shards that cannot be dealt out evenly."""
    if shards < 1 or shards % processes:
        raise InputError(f"config: shards is {shards}; wanted a multiple of the processes, {processes}")


def check_writable(folder: Path) -> None:
    """Raises InputError when the run's folder could not be made or written to; makes nothing."""
    parent = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        problem = "is no folder" if not parent.is_dir() else "cannot be written to"
        raise InputError(f"--out {folder}: {parent} {problem}; choose another folder")
