"""Takes of tokens that begin from examples."""

import numpy as np
import pytest

from genmo.runtime.conditions.spans import ReferenceSpan
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.token_features import encode_motion
from genmo.runtime.refine.token_takes import MASKED, example_tokens, share_masked
from tests.train.made_motions import made

MASK, PARTS = 99, 6


def walk(frames):
    clip = made(frames, speed=1.0)
    return Motion(clip.rotations, clip.translation)


def height_codes(features):
    """Codes that say which frames they are of: those of the motion that is encoded."""
    return np.repeat(np.arange(len(features) // 4)[:, None], PARTS, axis=1) + 10 * round(float(features[0, 3]))


def begun(spans, tokens=30, encode=height_codes, seed=0):
    ids = np.full((2, tokens, PARTS), MASK)
    generators = [np.random.default_rng((seed, take)) for take in range(2)]
    return example_tokens([(), spans], ids, encode, MASK, generators)


def test_a_share_of_the_example_is_kept():
    """Each code by itself, and nothing in takes without an example."""
    for strength, share in ((1.0, MASKED[0]), (0.5, MASKED[1])):
        assert share_masked(strength) == pytest.approx(share)
        plain, taken = begun((ReferenceSpan(walk(120), 0, strength),))
        assert (plain == MASK).all()
        assert (taken == MASK).mean() == pytest.approx(share, abs=0.12)
        kept = taken != MASK
        assert (taken[kept] == (np.arange(30)[:, None] + np.zeros(PARTS, int) + 10)[kept]).all()
        assert len(set(kept.sum(axis=1))) > 2, "parts are masked by themselves"
    again, other = (begun((ReferenceSpan(walk(120), 0, 1.0),), seed=seed)[1] for seed in (0, 1))
    assert np.array_equal(again, begun((ReferenceSpan(walk(120), 0, 1.0),))[1]) and not np.array_equal(again, other)


def test_examples_lie_on_whole_tokens_and_fade_into_others():
    seen = []

    def encode(features):
        seen.append(features)
        return np.zeros((len(features) // 4, PARTS), int)

    span = ReferenceSpan(walk(60), 30, 1.0, fade=8)  # frames 30 to 90: tokens 8 to 21
    taken = begun((span,), encode=encode)[1]
    np.testing.assert_array_equal(seen[0], encode_motion(span.motion)[2:58])
    some = (taken != MASK).any(axis=1)
    assert not some[:10].any() and some[10:20].any() and not some[20:].any()
    whole = begun((ReferenceSpan(walk(120), 0, 1.0, fade=8),))[1]
    assert (whole[[0, 1, 28, 29]] != MASK).any(), "at the ends of a motion there is nothing to fade into"
    assert (begun((ReferenceSpan(walk(60), 90, 1.0),), tokens=23)[1] == MASK).all(), "longer than what is left"
