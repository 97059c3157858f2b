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
from genmo.train.evaluation.teach_reader import Inputs, taught

TEXTS = ["a person walks", "the man runs", "she kicks with the left leg", "he kicks with the right leg"]
NAMES = ("kick_left", "kick_right", "run", "walk")
HAS = np.array([[0, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]], np.bool_)


@pytest.fixture(scope="module")
def encoder(wordpieces):
    return WordPieceTextEncoder(wordpieces, 32)


@pytest.fixture(scope="module")
def reader(encoder):
    return taught(encoder, Pairs(TEXTS * 16, np.tile(HAS, (16, 1)), np.arange(64)), rounds=200)


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
        odds = torch.sigmoid(reader(*Inputs(encoder, TEXTS).of(np.arange(4)))).numpy()
    assert (odds[HAS] > 0.8).all() and (odds[~HAS] < 0.2).all()
    for number, text in enumerate(TEXTS[:2]):
        np.testing.assert_allclose(made.read(text).odds[2:], odds[number, 2:], atol=0.05)
    left = reader.runtime(encoder, NAMES, ["kick_left", "kick_right"])
    assert left.traits == NAMES[:2]
    np.testing.assert_array_equal(left.read(TEXTS[2]).odds, made.read(TEXTS[2]).odds[:2])
    reading = made.read("somebody kicks with the left leg")
    assert reading.weights[0] > 0 > reading.weights[1]


def test_bad_options_are_one_line(tmp_path, capsys):
    options = [str(SHIPPED), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "reader")]
    assert teach_reader.main([*options, "--pairs", "3"]) == 2
    assert teach_reader.main(options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "wanted at least 256 pairs" in lines[0] and not (tmp_path / "reader").exists()


def test_the_reader_that_ships_opens(encoder):
    reader = open_reader(SHIPPED / "text_reader.npz", encoder)
    assert reader.traits == STEPS and (reader.trust > 0).all()
