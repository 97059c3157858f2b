"""Metrics of sets against closed forms for Gaussians, brute force over pairs and binomial counts."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.support.errors import InputError
from genmo.train.metrics.sets import (
    Interval,
    bootstrap,
    diversity,
    frechet_distance,
    mean_interval,
    mm_dist,
    multimodality,
    r_precision,
)


def exactly(mean, root, count, seed=0):
    """`count` features whose sample mean is `mean` and whose sample covariance is root^T root, to rounding."""
    width = len(mean)
    draws = np.random.default_rng(seed).normal(size=(count, width))
    draws -= draws.mean(axis=0)
    white = np.linalg.qr(draws)[0] * np.sqrt(count - 1)
    return white @ root + mean


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(0, 5), st.floats(-5, 5), st.floats(0, 5)), min_size=1, max_size=6)
)
def test_frechet_of_independent_gaussians_is_the_sum_over_axes(rows):
    """For diagonal covariances: sum of (m1 - m2)^2 + (s1 - s2)^2."""
    m1, s1, m2, s2 = np.array(rows).T
    first, second = exactly(m1, np.diag(s1), 50), exactly(m2, np.diag(s2), 70, seed=1)
    assert frechet_distance(first, second) == pytest.approx(((m1 - m2) ** 2 + (s1 - s2) ** 2).sum(), abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_frechet_is_the_formula_with_a_matrix_square_root(seed, width):
    """tr (S1 S2)^(1/2) from the eigenvalues of the product itself, which this code never forms."""
    rng = np.random.default_rng(seed)
    roots, means = rng.normal(size=(2, width, width)), rng.normal(size=(2, width))
    sets = [exactly(m, r, 40, seed) for m, r in zip(means, roots, strict=True)]
    s1, s2 = (r.T @ r for r in roots)
    shared = np.sqrt(np.maximum(np.linalg.eigvals(s1 @ s2).real, 0)).sum()
    wanted = ((means[0] - means[1]) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * shared
    assert frechet_distance(*sets) == pytest.approx(wanted, abs=1e-5, rel=1e-6)
    assert frechet_distance(*sets) == pytest.approx(frechet_distance(*sets[::-1]), abs=1e-8)


def test_frechet_is_stable_with_fewer_motions_than_features():
    rng = np.random.default_rng(0)
    few = rng.normal(size=(20, 512))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(few, few + 0.1) == pytest.approx(512 * 0.01)
    assert frechet_distance(1e-4 * few, 1e-4 * few[::-1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bad", [np.zeros((1, 4)), np.zeros(4), np.array([[0.0, np.nan], [0, 0]])])
def test_features_that_are_none_are_refused(bad):
    with pytest.raises(InputError, match="wanted at least 2 rows"):
        frechet_distance(bad, np.zeros((3, 4)))


def test_r_precision_of_perfect_and_of_blind_encoders():
    rng = np.random.default_rng(0)
    texts = rng.normal(size=(200, 16))
    nothing = np.zeros((200, 200), bool)
    assert (r_precision(texts, texts + 1e-3, nothing) == 1).all()
    # independent of the text: the right one is in a random place of 32
    blind = np.concatenate([r_precision(texts, rng.normal(size=(200, 16)), nothing, draws=5) for _ in range(20)])
    np.testing.assert_allclose(blind.mean(axis=0), np.array([1, 2, 3]) / 32, atol=0.012)
    assert (r_precision(texts, np.zeros((200, 16)), nothing) == 0).all()  # all equal: a tie is a miss


def test_r_precision_over_the_whole_set_is_the_rank():
    """With a pool of everything there is no chance left: compare with ranks by brute force."""
    rng = np.random.default_rng(1)
    texts, motions = rng.normal(size=(2, 40, 3))
    motions = texts + motions
    ranks = [sum(np.linalg.norm(t - m) < np.linalg.norm(t - motions[i]) for m in motions) for i, t in enumerate(texts)]
    wanted = [np.mean([rank < k for rank in ranks]) for k in (1, 2, 3)]
    np.testing.assert_allclose(r_precision(texts, motions, np.zeros((40, 40), bool), pool=40, draws=2), [wanted] * 2)


def test_the_same_wording_is_never_a_wrong_answer():
    """Ten motions of each of 40 texts: naive counting calls a hit of the same words a miss."""
    rng = np.random.default_rng(2)
    words = np.repeat(np.arange(40), 10)
    texts = rng.normal(size=(40, 8))[words]
    motions = texts + 1e-3 * rng.normal(size=texts.shape)
    same = words[:, None] == words[None]
    assert (r_precision(texts, motions, same, draws=3) == 1).all()
    assert r_precision(texts, motions, np.zeros_like(same), draws=3)[:, 0].mean() < 0.9


def test_r_precision_wants_enough_other_wordings():
    texts = np.random.default_rng(0).normal(size=(33, 4))
    same = np.zeros((33, 33), bool)
    same[3, :5] = True
    with pytest.raises(InputError, match="28 motions of other wordings; 32-way R-precision wants 31"):
        r_precision(texts, texts, same)


def test_distances_between_sets_by_brute_force():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 9, 5))
    np.testing.assert_allclose(mm_dist(a, b), [math.dist(x, y) for x, y in zip(a, b, strict=True)])
    pairs = [math.dist(x, y) for x, y in itertools.combinations(a, 2)]
    assert diversity(a) == pytest.approx(np.mean(pairs))
    sets = rng.normal(size=(4, 6, 5))
    each = [[math.dist(x, y) for x, y in itertools.combinations(s, 2)] for s in sets]
    assert multimodality(sets) == pytest.approx(np.mean(each))


def test_diversity_of_a_gaussian():
    """|x - y| of two standard normals in d dimensions: sqrt(2) times the mean of a chi distribution."""
    features = np.random.default_rng(4).normal(size=(1500, 6))
    chi = math.sqrt(2) * math.gamma(3.5) / math.gamma(3)
    assert diversity(features) == pytest.approx(math.sqrt(2) * chi, rel=0.02)


def test_the_normal_interval_is_the_textbooks():
    interval = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    half = 1.96 * math.sqrt(5 / 3) / 2
    assert interval.value == 2.5
    assert (interval.low, interval.high) == pytest.approx((2.5 - half, 2.5 + half), rel=1e-4)
    with pytest.raises(InputError, match="at least two"):
        mean_interval(np.array([1.0]))


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(5)
    samples = rng.normal(3.0, 2.0, (400, 40))
    normal = [mean_interval(s) for s in samples]
    boot = [bootstrap([np.atleast_1d(v) for v in s], draws=200) for s in samples[:150]]
    for intervals, low in ((normal, 0.90), (boot, 0.87)):
        cover = np.mean([i.low <= 3.0 <= i.high for i in intervals])
        assert low <= cover <= 0.985


def test_the_bootstrap_resamples_clips_not_frames():
    """Constant clips: the interval must be that of four numbers, however long the clips are."""
    short = bootstrap([np.full(1, v) for v in (1.0, 2.0, 3.0, 4.0)])
    long = bootstrap([np.full(500, v) for v in (1.0, 2.0, 3.0, 4.0)])
    assert (short.low, short.high) == (long.low, long.high)
    assert long.high - long.low > 1.5 and long.value == 2.5
    assert bootstrap([np.array([1.0, 9.0]), np.array([5.0])], np.median).value == 5
    with pytest.raises(InputError):
        bootstrap([])


def test_an_interval_prints_short():
    assert str(Interval(12.345, 11.9, 12.8)) == "12.3 [11.9, 12.8]"
