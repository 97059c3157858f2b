"""Reading glTF 2.0 (.glb, and .vrm, which is the same; .gltf with what lies beside it): the JSON, its bytes and arrays.

Only what a skeleton and its mesh need.  Everything in a file is a stranger's: sizes and indices are checked before use,
and files beside a .gltf are read from its own folder only.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import matrix_from_quaternion, orthogonal
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import MAX_BYTES, parse_json, quoted, read_bytes

Json = dict[str, Any]
Numbers = npt.NDArray[Any]

# codes of the glTF 2.0 specification
MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
DTYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
LARGEST = 1e9
"""no length, scale or entry of a matrix is as large in a file that means a person"""
WANTED = "a glTF 2.0 file (.glb, .vrm, .gltf)"
IMAGE_TYPES = {b"\x89PNG": "image/png", b"RIFF": "image/webp", b"\xabKTX": "image/ktx2"}
"""by the first four bytes; all others are JPEG"""
MAX_ENTRIES = 2**14
"""nodes, meshes, accessors and so on of a file, each kind by itself"""
MAX_COUNT = 2**22
"""entries of an accessor: vertices of a mesh"""
PACKED = {"EXT_meshopt_compression", "KHR_meshopt_compression"}


@dataclass(frozen=True, eq=False)
class Gltf:
    """A file as it was read."""

    path: str
    json: Json
    """the JSON chunk"""
    binary: bytes
    """the binary chunk, padding included; empty when the file has none.  Of a .gltf: all buffers and images, joined"""
    _checked: dict[str, list[Json]] = field(default_factory=dict, repr=False, init=False)
    """top-level lists that were seen to be lists of objects"""

    def fail(self, got: str) -> InputError:
        """An error about this file."""
        return InputError(f"{self.path}: {got}; wanted a whole glTF 2.0 file (.glb, .vrm, .gltf): export it again")

    def entries(self, name: str) -> list[Json]:
        """The top-level list `name`, empty where the file has none."""
        if name not in self._checked:
            entries = self.json.get(name, [])
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise self.fail(f"{name} is no list of objects")
            if len(entries) > MAX_ENTRIES:
                raise self.fail(f"{len(entries)} {name}, more than {MAX_ENTRIES}")
            self._checked[name] = entries
        return self._checked[name]

    def entry(self, name: str, index: object) -> Json:
        """Element `index` of the top-level list `name`."""
        entries = self.entries(name)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(entries):
            raise self.fail(f"there is no {name}[{quoted(index)}]")
        return entries[index]

    def array(self, accessor: object) -> Numbers:
        """The numbers [count, width] of an accessor; integers that stand for 0..1 or -1..1 as floats."""
        about = self.entry("accessors", accessor)
        if "sparse" in about or "bufferView" not in about:
            raise self.fail(f"accessors[{accessor}] is sparse, which is not read here")
        view = self.entry("bufferViews", about["bufferView"])
        if PACKED & set(view.get("extensions") or {}):
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
        if count > MAX_COUNT:
            raise self.fail(f"accessors[{accessor}] has {count} entries, more than {MAX_COUNT}")
        shape, strides = (count, width), (stride, dtype.itemsize)
        values: Numbers = np.ndarray(shape, dtype, self.binary, start, strides).copy()
        if about.get("normalized") and dtype.kind in "iu":
            return np.maximum(values / float(np.iinfo(dtype).max), -1.0)
        return values


def read_gltf(path: str | Path) -> Gltf:
    """Read a .glb, .vrm or .gltf file.  Raises InputError when it cannot be read or is no whole glTF 2.0."""
    path = Path(path)
    data = read_bytes(path, WANTED)
    nothing = Gltf(str(path), {}, b"")
    if path.suffix.lower() == ".gltf":
        return _self_contained(replace(nothing, json=_document(nothing, data)), path.parent)
    return _read_binary(nothing, data)


def _document(nothing: Gltf, data: bytes) -> Json:
    document = parse_json(data, f"{nothing.path}: its JSON", f"{WANTED}: export it again")
    if not isinstance(document, dict):
        raise nothing.fail("its JSON is no object")
    return document


def _read_binary(nothing: Gltf, data: bytes) -> Gltf:
    if len(data) < 20 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise nothing.fail("does not begin like a binary glTF file")
    _, version, length, size, kind = struct.unpack_from("<IIIII", data)
    if version != VERSION or length > len(data) or kind != JSON_CHUNK or 20 + size > length:
        raise nothing.fail(f"has version {version} and is {len(data)} of {length} bytes long")
    document = _document(nothing, data[20 : 20 + size])
    binary = b""
    if 28 + size <= length:
        extent, kind = struct.unpack_from("<II", data, 20 + size)
        if kind == BINARY_CHUNK:
            if 28 + size + extent > length:
                raise nothing.fail("its binary chunk is cut short")
            binary = data[28 + size : 28 + size + extent]
    return replace(nothing, json=document, binary=binary)


def _self_contained(gltf: Gltf, folder: Path) -> Gltf:
    """The file with its buffers and images in one chunk, as a .glb has them.  Raises InputError for what is missing."""
    asset = gltf.json.get("asset")
    if not isinstance(asset, dict) or not str(asset.get("version", "")).startswith("2."):
        raise gltf.fail("its asset has no version 2")
    chunk = bytearray()
    starts = []
    for number, buffer in enumerate(gltf.entries("buffers")):
        starts.append(len(chunk))
        chunk += _resource(gltf, folder, buffer.get("uri"), f"buffers[{number}]", len(chunk))
        chunk += bytes(-len(chunk) % 4)
    views = gltf.entries("bufferViews")
    for view in views:
        extensions = view.get("extensions", {})
        packed = [extensions[name] for name in PACKED if name in extensions] if isinstance(extensions, dict) else []
        for holder in (view, *packed):
            if not isinstance(holder, dict):
                raise gltf.fail("the extensions of its bufferViews are no objects")
            gltf.entry("buffers", holder.get("buffer"))
            holder["byteOffset"] = starts[holder["buffer"]] + _whole(gltf, holder.get("byteOffset", 0))
            holder["buffer"] = 0
    for number, image in enumerate(gltf.entries("images")):
        if "uri" in image:
            content = _resource(gltf, folder, image.pop("uri"), f"images[{number}]", len(chunk))
            image["bufferView"] = len(views)
            image.setdefault("mimeType", IMAGE_TYPES.get(content[:4], "image/jpeg"))
            views.append({"buffer": 0, "byteOffset": len(chunk), "byteLength": len(content)})
            chunk += content + bytes(-len(content) % 4)
    if chunk:
        gltf.json["buffers"] = [{"byteLength": len(chunk)}]
    if views:
        gltf.json["bufferViews"] = views
    return replace(gltf, binary=bytes(chunk))


def _whole(gltf: Gltf, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise gltf.fail("a byteOffset is no whole number")
    return value


def _resource(gltf: Gltf, folder: Path, uri: object, what: str, so_far: int) -> bytes:
    """The bytes of a `data:` URI, or of a file in the folder of the .gltf or below it."""
    if not isinstance(uri, str):
        raise gltf.fail(f"{what} has no uri")
    if uri.startswith("data:"):
        head, _, text = uri.partition(",")
        try:
            data = base64.b64decode(text, validate=True) if head.endswith(";base64") else unquote_to_bytes(text)
        except ValueError:
            raise gltf.fail(f"the base64 of {what} is not understood") from None
    else:
        try:
            target = (folder / unquote(uri)).resolve()
            inside = target.is_relative_to(folder.resolve())
        except (ValueError, OSError):  # a zero byte, or longer than any path
            inside = False
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) or not inside:
            raise InputError(f"{gltf.path}: {what} is {uri[:80]!r}; wanted a file beside it: export it as .glb")
        data = read_bytes(target, f"{what} of {gltf.path}, beside it")
    if so_far + len(data) > MAX_BYTES:
        raise gltf.fail(f"it is over {MAX_BYTES} bytes with what lies beside it")
    return data


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
        raise gltf.fail(f"{key} of node {quoted(node.get('name'))} is not {len(default)} numbers")
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
        raise gltf.fail(f"rotation of node {quoted(node.get('name'))} is zero")
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
