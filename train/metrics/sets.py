"""Metrics of sets of motions: distances between features [motions, width] that some encoder made, and intervals.

Frechet distance, R-precision, MM-Dist, Diversity and MultiModality as defined by Guo et al. (CVPR 2022, section 5),
with expectations computed exactly where the original draws a sample of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

POOL = 32
"""motions among which R-precision looks for the right one"""
NORMAL_95 = 1.959963984540054
"""standard errors on either side of a mean that hold 95 % of a normal distribution"""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean_interval(values: Array) -> Interval:
    """Mean of repeated measurements [n] with the normal interval mean +- 1.96 s / sqrt(n), as Guo et al. report it.

    Raises InputError for fewer than two values.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise InputError(f"got values of shape {values.shape}; an interval wants at least two numbers")
    mean = float(values.mean())
    half = float(NORMAL_95 * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def over_rounds(values: Sequence[float]) -> float | Interval:
    """`mean_interval` of a number a round, or the number of the only round."""
    return mean_interval(np.array(values)) if len(values) > 1 else values[0]


def bootstrap(
    groups: list[Array], statistic: Callable[[Array], float] = np.mean, draws: int = 1000, seed: int = 0
) -> Interval:
    """95 % percentile interval of a statistic of all values, resampling whole groups [n] (Efron 1979).

    A group is what is independent: frames of a clip are not, so errors of frames come as one array a clip.  Raises
    InputError without a group.
    """
    if not groups:
        raise InputError("no values; an interval wants at least one group")
    random = np.random.default_rng(seed)
    picks = random.integers(len(groups), size=(draws, len(groups)))
    values = [float(statistic(np.concatenate([groups[i] for i in pick]))) for pick in picks]
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(float(statistic(np.concatenate(groups))), float(low), float(high))


def _features(values: Array, least: int = 2) -> Array:
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or len(values) < least or not np.isfinite(values).all():
        raise InputError(f"got features of shape {values.shape}; wanted at least {least} rows of finite numbers")
    return values


def frechet_distance(first: Array, second: Array) -> float:
    """Squared Frechet distance between Gaussians fitted to two sets of features [n, width] (Heusel et al. 2017).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).  With centred features S = A^T A, the last trace is the sum of the
    singular values of A1 A2^T, so no square root of an (often singular) matrix is taken.
    """
    first, second = _features(first), _features(second)
    one, two = (np.asarray(np.linalg.qr((f - f.mean(axis=0)) / np.sqrt(len(f) - 1), mode="r")) for f in (first, second))
    shared = float(np.linalg.norm(one @ two.T, ord="nuc"))
    spread = float((one**2).sum() + (two**2).sum())
    return float(((first.mean(axis=0) - second.mean(axis=0)) ** 2).sum() + max(spread - 2 * shared, 0.0))


def distances(first: Array, second: Array) -> Array:
    """Euclidean distances [n, m] of features [n, width] and [m, width]."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def r_precision(
    texts: Array,
    motions: Array,
    same: npt.NDArray[np.bool_],
    *,
    pool: int = POOL,
    draws: int = 20,
    seed: int = 0,
    of: npt.NDArray[np.bool_] | None = None,
) -> Array:
    """Top-1, top-2 and top-3 accuracy of finding a text's motion among `pool`: [draws, 3].

    Texts and motions [n, width], row i of one belongs to row i of the other.  `same` [n, n]: text i describes motion
    j just as well (the same wording); such a motion is never among the wrong ones.  Each draw meets every text with
    `pool - 1` wrong motions, chosen anew.  A tie counts as a miss.  `of` [n]: the accuracy
    of these texts only; the pools are those of all.  Raises InputError when a text has too few.
    """
    texts, motions = _features(texts), _features(motions)
    wrong = ~(same | np.eye(len(texts), dtype=bool))
    fewest = int(wrong.sum(axis=1).min())
    if fewest < pool - 1:
        raise InputError(f"a text has {fewest} motions of other wordings; {pool}-way R-precision wants {pool - 1}")
    distance = distances(texts, motions)
    closer = wrong & (distance <= np.diagonal(distance)[:, None])
    random = np.random.default_rng(seed)
    counted = slice(None) if of is None else of
    hits = []
    for _ in range(draws):
        # the pool - 1 smallest of random numbers given to the wrong ones are a uniform choice without repetition
        order = np.where(wrong, random.random(wrong.shape), np.inf)
        chosen = np.argpartition(order, pool - 2, axis=1)[:, : pool - 1]
        ahead = np.take_along_axis(closer, chosen, axis=1).sum(axis=1)
        hits.append([float((ahead[counted] < k).mean()) for k in (1, 2, 3)])
    return np.asarray(hits)


def mm_dist(texts: Array, motions: Array) -> Array:
    """MultiModal distance of each text [n, width] to its own motion [n, width]: [n]."""
    return np.asarray(np.linalg.norm(_features(texts, 1) - _features(motions, 1), axis=1))


def diversity(features: Array) -> float:
    """Mean distance between two different motions of a set [n, width]: over all pairs.

    What Guo et al. estimate from 300 random pairs, and what AIST++ calls Div_k and Div_g on its features.
    """
    features = _features(features)
    count = len(features)
    return float(distances(features, features)[~np.eye(count, dtype=bool)].sum() / (count * (count - 1)))


def multimodality(features: Array) -> float:
    """Mean distance between motions made for one text: features [texts, samples, width], all pairs of samples."""
    return float(np.mean([diversity(samples) for samples in features]))
