"""Bad options of genmo-eval are one line and exit status 2."""

import json

import pytest

from genmo.train.evaluation.__main__ import main

BAD = {
    "no such subject": (["--subjects", "made30/9"], "no clip of the validation subjects"),
    "no evaluator": (["--subjects", "made30/02", "--evaluator", "nowhere"], "wanted a folder that"),
    "zero steps": (["--subjects", "made30/02", "--steps", "0"], "--steps is 0; wanted 1 to 1000"),
    "a table of zero steps": (["--subjects", "made30/02", "--steps-table", "0"], "wanted different numbers"),
    "the same steps twice": (["--subjects", "made30/02", "--steps-table", "2", "2"], "wanted different numbers"),
    "a picture": (["--subjects", "made30/02", "--out", "t.png"], "ends in .md or .json"),
    "no folder": (["--subjects", "made30/02", "--out", "nowhere/t.md"], "no such folder"),
    "no rounds": (["--subjects", "made30/02", "--rounds", "0"], "--rounds is 0"),
    "too few captions": (["--subjects", "made30/02", "--steps-table", "1"], "R-precision wants 31"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_are_one_line(motion_set, tiny_checkpoint, judge, name, capsys):
    arguments, message = BAD[name]
    judged = [] if "--evaluator" in arguments else ["--evaluator", str(judge)]
    assert main(["--checkpoint", str(tiny_checkpoint), "--data", str(motion_set), *judged, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and message in said.err


def test_an_engine_of_motion_tokens(token_engine, motion_set, capsys):
    """Completion and obeying are measured as of any engine; estimation, which it has none of, is refused."""
    common = ["--engine", str(token_engine), "--data", str(motion_set), "--subjects", "made30/02", "--clips", "1"]
    assert main([*common, "--in-betweening", "--samples", "1", "--steps", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert "middle 50 %, genmo" in result["completion"] and result["clips"] == 1
    assert max(result["keyframe_error"].values()) < 1e-6
    assert main(common) == 2
    assert "estimates nothing; wanted --in-betweening or --obey" in capsys.readouterr().err
    assert main(["--engine", str(token_engine), "--obey", "--prompts", "1", "--samples", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 10
