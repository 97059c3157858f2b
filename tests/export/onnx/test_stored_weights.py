"""Weights stored in fewer bytes come back as near as their type is."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto

from genmo.export.onnx.onnx_builder import FP32, Graph
from genmo.export.onnx.stored_weights import SMALL, stored, unpacked
from genmo.runtime.denoiser.tensor_spec import TensorSpec


@pytest.mark.parametrize(("kind", "error"), [("float32", 0.0), ("float16", 5e-4), ("int8", 0.5 / 127)])
@pytest.mark.parametrize("channels", [0, 1])
def test_an_error_a_channel(kind, error, channels):
    values = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    values *= np.logspace(-3, 3, values.shape[channels]).reshape((-1, 1) if channels == 0 else (1, -1))
    values = values.astype(np.float32)
    graph = Graph(FP32)
    out = TensorSpec("y", ("rows", 50))
    made = graph("Add", graph.input(TensorSpec("x", ("rows", 50))), stored(graph, values, kind, channels))
    graph.output(made, "y")
    content = graph.model("g", (out,)).SerializeToString()
    (back,) = onnxruntime.InferenceSession(content).run(None, {"x": np.zeros((40, 50), np.float32)})
    whole = unpacked(graph.model("g", (out,)))
    assert {node.op_type for node in whole.graph.node} == {"Add", "Identity"}
    assert {tensor.data_type for tensor in whole.graph.initializer} == {TensorProto.FLOAT}
    (same,) = onnxruntime.InferenceSession(whole.SerializeToString()).run(None, {"x": np.zeros((40, 50), np.float32)})
    assert np.array_equal(same, back)
    largest = np.abs(values).max(axis=1 - channels, keepdims=True)
    assert (np.abs(back - values) <= 1.01 * error * largest + 1e-12).all()
    bytes_of = {"float32": 4, "float16": 2, "int8": 1}[kind]
    assert len(content) < values.size * bytes_of + 2000


def test_small_ones_stay_as_they_are():
    graph = Graph(FP32)
    assert stored(graph, np.ones(SMALL - 1, np.float32), "int8") == graph.constant(np.ones(SMALL - 1))
