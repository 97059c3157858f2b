"""The WordPiece text encoder in training: the runtime's numbers; varied texts keep sides, numbers and a word."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.engine.text_wordpiece import AXES, CHANNELS, WIDTH
from genmo.runtime.support.errors import InputError
from genmo.train.network.wordpiece_text import WordPieceText, read_text_table
from genmo.train.settings.config import read_config

CONFIG = replace(read_config("tiny").model, text_encoder="wordpiece", text_width=WIDTH, text_tokens=12, text_buckets=0)
PROMPT = "a person raises the left arm and turns around twice"


@pytest.fixture(scope="module")
def text(wordpieces):
    return WordPieceText(CONFIG, wordpieces)


def test_rows_are_the_runtimes(text):
    prompts = [PROMPT, "Jump!", "one two three four five six seven eight nine ten eleven twelve"]
    rows, mask = text([*prompts, ""])
    assert rows.shape == (4, 12, WIDTH) and rows.dtype == torch.float32
    for index, prompt in enumerate(prompts):
        theirs = text.as_runtime().encode(prompt)
        np.testing.assert_array_equal(rows[index], theirs[0])
        np.testing.assert_array_equal(mask[index], theirs[1])
    assert not rows[-1].any() and not mask[-1].any()
    assert not list(text.parameters()) and not text.state_dict()


def test_varied_texts(text):
    torch.manual_seed(0)
    plain, _ = text([PROMPT])
    rows, mask = text([PROMPT] * 200, 0.3)
    counts = mask.sum(dim=1)
    assert counts.min() >= 3 and counts.max() <= 11 and len(counts.unique()) > 3
    axes = rows[:, 1:, :AXES].abs().sum(dim=(1, 2))  # raises, left, arm and twice stay, as they are
    torch.testing.assert_close(axes, plain[:, 1:, :AXES].abs().sum().expand(200))
    whole = counts == counts.max()
    moved = (rows[whole][:, 0, :CHANNELS] - plain[0, 0, :CHANNELS]).norm(dim=1) / plain[0, 0, :CHANNELS].norm()
    assert moved.max() < 0.6


def test_the_seed_decides_what_varies(text):
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(text([PROMPT], 0.2)[0])
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=0)
    assert not torch.equal(made[0], made[2])


def test_a_text_never_loses_every_word(text):
    torch.manual_seed(0)
    _, mask = text(["walk"] * 50, 0.99)
    assert (mask.sum(dim=1) == 2).all()


def test_other_widths_are_refused(wordpieces):
    with pytest.raises(InputError, match=f"wanted text_width={WIDTH}"):
        WordPieceText(replace(CONFIG, text_width=64), wordpieces)


def test_the_table_of_a_config(tmp_path):
    assert read_text_table(CONFIG, "") is not None and read_text_table(read_config("tiny").model, "") is None
    with pytest.raises(InputError, match="text_table with model.text_encoder=ngram"):
        read_text_table(read_config("tiny").model, "somewhere")
    with pytest.raises(InputError, match="text_table: .*no such file"):
        read_text_table(CONFIG, str(tmp_path))
