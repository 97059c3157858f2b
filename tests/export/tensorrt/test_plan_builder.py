"""Every graph of every precision builds."""

from types import SimpleNamespace

import pytest

from genmo.export.tensorrt.plan_builder import Builder
from genmo.export.tensorrt.plan_options import BuildOptions
from genmo.runtime.engine.backends.tensorrt_plans import Profile, plan_profiles
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.support.errors import InputError

SHORT = BuildOptions(library="tensorrt_rtx", profiles=(Profile((40, 40, 40), batch=2, texts=2),))


@pytest.mark.parametrize("architecture", ["sm_80", "sm_89"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "typed bf16"])
def test_every_graph_of_every_precision_builds(tiny_model, tmp_path, library, architecture, precision):
    from genmo.export.onnx.constant_folding import fold
    from genmo.export.onnx.graphs import write_onnx
    from genmo.export.onnx.onnx_builder import PRECISIONS, TYPED_BF16
    from genmo.export.onnx.step_graph import step_model

    chosen = (PRECISIONS | {"typed bf16": TYPED_BF16})[precision]
    write_onnx(step_model(fold(tiny_model.denoiser), chosen), tmp_path / "step.onnx")
    shapes = plan_profiles(SHORT.profiles, tiny_model.config, True)["step"]
    builder = Builder(library, BuildOptions(gpus=(architecture,)), b"")
    assert len(builder.build("step", builder.parse(tmp_path / "step.onnx"), shapes)) > 100_000


def test_every_length_at_once_builds(tiny_engine, library):
    """In pieces; the same range in one profile asks for tens of gigabytes."""
    engine = load_engine(tiny_engine)
    builder = Builder(library, BuildOptions(), b"")
    shapes = plan_profiles((Profile(batch=2, texts=1),), engine.config, True)["step"]
    assert [corners["x_t"][2][1] for corners in shapes] == [60, 240, 1800]
    assert builder.build("step", builder.parse(engine.denoiser.step), shapes)


def test_int8_graphs_are_still_not_parsed(tiny_model, tmp_path, library):
    """The day they are, `UNPARSED` is wrong."""
    from genmo.export.onnx.constant_folding import fold
    from genmo.export.onnx.graphs import write_onnx
    from genmo.export.onnx.onnx_builder import PRECISIONS
    from genmo.export.onnx.step_graph import step_model

    write_onnx(step_model(fold(tiny_model.denoiser), PRECISIONS["int8"]), tmp_path / "step.onnx")
    with pytest.raises(InputError, match="step.onnx: tensorrt_rtx cannot read it .*DynamicQuantizeLinear"):
        Builder(library, SHORT, b"").parse(tmp_path / "step.onnx")


def test_flags_of_tensorrt(library):
    """What the builder is told for `tensorrt`, on a configuration that writes down what it is told."""
    told = SimpleNamespace(flags=[], cleared=[])
    config = SimpleNamespace(set_flag=told.flags.append, clear_flag=told.cleared.append)
    builder = Builder(library, BuildOptions(compatible="ampere+", version_compatible=True), b"")
    builder._set_flags(config)
    flags = library.BuilderFlag
    assert told.cleared == [flags.TF32]
    assert told.flags == [flags.VERSION_COMPATIBLE, flags.EXCLUDE_LEAN_RUNTIME, flags.REQUIRE_USER_ALLOCATION]
    assert config.hardware_compatibility_level == library.HardwareCompatibilityLevel.AMPERE_PLUS
    told.cleared.clear()
    Builder(library, BuildOptions(tf32=True), b"")._set_flags(config)
    assert not told.cleared
