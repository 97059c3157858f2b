"""Graphs written node by node: the arithmetic of each piece, and what is folded, against the definitions."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto

from genmo.export.onnx.constant_folding import fold, rotary_order
from genmo.export.onnx.onnx_builder import FP32, PRECISIONS, TYPED_BF16, Graph, Linear
from genmo.export.onnx.step_graph import CROSSOVER, StepGraph, step_model
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.train.network.attention import rope_tables, window_mask

X = TensorSpec("x", ("rows", 6))


def evaluate(graph, result, outputs, **arrays):
    """The value of a tensor of the graph."""
    graph.name(result, outputs.name)
    session = onnxruntime.InferenceSession(graph.model("test", [outputs]).SerializeToString())
    return session.run(None, arrays)[0]


def of_rows(write, precision=FP32, rows=5, scale=1.0, width=6):
    """`write(graph, x)` of random rows [rows, 6], and the rows."""
    graph, x = Graph(precision), scale * np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32)
    return evaluate(graph, write(graph, graph.input(X)), TensorSpec("y", ("rows", width)), x=x), x


def layer(bias=True):
    random = np.random.default_rng(1)
    return Linear(random.normal(size=(6, 4)).astype(np.float32), random.normal(size=4).astype(np.float32) * bias)


@pytest.mark.parametrize(
    ("precision", "error"), [("fp32", 1e-6), ("fp16", 3e-3), ("bf16", 3e-2), ("int8", 8e-2)], ids=list(PRECISIONS)
)
def test_linear(precision, error):
    """Every precision is the product within its rounding, and none but fp32 is the product itself."""
    made, x = of_rows(lambda g, x: g.cast(g.linear(x, layer()), "float32"), PRECISIONS[precision], width=4)
    wanted = x.astype(np.float64) @ layer().weight + layer().bias
    largest = np.abs(made - wanted).max()
    assert error / 100 < largest + (precision == "fp32") and largest < error


@pytest.mark.parametrize("precision", PRECISIONS)
def test_exact_layers_are_float32_in_every_precision(precision):
    made, x = of_rows(lambda g, x: g.linear(x, layer(), exact=True), PRECISIONS[precision], width=4)
    np.testing.assert_allclose(made, x @ layer().weight + layer().bias, atol=1e-5)


def test_8_bit_products_are_integer_products():
    """By hand: round to the grid of each, multiply integers, scale."""
    made, x = of_rows(lambda g, x: g.linear(x, layer()), PRECISIONS["int8"], width=4)
    weight_step = np.abs(layer().weight).max(axis=0) / 127
    weight = np.round(layer().weight / weight_step)
    low, high = min(x.min(), 0), max(x.max(), 0)
    step = (high - low) / 255
    zero = np.round(-low / step)
    bits = np.clip(np.round(x / step) + zero, 0, 255)
    np.testing.assert_allclose(made, (bits - zero) @ weight * step * weight_step + layer().bias, atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_gelus(scale):
    for write, form in ((Graph.gelu, "tanh"), (Graph.exact_gelu, "none")):
        made, x = of_rows(write, scale=scale)
        np.testing.assert_allclose(made, F.gelu(torch.from_numpy(x), approximate=form), atol=1e-6 * scale)


def test_norm():
    weight, bias = np.arange(1, 7, dtype=np.float32), np.arange(6, dtype=np.float32)
    made, x = of_rows(lambda g, x: g.norm(x, weight, bias, 1e-2))
    wanted = F.layer_norm(torch.from_numpy(x), (6,), torch.from_numpy(weight), torch.from_numpy(bias), 1e-2)
    np.testing.assert_allclose(made, wanted, atol=1e-5)


def test_equal_constants_are_stored_once():
    graph = Graph(FP32)
    assert graph.constant([1.0, 2.0]) == graph.constant(np.array([1, 2])) != graph.constant([[1.0, 2.0]])
    assert graph.constant([1.0]) != graph.constant([1.0], "float16") != graph.integers(1)
    assert graph.integers(1, 2) == graph.integers(1, 2)


def test_a_cast_stands_only_where_types_meet():
    graph = Graph(PRECISIONS["fp16"])
    x = graph.input(X)
    assert graph.cast(x, "float32") == x
    half = graph.factor(x)
    assert half != x and graph.factor(half) == half


WINDOW, LENGTHS = 120, [1, 2, 60, 119, 120, 121, 179, 180, 181, 239, 240, 241, 299, 300, 1800]


@pytest.fixture(scope="module")
def step_parts(tiny_model):
    """Evaluate a tensor of the step graph that depends on the number of frames alone."""

    def value(attribute, frames, axes):
        step = StepGraph(fold(tiny_model.denoiser), FP32, texts=False)
        result = step.graph("Identity", getattr(step, attribute), dtype="float32")
        if attribute.endswith("rows"):
            result = step.graph("Cast", getattr(step, attribute), dtype="float32", to=1)
        width = tiny_model.config.width
        inputs = {"fused": np.zeros((1, frames, width), np.float32)}
        inputs |= {"x_t": np.zeros((1, frames, 181), np.float32), "timestep": np.zeros(1, np.int64)}
        return evaluate(step.graph, result, TensorSpec("y", axes), **inputs)

    return value


@pytest.mark.parametrize("frames", LENGTHS)
def test_every_row_sees_exactly_its_window(step_parts, frames):
    """Blocks, their keys and their mask put together are the window's definition, each key once."""
    rows = step_parts("query_rows", frames, ("b", "r")).astype(int)
    keys = step_parts("key_rows", frames, ("b", "k")).astype(int)
    mask = step_parts("mask", frames, ("b", "r", "k"))
    assert mask.shape == (*rows.shape, keys.shape[1]) and set(np.unique(mask)) <= {0.0, np.float32(-1e9)}
    seen = np.zeros((frames, frames), int)
    for block, row in np.ndindex(*rows.shape):
        if block * rows.shape[1] + row < frames:  # those behind the last are cut off
            np.add.at(seen[rows[block, row]], keys[block][mask[block, row] == 0], 1)
        assert (mask[block, row] == 0).any(), "a row without keys would be NaN"
    np.testing.assert_array_equal(seen, window_mask(frames, WINDOW).numpy())
    assert mask.size <= max(frames**2, 1.6 * frames * WINDOW + 60 * 180) and (frames > CROSSOVER or len(rows) == 1)


