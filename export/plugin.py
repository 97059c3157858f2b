"""The window attention of kernels/ as a TensorRT plugin: PTX compiled ahead of time, no C++ headers.

Three pieces: `plugin_step_model` writes the step graph with one `window_attention` node in place of each block of
self-attention; `register_plugin` tells TensorRT (package `tensorrt`, whose `tensorrt.plugin` has `aot_impl`) what the
node is and which kernel of the PTX runs it; `network_flags` makes the parser take it.  A plan built so contains the
kernel and needs no Python.  The node reads the projection as the graph has it: first halves of all heads' queries, of
all keys, second halves of both, values; 1 / sqrt(head width) is in the weights.

Not yet run on hardware.
"""

# No `from __future__ import annotations`: tensorrt.plugin reads the annotations as objects.

import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

import genmo.runtime
from genmo.export.fold import FoldedStep, SelfAttention
from genmo.export.graph import FP32, Precision
from genmo.export.step import StepGraph
from genmo.runtime.errors import InputError
from genmo.train.attention import ROPE_BASE

NAMESPACE, NAME, VERSION = "genmo", "window_attention", "1"
HEAD_WIDTHS = (64, 128)
KINDS = {"FLOAT": "f32", "HALF": "f16", "BF16": "bf16"}
"""TensorRT's type of the node's input -> its part of a kernel's name"""
TARGETS = (80, 86, 89, 90, 100)
LAUNCH = {"f32": (16, 256), "f16": (64, 128), "bf16": (64, 128)}
"""rows a block of threads takes, and its threads (kernels/src/plain.h, tensor_core.h)"""
SCALE_BITS = struct.unpack("<i", struct.pack("<f", 1.0))[0]
"""bits of the scale: the exporter folds 1 / sqrt(head width) into the weights"""


def kernel_name(kind: str, head_width: int) -> str:
    """The entry of kernels/src/window_attention.cu for a type (a value of KINDS) and a head width."""
    return f"genmo_window_attention_packed_{kind}_{head_width}"


def read_ptx(target: int, folder: Path | None = None) -> str:
    """PTX for a compute capability (80 for 8.0); the driver compiles it for that generation and those after it.

    The newest that is not newer than `target`, from `folder`, or from beside the runtime (a wheel with kernels) or
    `build/kernels` (`make kernels`).  Raises InputError when there is none.
    """
    beside = Path(next(iter(genmo.runtime.__path__))).resolve()
    places = [folder] if folder else [beside / "ptx", beside.parent / "build" / "kernels" / "kernels" / "ptx"]
    fitting = sorted((known for known in TARGETS if known <= target), reverse=True)
    for path in (place / f"window_attention.sm{known}.ptx" for place in places for known in fitting):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise InputError(
        f"no PTX for compute capability {target / 10:.1f} in {' or '.join(map(str, places))}; wanted one of "
        f"{', '.join(f'window_attention.sm{known}.ptx' for known in TARGETS)}: build them with `make kernels`"
    )


class PluginStepGraph(StepGraph):
    """The step graph whose self-attention is one node each."""

    def _rotary(self) -> None:
        """Cosines and sines [frames, head_width / 2]."""
        g = self.graph
        exponent = np.arange(0, self.head_width, 2) / self.head_width
        position = g("Unsqueeze", g.cast(self._range(self.count), "float32"), g.integers(1))
        angle = g("Mul", position, g.constant((ROPE_BASE**-exponent)[None]))
        self.cos, self.sin = g("Cos", angle), g("Sin", angle)

    def _window(self, crossover: int) -> None:
        """The kernel knows it."""

    def _self_attention(self, x: str, attention: SelfAttention) -> str:
        g, width = self.graph, self.config.width
        qkv = g.factor(self._linear(self._norm(x, attention.norm), attention.qkv))
        qkv = g("Reshape", qkv, g("Concat", self.batch, self.frames, g.integers(3 * width), axis=0))
        mixed = g(
            NAME,
            qkv,
            self.cos,
            self.sin,
            domain=NAMESPACE,
            head_width=self.head_width,
            heads=self.config.heads,
            window=self.config.window,
            plugin_namespace=NAMESPACE,
            plugin_version=VERSION,
        )
        out = self._linear(g("Reshape", mixed, g.integers(-1, width)), attention.out)
        return g("Add", x, g.cast(out, "float32"))


def plugin_step_model(step: FoldedStep, precision: Precision = FP32, texts: bool = True) -> onnx.ModelProto:
    """`step_model` for TensorRT with the plugin.  Raises InputError for a head width without a kernel."""
    head_width = step.config.width // step.config.heads
    if head_width not in HEAD_WIDTHS:
        raise InputError(f"heads of {head_width} channels; the window attention plugin has kernels for 64 and 128")
    model = PluginStepGraph(step, precision, texts).build()
    model.opset_import.append(helper.make_opsetid(NAMESPACE, int(VERSION)))
    return model


def network_flags(tensorrt: Any) -> int:
    """Flags of `create_network` under which nodes become compiled plugins."""
    return 1 << int(tensorrt.NetworkDefinitionCreationFlag.PREFER_AOT_PYTHON_PLUGINS)


def register_plugin(plugin: Any, ptx: str) -> None:
    """Register the node with `tensorrt.plugin`, once a process, before the graph is parsed.

    Attributes are in alphabetical order, as in the ONNX node: `tensorrt.plugin` passes them by position in the order in
    which they arrive.
    """

    def describe(
        qkv: plugin.TensorDesc,
        cos: plugin.TensorDesc,
        sin: plugin.TensorDesc,
        head_width: int,
        heads: int,
        window: int,
    ) -> plugin.TensorDesc:
        """[batch, frames, 3 width] and tables [frames, head_width / 2] -> [batch, frames, width]"""
        batch, frames, _ = qkv.shape_expr
        return plugin.from_shape_expr((batch, frames, heads * head_width), qkv.dtype)

    def implement(
        qkv: plugin.TensorDesc,
        cos: plugin.TensorDesc,
        sin: plugin.TensorDesc,
        head_width: int,
        heads: int,
        window: int,
        outputs: tuple[plugin.TensorDesc],
        tactic: int,
    ) -> tuple[str | bytes, str | bytes, plugin.KernelLaunchParams, plugin.SymIntExprs]:
        """Kernel, PTX, launch and the kernel's arguments between inputs and output."""
        batch, frames, _ = qkv.shape_expr
        kind = KINDS[qkv.dtype.name]
        rows, threads = LAUNCH[kind]
        launch = plugin.KernelLaunchParams()
        launch.grid_x, launch.grid_y, launch.grid_z = plugin.cdiv(frames, rows), heads, batch
        launch.block_x = threads
        extra = plugin.SymIntExprs(4)
        for place, value in enumerate((frames, heads, window, SCALE_BITS)):
            extra[place] = plugin.SymInt32(value)
        return kernel_name(kind, head_width), ptx, launch, extra

    identifier = f"{NAMESPACE}::{NAME}"
    plugin.register(identifier)(describe)
    plugin.aot_impl(identifier)(implement)
