"""Recordings of ONNX Runtime: their arithmetic on the processor here, the GPU itself where there is one."""

import numpy as np
import pytest

from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.signature import outputs, step_inputs
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.backends.onnxruntime_cuda import NOTED, REMEMBERED, CapturedSession, RecordedGraph
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.support.errors import EngineError
from tests.runtime.arrays import random_inputs
from tests.tolerances import FEATURES

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def engine(tiny_engine):
    return load_engine(tiny_engine)


def recordings_of(engine):
    """The step graph recorded on the processor, the denoiser that it came from, and what was recorded so far."""
    specs = step_inputs(engine.config), outputs(engine.config)
    denoiser, recorded = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1), []

    def record(shapes):
        recorded.append(shapes)
        return CapturedSession(onnxruntime, engine.denoiser.step, *specs, shapes, "cpu", "CPUExecutionProvider")

    plain = denoiser._step
    graph = RecordedGraph(lambda kept, arrays: plain({}, kept | plain.keep(arrays)), specs[0], record)
    denoiser._step = graph
    return denoiser, graph, recorded


@pytest.mark.parametrize("texts_of", [(True,), (False,), (True, False)])
@pytest.mark.parametrize("frames", [1, 119, 120, 121, 200])
def test_a_recording_answers_as_the_open_graph_does(engine, texts_of, frames):
    reference = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    denoiser, _, recorded = recordings_of(engine)
    arrays = random_inputs(engine.config, texts_of, frames)
    for number in range(3):
        arrays["x_t"] += 0.1
        got, expected = denoiser(arrays), reference(arrays)
        assert len(recorded) == min(number, 1)
        for name in expected:
            np.testing.assert_allclose(got[name], expected[name], atol=FEATURES)


def test_what_a_sequence_keeps_is_renewed_with_the_sequence(engine):
    reference = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    denoiser, _, recorded = recordings_of(engine)
    sequences = [random_inputs(engine.config, (True,), 90) for _ in range(2)]
    sequences[1]["text_tokens"] *= -1
    both = []
    for arrays in sequences:
        shared = {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}
        both.append((denoiser.prepare(shared), reference.prepare(shared), arrays["x_t"]))
    for timestep in (900, 500, 20):  # the two take turns on one recording
        for ours, theirs, x_t in both:
            np.testing.assert_allclose(ours(x_t, timestep)["x_0"], theirs(x_t, timestep)["x_0"], atol=FEATURES)
    assert len(recorded) == 1


def test_an_answer_is_not_overwritten_by_the_next(engine):
    denoiser, _, _ = recordings_of(engine)
    arrays = random_inputs(engine.config, (True,), 30)
    denoiser(arrays)
    first = denoiser(arrays)["x_0"]
    before = first.copy()
    denoiser(arrays | {"x_t": arrays["x_t"] + 1})
    np.testing.assert_array_equal(first, before)


def test_few_recordings_are_kept_and_the_longest_unused_goes(engine):
    denoiser, graph, recorded = recordings_of(engine)

    def run(frames):
        denoiser(random_inputs(engine.config, (False,), frames))

    for frames in range(2, 2 + NOTED + 10):
        run(frames)
    assert not recorded and len(graph._noted) == NOTED  # shapes that came once cost nothing but their note
    last = list(range(NOTED, NOTED + REMEMBERED + 1))
    for frames in last:
        run(frames)
    assert len(recorded) == len(last) and len(graph._recordings) == REMEMBERED
    run(last[-1])
    assert len(recorded) == len(last)
    run(last[0])
    assert len(recorded) == len(last) + 1


def test_a_file_that_cannot_be_recorded_is_one_line(engine, tmp_path):
    broken = tmp_path / "step.onnx"
    broken.write_bytes(b"no graph")
    specs = step_inputs(engine.config), outputs(engine.config)
    shapes = {s.name: s.shape(batch=1, frames=9, prompted=1, texts=1, words=24) for part in specs for s in part}
    with pytest.raises(EngineError, match="ONNX Runtime cannot record it") as caught:
        CapturedSession(onnxruntime, broken, *specs, shapes, "cpu", "CPUExecutionProvider")
    assert "\n" not in str(caught.value)


def test_a_recording_that_stops_working_is_one_line(engine, monkeypatch):
    denoiser, graph, recorded = recordings_of(engine)
    arrays = random_inputs(engine.config, (True,), 20)
    for _ in range(2):
        denoiser(arrays)
    (recording,) = graph._recordings.values()

    class Lost:
        def run_with_iobinding(self, binding):
            raise RuntimeError("CUDA failure 700\nin the middle of it")

    monkeypatch.setattr(recording, "_session", Lost())
    with pytest.raises(EngineError, match="cannot run this recording .*CUDA failure 700") as caught:
        denoiser(arrays)
    assert len(recorded) == 1 and "\n" not in str(caught.value)


@pytest.mark.requires_cuda
@pytest.mark.parametrize("frames", [1, 120, 121, 300])
def test_the_gpu_answers_as_the_processor_does(engine, frames):
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("needs onnxruntime-gpu")
    ours = OnnxRuntimeDenoiser(engine.denoiser, engine.config, "cuda")
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config)
    for texts_of in ((True,), (False,), (True, False)):
        arrays = random_inputs(engine.config, texts_of, frames)
        for _ in range(3):  # the open graph, the recording, the recording again
            arrays["x_t"] += 0.1
            np.testing.assert_allclose(ours(arrays)["x_0"], theirs(arrays)["x_0"], atol=2e-4)
    conditions = {
        k: a for k, a in random_inputs(engine.config, (True,), frames).items() if k not in ("x_t", "timestep")
    }
    noise = np.random.default_rng(1).standard_normal((1, frames, engine.config.motion_layout.width))
    recorded = [sampler.generate(denoiser, conditions, noise, 5, 2.5)["x_0"] for denoiser in (ours, theirs)]
    np.testing.assert_allclose(*recorded, atol=1e-3)
