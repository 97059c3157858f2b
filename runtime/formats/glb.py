"""Binary glTF 2.0: the mannequin of `body`, its skin of 24 named joints, and the motion as one animation.

The nodes' rest pose is the T-pose with identity rotations, feet on the ground (y = 0), metres, y up.  The root
carries translation and rotation, every other joint rotation.  Opens in Blender, Unity, Unreal, Godot and browsers.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.formats.body import SOLE, body_mesh
from genmo.runtime.motion import Motion
from genmo.runtime.rotation import Array, quaternion_from_matrix
from genmo.runtime.skeleton import CONTACT_JOINTS, JOINT_COUNT, JOINTS, PARENTS, rest_joints

Json = dict[str, Any]

# codes of the glTF 2.0 specification
_FLOAT, _UNSIGNED_BYTE, _UNSIGNED_SHORT = 5126, 5121, 5123
_COMPONENTS = {np.dtype("<f4"): _FLOAT, np.dtype("u1"): _UNSIGNED_BYTE, np.dtype("<u2"): _UNSIGNED_SHORT}
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963
_MAGIC, _VERSION, _JSON_CHUNK, _BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_LINEAR_COLOR = (0.71, 0.29, 0.16, 1.0)  # terracotta

_MESH_NODE = JOINT_COUNT  # nodes 0..23 are the joints


class _Binary:
    """The binary chunk as it grows, with the views and accessors that describe it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[Json] = []
        self.accessors: list[Json] = []

    def add(self, array: npt.NDArray[Any], kind: str, target: int | None = None, bounds: bool = False) -> int:
        """Append an array [count, ...] as accessor type `kind` ("VEC3", ...); the accessor's index."""
        flat = np.ascontiguousarray(array).reshape(len(array), -1)
        view: Json = {"buffer": 0, "byteOffset": len(self.data), "byteLength": flat.nbytes}
        if target is not None:
            view["target"] = target
        accessor: Json = {
            "bufferView": len(self.views),
            "componentType": _COMPONENTS[flat.dtype],
            "count": len(flat),
            "type": kind,
        }
        if bounds:
            accessor |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        self.data += flat.tobytes()
        self.data += bytes(-len(self.data) % 4)
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def continuous_quaternions(rotations: Array) -> Array:
    """Unit quaternions (w, x, y, z) [frames, ..., 4] of rotations [frames, ..., 3, 3], without sign flips in time.

    q and -q are the same rotation, but a player that interpolates between them takes the long way round.
    """
    quaternions = quaternion_from_matrix(np.asarray(rotations, np.float64))
    agreement = np.sum(quaternions[1:] * quaternions[:-1], axis=-1, keepdims=True)
    signs = np.cumprod(np.where(agreement < 0, -1.0, 1.0), axis=0)
    quaternions[1:] *= signs
    return quaternions


def standing_pelvis(offsets: Array) -> Array:
    """Pelvis position [3] in metres that puts the lowest sole of the T-pose of `offsets` [24, 3] on y = 0."""
    lowest = rest_joints(np.asarray(offsets, np.float64))[list(CONTACT_JOINTS[:4]), 1].min()
    return np.asarray([0.0, SOLE - float(lowest), 0.0])


def to_glb(motion: Motion) -> bytes:
    """The motion as binary glTF 2.0."""
    offsets = np.asarray(motion.rest_offsets, np.float64)
    pelvis = standing_pelvis(offsets)
    binary = _Binary()
    document: Json = {
        "asset": {"version": "2.0", "generator": "genmo"},
        "scene": 0,
        "scenes": [{"nodes": [0, _MESH_NODE]}],
        "nodes": _nodes(offsets, pelvis),
        "meshes": [_mesh(binary, offsets, pelvis)],
        "materials": [_material()],
        "skins": [_skin(binary, offsets, pelvis)],
        "animations": [_animation(binary, motion)],
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views}
    document["buffers"] = [{"byteLength": len(binary.data)}]
    return _container(document, bytes(binary.data))


def _nodes(offsets: Array, pelvis: Array) -> list[Json]:
    nodes: list[Json] = []
    for joint, name in enumerate(JOINTS):
        place = pelvis if joint == 0 else offsets[joint]
        node: Json = {"name": name, "translation": place.tolist(), "rotation": [0.0, 0.0, 0.0, 1.0]}
        children = [child for child in range(JOINT_COUNT) if PARENTS[child] == joint]
        if children:
            node["children"] = children
        nodes.append(node)
    return [*nodes, {"name": "body", "mesh": 0, "skin": 0}]


def _mesh(binary: _Binary, offsets: Array, pelvis: Array) -> Json:
    body = body_mesh(offsets)
    vertices = (body.vertices + pelvis).astype("<f4")
    attributes = {
        "POSITION": binary.add(vertices, "VEC3", _VERTEX_BUFFER, bounds=True),
        "NORMAL": binary.add(body.normals.astype("<f4"), "VEC3", _VERTEX_BUFFER),
        "JOINTS_0": binary.add(body.joints.astype("u1"), "VEC4", _VERTEX_BUFFER),
        "WEIGHTS_0": binary.add(body.weights.astype("<f4"), "VEC4", _VERTEX_BUFFER),
    }
    indices = binary.add(body.faces.reshape(-1).astype("<u2"), "SCALAR", _INDEX_BUFFER)
    return {"name": "body", "primitives": [{"attributes": attributes, "indices": indices, "material": 0}]}


def _material() -> Json:
    surface = {"baseColorFactor": list(_LINEAR_COLOR), "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return {"name": "body", "pbrMetallicRoughness": surface}


def _skin(binary: _Binary, offsets: Array, pelvis: Array) -> Json:
    inverse = np.tile(np.eye(4), (JOINT_COUNT, 1, 1))
    inverse[:, :3, 3] = -(rest_joints(offsets) + pelvis)
    columns = np.swapaxes(inverse, 1, 2).astype("<f4")  # glTF stores matrices column by column
    matrices = binary.add(columns, "MAT4")
    return {
        "name": "body",
        "joints": list(range(JOINT_COUNT)),
        "skeleton": 0,
        "inverseBindMatrices": matrices,
    }


def _animation(binary: _Binary, motion: Motion) -> Json:
    times = (np.arange(motion.frames) / motion.fps).astype("<f4")
    clock = binary.add(times, "SCALAR", bounds=True)
    quaternions = continuous_quaternions(motion.rotations)[..., [1, 2, 3, 0]].astype("<f4")  # glTF: x, y, z, w
    outputs = [(0, "translation", binary.add(motion.translation.astype("<f4"), "VEC3"))]
    outputs += [(joint, "rotation", binary.add(quaternions[:, joint], "VEC4")) for joint in range(JOINT_COUNT)]
    return {
        "name": "motion",
        "samplers": [{"input": clock, "output": output, "interpolation": "LINEAR"} for _, _, output in outputs],
        "channels": [
            {"sampler": index, "target": {"node": node, "path": path}} for index, (node, path, _) in enumerate(outputs)
        ],
    }


def _container(document: Json, binary: bytes) -> bytes:
    """The GLB file: header, JSON chunk padded with spaces, binary chunk padded with zeros."""
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<III", _MAGIC, _VERSION, length),
            struct.pack("<II", len(text), _JSON_CHUNK),
            text,
            struct.pack("<II", len(binary), _BINARY_CHUNK),
            binary,
        ]
    )
