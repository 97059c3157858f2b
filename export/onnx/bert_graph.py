"""A BERT encoder as an ONNX graph, node by node.

In fp16 the weights and most products are float16; the residual stream, norms and softmax stay float32.
"""

from __future__ import annotations

import onnx

from genmo.export.onnx.bert_network import Bert
from genmo.export.onnx.onnx_builder import Graph, Precision
from genmo.export.onnx.t5_network import HIDDEN
from genmo.runtime.engine.text_t5 import t5_inputs, t5_outputs


class BertGraph:
    """Builds `text_encoder.onnx`, for any batch and up to `tokens` tokens."""

    def __init__(self, bert: Bert, tokens: int, precision: Precision) -> None:
        self.bert, self.config, self.tokens = bert, bert.config, tokens
        self.graph = Graph(precision)
        self.inputs = [self.graph.input(spec) for spec in t5_inputs()]

    def build(self) -> onnx.ModelProto:
        """The model."""
        g, (ids, mask) = self.graph, self.inputs
        self.hidden = g("Unsqueeze", g("Mul", g("Sub", g.constant(1.0), mask), g.constant(HIDDEN)), g.integers(1, 2))
        stored = g.constant(self.bert.embedding.numpy(), g.precision.weights)
        words = g.cast(g("Gather", stored, ids, dtype=g.type_of(stored), axis=0), "float32")
        count = g("Shape", ids, dtype="int64", start=1)
        places = g("Slice", g.constant(self.bert.places[: self.tokens].numpy()), g.integers(0), count, g.integers(0))
        x = self._norm(g("Add", words, places), "embeddings")
        for block in range(self.config.depth):
            layer = f"encoder.layer.{block}"
            mixed = self._attention(x, f"{layer}.attention.self")
            x = self._norm(
                g("Add", x, self._linear(mixed, f"{layer}.attention.output.dense")), f"{layer}.attention.output"
            )
            inner = g.exact_gelu(self._linear(x, f"{layer}.intermediate.dense"))
            x = self._norm(g("Add", x, self._linear(inner, f"{layer}.output.dense")), f"{layer}.output")
        g.name(x, "token_vectors")
        return g.model("text_encoder", t5_outputs(self.config.width))

    def _linear(self, x: str, name: str) -> str:
        """x W^T + b in float32, of a product in the graph's type."""
        g = self.graph
        weight, bias = self.bert.pair(name)
        stored = g.constant(weight.T.numpy(), g.precision.weights)
        product = g("MatMul", g.cast(x, g.type_of(stored)), stored)
        return g("Add", g.cast(product, "float32"), g.constant(bias.numpy()))

    def _norm(self, x: str, name: str) -> str:
        weight, bias = self.bert.pair(f"{name}.LayerNorm")
        return self.graph.norm(x, weight.numpy(), bias.numpy(), self.config.epsilon)

    def _attention(self, x: str, name: str) -> str:
        g, config = self.graph, self.config
        width = config.width // config.heads
        split = g.integers(0, 0, config.heads, width)

        def by_head(part: str, perm: list[int]) -> str:
            return g("Transpose", g("Reshape", self._linear(x, f"{name}.{part}"), split), perm=perm)

        scores = g("MatMul", by_head("query", [0, 2, 1, 3]), by_head("key", [0, 2, 3, 1]))
        scores = g("Add", g("Mul", scores, g.constant(width**-0.5)), self.hidden)
        mixed = g("MatMul", g("Softmax", scores, axis=-1), by_head("value", [0, 2, 1, 3]))
        return g("Reshape", g("Transpose", mixed, perm=[0, 2, 1, 3]), g.integers(0, 0, config.width))
