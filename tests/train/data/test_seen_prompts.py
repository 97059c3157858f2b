"""What a run was trained on in words: all words, and prompts that stand for all."""

from dataclasses import replace

import pytest

from genmo.runtime.engine.text_wordpiece import WIDTH
from genmo.train.data import seen_prompts
from genmo.train.data.seen_prompts import SeenPrompts
from genmo.train.network.checkpoint import Model
from genmo.train.settings.config import read_config

NGRAM = read_config("tiny").model


@pytest.fixture(scope="module")
def model(wordpieces):
    return Model(
        replace(NGRAM, text_encoder="wordpiece", text_width=WIDTH, text_tokens=8, text_buckets=0), table=wordpieces
    )


def test_prompts_that_stand_for_all(model):
    seen = SeenPrompts()
    assert seen.known(model.text_encoder) is None
    seen.add(["", "a person walks", "a person strolls", "jump", "jump", "x" * 200])
    known = seen.known(model.text_encoder)
    assert known.prompts == ("jump", "a person walks")  # the commonest first; one of two that mean the same
    assert known.words == {"a", "person", "walks", "strolls", "jump", "x" * 200}


def test_a_run_goes_on_from_another(model):
    first = SeenPrompts()
    first.add(["jump", "a person walks"])
    second = SeenPrompts(first.known(model.text_encoder))
    second.add(["kick"])
    assert set(second.known(model.text_encoder).prompts) == {"jump", "a person walks", "kick"}


def test_other_text_encoders_take_the_commonest():
    seen = SeenPrompts()
    seen.add(["a person walks", "a person strolls", "a person strolls"])
    assert seen.known(Model(NGRAM).text_encoder).prompts == ("a person strolls", "a person walks")


def test_counting_has_an_end(model, monkeypatch):
    monkeypatch.setattr(seen_prompts, "COUNTED", 3)
    seen = SeenPrompts()
    seen.add(f"jump {number}" for number in range(10))
    assert len(seen._counts) == 3 and "9" in seen.known(model.text_encoder).words
