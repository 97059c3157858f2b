"""Tables of wordings: written out, drawn evenly by line, with verbs that have forms."""

import re

import numpy as np
import pytest

from genmo.train.captions.grammar import inflected
from genmo.train.captions.phrases import PHRASES, draw_phrase
from genmo.train.captions.wordings import WORDINGS, draw_wording, wordings_of, written_out

PLACEHOLDERS = {"{s}", "{o}", "{p}", "{n}", "{times}"}


def test_a_line_is_written_out():
    assert written_out("<hop> [up/high/] [now/]") == (
        "<hop> up now",
        "<hop> up",
        "<hop> high now",
        "<hop> high",
        "<hop> now",
        "<hop>",
    )
    assert wordings_of("no such tag") == () and draw_wording("no such tag", "", np.random.default_rng(0)) == ""


@pytest.mark.parametrize("key", WORDINGS)
def test_phrases_are_clean_and_many(key):
    phrases = [phrase for line in wordings_of(key, "left" if "_S" in key or key == "hops" else "") for phrase in line]
    assert len(set(phrases)) >= 10
    for phrase in phrases:
        assert set(re.findall(r"{\w+}", phrase)) <= PLACEHOLDERS - {"{s}", "{o}"}
        assert not re.search(r"[\[\]/]|  ", phrase) and phrase.count("<") == phrase.count(">")
        assert ("{n}" in phrase or "{times}" in phrase) == key.endswith("_N")


@pytest.mark.parametrize("verb", "cut grab spar shake arise plop freeze thrust sink".split())
def test_forms_of_verbs_that_are_not_regular(verb):
    forms = "cutting cut|grabbing grabbed|sparring sparred|shaking shook|arising arose|plopping plopped|"
    forms += "freezing froze|thrusting thrust|sinking sank"
    assert " ".join(inflected(verb, form) for form in ("ing", "ed")) in forms.split("|")


def test_tables_are_drawn_beside_the_plain_phrases():
    drawn = {draw_phrase("kick_left_2", np.random.default_rng(i)) for i in range(300)}
    assert "<kick> twice with the left leg" in drawn and "<deliver> two kicks with the left leg" in drawn
    assert len(drawn) > 30
    assert len(WORDINGS.keys() & PHRASES.keys()) > 60  # named as the tags are, else nobody would draw them
