"""Reading binary glTF 2.0 (.glb, and .vrm, which is the same): the JSON chunk, the binary chunk and arrays in it.

Only what a skeleton and its mesh need.  Everything in a file is a stranger's: sizes and indices are checked before use.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import matrix_from_quaternion, orthogonal
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

Json = dict[str, Any]
Numbers = npt.NDArray[Any]

# codes of the glTF 2.0 specification
MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
DTYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
LARGEST = 1e9
"""no length, scale or entry of a matrix is as large in a file that means a person"""
PACKED = {"EXT_meshopt_compression", "KHR_meshopt_compression"}


@dataclass(frozen=True, eq=False)
class Gltf:
    """A file as it was read."""

    path: str
    json: Json
    """the JSON chunk"""
    binary: bytes
    """the binary chunk, padding included; empty when the file has none"""

    def fail(self, got: str) -> InputError:
        """An error about this file."""
        return InputError(f"{self.path}: {got}; wanted a whole binary glTF 2.0 (.glb, .vrm) file: export it again")

    def entries(self, name: str) -> list[Json]:
        """The top-level list `name`, empty where the file has none."""
        found = self.json.get(name, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self.fail(f"{name} is no list of objects")
        return found

    def entry(self, name: str, index: object) -> Json:
        """Element `index` of the top-level list `name`."""
        found = self.entries(name)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(found):
            raise self.fail(f"there is no {name}[{index!r}]")
        return found[index]

    def array(self, accessor: object) -> Numbers:
        """The numbers [count, width] of an accessor; integers that stand for 0..1 or -1..1 as floats."""
        about = self.entry("accessors", accessor)
        if "sparse" in about or "bufferView" not in about:
            raise self.fail(f"accessors[{accessor}] is sparse, which is not read here")
        view = self.entry("bufferViews", about["bufferView"])
        if PACKED & set(view.get("extensions", {})):
            raise self.fail("the file is compressed with meshopt")
        if view.get("buffer", 0) != 0 or "uri" in self.entry("buffers", 0):
            raise self.fail("its numbers are in another file")
        try:
            dtype, width = np.dtype(DTYPES[about["componentType"]]), WIDTHS[about["type"]]
            count, start = int(about["count"]), int(view.get("byteOffset", 0)) + int(about.get("byteOffset", 0))
            stride = int(view.get("byteStride", 0)) or width * dtype.itemsize
            end = int(view.get("byteOffset", 0)) + int(view["byteLength"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self.fail(f"accessors[{accessor}] is not understood") from None
        last = start + (count - 1) * stride + width * dtype.itemsize
        if not (count > 0 and start >= 0 and stride >= width * dtype.itemsize and last <= min(end, len(self.binary))):
            raise self.fail(f"accessors[{accessor}] reaches beyond the file")
        shape, strides = (count, width), (stride, dtype.itemsize)
        values: Numbers = np.ndarray(shape, dtype, self.binary, start, strides).copy()
        if about.get("normalized") and dtype.kind in "iu":
            return np.maximum(values / float(np.iinfo(dtype).max), -1.0)
        return values


def read_gltf(path: str | Path) -> Gltf:
    """Read a .glb or .vrm file.  Raises InputError when it cannot be read or is no whole binary glTF 2.0."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted a .glb or .vrm file") from error
    nothing = Gltf(str(path), {}, b"")
    if len(data) < 20 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise nothing.fail("does not begin like a binary glTF file")
    _, version, length, size, kind = struct.unpack_from("<IIIII", data)
    if version != VERSION or length > len(data) or kind != JSON_CHUNK or 20 + size > length:
        raise nothing.fail(f"has version {version} and is {len(data)} of {length} bytes long")
    try:
        document = json.loads(data[20 : 20 + size].decode("utf-8"))
    except (ValueError, RecursionError):
        raise nothing.fail("its JSON chunk cannot be read") from None
    if not isinstance(document, dict):
        raise nothing.fail("its JSON chunk is no object")
    binary = b""
    if 28 + size <= length:
        extent, kind = struct.unpack_from("<II", data, 20 + size)
        if kind == BINARY_CHUNK:
            if 28 + size + extent > length:
                raise nothing.fail("its binary chunk is cut short")
            binary = data[28 + size : 28 + size + extent]
    return Gltf(str(path), document, binary)


def node_order(gltf: Gltf) -> tuple[list[int], list[int]]:
    """Parents of the nodes (-1: none), and the nodes' numbers with parents before children."""
    nodes = gltf.entries("nodes")
    parents = [-1] * len(nodes)
    for number, node in enumerate(nodes):
        children = node.get("children", [])
        if not isinstance(children, list):
            raise gltf.fail(f"children of nodes[{number}] are no list")
        for child in children:
            gltf.entry("nodes", child)
            if parents[child] != -1:
                raise gltf.fail(f"nodes[{child}] has two parents")
            parents[child] = number
    order = [number for number, parent in enumerate(parents) if parent == -1]
    for number in order:
        order += nodes[number].get("children", [])
    if len(order) != len(nodes):
        raise gltf.fail("its nodes go round in a circle")
    return parents, order


def _vector(gltf: Gltf, node: Json, key: str, default: list[float]) -> Array:
    try:
        values = np.asarray(node.get(key, default), np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(0)
    if values.shape != (len(default),) or not (np.abs(values) < LARGEST).all():
        raise gltf.fail(f"{key} of node {node.get('name')!r} is not {len(default)} numbers")
    return values


def node_transform(gltf: Gltf, node: Json) -> tuple[Array, Array, Array]:
    """Local rotation [3, 3], translation [3] and scale [3] of a node, whether it states them or a matrix."""
    if "matrix" in node:
        matrix = _vector(gltf, node, "matrix", list(np.eye(4).reshape(-1))).reshape(4, 4).T
        scale = np.linalg.norm(matrix[:3, :3], axis=0)
        if np.linalg.det(matrix[:3, :3]) < 0:
            scale = scale * (-1, 1, 1)
        return orthogonal(matrix[:3, :3] / np.where(scale == 0, 1, scale)), matrix[:3, 3], scale
    x, y, z, w = _vector(gltf, node, "rotation", [0, 0, 0, 1])
    if x * x + y * y + z * z + w * w < 1e-6:
        raise gltf.fail(f"rotation of node {node.get('name')!r} is zero")
    rotation = matrix_from_quaternion(np.asarray([w, x, y, z]))
    return rotation, _vector(gltf, node, "translation", [0, 0, 0]), _vector(gltf, node, "scale", [1, 1, 1])


def pack(document: Json, binary: bytes) -> bytes:
    """A GLB file: header, JSON chunk padded with spaces, binary chunk padded with zeros."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<III", MAGIC, VERSION, length),
            struct.pack("<II", len(text), JSON_CHUNK),
            text,
            struct.pack("<II", len(binary), BINARY_CHUNK),
            binary,
        ]
    )
