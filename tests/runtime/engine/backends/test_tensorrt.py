"""The TensorRT backend without a GPU: a CUDA and a TensorRT that are not there, made of this machine's memory, ONNX
Runtime and numpy.

They hold the backend to what the real ones demand: addresses, shapes inside the profiles, nothing allocated while a
CUDA graph is recorded, scratch memory before the first run.
"""

import ctypes
import gc
import hashlib
import itertools
import json
import sys
from enum import Enum
from types import ModuleType, SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.denoiser import sampler, schedule
from genmo.runtime.denoiser.conventions import GENMO
from genmo.runtime.denoiser.signature import (
    condition_inputs,
    condition_outputs,
    outputs,
    step_inputs,
    text_inputs,
    text_outputs,
)
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.backends.tensorrt import TensorRtDenoiser, update_factors
from genmo.runtime.engine.backends.tensorrt_cuda import Cuda
from genmo.runtime.engine.backends.tensorrt_plans import (
    DENSE_FRAMES,
    PLANS,
    UPDATE_INPUTS,
    UPDATE_OUTPUTS,
    PlanSet,
    Profile,
    graph_hashes,
    plan_profiles,
)
from genmo.runtime.engine.backends.tensorrt_tokens import token_profiles
from genmo.runtime.engine.bundle import load_engine
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.token_bundle import load_token_engine, token_signature
from genmo.runtime.support.errors import BackendError, EngineError, InputError
from genmo.runtime.token_model import TokenModel
from tests.runtime.arrays import random_inputs
from tests.tolerances import FEATURES, SAMPLED_FEATURES

OK = 0


