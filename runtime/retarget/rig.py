"""A character's skeleton as its file has it: nodes with a rest pose, and which of them are bones.

Frame and unit of length are the file's own; nothing is turned or scaled here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from genmo.runtime.formats.bvh import Bvh, read_bvh
from genmo.runtime.formats.gltf import LARGEST, MAX_COUNT, Gltf, Json, node_order, node_transform, read_gltf
from genmo.runtime.motion.rotation import orthogonal, rotate
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted

Integers = npt.NDArray[np.int64]

SUFFIXES = (".bvh", ".glb", ".gltf", ".vrm")
"""What `read_rig` reads."""

SAME_POSE = np.radians(0.5)
"""bones of a skin that agree on the way from mesh to world within this stand in the pose the mesh was made in"""
QUARTER = 1 + 2 * np.cos(np.radians(45))
"""trace of a turn by an eighth of a circle"""
EVEN = 0.01
"""share by which the three scales of a bone may differ"""


@dataclass(frozen=True, eq=False)
class Rig:
    """A tree of nodes in its rest pose, in the file's own frame and unit."""

    path: str
    names: tuple[str, ...]
    """of the nodes; "" where the file gives none"""
    parents: tuple[int, ...]
    """parent of each node, -1 for a root"""
    order: tuple[int, ...]
    """all nodes, parents before children"""
    rotations: Array
    """[nodes, 3, 3] local, in the rest pose"""
    translations: Array
    """[nodes, 3] local, in the unit of the parent"""
    scales: Array
    """[nodes, 3] local"""
    bones: tuple[int, ...]
    """the nodes that may carry a body part: joints of skins, or all nodes of a file without a skin"""
    humanoid: dict[str, int] = field(default_factory=dict)
    """VRM name of a body part -> node, where the file says so itself"""
    gltf: Gltf | None = None
    bvh: Bvh | None = None
    lowest: tuple[float, float] | None = None
    """lowest point of the mesh in the rest pose along y and along z; None without a mesh"""

    def above(self, node: int) -> list[int]:
        """The node and its ancestors, upwards."""
        chain = [node]
        while self.parents[chain[-1]] >= 0:
            chain.append(self.parents[chain[-1]])
        return chain

    def name(self, node: int) -> str:
        """How messages call a node."""
        return self.names[node] or f"node {node}"

    def size(self, node: int) -> float:
        """Length in the file's world of a unit of the node's children.  Raises InputError where it depends on the
        direction."""
        total = 1.0
        for number in self.above(node):
            scale = self.scales[number]
            if scale.min() <= 0 or scale.max() > (1 + EVEN) * scale.min():
                x, y, z = scale
                raise InputError(
                    f"{self.path}: {quoted(self.name(number))} is scaled by {x:.4g}, {y:.4g}, {z:.4g}; wanted one "
                    "positive scale for all axes: apply the scale in your tool and export again"
                )
            total *= float(scale.mean())
        return total

    def rest(self) -> tuple[Array, Array]:
        """World rotations [nodes, 3, 3] and positions [nodes, 3] of the rest pose."""
        rotations, linear = self.rotations.copy(), self.rotations * self.scales[:, None, :]
        positions = self.translations.copy()
        for node in self.order:
            parent = self.parents[node]
            if parent >= 0:
                positions[node] = positions[parent] + linear[parent] @ self.translations[node]
                linear[node] = linear[parent] @ linear[node]
                rotations[node] = rotations[parent] @ self.rotations[node]
        return rotations, positions


