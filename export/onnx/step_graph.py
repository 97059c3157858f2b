"""`step.onnx`: one denoising step, and only what depends on the step.

Rows of a matrix are frames of all motions, one after the other.  The residual stream, LayerNorm, GELU, rotary
positions, softmax, and the layers at both ends are float32; linear layers and attention's products have the graph's
precision.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from genmo.export.onnx.constant_folding import FoldedStep, Head, Mlp, Module, Norm, SelfAttention, TextAttention
from genmo.export.onnx.onnx_builder import FP32, Graph, Linear, Precision
from genmo.runtime.denoiser import residual_gain
from genmo.runtime.denoiser.sampler import Update, timesteps_of, updates
from genmo.runtime.denoiser.signature import outputs, sampler_inputs, sampler_outputs, step_inputs
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.motion.layout import SIXD
from genmo.runtime.support.arrays import Array
from genmo.train.network.attention import ROPE_BASE

CROSSOVER = 240
"""frames up to which self-attention is one block, dense; there both cost the same (`base`, ONNX Runtime)"""
HIDDEN = -1e9
END = 2**31 - 1
"""the end of a slice that goes on to the last row; libraries of games count in 32 bits"""


class StepGraph:
    """Builds the graph of a folded step.

    Without `texts` it has no text inputs.  With `texts_for_all` its `prompted` motions must be all of the batch, and
    then no tensor inside is ever empty.
    """

    def __init__(
        self,
        step: FoldedStep,
        precision: Precision,
        texts: bool = True,
        texts_for_all: bool = False,
        crossover: int = CROSSOVER,
    ) -> None:
        self.step, self.config, self.graph, self.texts = step, step.config, Graph(precision), texts
        self.texts_for_all = texts_for_all
        self.exact = False
        self.head_width = self.config.width // self.config.heads
        self.inputs = {
            spec.name: self.graph.input(spec) for spec in self._specs() if texts or not spec.name.startswith("text_")
        }
        self._sizes()
        self._rotary()
        self._window(max(crossover, 3 * self.config.window // 2))
        if texts:
            self._reach()

    def build(self) -> onnx.ModelProto:
        """The model."""
        g = self.graph
        timestep, x_t = self.inputs["timestep"], self.inputs["x_t"]
        time = g("Gather", g.constant(self.step.time), timestep, axis=0)
        x = self._body(x_t, g("Unsqueeze", time, g.integers(1)))

        def level(table: Array) -> str:
            return g("Unsqueeze", g("Gather", g.constant(table), timestep, axis=0), g.integers(1, 2))

        for name in self.step.heads:
            g.name(self._answer(name, x, x_t, level), name)
        return g.model("step", outputs(self.config))

    def _specs(self) -> tuple[TensorSpec, ...]:
        return step_inputs(self.config)

    def _body(self, x_t: str, time: str) -> str:
        """What the heads read [rows, width], of x_t [batch, frames, features] and `time` [batch or 1, 1, width]."""
        x = self._tokens(x_t, time)
        for index, module in enumerate(self.step.modules):
            self.exact = index < min(self.graph.precision.exact_modules, self.config.depth - 1)
            if self.config.block_order == "paper":
                x = self._text_block(self._rope_block(x, module), module, index)
            else:
                x = self._rope_block(self._text_block(x, module, index), module)
        return x if self.step.norm is None else self._norm(x, self.step.norm)

    def _rope_block(self, x: str, module: Module) -> str:
        return self._mlp(self._self_attention(x, module.attention), module.attention_mlp)

    def _text_block(self, x: str, module: Module, index: int) -> str:
        if module.text is None:
            return x
        attention, mlp = module.text
        return self._mlp(self._text_attention(x, attention, index), mlp)

    def _head(self, x: str, head: Head) -> str:
        """[batch, frames, channels]"""
        g = self.graph
        hidden = g.linear(x, head.first, exact=True)
        y = g.linear(g.exact_gelu(hidden) if head.exact_gelu else g.gelu(hidden), head.second, exact=True)
        y = g("Reshape", y, g("Concat", self.batch, self.frames, g.integers(-1), axis=0))
        width, averaged = head.second.weight.shape[1], head.averaged
        if averaged is not None:
            sizes = g.integers(averaged.start, averaged.stop - averaged.start, width - averaged.stop)
            before, same, after = g.split("Split", y, sizes, outputs=3, axis=2)
            same = g("Expand", g("ReduceMean", same, g.integers(1)), g("Shape", same, dtype="int64"))
            y = g("Concat", before, same, after, axis=2)
        if head.smallest is not None:
            y = g("Max", y, g.constant([head.smallest] + [-1e30] * (width - 1)))
        return y

    def _answer(self, name: str, x: str, x_t: str, level: Callable[[Array], str]) -> str:
        """The output `name` [batch, frames, channels] of the last rows x; `level` gives a table [1000] at the timestep
        of x_t, [batch or 1, 1, 1]."""
        y, head = self._head(x, self.step.heads[name]), self.step.innovation
        return y if name != "x_0" or head is None else self._corrected(y, x_t, self._head(x, head), level)

    def _corrected(self, x_0: str, x_t: str, log_variance: str, level: Callable[[Array], str]) -> str:
        """x_0, float32, with what x_t shows of the joints' turns and the network missed: `denoiser.innovation`."""
        g, layout = self.graph, self.config.motion_layout
        block = residual_gain.turns(layout)
        sizes = g.integers(block.start, block.stop - block.start, layout.width - block.stop)
        before, turns, after = g.split("Split", x_0, sizes, outputs=3, axis=2)
        noisy = g("Slice", x_t, g.integers(block.start), g.integers(block.stop), g.integers(2))
        root = level(residual_gain.roots())
        missed = self._smoothed(g("Sub", noisy, g("Mul", root, turns)))
        ratio = g("Mul", g("Exp", log_variance), level(residual_gain.trusts()))
        gain = g("Div", ratio, g("Add", g.constant(1.0), g("Mul", ratio, root)))
        by_joint = g("Mul", g("Reshape", missed, g.integers(0, 0, -1, SIXD)), g("Unsqueeze", gain, g.integers(3)))
        turns = g("Add", turns, g("Reshape", by_joint, g.integers(0, 0, -1)))
        return g("Concat", before, turns, after, axis=2)

    def _smoothed(self, values: str) -> str:
        """[batch, frames, channels] through the innovation's Gaussian over time, the ends repeated."""
        g, reach = self.graph, residual_gain.REACH
        by_channel = g("Transpose", values, perm=[0, 2, 1])
        padded = g("Pad", by_channel, g.integers(0, 0, reach, 0, 0, reach), mode="edge")
        kernel = g.constant(residual_gain.kernel()[None, None, None])
        smooth = g("Conv", g("Unsqueeze", padded, g.integers(1)), kernel)
        return g("Transpose", g("Squeeze", smooth, g.integers(1)), perm=[0, 2, 1])

    def _sizes(self) -> None:
        g = self.graph
        shape = g("Shape", self.inputs["fused"], dtype="int64")
        self.batch = g("Slice", shape, g.integers(0), g.integers(1), g.integers(0))
        self.frames = g("Slice", shape, g.integers(1), g.integers(2), g.integers(0))
        self.count = g("Squeeze", self.frames, g.integers(0))

    def _range(self, count: str) -> str:
        g = self.graph
        return g("Range", g.constant(0, "int64"), count, g.constant(1, "int64"))

    def _rotary(self) -> None:
        """Cosines and sines [frames, width], the same for every head of queries and keys."""
        g = self.graph
        exponent = np.arange(0, self.head_width, 2) / self.head_width
        position = g("Unsqueeze", g.cast(self._range(self.count), "float32"), g.integers(1))
        angle = g("Mul", position, g.constant((ROPE_BASE**-exponent)[None]))
        repeat = g.integers(1, 2 * self.config.heads)
        self.cos, self.sin = (g("Tile", g(kind, angle), repeat) for kind in ("Cos", "Sin"))

    def _window(self, crossover: int) -> None:
        """Rows of the queries [blocks, size] and keys [blocks, stretch] of every block and what is added to their
        scores [blocks, size, stretch].  Up to the crossover there is one block of all frames; beyond it blocks of W/2
        queries against 3W/2 keys (kernels/README.md)."""
        g, window, n = self.graph, self.config.window, self.count
        one, half = g.constant(1, "int64"), g.constant(window // 2, "int64")
        zero, full = g.constant(0, "int64"), g.constant(window, "int64")
        dense = g("LessOrEqual", n, g.constant(crossover, "int64"), dtype="bool")
        # Min and the count of one block say nothing new to us; TensorRT bounds its memory by them
        small = g("Min", n, g.constant(crossover, "int64"), dtype="int64")
        size = g("Where", dense, small, half, dtype="int64")
        stretch = g("Where", dense, small, g.constant(3 * window // 2, "int64"), dtype="int64")
        blocks = g("Where", dense, one, g("Div", g("Sub", g("Add", n, half), one), half), dtype="int64")
        begin = g("Mul", self._range(blocks), size)  # [blocks]
        row = g("Add", g("Unsqueeze", begin, g.integers(1)), self._range(size))
        self.query_rows = g("Min", row, g("Sub", n, one))
        first = g("Min", g("Max", g("Sub", begin, half), zero), g("Sub", n, stretch))
        self.key_rows = g("Add", g("Unsqueeze", first, g.integers(1)), self._range(stretch))
        start = g("Min", g("Max", g("Sub", self.query_rows, half), zero), g("Max", g("Sub", n, full), zero))
        start = g("Unsqueeze", start, g.integers(2))
        key = g("Unsqueeze", self.key_rows, g.integers(1))
        inside = g(
            "And",
            g("GreaterOrEqual", key, start, dtype="bool"),
            g("Less", key, g("Add", start, full), dtype="bool"),
        )
        self.mask = g("Where", inside, g.constant(0.0), g.constant(HIDDEN), dtype="float32")

    def _reach(self) -> None:
        """Where texts act: reach [prompted, 1, frames, texts, 1] (0 or 1), and frames under none [rows, 1]."""
        g = self.graph
        spans = g("Unsqueeze", self.inputs["text_reach"], g.integers(1))  # [prompted, 1, texts, 2]
        start, end = g.split("Split", spans, outputs=2, axis=3, num_outputs=2)
        frame = g("Unsqueeze", self._range(self.count), g.integers(1, 2))
        inside = g(
            "And", g("GreaterOrEqual", frame, start, dtype="bool"), g("Less", frame, end, dtype="bool")
        )  # [prompted, frames, texts, 1]
        reach = g.cast(inside, "float32")
        alone = g("Sub", g.constant(1.0), g("ReduceMax", reach, g.integers(2, 3), keepdims=0))
        shape = g("Shape", self.inputs["text_bias"], dtype="int64")
        prompted = g("Slice", shape, g.integers(0), g.integers(1), g.integers(0))
        self.reach = g("Unsqueeze", reach, g.integers(1))
        self.text_rows = g("Mul", prompted, self.frames)
        column = g("Concat", self.text_rows, g.integers(1), axis=0)
        self.alone = g("Reshape", alone, column)
        self.texts_a_row = g("Reshape", g("ReduceSum", reach, g.integers(2, 3), keepdims=0), column)
        heads, width = g.integers(self.config.heads), g.integers(self.head_width)
        self.query_shape = g("Concat", prompted, self.frames, heads, width, axis=0)
        texts = g("Slice", shape, g.integers(1), g.integers(3), g.integers(0))
        self.score_shape = g("Concat", prompted, heads, self.frames, texts, axis=0)
        words = g("ReduceProd", texts, keepdims=1)
        self.weight_shape = g("Concat", prompted, heads, self.frames, words, axis=0)
        self.mixed_shape = g("Concat", self.text_rows, g.integers(self.config.width), axis=0)
        self.bias = g("Unsqueeze", self.inputs["text_bias"], g.integers(1, 2))

    def _tokens(self, x_t: str, time: str) -> str:
        """[rows, width]"""
        g = self.graph
        fused = g("Add", self.inputs["fused"], time)
        x_t = g("Reshape", x_t, g.integers(-1, self.config.motion_layout.width))
        flat = g("Reshape", fused, g.integers(-1, self.config.width))
        return g("Add", flat, g("MatMul", x_t, g.constant(self.step.motion_in)))

    def _linear(self, x: str, layer: Linear) -> str:
        """A layer of the module that is being written."""
        return self.graph.linear(x, layer, self.exact)

    def _norm(self, x: str, norm: Norm) -> str:
        return self.graph.norm(x, norm.weight, norm.bias, norm.epsilon)

    def _mlp(self, x: str, mlp: Mlp) -> str:
        g = self.graph
        hidden = g.gelu(self._linear(self._norm(x, mlp.norm), mlp.first))
        return g("Add", x, g.cast(self._linear(hidden, mlp.second), "float32"))

    def _turned(self, a: str, b: str) -> tuple[str, str]:
        """Rotary halves [batch, frames, width] turned by their frame's angle."""
        g = self.graph
        return (
            g("Sub", g("Mul", a, self.cos), g("Mul", b, self.sin)),
            g("Add", g("Mul", a, self.sin), g("Mul", b, self.cos)),
        )

    def _self_attention(self, x: str, attention: SelfAttention) -> str:
        g, heads, width = self.graph, self.config.heads, self.config.width
        qkv = self._linear(self._norm(x, attention.norm), attention.qkv)
        by_frame = g("Concat", self.batch, self.frames, g.integers(width), axis=0)
        a, b, v = (g("Reshape", matrix, by_frame) for matrix in g.split("Split", qkv, outputs=3, axis=1, num_outputs=3))
        halves = self._turned(g.cast(a, "float32"), g.cast(b, "float32"))
        both = g(
            "Concat",
            *(g("Reshape", g.factor(h), g.integers(0, 0, 2 * heads, self.head_width // 2)) for h in halves),
            axis=3,
        )
        q, k = g.split("Split", g("Transpose", both, perm=[0, 2, 1, 3]), outputs=2, axis=1, num_outputs=2)
        v = g("Transpose", g("Reshape", g.factor(v), g.integers(0, 0, heads, self.head_width)), perm=[0, 2, 1, 3])
        q = g("Gather", q, self.query_rows, axis=2)  # [batch, heads, blocks, size, head_width]
        k, v = g("Gather", k, self.key_rows, axis=2), g("Gather", v, self.key_rows, axis=2)
        scores = g("MatMul", q, g("Transpose", k, perm=[0, 1, 2, 4, 3]))
        weights = g("Softmax", g("Add", g.cast(scores, "float32"), self.mask), axis=-1)
        mixed = g("Transpose", g("MatMul", g.factor(weights), v), perm=[0, 2, 3, 1, 4])
        mixed = g("Reshape", mixed, g("Concat", self.batch, g.integers(-1, width), axis=0))
        mixed = g("Slice", mixed, g.integers(0), self.frames, g.integers(1))
        out = self._linear(g("Reshape", mixed, g.integers(-1, width)), attention.out)
        return g("Add", x, g.cast(out, "float32"))

    def _text_attention(self, x: str, text: TextAttention, index: int) -> str:
        """The motions under texts attend to them; what the others get is a constant."""
        g = self.graph
        if text.null is None or (self.texts and self.texts_for_all):
            return g("Add", x, self._texts(x, text, index))
        silent = g.constant(text.null.astype(np.float64) @ text.out.weight + text.out.bias)
        if not self.texts:
            return g("Add", x, silent)
        under = g("Slice", x, g.integers(0), self.text_rows, g.integers(0))
        rest = g("Slice", x, self.text_rows, g.integers(END), g.integers(0))
        return g("Concat", g("Add", under, self._texts(under, text, index)), g("Add", rest, silent), axis=0)

    def _texts(self, x: str, text: TextAttention, index: int) -> str:
        """What rows [rows of `prompted` motions, width] read in their texts: a softmax a text, summed."""
        g = self.graph
        q = self._linear(self._norm(x, text.norm), text.q)
        q = g("Transpose", g("Reshape", g.factor(q), self.query_shape), perm=[0, 2, 1, 3])
        keys, values = (g.factor(self.inputs[f"text_{kind}_{index}"]) for kind in ("keys", "values"))
        scores = g("Reshape", g.cast(g("MatMul", q, keys), "float32"), self.score_shape)
        weights = g("Mul", g("Softmax", g("Add", scores, self.bias), axis=-1), self.reach)
        mixed = g("MatMul", g.factor(g("Reshape", weights, self.weight_shape)), values)
        mixed = g("Reshape", g("Transpose", mixed, perm=[0, 2, 1, 3]), self.mixed_shape)
        if text.null is not None:
            mixed = g("Add", g.cast(mixed, "float32"), g("Mul", self.alone, g.constant(text.null[None])))
        if not text.bias_per_text:
            return g.cast(self._linear(mixed, text.out), "float32")
        read = g.cast(self._linear(mixed, Linear(text.out.weight, np.zeros_like(text.out.bias))), "float32")
        return g("Add", read, g("Mul", self.texts_a_row, g.constant(text.out.bias[None])))


class SamplerGraph(StepGraph):
    """Builds the guided sampler as one graph: its steps one after the other, on the same weights.

    The first half of `fused` has the conditions, the second the same motions without what guidance acts on
    (`genmo.runtime.denoiser.sampler`, of which this is the arithmetic).
    """

    def _specs(self) -> tuple[TensorSpec, ...]:
        return sampler_inputs(self.config)

    def build_sampler(self, steps: int) -> onnx.ModelProto:
        """The model of `steps` steps.  Raises InputError for a number of steps that the schedule does not have."""
        g, x_t = self.graph, self.inputs["noise"]
        timesteps, before = timesteps_of(steps, self.config.conventions), ""
        for timestep, update in zip(timesteps, updates(timesteps, self.config.conventions), strict=True):
            both = g("Concat", x_t, x_t, axis=0)
            x = self._body(both, g.constant(self.step.time[timestep][None, None]))
            x_0 = self._guided(self._answer("x_0", x, both, self._known(timestep)))
            x_t, before = self._next(x_t, x_0, before, update), x_0
        g.name(x_t, "x_0")
        for name in self.step.heads:
            if name != "x_0":
                g.name(self._guided(self._answer(name, x, both, self._known(timestep))), name)
        return g.model("sampler", sampler_outputs(self.config))

    def _known(self, timestep: int) -> Callable[[Array], str]:
        """A table [1000] at a timestep that is known when the graph is written."""
        return lambda table: self.graph.constant(table[timestep].reshape(1, 1, 1))

    def _guided(self, both: str) -> str:
        """Both halves' answers brought together: [motions, frames, channels]."""
        g = self.graph
        some, none = g.split("Split", both, outputs=2, axis=0, num_outputs=2)
        return g("Add", none, g("Mul", self.inputs["guidance"], g("Sub", some, none)))

    def _next(self, x_t: str, x_0: str, before: str, update: Update) -> str:
        """x at the next timestep, or the sample: `sampler.Update`, without what it does not weigh."""
        g = self.graph
        terms = [(weight, term) for weight, term in zip(update, (x_t, x_0, before), strict=True) if weight]
        first, *more = (term if weight == 1 else g("Mul", g.constant(weight), term) for weight, term in terms)
        for term in more:
            first = g("Add", first, term)
        return first


def step_model(
    step: FoldedStep, precision: Precision = FP32, texts: bool = True, texts_for_all: bool = False
) -> onnx.ModelProto:
    """The step's ONNX model; without `texts` the one for motions that no text reaches."""
    return StepGraph(step, precision, texts, texts_for_all).build()


def sampler_model(
    step: FoldedStep, steps: int, precision: Precision = FP32, texts_for_all: bool = False
) -> onnx.ModelProto:
    """The ONNX model of the whole guided sampler of `steps` steps."""
    return SamplerGraph(step, precision, texts_for_all=texts_for_all).build_sampler(steps)
