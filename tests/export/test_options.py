"""Options of an export: what cannot be used is one line, before any work."""

import pytest

from genmo.export.options import ExportOptions, read_prompts
from genmo.runtime.support.errors import InputError

BAD = {
    "a gate that is fixed": ({"allowed_error": 2.0}, "--allow-error with fp32, whose gate is fixed"),
    "no distance": ({"precision": "bf16", "allowed_error": 0.0}, "positive number of millimetres"),
    "infinity": ({"precision": "int8", "allowed_error": float("inf")}, "positive number of millimetres"),
    "no fused steps": ({"fused_steps": 0}, "--fuse-steps is 0; wanted 1 to 50"),
}


@pytest.mark.parametrize("name", BAD)
def test_numbers_that_cannot_be_used(tmp_path, name):
    changes, message = BAD[name]
    with pytest.raises(InputError, match=message):
        ExportOptions(tmp_path, tmp_path / "engine", "none", **changes).check()


def test_only_engines_and_empty_folders_are_replaced(tmp_path):
    options = ExportOptions(tmp_path, tmp_path / "engine", "none")
    options.check()
    options.out.mkdir()
    options.check()
    (options.out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and is no engine"):
        options.check()
    (options.out / "engine.json").write_text("{}")
    options.check()


def test_prompts_are_lines_each_once(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("a person walks\n\ndance\n a person walks \n")
    assert read_prompts(path) == ("a person walks", "dance")
    path.write_text("\n \n")
    with pytest.raises(InputError, match="no prompt in it"):
        read_prompts(path)
