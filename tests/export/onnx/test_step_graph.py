"""The guided sampler as one graph answers what the loop over its steps answers, and runs only where it may."""

import json

import numpy as np
import onnx
import pytest

from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.graphs import example_inputs, write_onnx
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.onnx.step_graph import sampler_model, step_model
from genmo.export.parity import StepByStep
from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.sampler import FusedDenoiser, Inpainting, generate
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs, file_hash
from genmo.runtime.support.errors import EngineError, InputError
from genmo.train.evaluation.torch_model import TorchDenoiser
from tests.tolerances import SAMPLED_FEATURES

GUIDANCE = 2.5


def make(tiny_engine, tiny_model, folder, steps, precision="fp32"):
    """The tiny engine's denoiser with a sampler of `steps` steps."""
    step, engine = fold(tiny_model.denoiser), load_engine(tiny_engine)
    write_onnx(step_model(step, PRECISIONS[precision]), folder / "step.onnx")
    write_onnx(sampler_model(step, steps, PRECISIONS[precision]), folder / "sampler.onnx")
    plain = engine.denoiser
    graphs = Graphs(plain.conditions, plain.texts, folder / "step.onnx", True, folder / "sampler.onnx", steps)
    return OnnxRuntimeDenoiser(graphs, engine.config, threads=1)


