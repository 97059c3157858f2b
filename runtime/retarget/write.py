"""A performance in files: the user's .glb with one more animation, or a .bvh of the user's skeleton."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from genmo.runtime.formats.bvh import CENTIMETRES, END_SITE, ROOT_CHANNELS, ROTATIONS, Bvh, bvh_bytes
from genmo.runtime.formats.glb import BinaryChunk, animation
from genmo.runtime.formats.gltf import Json, node_transform, pack
from genmo.runtime.formats.usd import Skeleton, usd_bytes
from genmo.runtime.motion.rotation import continuous_quaternions, quaternion_from_matrix, rotate, transpose
from genmo.runtime.motion.skeleton import JOINTS, shape_space
from genmo.runtime.retarget.character import Character
from genmo.runtime.retarget.retargeting import Performance
from genmo.runtime.retarget.rig import Rig
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import write_aside
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted

UNITS = (1.0, 0.01, 0.001, 0.0254)
"""metres that a character's unit of length may be: metre, centimetre, millimetre, inch"""


def to_glb(performance: Performance, name: str = "genmo") -> bytes:
    """The character's file with the motion as its first animation (`performances_glb`)."""
    return performances_glb([(name, performance)])


def performances_glb(takes: Sequence[tuple[str, Performance]]) -> bytes:
    """The character's file with motions, each with its name, as its first animations.

    Everything that was in the file stays: the binary chunk goes on where it ended, and of the JSON only nodes that
    state a matrix are changed (an animated node may not have one).  Raises InputError for a .bvh character.
    """
    rig = takes[0][1].character.rig
    check_holds(takes[0][1].character, "walk.glb")
    assert rig.gltf is not None
    for name_of_list in ("animations", "buffers", "bufferViews", "accessors"):
        rig.gltf.entries(name_of_list)  # refuses a file in which that is no list
    document = copy.deepcopy(rig.gltf.json)
    binary = BinaryChunk(rig.gltf.binary, document.setdefault("bufferViews", []), document.setdefault("accessors", []))
    animations = [_animation(binary, name, performance, document["nodes"]) for name, performance in takes]
    document["animations"] = [*animations, *document.get("animations", [])]
    buffers = document.setdefault("buffers", [])
    if not buffers:
        buffers.append({})
    buffers[0]["byteLength"] = len(binary.data)
    return pack(document, bytes(binary.data))


def _animation(binary: BinaryChunk, name: str, performance: Performance, nodes: list[dict[str, object]]) -> Json:
    """The animation of a performance, whose `nodes` state no matrix afterwards."""
    rig = performance.character.rig
    quaternions = continuous_quaternions(performance.rotations[:, list(performance.driven)])
    tracks = [(performance.character.bones.hips, "translation", performance.hips)]
    if performance.root is not None and performance.way is not None:
        tracks.append((performance.root, "translation", performance.way))
    tracks += [(node, "rotation", quaternions[:, column]) for column, node in enumerate(performance.driven)]
    tracks += _rest_tracks(rig, performance)
    for node, _, _ in tracks:
        _state_parts(rig, nodes[node])
    return animation(binary, name, performance.fps, tracks)


def _rest_tracks(rig: Rig, performance: Performance) -> list[tuple[int, str, Array]]:
    """Tracks of one frame that bring back what stands otherwise in the file than it rests, and is not animated."""
    assert rig.gltf is not None
    nodes = rig.gltf.entries("nodes")
    tracks: list[tuple[int, str, Array]] = []
    for node in rig.bones:
        rotation, translation, _ = node_transform(rig.gltf, nodes[node])
        if node not in performance.driven and not np.allclose(rotation, rig.rotations[node]):
            tracks.append((node, "rotation", quaternion_from_matrix(rig.rotations[node])[None]))
        tolerance = 1e-5 * max(1e-6, float(np.abs(rig.translations[node]).max()))
        if node not in (performance.character.bones.hips, performance.root) and not np.allclose(
            translation, rig.translations[node], atol=tolerance
        ):
            tracks.append((node, "translation", rig.translations[node][None]))
    return tracks


