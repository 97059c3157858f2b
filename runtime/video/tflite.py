"""A reader of `.tflite` graphs (FlatBuffers) in numpy: tensors, operators and constants, nothing else.

Every offset, length and count of the file is checked before it is followed, so a damaged or hostile file ends in one
line.  Field numbers are those of TensorFlow Lite's schema, version 3 (`tensorflow/compiler/mlir/lite/schema`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import read_bytes
from genmo.runtime.video.tflite_sparsity import Level, densify

WANTED = "a .tflite network (TensorFlow Lite, schema 3)"
MAX_PARTS = 10_000
"""Tensors, operators or buffers of a graph, each."""
MAX_RANK = 6
MAX_ELEMENTS = 2**26
"""Numbers in one tensor, stored or unpacked."""
MAX_UNPACKED = 2**26
"""Numbers in all sparse constants of a graph together, unpacked, and as many indices."""

TYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype(np.float32), 1: np.dtype(np.float16), 2: np.dtype(np.int32), 3: np.dtype(np.uint8),
    4: np.dtype(np.int64), 9: np.dtype(np.int8),
}  # fmt: skip
"""TensorType -> numpy's type."""
OPERATORS = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 5: "DEPTH_TO_SPACE",
    6: "DEQUANTIZE", 14: "LOGISTIC", 17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 21: "RELU6", 22: "RESHAPE",
    23: "RESIZE_BILINEAR", 34: "PAD", 54: "PRELU", 124: "DENSIFY",
}  # fmt: skip
"""BuiltinOperator -> name, of those that are read."""
# operator -> its options: (name, field, struct format, default)
_POOL = (("padding", 0, "b", 0), ("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0), ("filter_width", 3, "i", 0),
         ("filter_height", 4, "i", 0), ("activation", 5, "b", 0))  # fmt: skip
OPTIONS: dict[str, tuple[tuple[str, int, str, int], ...]] = {
    "CONV_2D": (("padding", 0, "b", 0), ("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0), ("activation", 3, "b", 0),
                ("dilation_w", 4, "i", 1), ("dilation_h", 5, "i", 1)),
    "DEPTHWISE_CONV_2D": (("padding", 0, "b", 0), ("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0),
                          ("activation", 4, "b", 0), ("dilation_w", 5, "i", 1), ("dilation_h", 6, "i", 1)),
    "MAX_POOL_2D": _POOL, "AVERAGE_POOL_2D": _POOL,
    "ADD": (("activation", 0, "b", 0),), "MUL": (("activation", 0, "b", 0),),
    "CONCATENATION": (("axis", 0, "i", 0), ("activation", 1, "b", 0)),
    "DEPTH_TO_SPACE": (("block_size", 0, "i", 0),),
    "RESIZE_BILINEAR": (("align_corners", 2, "?", 0), ("half_pixel_centers", 3, "?", 0)),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: npt.NDArray[Any] | None
    """[*shape] of a constant, unpacked where it is sparse; None: computed"""


@dataclass(frozen=True)
class Operator:
    """A step of the graph; inputs and outputs are numbers of tensors, -1 an input that is left out."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, int]


@dataclass(frozen=True, eq=False)
class TfliteGraph:
    """The first subgraph of a file."""

    source: str
    """for errors"""
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Malformed(Exception):
    """What is wrong with the file, for the user's line."""


class _Table:
    """A table of a FlatBuffer: fields by number, behind a table of their offsets."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position
        self._fields = position - self._number("i", position)
        self._size = self._number("H", self._fields)
        if self._size < 4 or self._size % 2 or self._fields + self._size > len(data):
            raise _Malformed("a table without a valid list of fields")

    def _number(self, kind: str, position: int) -> int:
        size = struct.calcsize("<" + kind)
        if not 0 <= position <= len(self.data) - size:
            raise _Malformed("an offset leads out of the file")
        return int(struct.unpack_from("<" + kind, self.data, position)[0])

    def _place(self, field: int) -> int | None:
        entry = 4 + 2 * field
        offset = self._number("H", self._fields + entry) if entry + 2 <= self._size else 0
        return self.position + offset if offset else None

    def scalar(self, field: int, kind: str, default: int = 0) -> int:
        """A number; `kind` as of `struct`."""
        place = self._place(field)
        return default if place is None else self._number(kind, place)

    def _target(self, place: int) -> int:
        return place + self._number("I", place)

    def table(self, field: int) -> _Table | None:
        """A table, or None where the file has none."""
        place = self._place(field)
        return None if place is None else _Table(self.data, self._target(place))

    def vector(self, field: int, dtype: str) -> npt.NDArray[Any]:
        """A vector of numbers, empty where the file has none; a view of the file's bytes."""
        place = self._place(field)
        if place is None:
            return np.zeros(0, dtype)
        start = self._target(place)
        count, kind = self._number("I", start), np.dtype(dtype).newbyteorder("<")
        if count * kind.itemsize > len(self.data) - start - 4:
            raise _Malformed("a list is longer than the file")
        return np.frombuffer(self.data, kind, count, start + 4)

    def integers(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of at most `most` int32."""
        values = self.vector(field, "i4")
        if len(values) > most:
            raise _Malformed(f"a list of {len(values)}; at most {most} are read")
        return tuple(values.tolist())

    def tables(self, field: int, most: int = MAX_PARTS) -> Iterator[_Table]:
        """A vector of at most `most` tables."""
        place = self._place(field)
        if place is None:
            return
        offsets = self.vector(field, "u4")
        if len(offsets) > most:
            raise _Malformed(f"{len(offsets)} parts of a kind; at most {most} are read")
        first = self._target(place) + 4
        for index, offset in enumerate(offsets.tolist()):
            yield _Table(self.data, first + 4 * index + offset)

    def text(self, field: int) -> str:
        """A string, cut where it is long."""
        return bytes(self.vector(field, "u1")[:200]).decode("utf-8", "replace")


def read_tflite(path: str | Path) -> TfliteGraph:
    """The graph of a `.tflite` file.  Raises InputError as `parse_tflite` does, and where the file cannot be read."""
    return parse_tflite(read_bytes(path, WANTED), str(path))


def parse_tflite(data: bytes, source: str) -> TfliteGraph:
    """The graph in the bytes of a `.tflite` file.

    Raises InputError for bytes that are none, for what is damaged, and for operators and types that are not read.
    """
    try:
        return _graph(data, source)
    except (_Malformed, ValueError) as error:
        raise InputError(f"{source}: not a readable network ({first_line(error)}); wanted {WANTED}") from None


def _graph(data: bytes, source: str) -> TfliteGraph:
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise _Malformed("its first bytes are not those of a .tflite file")
    model = _Table(data, int.from_bytes(data[:4], "little"))
    kinds = [_kind(code) for code in model.tables(1)]
    buffers = [buffer.vector(0, "u1") for buffer in model.tables(4)]
    subgraph = next(iter(model.tables(2)), None)
    if subgraph is None:
        raise _Malformed("it holds no graph")
    unpacked = _Budget(MAX_UNPACKED)
    tensors = tuple(_tensor(table, buffers, unpacked) for table in subgraph.tables(0))
    operators = tuple(_operator(table, kinds, len(tensors)) for table in subgraph.tables(3))
    inputs, outputs = (_numbers(subgraph.integers(field, 100), len(tensors)) for field in (1, 2))
    if not operators or not inputs or not outputs:
        raise _Malformed("its graph has no operators, inputs or outputs")
    return TfliteGraph(source, tensors, operators, inputs, outputs)


def _kind(code: _Table) -> str:
    """Name of an operator code; the older, narrower field where the newer one is left at 0."""
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))
    return OPERATORS.get(number, f"operator {number}")


class _Budget:
    """How many numbers may still be unpacked."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise _Malformed("its sparse constants unpack to too many numbers")


def _tensor(table: _Table, buffers: list[npt.NDArray[Any]], unpacked: _Budget) -> Tensor:
    shape, kind = table.integers(0, MAX_RANK), table.scalar(1, "b")
    name = table.text(3)
    if kind not in TYPES:
        raise _Malformed(f"tensor {name[:40]!r} is of type {kind}, which is not read")
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ELEMENTS:
        raise _Malformed(f"tensor {name[:40]!r} is of shape {list(shape)}")
    number = table.scalar(2, "I")
    if number >= len(buffers):
        raise _Malformed(f"tensor {name[:40]!r} is in a buffer that is not there")
    stored = buffers[number]
    if not len(stored):
        return Tensor(name, shape, TYPES[kind], None)
    dtype = TYPES[kind]
    if len(stored) % dtype.itemsize:
        raise _Malformed(f"the buffer of tensor {name[:40]!r} ends inside a number")
    values = stored.view(dtype.newbyteorder("<"))
    sparsity = table.table(6)
    if sparsity is not None:
        unpacked.take(math.prod(shape))
        return Tensor(name, shape, dtype, densify(values, shape, *_sparsity(sparsity, unpacked)))
    if len(values) != math.prod(shape):
        raise _Malformed(f"tensor {name[:40]!r} has {len(values)} numbers for the shape {list(shape)}")
    return Tensor(name, shape, dtype, values.reshape(shape))


def _sparsity(table: _Table, unpacked: _Budget) -> tuple[tuple[int, ...], tuple[int, ...], list[Level]]:
    """Order of the levels, the dimensions that are cut in blocks, and each level."""
    levels = []
    for level in table.tables(2, 2 * MAX_RANK):
        if level.scalar(0, "b") == 0:
            levels.append(Level(level.scalar(1, "i"), None, None))
        else:
            levels.append(Level(0, _index_vector(level, 2, unpacked), _index_vector(level, 4, unpacked)))
    return table.integers(0, 2 * MAX_RANK), table.integers(1, MAX_RANK), levels


def _index_vector(level: _Table, field: int, unpacked: _Budget) -> npt.NDArray[np.int64]:
    """A union of three vectors: int32, uint16 or uint8."""
    dtype = {1: "i4", 2: "u2", 3: "u1"}.get(level.scalar(field, "B"))
    vector = level.table(field + 1)
    if dtype is None or vector is None:
        raise _Malformed("a sparse constant without its indices")
    stored = vector.vector(0, dtype)
    unpacked.take(len(stored))
    return stored.astype(np.int64)


def _operator(table: _Table, kinds: list[str], tensors: int) -> Operator:
    code = table.scalar(0, "I")
    if code >= len(kinds):
        raise _Malformed("an operator of a kind that is not listed")
    kind, stored = kinds[code], table.table(4)
    options = {
        name: default if stored is None else stored.scalar(field, form, default)
        for name, field, form, default in OPTIONS.get(kind, ())
    }
    inputs, outputs = (_numbers(table.integers(field, 100), tensors, low) for field, low in ((1, -1), (2, 0)))
    return Operator(kind, inputs, outputs, options)


def _numbers(values: tuple[int, ...], count: int, low: int = 0) -> tuple[int, ...]:
    if not all(low <= value < count for value in values):
        raise _Malformed("a tensor that is not there is used")
    return values
