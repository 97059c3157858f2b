"""Graphs are plain ONNX: named axes, no trace of the tracer, large weights beside them."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from genmo.export.onnx.graphs import Texts, clean, example_inputs, trace, write_onnx
from genmo.export.onnx.onnx_builder import IR_VERSION
from genmo.runtime.denoiser.signature import (
    STEP_AXES,
    condition_inputs,
    condition_outputs,
    inputs,
    outputs,
    step_inputs,
    text_inputs,
    text_outputs,
)
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeGraph
from genmo.runtime.engine.graphs import GRAPHS
from genmo.train.network.denoiser import Denoiser
from tests.tolerances import FEATURES


def texts_of(model):
    """Every string that the file holds about itself."""
    yield from (model.producer_name, model.producer_version, model.doc_string, model.domain, model.graph.doc_string)
    for item in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        yield item.doc_string
        for prop in getattr(item, "metadata_props", ()):
            yield from (prop.key, prop.value)
    for prop in (*model.metadata_props, *model.graph.metadata_props):
        yield from (prop.key, prop.value)
    for node in model.graph.node:
        yield from (attribute.s.decode(errors="replace") for attribute in node.attribute if attribute.s)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_is_plain_onnx(graphs, name):
    graph = graphs[name]
    onnx.checker.check_model(graph, full_check=True)
    assert graph.ir_version == IR_VERSION == 8
    assert {entry.domain for entry in graph.opset_import} == {""}
    assert max(entry.version for entry in graph.opset_import) <= 20
    assert not graph.functions and {node.domain for node in graph.graph.node} <= {""}
    assert not any(node.op_type in ("Loop", "If", "Scan") for node in graph.graph.node)


def shape_of(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


SIGNATURE = {
    "conditions": (condition_inputs, condition_outputs),
    "texts": (text_inputs, text_outputs),
    "step": (step_inputs, outputs),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_axes_have_their_names(graphs, checkpoint, name):
    graph = graphs[name].graph
    for values, specs in zip((graph.input, graph.output), SIGNATURE[name], strict=True):
        wanted = {spec.name: list(spec.axes) for spec in specs(checkpoint.model.config)}
        assert {value.name: shape_of(value) for value in values} == wanted
        assert [value.name for value in values] == list(wanted)
    assert {a for v in graph.input for a in shape_of(v) if isinstance(a, str)} <= set(STEP_AXES)


@pytest.fixture(scope="module")
def in_context(checkpoint):
    """The part that reads texts, of a network whose words hear each other, and its graph."""
    torch.manual_seed(1)
    denoiser = Denoiser(replace(checkpoint.model.config, text_depth=2)).eval()
    with torch.no_grad():
        for parameter in denoiser.word_layers.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    module = Texts(denoiser)
    return module, onnxruntime.InferenceSession(trace(module).SerializeToString())


@torch.no_grad()
@pytest.mark.parametrize(("texts", "batch"), [(1, 1), (3, 2)])
def test_words_in_context_are_in_the_texts_graph(in_context, texts, batch):
    module, session = in_context
    config = module.denoiser.config
    arrays = example_inputs(config, np.random.default_rng(2), batch=batch, frames=9, texts=texts)
    arrays = {spec.name: arrays[spec.name] for spec in module.inputs}
    arrays["text_token_mask"][0, 0] = 0  # an empty text must not become NaN
    wanted = module(*map(torch.from_numpy, arrays.values()))
    for ours, theirs in zip(session.run(None, arrays), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=FEATURES)


def test_cleaning_drops_what_a_tracer_notes():
    node = onnx.helper.make_node("Relu", ["x"], ["y"], doc_string="File '/somewhere/denoiser.py'")
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/somewhere/denoiser.py:3")
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "main", [x], [y], doc_string="/somewhere"))
    model.metadata_props.add(key="path", value="/somewhere")
    assert [text for text in texts_of(model) if "/" in text]
    assert not [text for text in texts_of(clean(model, "main")) if "/" in text or "torch" in text]


def test_example_inputs_follow_the_signature(checkpoint):
    config = checkpoint.model.config
    arrays = example_inputs(config, np.random.default_rng(0), batch=2, frames=9, texts=3)
    for spec in inputs(config):
        assert arrays[spec.name].shape == spec.shape(batch=2, frames=9, texts=3)
        assert arrays[spec.name].dtype == spec.dtype
    assert (arrays["text_spans"][..., 0] <= arrays["text_spans"][..., 1]).all() and arrays["text_spans"].max() <= 9


def test_large_models_keep_their_weights_beside_them(tmp_path, monkeypatch, graphs, checkpoint):
    monkeypatch.setattr("genmo.export.onnx.graphs.INLINE_LIMIT", 1000)
    files = write_onnx(graphs["step"], tmp_path / "step.onnx")
    assert [path.name for path in files] == ["step.onnx", "step.onnx.data"]
    assert files[0].stat().st_size < files[1].stat().st_size
    config = checkpoint.model.config
    OnnxRuntimeGraph(files[0], step_inputs(config), outputs(config), "cpu", 1)


def test_no_trace_of_the_machine(tiny_engine, graphs, pytestconfig):
    texts = [text for model in graphs.values() for text in texts_of(model)]
    assert "LayerNormalization" not in texts and not [t for t in texts if "/" in t or "\\" in t or ".py" in t]
    for path in tiny_engine.iterdir():
        content = path.read_bytes()
        for mark in (
            str(pytestconfig.rootpath).encode(),
            b"site-packages",
            b".py\x00",
            b".py:",
            b"/home",
            b"Traceback",
        ):
            assert mark not in content, (path.name, mark)
