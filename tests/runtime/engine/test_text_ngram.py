"""The n-gram text encoder against its definition, and on words it never saw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.engine.text_ngram import NgramTextEncoder, position_table, word_rows, words_of
from genmo.runtime.support.errors import InputError

BUCKETS, WIDTH, TOKENS = 4096, 6, 5


@pytest.fixture(scope="module")
def encoder():
    return NgramTextEncoder(np.random.default_rng(0).normal(size=(BUCKETS, WIDTH)).astype(np.float32), TOKENS)


def fnv(text):
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value


def test_the_hash_is_fnv_1a():
    """Test vectors of the hash's authors, seen through a table of 2^32 rows."""
    assert (fnv("a"), fnv("foobar")) == (0xE40C292C, 0xBF9CF968)
    assert word_rows("a", 2**32) == (fnv("<a>"),)


def test_a_word_is_its_grams_and_itself():
    grams = ["<wa", "wal", "alk", "lk>", "<wal", "walk", "alk>", "<walk", "walk>", "<walk>"]
    assert word_rows("walk", 1000) == tuple(fnv(gram) % 1000 for gram in grams)
    assert len(word_rows("aaaaaaaa", 1000)) == len({*word_rows("aaaaaaaa", 2**32)}), "no gram counts twice"


def test_tokens_are_means_of_rows_and_a_place(encoder):
    tokens, mask = encoder.encode("Walk, then RUN 2x")
    assert mask.tolist() == [1, 1, 1, 1, 0] and tokens.dtype == mask.dtype == np.float32
    for place, word in enumerate(["walk", "then", "run", "2x"]):
        rows = encoder.table[list(word_rows(word, BUCKETS))]
        wave = [f(place / 10000 ** (k / WIDTH)) for k in (0, 2, 4) for f in (np.sin, np.cos)]
        np.testing.assert_allclose(tokens[place], rows.mean(axis=0) + wave, atol=1e-6)
    assert not tokens[4].any()


def test_long_texts_are_cut(encoder):
    long, short = encoder.encode("one two three four five six seven"), encoder.encode("one two three four five")
    np.testing.assert_array_equal(long[0], short[0])
    assert long[1].all()


def test_unseen_words_borrow_from_the_words_they_contain():
    """Only rows of `walk` say anything; `walking`, never seen, still says some of it, and `jump` nothing."""
    table = np.zeros((2**16, 2), np.float32)
    table[list(word_rows("walk", len(table)))] = [1, 0]
    encoder = NgramTextEncoder(table, 1)
    place = position_table(1, 2)[0]
    meaning = {word: (encoder.encode(word)[0][0] - place)[0] for word in ("walk", "walking", "jump")}
    assert meaning["walk"] == pytest.approx(1) and 0.2 < meaning["walking"] < 1 and meaning["jump"] == 0


@given(st.text(max_size=30))
def test_any_text_is_words_or_a_clear_error(encoder, prompt):
    if not any(c in "abcdefghijklmnopqrstuvwxyz0123456789" for c in prompt.lower()):
        with pytest.raises(InputError, match="wanted at least one word"):
            encoder.encode(prompt)
    else:
        tokens, mask = encoder.encode(prompt)
        assert np.isfinite(tokens).all() and mask.sum() == min(len(words_of(prompt)), TOKENS)


@pytest.mark.parametrize("prompt", ["", "   ", "!?", "走る"])
def test_nothing_to_say(encoder, prompt):
    with pytest.raises(InputError, match="text is"):
        encoder.encode(prompt)
