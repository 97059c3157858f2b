"""The plugin's graph, run with the kernel's own code on the CPU, against the one without; what TensorRT is told."""

import ctypes
import enum
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from genmo.export.onnx.constant_folding import fold
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.onnx.step_graph import step_model
from genmo.export.tensorrt import window_plugin
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import step_inputs
from genmo.runtime.support.errors import InputError
from genmo.train.network.denoiser import Denoiser

ROOT = Path(__file__).resolve().parents[3]
SMALL = {"depth": 2, "mlp_width": 32, "text_width": 16, "text_tokens": 4, "video_width": 0, "music_width": 0}


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """The kernels' code, compiled for the CPU (kernels/tests/emulated.cpp)."""
    compiler = shutil.which("c++") or shutil.which("g++") or pytest.skip("no C++ compiler is installed")
    built = tmp_path_factory.mktemp("plugin") / "emulated.so"
    kernels = ROOT / "kernels"
    folders = [f"-I{kernels / folder}" for folder in ("include", "src")]
    command = [compiler, "-std=c++17", "-O1", "-w", "-fPIC", "-shared", *folders, kernels / "tests" / "emulated.cpp"]
    subprocess.run([*command, "-o", built], check=True)
    return ctypes.CDLL(str(built))


@pytest.fixture(scope="module")
def step():
    torch.manual_seed(0)
    denoiser = Denoiser(ModelConfig(width=128, heads=2, **SMALL)).eval()
    for block in denoiser.rope_blocks:  # loud enough to be seen beside the residual stream
        block.attention.out.weight.data *= 10
        block.attention.qkv.weight.data *= 2
    return fold(denoiser)


def operator(library):
    """The node for ONNX's reference runtime, by the entry that TensorRT would launch."""

    class WindowAttention(OpRun):
        op_domain = window_plugin.NAMESPACE

        def _run(self, qkv, cos, sin, heads, head_width, window, plugin_namespace, plugin_version):
            dtype = {"float32": 0, "float16": 1}[qkv.dtype.name]
            batch, frames, _ = qkv.shape
            out = np.full((batch, frames, heads * head_width), np.nan, qkv.dtype)
            sizes = [ctypes.c_int64(x) for x in (batch, frames, heads, head_width, window)]
            arrays = [np.ascontiguousarray(x) for x in (cos, sin, qkv)]
            pointers = [ctypes.c_void_p(x.ctypes.data) for x in (*arrays, out)]
            scale = ctypes.c_double(np.int32(window_plugin.SCALE_BITS).view(np.float32))
            assert library.genmo_window_attention_packed_emulated(dtype, *sizes, scale, *pointers) == 0
            return (out,)

    WindowAttention.__name__ = window_plugin.NAME
    return WindowAttention


def random_feeds(config, frames):
    random = np.random.default_rng(frames)
    sizes = {"batch": 2, "frames": frames}
    feeds = {}
    for spec in step_inputs(config):
        if not spec.name.startswith("text_"):
            shape = [sizes.get(axis, axis) for axis in spec.axes]
            feeds[spec.name] = random.standard_normal(shape).astype(spec.dtype)
    return feeds | {"timestep": np.array([3, 700])}


@pytest.mark.parametrize("frames", [1, 121])
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 2e-5), ("fp16", 2e-2)])
def test_the_graph_with_the_plugin_is_the_graph_without(emulated, step, frames, precision, tolerance):
    feeds = random_feeds(step.config, frames)
    without = ReferenceEvaluator(step_model(step, PRECISIONS[precision], texts=False))
    changed = window_plugin.with_window_attention(step_model(step, PRECISIONS[precision], texts=False), step.config)
    within = ReferenceEvaluator(changed, new_ops=[operator(emulated)])
    want, got = without.run(None, feeds), within.run(None, feeds)
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def test_every_block_has_one_node_and_attributes_in_alphabetical_order(step):
    original = step_model(step)
    before = original.SerializeToString()
    model = window_plugin.with_window_attention(original, step.config)
    assert original.SerializeToString() == before
    nodes = [node for node in model.graph.node if node.op_type == window_plugin.NAME]
    assert len(nodes) == step.config.depth
    names = [attribute.name for attribute in nodes[0].attribute]
    assert names == ["head_width", "heads", "plugin_namespace", "plugin_version", "window"]
    assert "Tile" not in {node.op_type for node in model.graph.node}  # what the dense attention alone needs is gone