def read_rig(path: str | Path, rest_frame: int | None = None) -> Rig:
    """The skeleton in a .bvh, .glb, .gltf or .vrm file.

    The rest pose is the one the mesh was made in (inverse bind matrices) where there is a skin; of a .bvh all channels
    zero, or its frame `rest_frame`.  Raises InputError for a file that is not such a file or has no skeleton.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: got the suffix {suffix!r}, wanted a character as {' '.join(SUFFIXES)}; export it as .glb"
        )
    if suffix == ".bvh":
        return _bvh_rig(str(path), read_bvh(path), rest_frame)
    if rest_frame is not None:
        raise InputError(f"{path}: rest_frame is for .bvh characters; wanted a character map without it")
    gltf = read_gltf(path)
    try:
        return _gltf_rig(gltf)
    except (TypeError, AttributeError, KeyError, IndexError, ValueError, OverflowError, RecursionError):
        # JSON of another shape than glTF's, wherever it is
        raise gltf.fail("its skeleton or skin is not as glTF 2.0 wants it") from None


def _bvh_rig(path: str, bvh: Bvh, rest_frame: int | None) -> Rig:
    joints = len(bvh.names)
    if rest_frame is not None and not 0 <= rest_frame < bvh.frames:
        raise InputError(f"{path}: rest_frame is {rest_frame}; the file has frames 0 to {bvh.frames - 1}")
    rotations, positions = np.tile(np.eye(3), (joints, 1, 1)), np.asarray(bvh.offsets, np.float64)
    if rest_frame is not None:  # a pose is rotations and positions: the root stands where the frame has it
        rotations, positions = bvh.rotations[rest_frame], bvh.positions[rest_frame]
    return Rig(
        path=path,
        names=bvh.names,
        parents=bvh.parents,
        order=tuple(range(joints)),
        rotations=rotations.copy(),
        translations=positions.copy(),
        scales=np.ones((joints, 3)),
        bones=tuple(range(joints)),
        bvh=bvh,
    )


def _gltf_rig(gltf: Gltf) -> Rig:
    parents, order = node_order(gltf)
    nodes = gltf.entries("nodes")
    if not nodes:
        raise gltf.fail("has no nodes")
    parts = [node_transform(gltf, node) for node in nodes]
    rotations, translations, scales = (np.stack([part[k] for part in parts]) for k in range(3))
    joints = {joint for skin in gltf.entries("skins") for joint in skin.get("joints", [])}
    for joint in joints:
        gltf.entry("nodes", joint)
    rig = Rig(
        path=gltf.path,
        names=tuple(str(node.get("name", "")) for node in nodes),
        parents=tuple(parents),
        order=tuple(order),
        rotations=rotations,
        translations=translations,
        scales=scales,
        bones=tuple(sorted(joints)) or tuple(range(len(nodes))),
        humanoid=_humanoid(gltf),
        gltf=gltf,
    )
    return _in_bind_pose(gltf, rig)


def _humanoid(gltf: Gltf) -> dict[str, int]:
    """VRM's own table of body parts: a list in version 0, an object in version 1."""
    extensions = gltf.json.get("extensions", {})
    if not isinstance(extensions, dict):
        return {}
    try:
        old = extensions.get("VRM", {}).get("humanoid", {}).get("humanBones", [])
        new = extensions.get("VRMC_vrm", {}).get("humanoid", {}).get("humanBones", {})
        table = {str(entry["bone"]): entry["node"] for entry in old} | {k: v["node"] for k, v in new.items()}
    except (AttributeError, KeyError, TypeError):
        raise gltf.fail("its VRM humanoid table is not understood") from None
    for number in table.values():
        gltf.entry("nodes", number)
    return table


def _in_bind_pose(gltf: Gltf, rig: Rig) -> Rig:
    """The rig in the pose its mesh was made in, with how low the mesh reaches."""
    matrices = bind_matrices(gltf, rig)
    if matrices is None:
        return rig
    joints, inverse, _ = matrices
    rotations, _ = rig.rest()
    # mesh to world by each joint: the same for all of them when the nodes stand in the bind pose
    mesh_rotations = rotations[joints] @ orthogonal(inverse[:, :3, :3])  # [joints, 3, 3]
    rank = {node: index for index, node in enumerate(rig.order)}
    first = min(range(len(joints)), key=lambda index: rank[joints[index]])
    angles = np.arccos(np.clip((np.einsum("jik,ik->j", mesh_rotations, mesh_rotations[first]) - 1) / 2, -1, 1))
    if angles.max() > SAME_POSE and (rig.scales > 0).all():
        # The nodes stand in some frame of an animation.
        bind = _mesh_to_world(gltf, rig, joints[first], inverse[first]) @ np.linalg.inv(inverse)
        rig = _with_joints_at(rig, dict(zip(joints, bind, strict=True)))
    return replace(rig, lowest=_lowest(gltf, rig))


