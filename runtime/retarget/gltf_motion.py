"""A person's motion out of the animation of a glTF file (.glb, .gltf, .vrm) of any common skeleton, as SMPL-24 joints.

The animated nodes are taken for a BVH hierarchy whose frame 0 is the rest pose, and `formats.bvh_motion` does the
rest, so that bones have the same names and turns in both formats.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genmo.runtime.formats.bvh import Bvh
from genmo.runtime.formats.bvh_motion import bvh_motion
from genmo.runtime.formats.gltf import LARGEST, Gltf, Json
from genmo.runtime.motion.bone_names import JOINT_OF_PART
from genmo.runtime.motion.motion import FPS, MAX_FRAMES, Motion
from genmo.runtime.motion.rotation import matrix_from_quaternion, normalize
from genmo.runtime.retarget.character_bones import vrm_parts
from genmo.runtime.retarget.rig import Rig, read_rig
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

EVEN = 1e-3
"""share of a frame by which keys of an evenly sampled animation may be off"""
HIGHEST = 240.0
"""frames a second at most that keys are taken for"""


def read_gltf_motion(path: str | Path, *, names: dict[str, str] | None = None) -> Motion:
    """The first animation of a .glb, .gltf or .vrm file that turns bones: y up, metres.

    Frames are the animation's keys where these are evenly spaced, else 30 a second.  `names`: SMPL joint -> bone of the
    file, before all guessing.  Scales that an animation changes are ignored.  Legs of a length that no unit makes a
    person's count as a mean person's.  Raises InputError that names the file.
    """
    rig = read_rig(path)
    assert rig.gltf is not None
    try:
        bvh = _as_bvh(rig, rig.gltf)
    except (TypeError, AttributeError, KeyError, ValueError, OverflowError):
        # JSON of another shape than glTF's, wherever it is
        raise rig.gltf.fail("its animation is not as glTF 2.0 wants it") from None
    humanoid = {JOINT_OF_PART[part]: rig.names[node] for part, node in vrm_parts(rig).items() if part in JOINT_OF_PART}
    try:
        motion = bvh_motion(bvh, names={**humanoid, **(names or {})}, up="y", rest_frame=0, any_size=True)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return motion.cut(slice(1, None))


def _as_bvh(rig: Rig, gltf: Gltf) -> Bvh:
    """The rest pose and then the frames of the animation as a BVH hierarchy in the file's world unit."""
    tracks = _tracks(rig, gltf)
    times = _frame_times(rig, tracks)
    rotations = np.tile(rig.rotations, (len(times) + 1, 1, 1, 1))  # [1 + frames, nodes, 3, 3]
    positions = np.tile(rig.translations, (len(times) + 1, 1, 1))  # [1 + frames, nodes, 3]
    for (node, path), (keys, values, step) in tracks.items():
        at_times = _sampled(keys, values, times, step)
        if path == "rotation":
            rotations[1:, node] = matrix_from_quaternion(normalize(at_times)[:, [3, 0, 1, 2]])
        else:
            positions[1:, node] = at_times
    size = np.ones(len(rig.names))  # length in the world of a unit of the node's children
    for node in rig.order:
        parent = rig.parents[node]
        above = size[parent] if parent >= 0 else 1.0
        positions[:, node] *= above
        size[node] = above * rig.scales[node].mean()
    order, bones = list(rig.order), set(rig.bones)
    place = {node: number for number, node in enumerate(order)}
    return Bvh(
        names=tuple(rig.names[node] if node in bones else "" for node in order),
        parents=tuple(place.get(rig.parents[node], -1) for node in order),
        offsets=positions[0, order],
        end_sites={},
        channels=((),) * len(order),
        frame_time=float(times[1] - times[0]) if len(times) > 1 else 1 / FPS,
        rotations=rotations[:, order],
        positions=positions[:, order],
    )


_Track = tuple[Array, Array, bool]
"""times [keys] in seconds, values [keys, 3 or 4], and whether a value stays until the next key"""


def _tracks(rig: Rig, gltf: Gltf) -> dict[tuple[int, str], _Track]:
    """(node, "rotation" or "translation") -> its track, of the first animation that turns bones."""
    bones = set(rig.bones)
    for animation in gltf.entries("animations"):
        tracks: dict[tuple[int, str], _Track] = {}
        for channel in animation["channels"]:
            target = channel["target"]
            if "node" in target and target["path"] in ("rotation", "translation"):
                gltf.entry("nodes", target["node"])
                width = 4 if target["path"] == "rotation" else 3
                sampler = animation["samplers"][_index(gltf, channel["sampler"], len(animation["samplers"]))]
                tracks[target["node"], target["path"]] = _track(gltf, sampler, width)
        if any(node in bones and path == "rotation" for node, path in tracks):
            return tracks
    raise InputError(f"{rig.path}: no animation turns its bones; wanted one: export it with its animation")


def _index(gltf: Gltf, index: object, count: int) -> int:
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        raise gltf.fail("a channel of its animation has no sampler")
    return index


def _track(gltf: Gltf, sampler: Json, width: int) -> _Track:
    keys = gltf.array(sampler["input"]).astype(np.float64)[:, 0]
    values = gltf.array(sampler["output"]).astype(np.float64)
    kind = sampler.get("interpolation", "LINEAR")
    if kind == "CUBICSPLINE":  # tangent, value, tangent of every key
        values = values[1::3]
    fits = values.shape == (len(keys), width) and (np.abs(values) < LARGEST).all() and (np.abs(keys) < LARGEST).all()
    if not fits or (np.diff(keys) <= 0).any() or (width == 4 and (np.linalg.norm(values, axis=1) < 1e-3).any()):
        raise gltf.fail("keys of its animation do not fit their times")
    return keys, values, kind == "STEP"


def _frame_times(rig: Rig, tracks: dict[tuple[int, str], _Track]) -> Array:
    """Times [frames] of the frames: the keys of the longest track where they are evenly spaced, else 30 a second."""
    longest = max((keys for keys, _, _ in tracks.values()), key=len)
    start = min(float(keys[0]) for keys, _, _ in tracks.values())
    end = max(float(keys[-1]) for keys, _, _ in tracks.values())
    step = (longest[-1] - longest[0]) / max(len(longest) - 1, 1)
    even = len(longest) > 1 and bool((np.abs(np.diff(longest) - step) < max(EVEN * step, 1e-5)).all())
    whole = even and longest[0] - start < step / 2 and end - longest[-1] < step / 2
    if whole and step > 1 / HIGHEST and len(longest) > 2:
        return np.asarray(longest)
    count = int(round((end - start) * FPS)) + 1
    if count > MAX_FRAMES:
        raise InputError(
            f"{rig.path}: its animation lasts {end - start:.0f} s; wanted at most {MAX_FRAMES / FPS:.0f} s"
        )
    return np.asarray(start + np.arange(count) / FPS)


def _sampled(keys: Array, values: Array, times: Array, step: bool) -> Array:
    """Values [frames, width] at `times`; quaternions on the shorter arc, which for close keys is nearly a slerp."""
    if len(keys) == 1:
        return np.repeat(values, len(times), axis=0)
    low = np.clip(np.searchsorted(keys, times, side="right") - 1, 0, len(keys) - 2)
    share = np.clip((times - keys[low]) / (keys[low + 1] - keys[low]), 0, 1)[:, None]
    if step:
        share = np.floor(share)
    first, second = values[low], values[low + 1]
    if values.shape[1] == 4:
        second = second * np.where((first * second).sum(axis=1, keepdims=True) < 0, -1, 1)
    return np.asarray(first + share * (second - first))
