"""The Triton repository: its configurations parse as Triton's own message, and say what the graphs are."""

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from genmo.export.targets import triton
from genmo.export.targets.triton import write_repository
from genmo.runtime.denoiser.sampler import generate
from genmo.runtime.denoiser.signature import inputs, outputs
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.backends.tensorrt_plans import PLANS, PlanSet, Profile, graph_hashes
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import GRAPHS, file_hash
from genmo.runtime.support.errors import InputError

TYPES = {onnx.TensorProto.FLOAT: "TYPE_FP32", onnx.TensorProto.INT64: "TYPE_INT64"}


@pytest.fixture(scope="module")
def messages():
    """The module of Triton's client with `ModelConfig`, by its file: its package wants grpc, which we do not need."""
    try:
        package = importlib.metadata.distribution("tritonclient")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("pip install tritonclient")
    path = package.locate_file("tritonclient/grpc/model_config_pb2.py")
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def configs(messages):
    from google.protobuf import text_format

    def parse(folder):
        return {
            path.parent.name: text_format.Parse(path.read_text(), messages.ModelConfig())
            for path in folder.glob("*/config.pbtxt")
        }

    return parse


def described(messages, tensors):
    types = messages.DataType
    return {tensor.name: (types.Name(tensor.data_type), list(tensor.dims)) for tensor in tensors}


def graph_tensors(nodes):
    return {
        node.name: (
            TYPES[node.type.tensor_type.elem_type],
            [-1 if axis.dim_param else axis.dim_value for axis in node.type.tensor_type.shape.dim],
        )
        for node in nodes
    }


def test_configurations_say_what_the_graphs_are(tiny_engine, tmp_path, configs, messages):
    names = write_repository(tiny_engine, tmp_path / "models", prefix="motion", instances=2, device="gpu")
    parsed = configs(tmp_path / "models")
    assert sorted(parsed) == names == ["motion_conditions", "motion_denoise", "motion_step", "motion_texts"]
    for graph in GRAPHS:
        config = parsed[f"motion_{graph}"]
        path = tmp_path / "models" / config.name / "1" / config.default_model_filename
        model = onnx.load(path).graph
        assert described(messages, config.input) == graph_tensors(model.input)
        assert described(messages, config.output) == graph_tensors(model.output)
        assert (config.backend, config.max_batch_size) == ("onnxruntime", 0)
        assert [(g.count, g.kind) for g in config.instance_group] == [(2, messages.ModelInstanceGroup.KIND_GPU)]
        assert path.read_bytes() == (tiny_engine / f"{graph}.onnx").read_bytes()


def test_the_ensemble_is_the_denoiser(tiny_engine, tmp_path, configs, messages):
    """Every input of a step comes from the request or an earlier step, with one type and one shape; nothing is lost."""
    write_repository(tiny_engine, tmp_path / "models")
    parsed = configs(tmp_path / "models")
    whole, config = parsed["genmo_denoise"], load_engine(tiny_engine).config
    assert whole.platform == "ensemble"
    assert [tensor.name for tensor in whole.input] == [spec.name for spec in inputs(config)]
    assert [tensor.name for tensor in whole.output] == [spec.name for spec in outputs(config)]
    known, used = described(messages, whole.input), set()
    for step in whole.ensemble_scheduling.step:
        model = parsed[step.model_name]
        assert set(step.input_map) == {tensor.name for tensor in model.input}
        for name, tensor in described(messages, model.input).items():
            assert known[step.input_map[name]] == tensor
            used.add(step.input_map[name])
        made = described(messages, model.output)
        assert not {step.output_map[name] for name in made} & set(known)
        known |= {step.output_map[name]: tensor for name, tensor in made.items()}
    assert used == set(known) - {tensor.name for tensor in whole.output}
    assert {name: known[name] for name in described(messages, whole.output)} == described(messages, whole.output)
    assert (tmp_path / "models" / "genmo_denoise" / "1").is_dir()  # Triton wants a version of an ensemble too


def add_plans(engine, library="tensorrt", frames=(1, 120, 1800)):
    plans = PlanSet(
        library=library,
        version="11.4.0",
        gpus=("sm_89",),
        gpu_name="NVIDIA Test 1",
        compatible="none",
        version_compatible=False,
        tf32=False,
        precision="fp32",
        profiles=(Profile(frames),),
        onnx=graph_hashes(load_engine(engine).denoiser),
        plans={name: "0" * 64 for name in PLANS},
    )
    folder = engine / "tensorrt" / plans.key
    folder.mkdir(parents=True)
    for name in PLANS:
        (folder / f"{name}.plan").write_bytes(name.encode())
    hashes = {name: file_hash(folder / f"{name}.plan") for name in PLANS}
    (folder / "plans.json").write_text(json.dumps(plans.to_json() | {"plans": hashes}))
    return plans.key


def test_plans_become_models_beside(engine_copy, tmp_path, configs, messages):
    engine = engine_copy(tmp_path / "engine")
    add_plans(engine, "tensorrt_rtx")
    assert len(write_repository(engine, tmp_path / "models")) == 4  # Triton does not run those of tensorrt_rtx
    key = add_plans(engine)
    assert len(write_repository(engine, tmp_path / "models")) == 8
    parsed = configs(tmp_path / "models")
    for graph, profiles in (("conditions", 1), ("texts", 1), ("step", 3)):
        model, onnx_model = parsed[f"genmo_{graph}_tensorrt"], parsed[f"genmo_{graph}"]
        assert (model.backend, model.default_model_filename) == ("tensorrt", "model.plan")
        assert list(model.instance_group[0].profile) == [str(index) for index in range(profiles)]
        assert described(messages, model.input) == described(messages, onnx_model.input)
        assert (tmp_path / "models" / model.name / "1" / "model.plan").read_bytes() == graph.encode()
    steps = parsed["genmo_denoise_tensorrt"].ensemble_scheduling.step
    assert [step.model_name for step in steps] == [f"genmo_{graph}_tensorrt" for graph in GRAPHS]
    other = add_plans(engine, frames=(60, 60, 60))
    with pytest.raises(InputError, match="several sets of TensorRT plans .*wanted --plans KEY"):
        write_repository(engine, tmp_path / "models")
    for chosen, models in ((key, 8), (other, 8), ("none", 4)):
        assert len(write_repository(engine, tmp_path / "models", plans=chosen)) == models


