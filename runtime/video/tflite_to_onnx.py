"""`.tflite` graphs as ONNX: the operators of small convolutional networks.

Images are [batch, height, width, channels] in TensorFlow Lite and [batch, channels, height, width] in ONNX; values of
four dimensions are transposed once, at the graph's input and before what depends on the order.  float16 constants stay
float16 in the file and are cast when it is loaded.  Operators that no wanted output needs are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.onnx_writer import Attribute, OnnxGraph
from genmo.runtime.video.tflite import Operator, Tensor, TfliteGraph

OPSET = 17
_SAME = 0
"""Padding of TensorFlow Lite: SAME 0, VALID 1."""
_ACTIVATIONS = {1: "Relu", 3: "Clip"}
_TO_CHANNELS_FIRST = (0, 3, 1, 2)
_TO_CHANNELS_LAST = (0, 2, 3, 1)


def onnx_of(graph: TfliteGraph, outputs: Mapping[str, int], properties: Mapping[str, str]) -> bytes:
    """The ONNX file of a graph of one image [1, height, width, channels] float32, which becomes `image` [1, channels,
    height, width].

    `outputs`: name -> which of the graph's outputs; of four dimensions they come with the channels first.
    Raises InputError for operators, types and shapes that are not converted.
    """
    if len(graph.inputs) != 1 or len(graph.tensors[graph.inputs[0]].shape) != 4:
        raise InputError(f"{graph.source}: {len(graph.inputs)} inputs; wanted a network of one image")
    if not all(0 <= number < len(graph.outputs) for number in outputs.values()):
        raise InputError(f"{graph.source}: {len(graph.outputs)} outputs; wanted at least {max(outputs.values()) + 1}")
    conversion = _Conversion(graph)
    chosen = {name: graph.outputs[number] for name, number in outputs.items()}
    for operator in _needed(graph, set(chosen.values())):
        conversion.convert(operator)
    for name, number in chosen.items():
        conversion.output(name, number)
    return conversion.onnx.model(OPSET, properties)


def _needed(graph: TfliteGraph, wanted: set[int]) -> list[Operator]:
    """The operators that the tensors `wanted` depend on, in order."""
    kept, wanted = [], set(wanted)
    for operator in reversed(graph.operators):
        if wanted & set(operator.outputs):
            kept.append(operator)
            wanted |= set(operator.inputs)
    return kept[::-1]


class _Conversion:
    """The ONNX graph so far."""

    def __init__(self, graph: TfliteGraph) -> None:
        self.graph = graph
        self.onnx = OnnxGraph("tflite")
        self._values: dict[int, str] = {graph.inputs[0]: "image"}
        """tensor -> ONNX value"""
        self._constants: dict[int, Tensor] = {}
        """tensors that follow from constants alone"""
        image = graph.tensors[graph.inputs[0]]
        if image.dtype != np.float32:
            raise self._error(f"its image is {image.dtype}; wanted float32")
        self.onnx.inputs.append(("image", _channels_first(image.shape)))

    def _error(self, what: str) -> InputError:
        return InputError(f"{self.graph.source}: cannot be converted: {what}")

    def convert(self, operator: Operator) -> None:
        """Append one operator.  Raises InputError for one that is not known."""
        handler = _HANDLERS.get(operator.kind)
        if handler is None or not operator.inputs or len(operator.outputs) != 1:
            raise self._error(f"{operator.kind} of {len(operator.inputs)} inputs is not known")
        handler(self, operator)

    def output(self, name: str, number: int) -> None:
        """Name a tensor as an output of the graph."""
        tensor = self.graph.tensors[number]
        self.onnx.node("Identity", [self.value(number)], name)
        self.onnx.outputs.append((name, _channels_first(tensor.shape) if len(tensor.shape) == 4 else tensor.shape))

    # --- values ---

    def tensor(self, operator: Operator, index: int) -> Tensor:
        """An input of an operator.  Raises InputError where it has fewer."""
        if index >= len(operator.inputs) or operator.inputs[index] < 0:
            raise self._error(f"{operator.kind} lacks its input {index}")
        number = operator.inputs[index]
        return self._constants.get(number, self.graph.tensors[number])

    def constant(self, operator: Operator, index: int) -> Tensor:
        """An input that is a constant.  Raises InputError where it is not."""
        tensor = self.tensor(operator, index)
        if tensor.data is None:
            raise self._error(f"{operator.kind} with computed weights")
        return tensor

    def value(self, number: int) -> str:
        """The ONNX value of a computed tensor.  Raises InputError for one that nothing computes."""
        if number not in self._values:
            raise self._error("a tensor is used before it is computed")
        return self._values[number]

    def input(self, operator: Operator, index: int = 0, rank: int | None = None) -> str:
        """The ONNX value of a computed input."""
        if rank is not None and len(self.tensor(operator, index).shape) != rank:
            raise self._error(f"{operator.kind} of {len(self.tensor(operator, index).shape)} dimensions")
        return self.value(operator.inputs[index])

    def name(self, suffix: str) -> str:
        """A new name."""
        return f"v{len(self.onnx.nodes)}_{suffix}"

    def weights(self, tensor: Tensor, axes: tuple[int, ...] | None, shape: tuple[int, ...] | None = None) -> str:
        """A constant as float32, transposed and reshaped."""
        assert tensor.data is not None
        data = tensor.data if axes is None else tensor.data.transpose(axes)
        data = data if shape is None else data.reshape(shape)
        name = self.onnx.constant(self.name(f"c{len(self.onnx.initializers)}"), data)
        if data.dtype == np.float32:
            return name
        if data.dtype != np.float16:
            raise self._error(f"weights of type {data.dtype}")
        return self.onnx.node("Cast", [name], self.name("cast"), to=1)

    def integers(self, values: tuple[int, ...]) -> str:
        """A constant of int64."""
        return self.onnx.constant(self.name(f"i{len(self.onnx.initializers)}"), np.array(values, np.int64))

    def transposed(self, value: str, axes: tuple[int, ...]) -> str:
        return self.onnx.node("Transpose", [value], self.name("t"), perm=axes)

    def finish(self, operator: Operator, value: str) -> None:
        """Take `value`, after the activation of the operator, for its output."""
        kind = operator.options.get("activation", 0)
        if kind and kind not in _ACTIVATIONS:
            raise self._error(f"{operator.kind} with activation {kind}")
        if kind:
            value = self._activated(_ACTIVATIONS[kind], value)
        self._values[operator.outputs[0]] = value

    def _activated(self, kind: str, value: str) -> str:
        inputs = [value]
        if kind == "Clip":
            inputs += [self.onnx.constant(self.name(f"b{bound}"), np.array(bound, np.float32)) for bound in (0, 6)]
        return self.onnx.node(kind, inputs, self.name("act"))

    # --- operators ---

    def unpacked(self, operator: Operator) -> None:
        """DEQUANTIZE of float16 and DENSIFY: of a constant, the constant; the type changes in `weights`."""
        source, target = self.constant(operator, 0), self.graph.tensors[operator.outputs[0]]
        if source.shape != target.shape or source.dtype not in (np.dtype(np.float16), np.dtype(np.float32)):
            raise self._error(f"{operator.kind} of {source.dtype} {list(source.shape)}")
        self._constants[operator.outputs[0]] = source

    def convolution(self, operator: Operator) -> None:
        """CONV_2D (weights [out, height, width, in]) and DEPTHWISE_CONV_2D ([1, height, width, out])."""
        image, weights = self.tensor(operator, 0), self.constant(operator, 1)
        value, depthwise = self.input(operator, rank=4), operator.kind == "DEPTHWISE_CONV_2D"
        if len(weights.shape) != 4:
            raise self._error(f"{operator.kind} of weights {list(weights.shape)}")
        channels = image.shape[3]
        count = weights.shape[3] if depthwise else weights.shape[0]
        fits = weights.shape[0] == 1 and count % channels == 0 if depthwise else weights.shape[3] == channels
        if not fits:
            raise self._error(f"{operator.kind} of weights {list(weights.shape)} on {channels} channels")
        inputs = [value, self.weights(weights, (3, 0, 1, 2) if depthwise else (0, 3, 1, 2))]
        if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
            bias = self.constant(operator, 2)
            if bias.shape != (count,):
                raise self._error(f"{operator.kind} of bias {list(bias.shape)} on {count} channels")
            inputs.append(self.weights(bias, None))
        window = self.window(operator, image.shape[1:3], weights.shape[1:3])
        group = channels if depthwise else 1
        self.finish(operator, self.onnx.node("Conv", inputs, self.name("conv"), group=group, **window))

    def window(self, operator: Operator, size: tuple[int, ...], kernel: tuple[int, ...]) -> dict[str, Attribute]:
        """Kernel, strides, dilations and padding of a sliding window; SAME puts the odd pixel at the end."""
        options = operator.options
        strides = options["stride_h"], options["stride_w"]
        dilations = options.get("dilation_h", 1), options.get("dilation_w", 1)
        if min(*strides, *dilations, *kernel) < 1 or options["padding"] not in (0, 1):
            raise self._error(f"{operator.kind} with strides {list(strides)}")
        before, after = [], []
        for length, width, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
            spare = ((length - 1) // stride * stride) + (width - 1) * dilation + 1 - length
            spare = max(spare, 0) if options["padding"] == _SAME else 0
            before.append(spare // 2)
            after.append(spare - spare // 2)
        attributes: dict[str, Attribute] = {
            "kernel_shape": tuple(kernel), "strides": strides, "pads": (*before, *after)
        }  # fmt: skip
        return attributes | ({"dilations": dilations} if max(dilations) > 1 else {})

    def max_pool(self, operator: Operator) -> None:
        value = self.input(operator, rank=4)
        kernel = operator.options["filter_height"], operator.options["filter_width"]
        window = self.window(operator, self.tensor(operator, 0).shape[1:3], kernel)
        self.finish(operator, self.onnx.node("MaxPool", [value], self.name("pool"), **window))

    def arithmetic(self, operator: Operator) -> None:
        """ADD and MUL, of two values of one shape or a value and a constant with its channels."""
        inputs = []
        for index in (0, 1):
            tensor = self.tensor(operator, index)
            if tensor.data is None:
                inputs.append(self.input(operator, index))
                continue
            shape = (1,) * (4 - len(tensor.shape)) + tensor.shape
            channels_first = len(self.tensor(operator, 1 - index).shape) == 4
            inputs.append(self.weights(tensor, None, shape) if not channels_first else self._spread(tensor, shape))
        kind = {"ADD": "Add", "MUL": "Mul"}[operator.kind]
        self.finish(operator, self.onnx.node(kind, inputs, self.name("sum")))

    def _spread(self, tensor: Tensor, shape: tuple[int, ...]) -> str:
        assert tensor.data is not None
        spread = Tensor(tensor.name, shape, tensor.dtype, tensor.data.reshape(shape))
        return self.weights(spread, _TO_CHANNELS_FIRST)

    def pad(self, operator: Operator) -> None:
        value, amounts = self.input(operator, rank=4), self.constant(operator, 1)
        if amounts.shape != (4, 2) or amounts.data is None or int(amounts.data.min()) < 0:
            raise self._error(f"PAD by {list(amounts.shape)} numbers")
        pads = amounts.data.astype(np.int64)[list(_TO_CHANNELS_FIRST)]  # [4, 2] before and after
        amount = self.integers(tuple(pads.T.reshape(-1).tolist()))
        self.finish(operator, self.onnx.node("Pad", [value, amount], self.name("pad")))

    def resize(self, operator: Operator) -> None:
        """RESIZE_BILINEAR to a constant height and width."""
        value, size = self.input(operator, rank=4), self.constant(operator, 1)
        image = self.tensor(operator, 0)
        if size.shape != (2,) or size.data is None or int(size.data.min()) < 1:
            raise self._error(f"RESIZE_BILINEAR to {list(size.shape)} numbers")
        mode = "half_pixel" if operator.options["half_pixel_centers"] else "asymmetric"
        mode = "align_corners" if operator.options["align_corners"] else mode
        target = self.integers((image.shape[0], image.shape[3], int(size.data[0]), int(size.data[1])))
        resized = self.onnx.node(
            "Resize",
            [value, "", "", target],
            self.name("resize"),
            mode="linear",
            coordinate_transformation_mode=mode,
        )
        self.finish(operator, resized)

    def reshape(self, operator: Operator) -> None:
        """Values keep TensorFlow's order: a value of four dimensions is transposed before, and after."""
        source, target = self.tensor(operator, 0), self.graph.tensors[operator.outputs[0]]
        value = self.input(operator)
        if int(np.prod(source.shape)) != int(np.prod(target.shape)):
            raise self._error(f"RESHAPE of {list(source.shape)} to {list(target.shape)}")
        if len(source.shape) == 4:
            value = self.transposed(value, _TO_CHANNELS_LAST)
        value = self.onnx.node("Reshape", [value, self.integers(target.shape)], self.name("reshape"))
        if len(target.shape) == 4:
            value = self.transposed(value, _TO_CHANNELS_FIRST)
        self.finish(operator, value)

    def concatenation(self, operator: Operator) -> None:
        rank = len(self.graph.tensors[operator.outputs[0]].shape)
        inputs = [self.input(operator, index, rank) for index in range(len(operator.inputs))]
        axis = operator.options["axis"] % rank if rank else 0
        axis = _TO_CHANNELS_FIRST.index(axis) if rank == 4 else axis
        self.finish(operator, self.onnx.node("Concat", inputs, self.name("concat"), axis=axis))

    def depth_to_space(self, operator: Operator) -> None:
        """The block's place lies before the channel in TensorFlow's order: ONNX's mode DCR."""
        block = operator.options["block_size"]
        value = self.input(operator, rank=4)
        if block < 1 or self.tensor(operator, 0).shape[3] % block**2:
            raise self._error(f"DEPTH_TO_SPACE in blocks of {block}")
        node = self.onnx.node("DepthToSpace", [value], self.name("space"), blocksize=block, mode="DCR")
        self.finish(operator, node)

    def logistic(self, operator: Operator) -> None:
        self.finish(operator, self.onnx.node("Sigmoid", [self.input(operator)], self.name("sigmoid")))

    def rectified(self, operator: Operator) -> None:
        self.finish(operator, self._activated({"RELU": "Relu", "RELU6": "Clip"}[operator.kind], self.input(operator)))


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in _TO_CHANNELS_FIRST)


_HANDLERS: dict[str, Callable[[_Conversion, Operator], None]] = {
    "ADD": _Conversion.arithmetic,
    "MUL": _Conversion.arithmetic,
    "CONCATENATION": _Conversion.concatenation,
    "CONV_2D": _Conversion.convolution,
    "DEPTHWISE_CONV_2D": _Conversion.convolution,
    "DEPTH_TO_SPACE": _Conversion.depth_to_space,
    "DEQUANTIZE": _Conversion.unpacked,
    "DENSIFY": _Conversion.unpacked,
    "LOGISTIC": _Conversion.logistic,
    "MAX_POOL_2D": _Conversion.max_pool,
    "PAD": _Conversion.pad,
    "RELU": _Conversion.rectified,
    "RELU6": _Conversion.rectified,
    "RESHAPE": _Conversion.reshape,
    "RESIZE_BILINEAR": _Conversion.resize,
}