def _mesh_to_world(gltf: Gltf, rig: Rig, top: int, inverse: Array) -> Array:
    """The matrix [4, 4] that takes the mesh to the world in the bind pose, from the uppermost joint's own [4, 4].

    Its scale is known.  Exporters count the bind matrices from the world, from a node over the skeleton or from the
    mesh's node: of these, the one that turns and moves the joint least from where it stands, or a quarter turn.
    """
    world = _world(rig)
    now = world[top] @ inverse
    scale = float(np.cbrt(abs(np.linalg.det(now[:3, :3]))))
    turn, place = orthogonal(now[:3, :3]), np.linalg.inv(inverse)[:3, 3]
    meshes = [number for number, node in enumerate(gltf.entries("nodes")) if "mesh" in node and "skin" in node]
    choices: list[tuple[Array, Array]] = [(np.eye(3), np.zeros(3))]
    for node in (*rig.above(top)[1:], *meshes):
        rotation = orthogonal(world[node, :3, :3])
        if np.allclose(world[node, :3, :3], scale * rotation, atol=1e-3 * scale):
            choices.append((rotation, world[node, :3, 3]))
    close = [choice for choice in choices if np.trace(choice[0].T @ turn) > QUARTER]
    close = close or [(max(_quarter_turns(), key=lambda quarter: float(np.trace(quarter.T @ turn))), np.zeros(3))]

    def moved(choice: tuple[Array, Array]) -> tuple[float, float]:
        rotation, shift = choice
        away = scale * rotation @ place + shift - world[top, :3, 3]
        return -round(float(np.trace(rotation.T @ turn)), 3), float(np.linalg.norm(away))

    matrix = np.eye(4)
    rotation, matrix[:3, 3] = min(close, key=moved)
    matrix[:3, :3] = scale * rotation
    return matrix


def _quarter_turns() -> list[Array]:
    """The 24 rotations that take axes to axes."""
    axes = [np.eye(3)[list(order)] for order in itertools.permutations(range(3))]
    signed = [axis * np.asarray(signs)[:, None] for axis in axes for signs in itertools.product((1, -1), repeat=3)]
    return [matrix for matrix in signed if np.linalg.det(matrix) > 0]


def _with_joints_at(rig: Rig, bind: dict[int, Array]) -> Rig:
    """The rig with its joints at the poses `bind`, joint -> world matrix [4, 4]; the others follow."""
    rotations, translations = rig.rotations.copy(), rig.translations.copy()
    world_rotations, world = np.tile(np.eye(3), (len(rig.names), 1, 1)), np.tile(np.eye(4), (len(rig.names), 1, 1))
    for node in rig.order:
        parent = rig.parents[node]
        above, matrix = (world_rotations[parent], world[parent]) if parent >= 0 else (np.eye(3), np.eye(4))
        if node in bind:
            rotations[node] = above.T @ orthogonal(bind[node][:3, :3])
            translations[node] = np.linalg.solve(matrix, bind[node][:, 3])[:3]
        world_rotations[node] = above @ rotations[node]
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotations[node] * rig.scales[node], translations[node]
        world[node] = matrix @ local
    return replace(rig, rotations=rotations, translations=translations)


def bind_matrices(gltf: Gltf, rig: Rig) -> tuple[list[int], Array, list[tuple[list[int], Array]]] | None:
    """Joints with inverse bind matrices [joints, 4, 4], each once, and those of every skin; None where none is.

    Skins of one skeleton may each count from another mesh (packers scale meshes): the first skin's mesh counts.
    """
    inverse_of: dict[int, Array] = {}
    skins: list[tuple[list[int], Array]] = []
    left = MAX_COUNT
    for skin in gltf.entries("skins"):
        joints = skin.get("joints", [])
        matrices = np.tile(np.eye(4), (len(joints), 1, 1))
        if "inverseBindMatrices" in skin:
            stored = gltf.array(skin["inverseBindMatrices"]).astype(np.float64)
            left -= len(stored)
            if left < 0:
                raise gltf.fail(f"over {MAX_COUNT} inverse bind matrices")
            if stored.shape[1] != 16 or len(stored) < len(joints) or not (np.abs(stored) < LARGEST).all():
                raise gltf.fail("its inverse bind matrices do not fit its joints")
            matrices = stored[: len(joints)].reshape(-1, 4, 4).swapaxes(1, 2)
            if (np.abs(np.linalg.det(matrices[:, :3, :3])) < 1e-18).any():
                raise gltf.fail("an inverse bind matrix is flat")
            shared = next((number for number, joint in enumerate(joints) if joint in inverse_of), None)
            same = np.eye(4) if shared is None else np.linalg.inv(matrices[shared]) @ inverse_of[joints[shared]]
            inverse_of = dict(zip(joints, matrices @ same, strict=True)) | inverse_of
        skins.append((joints, matrices))
    return (list(inverse_of), np.stack(list(inverse_of.values())), skins) if inverse_of else None


