"""The encoder of a T5 as an ONNX graph, node by node.

In fp16 the weights and most products are float16; the residual stream, norms, softmax and the feed-forward's second
layer are computed in float32, because their numbers leave float16's range in released weights, and so is every weight
that does not fit it.
"""

from __future__ import annotations

import numpy as np
import onnx
from torch import Tensor

from genmo.export.onnx.onnx_builder import Graph, Precision
from genmo.export.onnx.t5_network import HIDDEN, T5, buckets_of
from genmo.runtime.engine.text_t5 import t5_inputs, t5_outputs
from genmo.runtime.support.arrays import Array

LARGEST_HALF = 6e4


class T5Graph:
    """Builds `text_encoder.onnx`, for any batch and up to `tokens` tokens."""

    def __init__(self, t5: T5, tokens: int, precision: Precision) -> None:
        self.t5, self.config, self.tokens = t5, t5.config, tokens
        self.graph = Graph(precision)
        self.inputs = [self.graph.input(spec) for spec in t5_inputs()]

    def build(self) -> onnx.ModelProto:
        """The model."""
        g, (ids, mask) = self.graph, self.inputs
        self._distances(ids)
        absent = g("Sub", g.constant(1.0), mask)
        self.hidden = g("Unsqueeze", g("Mul", absent, g.constant(HIDDEN)), g.integers(1, 2))
        stored = self._stored(self.t5.embedding.numpy())
        x = g.cast(g("Gather", stored, ids, dtype=g.type_of(stored), axis=0), "float32")
        for block in range(self.config.depth):
            x = g("Add", x, self._attention(x, block))
            x = g("Add", x, self._feed_forward(x, block))
        g.name(self._norm(x, self.t5.weights["encoder.final_layer_norm.weight"]), "token_vectors")
        return g.model("text_encoder", t5_outputs(self.config.width))

    def _distances(self, ids: str) -> None:
        """Distance of every key from every query [tokens, tokens], as a row of the tables of biases."""
        g = self.graph
        count = g("Squeeze", g("Shape", ids, dtype="int64", start=1), g.integers(0))
        position = g("Range", g.constant(0, "int64"), count, g.constant(1, "int64"))
        distance = g("Sub", g("Unsqueeze", position, g.integers(0)), g("Unsqueeze", position, g.integers(1)))
        self.rows = g("Add", distance, g.constant(self.tokens - 1, "int64"))
        self.biases: dict[int, str] = {}

    def _bias(self, block: int) -> str:
        """[1, heads, tokens, tokens]; the same node for blocks that share a table."""
        g, table = self.graph, self.t5.bias_table(block)
        if id(table) not in self.biases:
            by_distance = table[buckets_of(self.config, self.tokens)].T.numpy()  # [heads, distances]
            gathered = g("Gather", g.constant(by_distance), self.rows, axis=1)
            self.biases[id(table)] = g("Unsqueeze", gathered, g.integers(0))
        return self.biases[id(table)]

    def _stored(self, weight: Array) -> str:
        """A weight in the graph's type, or in float32 where its numbers are too large for that."""
        fits = float(np.abs(weight).max(initial=0.0)) < LARGEST_HALF
        return self.graph.constant(weight, self.graph.precision.weights if fits else "float32")

    def _linear(self, x: str, weight: Tensor, exact: bool = False) -> str:
        """x W^T in float32, of a product in the graph's type or, `exact`, in float32."""
        g = self.graph
        stored = self._stored(weight.T.numpy())
        compute = "float32" if exact else g.type_of(stored)
        return g.cast(g("MatMul", g.cast(x, compute), g.cast(stored, compute)), "float32")

    def _norm(self, x: str, weight: Tensor) -> str:
        g = self.graph
        mean = g("ReduceMean", g("Mul", x, x), g.integers(-1), keepdims=1)
        root = g("Sqrt", g("Add", mean, g.constant(self.config.epsilon)))
        return g("Mul", g("Div", x, root), g.constant(weight.numpy()))

    def _attention(self, x: str, block: int) -> str:
        g, config = self.graph, self.config
        y = self._norm(x, self.t5.weight(block, "layer.0.layer_norm"))
        split = g.integers(0, 0, config.heads, config.head_width)

        def by_head(name: str, perm: list[int]) -> str:
            projected = self._linear(y, self.t5.weight(block, f"layer.0.SelfAttention.{name}"))
            return g("Transpose", g("Reshape", projected, split), perm=perm)

        scores = g("MatMul", by_head("q", [0, 2, 1, 3]), by_head("k", [0, 2, 3, 1]))
        weights = g("Softmax", g("Add", g("Add", scores, self._bias(block)), self.hidden), axis=-1)
        mixed = g("Transpose", g("MatMul", weights, by_head("v", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        mixed = g("Reshape", mixed, g.integers(0, 0, config.heads * config.head_width))
        return self._linear(mixed, self.t5.weight(block, "layer.0.SelfAttention.o"))

    def _feed_forward(self, x: str, block: int) -> str:
        g = self.graph
        y = self._norm(x, self.t5.weight(block, "layer.1.layer_norm"))

        def first(name: str) -> str:
            return self._linear(y, self.t5.weight(block, f"layer.1.DenseReluDense.{name}"))

        hidden = g("Mul", g.gelu(first("wi_0")), first("wi_1")) if self.config.gated else g("Relu", first("wi"))
        return self._linear(hidden, self.t5.weight(block, "layer.1.DenseReluDense.wo"), exact=True)
