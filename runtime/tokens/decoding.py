"""Masked tokens filled in, most of them at once (GenM3, section 3.3): the sure ones stay, the others are asked again.

Works on ids; the network answers, for each place, its likeliest codes and the logarithm of the sum over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from genmo.runtime.support.arrays import Array, Flags, Numbers
from genmo.runtime.support.errors import EngineError
from genmo.runtime.tokens.config import TokenConfig

STEPS, MAX_STEPS = 10, 1000
GUIDANCE = 3.0
"""where nothing is given but a text"""
GIVEN_GUIDANCE = 1.0
"""where frames are given too, which tell more than the text"""
CANDIDATES = 64
"""likeliest codes of a place that a network answers, fewer where it has fewer"""


@dataclass(frozen=True, eq=False)
class Likely:
    """What a network thinks of each part of each place."""

    logits: Array
    """[rows, places, parts, candidates], falling"""
    ids: Numbers
    """[rows, places, parts, candidates]"""
    total: Array
    """[rows, places, parts]: log of the sum of exp of all logits, those of other codes too"""


@dataclass(frozen=True, eq=False)
class Mixture:
    """Tokens of which each part is a mixture of codes."""

    ids: Numbers
    """[rows, tokens, parts, candidates]"""
    shares: Array
    """[rows, tokens, parts, candidates] float32, adding up to 1"""

    @classmethod
    def of(cls, ids: Numbers, candidates: int = 1) -> Mixture:
        """Of ids [rows, tokens, parts], each by itself, the first of so many candidates."""
        shares = np.zeros((*ids.shape, candidates), np.float32)
        shares[..., 0] = 1.0
        return cls(np.repeat(ids[..., None], candidates, axis=-1), shares)

    def row(self, number: int) -> Mixture:
        """One row, as rows."""
        return Mixture(self.ids[number : number + 1], self.shares[number : number + 1])


class TokenNetwork(Protocol):
    """Anything that tells what masked tokens may be."""

    def __call__(self, ids: Numbers, texts: Array, mask: Array, mixture: Array) -> Likely:
        """`ids` [inputs, places, parts], texts [inputs, words, width] with their mask [inputs, words]; `mixture` [rows,
        inputs]: a row's logits are this sum of its inputs' (`guided`)."""


def guided(texts: Array, mask: Array, rows: int, guidance: float) -> tuple[Array, Array, Array]:
    """Texts [inputs, words, width], mask [inputs, words] and mixture [rows, inputs] of one text's `rows` samples.

    `texts` [words, width] and `mask` [words].  With a guidance g other than 1 every sample is asked twice, and its
    logits are u + g (c - u) of those with the text, c, and without, u (Ho and Salimans 2022).
    """
    plain = np.eye(rows, dtype=np.float32)
    texts, mask = np.repeat(texts[None], rows, axis=0), np.repeat(mask[None], rows, axis=0)
    if guidance == 1 or not mask.any():
        return texts, mask, plain
    mixture = np.concatenate([guidance * plain, (1 - guidance) * plain], axis=1).astype(np.float32)
    return np.concatenate([texts, 0 * texts]), np.concatenate([mask, 0 * mask]), mixture


def still_masked(count: int, step: int, steps: int) -> int:
    """Tokens of `count` that are masked again after `step` (from 0 on) of `steps`: a cosine; none after the last."""
    return int(np.floor(np.cos(np.pi / 2 * (step + 1) / steps) * count)) if step + 1 < steps else 0


def fill(
    network: TokenNetwork,
    ids: Numbers,
    texts: tuple[Array, Array, Array],
    config: TokenConfig,
    random: Sequence[np.random.Generator],
    steps: int = STEPS,
    temperature: float = 1.0,
    done: Callable[[int], object] = lambda step: None,
) -> tuple[Numbers, Array]:
    """Ids [rows, tokens, parts] in which nothing is masked, and how sure each is, 1 for those that were known.

    Where tokens have several parts, each is masked and filled in by itself: those of a token that are known tell of the
    others.  `ids` [rows, tokens, parts]: what is not `config.mask_id` stays as it is.  `texts`: what `guided` answers.
    `random`: a generator a row, so that a row does not depend on the others.  `temperature`: 0 takes the likeliest
    codes, 1 draws them as likely as the network has them; how sure a token is, is its probability at 1.  `done` is
    called with the steps so far.  Raises EngineError for a network that answers NaN or infinity, or codes that there
    are none of.
    """
    ids, sure = ids.copy(), np.ones(ids.shape)
    counts = (ids == config.mask_id).sum(axis=(1, 2))
    inputs = texts[2].shape[1] // len(ids)
    for step in range(steps):
        masked = ids == config.mask_id
        if not masked.any():
            break
        ended = np.concatenate([ids, np.full_like(ids[:, :1], config.end_id)], axis=1)
        likely = network(np.tile(ended, (inputs, 1, 1)), *texts)
        drawn, probability = _drawn(likely, config, random, temperature, ids.shape[1])
        ids, sure = np.where(masked, drawn, ids), np.where(masked, probability, sure)
        for row, count in enumerate(counts):
            again = _least_sure(sure[row].ravel(), masked[row].ravel(), still_masked(int(count), step, steps))
            ids[row].reshape(-1)[again] = config.mask_id
        done(step + 1)
    return ids, sure


def expected(
    network: TokenNetwork, ids: Numbers, free: Flags, texts: tuple[Array, Array, Array], config: TokenConfig
) -> Mixture:
    """What ids [rows, tokens, parts], all filled in, stand for: codes that are `free` [rows, tokens, parts] become all
    codes, as likely as the network has them where all others are as they are; the rest stays.

    The network is trained to doubt visible codes, so what it answers for one follows from the others alone.  Drawn
    codes lie around what they are drawn for; decoding their expectation takes that noise away (docs/tokens.md has
    numbers).
    """
    ended = np.concatenate([ids, np.full_like(ids[:, :1], config.end_id)], axis=1)
    likely = network(np.tile(ended, (texts[2].shape[1] // len(ids), 1, 1)), *texts)
    logits = likely.logits[:, : ids.shape[1]].astype(np.float64)
    shares = np.exp(logits - logits[..., :1])
    shares /= shares.sum(axis=-1, keepdims=True)
    known, chosen = Mixture.of(ids, shares.shape[-1]), free[..., None]
    codes = np.where(chosen, likely.ids[:, : ids.shape[1]], known.ids)
    return Mixture(codes, np.where(chosen, shares, known.shares).astype(np.float32))


def _drawn(
    likely: Likely, config: TokenConfig, random: Sequence[np.random.Generator], temperature: float, tokens: int
) -> tuple[Numbers, Array]:
    """A code of each part of each place [rows, tokens, parts] and its probability.

    By Gumbel's trick: the largest of logits / temperature + noise falls on a code as often as it is likely.
    """
    logits, codes = likely.logits[:, :tokens].astype(np.float64), likely.ids[:, :tokens]
    if not (
        np.isfinite(logits).all() and np.isfinite(likely.total).all() and 0 <= codes.min() <= codes.max() < config.codes
    ):
        raise EngineError(
            "the network answered numbers that are not finite, or codes that there are none of; wanted an engine whose "
            "weights are whole: export it again"
        )
    noise = np.stack([one.gumbel(size=logits.shape[1:]) for one in random])
    best = (logits + temperature * noise).argmax(axis=-1)[..., None]
    chosen = np.take_along_axis(logits, best, axis=-1)[..., 0]
    return np.take_along_axis(codes, best, axis=-1)[..., 0], np.exp(chosen - likely.total[:, :tokens])


def _least_sure(sure: Array, drawn: Flags, count: int) -> Numbers:
    """The `count` least sure of the tokens that were drawn in this step."""
    (places,) = np.nonzero(drawn)
    return places[np.argsort(sure[places], kind="stable")[: min(count, len(places))]]
