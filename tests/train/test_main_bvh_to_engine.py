"""A user's folder of BVH files becomes a tiny engine and a motion: the commands of docs/training.md, in one process."""

import functools
import json

import pytest

from genmo.runtime.cli.run import main as run
from genmo.runtime.support.atomic_write import write_aside
from genmo.train.__main__ import main as train

pytestmark = pytest.mark.requires("onnxscript")


def test_bvh_to_motion_in_three_commands(tmp_path, random_motion, monkeypatch, capsys):
    from genmo.export import __main__ as export
    from genmo.export import pipeline
    from genmo.runtime.formats.bvh import to_bvh

    folder = tmp_path / "bvh"
    for actor in ("ann", "bob"):
        (folder / actor).mkdir(parents=True)
        for take in range(2):
            write_aside(folder / actor / f"{take}.bvh", to_bvh(random_motion(70, take + len(actor))))
            write_aside(folder / actor / f"{take}.txt", f"a person dances the {actor} {take}\n")
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 2)
    monkeypatch.setattr(pipeline, "parity", functools.partial(pipeline.parity, lengths=(1, 121)))
    runs, engine, out = (tmp_path / name for name in ("run", "engine", "dance.bvh"))
    arguments = ["tiny", f"data=[{json.dumps(str(folder))}]", "validation_subjects=[bvh/bob]", "steps=3", "frames=[40]"]
    assert train([*arguments, "estimation=2", "generation=2", "threads=1", "--out", str(runs)]) == 0
    assert export.main([str(runs), "--out", str(engine)]) == 0
    assert run(["--engine", str(engine), "--text", "a person dances the ann", "--frames", "30", "--out", str(out)]) == 0
    capsys.readouterr()
    assert out.read_text().startswith("HIERARCHY") and "Frames: 30" in out.read_text()
    described = json.loads((engine / "engine.json").read_text())
    assert described["provenance"]["train"]["data"] == ["bvh"] and described["provenance"]["step"] == 3
