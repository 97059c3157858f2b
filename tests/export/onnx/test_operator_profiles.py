"""Graphs for Unity and Unreal: an old opset, known operators alone, and the same answers."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.graphs import example_inputs, write_onnx
from genmo.export.onnx.onnx_builder import TYPED_BF16
from genmo.export.onnx.operator_profiles import (
    PROFILES,
    UNITY_OPSET,
    check_precision,
    fitted,
    misfits,
    offending_operators,
    unity_operators,
)
from genmo.export.onnx.step_graph import sampler_model, step_model
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.support.errors import InputError
from tests.tolerances import FEATURES

DOCUMENTED = Path(__file__).resolve().parents[4] / "shared" / "reference" / "unity-inference-engine-2.4-onnx-ops.txt"


@pytest.fixture(scope="module")
def unity(tiny_engine, tiny_model):
    """The tiny model's graphs as Unity wants them, the sampler of three steps too."""
    plain = {name: onnx.load(tiny_engine / f"{name}.onnx") for name in ("conditions", "texts")}
    step = fold(tiny_model.denoiser)
    plain["step"] = step_model(step, texts_for_all=True)
    plain["sampler"] = sampler_model(step, 3, texts_for_all=True)
    return {name: fitted(model, "unity") for name, model in plain.items()}


@pytest.mark.parametrize("name", [*GRAPHS, "sampler"])
def test_every_graph_is_what_unity_reads(unity, name):
    model = unity[name]
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", UNITY_OPSET)]
    assert model.ir_version == 8 and not model.functions
    assert offending_operators(model, unity_operators()) == [] == misfits(model, unity_operators())
    assert "LayerNormalization" not in {node.op_type for node in model.graph.node}, "newer than opset 15"
    for node in model.graph.node:
        assert onnx.defs.get_schema(node.op_type, UNITY_OPSET).since_version <= UNITY_OPSET
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.INT64:
            assert np.abs(numpy_helper.to_array(tensor)).max(initial=0) < 2**31


@pytest.mark.parametrize(("frames", "batch", "texts"), [(1, 1, 1), (60, 1, 4), (121, 3, 2), (300, 2, 1)])
def test_it_answers_as_the_plain_engine_does(unity, tiny_engine, tmp_path, frames, batch, texts):
    engine = load_engine(tiny_engine)
    for name, model in unity.items():
        write_onnx(model, tmp_path / f"{name}.onnx")
    graphs = Graphs(*(tmp_path / f"{name}.onnx" for name in GRAPHS), False, tmp_path / "sampler.onnx", 3)
    ours = OnnxRuntimeDenoiser(graphs, engine.config, threads=1)
    plain = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    arrays = example_inputs(engine.config, np.random.default_rng(1), batch=batch, frames=frames, texts=texts)
    arrays["text_spans"][batch // 2 :] = 0  # motions that no text reaches
    np.testing.assert_allclose(ours(arrays)["x_0"], plain(arrays)["x_0"], atol=FEATURES)


def test_no_tensor_inside_is_ever_empty(unity, tiny_model):
    """What a step of Unity's makes of a motion without text: rows everywhere, by the plainest of interpreters."""
    from onnx.reference import ReferenceEvaluator

    from genmo.runtime.denoiser.signature import step_inputs

    config = tiny_model.config
    sizes = {"batch": 1, "prompted": 1, "frames": 7, "texts": 1, "words": config.text_tokens}
    arrays = {spec.name: np.zeros(spec.shape(**sizes), spec.dtype) for spec in step_inputs(config)}
    evaluator = ReferenceEvaluator(unity["step"])
    names = [name for node in unity["step"].graph.node for name in node.output]
    every = onnx.ModelProto()
    every.CopyFrom(unity["step"])
    del every.graph.output[:]
    every.graph.output.extend(helper.make_value_info(name, onnx.TypeProto()) for name in names)
    empty = [n for n, a in zip(names, ReferenceEvaluator(every).run(None, arrays), strict=True) if a.size == 0]
    assert not empty and evaluator.run(None, arrays)[0].shape == (1, 7, 181)


@pytest.mark.skipif(not DOCUMENTED.is_file(), reason="the list as it was taken from the manual is not here")
def test_the_list_is_the_documented_one():
    lines = DOCUMENTED.read_text().split()
    assert unity_operators() <= set(lines) and not {f"!{name}" for name in unity_operators()} & set(lines)
    assert len(unity_operators()) == 144


def small(*nodes, kind=TensorProto.FLOAT, constants=(), shape=("n", 4)):
    x, y = (helper.make_tensor_value_info(name, kind, list(shape)) for name in ("x", "y"))
    graph = helper.make_graph(list(nodes), "small", [x], [y], list(constants))
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])


