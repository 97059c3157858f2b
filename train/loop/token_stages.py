"""Where a run of GenM3's training begins: its stage's data, the model of the stage before, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.known_prompts import KnownPrompts
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.batch_sampler import BatchSampler
from genmo.train.data.load_sets import drawn_weights, load_data
from genmo.train.data.seen_prompts import SeenPrompts
from genmo.train.data.token_drawing import draw_store, token_sampler, variety
from genmo.train.data.token_store import TokenStore, fingerprint, read_store, write_store
from genmo.train.data.token_windows import TokenWindows
from genmo.train.datasets.clips import Clip
from genmo.train.loop.mask_stage import HELD_OUT, MaskStage
from genmo.train.loop.vq_stage import VQStage
from genmo.train.network.normalisation import Normalisation
from genmo.train.network.token_model import TokenModel, load_token_checkpoint
from genmo.train.network.wordpiece_text import read_text_table
from genmo.train.settings.captions import CaptionConfig
from genmo.train.settings.token_config import TokenTrainConfig

STATISTICS_BATCHES = 20
FILE, HELD_OUT_FILE = "tokens.npz", "tokens_held_out.npz"
OF_TOKENS = ("codes", "code_width", "vq_width", "vq_experts", "parts", "gate")
"""settings of the model that stage 1 fixed"""


class Stage(Protocol):
    """What a trainer asks of a stage."""

    selects: str

    def batch(self, step: int) -> Any: ...

    def losses(self, model: TokenModel, batch: Any, normalisation: Normalisation) -> dict[str, Tensor]: ...

    def scores(self, model: TokenModel, normalisation: Normalisation) -> dict[str, float]: ...


@dataclass(frozen=True, eq=False)
class Beginning:
    """A run before its first step."""

    stage: Stage
    model: TokenModel
    normalisation: Normalisation
    before: dict[str, Any]
    """provenance of the run of the stage before"""
    known_prompts: KnownPrompts | None = None
    """what stage 3 learns in words"""
    table: Path = SHIPPED
    """where its table of words is from: what else reads these words is taken along"""


def begin(config: TokenTrainConfig, folder: Path, device: torch.device) -> Beginning:
    """The beginning of a run in `folder`.  Raises InputError for sets or a run before that do not fit."""
    if config.stage == 1:
        clips, weights, enough = _clips(config)
        stage = VQStage(config, TokenWindows(clips, weights, config.variety, config.seed), enough)
        normalisation = stage.statistics(STATISTICS_BATCHES).to(device)
        return Beginning(stage, TokenModel(config.model).to(device), normalisation, {})
    before = load_token_checkpoint(config.init)
    model = _model_of(config, before.model).to(device)
    normalisation = before.normalisation.to(device)
    folder.mkdir(parents=True, exist_ok=True)
    store, other = token_stores(config, folder, model, normalisation)
    seen = SeenPrompts(before.known_prompts)
    seen.add(store.captions if config.stage == 3 else ())
    known = seen.known(model.text_encoder)
    table = Path(config.text_table) if config.text_table else SHIPPED
    return Beginning(MaskStage(config, store, other), model, normalisation, before.provenance, known, table)


def _clips(config: TokenTrainConfig) -> tuple[list[Clip], Array, list[Clip]]:
    """Clips to train on, how often each is drawn, and those of held-out people that are long enough."""
    sets = config.sets()
    clips, held_out, shares = load_data(sets)
    enough = [clip for clip in held_out if clip.frames >= max(config.frames)]
    return clips, drawn_weights(sets, clips, shares), enough


def _samplers(config: TokenTrainConfig) -> tuple[BatchSampler, BatchSampler | None]:
    """What draws windows of training and of held-out people, None for nobody."""
    clips, weights, enough = _clips(config)
    captions = config.captions if config.stage == 3 else None
    sampler = token_sampler(config, clips, captions)
    sampler.weights = weights
    own = None if captions is None else CaptionConfig(captions.measured, captions.beside, 0.0, 0.0)
    return sampler, token_sampler(config, enough, own) if enough else None


def _model_of(config: TokenTrainConfig, before: TokenModel) -> TokenModel:
    """A model of the run's stage with what it takes over; what makes tokens of motions is trained no further."""
    same: Sequence[str] = OF_TOKENS if before.stage == 1 else tuple(config.model.to_json())
    ours, theirs = config.model.to_json(), before.config.to_json()
    different = {name: (theirs[name], ours[name]) for name in same if theirs[name] != ours[name]}
    if different:
        raise InputError(f"config: init is another model ({different}: there, here); wanted equal model settings")
    table = read_text_table(config.model, config.text_table) if config.stage == 3 else None
    model = TokenModel(config.model, config.stage, table, config.dropout)
    model.load_state_dict(model.state_dict() | before.state_dict())
    model.vq.requires_grad_(False)
    return model


def token_stores(
    config: TokenTrainConfig, folder: Path, model: TokenModel, normalisation: Normalisation
) -> tuple[TokenStore, TokenStore | None]:
    """The stores of training and of held-out motions, from `folder` where they were made of the same, so that a run
    that is resumed reads no clips; made and kept there otherwise."""
    captions = config.captions if config.stage == 3 else None
    settings = [
        config.seed,
        config.windows,
        list(config.frames),
        list(config.data),
        repr(captions),
        repr(variety(config)),
        list(config.often),
        list(config.validation_subjects),
        list(config.leave_out),
    ]
    made_of = fingerprint(model.vq, settings)
    kept = [read_store(folder / name, made_of, config.model) for name in (FILE, HELD_OUT_FILE)]
    if kept[0] is not None and (kept[1] is not None or not config.validation_subjects):
        return kept[0], kept[1]
    made: list[TokenStore | None] = []
    for name, sampler, count in zip((FILE, HELD_OUT_FILE), _samplers(config), (config.windows, HELD_OUT), strict=True):
        store = None
        if sampler is not None:
            store = draw_store(sampler, model.vq, normalisation, count, config.frames, config.seed)
            write_store(folder / name, store, made_of)
        made.append(store)
    assert made[0] is not None
    return made[0], made[1]
