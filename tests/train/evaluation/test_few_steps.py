"""The table of numbers of steps."""

import json
from dataclasses import replace

import pytest

from genmo.train.evaluation import few_steps
from genmo.train.evaluation.__main__ import main
from genmo.train.evaluation.simulated import estimates
from genmo.train.metrics.pose import mpjpe


def test_the_steps_table(many_set, judge, tiny_checkpoint, tmp_path, capsys):
    arguments = ["--checkpoint", str(tiny_checkpoint), "--data", str(many_set), "--subjects", "many30/02"]
    arguments += ["--evaluator", str(judge), "--steps-table", "1", "2", "--rounds", "2"]
    out = [tmp_path / "t.md", tmp_path / "t.json"]
    assert main([*arguments, *[word for path in out for word in ("--out", str(path))]]) == 0
    said = capsys.readouterr().out
    assert out[0].read_text() == said and "| 1 (regression) |" in said and "| real motion |" in said
    table = json.loads(out[1].read_text())["steps_table"]
    assert list(table) == ["1 (regression)", "2", "real motion"]
    for row in (table["1 (regression)"], table["2"]):
        for name in ("W-MPJPE100", "MPJPE", "FID", "R@3", "Diversity", "Root speed, made / real"):
            assert row[name]["low"] <= row[name]["value"] <= row[name]["high"], name
    assert table["1 (regression)"]["MPJPE"] != table["2"]["MPJPE"]


def test_one_step_is_the_regression(model, clips):
    """The first row is the answer to zeros, whatever the seed; more steps start from noise."""
    table = few_steps.report(model, clips[:1], None, [1])["steps_table"]
    (one,) = estimates(model, clips[:1], fit=False, clean_feet=False)
    assert table["1 (regression)"]["MPJPE"].value == pytest.approx(mpjpe(one.camera, one.true_camera).mean())
    assert "FID" not in table["1 (regression)"]


def test_motions_as_fast_as_the_clips(clips):
    short = [replace(c, rotations=c.rotations[:60], translation=c.translation[:60]) for c in clips[:2]]
    assert few_steps.speed_ratio(short, short) == pytest.approx(1)
