"""What a run trains and validates on: clips of its sets, and what its config asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.batch_sampler import BatchSampler, clip_weights, has_word
from genmo.train.data.gait_loops import looped
from genmo.train.datasets.clips import Clip, split_clips, without_replaced
from genmo.train.datasets.read import read_clips
from genmo.train.datasets.store import FEATURES, Recording, good_stretches
from genmo.train.settings.config import TrainConfig

COARSE = 0.3
"""how much less often a coarse clip is drawn"""
_BY_FRAME = ("keypoints", "camera", "video", "music")


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a run trains and validates on."""

    clips: list[Clip]
    held_out: list[Clip]
    sampler: BatchSampler


def texts_from_outside(config: TrainConfig) -> bool:
    """Whether the network takes tokens of a text encoder that is not trained along."""
    return config.model.text_encoder == "none"


def read_training_data(config: TrainConfig) -> TrainingData:
    """The clips of a config's sets and what draws batches from them.  Raises InputError for sets that do not fit it."""
    clips, held_out, shares = load_data(config)
    outside = texts_from_outside(config)
    if outside and not config.text_model:
        clips, held_out = ([replace(clip, captions=()) for clip in group] for group in (clips, held_out))
    check_data(config, clips)
    sampler = BatchSampler(
        clips,
        config.variety,
        config.seed,
        known_subjects(config.subjects_2d, "subjects_2d", clips),
        config.often,
        features=feature_widths(config),
        reword=not outside,
        # tokens from outside are of captions that are known before the run
        captions=config.captions if config.generation and not outside else None,
        lengths=config.frames,
    )
    sampler.weights = drawn_weights(config, clips, shares)
    return TrainingData(clips, held_out, sampler)


def drawn_weights(config: TrainConfig, clips: list[Clip], shares: Sequence[float]) -> Array:
    """How often each clip is drawn [clips]; `shares`: what `load_data` answers."""
    weights = clip_weights(clips) * np.where([clip.coarse for clip in clips], COARSE, 1.0)
    return shared_weights(weights, clips, shares) if config.data_share else np.asarray(weights)


def shared_weights(weights: Array, clips: Sequence[Clip], shares: Sequence[float]) -> Array:
    """A weight a clip, scaled so that each set is drawn by its configured share."""
    sets = np.array([clip.name.split("/")[0] for clip in clips])
    scaled = weights.copy()
    for name in np.unique(sets):
        scaled[sets == name] /= scaled[sets == name].sum()
    return np.asarray(scaled * np.array(shares))


def load_data(config: TrainConfig) -> tuple[list[Clip], list[Clip], list[float]]:
    """Training clips, validation clips and a weight a training clip's set."""
    if not config.data:
        raise InputError("config: data is empty; wanted at least one *30 motion set, e.g. data=[path/to/cmu30]")
    every = without_replaced([clip for folder in config.data for clip in read_clips(folder)])
    clips = [stretch for clip in every for stretch in _usable(clip, min(config.frames))]
    if not clips:
        raise InputError(
            f"config: none of the {len(every)} clips in data can be trained on; wanted motions or keypoints"
        )
    left_out = set(known_subjects(config.leave_out, "leave_out", clips))
    clips = [clip for clip in clips if clip.subject not in left_out]
    train, held_out = split_clips(clips, list(config.validation_subjects))
    held_out = [clip for clip in held_out if _in_world(clip)]
    if config.lengthen:
        train = [clip if _has_more(clip) else looped(clip, max(config.frames) * 3 // 2) for clip in train]
    shares = dict(zip((Path(folder).name for folder in config.data), config.data_share, strict=False))
    return train, held_out, [shares.get(clip.name.split("/")[0], 1.0) for clip in train]


def _in_world(clip: Clip) -> bool:
    return clip.truth == "world"


def _usable(clip: Clip, shortest: int) -> Sequence[Clip]:
    """What of a clip can be trained on: its good stretches; nothing without a true motion or keypoints."""
    if not isinstance(clip, Recording):
        return [clip]
    empty = clip.truth == "keypoints" and clip.keypoints is None
    return [] if empty else good_stretches(clip, shortest)


def _has_more(clip: Clip) -> bool:
    """Whether a clip has arrays a frame besides its motion, which do not repeat with its steps."""
    return isinstance(clip, Recording) and any(getattr(clip, name) is not None for name in _BY_FRAME)


def known_subjects(names: Sequence[str], field: str, clips: Sequence[Clip]) -> list[str]:
    """The clips' subjects that `names` means, one by one or by their set.  Raises InputError for an unknown."""
    requested = set(names)
    matches = {clip.subject: {clip.subject, clip.subject.split("/")[0]} & requested for clip in clips}
    unknown = sorted(requested - set().union(*matches.values()))
    if unknown:
        raise InputError(f"config: {field} {unknown} are in no training clip; the data has {sorted(matches)}")
    return [subject for subject, names_of_subject in matches.items() if names_of_subject]


def feature_widths(config: TrainConfig) -> dict[str, int]:
    """Width of a frame's video and music features, where the network takes them."""
    return {name: shape[0] for name, shape in frame_conditions(config.model).items() if name in FEATURES}


def check_data(config: TrainConfig, clips: Sequence[Clip]) -> None:
    """Raises InputError for clips that cannot fill what the config asks for."""
    longest = max(clip.frames for clip in clips) if clips else 0
    if longest < max(config.frames):
        raise InputError(
            f"config: frames is {list(config.frames)}, the longest training clip has {longest}; "
            f"wanted windows of at most {longest}, e.g. frames=[{max(2, longest)}]"
        )
    for name, width in feature_widths(config).items():
        widths = {values.shape[1] for clip in clips if (values := getattr(clip, name, None)) is not None}
        if widths - {width}:
            listed = ", ".join(map(str, sorted(widths)))
            raise InputError(f"config: model.{name}_width is {width}, the clips' {name} features have {listed}")
    has_music = config.model.music_width and any(getattr(clip, "music", None) is not None for clip in clips)
    measured = config.captions.measured and any(_in_world(clip) for clip in clips) and not texts_from_outside(config)
    if config.generation and not has_music and not measured and not any(clip.captions for clip in clips):
        if config.model.text_encoder == "none" and not config.text_model:
            raise InputError(
                "config: model.text_encoder is none, so texts come from outside; wanted text_model=T5 (a folder as "
                "transformers saves it, or its name on the hub), or generation=0"
            )
        raise InputError(
            "config: no training clip has a caption, so nothing is learned from text; add captions (a .txt beside each "
            ".bvh), or train estimation alone with generation=0"
        )
    if config.often and not any(has_word(clip.captions, config.often) for clip in clips):
        raise InputError(f"config: often is {list(config.often)}; no caption has a word that begins so")
