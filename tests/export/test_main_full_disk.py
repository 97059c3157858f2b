"""A full disk is one line of every command that trains, prepares and exports, not a traceback."""

import errno
import importlib

import pytest


@pytest.mark.parametrize(
    ("module", "work", "arguments"),
    [
        ("genmo.train.__main__", "genmo.train.loop.trainer.train", ["tiny", "data=[x]", "--out", "{folder}/run"]),
        (
            "genmo.train.datasets.prepare",
            "genmo.train.datasets.prepare.write_store",
            ["bvh", "{folder}", "--out", "{folder}/clips"],
        ),
        ("genmo.export.__main__", "genmo.export.pipeline.export", ["{folder}", "--out", "{folder}/engine"]),
    ],
)
def test_a_full_disk_is_one_line(module, work, arguments, monkeypatch, capsys, tmp_path):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    command = importlib.import_module(module)
    monkeypatch.setattr(work, full)
    assert command.main([argument.format(folder=tmp_path) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert "No space left on device" in error and error.count("\n") == 1