def test_rotary_tables_repeat_for_every_head(step_parts, tiny_model):
    heads, width = tiny_model.config.heads, tiny_model.config.width
    for name, table in zip(("cos", "sin"), rope_tables(130, width // heads), strict=True):
        made = step_parts(name, 130, ("n", "w"))
        np.testing.assert_allclose(made, np.tile(table, (1, 2 * heads)), atol=2e-5)


def test_rotary_order_pairs_channels_with_their_angle():
    """4 heads of 6: queries' even channels of all heads, then keys', then the odd ones, then values."""
    order = rotary_order(24, 4)
    assert sorted(order) == list(range(72)) and order[48:].tolist() == list(range(48, 72))
    assert order[:4].tolist() == [0, 2, 4, 6] and order[12:16].tolist() == [24, 26, 28, 30]
    np.testing.assert_array_equal(order[24:48], order[:24] + 1)


def test_folding_leaves_the_model_alone(tiny_model):
    before = {name: tensor.clone() for name, tensor in tiny_model.denoiser.state_dict().items()}
    step = fold(tiny_model.denoiser)
    after = tiny_model.denoiser.state_dict()
    assert all(torch.equal(before[name], after[name]) and after[name].dtype == before[name].dtype for name in before)
    assert step.time.shape == (1000, 32) and step.time.dtype == np.float32


@torch.no_grad()
def test_the_timestep_table_is_the_mlp_of_every_row(tiny_model):
    model = tiny_model.denoiser
    wanted = F.linear(model.time(model.timestep_table), model.condition_in.weight)
    np.testing.assert_allclose(fold(model).time, wanted, atol=1e-5)


@torch.no_grad()
def test_the_null_text_is_the_attention_to_one_token(tiny_model):
    model, step = tiny_model.denoiser, fold(tiny_model.denoiser)
    for block, module in zip(model.text_blocks, step.modules, strict=True):
        token = model.text_in(model.null_text)[None, None, None]
        x = torch.randn(1, 3, 32)
        wanted = block.attention(x, token, torch.zeros(1, 1, 1), torch.ones(1, 1, 3))
        text = module.text[0]
        np.testing.assert_allclose(
            wanted[0], (text.null @ text.out.weight + text.out.bias)[None].repeat(3, 0), atol=1e-5
        )


STORED = {
    "fp32": TensorProto.FLOAT,
    "fp16": TensorProto.FLOAT16,
    "bf16": TensorProto.BFLOAT16,
    "int8": TensorProto.INT8,
}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_types_are_said_and_fp32_stays_where_it_matters(tiny_model, precision):
    model = step_model(fold(tiny_model.denoiser), PRECISIONS[precision])
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.input)}
    types |= {tensor.name: tensor.data_type for tensor in inferred.initializer}
    for node in inferred.node:
        if node.op_type in ("Softmax", "LayerNormalization", "Tanh", "Sin", "Pow"):
            assert types[node.input[0]] == TensorProto.FLOAT, node.name
        if node.op_type == "MatMul" and precision == "fp16" and "fused" not in node.name:
            assert {types[name] for name in node.input} in ({TensorProto.FLOAT16}, {TensorProto.FLOAT}), node.name
    stored = [t.data_type for t in inferred.initializer if len(t.dims) == 2 and t.dims[0] == t.dims[1] == 32]
    assert stored.count(STORED[precision]) >= 3, "attention's out, text query and out"
    heads = [t for t in inferred.initializer if list(t.dims) == [32, 181]]
    assert [t.data_type for t in heads] == [TensorProto.FLOAT]


def test_bfloat16_products_can_be_typed_for_gpus(tiny_model):
    """No CPU library runs these; the checker must agree with the types."""
    model = step_model(fold(tiny_model.denoiser), TYPED_BF16)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    products = [types[node.output[0]] for node in inferred.node if node.op_type in ("MatMul", "Gemm")]
    assert products.count(TensorProto.BFLOAT16) == 12 and products.count(TensorProto.FLOAT) == 5