def _state_parts(rig: Rig, node: dict[str, object]) -> None:
    """Replace a node's matrix by translation, rotation and scale."""
    assert rig.gltf is not None
    if "matrix" in node:
        rotation, translation, scale = node_transform(rig.gltf, node)
        del node["matrix"]
        node["rotation"] = np.roll(quaternion_from_matrix(rotation), -1).tolist()
        node["translation"], node["scale"] = translation.tolist(), scale.tolist()


def to_bvh(performance: Performance) -> bytes:
    """A .bvh of the character's skeleton.

    Of a .bvh character: its own hierarchy, offsets, channels and unit.  Of another: its bones with rest axes along
    the world's, y up, facing +z, centimetres.  Raises InputError where the hierarchy cannot carry the motion.
    """
    rig = performance.character.rig
    return bvh_bytes(_own_bvh(performance, rig.bvh) if rig.bvh is not None else _converted_bvh(performance))


def _own_bvh(performance: Performance, bvh: Bvh) -> Bvh:
    rig, hips = performance.character.rig, performance.character.bones.hips
    able = [node for node in rig.above(hips) if {"Xposition", "Yposition", "Zposition"} <= set(bvh.channels[node])]
    if not able:
        raise InputError(
            f"{rig.path}: {quoted(rig.name(hips))} and what it hangs on have no position channels; wanted three"
        )
    positions = np.tile(rig.translations, (performance.frames, 1, 1))
    positions[:, hips] = performance.hips
    if performance.root is not None and performance.way is not None:
        if not {hips, performance.root} <= set(able):
            raise InputError(
                f"{rig.path}: {quoted(rig.name(hips))} or {quoted(rig.name(performance.root))} has no position "
                "channels; wanted three in both for a root bone: leave --root-bone out, or write a .usd"
            )
        positions[:, performance.root] = performance.way
    elif able[0] != hips:  # the root carries the way: move it by what the hips have moved from their rest
        world_rotations = performance.world()[0]
        above, parent = world_rotations[:, rig.parents[hips]], rig.parents[able[0]]
        way = rotate(above, performance.hips - rig.translations[hips])
        positions[:, hips] = rig.translations[hips]
        positions[:, able[0]] += way if parent < 0 else rotate(transpose(world_rotations[:, parent]), way)
    return Bvh(
        names=bvh.names,
        parents=bvh.parents,
        offsets=bvh.offsets,
        end_sites=bvh.end_sites,
        channels=bvh.channels,
        frame_time=1 / performance.fps,
        rotations=performance.rotations,
        positions=positions,
    )


def skeleton_nodes(performance: Performance) -> list[int]:
    """The bones of a .glb character that hang together with its hips, parents first."""
    rig, top = performance.character.rig, performance.character.top_bone
    bones = {*rig.bones, *performance.driven}
    return [node for node in rig.order if node in bones and top in rig.above(node)]


def metres(performance: Performance) -> float:
    """Metres in the character's unit: the one that makes its legs most like a person's."""
    mean = shape_space().mean[[JOINTS.index("left_knee"), JOINTS.index("left_ankle")]]
    person = float(np.linalg.norm(mean, axis=-1).sum())
    return min(UNITS, key=lambda unit: abs(np.log(unit * performance.character.leg / person)))


def _rest_and_motion(performance: Performance, nodes: list[int]) -> tuple[Array, Array, Array, Array]:
    """World rotations and positions of rest [nodes, ...] and motion [frames, nodes, ...], y up, facing +z, metres."""
    character, unit = performance.character, metres(performance)
    rest, rest_places = character.rest
    world_rotations, world_positions = performance.world()
    positions = unit * rotate(character.frame, world_positions[:, nodes])
    return rest[nodes], unit * rest_places[nodes], character.frame @ world_rotations[:, nodes], positions


