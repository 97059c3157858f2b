"""The parity table leaves nothing out without saying so, and shows the worst."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.requires("torch", "onnxscript")
FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def parity_table():
    """The script, which finds its neighbours beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location("parity_table", FOLDER / "parity_table.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "parity_table", module)
        spec.loader.exec_module(module)
        yield module


def test_every_size_and_every_subset_is_a_case(parity_table):
    from genmo.train.settings.config import read_config

    config = read_config("tiny").model
    lengths = [1, 60, 119, 120, 121, 180, 300, 1800]
    cases = parity_table.cases_of(config, lengths)
    sizes = {(c.frames, c.batch, c.texts) for c in cases if not c.absent}
    assert sizes == {(n, b, k) for n in lengths for b in (1, 8) for k in range(5)}
    absent = {(c.absent, c.texts) for c in cases if c.absent}
    assert len(absent) == 2 * (2**3 - 1) and (("keypoints", "bounding_box", "camera"), 0) in absent
    more = parity_table.cases_of(replace(config, video_width=8, music_width=3), lengths)
    assert len({c.absent for c in more if c.absent}) == 2**5 - 1
    costs = [c.frames * c.batch for c in cases]
    assert costs == sorted(costs) and len(set(cases)) == len(cases)


def test_a_row_is_its_worst_case_and_nan_stays(parity_table):
    row = parity_table.Row()
    for error in (np.full(100, 0.01), np.full(100, 0.03), np.full(100, 0.02)):
        row.add("fp32", error)
    assert row.worst["fp32"]["mean_mm"] == pytest.approx(0.03)
    rows = {"a": row}
    assert parity_table.verdict(rows, "fp32") == "passes" and parity_table.verdict({}, "fp32") == "FAILS"
    row.add("fp32", np.full(100, np.nan))
    row.add("fp32", np.full(100, 0.01))
    assert np.isnan(row.worst["fp32"]["mean_mm"]) and parity_table.verdict(rows, "fp32") == "FAILS"
    other = parity_table.Row()
    other.add("fp32", np.full(100, 0.051))
    assert parity_table.verdict({"a": other}, "fp32") == "FAILS"


class Moved:
    """The model with one feature of the root's orientation moved."""

    def __init__(self, reference, by):
        self.reference, self.by = reference, by

    def __call__(self, arrays):
        answer = self.reference(arrays)
        return answer | {"x_0": answer["x_0"] + np.float32(self.by)}


def test_a_wrong_engine_fails_and_time_ends(parity_table, tiny_checkpoint):
    from genmo.train.evaluation.torch_model import TorchDenoiser
    from genmo.train.network.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(tiny_checkpoint)
    reference = TorchDenoiser(checkpoint.model.denoiser)
    cases = [parity_table.Case(3, 1, 0), parity_table.Case(3, 1, 1, ("keypoints",)), parity_table.Case(5, 2, 4)]
    engines = {"fp32": reference, "fp16": Moved(reference, 0.5)}
    rows, left = parity_table.measure(checkpoint, {}, engines, cases, 100.0)
    assert left == 0 and [row.cases for row in rows.values()] == [1, 1, 1]
    assert "3 frames, subsets of conditions absent" in rows
    measured = [sorted(row.worst) for row in rows.values()]
    assert measured == [["fp16", "fp32"], ["fp32"], ["fp32"]], "over its gate, not measured further"
    assert parity_table.verdict(rows, "fp32") == "passes" and parity_table.verdict(rows, "fp16") == "FAILS"
    assert parity_table.table(rows, ["fp32", "fp16"])[-1] == "| **all** | | passes | FAILS |"
    assert parity_table.measure(checkpoint, {}, engines, cases, -1.0) == ({}, 3)


def test_absent_conditions_are_absent(parity_table, tiny_checkpoint):
    from genmo.train.network.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(tiny_checkpoint)
    for arrays in parity_table.inputs_of(checkpoint, {}, parity_table.Case(9, 1, 0, ("camera", "keypoints"))):
        assert not arrays["camera_mask"].any() and not arrays["keypoints_mask"].any()
        assert arrays["bounding_box_mask"].any()
