"""Stages 2 and 3: what is masked leaks nowhere, and what is asked for counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.support.errors import InputError
from genmo.train.data.token_store import TokenStore
from genmo.train.loop.mask_stage import MaskStage
from genmo.train.network.token_model import TokenModel
from genmo.train.network.wordpiece_text import read_text_table
from genmo.train.settings.token_config import TOKEN_PRESETS, read_token_config

CONFIG = replace(read_token_config(TOKEN_PRESETS / "tiny.yaml"), stage=3, replaced=0.0, dropout=0.0)
IDS = np.random.default_rng(0).integers(CONFIG.model.codes, size=(6, 8, 6))
STORE = TokenStore(IDS, np.full(6, 8), ("a person walks", "a man jumps", "", "", "someone waves", ""))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = TokenModel(CONFIG.model, 3, read_text_table(CONFIG.model, "")).eval()
    made.vq.codebook.codes.normal_()
    return made


@pytest.mark.parametrize("context", ["text", "motion"])
def test_what_is_masked_leaks_nowhere(model, context):
    """Other true ids under the same masks: no logit changes, though the context token sees the motion."""
    model.transformer.config = replace(CONFIG.model, context=context)
    stage = MaskStage(CONFIG, STORE, None)
    batch = stage.batch(0)
    other = IDS.copy()
    rows = np.random.default_rng((CONFIG.seed, 0, 3)).integers(6, size=CONFIG.batch)
    for row in np.unique(rows):
        (drawn,) = np.nonzero(rows == row)
        hidden = torch.stack([batch.asked[index, :8] for index in drawn]).all(dim=0).numpy()
        other[row, hidden] = (other[row, hidden] + 1) % CONFIG.model.codes
    assert (other != IDS).any()
    changed = MaskStage(CONFIG, replace(STORE, ids=other), None).batch(0)
    assert torch.equal(changed.ids, batch.ids) and not torch.equal(changed.truth, batch.truth)
    with torch.no_grad():
        one, two = (stage._logits(model, each, each.prompts, 0.0) for each in (batch, changed))
    assert torch.equal(one, two)


def test_a_step_is_always_the_same(model):
    stage = MaskStage(CONFIG, STORE, None)
    one, two = stage.batch(4), stage.batch(4)
    assert torch.equal(one.ids, two.ids) and one.prompts == two.prompts
    assert not torch.equal(stage.batch(5).ids, one.ids)


def test_a_sure_and_right_model_scores_best(model, monkeypatch):
    stage = MaskStage(CONFIG, STORE, STORE)

    def knows(model, batch, prompts, dropout):
        return 100.0 * torch.nn.functional.one_hot(batch.truth, CONFIG.model.codes).float()

    monkeypatch.setattr(stage, "_logits", knows)
    scores = stage.scores(model, None)
    assert scores["accuracy"] == scores["all_accuracy"] == scores["train_accuracy"] == 1.0
    assert scores["nll"] == pytest.approx(0, abs=1e-6)


def test_stage_3_wants_captions():
    with pytest.raises(InputError, match="no motion in data has a caption"):
        MaskStage(CONFIG, replace(STORE, captions=("",) * 6), None)
