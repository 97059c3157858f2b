"""Windows of clips, with their captions, drawn and made tokens of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from tqdm import tqdm

from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.motion.token_features import leg_scale, to_features
from genmo.runtime.support.arrays import Numbers
from genmo.runtime.tokens.config import FRAMES_A_TOKEN
from genmo.train.data.batch_sampler import BatchSampler, Window
from genmo.train.data.token_store import TokenStore
from genmo.train.datasets.clips import Clip
from genmo.train.network.mevq import MotionVQ
from genmo.train.network.normalisation import Normalisation
from genmo.train.settings.augmentation import AugmentationConfig
from genmo.train.settings.captions import CaptionConfig
from genmo.train.settings.token_config import TokenTrainConfig

TOGETHER = 32
"""windows that are encoded at a time"""
SHORTEST = 4
"""tokens of a part of a window with a caption of its own"""


def encoded(windows: Sequence[Window], vq: MotionVQ, normalisation: Normalisation) -> Numbers:
    """Ids [windows, tokens, parts] of windows of one length."""
    rotations, path, betas = (
        np.stack([getattr(window, name) for window in windows]) for name in ("rotations", "translation", "betas")
    )
    features = torch.from_numpy(to_features(rotations, path, leg_scale(shape_space().offsets(betas)))).float()
    with torch.no_grad():
        ids: Numbers = vq.encode(normalisation.apply(features.to(normalisation.mean.device))).cpu().numpy()
    return ids


def variety(config: TokenTrainConfig) -> AugmentationConfig:
    """How the windows of stages 2 and 3 vary: mirrored, and at other speeds."""
    return AugmentationConfig(mirror=config.variety.mirror, speed=config.variety.speed, shape=0.0)


def token_sampler(config: TokenTrainConfig, clips: list[Clip], captions: CaptionConfig | None) -> BatchSampler:
    """What draws the windows of stages 2 and 3, with captions in stage 3."""
    kind = variety(config)
    return BatchSampler(clips, kind, config.seed, often=config.often, captions=captions, lengths=config.frames)


def draw_windows(sampler: BatchSampler, count: int, frames: Sequence[int], seed: int) -> Iterator[list[Window]]:
    """`count` windows, up to TOGETHER of one length at a time, the lengths drawn from `frames`."""
    for first in tqdm(range(0, count, TOGETHER), desc="tokens", unit=f"{TOGETHER} windows", disable=None):
        random = np.random.default_rng((seed, first, 7))
        length = int(random.choice(frames))
        yield list(sampler.windows(0, min(TOGETHER, count - first), length, random)[0])


def drawn_captions(sampler: BatchSampler, count: int, frames: Sequence[int], seed: int) -> Iterator[str]:
    """The captions of the motions that `draw_store` makes."""
    for windows in draw_windows(sampler, count, frames, seed):
        for window in windows:
            yield from (caption for _, caption in _parts(window, len(window.rotations) // FRAMES_A_TOKEN))


def draw_store(
    sampler: BatchSampler, vq: MotionVQ, normalisation: Normalisation, count: int, frames: Sequence[int], seed: int
) -> TokenStore:
    """`count` windows as tokens, of lengths drawn from `frames`.

    A window whose caption has two parts becomes two motions, each of its part's tokens.
    """
    ids: list[Numbers] = []
    captions: list[str] = []
    for windows in draw_windows(sampler, count, frames, seed):
        for row, window in zip(encoded(windows, vq, normalisation), windows, strict=True):
            for part, caption in _parts(window, len(row)):
                ids.append(row[part])
                captions.append(caption)
    lengths = np.array([len(row) for row in ids])
    padded = np.zeros((len(ids), lengths.max(), ids[0].shape[-1]), np.int64)
    for index, row in enumerate(ids):
        padded[index, : len(row)] = row
    return TokenStore(padded, lengths, tuple(captions))


def _parts(window: Window, tokens: int) -> list[tuple[slice, str]]:
    """The tokens of a window that have a caption, with it."""
    said, cut = window.caption, round(window.caption.cut / FRAMES_A_TOKEN)
    if not said.then:
        return [(slice(0, tokens), said.text)]
    parts = [(slice(0, cut), said.text), (slice(cut, tokens), said.then)]
    return [(part, text) for part, text in parts if part.stop - part.start >= SHORTEST]
