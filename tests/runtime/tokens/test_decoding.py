"""The loop that fills in masked tokens: what it keeps, how many it leaves, and what it draws."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.support.errors import EngineError
from genmo.runtime.tokens.config import TokenConfig
from genmo.runtime.tokens.decoding import Likely, Mixture, expected, fill, guided, still_masked

CONFIG = TokenConfig(codes=5)
LIMBS = replace(CONFIG, parts="limbs")
MASK = CONFIG.mask_id
NO_TEXT = np.zeros((2, 3), np.float32), np.zeros(2, np.float32)


def generators(count, seed=0):
    return [np.random.default_rng((seed, row)) for row in range(count)]


class Oracle:
    """Knows the probability of each code at each place [places, codes], whatever is around it, the same for every part;
    counts what it sees."""

    def __init__(self, probability):
        self.logits = np.log(np.maximum(probability, 1e-30))
        self.masked = []
        self.seen = []

    def __call__(self, ids, texts, mask, mixture):
        self.seen.append(ids)
        self.masked.append((ids == MASK).sum(axis=(1, 2)).tolist())
        logits = np.pad(self.logits, ((0, 1), (0, 0)))[: ids.shape[1]]
        order = np.argsort(-logits, axis=1)
        sorted_logits = np.take_along_axis(logits, order, axis=1)
        rows = len(mixture)
        total = np.broadcast_to(np.log(np.exp(logits).sum(axis=1))[:, None], (rows, len(logits), ids.shape[2]))
        spread = [
            np.broadcast_to(some[:, None], (rows, len(logits), ids.shape[2], 5)) for some in (sorted_logits, order)
        ]
        return Likely(spread[0], spread[1], total)


def uniform(places=20):
    return Oracle(np.full((places, 5), 0.2))


def run(network, ids, **settings):
    """Of ids [rows, tokens], with one part a token."""
    ids = np.asarray(ids)[..., None]
    texts = guided(*NO_TEXT, len(ids), 1.0)
    answer = fill(network, ids, texts, CONFIG, generators(len(ids), settings.pop("seed", 0)), **settings)
    network.seen = [given[..., 0] for given in network.seen] if isinstance(network, Oracle) else None
    return tuple(array[..., 0] for array in answer)


def test_counts_follow_the_cosine():
    network = uniform()
    ids, _ = run(network, np.full((2, 20), MASK), steps=10)
    expected = [int(np.floor(np.cos(np.pi / 2 * k / 10) * 20)) for k in range(10)]
    assert network.masked == [[count, count] for count in expected]
    assert (ids < CONFIG.codes).all()
    assert [still_masked(20, step, 10) for step in range(10)] == [*expected[1:], 0]


def test_known_tokens_never_change():
    known = np.array([[MASK, 3, MASK, MASK, 1, MASK], [2, 2, MASK, MASK, MASK, 0]])
    network = uniform(6)
    ids, sure = run(network, known, steps=4)
    kept = known != MASK
    assert np.array_equal(ids[kept], known[kept]) and (sure[kept] == 1).all() and (sure[~kept] < 1).all()
    for given in network.seen:
        assert np.array_equal(given[:, :-1][kept], known[kept]) and (given[:, -1] == CONFIG.end_id).all()
    assert network.masked[0] == [4, 3]


def test_parts_are_filled_in_by_themselves():
    """Counts are of codes, not of places, and a token of which a part is known keeps it."""
    ids = np.full((1, 5, 6), MASK)
    ids[0, 2, :3] = [1, 2, 3]
    network = uniform(5)
    texts = guided(*NO_TEXT, 1, 1.0)
    filled, sure = fill(network, ids, texts, LIMBS, generators(1), 4)
    assert network.masked == [[int(np.floor(np.cos(np.pi / 2 * k / 4) * 27))] for k in range(4)]
    assert filled[0, 2, :3].tolist() == [1, 2, 3] and (sure[0, 2, :3] == 1).all() and (filled < 5).all()
    assert any(0 < ((given == MASK).sum(axis=-1)[0, :5] % 6).max() for given in network.seen[1:])


def test_what_is_settled_stays():
    """A token that a step left unmasked is the same in every later step."""
    network = uniform()
    run(network, np.full((1, 20), MASK), steps=6)
    for before, after in zip(network.seen, network.seen[1:], strict=False):
        settled = before != MASK
        assert np.array_equal(before[settled], after[settled])


def test_the_sure_ones_stay_first():
    probability = np.full((20, 5), 0.2)
    probability[7:12] = [0.96, 0.01, 0.01, 0.01, 0.01]
    network = Oracle(probability)
    run(network, np.full((1, 20), MASK), steps=3, temperature=0)
    first = network.seen[1][0, :-1]
    assert np.array_equal(np.flatnonzero(first != MASK)[-3:], [9, 10, 11]) or (first[7:10] == 0).all()
    assert set(np.flatnonzero(first != MASK)) <= set(range(7, 12))


def test_temperature_nought_takes_the_likeliest():
    probability = np.random.default_rng(0).dirichlet(np.ones(5), size=8)
    ids, sure = run(Oracle(probability), np.full((1, 8), MASK), temperature=0)
    assert ids[0].tolist() == probability.argmax(axis=1).tolist()
    assert sure[0] == pytest.approx(probability.max(axis=1))


def test_it_draws_what_the_network_says():
    """One step, so that nothing is chosen among drawn tokens by how sure they are: chi-square at every place."""
    probability = np.array([[0.5, 0.2, 0.15, 0.1, 0.05], [0.05, 0.05, 0.1, 0.1, 0.7]])
    ids, _ = run(Oracle(probability), np.full((4000, 2), MASK), steps=1)
    for place in range(2):
        counts = np.bincount(ids[:, place], minlength=5)
        expected = 4000 * probability[place]
        assert ((counts - expected) ** 2 / expected).sum() < 18.5  # 0.1 % of four degrees of freedom


def test_a_sample_is_its_own():
    """Of the seed and its number alone, not of how many there are; another seed is another."""
    both, _ = run(uniform(), np.full((3, 20), MASK))
    alone, _ = run(uniform(), np.full((1, 20), MASK))
    assert np.array_equal(both[:1], alone) and not np.array_equal(both[0], both[1])
    assert not np.array_equal(run(uniform(), np.full((1, 20), MASK), seed=1)[0], alone)


def test_guidance_asks_twice_and_mixes():
    rows, mask = np.ones((4, 3), np.float32), np.array([1, 1, 1, 0], np.float32)
    texts, masks, mixture = guided(rows, mask, 2, 4.0)
    assert texts.shape == (4, 4, 3) and masks[:2].tolist() == [mask.tolist()] * 2
    assert not texts[2:].any() and not masks[2:].any()
    assert mixture.tolist() == [[4, 0, -3, 0], [0, 4, 0, -3]]
    for settings in ((rows, mask, 2, 1.0), (rows, 0 * mask, 2, 4.0)):  # nothing to guide
        assert guided(*settings)[2].tolist() == [[1, 0], [0, 1]]


def test_what_was_drawn_becomes_what_is_expected():
    """And what was known stays; shares add up to 1."""
    probability = np.random.default_rng(0).dirichlet(np.ones(5), size=3)
    ids, free = np.array([[[4], [0], [2]]]), np.array([[[True], [False], [True]]])
    made = expected(Oracle(probability), ids, free, guided(*NO_TEXT, 1, 1.0), CONFIG)
    for place in (0, 2):
        order = np.argsort(-probability[place])
        assert made.ids[0, place, 0].tolist() == order.tolist()
        assert made.shares[0, place, 0] == pytest.approx(probability[place][order], abs=1e-6)
    assert made.ids[0, 1, 0].tolist() == [0] * 5 and made.shares[0, 1, 0].tolist() == [1, 0, 0, 0, 0]
    alone = Mixture.of(ids)
    assert alone.ids.shape == (1, 3, 1, 1) and (alone.shares == 1).all()


def test_nothing_masked_asks_nothing():
    network = uniform(3)
    ids, _ = run(network, [[1, 2, 3]])
    assert ids.tolist() == [[1, 2, 3]] and not network.seen


@pytest.mark.parametrize(("wrong", "value"), [("logits", np.nan), ("total", np.inf), ("ids", 99), ("ids", -1)])
def test_a_broken_network_is_said(wrong, value):
    def network(*inputs):
        likely = uniform(3)(*inputs)
        parts = {name: np.array(getattr(likely, name)) for name in ("logits", "ids", "total")}
        parts[wrong].flat[0] = value
        return Likely(**parts)

    with pytest.raises(EngineError, match="not finite, or codes that there are none of"):
        run(network, np.full((1, 3), MASK))
