"""The frozen model: the same bytes every time, nothing of this machine, and the same motion as PyTorch."""

import functools
import hashlib
import json
import shlex
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from genmo.export import pipeline
from genmo.export.__main__ import main
from genmo.export.model_card import CARD
from genmo.export.onnx import graphs as onnx_export
from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.graphs import example_inputs, write_graphs, write_onnx
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.onnx.operator_profiles import PROFILES, fitted
from genmo.export.onnx.step_graph import sampler_model, step_model
from genmo.export.parity import GATES_MM, LENGTHS, parity, passes
from genmo.runtime.cli.run import main as genmo_run
from genmo.runtime.denoiser.signature import (
    inputs,
    outputs,
)
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import GRAPHS, file_hash
from genmo.train.evaluation.torch_model import TorchDenoiser
from genmo.train.network.checkpoint import load_checkpoint
from genmo.train.network.gem import FAMILIES
from genmo.train.settings.config import read_config

PREFIX = "genmo-export: error: "


FILES = [f"{name}.onnx" for name in GRAPHS]


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


def test_two_exports_have_the_same_bytes(tiny_engine, exported_again):
    again, _ = exported_again
    for name in (*FILES, "text_encoder.npy"):
        assert (again / name).read_bytes() == (tiny_engine / name).read_bytes(), name
    ours, theirs = (json.loads((folder / "engine.json").read_text()) for folder in (tiny_engine, again))
    for described in (ours, theirs):  # they differ in the lengths of their parity, which the card shows
        del described["parity"]["rows"], described["files"][CARD]
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
    engine = OnnxRuntimeDenoiser(load_engine(tiny_engine).denoiser, checkpoint.model.config, threads=1)
    rows = parity(checkpoint, engine, {}, (2, 181))
    assert passes(rows, GATES_MM["fp32"]) and len(rows) == 12


def test_engine_json_says_what_it_is(tiny_engine, checkpoint):
    described = json.loads((tiny_engine / "engine.json").read_text())
    assert described["files"] == {name: file_hash(tiny_engine / name) for name in (*FILES, CARD, "text_encoder.npy")}
    assert described["profile"] == "plain" and described["parity"]["on"] == "random input"
    assert described["denoiser"] == {name: f"{name}.onnx" for name in GRAPHS} | {"null_is_folded": True}
    assert described["model"] == checkpoint.model.config.to_json()
    assert described["precision"] == "fp32" and described["licence"] == "none: random weights"
    assert described["schedule"] == {"kind": "cosine", "steps": 1000, "predicts": "x_0"}
    assert described["conditions"] == ["text", "keypoints", "bounding_box", "camera"]
    assert described["provenance"]["train"] == {"steps": 0}
    assert {"genmo", "torch", "onnx", "onnxruntime"} <= set(described["provenance"]["versions"])
    assert described["parity"]["gate_mm"] == {"mean": 0.05, "p99": 0.05} == GATES_MM["fp32"]
    assert described["text_encoder"]["kind"] == load_engine(tiny_engine).description["text_encoder"]["kind"]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("gem", "gvhmr")])
