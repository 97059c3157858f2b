"""Teaching how long texts take: it learns what it is shown, the runtime reads as it does, an engine gets its file."""

import json

import numpy as np
import pytest
import torch

from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.engine.text_lengths import FILE, kind_numbers, open_lengths
from genmo.runtime.engine.text_wordpiece import WordPieceTextEncoder
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.train.data.length_pairs import LengthPairs
from genmo.train.evaluation import teach_lengths
from genmo.train.evaluation.teach_lengths import KIND_GAIN, Inputs, taught, write_lengths

TEXTS = ["a person jumps", "she jumps three times", "he sits down on a chair", "the man walks"]
FRAMES = np.array([48, 136, 84, 0])


@pytest.fixture(scope="module")
def encoder(wordpieces):
    return WordPieceTextEncoder(wordpieces, teach_lengths.TOKENS + 1)


@pytest.fixture(scope="module")
def head(encoder):
    return taught(encoder, LengthPairs(TEXTS * 16, np.tile(FRAMES, 16)), rounds=600)


def test_inputs_are_the_runtimes(encoder):
    means = Inputs(encoder, TEXTS)
    made = np.stack([encoder.table.mean(encoder.rows(text)) for text in TEXTS]) * means.gain
    made = np.concatenate([made, [KIND_GAIN * kind_numbers(text) for text in TEXTS]], axis=1)
    np.testing.assert_allclose(means.of(np.arange(4)).numpy(), made, atol=1e-4)
    changed = means.of(np.arange(4), np.random.default_rng(0)).numpy()
    assert np.abs(changed - made).max() > 0.05 and np.array_equal(changed[:, -3:], made[:, -3:].astype(np.float32))


def test_it_learns_and_the_runtime_reads_the_same(head, encoder):
    made = head.runtime(encoder)
    readings = [made.read(text) for text in TEXTS]
    assert [reading.frames for reading in readings[:3]] == FRAMES[:3].tolist()
    assert [reading.goes_on > 0.5 for reading in readings] == [False, False, False, True]
    with torch.no_grad():
        theirs = head(Inputs(encoder, TEXTS).of(np.arange(4))).softmax(dim=-1).numpy()
    np.testing.assert_allclose([made.shares(text) for text in TEXTS], theirs, atol=0.05)


def test_an_engine_that_is_there_gets_it(head, encoder, token_engine, tmp_path):
    for path in token_engine.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lengths = head.runtime(encoder)
    assert write_lengths(tmp_path, lengths) == (tmp_path / FILE).stat().st_size < 6000
    described = json.loads((tmp_path / "engine.json").read_text())
    assert described["text_lengths"] == FILE and described["files"][FILE] == file_hash(tmp_path / FILE)
    assert load_token_engine(tmp_path).text_lengths.read(TEXTS[0]).frames == 48
    write_lengths(tmp_path / "alone", lengths)
    assert [path.name for path in (tmp_path / "alone").iterdir()] == [FILE]
    assert open_lengths(tmp_path / "alone" / FILE, encoder).read(TEXTS[3]).goes_on > 0.5


def test_from_the_command_line(motion_set, tmp_path, capsys):
    options = [str(SHIPPED), "--data", str(motion_set), "--out", str(tmp_path / "out"), "--pairs", "256"]
    kept = ["--actions", str(tmp_path / "actions.npz"), "--rounds", "2", "--leave-out", "made30/02"]
    assert teach_lengths.main([*options, *kept]) == 0
    said = capsys.readouterr().out
    assert "kB" in said and "| captions of clips |" in said and (tmp_path / "out" / FILE).is_file()
    written = (tmp_path / "out" / FILE).read_bytes()
    assert teach_lengths.main([*options, *kept]) == 0 and (tmp_path / "out" / FILE).read_bytes() == written


def test_bad_options_are_one_line(tmp_path, capsys):
    options = [str(SHIPPED), "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert teach_lengths.main([*options, "--pairs", "3"]) == 2
    assert teach_lengths.main(options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "wanted at least 256 pairs" in lines[0] and not (tmp_path / "out").exists()
