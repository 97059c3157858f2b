"""Plans are built by tensorrt_rtx, which needs no GPU for that; skipped where it is not installed."""

import json
from dataclasses import replace

import numpy as np
import pytest

from genmo.export.tensorrt import build_plans as module
from genmo.export.tensorrt.build_plans import build_plans
from genmo.export.tensorrt.plan_builder import Builder
from genmo.export.tensorrt.plan_options import BuildOptions
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import step_inputs
from genmo.runtime.engine.backends.tensorrt_plans import DENSE_FRAMES, PLANS, Gpu, Profile, plan_profiles, read_plans
from genmo.runtime.engine.graphs import GRAPHS, TOKEN_GRAPHS, file_hash
from genmo.runtime.support.errors import BackendError, InputError

SHORT = BuildOptions(library="tensorrt_rtx", profiles=(Profile((40, 40, 40), batch=2, texts=2),))


def test_what_is_built_and_how_it_is_described(engine_copy, tmp_path, library):
    engine = engine_copy(tmp_path / "engine")
    before = {path.name: path.read_bytes() for path in engine.iterdir()}
    out = build_plans(engine, replace(SHORT, gpus=("sm_80", "sm_89")))
    key = f"sm_80-sm_89_tensorrt_rtx-{library.__version__}_fp32_n40_b2_k2"
    assert out == engine / "tensorrt" / key
    assert sorted(path.name for path in out.iterdir()) == sorted(["plans.json", *(f"{name}.plan" for name in PLANS)])
    plans = read_plans(out)
    assert plans.key == key
    assert plans.plans == {name: file_hash(out / f"{name}.plan") for name in PLANS}
    assert plans.onnx == {name: file_hash(engine / f"{name}.onnx") for name in GRAPHS}
    assert not plans.obstacle("tensorrt_rtx", library.__version__, Gpu((8, 0)))
    assert (
        plans.obstacle("tensorrt_rtx", library.__version__, Gpu((8, 6))) == "built for sm_80, sm_89, here is sm_86 ()"
    )
    assert [path.name for path in (engine / "tensorrt").iterdir()] == [key]
    assert {path.name: path.read_bytes() for path in engine.iterdir() if path.is_file()} == before
    again = build_plans(engine, replace(SHORT, gpus=("sm_80", "sm_89")))
    assert again == out and len(list((engine / "tensorrt").iterdir())) == 1