def test_other_head_widths_and_graphs_are_refused(step):
    narrow = fold(Denoiser(ModelConfig(width=32, heads=2, **SMALL)))
    with pytest.raises(InputError, match="heads of 16 channels"):
        window_plugin.with_window_attention(step_model(narrow), narrow.config)
    other = replace(step.config, depth=3)
    with pytest.raises(InputError, match="2 blocks of self-attention in the step graph, 3 in engine.json"):
        window_plugin.with_window_attention(step_model(step), other)


class Recorder:
    """What `register_plugin` asks of `tensorrt.plugin`: sizes are words, so that their origin can be read."""

    TensorDesc = KernelLaunchParams = SimpleNamespace

    class SymIntExprs(dict):
        def __init__(self, count):
            super().__init__(dict.fromkeys(range(count)))

    def __init__(self):
        self.registered, self.implemented = {}, {}

    def register(self, name):
        return lambda function: self.registered.setdefault(name, function)

    def aot_impl(self, name):
        return lambda function: self.implemented.setdefault(name, function)

    @staticmethod
    def from_shape_expr(shape, dtype):
        return SimpleNamespace(shape_expr=shape, dtype=dtype)

    @staticmethod
    def cdiv(first, second):
        return f"ceil({first} / {second})"

    @staticmethod
    def SymInt32(value):
        return value


class TensorRtType(enum.Enum):
    FLOAT = 0
    HALF = 1
    BF16 = 7


@pytest.mark.parametrize(
    ("kind", "entry", "rows", "threads"),
    [
        (TensorRtType.FLOAT, "genmo_window_attention_packed_f32_64", 16, 256),
        (TensorRtType.HALF, "genmo_window_attention_packed_f16_64", 64, 128),
        (TensorRtType.BF16, "genmo_window_attention_packed_bf16_64", 64, 128),
    ],
)
def test_tensorrt_is_told_shapes_launch_and_arguments(kind, entry, rows, threads):
    recorder = Recorder()
    window_plugin.register_plugin(recorder, "the ptx")
    qkv = SimpleNamespace(shape_expr=("B", "N", 3072), dtype=kind)
    attributes = (64, 16, 120)  # head_width, heads, window: alphabetical
    described = recorder.registered["genmo::window_attention"](qkv, None, None, *attributes)
    assert described.shape_expr == ("B", "N", 1024) and described.dtype is kind
    name, ptx, launch, extra = recorder.implemented["genmo::window_attention"](
        qkv, None, None, *attributes, (described,), 0
    )
    assert (name, ptx) == (entry, "the ptx")
    assert (launch.grid_x, launch.grid_y, launch.grid_z) == (f"ceil(N / {rows})", 16, "B")
    assert launch.block_x == threads
    assert list(extra.values()) == ["N", 16, 120, 0x3F800000]


def test_launches_are_those_of_the_kernels():
    """Rows and threads of a block, from the sources that define them."""
    for header, kinds in (("plain.h", ["f32"]), ("tensor_core.h", ["f16", "bf16"])):
        text = (ROOT / "kernels" / "src" / header).read_text()
        values = {}
        for name, value in re.findall(
            r"^constexpr int (k(?:Lanes|Warps|Rows|RowsPerWarp|Threads)) = (.*?);", text, re.M
        ):
            values[name] = eval(value, {}, values)
        for kind in kinds:
            assert window_plugin.LAUNCH[kind] == (values["kRows"], values["kThreads"])


def test_ptx_is_the_newest_that_the_gpu_can_run(tmp_path):
    for target in (80, 90):
        (tmp_path / f"window_attention.sm{target}.ptx").write_text(str(target))
    assert [window_plugin.read_ptx(target, tmp_path) for target in (80, 89, 90, 120)] == ["80", "80", "90", "90"]
    with pytest.raises(InputError, match="make kernels"):
        window_plugin.read_ptx(75, tmp_path)
    with pytest.raises(InputError, match="make kernels"):
        window_plugin.read_ptx(90, tmp_path / "empty")


@pytest.mark.requires_tensorrt
def test_tensorrt_accepts_the_registration():
    trt_plugin = pytest.importorskip("tensorrt.plugin", exc_type=ImportError)
    window_plugin.register_plugin(trt_plugin, "the ptx")