def branching():
    inner = helper.make_graph(
        [helper.make_node("Det", ["x"], ["z"])], "in", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, [])]
    )
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    return small(node, constants=[numpy_helper.from_array(np.array(True), "c")])


def test_offending_operators_are_named():
    assert offending_operators(small(helper.make_node("Relu", ["x"], ["y"])), unity_operators()) == []
    both = small(helper.make_node("EyeLike", ["x"], ["z"]), helper.make_node("Gelu", ["z"], ["y"], domain="own"))
    assert offending_operators(both, unity_operators()) == ["EyeLike", "own.Gelu"]
    assert offending_operators(branching(), unity_operators()) == ["Det", "If"]


LARGE = numpy_helper.from_array(np.array([2**40]), "large")
CANNOT = {
    "control flow": (branching(), "operator Det is not supported; operator If is not supported"),
    "half precision": (small(helper.make_node("Relu", ["x"], ["y"]), kind=TensorProto.FLOAT16), "x is FLOAT16"),
    "nine axes": (small(helper.make_node("Relu", ["x"], ["y"]), shape=(1,) * 9), "x has 9 axes"),
    "large numbers": (
        small(helper.make_node("Add", ["x", "large"], ["y"]), kind=TensorProto.INT64, constants=[LARGE]),
        "large does not fit 32 bits",
    ),
    "computed axes": (
        small(helper.make_node("Shape", ["x"], ["s"]), helper.make_node("ReduceMax", ["x", "s"], ["y"])),
        "the axes of ReduceMax are computed",
    ),
    "a newer attribute": (
        small(
            helper.make_node("ScatterElements", ["x", "i", "x"], ["y"], reduction="max"),
            constants=[numpy_helper.from_array(np.zeros((1, 4), np.int64), "i")],
        ),
        "attribute reduction, which opset 15",
    ),
}


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_written_is_one_line(name):
    model, message = CANNOT[name]
    with pytest.raises(InputError, match=message) as caught:
        fitted(model, "unity")
    assert "\n" not in str(caught.value)


def test_a_typed_graph_of_gpus_is_no_graph_of_unity(tiny_model):
    with pytest.raises(InputError, match="BFLOAT16"):
        fitted(step_model(fold(tiny_model.denoiser), TYPED_BF16), "unity")


def test_the_end_of_a_slice_is_clamped_and_the_given_model_stays():
    ends = [numpy_helper.from_array(np.array([end]), name) for end, name in ((1, "one"), (2**62, "end"), (0, "axis"))]
    model = small(helper.make_node("Slice", ["x", "one", "end", "axis"], ["y"]), constants=ends)
    before = model.SerializeToString(deterministic=True)
    stored = {t.name: numpy_helper.to_array(t)[0] for t in fitted(model, "unity").graph.initializer}
    assert stored == {"one": 1, "end": 2**31 - 1, "axis": 0}
    assert model.SerializeToString(deterministic=True) == before and fitted(model, "plain") is model


def test_precisions_of_profiles():
    for profile in PROFILES:
        check_precision(profile, "fp32")
    check_precision("plain", "int8")
    with pytest.raises(InputError, match="--profile unity with --precision bf16"):
        check_precision("unity", "bf16")
