"""The WordPiece text encoder: the teacher's tokens, synonyms near, opposites apart, order seen; bad tables refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime.engine import text_wordpiece as wordpiece
from genmo.runtime.engine.text_wordpiece import (
    AXES,
    CHANNELS,
    CONTEXT,
    PLACE,
    TABLE,
    VOCABULARY,
    WIDTH,
    WordPieceTextEncoder,
    read_wordpiece_table,
    wordpiece_files,
)
from genmo.runtime.support.errors import EngineError, InputError

TOKENS = 16
OF_TEACHER = 19448
"""rows that the teacher's vocabulary has too"""
TEACHER_TOKENS = json.loads((Path(__file__).parents[2] / "data" / "wordpiece_tokens.json").read_text(encoding="utf-8"))


def cosine(table, one, other):
    """Of two words' vectors."""
    first, second = (table.mean(table.tokenize(word)) for word in (one, other))
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.fixture(scope="module")
def encoder(wordpieces):
    return WordPieceTextEncoder(wordpieces, TOKENS)


def test_tokens_are_those_of_the_teachers_tokenizer(wordpieces):
    """`tests/data/wordpiece_tokens.json`: what the teacher's own tokenizer made of these texts, less punctuation.

    The words of movement that our vocabulary has beyond the teacher's, its last rows, are left out, and so are texts
    with rare tokens that ours does not have.
    """
    theirs = replace(wordpieces, vocabulary=wordpieces.vocabulary[:OF_TEACHER])
    known = {text: tokens for text, tokens in TEACHER_TOKENS.items() if set(tokens) <= set(theirs.vocabulary)}
    assert len(known) > 0.7 * len(TEACHER_TOKENS)
    for text, tokens in known.items():
        assert [theirs.vocabulary[row] for row in theirs.tokenize(text)] == tokens


def test_words_of_movement_are_whole(wordpieces):
    for word in ("strolls", "somersaults", "cartwheeling", "pirouettes", "counterclockwise", "lunges"):
        assert [wordpieces.vocabulary[row] for row in wordpieces.tokenize(word)] == [word]
    assert len(wordpieces.tokenize("blorp")) > 1


def test_degrees_may_be_a_sign(wordpieces):
    assert wordpieces.tokenize("turns 90°") == wordpieces.tokenize("turns 90 degrees")


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [
        ("strolls", "walks", "jumps"),
        ("sprints", "runs", "sits"),
        ("leaps", "jumps", "walks"),
        ("boxing", "punching", "swimming"),
        ("squats", "crouches", "runs"),
        ("dashes", "runs", "kneels"),
        ("pirouettes", "spins", "kicks"),
        ("someone", "person", "runs"),
    ],
)
def test_synonyms_lie_nearer_than_other_words(wordpieces, word, near, far):
    assert cosine(wordpieces, word, near) > cosine(wordpieces, word, far) + 0.1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("left", "right"),
        ("forward", "backward"),
        ("up", "down"),
        ("quickly", "slowly"),
        ("arm", "leg"),
        ("raises", "lowers"),
    ],
)
def test_opposites_lie_apart(wordpieces, one, other):
    assert cosine(wordpieces, one, other) < 0.5


def test_rows_of_a_text(encoder):
    """The whole first; then a vector, the neighbours that are no function words, and the place."""
    rows, mask = encoder.encode("Raises the left arm")
    assert rows.shape == (TOKENS, WIDTH) and mask.tolist() == [1] * 5 + [0] * 11 and not rows[5:].any()
    table = encoder.table
    raises, the, left, arm = table.vectors_of(table.tokenize("raises the left arm"))
    for index, (own, before, after) in enumerate(
        [(raises, None, left), (the, raises, left), (left, raises, arm), (arm, left, None)], start=1
    ):
        np.testing.assert_array_equal(rows[index, :CHANNELS], own)
        for place, neighbour in ((CHANNELS, before), (CHANNELS + CONTEXT, after)):
            expected = np.zeros(CONTEXT) if neighbour is None else neighbour[:CONTEXT]
            np.testing.assert_array_equal(rows[index, place : place + CONTEXT], expected)
    np.testing.assert_array_equal(rows[0, :CHANNELS], table.mean(table.tokenize("raises the left arm")))
    assert not rows[0, CHANNELS:].any()
    places = rows[1:5, -PLACE:]
    assert all(np.linalg.norm(places[one] - places[other]) > 0.5 for one in range(4) for other in range(one))