def test_a_sampler_graph_can_be_served(tiny_engine, messages):
    """Triton takes no tensor without an axis: what the sampler's signature holds must parse and have some."""
    from google.protobuf import text_format

    engine = load_engine(tiny_engine)
    tensors = triton.graph_tensors(engine.config)["sampler"]
    config = text_format.Parse(triton.model_config("x", "onnxruntime", tensors), messages.ModelConfig())
    assert {"noise", "guidance", "fused"} <= {tensor.name for tensor in config.input}
    assert all(len(tensor.dims) >= 1 for tensor in config.input)


def test_weights_beside_a_graph_keep_their_name(engine_copy, tmp_path):
    engine = engine_copy(tmp_path / "engine")
    (engine / "step.onnx.data").write_bytes(b"weights")
    write_repository(engine, tmp_path / "models")
    assert (tmp_path / "models" / "genmo_step" / "1" / "step.onnx.data").read_bytes() == b"weights"


def test_bad_input_is_one_line_and_writes_nothing(engine_copy, tmp_path, capsys):
    engine, mine = engine_copy(tmp_path / "engine"), tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("keep me")
    out = tmp_path / "models"
    add_plans(engine, "tensorrt_rtx")
    rtx = next((engine / "tensorrt").iterdir()).name
    for arguments, wanted in (
        ([engine, "--out", mine], "exists and is no repository of genmo"),
        ([engine, "--out", tmp_path / "no" / "models"], "there is no folder"),
        ([tmp_path, "--out", out], "no engine.json"),
        ([engine, "--out", out, "--prefix", "a b"], "--prefix is 'a b'"),
        ([engine, "--out", out, "--prefix", "../a"], "--prefix is '../a'"),
        ([engine, "--out", out, "--instances", "0"], "--instances is 0"),
        ([engine, "--out", out, "--plans", "sm_90"], "has no such plans"),
        ([engine, "--out", out, "--plans", rtx], "which Triton does not run"),
    ):
        assert triton.main([str(argument) for argument in arguments]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and wanted in error
    assert not out.exists() and (mine / "letter.txt").read_text() == "keep me"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["engine", "mine"]


def test_the_command_says_what_comes_next(tiny_engine, tmp_path, capsys):
    assert triton.main([str(tiny_engine), "--out", str(tmp_path / "models")]) == 0
    printed = capsys.readouterr().out
    assert f"tritonserver --model-repository={tmp_path / 'models'}" in printed
    assert "localhost:8000/v2/models/genmo_conditions/ready" in printed


def test_the_client_of_the_page_answers_what_the_engine_does(tiny_engine, tmp_path, monkeypatch):
    """The code of docs/triton.md, with a client that runs the repository's files in place of a server."""
    write_repository(tiny_engine, tmp_path / "models")

    class Input:
        def __init__(self, name, shape, datatype):
            self.name, self.shape, self.datatype = name, shape, datatype

        def set_data_from_numpy(self, array):
            assert array.shape == tuple(self.shape)
            assert self.datatype == {"float32": "FP32", "int64": "INT64"}[str(array.dtype)]
            self.array = array

    class Client:
        def __init__(self, url):
            assert url == "localhost:8000"

        def infer(self, model, requests):
            session = onnxruntime.InferenceSession(tmp_path / "models" / model / "1" / "model.onnx")
            names = [node.name for node in session.get_outputs()]
            answer = dict(zip(names, session.run(names, {each.name: each.array for each in requests}), strict=True))
            return SimpleNamespace(as_numpy=answer.get)

    page = (Path(__file__).resolve().parents[3] / "docs" / "triton.md").read_text()
    code = page.split("```python\n")[1].split("```")[0].replace('"ENGINE"', repr(str(tiny_engine)))
    package, module = ModuleType("tritonclient"), ModuleType("tritonclient.http")
    module.InferInput, module.InferenceServerClient, package.http = Input, Client, module
    monkeypatch.setitem(sys.modules, "tritonclient", package)
    monkeypatch.setitem(sys.modules, "tritonclient.http", module)
    names: dict = {}
    exec(compile(code, "docs/triton.md", "exec"), names)
    engine = load_engine(tiny_engine)
    sizes = {"batch": 1, "frames": 20, "texts": 1}
    conditions = {spec.name: np.ones(spec.shape(**sizes), spec.dtype) for spec in inputs(engine.config)[2:]}
    conditions["text_spans"] = np.array([[[3, 9]]])
    noise = np.random.default_rng(0).standard_normal((1, 20, engine.config.motion_layout.width)).astype(np.float32)
    ours = generate(names["denoiser"], conditions, noise, 3, 2.5)
    theirs = generate(OnnxRuntimeDenoiser(engine.denoiser, engine.config), conditions, noise, 3, 2.5)
    np.testing.assert_allclose(ours["x_0"], theirs["x_0"], atol=1e-4)