def _lowest(gltf: Gltf, rig: Rig) -> tuple[float, float] | None:
    """The lowest point along y and along z of all skinned vertices in the rest pose."""
    low = [points.min(axis=0) for points, _, _ in skinned_vertices(rig)]
    if not low:
        return None
    y, z = np.min(low, axis=0)[1:]
    return float(y), float(z)


def skinned_vertices(rig: Rig) -> Iterator[tuple[Array, Integers, Array]]:
    """Of each skinned primitive the vertices [n, 3] in the rest pose's world, their nodes [n, k] and weights [n, k].

    Raises InputError for a skin that does not fit its mesh.
    """
    gltf = rig.gltf
    bind = None if gltf is None else bind_matrices(gltf, rig)
    if gltf is None or bind is None:
        return
    world, skins = _world(rig), bind[2]
    for primitive, skin in _skinned_primitives(gltf):
        joints, inverse = skins[skin]
        skinned = _skinned(gltf, primitive, world[joints] @ inverse)
        if skinned is not None:
            points, numbers, weights = skinned
            yield points, np.asarray(joints)[numbers], weights


def _skinned_primitives(gltf: Gltf) -> list[tuple[Json, int]]:
    """The parts of meshes with the number of their skin, each pair of mesh and skin once.

    Raises InputError where they have more than `MAX_COUNT` vertices together, before any is read.
    """
    pairs = {(node["mesh"], node["skin"]): node for node in gltf.entries("nodes") if {"mesh", "skin"} <= set(node)}
    primitives: list[tuple[Json, int]] = []
    vertices = 0
    for mesh, skin in pairs:
        gltf.entry("skins", skin)
        for primitive in gltf.entry("meshes", mesh).get("primitives", []):
            accessor = primitive["attributes"].get("POSITION")
            vertices += 1000 + (0 if accessor is None else max(0, int(gltf.entry("accessors", accessor)["count"])))
            primitives.append((primitive, skin))
            if vertices > MAX_COUNT:  # a part costs as much as a thousand vertices
                raise gltf.fail(f"over {MAX_COUNT} vertices with a skin")
    return primitives


def _world(rig: Rig) -> Array:
    """World matrices [nodes, 4, 4] of the rest pose, scales included."""
    world = np.tile(np.eye(4), (len(rig.names), 1, 1))
    world[:, :3, :3] = rig.rotations * rig.scales[:, None, :]
    world[:, :3, 3] = rig.translations
    for node in rig.order:
        if rig.parents[node] >= 0:
            world[node] = world[rig.parents[node]] @ world[node]
    return world


def _skinned(gltf: Gltf, primitive: object, matrices: Array) -> tuple[Array, Integers, Array] | None:
    """Vertices [n, 3] of a primitive under joint matrices [joints, 4, 4], their joints [n, k] and weights [n, k]; None
    for one packed or without a skin."""
    if not isinstance(primitive, dict) or "KHR_draco_mesh_compression" in primitive.get("extensions", {}):
        return None
    attributes = primitive.get("attributes", {})
    if not {"POSITION", "JOINTS_0", "WEIGHTS_0"} <= set(attributes):
        return None
    points, joints, weights = (gltf.array(attributes[name]) for name in ("POSITION", "JOINTS_0", "WEIGHTS_0"))
    fits = len(points) == len(joints) == len(weights) and joints.shape == weights.shape and points.shape[1] == 3
    if not fits or joints.max() >= len(matrices):
        raise gltf.fail("its skin does not fit its mesh")
    skinned = np.zeros((len(points), 3))
    if not (np.abs(points) < LARGEST).all() or not (np.abs(weights) < LARGEST).all():
        return None
    numbers = joints.astype(int)
    for k in range(joints.shape[1]):
        chosen = matrices[numbers[:, k]]
        skinned += weights[:, k, None] * (rotate(chosen[:, :3, :3], points.astype(np.float64)) + chosen[:, :3, 3])
    return (skinned, numbers, weights) if (np.abs(skinned) < LARGEST).all() else None