def test_every_kind_of_model_can_be_frozen(tmp_path, family):
    """Video and music, blocks in the public order, two modules, the other layout with its heads, no weight zero; the
    released networks, which read their null text or no text at all, are frozen in `test_released_weights`."""
    config = replace(
        read_config("tiny").model,
        layout="gem",
        block_order="public",
        depth=2,
        video_width=5,
        music_width=3,
        innovation=False,
    )
    torch.manual_seed(0)
    model = FAMILIES[family](config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    engine = OnnxRuntimeDenoiser(write_graphs(model, tmp_path), config, threads=1)
    reference = TorchDenoiser(model)
    for frames, batch, texts, silent in ((1, 1, 1, 0), (120, 1, 2, 0), (181, 3, 1, 1), (181, 2, 2, 2)):
        arrays = example_inputs(config, np.random.default_rng(0), batch=batch, frames=frames, texts=texts)
        arrays["text_spans"][batch - silent :] = 0
        ours, theirs = engine(arrays), reference(arrays)
        assert set(ours) == {"x_0", "weak_perspective", "contact_logits"}
        for name, wanted in theirs.items():
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(ours[name], wanted, atol=1e-5 * max(scale, 1), err_msg=f"{name} at {frames}")


@pytest.fixture
def quick(monkeypatch, graphs):
    """Export without tracing: conditions and texts that there are already, a step of its own; and two lengths.
    What is put into the dictionary is written in place of the step."""
    replaced = {}

    def export_quickly(denoiser, precision, calibration, *, profile, fused_steps):
        assert len(calibration) == (2 if precision == PRECISIONS["int8"] else 0)
        everyone = PROFILES[profile].texts_for_all
        made = graphs | {"step": step_model(fold(denoiser), precision, texts_for_all=everyone)} | replaced
        if fused_steps:
            made["sampler"] = sampler_model(fold(denoiser), fused_steps, precision, everyone)
        return {name: fitted(model, profile) for name, model in made.items()}

    monkeypatch.setattr(onnx_export, "export_graphs", export_quickly)
    monkeypatch.setattr(pipeline, "parity", lambda *args: parity(*args, lengths=(1, 121)))
    return replaced


def run(capsys, *arguments):
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def test_a_model_that_is_not_the_same_is_never_written(quick, graphs, tiny_checkpoint, tmp_path, capsys):
    """One thousandth more in one weight matrix is enough, and the exit status is 1."""
    quick["step"] = onnx.ModelProto()
    quick["step"].CopyFrom(graphs["step"])
    for tensor in quick["step"].graph.initializer:
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
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, CARD, "engine.json", "text_encoder.npy"])
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
    "unknown option": (lambda f: None, ["--frobnicate"], "unrecognized arguments"),
    "unknown precision": (lambda f: None, ["--precision", "fp3"], "invalid choice: 'fp3'"),
    "another gate for fp32": (lambda f: None, ["--allow-error", "3"], "--allow-error with fp32"),
    "another gate for fp16": (lambda f: None, ["--precision", "fp16", "--allow-error", "3"], "wanted bf16 or int8"),
    "no gate": (lambda f: None, ["--precision", "int8", "--allow-error", "nan"], "wanted a positive number"),
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
    for place, message in ((tmp_path / "file" / "engine", "file is no folder"), (tmp_path / "file", "is no engine")):
        status, _, errors = run(capsys, tiny_checkpoint, "--out", place)
        assert status == 2 and message in errors and errors.count("\n") == 1
    status, _, errors = run(capsys, tmp_path / "nowhere", "--out", tmp_path / "engine")
    assert status == 2 and "no model.json" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_folders_above_an_engine_are_made_and_left_only_with_one(quick, tiny_checkpoint, tmp_path, capsys):
    out = tmp_path / "engines" / "mine" / "engine"
    assert run(capsys, tiny_checkpoint, "--out", out, "--precision", "int8", "--allow-error", "0.001")[0] == 1
    assert not list(tmp_path.iterdir())
    assert run(capsys, tiny_checkpoint, "--out", out)[0] == 0
    assert [path.name for path in out.parent.iterdir()] == ["engine"] and (out / "engine.json").is_file()


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_every_precision_through_the_command(
    quick, tiny_checkpoint, tiny_engine, tmp_path, capsys, monkeypatch, precision
):
    """Stored in its type, smaller than fp32, inside its gate, and near but not the same."""
    out = tmp_path / "engine"
    allowed = [] if precision == "fp16" else ["--allow-error", "30"]  # random weights are no measure of these
    # nor is the error of a single frame, which swings with the seed
    monkeypatch.setattr(pipeline, "parity", functools.partial(parity, lengths=(121,)))
    status, _, errors = run(capsys, tiny_checkpoint, "--out", out, "--precision", precision, *allowed)
    assert (status, errors) == (0, "")
    described = json.loads((out / "engine.json").read_text())
    assert described["precision"] == precision
    assert described["parity"]["gate_mm"] == ({"mean": 30.0} if allowed else {"mean": 0.5, "p99": 2.0})
    assert all(row["mean_mm"] > 1e-3 for row in described["parity"]["rows"])
    stored = 4000 * 32  # the timestep table stays float32
    assert (out / "step.onnx").stat().st_size - stored < 0.85 * ((tiny_engine / "step.onnx").stat().st_size - stored)
    assert onnx.load(out / "texts.onnx").graph == onnx.load(tiny_engine / "texts.onnx").graph


