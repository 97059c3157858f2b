"""The window attention of kernels/ as a TensorRT plugin: PTX compiled ahead of time, no C++ headers.

Three pieces, which `genmo.export.tensorrt.build_plans` joins under `--window-kernel`: `with_window_attention` puts one
`window_attention` node in the place of each block of self-attention in an engine's step graph; `register_plugin` tells
TensorRT (package `tensorrt`, whose `tensorrt.plugin` has `aot_impl`) what the node is and which kernel of the PTX runs
it; `network_flags` makes the parser take it.  A plan built so contains the kernel and needs no Python.  The node reads
the projection as the graph has it: first halves of all heads' queries, of all keys, second halves of both, values;
1 / sqrt(head width) is in the weights.

Not yet run on hardware.
"""

# No `from __future__ import annotations`: tensorrt.plugin reads the annotations as objects.

import struct
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

import genmo.runtime
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.support.errors import InputError

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
    beside = [Path(path).resolve() for path in genmo.runtime.__path__]  # an editable install has two
    built = [path.parent / "build" / "kernels" / "kernels" / "ptx" for path in beside]
    folders = [folder] if folder else [*(path / "ptx" for path in beside), *built]
    fitting = sorted((architecture for architecture in TARGETS if architecture <= target), reverse=True)
    for path in (
        directory / f"window_attention.sm{architecture}.ptx" for directory in folders for architecture in fitting
    ):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    files = ", ".join(f"window_attention.sm{architecture}.ptx" for architecture in TARGETS)
    raise InputError(
        f"no PTX for compute capability {target / 10:.1f} in {' or '.join(map(str, folders))}; wanted one of "
        f"{files}: build them with `make kernels`"
    )


class _Reader:
    """Who makes and who reads each tensor of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.maker = {output: node for node in graph.node for output in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.readers[name].append(node)

    def on(self, name: str, kind: str) -> list[onnx.NodeProto]:
        """The nodes from the reader of a tensor, each the only reader of the one before, to the first of a kind."""
        way: list[onnx.NodeProto] = []
        while not way or way[-1].op_type != kind:
            (following,) = self.readers[way[-1].output[0] if way else name]
            way.append(following)
        return way


def _attention_of(split: onnx.NodeProto, reader: _Reader, config: ModelConfig) -> tuple[str, list[onnx.NodeProto]]:
    """The result of a block of self-attention whose projection is `split` in three, and the nodes that make it here."""
    first, _, values = split.output
    (by_frame,) = reader.readers[first]
    size = [*reader.maker[by_frame.input[1]].input[:2], f"{NAME}_width"]
    transposed = reader.on(first, "Reshape")[-1].output[0]
    casts = [node for node in reader.readers[transposed] if node.op_type == "Cast"]
    tables = {}
    for product in reader.readers[casts[0].output[0] if casts else transposed]:
        table = reader.maker[product.input[1]].input[0]  # behind the Tile that repeats it for every head
        tables[reader.maker[table].op_type] = table
    way = reader.on(values, "Slice")
    out, qkv, nodes = way[-1].output[0], split.input[0], []

    def add(kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{out}_{NAME}_{kind}"
        nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    for cast in (node for node in way if node.op_type == "Cast"):  # to the type of attention's factors
        qkv = add("Cast", qkv, to=cast.attribute[0].i)
    attributes = {"head_width": config.width // config.heads, "heads": config.heads, "window": config.window}
    inputs = [add("Reshape", qkv, add("Concat", *size, axis=0)), tables["Cos"], tables["Sin"]]
    plugin = {"domain": NAMESPACE, "plugin_namespace": NAMESPACE, "plugin_version": VERSION}
    nodes.append(helper.make_node(NAME, inputs, [out], f"{out}_{NAME}", **attributes, **plugin))
    return out, nodes


def with_window_attention(model: onnx.ModelProto, config: ModelConfig) -> onnx.ModelProto:
    """A step graph of `genmo.export.onnx.step_graph` with one node in the place of each block of self-attention.

    Raises InputError for a head width without a kernel, and for a graph that is not one of ours in the plain profile.
    """
    head_width = config.width // config.heads
    if head_width not in HEAD_WIDTHS:
        raise InputError(f"heads of {head_width} channels; the window attention plugin has kernels for 64 and 128")
    graph, reader = model.graph, _Reader(model.graph)
    splits = [node for node in graph.node if node.op_type == "Split" and len(node.output) == 3 and _axis(node) == 1]
    if len(splits) != config.depth:
        raise InputError(
            f"{len(splits)} blocks of self-attention in the step graph, {config.depth} in engine.json; wanted an "
            "engine of genmo-export without --profile"
        )
    written = dict(_attention_of(split, reader, config) for split in splits)
    nodes = [each for node in graph.node for each in written.get(node.output[0], [node])]
    width = numpy_helper.from_array(np.array([3 * config.width]), f"{NAME}_width")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:], changed.graph.initializer[:]
    changed.graph.node.extend(_needed(nodes, [output.name for output in graph.output]))
    read = {name for node in changed.graph.node for name in node.input}
    changed.graph.initializer.extend(each for each in [*graph.initializer, width] if each.name in read)
    changed.opset_import.append(helper.make_opsetid(NAMESPACE, int(VERSION)))
    return changed


def _axis(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _needed(nodes: list[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on, in their order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


def network_flags(tensorrt: Any) -> int:
    """Flags of `create_network` under which nodes become compiled plugins."""
    return 1 << int(tensorrt.NetworkDefinitionCreationFlag.PREFER_AOT_PYTHON_PLUGINS)


@cache
def register_plugin(plugin: Any, ptx: str) -> None:
    """Register the node with `tensorrt.plugin`, once a process however often it is called, before a graph is parsed.

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
        for index, value in enumerate((frames, heads, window, SCALE_BITS)):
            extra[index] = plugin.SymInt32(value)
        return kernel_name(kind, head_width), ptx, launch, extra

    identifier = f"{NAMESPACE}::{NAME}"
    plugin.register(identifier)(describe)
    plugin.aot_impl(identifier)(implement)
