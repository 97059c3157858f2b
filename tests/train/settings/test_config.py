"""Training configs: presets, overrides, and one clear line for everything that is wrong."""

import pytest

from genmo.runtime.support.errors import GenmoError
from genmo.train.__main__ import main
from genmo.train.settings.config import presets, read_config

PREFIX = "genmo-train: error: "


def test_presets():
    assert presets() == ["base", "large", "small", "tiny"]
    for name in presets():
        assert read_config(name).model.width > 0
    assert read_config("small").model.text_encoder == "wordpiece"


def test_overrides_reach_into_the_file(tmp_path):
    (tmp_path / "c.yaml").write_text("steps: 3\nmodel: {width: 64, heads: 2}\n")
    config = read_config(str(tmp_path / "c.yaml"), ["model.heads=4", "learning_rate=1", "data=[a, b]", "frames=60"])
    assert (config.steps, config.model.width, config.model.heads) == (3, 64, 4)
    assert config.learning_rate == 1.0 and isinstance(config.learning_rate, float)
    assert config.data == ("a", "b") and config.frames == (60,)
    assert read_config("tiny", ["learning_rate=8e-4"]).learning_rate == 8e-4  # a string to YAML 1.1
    assert read_config("tiny", ["variety.mirror=0"]).variety.mirror == 0.0


def test_an_empty_file_is_the_default(tmp_path):
    (tmp_path / "c.yaml").write_text("")
    assert read_config(str(tmp_path / "c.yaml")).model.depth == 16


BAD = {
    "no such file": (["nothing.yaml"], "no file and no preset"),
    "no equals sign": (["tiny", "steps"], "no '='"),
    "unknown key": (["tiny", "epochs=3"], "unknown key 'epochs'"),
    "unknown model key": (["tiny", "model.dropout=0.1"], "unknown key 'model.dropout'"),
    "a word for a number": (["tiny", "steps=many"], "steps is 'many'; wanted int"),
    "a word for a fraction": (["tiny", "learning_rate=quick"], "learning_rate is 'quick'; wanted float"),
    "infinity for a fraction": (["tiny", "learning_rate=inf"], "wanted float"),
    "a fraction for a number": (["tiny", "steps=1.5"], "wanted int"),
    "truth for a number": (["tiny", "steps=true"], "wanted int"),
    "nothing": (["tiny", "steps="], "wanted int"),
    "broken YAML": (["tiny", "data=[a"], "not YAML"),
    "inside a number": (["tiny", "steps.deep=1"], "is no mapping"),
    "no heads": (["tiny", "model.heads=0"], "heads must be at least 1"),
    "width and heads": (["tiny", "model.width=30", "model.heads=4"], "multiple of 2 x heads"),
    "unknown order": (["tiny", "model.block_order=mine"], "block_order"),
    "no data": (["tiny"], "data is empty"),
    "data that is not there": (["tiny", "data=[nowhere]"], "no index.json"),
    "two text encoders": (["tiny", "text_model=t5"], "wanted model.text_encoder=none with it"),
    "another layout": (["tiny", "model.layout=gem", "model.innovation=false"], "layout must be 'genmo'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_config_is_one_line(tmp_path, capsys, name):
    arguments, message = BAD[name]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    printed, errors = capsys.readouterr()
    assert errors.startswith(PREFIX) and errors.count("\n") == 1 and message in errors
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("content", ["steps: [1", "- 1\n- 2\n", "just words", "model: 3"])
def test_a_bad_file_is_one_line(tmp_path, content):
    (tmp_path / "c.yaml").write_text(content)
    for overrides in ([], ["steps=2"]):
        with pytest.raises(GenmoError) as caught:
            read_config(str(tmp_path / "c.yaml"), overrides)
        assert "\n" not in str(caught.value)


def test_a_bad_option_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["tiny"])
    errors = capsys.readouterr().err
    assert stop.value.code == 2 and errors.startswith(PREFIX) and errors.count("\n") == 1
