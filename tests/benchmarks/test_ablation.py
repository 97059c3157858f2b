"""The ablation: variants differ in what they say and nothing else, it resumes, and its arithmetic is right."""

import importlib.util
import json
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from genmo.train.datasets.read import read_clips
from genmo.train.settings.config import read_config

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def ablation():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        spec = importlib.util.spec_from_file_location("benchmarks_ablation", BENCHMARKS / "ablation.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "benchmarks_ablation", module)
        spec.loader.exec_module(module)
        yield module
        sys.modules.pop("machine", None)


def test_variants_differ_from_the_reference_in_what_they_say(ablation):
    base = read_config("tiny", ["estimation=3", "generation=5"])
    every = ablation.variants(base, ["a/1"])

    def changed(name):
        other = every[name]
        return {f.name: getattr(other, f.name) for f in fields(base) if getattr(other, f.name) != getattr(base, f.name)}

    assert {name: changed(name) for name in every} == {
        "dual mode": {},
        "diffusion only": {"objective": "diffusion"},
        "regression only": {"objective": "regression", "estimation": 8, "generation": 0},
        "half with 3D, half left out": {"leave_out": ("a/1",)},
        "half with 3D, half with 2D only": {"subjects_2d": ("a/1",)},
        "cross-attention fusion": {"fusion": "cross_attention"},
    }
    assert {config.estimation + config.generation for config in every.values()} == {8}


def test_half_of_the_people(ablation, motion_set):
    clips = list(read_clips(motion_set))
    assert ablation.halves(clips, []) == ["made30/02"] and ablation.halves(clips, ["made30/02"]) == []


def test_intervals_are_students(ablation):
    """Of 1, 2, 3: mean 2, s = 1, t(2) = 4.303, so ± 4.303 / sqrt 3; one value has none; paired differences by seed."""
    mean, half = ablation.interval([1.0, 2.0, 3.0])
    assert mean == 2 and half == pytest.approx(4.303 / np.sqrt(3))
    assert np.isnan(ablation.interval([5.0])[1])
    mean, half = ablation.difference({"0": 11.0, "1": 22.0}, {"0": 10.0, "1": 20.0, "2": 99.0})
    assert mean == 1.5 and half == pytest.approx(12.706 * np.std([1, 2], ddof=1) / np.sqrt(2))


@pytest.fixture
def arguments(motion_set, tmp_path):
    overrides = ["estimation=1", "generation=1", "frames=[40]", "threads=1", "bf16=false", "model.text_buckets=64"]
    overrides += [
        "model.width=16",
        "model.depth=1",
        "model.heads=2",
        "model.mlp_width=16",
        "warmup=1",
        "lengthen=false",
    ]
    return [
        "--data", str(motion_set), "--validation", "02", "--runs", str(tmp_path / "runs"), "--out",
        str(tmp_path / "a.md"), "--steps", "2", "--seeds", "2", "--clips", "1", "--evaluator", "none", "--override",
        *overrides, "--only", "dual mode", "cross-attention fusion",
    ]  # fmt: skip


def test_it_trains_scores_writes_and_goes_on(ablation, arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 2)
    assert ablation.main(arguments) == 0
    said = (tmp_path / "a.md").read_text()
    assert said.count("| dual mode |") == 1 and said.count("| cross-attention fusion |") == 2 and "±" in said
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs == ["cross-attention-fusion-0", "cross-attention-fusion-1", "dual-mode-0", "dual-mode-1"]
    for name in runs:
        scores = json.loads((tmp_path / "runs" / name / "scores.json").read_text())["scores"]
        assert set(scores) == set(ablation.ESTIMATION) and np.isfinite(list(scores.values())).all()

    def forbidden(*given):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr(ablation, "train", forbidden)
    assert ablation.main(arguments) == 0
    assert (tmp_path / "a.md").read_text() == said
    capsys.readouterr()
    assert ablation.main([*arguments, "--steps", "3"]) == 2
    assert "a run with other settings; remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--validation", "9"], "no clip of the validation subjects"),
        (["--only", "nothing"], "--only 'nothing'; wanted some of dual mode"),
        (["--seeds", "0"], "wanted at least 1"),
        (["--out", "nowhere/a.md"], "no such folder"),
    ],
)
def test_bad_options_are_one_line(ablation, arguments, changes, message, capsys):
    assert ablation.main([*arguments, *changes]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