def test_plans_of_motion_tokens(token_engine, tmp_path, library, capsys):
    """Stored in 8 bits too: their weights are made float32 before the library reads them."""
    for path in token_engine.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    described = json.loads((tmp_path / "engine.json").read_text()) | {"precision": "int8"}
    (tmp_path / "engine.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="--window-kernel is for denoisers"):
        build_plans(tmp_path, replace(SHORT, window_kernel=True))
    options = ["--library", "tensorrt_rtx", "--frames", "40", "--batch", "2", "--gpu", "sm_89"]
    assert module.main([str(tmp_path), *options]) == 0
    assert f"genmo-run --engine {tmp_path} --backend tensorrt" in capsys.readouterr().out
    (out,) = (path for path in (tmp_path / "tensorrt").iterdir())
    plans = read_plans(out)
    assert sorted(plans.plans) == sorted(TOKEN_GRAPHS) and plans.precision == "fp32"
    assert plans.plans == {name: file_hash(out / f"{name}.plan") for name in TOKEN_GRAPHS}
    assert plans.onnx == {name: file_hash(tmp_path / f"{name}.onnx") for name in TOKEN_GRAPHS}


def test_int8_is_refused_with_what_to_do(engine_copy, tmp_path, library):
    engine = engine_copy(tmp_path / "engine")
    described = json.loads((engine / "engine.json").read_text()) | {"precision": "int8"}
    (engine / "engine.json").write_text(json.dumps(described))
    with pytest.raises(InputError, match="DynamicQuantizeLinear.*--precision fp16"):
        build_plans(engine, SHORT)
    assert not (engine / "tensorrt").exists()


def test_a_build_that_fails_leaves_nothing(engine_copy, tmp_path, library, monkeypatch):
    engine = engine_copy(tmp_path / "engine")
    original = Builder.build

    def fails(self, name, network, profiles):
        if name == "update":
            raise BackendError("no")
        return original(self, name, network, profiles)

    monkeypatch.setattr(Builder, "build", fails)
    with pytest.raises(BackendError):
        build_plans(engine, SHORT)
    assert list((engine / "tensorrt").iterdir()) == []


def test_the_library_says_why_it_cannot_build(engine_copy, tmp_path, library):
    engine = engine_copy(tmp_path / "engine")
    builder = Builder(library, SHORT, b"")
    network = builder.parse(engine / "texts.onnx")
    with pytest.raises(InputError, match="a graph has inputs .*text_spans.*; wanted"):
        builder.build("conditions", network, [{}])


def test_the_command_is_one_line_when_it_fails(engine_copy, tmp_path, library, capsys):
    engine = engine_copy(tmp_path / "engine")
    for arguments, wanted in (
        (["--gpu", "sm_90"], "--gpu sm_90; wanted each once, of sm_75, sm_80"),
        (["--gpu", "sm_80", "--gpu", "sm_80"], "wanted each once"),
        (["--frames", "9:5:7"], "--frames is 9:5:7; wanted FEWEST:USUAL:MOST"),
        (["--frames", "-4"], "--frames is '-4'; wanted N"),
        (["--frames", "4:5"], "wanted N, FEWEST:USUAL:MOST or dynamic"),
        (["--frames", "40", "--frames", "40"], "the same --frames twice"),
        (["--batch", "0"], "--batch is 0"),
        (["--workspace-mb", "-1"], "--workspace-mb is -1"),
        (["--compatible", "same"], "tensorrt_rtx plans load in the release that built them"),
        (["--version-compatible"], "tensorrt_rtx plans load in the release that built them"),
    ):
        try:
            code = module.main([str(engine), "--library", "tensorrt_rtx", *arguments])
        except SystemExit as stop:
            code = stop.code
        error = capsys.readouterr().err
        assert code == 2 and error.count("\n") == 1 and wanted in error, error
    assert module.main([str(tmp_path), "--library", "tensorrt_rtx"]) == 2
    assert "no engine.json" in capsys.readouterr().err
    assert not (engine / "tensorrt").exists()


def test_the_crossover_is_the_exporters():
    from genmo.export.onnx.step_graph import CROSSOVER

    assert DENSE_FRAMES == CROSSOVER


@pytest.mark.parametrize("folded", [True, False])
def test_profiles_hold_what_the_runtime_sends(folded):
    """Shapes of calls that must fit: with and without texts, guidance, full batches, one more text where the null text
    comes first."""
    config = ModelConfig(width=64, depth=1, heads=2, window=120, text_tokens=5, text_width=16)
    profile = Profile((1, 120, 1800), batch=4, texts=3)
    step = plan_profiles((profile,), config, folded)["step"]
    calls = (
        [(1, 1, 0, 1), (2, 240, 1, 1), (4, 1800, 4, 3)] if folded else [(1, 1, 1, 1), (2, 60, 2, 2), (4, 1800, 4, 4)]
    )

    for batch, frames, prompted, texts in calls:
        sizes = {"batch": batch, "frames": frames, "prompted": prompted, "texts": texts, "words": texts * 5}
        wanted = {spec.name: spec.shape(**sizes) for spec in step_inputs(config)}
        holding = [
            shapes
            for shapes in step
            if all(
                np.all(np.array(shapes[name][0]) <= shape) and np.all(np.array(shapes[name][2]) >= shape)
                for name, shape in wanted.items()
            )
        ]
        assert len(holding) == 1


def test_genmo_export_builds_plans_and_a_repository(tiny_checkpoint, graphs, tmp_path, library, monkeypatch, capsys):
    import functools

    from genmo.export import pipeline
    from genmo.export.__main__ import main

    # the checkpoint's own graphs, which need not be traced again
    monkeypatch.setattr("genmo.export.onnx.graphs.export_graphs", lambda *_, **__: graphs)
    monkeypatch.setattr(pipeline, "parity", functools.partial(pipeline.parity, lengths=(1,)))
    out, models = tmp_path / "engine", tmp_path / "models"
    arguments = [str(tiny_checkpoint), "--out", str(out), "--frames", "30", "--batch", "2"]
    assert main(arguments) == 2
    assert "wanted --tensorrt or --tensorrt-rtx" in capsys.readouterr().err
    assert main([*arguments, "--tensorrt-rtx", "--precision", "int8"]) == 2
    assert not out.exists()
    assert main([*arguments, "--tensorrt-rtx", "--gpu", "sm_89", "--triton", str(models)]) == 0
    assert len(list((out / "tensorrt").glob("sm_89_*_n30_b2_k4/*.plan"))) == len(PLANS)
    assert (models / "genmo_step" / "1" / "model.onnx").read_bytes() == (out / "step.onnx").read_bytes()
    assert f"tritonserver --model-repository={models}" in capsys.readouterr().out
