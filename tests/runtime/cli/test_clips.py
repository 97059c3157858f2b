"""genmo-clips: a folder with everything in it, or one line and nothing."""

import json

import numpy as np
import pytest

from genmo.runtime.cli.clips import main
from genmo.runtime.clips.spec import EXAMPLE
from genmo.runtime.retarget.keyframes import motion_from_file
from tests.runtime.formats.test_glb import Glb

SPEC = """
samples: 1
clips:
  idle: {text: a person stands, seconds: 1}
  walk: {text: a person walks, speed: 1.2, seconds: 0.8, directions: [forward, left]}
  jump: {text: a person jumps, from: idle, seconds: 0.8, rise: 0.2, turn: 90}
transitions:
  - {from: idle, to: walk_left}
"""
NAMES = ["idle", "walk_forward", "walk_left", "jump", "idle-to-walk_left"]


@pytest.fixture(scope="module")
def library(tiny_engine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    (folder / "spec.yaml").write_text(SPEC)
    out = folder / "library"
    assert main([str(folder / "spec.yaml"), "--out", str(out), "--engine", str(tiny_engine), "--each", ".npz"]) == 0
    return out


def test_everything_is_there(library):
    assert {path.name for path in library.iterdir()} == {"library.glb", "manifest.json", "sheet.html", "clips"}
    assert {path.stem for path in (library / "clips").iterdir()} == set(NAMES)
    assert [path.name for path in library.parent.iterdir() if path.name.startswith(".")] == []
    page = (library / "sheet.html").read_text()
    assert all(f"<b>{name}</b>" in page for name in NAMES)
    assert page.count("data:image/png") == len(NAMES)


def test_the_file_plays_every_clip(library):
    glb = Glb((library / "library.glb").read_bytes())
    told = json.loads((library / "manifest.json").read_text())
    assert [one["name"] for one in glb.json["animations"]] == [one["name"] for one in told["clips"]] == NAMES
    for animation, clip in zip(glb.json["animations"], told["clips"], strict=True):
        times = glb.array(animation["samplers"][0]["input"])
        assert len(times) == clip["frames"]
        assert times[-1, 0] == pytest.approx(clip["seconds"], abs=1e-4)
    assert len(glb.json["meshes"]) == len(glb.json["skins"]) == 1


def test_the_manifest_tells_what_a_state_machine_needs(library):
    told = json.loads((library / "manifest.json").read_text())
    clips = {clip["name"]: clip for clip in told["clips"]}
    idle, walk, way = clips["idle"], clips["walk_left"], clips["idle-to-walk_left"]
    assert idle["loop"]
    assert walk["loop"]
    assert not way["loop"]
    assert 0 <= way["from"]["frame"] < idle["frames"] - 1
    assert 0 <= way["to"]["frame"] < walk["frames"] - 1
    for clip in clips.values():
        assert len(clip["root"]["x"]) == len(clip["root"]["heading"]) == clip["frames"]
        assert set(clip["contacts"]) == {"left_foot", "right_foot"}
        assert np.hypot(clip["root"]["x"][0], clip["root"]["z"][0]) < 1e-3
        assert clip["loop"] or abs(clip["root"]["heading"][0]) < 1e-2
        assert clip["meets"] == (not clip["misses"])


def test_a_transition_begins_and_ends_with_frames_of_its_loops(library):
    told = json.loads((library / "manifest.json").read_text())
    clips = {clip["name"]: clip for clip in told["clips"]}
    with np.load(library / "clips" / "idle-to-walk_left.npz") as way:
        for end, frame in (("from", 0), ("to", -1)):
            loop = clips["idle-to-walk_left"][end]
            with np.load(library / "clips" / f"{loop['clip']}.npz") as played:
                ours, theirs = way["rotations"][frame, 1:], played["rotations"][loop["frame"], 1:]
                np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_other_readers_take_its_first_clip(library):
    assert motion_from_file(library / "library.glb").frames == 31


def test_the_example_is_printed(capsys):
    assert main(["--example"]) == 0
    assert capsys.readouterr().out == EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "wanted SPEC.yaml and --out DIR"),
        (["spec.yaml"], "wanted SPEC.yaml and --out DIR"),
        (["spec.yaml", "--out", "no/where"], "there is no folder"),
        (["spec.yaml", "--out", "taken"], "something else is there"),
        (["none.yaml", "--out", "library"], "no such file"),
        (["spec.yaml", "--out", "library", "--each", ".fbx"], "wanted one of .glb"),
        (["spec.yaml", "--out", "library", "--samples", "0"], "--samples is 0"),
        (["spec.yaml", "--out", "library", "--character-map", "map.json"], "without --character"),
        (["spec.yaml", "--out", "library", "--engine", "none"], "none"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("genmo-clips: error: ")
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
