"""What a training run of GenM3 is: a stage of three, on the same sets as the denoiser's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.tokens.config import FRAMES_A_TOKEN, TokenConfig
from genmo.train.settings.captions import CaptionConfig
from genmo.train.settings.config import OPTIMIZERS, PRESETS, TrainConfig, build_config, read_entries

TOKEN_PRESETS = PRESETS / "tokens"
STAGES = (1, 2, 3)


@dataclass(frozen=True)
class TokenVariety:
    """How strongly windows are changed; stages 2 and 3 are only mirrored and played faster."""

    mirror: float = 0.5
    """chance that a window is mirrored"""
    speed: float = 0.3
    """chance that it is played 0.8 to 1.25 times as fast"""
    mix: float = 0.3
    """chance that it gets limbs of another"""
    perturb: float = 0.3
    """chance, for each of three ways, that its joints are bent a little"""
    tilt: float = 0.1
    """chance that it leans as a whole"""


@dataclass(frozen=True)
class TokenTrainConfig:
    """One run of one stage: 1 the tokens (MEVQ-VAE), 2 the transformer on motion alone, 3 with texts."""

    model: TokenConfig = field(default_factory=TokenConfig)
    variety: TokenVariety = field(default_factory=TokenVariety)
    captions: CaptionConfig = field(default_factory=CaptionConfig)
    """of stage 3"""
    stage: int = 1
    init: str = ""
    """the run before: of stage 1 for stage 2, of stage 2 (or of 1, to leave pretraining out) for stage 3"""
    data: tuple[str, ...] = ()
    """motion sets"""
    data_share: tuple[float, ...] = ()
    """weight of each set; empty: as many windows as its clips deserve by length"""
    validation_subjects: tuple[str, ...] = ()
    """set/subject names that are never trained on"""
    leave_out: tuple[str, ...] = ()
    """set/subject names (or set names) that are neither trained nor validated on"""
    frames: tuple[int, ...] = (64,)
    """window lengths, one drawn a step; multiples of four"""
    lengthen: bool = True
    """repeat the gait cycles of short recordings up to one and a half windows"""
    steps: int = 10000
    batch: int = 64
    """windows a step"""
    commitment: float = 0.02
    """weight of the encoder's distance from its codes (the paper's beta)"""
    places: float = 0.5
    """weight of the joints' places, as the features hold them"""
    kinematics: float = 0.5
    """weight of the joints' places, as the decoded rotations make them: what decodes is the rotations"""
    often: tuple[str, ...] = ()
    """beginnings of words of captions: stages 2 and 3 draw clips that have one 2.5 times as often"""
    windows: int = 20000
    """windows that stages 2 and 3 draw and make tokens of, once"""
    replaced: float = 0.1
    """share of the visible codes that are random ones, which are asked for too"""
    gaps: float = 0.5
    """chance that a motion is given but for a gap: at its end, at its beginning or inside"""
    kept_parts: float = 0.15
    """chance that some parts of the body are given from the first frame to the last, where tokens have parts"""
    spread: float = 0.4
    """how much of a target goes to codes near the true one"""
    exchanged: float = 0.5
    """chance that a visible code is exchanged for one near it, by the same shares"""
    dropout: float = 0.1
    """of the transformer's branches"""
    no_text: float = 0.1
    """chance that a motion is trained on without its text: guidance needs both"""
    text_dropout: float = 0.05
    """chance that a word is left out"""
    text_table: str = ""
    """a folder with the table of the "wordpiece" text encoder; empty: the one that comes with genmo"""
    path: float = 0.5
    """weight of the root's turn, way and height, whose errors add up"""
    way: float = 0.1
    """weight of heading and place over the ground, as they add up along a window"""
    optimizer: str = "adamw"
    """"adamw", or "muon" for the matrices of the transformer's layers with AdamW for the rest"""
    learning_rate: float = 2e-4
    warmup: int = 200
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    ema: float = 0.99
    """of the weights that are kept; as slow as the codebook"""
    bf16: bool = False
    """products in 16 bits: 2 to 4 times as fast on GPUs and on processors with AMX"""
    validate_every: int = 500
    save_every: int = 200
    seed: int = 0
    threads: int = 0
    """CPU threads; 0: all"""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, ..."""
    tensorboard: bool = False
    """write events for TensorBoard into DIR/events"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sets(self) -> TrainConfig:
        """What of it says which clips are read."""
        return TrainConfig(
            data=self.data,
            data_share=self.data_share,
            validation_subjects=self.validation_subjects,
            leave_out=self.leave_out,
            frames=self.frames,
            lengthen=self.lengthen,
        )


