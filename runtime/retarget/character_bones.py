"""Which bone of a character is which part of a body: by the user's own table, the file's, or by names.

Parts are those of `genmo.runtime.motion.bone_names`, with the spine (all bones from hips to chest) and the neck (all
between chest and head) as chains.  What is no part stays as it rests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.motion.bone_names import LIMBS, PARTS, REQUIRED, SIDES, name_parts, neck_bones
from genmo.runtime.retarget.rig import Rig
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST, number, quoted


@dataclass(frozen=True)
class Bones:
    """The parts of a body on a rig; numbers are the rig's nodes."""

    convention: str
    hips: int
    spine: tuple[int, ...]
    """from the one over the hips to the chest"""
    neck: tuple[int, ...]
    """from the lowest to the one under the head"""
    head: int
    limbs: dict[str, int]
    """left_upper_leg, ... ; what is optional may lack"""


@dataclass(frozen=True)
class CharacterMap:
    """What a user says about a character: the YAML file of `--character-map`."""

    bones: dict[str, list[str]]
    """part -> names of bones; one name for all parts but spine and neck"""
    floor: float | None = None
    """height of the floor under the rest pose, in the file's unit; None: under the mesh or the feet"""
    rest_frame: int | None = None
    """of a .bvh character: the frame that is its rest pose; None: all channels zero"""
    path: str = "the character map"


NO_MAP = CharacterMap({})


def read_map(path: str | Path) -> CharacterMap:
    """Read a character map.  Raises InputError for what is not one, naming the key."""
    from genmo.runtime.support.safe_yaml import read_yaml  # a library that most characters do not need

    table = read_yaml(path, "YAML with bones: {hips: name, ...}")
    if not isinstance(table, dict) or not set(table) <= {"bones", "floor", "rest_frame"}:
        got = ", ".join(quoted(key) for key in list(table)[:3]) if isinstance(table, dict) else type(table).__name__
        raise InputError(f"{path}: got {got}; wanted the keys bones, floor, rest_frame")
    bones = table.get("bones") or {}
    if not isinstance(bones, dict):
        raise InputError(f"{path}: bones is no table; wanted bones: {{hips: name of the bone, ...}}")
    named: dict[str, list[str]] = {}
    for part, value in bones.items():
        names = value if isinstance(value, list) else [value]
        if part not in PARTS:
            raise InputError(f"{path}: {quoted(part)} is no part of a body; wanted one of {', '.join(PARTS)}")
        if not all(isinstance(name, str) for name in names) or (len(names) != 1 and part not in ("spine", "neck")):
            raise InputError(
                f"{path}: {part} is {quoted(value)}; wanted the name of one bone (spine and neck take a list)"
            )
        named[part] = names
    floor, rest_frame = table.get("floor"), table.get("rest_frame")
    if floor is not None:  # a height in the character's unit
        floor = number(floor, f"{path}: floor", -LARGEST, LARGEST)
    if rest_frame is not None and (type(rest_frame) is not int or not 0 <= rest_frame <= LARGEST):
        raise InputError(f"{path}: rest_frame is {quoted(rest_frame)}; wanted a frame's number, 0 or more")
    return CharacterMap(named, floor, rest_frame, str(path))


def find_bones(rig: Rig, mapping: CharacterMap = NO_MAP) -> Bones:
    """The parts of a body on a rig: by the user's own table, then the file's VRM table, then names.

    Raises InputError that names the parts without a bone and the rig's bones.
    """
    named = name_parts(rig.names, rig.parents, rig.bones)
    nodes = {part: node for part, node in named.nodes.items() if part != "neck"}
    label = "VRM" if rig.humanoid else named.convention
    nodes |= vrm_parts(rig)
    by_name = {rig.names[node]: node for node in reversed(rig.bones)}
    chains: dict[str, tuple[int, ...]] = {}
    for part, names in mapping.bones.items():
        for name in names:
            if name not in by_name:
                raise InputError(f"{mapping.path}: {part}: {quoted(name)} is no bone of {rig.path}; {_listed(rig)}")
        if part in ("spine", "neck"):
            chains[part] = tuple(by_name[name] for name in names)
        else:
            nodes[part] = by_name[names[0]]
    missing = [part for part in REQUIRED if part not in nodes]
    if missing:
        closest = f" (most like {label})" if len(missing) < len(REQUIRED) else ""
        raise InputError(
            f"{rig.path}: no bone found for {', '.join(missing)}{closest}; {_listed(rig)}; name them in a YAML file "
            f"(bones: {{{missing[0]}: name of the bone}}) and pass --character-map"
        )
    limbs = {part: node for part, node in nodes.items() if part.startswith(SIDES)}
    spine = chains.get("spine") or _spine(rig, nodes["hips"], limbs)
    neck = chains["neck"] if "neck" in chains else neck_bones(rig.parents, nodes["head"], (nodes["hips"], *spine))
    bones = Bones(label, nodes["hips"], spine, neck, nodes["head"], limbs)
    _check(rig, bones)
    return bones


def vrm_parts(rig: Rig) -> dict[str, int]:
    """Part of a body -> node, as the file's own VRM table has it; empty where it has none."""
    return {part: node for name, node in rig.humanoid.items() if (part := _snake(name)) in PARTS}


def _snake(name: str) -> str:
    """leftUpperArm -> left_upper_arm; VRM's first finger bones serve as `middle`."""
    part = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
    return part.replace("middle_proximal", "middle") if part not in ("spine", "neck") else ""


def _spine(rig: Rig, hips: int, limbs: dict[str, int]) -> tuple[int, ...]:
    """The bones over the hips that both arms hang on."""
    right = rig.above(limbs["right_upper_arm"])
    shared = [node for node in rig.above(limbs["left_upper_arm"]) if node in right]
    if hips not in shared:
        return ()
    return tuple(reversed(shared[: shared.index(hips)]))


def _check(rig: Rig, bones: Bones) -> None:
    """Raise InputError where a part does not hang on the one before it, or a bone is two parts."""
    chains = [["hips", "head"]]
    for side in SIDES:
        chains.append(["hips", *(f"{side}_{limb}" for limb in LIMBS[:4])])
        chains.append(["hips", *(f"{side}_{limb}" for limb in LIMBS[4:])])
    node_of = {"hips": bones.hips, "head": bones.head, **bones.limbs}
    for chain in chains:
        mapped = [part for part in chain if part in node_of]
        for upper, lower in zip(mapped, mapped[1:], strict=False):
            if node_of[upper] not in rig.above(node_of[lower])[1:]:
                raise InputError(
                    f"{rig.path}: {lower} {quoted(rig.name(node_of[lower]))} does not hang on {upper} "
                    f"{quoted(rig.name(node_of[upper]))}; wanted bones that move their children: parent them so, or "
                    "name others in --character-map"
                )
    used = [*node_of.values(), *bones.spine, *bones.neck]
    twice = next((node for node in used if used.count(node) > 1), None)
    if twice is not None:
        raise InputError(
            f"{rig.path}: {quoted(rig.name(twice))} is taken for two parts; name others in --character-map"
        )


def _listed(rig: Rig) -> str:
    names = [rig.name(node)[:40] for node in rig.bones]
    more = f" and {len(names) - 60} more" if len(names) > 60 else ""
    return f"its bones are {', '.join(names[:60])}{more}"
