"""Teaching the reader of texts: it learns what it is shown, and the runtime reads as it does."""

import numpy as np
import pytest
import torch

from genmo.runtime.actions.traits import STEPS
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.text_reader import open_reader
from genmo.runtime.engine.text_wordpiece import WordPieceTextEncoder, layout
from genmo.train.data.reader_pairs import Pairs
from genmo.train.evaluation import teach_reader
from genmo.train.evaluation.teach_reader import Inputs, _right_ones, put_together, taught

TEXTS = ["a person walks", "the man runs", "she kicks with the left leg", "he kicks with the right leg"]
NAMES = ("kick_left", "kick_right", "foot_speed_left>3.5", "foot_speed_right>3.5", "speed>1.8", "speed>0.4")
HAS = np.array([[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 1], [1, 0, 1, 0, 0, 0], [0, 1, 0, 1, 0, 0]], np.bool_)


def pairs_of(texts, traits, window, asks=None):
    return Pairs(texts, traits, window, np.zeros((2, *traits.shape), np.bool_) if asks is None else asks)


@pytest.fixture(scope="module")
def encoder(wordpieces):
    return WordPieceTextEncoder(wordpieces, 32)


@pytest.fixture(scope="module")
def reader(encoder):
    return taught(encoder, pairs_of(TEXTS * 16, np.tile(HAS, (16, 1)), np.arange(64)), NAMES, rounds=200)


def test_inputs_are_what_the_runtime_reads(encoder):
    inputs = Inputs(encoder, TEXTS)
    tokens, mask, mean = inputs.of(np.arange(4))
    for number, text in enumerate(TEXTS):
        rows = encoder.rows(text)
        made = layout(encoder.table.vectors_of(rows), encoder.table.mean(rows), encoder.content(rows)) * inputs.gain
        np.testing.assert_allclose(tokens[number, : len(rows)], made[1:, : tokens.shape[-1]], atol=1e-5)
        np.testing.assert_allclose(mean[number], made[0, : mean.shape[-1]], atol=1e-4)
        assert mask[number].sum() == len(rows)


def test_it_learns_and_the_runtime_reads_the_same(reader, encoder):
    made = reader.runtime(encoder, NAMES)
    with torch.no_grad():
        said = reader(*Inputs(encoder, TEXTS).of(np.arange(4)))
    odds = torch.sigmoid(said.odds).numpy()
    assert (odds[HAS] > 0.8).all() and (odds[~HAS] < 0.2).all()
    for number, text in enumerate(TEXTS[:2]):
        # neither text nor trait has a side: nothing is exchanged
        np.testing.assert_allclose(made.read(text).weights[4:], said.weights[number, 4:], atol=0.1)
    left = reader.runtime(encoder, NAMES, ["foot_speed_left>3.5", "foot_speed_right>3.5"])
    assert left.traits == NAMES[2:4]
    np.testing.assert_allclose(left.read(TEXTS[2]).weights, made.read(TEXTS[2]).weights[2:4], rtol=1e-5)
    reading = made.read("somebody kicks with the left leg")
    assert reading.weights[2] > 0 > reading.weights[3] and reading.amount > 1


def test_more_than_was_asked_for_is_not_better(encoder):
    """Of windows that turn by 90 degrees or by more, a sentence asks for 90: the others are more usual for it than for
    any text, and wrong."""
    names = ("turn_left_90", "turn_right_90", "turn_left>85", "turn_right>85", "turn_left>150", "turn_right>150")
    kinds = np.array(
        [[1, 0, 1, 0, 0, 0], [0, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 0, 1], [0] * 6], np.bool_
    )
    texts, rows, asks = [], [], []
    for number in range(200):
        side = number // 2 % 2
        texts.append(("she turns left", "she turns right")[side] if number % 2 else "a person walks")
        rows.append(2 * side + (number % 5 < 2) if number % 2 else 4)
        asks.append(kinds[2 * side] & np.array([1, 1, 0, 0, 0, 0], np.bool_) if number % 2 else kinds[4])
    pairs = pairs_of(texts, kinds[rows], np.arange(200), np.stack([asks, asks]))
    found = taught(encoder, pairs, names, rounds=60)
    with torch.no_grad():
        said = found(*Inputs(encoder, ["she turns left"]).of(np.array([0])))
    assert said.odds[0, 4] > found.usual[4] and said.weights[0, 4] < 0 < said.weights[0, 2]


def test_all_that_do_what_a_sentence_asks_for_are_right():
    """Either way to do it, every tag of it; of another text its own window alone."""
    traits = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1]], np.bool_)
    asks = np.zeros((2, 4, 3), np.bool_)
    asks[:, 0] = [[1, 0, 1], [0, 1, 1]]
    asks[:, 2] = [1, 0, 0]
    right = _right_ones(pairs_of(["a"] * 4, traits, np.arange(4), asks), np.arange(4), torch.tensor(traits).float())
    assert right.int().tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]


def test_two_readers_put_together_say_what_both_say_in_the_mean(reader, encoder):
    pairs = pairs_of(TEXTS * 16, np.tile(HAS, (16, 1)), np.arange(64))
    first = taught(encoder, pairs, NAMES, rounds=40, seed=1, corrected=False).runtime(encoder, NAMES)
    second = reader.runtime(encoder, NAMES)
    both = put_together(first, second)
    for text in (*TEXTS, "somebody kicks"):
        mean = (first.read(text).weights + second.read(text).weights) / 2
        np.testing.assert_allclose(both.read(text).weights, mean, atol=0.05 * np.abs(mean).max())


def test_by_odds_alone_there_is_no_correction(encoder):
    pairs = pairs_of(TEXTS * 16, np.tile(HAS, (16, 1)), np.arange(64))
    found = taught(encoder, pairs, NAMES, rounds=20, corrected=False)
    with torch.no_grad():
        said = found(*Inputs(encoder, TEXTS).of(np.arange(4)))
    torch.testing.assert_close(said.weights, (said.odds - found.usual) * torch.nn.functional.softplus(found.trust))


def test_bad_options_are_one_line(tmp_path, capsys):
    options = [str(SHIPPED), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "reader")]
    assert teach_reader.main([*options, "--pairs", "3"]) == 2
    assert teach_reader.main(options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "wanted at least 256 pairs" in lines[0] and not (tmp_path / "reader").exists()


def test_the_reader_that_ships_opens(encoder):
    reader = open_reader(SHIPPED / "text_reader.npz", encoder)
    assert reader.traits == STEPS and (reader.trust > 0).all()