def conditions_of(config, batch, frames, texts):
    """Random conditions in which a text reaches every second motion."""
    arrays = example_inputs(config, np.random.default_rng(2), batch=batch, frames=frames, texts=texts)
    arrays["text_token_mask"][:] = 1
    arrays["text_spans"][:] = 0
    arrays["text_spans"][::2] = (frames // 3, frames)
    return {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}, arrays["x_t"]


@pytest.mark.parametrize(("steps", "batch", "frames", "texts"), [(1, 1, 5, 1), (2, 3, 121, 2), (5, 1, 300, 4)])
def test_it_is_the_loop(tiny_engine, tiny_model, tmp_path, steps, batch, frames, texts):
    """Against the loop over the same engine's step, and against PyTorch's; every output."""
    ours = make(tiny_engine, tiny_model, tmp_path, steps)
    conditions, noise = conditions_of(tiny_model.config, batch, frames, texts)
    fused = generate(ours, conditions, noise, steps, GUIDANCE)
    for other in (StepByStep(ours), TorchDenoiser(tiny_model.denoiser)):
        wanted = generate(other, conditions, noise, steps, GUIDANCE)
        assert set(fused) == set(wanted)
        for name, array in wanted.items():
            np.testing.assert_allclose(fused[name], array, atol=SAMPLED_FEATURES, err_msg=name)


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_in_every_precision_it_rounds_as_the_step_does(tiny_engine, tiny_model, tmp_path, precision):
    ours = make(tiny_engine, tiny_model, tmp_path, 3, precision)
    conditions, noise = conditions_of(tiny_model.config, 2, 60, 2)
    fused = generate(ours, conditions, noise, 3, GUIDANCE)["x_0"]
    stepwise = generate(StepByStep(ours), conditions, noise, 3, GUIDANCE)["x_0"]
    exact = generate(TorchDenoiser(tiny_model.denoiser), conditions, noise, 3, GUIDANCE)["x_0"]
    assert np.abs(fused - stepwise).max() <= max(0.1 * np.abs(stepwise - exact).max(), 1e-5)


class Counted(StepByStep):
    """Counts what the sampler asks for."""

    def __init__(self, denoiser, fused_steps):
        super().__init__(denoiser)
        self.fused_steps, self.samples, self.steps = fused_steps, 0, 0
        self._fused = denoiser

    def sample(self, conditions, noise, guidance):
        self.samples += 1
        return self._fused.sample(conditions, noise, guidance)

    def prepare(self, conditions):
        step = super().prepare(conditions)

        def counted(x_t, timestep):
            self.steps += 1
            return step(x_t, timestep)

        return counted


def test_it_runs_only_where_it_answers_the_same(tiny_engine, tiny_model, tmp_path):
    """Other numbers of steps, nothing to guide, guidance 1 and keyframes take the loop."""
    ours = Counted(make(tiny_engine, tiny_model, tmp_path, 2), 2)
    assert isinstance(ours, FusedDenoiser)
    conditions, noise = conditions_of(tiny_model.config, 1, 20, 1)
    silent = conditions | {"text_spans": np.zeros_like(conditions["text_spans"])}
    known = Inpainting(np.zeros((20, 181), np.float32), np.zeros((20, 181), bool), lambda x_0: x_0)
    told = []
    generate(ours, conditions, noise, 2, GUIDANCE, told.append)
    assert (ours.samples, ours.steps, told) == (1, 0, [2])
    for arguments in (
        (conditions, noise, 3, GUIDANCE),
        (silent, noise, 2, GUIDANCE),
        (conditions, noise, 2, 1.0),
        (conditions, noise, 2, GUIDANCE, told.append, known),
    ):
        before = ours.steps
        generate(ours, *arguments)
        assert ours.samples == 1 and ours.steps - before == arguments[2]


def test_it_shares_its_weights_between_steps(tiny_model):
    step = fold(tiny_model.denoiser)
    one, five = (sum(len(t.raw_data) for t in sampler_model(step, k).graph.initializer) for k in (1, 5))
    assert five - one < 0.02 * one, "a row of the timestep table and a few numbers a step"
    for model in (sampler_model(step, 5), sampler_model(step, 5)):
        onnx.checker.check_model(model, full_check=True)
    assert sampler_model(step, 5) == sampler_model(step, 5)
    with pytest.raises(InputError):
        sampler_model(step, 0)


WRONG = {
    "no steps": {"sampler": "sampler.onnx"},
    "steps without a graph": {"fused_steps": 2},
    "no number": {"sampler": "sampler.onnx", "fused_steps": "2"},
    "zero": {"sampler": "sampler.onnx", "fused_steps": 0},
    "not listed": {"sampler": "other.onnx", "fused_steps": 2},
}


@pytest.mark.parametrize("name", [*WRONG, "right"])
def test_engine_json_names_it_rightly_or_not_at_all(tiny_model, tmp_path, engine_copy, name):
    engine = engine_copy(tmp_path / "engine")
    write_onnx(sampler_model(fold(tiny_model.denoiser), 2), engine / "sampler.onnx")
    described = json.loads((engine / "engine.json").read_text())
    described["denoiser"] |= WRONG.get(name, {"sampler": "sampler.onnx", "fused_steps": 2})
    described["files"]["sampler.onnx"] = file_hash(engine / "sampler.onnx")
    (engine / "engine.json").write_text(json.dumps(described))
    if name == "right":
        graphs = load_engine(engine).denoiser
        assert (graphs.sampler, graphs.fused_steps) == (engine / "sampler.onnx", 2)
    else:
        with pytest.raises(EngineError, match="denoiser or text_encoder is wrong|is not among its files"):
            load_engine(engine)


def test_an_engine_without_it_has_none(tiny_engine):
    engine = load_engine(tiny_engine)
    assert engine.denoiser.sampler is None and engine.denoiser.fused_steps == 0
    assert OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1).fused_steps == 0
    assert set(engine.description["denoiser"]) == {*GRAPHS, "null_is_folded"}


def test_openvino_runs_it_too(tiny_engine, tiny_model, tmp_path):
    pytest.importorskip("openvino")
    from genmo.runtime.engine.backends.openvino import OpenVinoDenoiser

    make(tiny_engine, tiny_model, tmp_path, 2)
    engine = load_engine(tiny_engine)
    plain = engine.denoiser
    graphs = Graphs(plain.conditions, plain.texts, tmp_path / "step.onnx", True, tmp_path / "sampler.onnx", 2)
    ours = OpenVinoDenoiser(graphs, engine.config, threads=1)
    conditions, noise = conditions_of(engine.config, 2, 60, 1)
    fused = sampler.generate(ours, conditions, noise, 2, GUIDANCE)["x_0"]
    wanted = sampler.generate(TorchDenoiser(tiny_model.denoiser), conditions, noise, 2, GUIDANCE)["x_0"]
    np.testing.assert_allclose(fused, wanted, atol=5e-5)
