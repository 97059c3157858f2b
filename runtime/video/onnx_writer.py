"""ONNX files written without the `onnx` package: the few messages of `onnx.proto` that a static graph needs.

The same graph gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

IR_VERSION = 8
DATA_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
"""numpy's names -> TensorProto.DataType"""
_INT, _FLOAT, _STRING, _INTS = 2, 1, 3, 7  # AttributeProto.AttributeType

Attribute = int | float | str | tuple[int, ...]


@dataclass(eq=False)
class OnnxGraph:
    """A graph that is being written."""

    name: str
    inputs: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    """name and shape, float32"""
    outputs: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    nodes: list[bytes] = field(default_factory=list)
    initializers: dict[str, bytes] = field(default_factory=dict)

    def node(self, kind: str, inputs: Iterable[str], output: str, **attributes: Attribute) -> str:
        """Append an operator of one output, and return the output's name."""
        message = b"".join(_text(1, one) for one in inputs) + _text(2, output) + _text(4, kind)
        message += b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
        self.nodes.append(message)
        return output

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a constant, and return its name."""
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        message = b"".join(_number(1, length) for length in value.shape)
        message += _number(2, DATA_TYPES[value.dtype.name]) + _text(8, name) + _bytes(9, little.tobytes())
        self.initializers[name] = message
        return name

    def model(self, opset: int, properties: Mapping[str, str]) -> bytes:
        """The whole file, with `properties` as its metadata."""
        graph = b"".join(_bytes(1, node) for node in self.nodes) + _text(2, self.name)
        graph += b"".join(_bytes(5, one) for one in self.initializers.values())
        graph += b"".join(_bytes(11, _value(*one)) for one in self.inputs)
        graph += b"".join(_bytes(12, _value(*one)) for one in self.outputs)
        model = _number(1, IR_VERSION) + _text(2, "genmo") + _bytes(7, graph)
        model += _bytes(8, _text(1, "") + _number(2, opset))
        return model + b"".join(_bytes(14, _text(1, key) + _text(2, value)) for key, value in properties.items())


def _varint(value: int) -> bytes:
    value &= 2**64 - 1  # negative numbers are written as 64 bits in two's complement
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(field_number: int, value: int) -> bytes:
    return _varint(field_number << 3) + _varint(value)


def _bytes(field_number: int, value: bytes) -> bytes:
    return _varint(field_number << 3 | 2) + _varint(len(value)) + value


def _text(field_number: int, value: str) -> bytes:
    return _bytes(field_number, value.encode())


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, tuple):
        return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, _INTS)
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, _STRING)
    if isinstance(value, float):
        return _text(1, name) + _varint(2 << 3 | 5) + np.float32(value).tobytes() + _number(20, _FLOAT)
    return _text(1, name) + _number(3, value) + _number(20, _INT)


def _value(name: str, shape: tuple[int, ...]) -> bytes:
    """A float32 value of a fixed shape."""
    lengths = b"".join(_bytes(1, _number(1, length)) for length in shape)
    tensor = _number(1, DATA_TYPES["float32"]) + _bytes(2, lengths)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))
