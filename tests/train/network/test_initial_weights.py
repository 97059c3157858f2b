"""What `init` takes over, and what it refuses."""

from dataclasses import replace

import pytest
import torch

from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.engine.text_wordpiece import WIDTH
from genmo.runtime.support.errors import InputError
from genmo.train.network.checkpoint import Model
from genmo.train.network.initial_weights import BIAS, NULL, WEIGHT, taken_weights
from genmo.train.settings.config import read_config

NGRAM = read_config("tiny").model
WORDPIECE = replace(NGRAM, text_encoder="wordpiece", text_width=WIDTH, text_tokens=12, text_buckets=0)


def test_another_text_encoder_leaves_what_reads_texts_new(wordpieces):
    theirs, ours = Model(NGRAM), Model(WORDPIECE, table=wordpieces)
    taken, new = taken_weights(theirs, ours)
    assert new == [WEIGHT] and {*taken, WEIGHT} == set(ours.state_dict())
    for name, weights in taken.items():
        if name not in (BIAS, NULL):
            torch.testing.assert_close(weights, theirs.state_dict()[name])


def test_motions_without_a_text_stay_the_same(wordpieces):
    theirs, ours = Model(NGRAM).eval(), Model(WORDPIECE, table=wordpieces).eval()
    ours.load_state_dict(ours.state_dict() | taken_weights(theirs, ours)[0])
    answers = []
    for model in (theirs, ours):
        frames, config = 8, model.config
        torch.manual_seed(0)
        inputs = {"x_t": torch.randn(1, frames, config.motion_layout.width), "timestep": torch.tensor([500])}
        for name, shape in frame_conditions(config).items():
            inputs |= {name: torch.randn(1, frames, *shape), f"{name}_mask": torch.ones(1, frames)}
        inputs |= {
            "text_tokens": torch.zeros(1, 1, config.text_tokens, config.text_width),
            "text_token_mask": torch.zeros(1, 1, config.text_tokens),
            "text_spans": torch.zeros(1, 1, 2, dtype=torch.int64),
        }
        answers.append(model.denoiser(inputs)["x_0"])
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-5)


def test_and_back(wordpieces):
    taken, new = taken_weights(Model(WORDPIECE, table=wordpieces), Model(NGRAM))
    assert set(new) == {WEIGHT, "text_encoder.table.weight"} and not set(new) & set(taken)


def test_the_same_text_encoder_is_taken_whole(wordpieces):
    theirs = Model(WORDPIECE, table=wordpieces)
    taken, new = taken_weights(theirs, Model(WORDPIECE, table=wordpieces))
    assert new == [] and set(taken) == set(theirs.state_dict())


def test_layers_among_words_start_anew(wordpieces):
    """They do nothing yet, so that what was learned without them stays."""
    deep = Model(replace(WORDPIECE, text_depth=1), table=wordpieces)
    for theirs in (Model(NGRAM), Model(WORDPIECE, table=wordpieces)):
        taken, new = taken_weights(theirs, deep)
        assert {name for name in new if name != WEIGHT} == {name for name in deep.state_dict() if "word_layers" in name}
        deep.load_state_dict(deep.state_dict() | taken)


@pytest.mark.parametrize("change", [{"depth": 2}, {"text_tokens": 8}])
def test_another_network_is_refused(change, wordpieces):
    with pytest.raises(InputError, match="init is another network"):
        taken_weights(Model(replace(WORDPIECE, **change), table=wordpieces), Model(WORDPIECE, table=wordpieces))
