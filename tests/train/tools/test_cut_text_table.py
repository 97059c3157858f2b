"""A table without its rarest tokens: the rows that stay are as they were, and every word can still be read."""

import numpy as np
import pytest

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.known_prompts import read_known_prompts
from genmo.runtime.engine.text_wordpiece import read_wordpiece_table
from genmo.train.tools.cut_text_table import cut, kept_always, main


@pytest.fixture(scope="module")
def table():
    return read_wordpiece_table(SHIPPED)


def test_the_rows_that_stay_are_as_they_were(table):
    tokens = len(table.vocabulary) - 4000
    less = cut(table, tokens)
    assert len(less.vocabulary) == len(less.vectors) == len(less.weights) == tokens
    for token in ("person", "walks", "##ing", "left", "pirouette", "90"):
        row, was = less.rows[token], table.rows[token]
        np.testing.assert_array_equal(less.vectors[row], table.vectors[was])
        assert less.weights[row] == table.weights[was]
    assert list(less.vocabulary) == [token for token in table.vocabulary if token in less.rows]


def test_letters_and_words_of_movement_stay_and_every_word_is_read(table):
    less = cut(table, len(table.vocabulary) - 12000)
    assert (kept_always() & set(table.vocabulary)) <= set(less.vocabulary)
    gone = [token for token in table.vocabulary if token not in less.rows and not token.startswith("##")]
    assert len(gone) > 5000
    for word in gone[::37]:
        assert "".join(less.vocabulary[row].removeprefix("##") for row in less.pieces(word)) == word


def test_words_near_movement_and_those_of_training_stay_before_others(table):
    fewest = len(cut(table, len(table.vocabulary) - 12000).vocabulary)
    less = cut(table, fewest, ["manchester"])
    assert {"accelerate", "lifeless", "limping", "manchester"} <= set(less.vocabulary)
    assert "manchester" not in cut(table, fewest).vocabulary


def test_a_command_writes_it_whole_or_says_in_one_line_why_not(table, tmp_path, capsys):
    assert main([str(SHIPPED), "--tokens", "19000", "--out", str(tmp_path / "table")]) == 0
    assert "19000 tokens" in capsys.readouterr().out
    known = read_known_prompts(SHIPPED / "prompts.json").words
    assert read_wordpiece_table(tmp_path / "table").vocabulary == cut(table, 19000, known).vocabulary
    for tokens in ("5", "30000"):
        assert main([str(SHIPPED), "--tokens", tokens, "--out", str(tmp_path / "none")]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and "wanted" in error and not (tmp_path / "none").exists()