class FakeCuda(ModuleType):
    """`cuda.bindings.runtime`: queued work runs at once, or is written down while the stream records."""

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self, devices=1, name=b"NVIDIA Test 1", capability=(8, 9)):
        super().__init__("cuda.bindings.runtime")
        self.devices, self.name, self.capability = devices, name, capability
        self.live, self.recorded, self.log = {}, None, []
        self.handles, self.numbers = {}, itertools.count(1)

    def cudaGetDeviceCount(self):
        return (OK, self.devices) if self.devices else (100, None)

    def cudaGetErrorString(self, error):
        return OK, b"no CUDA-capable device is detected" if int(error) == 100 else b"it failed"

    def cudaSetDevice(self, device):
        return (OK,)

    def cudaGetDeviceProperties(self, device):
        major, minor = self.capability
        return OK, SimpleNamespace(name=self.name, major=major, minor=minor)

    def cudaStreamCreateWithFlags(self, flags):
        return OK, 7

    def cudaStreamSynchronize(self, stream):
        assert self.recorded is None, "waiting is not allowed while the stream records"
        return (OK,)

    def cudaMalloc(self, size):
        assert self.recorded is None, "allocated while the stream records"
        assert size > 0
        block = (ctypes.c_char * (size + 256))()
        ctypes.memset(block, 255, len(block))  # not a number, wherever it is read before it is written
        address = -(-ctypes.addressof(block) // 256) * 256
        self.live[address] = block
        return OK, address

    cudaMallocHost = cudaMalloc

    def cudaFree(self, address):
        del self.live[address]
        return (OK,)

    cudaFreeHost = cudaFree

    def cudaMemcpyAsync(self, target, source, size, kind, stream):
        if kind in (1, 3):
            assert self.owns(target, size)
        if kind in (2, 3):
            assert self.owns(source, size)
        self.queue(lambda: ctypes.memmove(target, source, size))
        return (OK,)

    def owns(self, address, size):
        return any(start <= address and address + size <= start + len(block) for start, block in self.live.items())

    def queue(self, work):
        if self.recorded is None:
            work()
        else:
            self.recorded.append(work)

    def cudaStreamBeginCapture(self, stream, mode):
        assert self.recorded is None
        self.recorded = []
        return (OK,)

    def cudaStreamEndCapture(self, stream):
        graph, self.recorded = self.recorded, None
        self.log.append(f"recorded {len(graph)}")
        return OK, graph

    def cudaGraphInstantiate(self, graph, flags):
        handle = next(self.numbers)
        self.handles[handle] = list(graph)
        return OK, handle

    def cudaGraphDestroy(self, graph):
        return (OK,)

    def cudaGraphExecDestroy(self, handle):
        del self.handles[handle]
        return (OK,)

    def cudaGraphLaunch(self, handle, stream):
        self.log.append("launched")
        for work in self.handles[handle]:
            work()
        return (OK,)


class Mode(Enum):
    INPUT = 0
    OUTPUT = 1


def fake_plan(onnx, profiles, inputs, outputs):
    """The bytes of a plan: the graph that answers ("" for the update), its profiles, its signature."""
    signature = {
        mode: {spec.name: [[-1 if isinstance(a, str) else a for a in spec.axes], spec.dtype] for spec in specs}
        for mode, specs in (("INPUT", inputs), ("OUTPUT", outputs))
    }
    return json.dumps({"onnx": str(onnx), "profiles": profiles, **signature}).encode()


class FakeEngine:
    num_optimization_profiles = property(lambda self: len(self.plan["profiles"]))
    device_memory_size_v2 = 1 << 12

    def __init__(self, plan, cuda):
        self.plan, self.cuda = plan, cuda
        self.tensors = {n: (Mode[m], *entry) for m in ("INPUT", "OUTPUT") for n, entry in plan[m].items()}
        self.num_io_tensors = len(self.tensors)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(plan["onnx"], options) if plan["onnx"] else None

    def get_tensor_name(self, index):
        return list(self.tensors)[index]

    def get_tensor_mode(self, name):
        return self.tensors[name][0]

    def get_tensor_shape(self, name):
        return self.tensors[name][1]

    def get_tensor_dtype(self, name):
        return SimpleNamespace(name={"float32": "FLOAT", "int64": "INT64"}[self.tensors[name][2]])

    def get_tensor_profile_shape(self, name, index):
        return self.plan["profiles"][index][name]

    def create_runtime_config(self):
        return SimpleNamespace(set_execution_context_allocation_strategy=lambda strategy: None)

    def create_execution_context(self, config):
        return FakeContext(self)


class FakeContext:
    def __init__(self, engine):
        self.engine, self.cuda = engine, engine.cuda
        self.shapes, self.addresses, self.profile, self.scratch = {}, {}, None, 0

    def set_device_memory(self, address, size):
        assert address % 256 == 0 and size >= self.engine.device_memory_size_v2 and self.cuda.owns(address, size)
        self.scratch = address

    def set_optimization_profile_async(self, index, stream):
        assert self.cuda.recorded is None
        self.profile = index
        return True

    def set_input_shape(self, name, shape):
        least, _, most = self.engine.get_tensor_profile_shape(name, self.profile)
        self.shapes[name] = tuple(shape)
        return all(a <= b <= c for a, b, c in zip(least, shape, most, strict=True))

    def get_tensor_shape(self, name):
        if self.engine.session is None:
            return self.shapes["x_t"]
        batch, frames = (self.shapes.get("x_t") or self.shapes.get("keypoints") or (0, 0))[:2]
        sizes = {"batch": batch, "frames": frames}
        if "x_t" not in self.shapes and "keypoints" not in self.shapes:  # motion tokens
            for node in self.engine.session.get_inputs():
                sizes |= zip(node.shape, self.shapes[node.name], strict=True)
            frames = sizes["frames"] if "features" in self.shapes else 4 * sizes.get("tokens", 0)
            sizes |= {"frames": frames, "tokens": frames // 4}
        if "text_tokens" in self.shapes:
            prompted, texts, tokens, _ = self.shapes["text_tokens"]
            sizes = {"batch": prompted, "prompted": prompted, "texts": texts, "words": texts * tokens}
        axes = next(node.shape for node in self.engine.session.get_outputs() if node.name == name)
        return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in axes)

    def set_tensor_address(self, name, address):
        assert address % 256 == 0 and address > 0
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream):
        assert stream == 7 and self.scratch
        assert set(self.addresses) == set(self.engine.tensors), "a tensor has no address"
        assert set(self.shapes) == {n for n, (mode, *_) in self.engine.tensors.items() if mode is Mode.INPUT}
        shapes = self.shapes | {n: self.get_tensor_shape(n) for n in set(self.engine.tensors) - set(self.shapes)}
        places = {name: (self.addresses[name], shapes[name], self.engine.tensors[name][2]) for name in shapes}
        for address, shape, dtype in places.values():
            assert self.cuda.owns(address, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        self.cuda.log.append("enqueued")
        self.cuda.queue(lambda: self.answer(places))
        return True

    def answer(self, places):
        inputs = {name: read(*places[name]) for name in self.shapes}
        if self.engine.session is not None:
            names = [name for name in places if name not in inputs]
            answers = dict(zip(names, self.engine.session.run(names, inputs), strict=True))
        else:
            now, before = inputs["now"] * inputs["x_0"], inputs["before"] * inputs["x_0_before"]
            clean = (now + before).sum(axis=0, keepdims=True)
            answers = {"x_next": inputs["keep"] * inputs["x_t"] + clean}
        for name, array in answers.items():
            address, shape, dtype = places[name]
            array = np.ascontiguousarray(array, dtype)
            assert array.shape == tuple(shape)
            ctypes.memmove(address, array.ctypes.data, array.nbytes)


def read(address, shape, dtype):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(ctypes.string_at(address, size), dtype).reshape(shape).copy()


class FakeLogger:
    ERROR, INTERNAL_ERROR, WARNING = 1, 0, 2


def fake_library(cuda, version="11.4.0"):
    """The module `tensorrt`."""
    library = ModuleType("tensorrt")
    library.__version__, library.ILogger, library.TensorIOMode = version, FakeLogger, Mode
    library.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED=2)

    class Runtime:
        def __init__(self, logger):
            self.logger = logger

        def deserialize_cuda_engine(self, content):
            try:
                return FakeEngine(json.loads(content), cuda)
            except ValueError:
                self.logger.log(FakeLogger.ERROR, "magic tag does not match")
                return None

    library.Runtime = Runtime
    return library