def test_order_is_seen(encoder):
    one, other = (encoder.encode(text)[0] for text in ("walks then sits", "sits then walks"))
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)  # of the whole it is not
    assert np.abs(one[1:4] - other[1:4]).max() > 1


def test_the_whole_is_made_by_rare_words(encoder):
    walk, stroll, sit = (
        encoder.encode(text)[0][0] for text in ("a person walks", "the man is strolling", "he sits down")
    )
    assert walk @ stroll > walk @ sit


def test_long_texts_are_cut_and_empty_ones_refused(encoder):
    rows, mask = encoder.encode("jump " * 50)
    assert mask.all() and rows.shape == (TOKENS, WIDTH)
    for text in ("", " ,.!", "人が歩く"):
        with pytest.raises(InputError, match="wanted at least one word in Latin letters"):
            encoder.encode(text)


def test_a_word_of_a_million_letters_is_cut(wordpieces):
    assert len(wordpieces.pieces("q" * 10**6)) <= wordpiece.LONGEST_WORD


def write(table, folder):
    for name, content in wordpiece_files(table).items():
        (folder / name).write_bytes(content)


def test_files_round_trip(wordpieces, tmp_path):
    write(wordpieces, tmp_path)
    again = read_wordpiece_table(tmp_path)
    assert again.vocabulary == wordpieces.vocabulary and again.teacher == wordpieces.teacher
    np.testing.assert_array_equal(again.vectors, wordpieces.vectors)
    assert wordpiece_files(again) == wordpiece_files(wordpieces)


def test_the_table_is_small(wordpieces):
    assert 2e6 < sum(map(len, wordpiece_files(wordpieces).values())) < 4e6
    assert "all-MiniLM-L6-v2" in wordpieces.teacher and "Apache-2.0" in wordpieces.teacher
    assert wordpieces.vectors.shape == (len(wordpieces.vocabulary), CHANNELS) and AXES < CONTEXT < CHANNELS


BAD = {
    "other rows": (lambda t: replace(t, vectors=t.vectors[:-1]), "not the vectors of the"),
    "floats": (lambda t: replace(t, vectors=t.vectors.astype(np.float32)), "not the vectors of the"),
    "scale not finite": (lambda t: replace(t, scales=t.scales * np.float32(np.nan)), "not the vectors of the"),
    "weights of zero": (lambda t: replace(t, weights=t.weights * np.float16(0)), "not the vectors of the"),
    "a token twice": (lambda t: replace(t, vocabulary=(*t.vocabulary[:-1], "the")), "each once"),
    "a token of signs": (lambda t: replace(t, vocabulary=(*t.vocabulary[:-1], "a b")), "each once"),
    "no letter": (lambda t: replace(t, vocabulary=tuple("quux" if v == "q" else v for v in t.vocabulary)), "each once"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused(wordpieces, tmp_path, name):
    spoil, message = BAD[name]
    write(spoil(wordpieces), tmp_path)
    with pytest.raises(EngineError, match=message):
        read_wordpiece_table(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(EngineError, match=f"{TABLE}: no such file"):
        read_wordpiece_table(tmp_path)
    (tmp_path / VOCABULARY).write_text("the\n")
    (tmp_path / TABLE).write_bytes(b"no archive")
    with pytest.raises(EngineError, match="not a readable .npz"):
        read_wordpiece_table(tmp_path)
