"""An engine of motion tokens taken apart again: what comes of exporting the checkpoint answers as the engine did."""

import shutil

import numpy as np
import pytest
import torch

from genmo.export.__main__ import main as export
from genmo.export.engine_to_checkpoint import main
from genmo.export.token_unfolding import unfold_tokens
from genmo.runtime.engine.backends.token_graphs import TokenGraphs
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.engine.example_file import FILE as EXAMPLES
from genmo.runtime.engine.text_reader import FILE as READER
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.support.errors import EngineError
from genmo.runtime.tokens.config import TokenConfig
from genmo.runtime.tokens.decoding import Mixture, guided
from genmo.train.network.token_model import load_token_checkpoint


def answers(folder):
    """What the three graphs of an engine say to the same questions."""
    engine = load_token_engine(folder)
    graphs, random, config = TokenGraphs(engine, threads=1), np.random.default_rng(0), engine.config
    features = random.standard_normal((3, 32, config.motion_layout.width)).astype(np.float32)
    ids = graphs.encode(features)
    hidden = np.where(random.random(ids.shape) < 0.5, config.mask_id, ids)
    given = np.concatenate([hidden, np.full_like(hidden[:, :1], config.end_id)], axis=1)
    texts = guided(random.standard_normal((4, config.text_width)).astype(np.float32), np.ones(4, np.float32), 3, 3.0)
    likely = graphs(np.tile(given, (2, 1, 1)), *texts)
    return ids, graphs.decode(Mixture.of(ids)), np.take_along_axis(likely.logits, likely.ids.argsort(axis=-1), axis=-1)


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-4), ("fp16", 0.01), ("int8", 0.1)])
def test_a_checkpoint_survives_being_an_engine(token_checkpoint, tmp_path, capsys, precision, most):
    engine, after, again, checkpoint = (tmp_path / name for name in ("engine", "after", "again", "before"))
    shutil.copytree(token_checkpoint, checkpoint)
    for name in (READER, EXAMPLES):
        shutil.copy(SHIPPED / name, checkpoint)
    assert export([str(checkpoint), "--out", str(engine), "--precision", precision]) == 0
    assert main([str(engine), "--out", str(after)]) == 0
    assert f"genmo-train tokens stage=3 init={after}" in capsys.readouterr().out
    assert export([str(after), "--out", str(again), "--precision", precision]) == 0
    first, second = answers(engine), answers(again)
    assert (first[0] == second[0]).all()
    np.testing.assert_allclose(first[1], second[1], atol=1e-6)
    assert np.abs(first[2] - second[2]).mean() < most
    for name in (READER, EXAMPLES):  # what takes are chosen by and begin from goes along, byte for byte
        assert (SHIPPED / name).read_bytes() == (again / name).read_bytes()
    assert "text reader" in (again / "MODEL_CARD.md").read_text()
    before, found = (load_token_checkpoint(folder) for folder in (token_checkpoint, after))
    assert found.provenance["step"] == 0 and found.text_lengths is not None
    torch.testing.assert_close(found.normalisation.mean, before.normalisation.mean)
    if precision == "fp32":  # but for what is not told apart: experts, and biases that are only ever added
        for name in ("head.weight", "motion_in.weight", "specials", "layers.1.pathways.project.weight"):
            theirs, ours = (checkpoint.model.transformer.state_dict()[name] for checkpoint in (before, found))
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_what_cannot_be_taken_apart_is_one_line(token_engine, tmp_path, capsys, monkeypatch):
    (tmp_path / "there").mkdir()
    assert main([str(token_engine), "--out", str(tmp_path / "there")]) == 2
    assert "wanted a new folder" in capsys.readouterr().err and not list((tmp_path / "there").iterdir())
    engine = load_token_engine(token_engine)
    few = TokenConfig.from_json(engine.config.to_json() | {"code_width": 32})
    object.__setattr__(engine, "config", few)
    with pytest.raises(EngineError, match="fewer codes than channels"):
        unfold_tokens(engine)
    object.__setattr__(engine, "config", TokenConfig.from_json(few.to_json() | {"code_width": 4}))
    with pytest.raises(EngineError, match=r"encoder\.onnx is not as this genmo writes it; export it again"):
        unfold_tokens(engine)