@pytest.fixture
def cuda(monkeypatch):
    fake = FakeCuda()
    package, bindings = ModuleType("cuda"), ModuleType("cuda.bindings")
    bindings.runtime = fake
    for name, module in (("cuda", package), ("cuda.bindings", bindings), ("cuda.bindings.runtime", fake)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_library(fake))
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    return fake


TWO = (Profile((1, 60, 130)), Profile((131, 200, 300)))


def write_plans(engine, profiles=TWO, **changes):
    """Plans that the fake library reads, described as the builder does."""
    shapes = plan_profiles(profiles, engine.config, engine.denoiser.null_is_folded)
    config = engine.config
    signatures = {
        "conditions": (condition_inputs(config), condition_outputs(config)),
        "texts": (text_inputs(config), text_outputs(config)),
        "step": (step_inputs(config), outputs(config)),
        "update": (UPDATE_INPUTS, UPDATE_OUTPUTS),
    }
    contents = {name: fake_plan(getattr(engine.denoiser, name, ""), shapes[name], *signatures[name]) for name in PLANS}
    plans = PlanSet(
        **{
            "library": "tensorrt",
            "version": "11.4.0",
            "gpus": ("sm_89",),
            "gpu_name": "NVIDIA Test 1",
            "compatible": "none",
            "version_compatible": False,
            "tf32": False,
            "precision": "fp32",
            "profiles": profiles,
            "onnx": graph_hashes(engine.denoiser),
            "plans": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
            **changes,
        }
    )
    folder = engine.folder / "tensorrt" / plans.key
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / f"{name}.plan").write_bytes(content)
    (folder / "plans.json").write_text(json.dumps(plans.to_json()))
    return folder


@pytest.fixture
def engine(engine_copy, tmp_path):
    return load_engine(engine_copy(tmp_path / "engine"))