def _parents(rig: Rig, nodes: list[int]) -> list[int]:
    """Of each of `nodes`, the index in the list of the nearest ancestor that is in it; -1 for none."""
    return [next((nodes.index(above) for above in rig.above(node)[1:] if above in nodes), -1) for node in nodes]


def _converted_bvh(performance: Performance) -> Bvh:
    rig, nodes = performance.character.rig, skeleton_nodes(performance)
    parents = _parents(rig, nodes)
    rest, rest_places, world_rotations, world_positions = _rest_and_motion(performance, nodes)
    play = world_rotations @ transpose(rest)  # of axes that rest along the world's
    local, steps, offsets = play.copy(), world_positions.copy(), rest_places.copy()
    for number, parent in enumerate(parents):
        if parent >= 0:
            local[:, number] = transpose(play[:, parent]) @ play[:, number]
            steps[:, number] = rotate(
                transpose(play[:, parent]), world_positions[:, number] - world_positions[:, parent]
            )
            offsets[number] = rest_places[number] - rest_places[parent]
    offsets[0] = 0.0
    hips = nodes.index(performance.character.bones.hips)
    free = [number in (0, hips) for number in range(len(nodes))]
    tips = [number for number in range(len(nodes)) if number not in parents]
    return Bvh(
        names=tuple(rig.name(node) for node in nodes),
        parents=tuple(parents),
        offsets=CENTIMETRES * offsets,
        end_sites={number: _tip(CENTIMETRES * offsets[number]) for number in tips},
        channels=tuple(ROOT_CHANNELS if moves else ROTATIONS for moves in free),
        frame_time=1 / performance.fps,
        rotations=local,
        positions=CENTIMETRES * steps,
    )


def _tip(offset: Array) -> Array:
    """End [3] of a bone without children, in centimetres: on along the way to it."""
    length = float(np.linalg.norm(offset))
    return CENTIMETRES * END_SITE * (offset / length if length > 1e-6 else np.asarray([0.0, 1.0, 0.0]))


def to_usd(performance: Performance, suffix: str) -> bytes:
    """The character's bones and their movement as UsdSkel, y up, facing +z, metres."""
    rig = performance.character.rig
    nodes = skeleton_nodes(performance) if rig.bvh is None else list(rig.order)
    rest, rest_places, rotations, positions = _rest_and_motion(performance, nodes)
    skeleton = Skeleton(tuple(rig.name(node) for node in nodes), tuple(_parents(rig, nodes)), rest, rest_places)
    return usd_bytes(skeleton, rotations, positions, performance.fps, suffix)


_WRITERS: dict[str, Callable[[Performance], bytes]] = {
    ".bvh": to_bvh,
    ".glb": to_glb,
    ".usd": lambda performance: to_usd(performance, ".usd"),
    ".usda": lambda performance: to_usd(performance, ".usda"),
    ".usdz": lambda performance: to_usd(performance, ".usdz"),
}

SUFFIXES = tuple(_WRITERS)
"""What a performance can be written to."""


def check_holds(character: Character, path: str | Path) -> None:
    """Raise InputError when the format that the suffix of `path` names cannot hold this character."""
    if Path(path).suffix.lower() == ".glb" and character.rig.gltf is None:
        raise InputError(
            f"{path}: {character.rig.path} has no mesh to put in a .glb; wanted --out FILE.bvh or .usd, or a character "
            "with a mesh (.glb, .gltf, .vrm)"
        )


def save_performance(path: str | Path, performance: Performance) -> None:
    """Write a performance in the format that the suffix of `path` names; whole or not at all.

    Raises InputError for another suffix, and for what the format cannot hold.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise InputError(f"{path}: got the suffix {suffix!r}, wanted one of {' '.join(SUFFIXES)} for a character")
    write_aside(path, _WRITERS[suffix](performance))
