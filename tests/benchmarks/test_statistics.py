"""The benchmarks' arithmetic on data whose answer is known.  Nothing here asserts a time."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SOURCE = Path(__file__).resolve().parents[2] / "benchmarks" / "measure.py"


@pytest.fixture(scope="module")
def measure():
    name = "benchmarks_measure"
    spec = importlib.util.spec_from_file_location(name, SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def pair(measure, baseline, candidate):
    return measure.Pair(*(measure.Block((ms, 2 * ms, 3 * ms), ms) for ms in (baseline, candidate)))


def test_a_ratio_is_taken_inside_its_pair(measure):
    # The machine gets four times slower on the way: averages over the run would say nothing about the pairs.
    pairs = [pair(measure, 2.0 * drift, 1.0 * drift) for drift in (1, 2, 4)]
    for worth in measure.METRICS.values():
        np.testing.assert_allclose(measure.ratios(pairs, worth), 2)


def test_the_estimate_is_the_median_not_the_mean(measure):
    estimate = measure.estimate(np.array([1.0, 1.1, 1.2, 1.3, 90.0]))
    assert estimate.ratio == 1.2
    assert 1 <= estimate.low <= estimate.ratio <= estimate.high


def test_the_interval_holds_the_truth_about_95_times_in_100(measure):
    random = np.random.default_rng(0)
    trials = [measure.estimate(random.lognormal(np.log(1.5), 0.05, 15), resamples=500) for _ in range(300)]
    held = np.mean([trial.low <= 1.5 <= trial.high for trial in trials])
    assert 0.9 <= held <= 0.99


def test_more_pairs_make_a_narrower_interval(measure):
    random = np.random.default_rng(0)
    few, many = (measure.estimate(random.lognormal(0, 0.05, count)) for count in (8, 200))
    assert many.high - many.low < (few.high - few.low) / 2


def test_the_same_values_give_the_same_interval(measure):
    values = np.random.default_rng(0).lognormal(0, 0.1, 15)
    assert measure.estimate(values) == measure.estimate(values.copy())


def test_identical_series_give_exactly_one(measure):
    estimates = measure.estimates([pair(measure, ms, ms) for ms in (3.0, 5.0, 4.0)])
    assert set(estimates.values()) == {measure.Estimate(1.0, 1.0, 1.0)}


def test_a_against_a_with_noise_contains_one(measure):
    random = np.random.default_rng(0)
    pairs = [pair(measure, *random.lognormal(0, 0.03, 2)) for _ in range(30)]
    for estimate in measure.estimates(pairs).values():
        assert estimate.low <= 1 <= estimate.high
        assert measure.verdict(estimate, measure.noise_floor(estimate)) == "within noise"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.10, 1.20, "better"),
        (1.04, 1.20, "within noise"),
        (0.97, 1.04, "within noise"),
        (0.90, 0.97, "within noise"),
        (0.80, 0.90, "worse"),
    ],
)
def test_only_what_is_beyond_the_noise_floor_is_claimed(measure, low, high, said):
    floor = measure.noise_floor(measure.Estimate(1.0, 1 / 1.05, 1.02))
    assert floor == pytest.approx(1.05)
    assert measure.verdict(measure.Estimate((low + high) / 2, low, high), floor) == said


def test_blocks_run_as_a_b_b_a(measure):
    calls = []
    contests = {name: (lambda n=name: calls.append(f"{n}A"), lambda n=name: calls.append(f"{n}B")) for name in "xy"}
    measured = measure.interleave(contests, pairs=3, seconds=1e-9)
    blocks = [calls[0]] + [after for before, after in zip(calls, calls[1:], strict=False) if before != after]
    assert blocks == ["xA", "xB", "xA", "yA", "yB", "yA", "xA", "xB", "yA", "yB"]  # B B merge here into one B
    assert {name: len(pairs) for name, pairs in measured.items()} == {"x": 3, "y": 3}


def test_the_first_call_of_a_block_does_not_count(measure):
    calls = []
    block = measure.run_block(lambda: calls.append(0), seconds=1e-9)
    assert len(block.wall_ms) == len(calls) - 1 == 1
    assert block.fastest == block.p50 == block.wall_ms[0] >= 0
