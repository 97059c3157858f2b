"""Weights of motion tokens in fewer bytes: stored small, computed in float32.

A library folds the conversion when it opens the graph, so an engine is as fast as one stored in float32; its answers
differ by the rounding of the weights alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
