"""The frozen model: the same bytes every time, nothing of this machine, and the same motion as PyTorch."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from genmo.export import __main__ as command
from genmo.export.onnx_export import IR_VERSION, clean, example_inputs, export_denoiser, write_onnx
from genmo.export.parity import GATES_MM, LENGTHS, TorchDenoiser, cases, error_mm, parity, passes, table
from genmo.runtime.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine import file_hash, load_engine
from genmo.runtime.signature import DYNAMIC_AXES, inputs, outputs
from genmo.train.checkpoint import load_checkpoint
from genmo.train.config import read_config
from genmo.train.denoiser import Denoiser

PREFIX = "genmo-export: error: "


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return load_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="module")
def graph(tiny_engine):
    return onnx.load(tiny_engine / "denoiser.onnx")


@pytest.fixture(scope="module")
def exported_again(tiny_checkpoint, tmp_path_factory, python):
    """The same checkpoint through `genmo-export` in another process: other folder, other hash seed, all lengths."""
    folder = tmp_path_factory.mktemp("elsewhere") / "deeper"
    folder.mkdir()
    arguments = ["-m", "genmo.export", str(tiny_checkpoint), "--out", "engine", "--licence", "none: random weights"]
    done = python(arguments, cwd=folder, PYTHONHASHSEED="77")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["engine"]
    return folder / "engine", done.stdout


def test_two_exports_have_the_same_bytes(tiny_engine, exported_again, checkpoint, graph):
    again, _ = exported_again
    for name in ("denoiser.onnx", "text_encoder.npy"):
        assert (again / name).read_bytes() == (tiny_engine / name).read_bytes(), name
    ours, theirs = (json.loads((folder / "engine.json").read_text()) for folder in (tiny_engine, again))
    for described in (ours, theirs):
        del described["parity"]["rows"]
    assert ours == theirs


def test_every_case_is_within_the_gate(exported_again):
    """N = 1, 60, 119, 120, 121, 180, 300, 1800; 0, 1 and 4 texts; batch 1 and 3; and the whole sampler."""
    engine, printed = exported_again
    rows = json.loads((engine / "engine.json").read_text())["parity"]["rows"]
    found = {(row["frames"], row["batch"], row["texts"]) for row in rows}
    short = {(n, b, k) for n in LENGTHS for b in (1, 3) for k in (0, 1, 4) if n <= 300 or b == 1}
    assert found >= short and LENGTHS == (1, 60, 119, 120, 121, 180, 300, 1800)
    assert {row["frames"] for row in rows if "guided" in row["run"]} == {120, 1800}
    for row in rows:
        assert max(row["mean_mm"], row["p99_mm"]) <= 0.05, row
        assert row["max_mm"] >= row["p99_mm"] >= 0
    assert printed.splitlines()[0].split() == "frames batch texts run mean mm p99 mm max mm".split()
    assert len(printed.splitlines()) >= len(rows) + 1 and "genmo-run --engine engine" in printed


def test_the_engine_is_the_model_on_long_motions_in_batches(tiny_engine, checkpoint):
    rows = parity(checkpoint, OnnxRuntimeDenoiser(tiny_engine / "denoiser.onnx", checkpoint.model.config), {}, (2, 181))
    assert passes(rows, "fp32") and len(rows) == 12


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


def test_no_trace_of_the_machine(tiny_engine, graph, pytestconfig):
    assert not [text for text in texts_of(graph) if "/" in text or "\\" in text or ".py" in text]
    for path in tiny_engine.iterdir():
        content = path.read_bytes()
        for trace in (
            str(pytestconfig.rootpath).encode(),
            b"site-packages",
            b".py\x00",
            b".py:",
            b"/home",
            b"Traceback",
        ):
            assert trace not in content, (path.name, trace)


def test_the_graph_is_plain_onnx(graph):
    onnx.checker.check_model(graph, full_check=True)
    assert graph.ir_version == IR_VERSION == 8
    assert {entry.domain for entry in graph.opset_import} == {""}
    assert max(entry.version for entry in graph.opset_import) <= 20
    assert not graph.functions and {node.domain for node in graph.graph.node} <= {""}
    assert not any(node.op_type in ("Loop", "If", "Scan") for node in graph.graph.node)


def shape_of(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_axes_have_their_names(graph, checkpoint):
    config = checkpoint.model.config
    for values, specs in ((graph.graph.input, inputs(config)), (graph.graph.output, outputs(config))):
        assert [value.name for value in values] == [spec.name for spec in specs]
        for value, spec in zip(values, specs, strict=True):
            assert shape_of(value) == list(spec.axes), spec.name
    assert {a for v in graph.graph.input for a in shape_of(v) if isinstance(a, str)} == set(DYNAMIC_AXES)


def test_cleaning_drops_what_a_tracer_notes():
    node = onnx.helper.make_node("Relu", ["x"], ["y"], doc_string="File '/somewhere/denoiser.py'")
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/somewhere/denoiser.py:3")
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "main", [x], [y], doc_string="/somewhere"))
    model.metadata_props.add(key="path", value="/somewhere")
    assert [text for text in texts_of(model) if "/" in text]
    assert not [text for text in texts_of(clean(model)) if "/" in text or "torch" in text]


def test_engine_json_says_what_it_is(tiny_engine, checkpoint):
    described = json.loads((tiny_engine / "engine.json").read_text())
    assert described["files"] == {name: file_hash(tiny_engine / name) for name in ("denoiser.onnx", "text_encoder.npy")}
    assert described["model"] == checkpoint.model.config.to_json()
    assert described["precision"] == "fp32" and described["licence"] == "none: random weights"
    assert described["schedule"] == {"kind": "cosine", "steps": 1000, "predicts": "x_0"}
    assert described["conditions"] == ["text", "keypoints", "bounding_box", "camera"]
    assert described["provenance"]["train"] == {"steps": 0}
    assert {"genmo", "torch", "onnx", "onnxruntime"} <= set(described["provenance"]["versions"])
    assert described["parity"]["gate_mm"] == {"mean": 0.05, "p99": 0.05} == GATES_MM["fp32"]
    assert described["text_encoder"]["kind"] == load_engine(tiny_engine).description["text_encoder"]["kind"]


def test_every_kind_of_model_can_be_frozen(tmp_path):
    """Video and music, blocks in the public order, two modules, the other layout with its heads."""
    config = replace(
        read_config("tiny").model, layout="gem", block_order="public", depth=2, video_width=5, music_width=3
    )
    torch.manual_seed(0)
    model = Denoiser(config).eval()
    (path,) = write_onnx(export_denoiser(model), tmp_path / "m.onnx")
    engine, reference = OnnxRuntimeDenoiser(path, config, threads=1), TorchDenoiser(model)
    for frames, batch, texts in ((1, 1, 1), (120, 1, 2), (181, 2, 1)):
        arrays = example_inputs(config, np.random.default_rng(0), batch=batch, frames=frames, texts=texts)
        ours, theirs = engine(arrays), reference(arrays)
        assert set(ours) == {"x_0", "weak_perspective", "contact_logits"}
        for name, wanted in theirs.items():
            np.testing.assert_allclose(ours[name], wanted, atol=2e-5, err_msg=f"{name} at {frames}")


def test_example_inputs_follow_the_signature(checkpoint):
    config = checkpoint.model.config
    arrays = example_inputs(config, np.random.default_rng(0), batch=2, frames=9, texts=3)
    for spec in inputs(config):
        assert arrays[spec.name].shape == spec.shape(batch=2, frames=9, texts=3)
        assert arrays[spec.name].dtype == spec.dtype
    assert (arrays["text_spans"][..., 0] <= arrays["text_spans"][..., 1]).all() and arrays["text_spans"].max() <= 9


def test_parity_measures_joints_in_millimetres(checkpoint):
    """A joint moved by a known centimetre: contacts and betas aside, errors are distances of joints."""
    features = np.zeros((1, 8, 181), np.float32)
    assert (error_mm(checkpoint, features, features) == 0).all()
    taller = features.copy()
    taller[..., checkpoint.model.config.motion_layout.slices["betas"]] += 0.1
    error = error_mm(checkpoint, taller, features)
    assert error.shape == (2 * 8 * 24,) and 0.1 < error.mean() < 100 and (error.reshape(-1, 24)[:, 0] == 0).all()
    other = features.copy()
    other[..., checkpoint.model.config.motion_layout.slices["contacts"]] += 1
    assert (error_mm(checkpoint, other, features) == 0).all()


def test_cases_and_gates():
    assert (1800, 1, 4) in cases(LENGTHS) and (300, 3, 0) in cases(LENGTHS) and (1800, 3, 1) not in cases(LENGTHS)
    row = {"frames": 1, "batch": 1, "texts": 0, "run": "one step", "mean_mm": 0.01, "p99_mm": 0.05, "max_mm": 9.0}
    assert passes([row], "fp32")
    assert not passes([row, row | {"mean_mm": 0.051}], "fp32")
    assert not passes([row | {"p99_mm": 0.051}], "fp32")
    assert not passes([row | {"mean_mm": float("nan")}], "fp32")
    assert "0.01000" in table([row])


@pytest.fixture
def quick(monkeypatch, graph, metadata_path):
    """Export without tracing: the graph that there is already, and two lengths."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    monkeypatch.setattr(command, "export_denoiser", lambda denoiser: copy)
    monkeypatch.setattr(command, "parity", lambda *args: parity(*args, lengths=(1, 121)))
    return copy


