"""The obey report in users' words, between the marks of documents."""

import json

import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.evaluation.obey import LISTS
from genmo.train.evaluation.obey_prompts import LEFT_OUT
from genmo.train.evaluation.obey_words import GROUP_WORDS, blocks, filled, main, verdict


def report(passes=0.5, side=0.9, measured=True):
    total = {"prompts": 10, "obeyed": 4, "share": 0.4, "passes": passes, "side_right": side}
    groups = {group: {"prompts": 5, "passes": passes} for group in GROUP_WORDS}
    return {
        "trained_on_measured": measured,
        "steps": 10,
        "guidance": 2.5,
        "lists": {name: {"total": total, "groups": groups} for name in LISTS},
    }


def test_every_group_has_words_for_users():
    assert {prompt.group for prompt in LEFT_OUT} == set(GROUP_WORDS)


def test_the_sentence_has_the_numbers_of_the_report():
    said = blocks(report())["obey-line"]
    assert "10 prompts in words that are not in its training it does 4 (40 %)" in said
    assert "of 20 in the words of its training 8 (40 %)" in said and "right in 90 %" in said and "\n" not in said
    assert "of 10 in the words" in blocks(report(measured=False))["obey-line"]
    assert "left and right" not in blocks(report(side=None))["obey-line"]
    several = report() | {"takes": 4, "one_take": {name: {"total": {"obeyed": 3, "share": 0.3}} for name in LISTS}}
    assert "the best of 4 takes; the first take alone does 3 (30 %)" in blocks(several)["obey-line"]


@pytest.mark.parametrize(
    ("new", "trained", "said"),
    [
        (0.7, 0.1, "does it"),
        (0.1, 0.9, "in those words"),
        (0.1, 0.3, "sometimes"),
        (0.3, None, "sometimes"),
        (0.1, 0.2, "does not"),
    ],
)
def test_the_verdict_follows_the_shares(new, trained, said):
    assert said in verdict(new, trained)


def test_documents_are_filled_between_their_marks_and_again(tmp_path, capsys):
    numbers, page = tmp_path / "obey.json", tmp_path / "page.md"
    page.write_text("a\n<!-- obey-line --><!-- /obey-line -->\nb\n<!-- obey-table -->old<!-- /obey-table -->\nc\n")
    numbers.write_text(json.dumps(report()))
    assert main([str(numbers), str(page)]) == 0 and str(page) in capsys.readouterr().out
    first = page.read_text()
    assert "old" not in first and first.count("| 50 % | 50 % |") == len(GROUP_WORDS) and first.endswith("-->\nc\n")
    numbers.write_text(json.dumps(report(passes=0.9)))
    assert main([str(numbers), str(page)]) == 0
    assert page.read_text() == first.replace(
        "| 50 % | 50 % | sometimes: make several (`--samples 8`) and choose |", "| 90 % | 90 % | does it |"
    )


@pytest.mark.parametrize("text", ["no mark", "<!-- obey-line --> open"])
def test_a_document_without_whole_marks_is_refused(text):
    with pytest.raises(InputError, match="mark"):
        filled(text, blocks(report()))


def test_nothing_is_written_when_a_document_cannot_be(tmp_path, capsys):
    numbers, page, other = tmp_path / "obey.json", tmp_path / "page.md", tmp_path / "other.md"
    numbers.write_text(json.dumps(report()))
    page.write_text("<!-- obey-line --><!-- /obey-line -->")
    other.write_text("nothing")
    assert main([str(numbers), str(page), str(other)]) == 2
    assert (
        page.read_text() == "<!-- obey-line --><!-- /obey-line -->" and "other.md: no marks" in capsys.readouterr().err
    )
    numbers.write_text("{}")
    assert main([str(numbers), str(page)]) == 2 and "no obey report" in capsys.readouterr().err