def test_over_the_gate_of_a_precision_there_is_no_engine(quick, tiny_checkpoint, tmp_path, capsys):
    arguments = ("--precision", "int8", "--allow-error", "0.001")
    status, printed, errors = run(capsys, tiny_checkpoint, "--out", tmp_path / "engine", *arguments)
    assert status == 1 and "the int8 engine is over its gate of 0.001 mm (mean)" in errors
    assert "frames batch texts" in printed and not list(tmp_path.iterdir())


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_engine_is_the_same_wherever_it_is_written(quick, tiny_checkpoint, tmp_path, capsys):
    """Every file of it, the card and the report included."""
    for name in ("one", "two"):
        assert run(capsys, tiny_checkpoint, "--out", tmp_path / name, "--fuse-steps", 2)[0] == 0
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_the_next_commands_can_be_pasted(quick, tiny_checkpoint, tmp_path, capsys):
    out = tmp_path / "my engine"
    _, printed, _ = run(capsys, tiny_checkpoint, "--out", out, "--fuse-steps", 2)
    lines = printed[printed.index("next:") :].splitlines()[1:]
    assert all(shlex.split(line)[:3] == [shlex.split(line)[0], "--engine", str(out)] for line in lines)
    assert [shlex.split(line)[0] for line in lines] == ["genmo-run", "genmo-run", "genmo-eval"]
    words = shlex.split(lines[0])
    assert words[words.index("--steps") + 1] == "2"
    assert genmo_run([*words[1:-1], str(tmp_path / "walk.html")]) == 0


def test_metadata_is_in_every_graph(quick, tiny_checkpoint, tmp_path, capsys, checkpoint):
    run(capsys, tiny_checkpoint, "--out", tmp_path / "engine", "--fuse-steps", 2, "--licence", "mine alone")
    found = {}
    for name in (*GRAPHS, "sampler"):
        model = onnx.load(tmp_path / "engine" / f"{name}.onnx")
        found[name] = {prop.key: prop.value for prop in model.metadata_props}
        assert found[name].pop("graph") == name
    assert found["step"] == found["texts"] == found["conditions"] == found["sampler"]
    props = found["step"]
    assert (props["name"], props["layout"], props["fps"], props["licence"]) == ("genmo", "genmo", "30", "mine alone")
    assert (props["precision"], props["profile"], props["window"]) == ("fp32", "plain", "120")
    assert json.loads(props["model"]) == checkpoint.model.config.to_json()
    statistics = json.loads((tmp_path / "engine" / "engine.json").read_text())["normalisation"]
    dumped = json.dumps(statistics, sort_keys=True).encode()
    assert props["statistics_sha256"] == hashlib.sha256(dumped).hexdigest()