def write_token_plans(engine, profiles):
    """The same of an engine of motion tokens."""
    shapes, signature = token_profiles(profiles, engine), token_signature(engine.config)
    contents = {name: fake_plan(engine.graphs[name], shapes[name], *signature[name]) for name in TOKEN_GRAPHS}
    plans = PlanSet(
        "tensorrt", "11.4.0", ("sm_89",), "NVIDIA Test 1", "none", False, False, "fp32", profiles,
        graph_hashes(engine.graphs), {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )  # fmt: skip
    folder = engine.folder / "tensorrt" / plans.key
    folder.mkdir(parents=True)
    for name, content in contents.items():
        (folder / f"{name}.plan").write_bytes(content)
    (folder / "plans.json").write_text(json.dumps(plans.to_json()))


def test_motion_tokens_are_those_of_onnx_runtime(token_engine, cuda, tmp_path):
    """Texts alone, and keyframes, of which eight tries go through the network at once."""
    for path in token_engine.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(EngineError, match="no TensorRT plans for this machine .none were built.. Build them here"):
        TokenModel.load(tmp_path, backend="tensorrt")
    write_token_plans(load_token_engine(tmp_path), (Profile((1, 60, 100)),))
    ours, theirs = (TokenModel.load(tmp_path, threads=1, backend=name) for name in ("tensorrt", "onnxruntime"))
    assert ours.device == "cuda"
    poses = np.tile(np.eye(3), (8, 24, 1, 1))
    keys = Keyframes(np.arange(8), poses, np.tile([0.0, 0.95, 0.0], (8, 1)))
    for timeline in (Timeline(50, (Text("a person walks"),), steps=2), Timeline(40, keyframes=keys, steps=2)):
        made, wanted = (model.follow(timeline).motions[0] for model in (ours, theirs))
        np.testing.assert_allclose(made.joints_world(), wanted.joints_world(), atol=1e-3)
    with pytest.raises(InputError, match="wanted fewer frames, samples or texts, or plans for more"):
        ours.generate("a person walks", 200)


def conditions_of(arrays):
    return {name: array for name, array in arrays.items() if name not in ("x_t", "timestep")}


@pytest.mark.parametrize("texts_of", [(True,), (False,), (True, False), (False, True, False)])
@pytest.mark.parametrize("frames", [1, 130, 131])
def test_it_answers_what_onnx_runtime_answers(engine, cuda, texts_of, frames):
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config)
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    arrays = random_inputs(engine.config, texts_of, frames)
    np.testing.assert_allclose(ours(arrays)["x_0"], theirs(arrays)["x_0"], atol=FEATURES)
    assert (ours.device, ours.provider) == ("cuda", "11.4.0 fp32 on NVIDIA Test 1")


def test_sequences_take_turns_on_the_same_buffers(engine, cuda):
    """Two prepared sequences of one shape share a CUDA graph; each must see its own conditions."""
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config)
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    some, other = (random_inputs(engine.config, (True, False), seed=seed) for seed in (1, 2))
    steps = [ours.prepare(conditions_of(arrays)) for arrays in (some, other)]
    for arrays, step in [(some, steps[0]), (other, steps[1]), (some, steps[0]), (some, steps[0])]:
        np.testing.assert_allclose(step(arrays["x_t"], 700)["x_0"], theirs(arrays)["x_0"], atol=FEATURES)


def test_a_shape_is_recorded_once(engine, cuda):
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config)
    arrays = random_inputs(engine.config, (True,))
    step = ours.prepare(conditions_of(arrays))
    step(arrays["x_t"], 700)
    cuda.log.clear()
    for timestep in (500, 3):
        step(arrays["x_t"], timestep)
    assert cuda.log == ["launched", "launched"]


def test_old_shapes_give_their_memory_back(engine, cuda):
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config)
    for frames in range(1, 13):
        ours(random_inputs(engine.config, (False,), frames, texts=1))
        if frames == 9:
            gc.collect()
            blocks, graphs = len(cuda.live), len(cuda.handles)
    gc.collect()
    assert (len(cuda.live), len(cuda.handles)) == (blocks, graphs)
    del ours
    gc.collect()
    assert not cuda.live and not cuda.handles


@pytest.mark.parametrize(("steps", "guidance"), [(1, 2.5), (2, 0.0), (5, 2.5), (7, -1.0)])
def test_a_guided_sample_is_the_samplers(engine, cuda, steps, guidance):
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config, fused_steps=steps)
    arrays = random_inputs(engine.config, (True, True), 131)
    noise = np.random.default_rng(3).standard_normal(arrays["x_t"].shape).astype(np.float32)
    conditions = conditions_of(arrays)
    theirs = OnnxRuntimeDenoiser(engine.denoiser, engine.config, threads=1)
    expected = sampler.generate(theirs, conditions, noise, steps, guidance)
    both = sampler._with_and_without(conditions)

    def made(strength):  # what few steps leave of the noise is smoothed behind the fused call
        return sampler._finished(ours.sample(both, noise, strength)["x_0"], schedule.step_timesteps(steps))

    for _ in range(2):
        np.testing.assert_allclose(made(guidance), expected["x_0"], atol=SAMPLED_FEATURES)
    other = sampler.generate(theirs, conditions, noise, steps, 1.5)
    cuda.log.clear()
    np.testing.assert_allclose(made(1.5), other["x_0"], atol=SAMPLED_FEATURES)
    assert cuda.log == ["launched"] * 3  # conditions, texts, and all steps: guidance is no part of the recording


