"""Presets and files of tokens."""

import pytest

from genmo.train.settings.token_config import read_token_config, token_config_file, token_presets


def test_presets_are_read():
    assert token_presets() == ["tokens-paper", "tokens-small", "tokens-tiny"]
    for name in token_presets():
        assert read_token_config(token_config_file(name)).model.codes > 1
    assert token_config_file("tokens") == token_config_file("tokens-small")
    paper = read_token_config(token_config_file("tokens-paper")).model
    assert (paper.codes, paper.code_width, paper.width, paper.heads) == (8192, 32, 1024, 16)
    assert paper.plain_layers + paper.path_layers == 18


@pytest.mark.parametrize(("text", "ours"), [("family: tokens\nsteps: 7\n", True), ("steps: 7\n", False)])
def test_a_file_says_what_it_is_of(tmp_path, text, ours):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    assert (token_config_file(str(path)) is not None) == ours
    if ours:
        assert read_token_config(path, ["stage=1", "model.codes=9"]).model.codes == 9


def test_other_names_are_not_ours():
    assert token_config_file("small") is None and token_config_file("nowhere.yaml") is None
