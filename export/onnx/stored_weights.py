"""Weights of motion tokens in fewer bytes: stored small, computed in float32.

A library folds the conversion when it opens the graph, so an engine is as fast as one stored in float32; its answers
differ by the rounding of the weights alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from genmo.export.onnx.onnx_builder import Graph
from genmo.runtime.support.arrays import Array

SMALL = 1024
"""numbers; below, a tensor stays float32"""


@dataclass(frozen=True)
class Storage:
    """How weights are stored."""

    convolutions: str = "float32"
    """of the MEVQ-VAE, and its codes: float32 or float16"""
    matrices: str = "float32"
    """of the transformer: float32, float16, or int8 with a scale for every output channel"""


STORAGES = {
    "fp32": Storage(),
    "fp16": Storage("float16", "float16"),
    "int8": Storage("float16", "int8"),
}
"""what `--precision` takes for motion tokens"""


def stored(graph: Graph, values: Array, kind: str, channels: int = -1) -> str:
    """A constant as float32, stored as `kind`; `channels`: the axis along which int8 has a scale each."""
    if kind == "float32" or values.size < SMALL:
        return graph.constant(values)
    if kind == "float16":
        return graph.cast(graph.constant(values, "float16"), "float32")
    others = tuple(axis for axis in range(values.ndim) if axis != channels % values.ndim)
    scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-12) / 127
    whole = graph.constant(np.round(values / scale), "int8")
    return graph("Mul", graph.cast(whole, "float32"), graph.constant(scale))


def unpacked(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with what `stored` wrote as float32 constants again: for libraries that fold no integers."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept, made = [], {}
    for node in graph.node:
        if node.op_type in ("Cast", "Mul") and all(name in constants for name in node.input):
            arrays = [constants[name] for name in node.input]
            whole = arrays[0].astype(np.float32) if node.op_type == "Cast" else arrays[0] * arrays[1]
            made[node.output[0]] = constants[node.output[0]] = whole
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input} | {output.name for output in graph.output}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    tensors += [numpy_helper.from_array(array, name) for name, array in made.items() if name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(tensors)
    return model