def test_the_sampler_finds_the_fused_way(engine, cuda, monkeypatch):
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config)
    arrays = random_inputs(engine.config, (True,), 40)
    noise = np.random.default_rng(3).standard_normal(arrays["x_t"].shape).astype(np.float32)
    whole = sampler.generate(ours, conditions_of(arrays), noise, ours.fused_steps, 2.5)
    monkeypatch.setattr(ours, "fused_steps", 0)
    step_by_step = sampler.generate(ours, conditions_of(arrays), noise, GENMO.steps, 2.5)
    np.testing.assert_allclose(whole["x_0"], step_by_step["x_0"], atol=SAMPLED_FEATURES)


@given(st.integers(1, 30), st.floats(-3, 5), st.integers(0, 2**32 - 1))
def test_update_factors_are_the_samplers_updates_of_the_guided_answer(steps, guidance, seed):
    x_t, some, without, some_before, without_before = np.random.default_rng(seed).normal(size=(5, 10))
    for ours, update in zip(
        update_factors(steps, guidance), sampler.updates(schedule.step_timesteps(steps)), strict=True
    ):
        guided = [b + guidance * (a - b) for a, b in ((some, without), (some_before, without_before))]
        expected = update(x_t, *guided)
        (keep, _), now, before = ours
        both = keep * x_t + now @ [some, without] + before @ [some_before, without_before]
        np.testing.assert_allclose(both, expected, rtol=1e-5, atol=1e-4)


def test_shapes_that_no_profile_holds_are_refused(engine, cuda):
    write_plans(engine)
    ours = TensorRtDenoiser(engine.denoiser, engine.config)
    with pytest.raises(
        InputError, match=r"keypoints is \[1, 301, 17, 3\], the plan takes \[131, .*|.*301.*build_plans"
    ):
        ours(random_inputs(engine.config, (True,), 301))
    with pytest.raises(InputError, match=r"wanted fewer frames, samples or texts.*--texts 4"):
        ours(random_inputs(engine.config, (True,), 60, texts=5))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gpus": ("sm_90",)}, r"built for sm_90 \(NVIDIA Test 1\), here is sm_89"),
        ({"gpu_name": "NVIDIA Test 2"}, r"built for sm_89 \(NVIDIA Test 2\), here is sm_89 \(NVIDIA Test 1\)"),
        ({"version": "11.3.0"}, "built with tensorrt 11.3.0, here is 11.4.0"),
        ({"version": "11.5.0", "version_compatible": True}, "built with tensorrt 11.5.0, here is 11.4.0"),
        ({"version": "10.9.0", "version_compatible": True}, "built with tensorrt 10.9.0, here is 11.4.0"),
        ({"library": "tensorrt_rtx", "gpus": ("any",)}, "built with tensorrt_rtx, here is tensorrt"),
        ({"onnx": dict.fromkeys(("conditions", "texts", "step"), "0" * 64)}, "from other ONNX files"),
    ],
)
def test_plans_for_something_else_are_refused_with_the_command(engine, cuda, changes, reason):
    write_plans(engine, **changes)
    with pytest.raises(EngineError, match=reason) as caught:
        TensorRtDenoiser(engine.denoiser, engine.config)
    command = f"python -m genmo.export.tensorrt.build_plans {engine.folder} --library tensorrt --frames 1:60:130"
    assert command in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"gpus": ("sm_80",), "compatible": "ampere+"},
        {"gpu_name": "NVIDIA Test 2", "compatible": "same"},
        {"version": "11.1.0", "version_compatible": True},
    ],
)
def test_compatible_plans_are_taken(engine, cuda, changes):
    write_plans(engine, library="tensorrt_rtx", gpus=("sm_80",))  # beside others that do not fit
    write_plans(engine, **changes)
    arrays = random_inputs(engine.config, (True,), 20)
    assert TensorRtDenoiser(engine.denoiser, engine.config)(arrays)["x_0"].shape == arrays["x_t"].shape


