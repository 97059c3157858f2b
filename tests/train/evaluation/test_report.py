"""genmo-eval as a user runs it, on the tiny engine and made motion; and what its parts promise."""

import json

import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.evaluation import long_motions, report
from genmo.train.evaluation.estimation import SETTINGS
from genmo.train.evaluation.report import evaluate, markdown, read_subject, text_markdown, text_report
from genmo.train.evaluation.text_motion_evaluator import load_evaluator
from genmo.train.metrics.paper_tables import plain
from genmo.train.metrics.sets import Interval


@pytest.fixture(autouse=True)
def a_few_rows(monkeypatch):
    """Of settings, long gaits and the minute's prompts a few are enough to see that they are in the report."""
    monkeypatch.setattr(report, "SETTINGS", {name: SETTINGS[name] for name in ("all keypoints", "no hips and legs")})
    monkeypatch.setattr(long_motions, "GAITS", (("a person runs", "runs", 2),))
    monkeypatch.setattr(long_motions, "MINUTE", long_motions.MINUTE[:2])
    monkeypatch.setattr(long_motions, "SPAN", 1)


def test_the_report_of_an_engine(motion_set, model):
    subject = read_subject(model, [str(motion_set)], ["made30/02"], 1)
    result = evaluate(subject, 1, 2, None)
    assert result["clips"] == 1 and result["text"] is None
    assert list(result["world"]) == ["static camera", "moving camera", "real motion"]
    assert list(result["long"]) == ["a person runs, 2 s", "2 s of 2 prompts"]
    said = markdown(result)
    assert "| no hips and legs |" in said and "| 2 s of 2 prompts |" in said
    assert "| moving camera |" in said and "RTE (%)" in said
    json.dumps(plain(result))


def test_too_few_captions_are_said_not_hidden(model, motion_set, judge):
    """Unless an evaluator was asked for: then it is an error."""
    subject = read_subject(model, [str(motion_set)], ["made30/02"])
    evaluator = load_evaluator(judge)
    said = evaluate(subject, 1, 1, evaluator, 1, text_required=False)["text"]
    assert "R-precision wants 31" in text_markdown(said)[1]
    with pytest.raises(InputError, match="R-precision wants 31"):
        evaluate(subject, 1, 1, evaluator, 1)


def test_the_text_part_of_the_report(model, many_set, judge):
    subject = read_subject(model, [str(many_set)], ["many30/02"])
    found = text_report(model, subject.held_out, subject.every, load_evaluator(judge), 1, 2)
    assert isinstance(found["made"]["FID"], Interval) and found["captions"] == 36
    said = "\n".join(text_markdown(found))
    assert "FID between real clips of different actions" in said and "| made |" in said
