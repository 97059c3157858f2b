"""Where libgenmo finds weights: what an export writes, and what is added to an engine that has no table."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from genmo.export import native_table
from genmo.export.onnx.graphs import write_graphs
from genmo.export.onnx.weight_locations import (
    can_describe,
    native_table_of_engine,
    network_of_distinct_weights,
    weights_by_role,
)
from genmo.export.onnx.weight_locations import native_table as written_table
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.bundle import SHIPPED, load_engine
from genmo.runtime.engine.native_weights import read_native_weights
from genmo.runtime.support import native
from genmo.runtime.support.errors import EngineError
from genmo.train.network.denoiser import Denoiser
from genmo.train.network.fusion import CrossAttentionDenoiser
from genmo.train.network.gem import GemDenoiser

TINY = ModelConfig(
    width=8, depth=2, heads=1, mlp_width=8, text_width=4, text_tokens=3, text_depth=1, video_width=0, music_width=0
)


def stored(engine):
    """The weights that a table points at, by role."""
    weights = read_native_weights(engine.denoiser)
    return {
        role: np.frombuffer(weights.files[tensor.file], np.float32, tensor.rows * tensor.columns, tensor.offset)
        for role, tensor in weights.tensors.items()
    }


def test_every_weight_of_an_export_lies_where_the_table_says(tiny_engine, tiny_model):
    expected, found = weights_by_role(tiny_model.denoiser), stored(load_engine(tiny_engine))
    assert found.keys() == expected.keys()
    for role, array in expected.items():
        np.testing.assert_array_equal(found[role], array.ravel(), err_msg=role)


@pytest.mark.slow
def test_the_table_of_an_engine_is_found_without_its_checkpoint(tmp_path):
    """Another network of the same config shows which array is what, also where arrays have the same shape."""
    network = network_of_distinct_weights(TINY, one_bias=False)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 0.1
    graphs = write_graphs(network, tmp_path)
    assert native_table_of_engine(TINY, "plain", graphs) == written_table(network, graphs)


def test_the_table_is_written_into_an_engine(engine_copy, tmp_path, capsys, monkeypatch):
    folder = engine_copy(tmp_path / "engine")
    described = json.loads((folder / "engine.json").read_text())
    monkeypatch.setattr(native_table, "native_table_of_engine", lambda *engine: described["native"])
    (folder / "engine.json").write_text(json.dumps({k: v for k, v in described.items() if k != "native"}))
    assert load_engine(folder).denoiser.native is None
    assert native_table.main([str(folder)]) == 0
    assert 'table "native" written' in capsys.readouterr().out
    assert json.loads((folder / "engine.json").read_text()) == described


def test_an_engine_of_another_precision_has_no_table(engine_copy, tmp_path, capsys):
    folder = engine_copy(tmp_path / "engine")
    described = json.loads((folder / "engine.json").read_text())
    (folder / "engine.json").write_text(json.dumps(described | {"precision": "fp16"}))
    assert native_table.main([str(folder)]) == 2
    assert "its precision is fp16; wanted an fp32 engine" in capsys.readouterr().err


def test_the_engine_that_ships_has_a_table():
    assert stored(load_engine(SHIPPED))["step.time"].size == 1000 * load_engine(SHIPPED).config.width


@pytest.mark.skipif(native.library() is None, reason=native.description())
def test_a_table_of_other_weights_is_not_written(tiny_engine):
    """The comparison that stands before every table: roles that are exchanged would be motion that is wrong."""
    engine = load_engine(tiny_engine)
    assert native_table.check_native(engine.denoiser, engine.config) < native_table.LARGEST
    tensors = dict(engine.denoiser.native["tensors"])
    one, other = "step.modules.0.attention.out.weight", "step.modules.0.text.out.weight"
    tensors[one], tensors[other] = tensors[other], tensors[one]
    table = engine.denoiser.native | {"tensors": tensors}
    with pytest.raises(EngineError, match="libgenmo differs from ONNX Runtime"):
        native_table.check_native(dataclasses.replace(engine.denoiser, native=table), engine.config)


def test_what_libgenmo_runs():
    assert can_describe(Denoiser(TINY))
    assert can_describe(GemDenoiser.__new__(GemDenoiser))
    assert not can_describe(CrossAttentionDenoiser.__new__(CrossAttentionDenoiser))