def test_turing_does_not_run_what_needs_ampere(engine, cuda):
    cuda.capability = (7, 5)
    write_plans(engine, gpus=("sm_80",), compatible="ampere+")
    with pytest.raises(EngineError, match="here is sm_75"):
        TensorRtDenoiser(engine.denoiser, engine.config)


def test_damaged_plans_are_refused(engine, cuda):
    with pytest.raises(
        EngineError, match=r"none were built\). Build them here: python -m genmo.export.tensorrt.build_plans"
    ):
        TensorRtDenoiser(engine.denoiser, engine.config)
    folder = write_plans(engine)
    plan = folder / "step.plan"
    content = plan.read_bytes()
    plan.write_bytes(content[:-1])
    with pytest.raises(EngineError, match=r"step.plan: missing, or its SHA-256"):
        TensorRtDenoiser(engine.denoiser, engine.config)
    described = json.loads((folder / "plans.json").read_text())
    described["plans"]["step"] = hashlib.sha256(content[:-1]).hexdigest()
    (folder / "plans.json").write_text(json.dumps(described))
    with pytest.raises(EngineError, match=r"cannot load this plan \(magic tag does not match\); build the plans again"):
        TensorRtDenoiser(engine.denoiser, engine.config)
    for text in ("{", "[]", '{"format": 9}', json.dumps(described | {"profiles": [{}]}), "[" * 9999):
        (folder / "plans.json").write_text(text)
        with pytest.raises(EngineError, match="does not describe TensorRT plans"):
            TensorRtDenoiser(engine.denoiser, engine.config)


def test_a_plan_of_another_signature_is_refused(engine, cuda):
    folder = write_plans(engine)
    described = json.loads((folder / "plans.json").read_text())
    content = (folder / "texts.plan").read_bytes()
    (folder / "step.plan").write_bytes(content)
    described["plans"]["step"] = hashlib.sha256(content).hexdigest()
    (folder / "plans.json").write_text(json.dumps(described))
    with pytest.raises(EngineError, match="step.plan: not a genmo graph of this model"):
        TensorRtDenoiser(engine.denoiser, engine.config)


def test_what_is_missing_is_named_with_its_command(engine, cuda, monkeypatch):
    write_plans(engine)
    cuda.devices = 0
    with pytest.raises(BackendError, match=r"no NVIDIA GPU 0 here \(CUDA says: no CUDA-capable device"):
        TensorRtDenoiser(engine.denoiser, engine.config)
    with pytest.raises(InputError, match="library is 'trt'; wanted one of tensorrt, tensorrt_rtx"):
        TensorRtDenoiser(engine.denoiser, engine.config, "trt")
    with pytest.raises(InputError, match="--steps is 0"):
        TensorRtDenoiser(engine.denoiser, engine.config, fused_steps=0)
    with pytest.raises(
        BackendError, match=r'tensorrt_rtx is not installed.*pip install "genmo-motion\[tensorrt-rtx\]"'
    ):
        TensorRtDenoiser(engine.denoiser, engine.config, "tensorrt_rtx")
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(BackendError, match=r'cuda-bindings is not installed.*pip install "genmo-motion\[tensorrt\]"'):
        TensorRtDenoiser(engine.denoiser, engine.config)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BackendError, match=r'tensorrt is not installed.*pip install "genmo-motion\[tensorrt\]"'):
        TensorRtDenoiser(engine.denoiser, engine.config)


@given(st.integers(1, 2000), st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 100))
def test_pieces_hold_every_length_once(least, more, most, half):
    profile = Profile((least, least + more, least + more + most))
    pieces = profile.pieces(2 * half)
    lengths = [n for piece in pieces for n in range(piece.frames[0], piece.frames[2] + 1)]
    assert lengths == list(range(least, least + more + most + 1))
    dense = max(DENSE_FRAMES, 3 * half)
    assert not any(piece.frames[0] <= dense < piece.frames[2] for piece in pieces)
    assert sum(piece.frames[1] == least + more for piece in pieces) >= 1


def test_the_real_libraries_say_what_is_missing_here(engine):
    pytest.importorskip("cuda.bindings.runtime")
    from cuda.bindings import runtime

    if int(runtime.cudaGetDeviceCount()[0]) == 0:
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendError, match="no NVIDIA GPU 0 here"):
        Cuda()
