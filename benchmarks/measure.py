"""Timing by ratios: interleaved blocks of two peers, the median of their ratios and how sure it is.

What is unusual:
- the two peers of a contest run in turn as A B B A, so a drift of the machine falls on both alike;
- a ratio is taken inside a pair of neighbouring blocks, never between averages of the whole run;
- a contest of a peer against itself (A/A) shows how large a ratio this machine makes out of nothing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], object]
MIN_PAIRS = 6
"""With fewer pairs not even their full range holds the true median with 95 % (1 - 2 / 2^n)"""


@dataclass(frozen=True)
class Block:
    """One peer called again and again for a while."""

    wall_ms: tuple[float, ...]
    """of each call"""
    cpu_ms: float
    """a call, over all threads of this process"""

    @property
    def p50(self) -> float:
        return float(np.median(self.wall_ms))

    @property
    def fastest(self) -> float:
        return min(self.wall_ms)


class Pair(NamedTuple):
    """Neighbouring blocks of the two peers of a contest."""

    baseline: Block
    candidate: Block


class Estimate(NamedTuple):
    """A median ratio and its 95 % confidence interval."""

    ratio: float
    low: float
    high: float


METRICS: dict[str, Callable[[Block], float]] = {
    "wall, p50": lambda block: block.p50,
    "wall, fastest": lambda block: block.fastest,
    "CPU time": lambda block: block.cpu_ms,
}
"""What a block is worth, by name; smaller is better"""


def run_block(call: Call, seconds: float) -> Block:
    """Call for `seconds`, at least once, after one call that does not count (caches, threads of the other peer)."""
    call()
    times: list[float] = []
    cpu_start, start = time.process_time(), time.perf_counter()
    end = start + seconds
    while not times or start < end:
        call()
        now = time.perf_counter()
        times.append(1000 * (now - start))
        start = now
    return Block(tuple(times), 1000 * (time.process_time() - cpu_start) / len(times))


def schedule(contests: Sequence[str], pairs: int) -> Iterator[tuple[str, bool]]:
    """(contest, baseline first?) of every pair: each contest gets two pairs at a time, A B then B A."""
    for first in range(0, pairs, 2):
        for name, number in itertools.product(contests, range(first, min(first + 2, pairs))):
            yield name, number % 2 == 0


def interleave(
    contests: Mapping[str, tuple[Call, Call]],
    pairs: int,
    seconds: float,
    progress: Callable[[], object] = lambda: None,
) -> dict[str, list[Pair]]:
    """Measure each contest (baseline, candidate) `pairs` times in blocks of `seconds`; `progress` after each pair."""
    measured: dict[str, list[Pair]] = {name: [] for name in contests}
    for name, in_order in schedule(list(contests), pairs):
        baseline, candidate = contests[name]
        if in_order:
            first = run_block(baseline, seconds)
            pair = Pair(first, run_block(candidate, seconds))
        else:
            first = run_block(candidate, seconds)
            pair = Pair(run_block(baseline, seconds), first)
        measured[name].append(pair)
        progress()
    return measured


def ratios(pairs: Sequence[Pair], metric: Callable[[Block], float]) -> NDArray[np.float64]:
    """[pairs] baseline over candidate; above 1 the candidate needs less."""
    return np.array([metric(pair.baseline) / metric(pair.candidate) for pair in pairs])


def estimate(values: NDArray[np.float64], resamples: int = 10_000) -> Estimate:
    """The median of [pairs] ratios with a percentile-bootstrap 95 % interval; the same for the same values."""
    random = np.random.default_rng(0)
    drawn = np.median(values[random.integers(0, len(values), (resamples, len(values)))], axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(np.median(values)), float(low), float(high))


def estimates(pairs: Sequence[Pair]) -> dict[str, Estimate]:
    """An estimate for each of METRICS."""
    return {name: estimate(ratios(pairs, metric)) for name, metric in METRICS.items()}


def noise_floor(same: Estimate) -> float:
    """The smallest factor (1 = none) that a run with this A/A estimate may claim, up or down."""
    return max(same.high, 1 / same.low)


def verdict(measured: Estimate, floor: float) -> str:
    """better, worse, or within noise: whether the whole interval lies beyond the noise floor."""
    if measured.low > floor:
        return "better"
    return "worse" if measured.high < 1 / floor else "within noise"
