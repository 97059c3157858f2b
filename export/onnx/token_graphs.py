"""The three graphs of an engine of motion tokens, computed in float32 (`stored_weights` has how they are stored).

Expert convolutions are folded into one convolution each; what does not depend on the input (codes through their linear
layer, the squares of the codes) is computed here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from torch import Tensor, nn

from genmo.export.onnx.onnx_builder import FP32, Graph, Linear
from genmo.export.onnx.stored_weights import Storage, stored
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.token_bundle import token_signature
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.config import TokenConfig
from genmo.train.network.masked_transformer import UNSEEN, Experts, Layer, MaskedTransformer, Pathways
from genmo.train.network.mevq import Block, ByPart, ExpertConv, Heads, MotionVQ
from genmo.train.network.token_model import TokenModel

HIDDEN = -1e9
"""added to the score of a key that is not there"""


def _numpy(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)


def write_token_graphs(model: TokenModel, folder: Path, storage: Storage) -> dict[str, str]:
    """Write the graphs of a model of stage 3; their file names by their names.

    Raises InputError for gates that depend on the motion, which no one convolution stands for.
    """
    if model.config.gate != "static":
        raise InputError("model.gate is dynamic, for experiments: such experts do not fold; wanted a model with static")
    if model.transformer is None:
        raise InputError("a checkpoint of stage 1, which makes tokens and fills in none; wanted one of stage 2 or 3")
    codes = _numpy(model.vq.codebook.codes)
    made = {
        "encoder": _encoder(model.vq, model.config, storage),
        "decoder": _decoder(model.vq, model.config, storage),
        "tokens": TransformerGraph(model.transformer, codes, model.config, storage.matrices).model(),
    }
    for name, graph in made.items():
        onnx.checker.check_model(graph)
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString(deterministic=True))
    return {name: f"{name}.onnx" for name in TOKEN_GRAPHS}


def _conv(graph: Graph, x: str, layer: nn.Module, kind: str) -> str:
    """A convolution over time of x [batch, channels, frames]; experts are folded."""
    if isinstance(layer, ExpertConv):
        weight, bias = layer.folded()
        stride, around, dilation, groups = 1, weight.shape[-1] // 2, 1, layer.groups
    else:
        assert isinstance(layer, nn.Conv1d) and isinstance(layer.bias, Tensor)
        weight, bias = layer.weight, layer.bias
        stride, around, dilation, groups = layer.stride[0], int(layer.padding[0]), layer.dilation[0], layer.groups
    size: dict[str, Any] = {
        "kernel_shape": [weight.shape[-1]],
        "strides": [stride],
        "dilations": [dilation],
        "pads": [around, around],
        "group": groups,
    }
    return graph("Conv", x, stored(graph, _numpy(weight), kind), graph.constant(_numpy(bias)), **size)


def _convolved(graph: Graph, x: str, layers: nn.Sequential, kind: str) -> str:
    """x [batch, channels, frames] through the layers of an encoder or a decoder."""
    for layer in layers:
        if isinstance(layer, Block):
            inside = x
            for convolution in (*layer.convolutions, layer.experts):
                inside = _conv(graph, graph("Relu", inside), convolution, kind)
            x = graph("Add", x, inside)
        elif isinstance(layer, nn.ReLU):
            x = graph("Relu", x)
        elif isinstance(layer, ByPart):
            nothing = graph("Mul", graph("Slice", x, *(graph.integers(i) for i in (0, 1, 1))), graph.constant(0.0))
            columns = graph.integers(*layer.columns.tolist())
            x = graph("Gather", graph("Concat", x, nothing, axis=1), columns, axis=1)
        elif isinstance(layer, nn.Upsample):  # every frame twice
            one = graph("Unsqueeze", x, graph.integers(-1))
            x = graph("Reshape", graph("Concat", one, one, axis=-1), graph.integers(0, 0, -1))
        elif isinstance(layer, Heads):
            heads = [head for head in (layer.own, layer.shared) if head is not None]
            made = [_convolved(graph, x, head, kind) for head in heads]
            order = graph.integers(*layer.order.tolist())
            x = graph("Gather", graph("Concat", *made, axis=1), order, axis=1) if len(made) > 1 else made[0]
        else:
            x = _conv(graph, x, layer, kind)
    return x


def _encoder(vq: MotionVQ, config: TokenConfig, storage: Storage) -> onnx.ModelProto:
    inputs, outputs = token_signature(config)["encoder"]
    graph = Graph(FP32)
    x = graph("Transpose", graph.input(inputs[0]), perm=[0, 2, 1])
    latents = graph("Transpose", _convolved(graph, x, vq.encoder, storage.convolutions), perm=[0, 2, 1])
    codes = _numpy(vq.codebook.codes)
    latents = graph("Reshape", latents, graph.integers(0, 0, len(codes), 1, config.code_width))
    # the nearest code: |z|^2 is the same for all of them
    distance = graph("MatMul", latents, graph.constant(-2 * codes.transpose(0, 2, 1)))
    distance = graph("Add", distance, graph.constant((codes**2).sum(axis=-1)[:, None]))
    nearest = graph("ArgMin", distance, dtype="int64", axis=-1, keepdims=0)
    graph.output(graph("Squeeze", nearest, graph.integers(-1), dtype="int64"), "ids")
    return graph.model("encoder", outputs)


def _by_part(graph: Graph, ids: str, table: Array, kind: str) -> str:
    """Rows of a table [parts, ids, width] by ids [..., parts]: [..., parts, width]."""
    parts, count, width = table.shape
    first = graph.constant(count * np.arange(parts), "int64")
    return graph(
        "Gather", stored(graph, table.reshape(-1, width), kind, 0), graph("Add", ids, first, dtype="int64"), axis=0
    )


def _decoder(vq: MotionVQ, config: TokenConfig, storage: Storage) -> onnx.ModelProto:
    inputs, outputs = token_signature(config)["decoder"]
    graph = Graph(FP32)
    ids, shares = map(graph.input, inputs)
    # [batch, tokens, candidates, parts, width], summed over the candidates
    codes = _by_part(graph, graph("Transpose", ids, perm=[0, 1, 3, 2]), _numpy(vq.codebook.codes), storage.convolutions)
    weights = graph("Unsqueeze", graph("Transpose", shares, perm=[0, 1, 3, 2]), graph.integers(-1))
    mixed = graph("ReduceSum", graph("Mul", codes, weights), graph.integers(2), keepdims=0)
    latents = graph("Reshape", mixed, graph.integers(0, 0, len(config.part_names) * config.code_width))
    x = graph("Transpose", latents, perm=[0, 2, 1])
    graph.output(graph("Transpose", _convolved(graph, x, vq.decoder, storage.convolutions), perm=[0, 2, 1]), "features")
    return graph.model("decoder", outputs)


class TransformerGraph:
    """`tokens.onnx` under construction; see `MaskedTransformer`, whose names it has."""

    def __init__(self, network: MaskedTransformer, codes: Array, config: TokenConfig, kind: str) -> None:
        """`kind`: how matrices are stored, of `Storage`."""
        self.network, self.codes, self.config, self.kind = network, codes, config, kind
        self.graph = Graph(FP32)

    def model(self) -> onnx.ModelProto:
        """The whole graph."""
        g, n, c = self.graph, self.network, self.config
        inputs, outputs = token_signature(c)["tokens"]
        ids, texts, mask, mixture = map(g.input, inputs)
        weight = _numpy(n.motion_in.weight).T.reshape(len(self.codes), c.code_width, c.width)
        table = np.concatenate([self.codes, _numpy(n.specials)], axis=1) @ weight
        motion = self._sum(_by_part(g, ids, table, self.kind), 2)
        motion = g("Add", motion, g.constant(_numpy(n.motion_in.bias) + _numpy(n.segments)[3]))
        motion = g("Add", motion, self._positions(ids))
        front, there = self._front(motion, ids, texts, mask)
        one = g("Squeeze", g("Slice", ids, *(g.integers(i) for i in (0, 1, 2)), dtype="int64"), g.integers(2),
                dtype="int64")  # fmt: skip
        valid = g.cast(g("Not", g("Equal", one, g.constant(c.pad_id, "int64"), dtype="bool")), "float32")
        x = g("Concat", front, motion, axis=1)
        keys = g("Sub", g("Concat", there, valid, axis=1), g.constant(1.0))
        keys = g("Unsqueeze", g("Mul", keys, g.constant(-HIDDEN)), g.integers(1, 2))
        sizes = g("Concat", self._size(front, 1), self._size(motion, 1), axis=0)
        for layer in n.layers:
            x = self._layer(x, keys, sizes, layer)
        places = g.split("Split", x, sizes, outputs=2, axis=1)[1]
        logits = g("MatMul", self._norm(places, n.norm), stored(g, _numpy(n.head.weight).T, self.kind))
        self._outputs(logits, mixture)
        return g.model("tokens", outputs)

    def _outputs(self, logits: str, mixture: str) -> None:
        """The likeliest codes of the mixed logits, and the sum over all."""
        g, c = self.graph, self.config
        places = self._size(logits, 1)
        flat = g("Reshape", logits, g("Concat", self._size(logits, 0), g.integers(-1), axis=0))
        shape = g("Concat", g.integers(-1), places, g.integers(len(c.part_names), c.codes), axis=0)
        mixed = g("Reshape", g("MatMul", mixture, flat), shape)
        count = token_signature(c)["tokens"][1][0].axes[-1]
        assert isinstance(count, int)
        best, codes = g.split("TopK", mixed, g.integers(count), outputs=2, axis=-1)
        g.output(best, "logits")
        g.output(codes, "codes")
        g.output(g("ReduceLogSumExp", mixed, g.integers(-1), keepdims=0), "total")

    def _size(self, x: str, axis: int) -> str:
        """The length of an axis, int64 [1]."""
        return self.graph("Shape", x, dtype="int64", start=axis, end=axis + 1)

    def _positions(self, x: str) -> str:
        """Sines and cosines [places, width] of the places along axis 1 of x."""
        g, width = self.graph, self.config.width
        count = g("Squeeze", self._size(x, 1), g.integers(0))
        place = g("Range", g.constant(0, "int64"), count, g.constant(1, "int64"))
        rate = np.exp(-math.log(10000.0) * np.arange(0, width, 2, dtype=np.float32) / np.float32(width))
        angle = g("Mul", g("Unsqueeze", g.cast(place, "float32"), g.integers(1)), g.constant(rate))
        waves = [g("Unsqueeze", g(kind, angle), g.integers(-1)) for kind in ("Sin", "Cos")]
        return g("Reshape", g("Concat", *waves, axis=-1), g.integers(0, width))

    def _front(self, motion: str, ids: str, texts: str, mask: str) -> tuple[str, str]:
        """What stands before the motion, and which of it is there, 1 or 0."""
        g, n, c = self.graph, self.network, self.config
        first, last = g.integers(0), g.integers(2**31)
        one, axis = g.integers(1), g.integers(1)
        told = g("Greater", g("Slice", mask, first, one, axis), g.constant(0.0), dtype="bool")
        words_mask = g("Slice", mask, one, last, axis)
        rows = g("Slice", texts, one, last, axis)
        words = self._linear(rows, n.word_in)
        segments, no_text = _numpy(n.segments), _numpy(n.no_text)
        whole = self._linear(g("Squeeze", g("Slice", texts, first, one, axis), axis), n.text_in)
        whole = g("Add", g("Where", told, whole, g.constant(no_text[0]), dtype="float32"), g.constant(segments[0]))
        spoken = g("Greater", self._sum(words_mask, 1, keep=1), g.constant(0.0), dtype="bool")
        spoken = g("And", told, spoken)
        nothing = g.constant(no_text[1])
        context = (
            self._expanded(nothing, whole) if c.context == "none" else self._context(motion, ids, words, words_mask)
        )
        context = g("Add", g("Where", spoken, context, nothing, dtype="float32"), g.constant(segments[1]))
        placed = g("Add", g("Add", words, self._positions(words)), g.constant(segments[2]))
        front = g("Concat", *(g("Unsqueeze", x, axis) for x in (whole, context)), placed, axis=1)
        always = g("Expand", g.constant([[1.0, 1.0]]), g("Concat", self._size(mask, 0), g.integers(2), axis=0))
        there = g.cast(g("Greater", words_mask, g.constant(0.0), dtype="bool"), "float32")
        return front, g("Concat", always, there, axis=1)

    def _expanded(self, row: str, like: str) -> str:
        return self.graph("Expand", row, self.graph("Shape", like, dtype="int64"))

    def _context(self, motion: str, ids: str, words: str, mask: str) -> str:
        """The motion descriptor's token [inputs, width]; see `MaskedTransformer.descriptor`."""
        g, c = self.graph, self.config
        scores = g("MatMul", motion, g("Transpose", words, perm=[0, 2, 1]))
        scores = g("Mul", scores, g.constant(1 / math.sqrt(c.width)))
        there = g.cast(g("Less", ids, g.constant(c.mask_id, "int64"), dtype="bool"), "float32")
        unseen = g.cast(g("Equal", ids, g.constant(c.mask_id, "int64"), dtype="bool"), "float32")
        weight = g("Add", there, g("Mul", unseen, g.constant(UNSEEN)))
        weight = g("Div", self._sum(weight, 2, keep=1), g.constant(float(len(c.part_names))))
        if c.context == "text":
            hidden = g("Mul", g("Sub", g("Unsqueeze", mask, g.integers(1)), g.constant(1.0)), g.constant(1e4))
            response = g("MatMul", g("Softmax", g("Add", scores, hidden), axis=-1), words)
            return g("Div", self._sum(g("Mul", response, weight), 1), self._sum(weight, 1))
        seen = g("Max", g("Log", g("Max", weight, g.constant(1e-30))), g.constant(-1e4))
        shares = g("Transpose", g("Softmax", g("Add", scores, seen), axis=1), perm=[0, 2, 1])
        response = g("Mul", g("MatMul", shares, motion), g("Unsqueeze", mask, g.integers(2)))
        count = g("Max", self._sum(mask, 1, keep=1), g.constant(1.0))
        return g("Div", self._sum(response, 1), count)

    def _layer(self, x: str, keys: str, sizes: str, layer: Layer) -> str:
        g = self.graph
        heads = g.integers(0, 0, 3, layer.heads, self.config.width // layer.heads)
        every = g("Reshape", self._linear(self._norm(x, layer.before_attention), layer.qkv), heads)
        parts = g.split("Split", g("Transpose", every, perm=[2, 0, 3, 1, 4]), outputs=3, axis=0, num_outputs=3)
        q, k, v = (g("Squeeze", part, g.integers(0)) for part in parts)
        scale = g.constant(1 / math.sqrt(self.config.width // layer.heads))
        scores = g("MatMul", g("Mul", q, scale), g("Transpose", k, perm=[0, 1, 3, 2]))
        seen = g("MatMul", g("Softmax", g("Add", scores, keys), axis=-1), v)
        seen = g("Reshape", g("Transpose", seen, perm=[0, 2, 1, 3]), g.integers(0, 0, self.config.width))
        x = g("Add", x, self._linear(seen, layer.out))
        inside = self._norm(x, layer.before_network)
        if layer.pathways is not None:
            return g("Add", x, self._pathways(inside, sizes, layer.pathways))
        assert layer.network is not None
        first, _, last = layer.network
        return g("Add", x, self._linear(g.exact_gelu(self._linear(inside, first)), last))

    def _pathways(self, x: str, sizes: str, paths: Pathways) -> str:
        """Equation 7; each pathway is projected by its columns alone, so nothing is padded with zeros."""
        g, d = self.graph, self.config.width
        text, motion = g.split("Split", x, sizes, outputs=2, axis=1)
        weight = _numpy(paths.project.weight).T
        parts = [Linear(weight[i * d : (i + 1) * d], np.zeros(d, np.float32)) for i in range(3)]
        own = [
            self._product(self._experts(tokens, experts), part)
            for tokens, experts, part in ((text, paths.text, parts[1]), (motion, paths.motion, parts[0]))
        ]
        cross = self._product(self._experts(x, paths.cross), Linear(parts[2].weight, _numpy(paths.project.bias)))
        return g("Add", g("Concat", *own, axis=1), cross)

    def _experts(self, x: str, experts: Experts) -> str:
        """Equations 5 and 6."""
        g, count = self.graph, experts.bias.shape[0]
        shares = g("Softmax", self._linear(x, experts.gate), axis=-1)
        spread = np.repeat(np.eye(count, dtype=np.float32), experts.each, axis=1)
        hidden = g.exact_gelu(self._linear(x, experts.inner))
        hidden = g("Mul", hidden, g("MatMul", shares, g.constant(spread)))
        made = g("MatMul", hidden, stored(g, _numpy(experts.outer.weight).T, self.kind))
        return g("Add", made, g("MatMul", shares, g.constant(_numpy(experts.bias))))

    def _linear(self, x: str, layer: Any) -> str:
        return self._product(x, Linear(_numpy(layer.weight).T, _numpy(layer.bias)))

    def _product(self, x: str, layer: Linear) -> str:
        g = self.graph
        return g("Add", g("MatMul", x, stored(g, layer.weight, self.kind)), g.constant(layer.bias))

    def _norm(self, x: str, layer: nn.LayerNorm) -> str:
        return self.graph.norm(x, _numpy(layer.weight), _numpy(layer.bias), layer.eps)

    def _sum(self, x: str, axis: int, keep: int = 0) -> str:
        return self.graph("ReduceSum", x, self.graph.integers(axis), keepdims=keep)
