"""The evaluator: what it sees does not hang on place, size or neighbours; it learns; its file is whole or refused."""

import json

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.evaluation.text_motion_evaluator import SHIPPED, Evaluator, load_evaluator, save_evaluator


def test_an_evaluator_is_one_fixed_file(tmp_path, trained, random_motion, clip_of):
    model, _ = trained
    digest = save_evaluator(tmp_path / "ev", model, {"data": ["made"]})
    back = load_evaluator(tmp_path / "ev")
    assert back.sha256 == digest and back.description["data"] == ["made"]
    clips = [clip_of(random_motion(n, n)) for n in (30, 60)]
    np.testing.assert_array_equal(back.embed_motions(clips), Evaluator(model, "").embed_motions(clips))
    data = bytearray((tmp_path / "ev" / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "ev" / "weights.safetensors").write_bytes(data)
    with pytest.raises(InputError, match="the weights are not those of evaluator.json"):
        load_evaluator(tmp_path / "ev")
    (tmp_path / "ev" / "evaluator.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(InputError, match="'sha256'; wanted a folder"):
        load_evaluator(tmp_path / "ev")
    with pytest.raises(InputError, match="wanted a folder that"):
        load_evaluator(tmp_path / "nowhere")


def test_the_evaluator_that_ships(random_motion):
    """Whole, small, never trained on the people that are validated on, better than chance on them, with its losses."""
    evaluator = load_evaluator(SHIPPED)
    assert (SHIPPED / "weights.safetensors").stat().st_size < 4e6
    assert evaluator.description["left_out"] == ["cmu30/07", "cmu30/13", "cmu30/35", "cmu30/49", "cmu30/94"]
    assert evaluator.description["validation"]["R@3"] > 3 * 3 / 32
    lines = (SHIPPED / "log.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert records[-1]["step"] == evaluator.description["steps"] and records[-1]["loss"] < records[0]["loss"]
    assert evaluator.embed_motions([random_motion(40, 0)]).shape == (1, 128)


def test_an_evaluator_is_stored_in_half_precision_without_loss(judge, many_set, tmp_path):
    back = load_evaluator(judge)
    assert save_evaluator(tmp_path / "again", back.model, {}) == back.sha256
    assert (judge / "weights.safetensors").stat().st_size < 4e6
    assert isinstance(back, Evaluator)