def token_presets() -> list[str]:
    """Names of the presets: `tokens-` and the file's; `tokens` is `tokens-small`."""
    return sorted(f"tokens-{path.stem}" for path in TOKEN_PRESETS.glob("*.yaml"))


def token_config_file(source: str) -> Path | None:
    """The file of a preset of tokens, or of a user's YAML whose first entry is `family: tokens`; None for others."""
    name = "tokens-small" if source == "tokens" else source
    if name in token_presets():
        return TOKEN_PRESETS / f"{name.removeprefix('tokens-')}.yaml"
    path = Path(source)
    return path if path.is_file() and read_entries(path, ()).get("family") == "tokens" else None


def read_token_config(path: Path, overrides: Sequence[str] = ()) -> TokenTrainConfig:
    """The config of a YAML file with `key=value` applied.  Raises InputError for what fits no training."""
    entries = read_entries(path, overrides)
    entries.pop("family", None)
    try:
        config: TokenTrainConfig = build_config(TokenTrainConfig(), entries)
    except EngineError as error:  # numbers of the model that fit no network
        raise InputError(f"config: {error}") from None
    _check(config)
    return config


def _check(config: TokenTrainConfig) -> None:
    if config.stage not in STAGES:
        raise InputError(f"config: stage is {config.stage}; wanted one of {', '.join(map(str, STAGES))}")
    part = FRAMES_A_TOKEN
    if not config.frames or not all(isinstance(n, int) and n >= 2 * part and n % part == 0 for n in config.frames):
        raise InputError(
            f"config: frames is {list(config.frames)}; wanted multiples of {part} (a token), at least {2 * part}"
        )
    for name, least in {
        "steps": 1,
        "batch": 1,
        "warmup": 0,
        "validate_every": 1,
        "save_every": 1,
        "threads": 0,
    }.items():
        if getattr(config, name) < least:
            raise InputError(f"config: {name} is {getattr(config, name)}; wanted at least {least}")
    if not (config.learning_rate > 0 and config.clip_norm > 0 and 0 <= config.ema < 1):
        raise InputError("config: wanted learning_rate and clip_norm above 0, and ema from 0 to below 1")
    if config.optimizer not in OPTIMIZERS or (config.optimizer == "muon" and config.stage == 1):
        allowed = "adamw" if config.stage == 1 else ", ".join(OPTIMIZERS)
        raise InputError(f"config: optimizer of stage {config.stage} is {config.optimizer!r}; wanted {allowed}")
    if (config.stage > 1) != bool(config.init):
        wanted = (
            "init=DIR of the run of the stage before"
            if config.stage > 1
            else "no init: run the command again to resume"
        )
        raise InputError(f"config: stage is {config.stage} and init {config.init!r}; wanted {wanted}")
    if config.stage == 3 and config.model.text_encoder == "none":
        raise InputError("config: stage 3 with model.text_encoder=none; wanted wordpiece, as texts are what it is for")
    for name in ("replaced", "gaps", "kept_parts", "spread", "exchanged", "dropout", "no_text", "text_dropout"):
        if not 0 <= getattr(config, name) < 1:
            raise InputError(f"config: {name} is {getattr(config, name)}; wanted 0 to below 1")
    for name in ("commitment", "places", "kinematics", "path", "way"):
        if getattr(config, name) < 0:
            raise InputError(f"config: {name} is {getattr(config, name)}; wanted a weight of at least 0")
