"""Binary glTF 2.0: the mannequin of `body`, its skin of 24 named joints, and the motion as one animation.

The nodes' rest pose is the T-pose with identity rotations, feet on the ground (y = 0), metres, y up.  The pelvis
carries translation and rotation, every other joint rotation; a root bone over it, where there is one, carries the way
over the ground.  Opens in Blender, Unity, Unreal, Godot and browsers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.formats.gltf import DTYPES, Json, pack
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.root_track import ROOT_BONE, RootTrack
from genmo.runtime.motion.rotation import continuous_quaternions
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, rest_joints, sole_heights
from genmo.runtime.render.mannequin import body_mesh
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

# codes of the glTF 2.0 specification
_COMPONENTS = {np.dtype(name): code for code, name in DTYPES.items()}
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963
_LINEAR_COLOR = (0.71, 0.29, 0.16, 1.0)  # terracotta

_MESH_NODE, _ROOT_NODE = JOINT_COUNT, JOINT_COUNT + 1  # nodes 0..23 are the joints


class BinaryChunk:
    """The binary chunk as it grows, with the views and accessors that describe it; it may go on from a file's."""

    def __init__(self, data: bytes = b"", views: list[Json] | None = None, accessors: list[Json] | None = None) -> None:
        self.data = bytearray(data + bytes(-len(data) % 4))
        self.views: list[Json] = [] if views is None else views
        self.accessors: list[Json] = [] if accessors is None else accessors

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


def standing_pelvis(offsets: Array) -> Array:
    """Pelvis position [3] in metres that puts the lowest sole of the T-pose of `offsets` [24, 3] on y = 0."""
    return np.asarray([0.0, -float(sole_heights(offsets).min()), 0.0])


def to_glb(motion: Motion, *, root_bone: bool | RootTrack = False) -> bytes:
    """The motion as binary glTF 2.0; `root_bone`: with a bone over the pelvis that carries the way over the ground."""
    return animations_glb([Take("motion", motion, motion.root_bone(root_bone))])


@dataclass(frozen=True, eq=False)
class Take:
    """One animation of a file."""

    name: str
    motion: Motion
    root: RootTrack | None = None
    """of its root bone; None: it has none"""


def animations_glb(takes: Sequence[Take]) -> bytes:
    """Motions of one body as the animations of one file, which has the body once; all have a root bone, or none.

    Raises InputError for several bodies.
    """
    root_bone = takes[0].root is not None
    offsets = np.asarray(takes[0].motion.rest_offsets, np.float64)
    for take in takes:
        if not np.allclose(take.motion.rest_offsets, offsets):
            raise InputError(f"{take.name} has another body than {takes[0].name}; wanted motions of one body in a .glb")
    pelvis = standing_pelvis(offsets)
    binary = BinaryChunk()
    document: Json = {
        "asset": {"version": "2.0", "generator": "genmo"},
        "scene": 0,
        "scenes": [{"nodes": [_ROOT_NODE if root_bone else 0, _MESH_NODE]}],
        "nodes": _nodes(offsets, pelvis, root_bone),
        "meshes": [_mesh(binary, offsets, pelvis)],
        "materials": [_material()],
        "skins": [_skin(binary, offsets, pelvis, root_bone)],
        "animations": [_animation(binary, take) for take in takes],
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views}
    document["buffers"] = [{"byteLength": len(binary.data)}]
    return pack(document, bytes(binary.data))


def _nodes(offsets: Array, pelvis: Array, root_bone: bool) -> list[Json]:
    nodes: list[Json] = []
    for joint, name in enumerate(JOINTS):
        translation = pelvis if joint == 0 else offsets[joint]
        node: Json = {"name": name, "translation": translation.tolist(), "rotation": [0.0, 0.0, 0.0, 1.0]}
        children = [child for child in range(JOINT_COUNT) if PARENTS[child] == joint]
        if children:
            node["children"] = children
        nodes.append(node)
    root: Json = {"name": ROOT_BONE, "translation": [0.0] * 3, "rotation": [0.0, 0.0, 0.0, 1.0], "children": [0]}
    return [*nodes, {"name": "body", "mesh": 0, "skin": 0}, *([root] if root_bone else [])]


def _mesh(binary: BinaryChunk, offsets: Array, pelvis: Array) -> Json:
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


def _skin(binary: BinaryChunk, offsets: Array, pelvis: Array, root_bone: bool) -> Json:
    joints = [*range(JOINT_COUNT), *([_ROOT_NODE] if root_bone else [])]
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:JOINT_COUNT, :3, 3] = -(rest_joints(offsets) + pelvis)
    columns = np.swapaxes(inverse, 1, 2).astype("<f4")  # glTF stores matrices column by column
    matrices = binary.add(columns, "MAT4")
    return {
        "name": "body",
        "joints": joints,
        "skeleton": _ROOT_NODE if root_bone else 0,
        "inverseBindMatrices": matrices,
    }


def _animation(binary: BinaryChunk, take: Take) -> Json:
    motion, root = take.motion, take.root
    rotations, translation = motion.rotations.copy(), np.asarray(motion.translation)
    tracks: list[tuple[int, str, Array]] = []
    if root is not None:
        rotations[:, 0], translation = root.inside(rotations[:, 0], translation)
        turns = continuous_quaternions(root.rotation[:, None])[:, 0]
        tracks = [(_ROOT_NODE, "translation", root.position), (_ROOT_NODE, "rotation", turns)]
    quaternions = continuous_quaternions(rotations)
    tracks.append((0, "translation", translation))
    tracks += [(joint, "rotation", quaternions[:, joint]) for joint in range(JOINT_COUNT)]
    return animation(binary, take.name, motion.fps, tracks)


def animation(binary: BinaryChunk, name: str, fps: float, tracks: list[tuple[int, str, Array]]) -> Json:
    """A glTF animation of tracks (node, path, values [frames, 3] or quaternions (w, x, y, z) [frames, 4]).

    A track of one frame holds for the whole animation.
    """
    clocks: dict[int, int] = {}
    samplers: list[Json] = []
    for _, path, values in tracks:
        if len(values) not in clocks:
            times = (np.arange(len(values)) / fps).astype("<f4")
            clocks[len(values)] = binary.add(times, "SCALAR", bounds=True)
        stored = values[:, [1, 2, 3, 0]] if path == "rotation" else values  # glTF: x, y, z, w
        output = binary.add(stored.astype("<f4"), "VEC4" if path == "rotation" else "VEC3")
        samplers.append({"input": clocks[len(values)], "output": output, "interpolation": "LINEAR"})
    channels = [
        {"sampler": index, "target": {"node": node, "path": path}} for index, (node, path, _) in enumerate(tracks)
    ]
    return {"name": name, "samplers": samplers, "channels": channels}
