"""Writing ONNX node by node: what the step graphs are made of, typed explicitly in the precision that was asked for.

What is unusual: every tensor's type is known while the graph is written, so a Cast appears exactly where two types
meet; linear layers take the precision, everything else is fp32 unless its writer says otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.support.arrays import Array

OPSET = 18  # the newest whose files may say ir_version 8, which engines of games still read
IR_VERSION = 8
_TYPES = {
    "float32": (TensorProto.FLOAT, np.dtype(np.float32)),
    "float16": (TensorProto.FLOAT16, np.dtype(np.float16)),
    "bfloat16": (TensorProto.BFLOAT16, np.dtype(ml_dtypes.bfloat16)),
    "int64": (TensorProto.INT64, np.dtype(np.int64)),
    "int8": (TensorProto.INT8, np.dtype(np.int8)),
}


@dataclass(frozen=True)
class Precision:
    """How linear layers and attention are stored and computed; the rest of a graph is float32."""

    weights: str
    """type of the stored weights: float32, float16, bfloat16, or int8 with a scale for every output channel"""
    compute: str
    """type of the factors of a matrix product; int8: activations are quantised while the graph runs"""
    exact_modules: int = 0
    """modules at the start that stay float32, fewer only where no other would be left"""


FP32 = Precision("float32", "float32")
PRECISIONS = {
    "fp32": FP32,
    "fp16": Precision("float16", "float16"),
    "bf16": Precision("bfloat16", "float32"),
    # rounding the first module costs as much as the next two (measured on the engine that ships)
    "int8": Precision("int8", "int8", exact_modules=1),
}
"""what `--precision` takes.  bf16 is a precision of storage: no CPU library runs typed bfloat16 products in ONNX"""
TYPED_BF16 = Precision("bfloat16", "bfloat16")
"""for engines of GPUs, which do"""


@dataclass(frozen=True, eq=False)
class Linear:
    """x W + b: `weight` [in, out], `bias` [out]; float32."""

    weight: Array
    bias: Array


class Graph:
    """A graph under construction; tensors are their names."""

    def __init__(self, precision: Precision) -> None:
        self.precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._types: dict[str, str] = {}

    def input(self, spec: TensorSpec) -> str:
        """Declare an input of the graph."""
        self._inputs.append(value_info(spec))
        self._types[spec.name] = spec.dtype
        return spec.name

    def constant(self, values: Any, dtype: str = "float32") -> str:
        """A stored tensor; equal ones are stored once."""
        array = np.ascontiguousarray(np.asarray(values).astype(_TYPES[dtype][1]))
        key = (dtype, np.shape(values), hashlib.sha256(array.view(np.uint8).data).digest())
        if key not in self._weights:
            name = f"constant_{len(self._weights)}"
            self._initializers.append(numpy_helper.from_array(array.reshape(np.shape(values)), name))
            self._weights[key], self._types[name] = name, dtype
        return self._weights[key]

    def integers(self, *values: int) -> str:
        """A stored int64 vector."""
        return self.constant(np.array(values), "int64")

    def __call__(self, kind: str, *inputs: str, dtype: str = "", **attributes: Any) -> str:
        """The result of an ONNX operator; its type is `dtype`, or that of the first input."""
        return self.split(kind, *inputs, outputs=1, dtype=dtype, **attributes)[0]

    def split(self, kind: str, *inputs: str, outputs: int, dtype: str = "", **attributes: Any) -> list[str]:
        """The results of an operator with several."""
        names = [f"{kind}_{len(self._nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, names[0], **attributes))
        for name in names:
            self._types[name] = dtype or self._types[inputs[0]]
        return names

    def type_of(self, x: str) -> str:
        """The type of a tensor, a name of numpy's."""
        return self._types[x]

    def cast(self, x: str, dtype: str) -> str:
        """x in another type; x itself where it has that type."""
        return x if self._types[x] == dtype else self("Cast", x, dtype=dtype, to=_TYPES[dtype][0])

    def factor(self, x: str) -> str:
        """x in the type of a factor of attention's products, which are never quantised."""
        return self.cast(x, "float32" if self.precision.compute == "int8" else self.precision.compute)

    def linear(self, x: str, layer: Linear, exact: bool = False) -> str:
        """x [rows, in] through the layer, in the graph's precision or, `exact`, in float32."""
        stored, compute = self.precision.weights, self.precision.compute
        if exact or stored == "float32":
            return self._gemm(self.cast(x, "float32"), self.constant(layer.weight), layer.bias, "float32")
        if stored == "int8":
            return self._quantised(self.cast(x, "float32"), layer)
        weight = self.cast(self.constant(layer.weight, stored), compute)
        return self._gemm(self.cast(x, compute), weight, layer.bias, compute)

    def _gemm(self, x: str, weight: str, bias: Array, dtype: str) -> str:
        return self("Gemm", x, weight, self.constant(bias, dtype))

    def _quantised(self, x: str, layer: Linear) -> str:
        """8-bit product: the weight by output channel at build time, x as a whole while running."""
        scale = np.maximum(np.abs(layer.weight).max(axis=0), 1e-12) / 127
        weight = self.constant(np.round(layer.weight / scale), "int8")
        bits, step, zero = self.split("DynamicQuantizeLinear", x, outputs=3)
        self._types[bits] = self._types[zero] = "uint8"
        product = self("MatMulInteger", bits, weight, zero, dtype="int32")
        scaled = self("Mul", self.cast(product, "float32"), self("Mul", step, self.constant(scale)))
        return self("Add", scaled, self.constant(layer.bias))

    def gelu(self, x: str) -> str:
        """GELU by its tanh form, in the shape that ONNX Runtime recognises and fuses."""
        x = self.cast(x, "float32")
        cube = self("Mul", self.constant(0.044715), self("Pow", x, self.constant(3.0)))
        inner = self("Mul", self.constant((2 / np.pi) ** 0.5), self("Add", x, cube))
        grown = self("Add", self.constant(1.0), self("Tanh", inner))
        return self("Mul", self("Mul", x, self.constant(0.5)), grown)

    def exact_gelu(self, x: str) -> str:
        """GELU by the error function, in float32."""
        erf = self("Erf", self("Mul", x, self.constant(0.5**0.5)))
        return self("Mul", self("Mul", x, self.constant(0.5)), self("Add", self.constant(1.0), erf))

    def norm(self, x: str, weight: Array, bias: Array, epsilon: float) -> str:
        """LayerNorm over the last axis, in float32."""
        return self("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=epsilon)

    def name(self, x: str, new_name: str) -> None:
        """Give the result of the last node, in float32, the name of an output of the graph."""
        assert self.cast(x, "float32") == self._nodes[-1].output[0]
        self._nodes[-1].output[0] = new_name

    def output(self, x: str, name: str) -> None:
        """Give any tensor, as it is, as an output of the graph."""
        self._nodes.append(helper.make_node("Identity", [x], [name], name))

    def model(self, name: str, outputs: Sequence[TensorSpec]) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self._nodes, name, self._inputs, [value_info(spec) for spec in outputs], self._initializers
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opset, producer_name="genmo")


def value_info(spec: TensorSpec) -> onnx.ValueInfoProto:
    """A graph's input or output."""
    return helper.make_tensor_value_info(spec.name, _TYPES[spec.dtype][0], list(spec.axes))
