"""What a training run is: a YAML file with overrides, checked before the first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted
from genmo.runtime.support.safe_yaml import parse_yaml, read_yaml
from genmo.train.settings.augmentation import AugmentationConfig
from genmo.train.settings.captions import CaptionConfig

PRESETS = Path(__file__).parents[1] / "presets"
OPTIMIZERS = ("adamw", "muon")
OBJECTIVES = ("dual", "diffusion", "regression")
"""see `TrainConfig.objective`; "regression" is "dual" without generation samples"""


@dataclass(frozen=True)
class TrainConfig:
    """One training run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    variety: AugmentationConfig = field(default_factory=AugmentationConfig)
    captions: CaptionConfig = field(default_factory=CaptionConfig)
    data: tuple[str, ...] = ()
    """*30 motion sets"""
    data_share: tuple[float, ...] = ()
    """weight of each set; empty: as many samples as its clips deserve by length"""
    validation_subjects: tuple[str, ...] = ()
    """set/subject names that are never trained on"""
    steps: int = 10000
    estimation: int = 16
    """estimation samples a step"""
    generation: int = 16
    """generation samples a step"""
    shards: int = 1
    """independent parts of a step's batch, each of `estimation` + `generation` samples: gradient accumulation on one
    device, one or more for each process under torchrun"""
    objective: str = "dual"
    """"dual": estimation samples are regressed from zeros, generation samples denoised (the paper); "diffusion": all
    samples are denoised; "regression": all are regressed, which wants generation=0 (Table 7)"""
    fusion: str = "mlp"
    """"mlp": conditions are added to the motion tokens of their frames; "cross_attention": they are tokens of their own
    (appendix G), for experiments only: such a network is not exported"""
    leave_out: tuple[str, ...] = ()
    """set/subject names (or set names) that are neither trained nor validated on"""
    subjects_2d: tuple[str, ...] = ()
    """set/subject names (or set names) whose 3D motion is hidden: trained on through their 2D keypoints (equation 6)"""
    frames: tuple[int, ...] = (120,)
    """window lengths, one drawn a step; shorter ones let short clips in"""
    often: tuple[str, ...] = ()
    """beginnings of words; generation draws clips whose captions have one 2.5 times as often"""
    lengthen: bool = True
    """repeat the gait cycles of short recordings up to one and a half windows"""
    text_model: str = ""
    """with model.text_encoder "none": the T5 or BERT whose tokens texts are, a folder as transformers saves it or its
    name on the hub; every caption is embedded once, before training, and kept in the run's folder"""
    text_table: str = ""
    """with model.text_encoder "wordpiece": a folder with its table (an engine, a checkpoint, or what
    `genmo.train.tools.distill_text` wrote); empty: the one that comes with genmo"""
    body: str = ""
    """SMPL, SMPL-H or SMPL-X file with vertices, whose error is a loss too; empty: joints alone"""
    init: str = ""
    """checkpoint folder to start from (fine-tuning); empty: random weights"""
    only: tuple[str, ...] = ()
    """beginnings of names of weights: only these are trained, the others stay as `init` has them; empty: all"""
    optimizer: str = "adamw"
    """"adamw", or "muon" for the matrices of the blocks with AdamW for the rest (`genmo.train.loop.optimizer`)"""
    learning_rate: float = 8e-4
    warmup: int = 200
    weight_decay: float = 0.02
    clip_norm: float = 1.0
    ema: float = 0.999
    bf16: bool = True
    text_dropout: float = 0.15
    """chance that a word, or an n-gram of the "ngram" text encoder, is left out"""
    validate_every: int = 500
    save_every: int = 200
    seed: int = 0
    threads: int = 0
    """CPU threads; 0: all"""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, ..."""
    workers: int = 0
    """processes that make batches ahead of time; 0: between the steps"""
    tensorboard: bool = False
    """write events for TensorBoard into DIR/events"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def presets() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def read_config(source: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """The config of a preset name or YAML file with `key=value` (dots for nested keys) applied.

    Raises InputError for an unknown preset, key or a value of the wrong type.
    """
    path = PRESETS / f"{source}.yaml" if source in presets() else Path(source)
    if not path.is_file():
        raise InputError(f"config {source!r} is no file and no preset; presets are {', '.join(presets())}")
    config: TrainConfig = build_config(TrainConfig(), read_entries(path, overrides))
    return config


def read_entries(path: Path, overrides: Sequence[str]) -> dict[str, Any]:
    """The entries of a YAML file with `key=value` (dots for nested keys) applied.  Raises InputError."""
    stored = read_yaml(path, "a training config") or {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise InputError(f"override {override!r} has no '='; wanted key=value, e.g. steps=2000")
        node = stored
        *parents, last = key.split(".")
        for name in parents:
            node = node.setdefault(name, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise InputError(f"override {override!r}: {'.'.join(parents) or 'the file'} is no mapping")
        node[last] = parse_yaml(value, f"override {override!r}", "key=value, e.g. steps=2000")
    entries: dict[str, Any] = stored
    return entries


def _is_number(value: Any) -> bool:
    """An int, or a float as people write it and YAML 1.1 does not read it: 8e-4."""
    if isinstance(value, str):
        try:
            return math.isfinite(float(value))
        except ValueError:
            return False
    return type(value) in (int, float)


def build_config(default: Any, stored: Any, where: str = "") -> Any:
    """`default` (a dataclass) with the stored entries, each checked against the default's type.

    Raises InputError for an unknown entry or a value of the wrong type.
    """
    if not isinstance(stored, dict):
        raise InputError(f"config: {where or 'the file'} is {quoted(stored)}; wanted a mapping")
    names = {f.name for f in fields(default)}
    changes: dict[str, Any] = {}
    for name, value in stored.items():
        if name not in names:
            raise InputError(f"config: unknown key {quoted(f'{where}{name}')}; known are {', '.join(sorted(names))}")
        before = getattr(default, name)
        if is_dataclass(before):
            value = build_config(before, value, f"{where}{name}.")
        elif isinstance(before, tuple):
            value = tuple(value) if isinstance(value, list) else (value,)
        elif isinstance(before, float) and _is_number(value):
            value = float(value)
        elif type(value) is not type(before):
            expected = f"{type(before).__name__}, such as {before!r}"
            raise InputError(f"config: {where}{name} is {quoted(value)}; wanted {expected}")
        changes[name] = value
    return replace(default, **changes)