def run(capsys, *arguments):
    try:
        status = command.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def test_a_model_that_is_not_the_same_is_never_written(quick, tiny_checkpoint, tmp_path, capsys):
    """One thousandth more in one weight matrix is enough, and the exit status is 1."""
    for tensor in quick.graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype == np.float32 and weights.ndim == 2 and weights.shape[1] == 181:
            tensor.CopyFrom(numpy_helper.from_array(weights + np.float32(1e-3), tensor.name))
            break
    else:
        pytest.fail("the graph has no output matrix")
    status, printed, errors = run(capsys, tiny_checkpoint, "--out", tmp_path / "engine")
    assert status == 1 and errors.startswith(PREFIX) and errors.count("\n") == 1 and "over its gate" in errors
    assert "frames batch texts" in printed and not list(tmp_path.iterdir())


def test_real_motion_goes_through_parity(quick, tiny_checkpoint, motion_set, tmp_path, capsys):
    status, printed, errors = run(capsys, tiny_checkpoint, "--out", tmp_path / "engine", "--data", motion_set)
    assert (status, errors) == (0, "") and load_engine(tmp_path / "engine").folder == tmp_path / "engine"
    assert str(tmp_path / "engine") in printed


def test_an_engine_is_replaced_and_other_folders_are_not(quick, tiny_checkpoint, tmp_path, capsys):
    out = tmp_path / "engine"
    for _ in range(2):
        assert run(capsys, tiny_checkpoint, "--out", out)[0] == 0
    assert sorted(path.name for path in out.iterdir()) == ["denoiser.onnx", "engine.json", "text_encoder.npy"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    status, _, errors = run(capsys, tiny_checkpoint, "--out", tmp_path / "mine")
    assert status == 2 and "exists and is no engine" in errors
    assert (tmp_path / "mine" / "diary.txt").read_text() == "dear"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["engine", "mine"]


def copied(checkpoint, folder):
    folder.mkdir()
    for path in checkpoint.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def truncated(folder):
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


BAD = {
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), [], "no weights.safetensors"),
    "truncated": (truncated, [], "not a readable safetensors"),
    "wrong json": (lambda f: (f / "model.json").write_text('{"model": 1}'), [], "not a checkpoint description"),
    "no such data": (lambda f: None, ["--data", "nowhere"], "no index.json"),
    "unknown option": (lambda f: None, ["--precision", "fp3"], "unrecognized arguments"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(quick, tiny_checkpoint, tmp_path, capsys, name):
    spoil, more, message = BAD[name]
    folder = copied(tiny_checkpoint, tmp_path / "checkpoint")
    spoil(folder)
    status, printed, errors = run(capsys, folder, "--out", tmp_path / "engine", *more)
    assert (status, printed) == (2, "") and errors.startswith(PREFIX) and errors.count("\n") == 1
    assert message in errors and [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_bad_places_are_one_line(quick, tiny_checkpoint, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for place, message in ((tmp_path / "no" / "engine", "there is no folder"), (tmp_path / "file", "is no engine")):
        status, _, errors = run(capsys, tiny_checkpoint, "--out", place)
        assert status == 2 and message in errors and errors.count("\n") == 1
    status, _, errors = run(capsys, tmp_path / "nowhere", "--out", tmp_path / "engine")
    assert status == 2 and "no model.json" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_large_models_keep_their_weights_beside_them(tmp_path, monkeypatch, graph, checkpoint):
    monkeypatch.setattr("genmo.export.onnx_export.INLINE_LIMIT", 1000)
    written = write_onnx(graph, tmp_path / "denoiser.onnx")
    assert [path.name for path in written] == ["denoiser.onnx", "denoiser.onnx.data"]
    assert written[0].stat().st_size < written[1].stat().st_size
    OnnxRuntimeDenoiser(written[0], checkpoint.model.config)