def test_the_card_says_what_the_engine_is(quick, tiny_checkpoint, tmp_path, capsys, checkpoint):
    run(capsys, tiny_checkpoint, "--out", tmp_path / "engine", "--licence", "mine | alone")
    card = (tmp_path / "engine" / CARD).read_text()
    for spec in (*inputs(checkpoint.model.config), *outputs(checkpoint.model.config)):
        assert f"`{spec.name}`" in card
    assert "mine / alone" in card and "mean 0.05 mm, p99 0.05 mm" in card and "random input" in card
    rows = json.loads((tmp_path / "engine" / "engine.json").read_text())["parity"]["rows"]
    worst = max(row["mean_mm"] for row in rows if row["frames"] == 121 and row["run"] == "one step")
    assert f"| 121 | one step | {worst:.3g} |" in card
    assert str(tmp_path) not in card


FUSED = "2 steps, one graph"


def test_a_fused_sampler_goes_through_the_gate(quick, tiny_checkpoint, graphs, tmp_path, capsys, monkeypatch):
    """It is written, measured beside the step, and an engine with another sampler in it is none."""
    monkeypatch.setattr(pipeline, "parity", lambda *args: parity(*args, lengths=(120,)))
    assert run(capsys, tiny_checkpoint, "--out", tmp_path / "engine", "--fuse-steps", 2)[0] == 0
    described = json.loads((tmp_path / "engine" / "engine.json").read_text())
    assert described["denoiser"]["sampler"] == "sampler.onnx" and described["denoiser"]["fused_steps"] == 2
    assert {row["run"] for row in described["parity"]["rows"]} == {"one step", "5 steps, guided", FUSED}
    other = sampler_model(fold(load_checkpoint(tiny_checkpoint).model.denoiser), 3)
    monkeypatch.setattr("genmo.export.pipeline.write_graphs", spoilt_sampler(other))
    status, printed, errors = run(capsys, tiny_checkpoint, "--out", tmp_path / "other", "--fuse-steps", 2)
    assert status == 1 and "over its gate" in errors and FUSED in printed and not (tmp_path / "other").exists()


def spoilt_sampler(model):
    def write(denoiser, folder, *args, **options):
        written = write_graphs(denoiser, folder, *args, **options)
        write_onnx(model, written.sampler)
        return written

    return write


MORE_BAD = {
    "no steps": (["--fuse-steps", 0], "--fuse-steps is 0; wanted 1 to 50"),
    "too many steps": (["--fuse-steps", 51], "--fuse-steps is 51"),
    "unknown profile": (["--profile", "godot"], "invalid choice"),
    "half precision for Unity": (["--profile", "unity", "--precision", "fp16"], "that library reads fp32"),
    "integers for Unity": (["--profile", "unity", "--precision", "int8"], "that library reads fp32"),
    "a cache without an encoder": (["--cache-prompts", "p.txt"], "--cache-prompts without --text-encoder"),
    "an encoder too many": (["--text-encoder", "nowhere"], "has a text encoder of its own"),
}


@pytest.mark.parametrize("name", MORE_BAD)
def test_more_bad_options_are_one_line(quick, tiny_checkpoint, tmp_path, capsys, name):
    arguments, message = MORE_BAD[name]
    status, printed, errors = run(capsys, tiny_checkpoint, "--out", tmp_path / "engine", *arguments)
    assert (status, printed) == (2, "") and errors.startswith(PREFIX) and errors.count("\n") == 1
    assert message in errors and not list(tmp_path.iterdir())


def test_a_unity_engine_through_the_command(quick, tiny_checkpoint, tmp_path, capsys):
    out = tmp_path / "engine"
    assert run(capsys, tiny_checkpoint, "--out", out, "--profile", "unity", "--fuse-steps", 2)[0] == 0
    described = json.loads((out / "engine.json").read_text())
    assert described["profile"] == "unity" and described["denoiser"]["null_is_folded"] is False
    for name in (*GRAPHS, "sampler"):
        model = onnx.load(out / f"{name}.onnx")
        assert [entry.version for entry in model.opset_import] == [15] and model.ir_version == 8
    assert genmo_run(["--engine", str(out), "--text", "walk", "--frames", "20", "--out", str(tmp_path / "a.npz")]) == 0
