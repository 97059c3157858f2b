"""Small `.tflite` files written from scratch: a FlatBuffer front to back, children after their tables."""

import struct
from dataclasses import dataclass, field

import numpy as np

CODES = {
    "ADD": 0, "CONCATENATION": 2, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "DEPTH_TO_SPACE": 5, "DEQUANTIZE": 6,
    "LOGISTIC": 14, "MAX_POOL_2D": 17, "MUL": 18, "RELU": 19, "RELU6": 21, "RESHAPE": 22, "RESIZE_BILINEAR": 23,
    "PAD": 34, "DENSIFY": 124, "CUSTOM": 32,
}  # fmt: skip
TYPES = {"float32": 0, "float16": 1, "int32": 2}


class Table(dict):
    """Field -> (struct format, number), bytes-like arrays, strings, other tables, or lists of tables."""


def build(root: Table) -> bytes:
    """The file whose root table this is."""
    out = bytearray(b"\0\0\0\0TFL3")
    struct.pack_into("<I", out, 0, _table(out, root))
    return bytes(out)


def _align(out, to=4):
    out.extend(b"\0" * (-len(out) % to))


def _table(out, fields) -> int:
    count = max(fields, default=-1) + 1
    _align(out)
    inline, size = {}, 4
    for number, value in fields.items():
        width = struct.calcsize("<" + value[0]) if isinstance(value, tuple) else 4
        size += -size % width
        inline[number] = size
        size += width
    vtable = len(out)
    out.extend(struct.pack(f"<HH{count}H", 4 + 2 * count, size, *(inline.get(n, 0) for n in range(count))))
    _align(out)
    place = len(out)
    out.extend(bytes(size))
    struct.pack_into("<i", out, place, place - vtable)
    for number, value in fields.items():
        at = place + inline[number]
        if isinstance(value, tuple):
            struct.pack_into("<" + value[0], out, at, value[1])
        else:
            target = _child(out, value)
            struct.pack_into("<I", out, at, target - at)
    return place


def _child(out, value) -> int:
    if isinstance(value, Table):
        return _table(out, value)
    _align(out)
    start = len(out)
    if isinstance(value, list):
        out.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
        for index, one in enumerate(value):
            target, at = _table(out, one), start + 4 + 4 * index
            struct.pack_into("<I", out, at, target - at)
        return start
    data = value.encode() if isinstance(value, str) else np.ascontiguousarray(value).tobytes()
    count = len(data) if isinstance(value, str) else np.asarray(value).size
    out.extend(struct.pack("<I", count) + data)
    return start


def ints(*values):
    return np.array(values, np.int32)


@dataclass
class Net:
    """A graph that grows by calls; tensors are numbers."""

    tensors: list = field(default_factory=list)
    buffers: list = field(default_factory=lambda: [Table()])
    operators: list = field(default_factory=list)
    codes: list = field(default_factory=list)

    def tensor(self, shape, data=None, kind="float32", sparsity=None) -> int:
        fields = Table({0: ints(*shape), 1: ("b", TYPES[kind]), 3: f"t{len(self.tensors)}"})
        if data is not None:
            fields[2] = ("I", len(self.buffers))
            self.buffers.append(Table({0: np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)}))
        if sparsity is not None:
            fields[6] = sparsity
        self.tensors.append(fields)
        return len(self.tensors) - 1

    def constant(self, array) -> int:
        return self.tensor(array.shape, array, array.dtype.name)

    def add(self, kind, inputs, shape, options=None, dtype="float32") -> int:
        """Append an operator; returns its output."""
        if kind not in self.codes:
            self.codes.append(kind)
        output = self.tensor(shape, kind=dtype)
        fields = Table({0: ("I", self.codes.index(kind)), 1: ints(*inputs), 2: ints(output)})
        if options is not None:
            fields[4] = options
        self.operators.append(fields)
        return output

    def file(self, inputs, outputs) -> bytes:
        graph = Table({0: self.tensors, 1: ints(*inputs), 2: ints(*outputs), 3: self.operators})
        codes = [Table({0: ("b", min(CODES[kind], 127)), 3: ("i", CODES[kind])}) for kind in self.codes]
        return build(Table({0: ("I", 3), 1: codes, 2: [graph], 4: self.buffers}))
