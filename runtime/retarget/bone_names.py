"""Which bone of a rig is which part of a body: by the names that tools use, or by the user's own table.

Parts are called as in VRM's humanoid, in lower case: hips, spine (all bones from hips to chest), neck (all between
chest and head), head, and for either side (left_, right_) upper_leg, lower_leg, foot, toes, shoulder (the clavicle),
upper_arm, lower_arm, hand and middle (first bone of the middle finger).  Twist bones, fingers, faces and clothes are
no parts: they stay as they rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmo.runtime.retarget.rig import Rig
from genmo.runtime.support.errors import InputError

LIMBS = ("upper_leg", "lower_leg", "foot", "toes", "shoulder", "upper_arm", "lower_arm", "hand", "middle")
SIDES = ("left", "right")
PARTS = ("hips", "spine", "neck", "head", *(f"{side}_{limb}" for side in SIDES for limb in LIMBS))
_OPTIONAL = ("toes", "shoulder", "middle")
REQUIRED = ("hips", "head", *(f"{side}_{limb}" for side in SIDES for limb in LIMBS if limb not in _OPTIONAL))

_Words = tuple[str, ...]


@dataclass(frozen=True)
class Convention:
    """How a family of tools names bones: spellings of each part, without prefix, side and separators."""

    name: str
    hips: _Words
    head: _Words
    limbs: tuple[_Words, ...]
    """in the order of LIMBS"""


CONVENTIONS = (
    Convention(
        "Mixamo, CMU or LaFAN1", ("hips",), ("head",),
        (("upleg",), ("leg",), ("foot",), ("toebase", "toe"), ("shoulder",), ("arm",), ("forearm",), ("hand",),
         ("handmiddle1",)),
    ),
    Convention(
        "UE5 Mannequin", ("pelvis",), ("head",),
        (("thigh",), ("calf",), ("foot",), ("ball",), ("clavicle",), ("upperarm",), ("lowerarm",), ("hand",),
         ("middle01",)),
    ),
    Convention(
        "Unity Humanoid or VRM", ("hips", "chips"), ("head", "chead"),
        (("upperleg",), ("lowerleg",), ("foot",), ("toes", "toebase", "toe"), ("shoulder", "clavicle"), ("upperarm",),
         ("lowerarm",), ("hand",), ("middleproximal", "middle1")),
    ),
    Convention(
        "Rigify", ("hips", "spine"), ("spine006", "head"),
        (("thigh",), ("shin",), ("foot",), ("toe",), ("shoulder",), ("upperarm",), ("forearm",), ("hand",),
         ("fmiddle01",)),
    ),
    Convention(
        "SOMA", ("hips",), ("head",),
        (("leg", "thigh"), ("shin",), ("foot",), ("toebase", "toe"), ("shoulder",), ("arm",), ("forearm",), ("hand",),
         ("handmiddle1",)),
    ),
    Convention(
        "Biped or Character Creator", ("pelvis", "hip"), ("head",),
        (("thigh",), ("calf",), ("foot",), ("toe0", "toebase"), ("clavicle",), ("upperarm",), ("forearm",), ("hand",),
         ("finger2", "mid1")),
    ),
    Convention(
        "SMPL", ("pelvis",), ("head",),
        (("hip",), ("knee",), ("ankle",), ("foot",), ("collar",), ("shoulder",), ("elbow",), ("wrist",), ("hand",)),
    ),
)  # fmt: skip

_TOKENS = {"left": ("left", "l"), "right": ("right", "r")}
_PREFIX = re.compile(r"^(mixamorig[0-9]*|valvebipedbip01|bip0*1|ccbase|def|character[0-9]+|jbip)(?=.)")


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
    import yaml

    try:
        table: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}); wanted YAML with bones: {{hips: name, ...}}") from None
    if not isinstance(table, dict) or not set(table) <= {"bones", "floor", "rest_frame"}:
        got = ", ".join(str(key) for key in table) if isinstance(table, dict) else type(table).__name__
        raise InputError(f"{path}: got {got[:80]}; wanted the keys bones, floor, rest_frame")
    bones = table.get("bones") or {}
    if not isinstance(bones, dict):
        raise InputError(f"{path}: bones is no table; wanted bones: {{hips: name of the bone, ...}}")
    named: dict[str, list[str]] = {}
    for part, value in bones.items():
        names = value if isinstance(value, list) else [value]
        if part not in PARTS:
            raise InputError(f"{path}: {part!r} is no part of a body; wanted one of {', '.join(PARTS)}")
        if not all(isinstance(name, str) for name in names) or (len(names) != 1 and part not in ("spine", "neck")):
            raise InputError(f"{path}: {part} is {value!r}; wanted the name of one bone (spine and neck take a list)")
        named[part] = names
    floor, rest_frame = table.get("floor"), table.get("rest_frame")
    if floor is not None and (isinstance(floor, bool) or not isinstance(floor, (int, float)) or abs(floor) > 1e9):
        raise InputError(f"{path}: floor is {floor!r}; wanted a height in the character's unit")
    if rest_frame is not None and (isinstance(rest_frame, bool) or not isinstance(rest_frame, int) or rest_frame < 0):
        raise InputError(f"{path}: rest_frame is {rest_frame!r}; wanted a frame's number, 0 or more")
    return CharacterMap(named, None if floor is None else float(floor), rest_frame, str(path))


def plain(name: str) -> str:
    """Letters and digits of a bone's name, without name space and the prefixes that tools put in front."""
    return _PREFIX.sub("", re.sub(r"[^a-z0-9]", "", re.split(r"[:|]", name.lower())[-1]))


def find_bones(rig: Rig, told: CharacterMap = NO_MAP) -> Bones:
    """The parts of a body on a rig: what the user told, then the file's own VRM table, then names.

    Raises InputError that names the parts without a bone and the rig's bones.
    """
    found = _by_convention(rig)
    convention = found.pop("", 0)
    label = "VRM" if rig.humanoid else CONVENTIONS[convention].name
    found |= {part: node for name, node in rig.humanoid.items() if (part := _snake(name)) in PARTS}
    by_name = {rig.names[node]: node for node in reversed(rig.bones)}
    chains: dict[str, tuple[int, ...]] = {}
    for part, names in told.bones.items():
        for name in names:
            if name not in by_name:
                raise InputError(f"{told.path}: {part}: {name!r} is no bone of {rig.path}; {_listed(rig)}")
        if part in ("spine", "neck"):
            chains[part] = tuple(by_name[name] for name in names)
        else:
            found[part] = by_name[names[0]]
    missing = [part for part in REQUIRED if part not in found]
    if missing:
        closest = f" (most like {label})" if len(missing) < len(REQUIRED) else ""
        raise InputError(
            f"{rig.path}: no bone found for {', '.join(missing)}{closest}; {_listed(rig)}; name them in a YAML file "
            f"(bones: {{{missing[0]}: name of the bone}}) and pass --character-map"
        )
    limbs = {part: node for part, node in found.items() if part.startswith(SIDES)}
    spine = chains.get("spine") or _spine(rig, found["hips"], limbs)
    neck = chains["neck"] if "neck" in chains else _neck(rig, found["head"], (found["hips"], *spine))
    bones = Bones(label, found["hips"], spine, neck, found["head"], limbs)
    _check(rig, bones)
    return bones


def _snake(name: str) -> str:
    """leftUpperArm -> left_upper_arm; VRM's first finger bones serve as `middle`."""
    part = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
    return part.replace("middle_proximal", "middle") if part not in ("spine", "neck") else ""


def _by_convention(rig: Rig) -> dict[str, int]:
    """Parts found by the convention that finds most; key "" has the convention's number."""
    names = [rig.names[node] for node in rig.bones]
    chosen = list(rig.bones)
    if any(name.startswith("DEF-") for name in names):  # Rigify: only these move the mesh
        chosen = [node for node in chosen if rig.names[node].startswith("DEF-")]
    known = {plain(rig.names[node]): node for node in reversed(chosen)}
    best: dict[str, int] = {}
    for number, convention in enumerate(CONVENTIONS):
        spellings: dict[str, list[str]] = {"hips": list(convention.hips), "head": list(convention.head)}
        for side, tokens in _TOKENS.items():
            for limb, words in zip(LIMBS, convention.limbs, strict=True):
                spellings[f"{side}_{limb}"] = [s for word in words for t in tokens for s in (t + word, word + t)]
        found = {
            part: next(known[word] for word in words if word in known)
            for part, words in spellings.items()
            if any(word in known for word in words)
        }
        if _rank(found) > _rank(best):
            best = found | {"": number}
    return best


def _rank(found: dict[str, int]) -> tuple[int, int]:
    return sum(part in found for part in REQUIRED), len(found.keys() - {""})


def _spine(rig: Rig, hips: int, limbs: dict[str, int]) -> tuple[int, ...]:
    """The bones over the hips that both arms hang on."""
    right = rig.above(limbs["right_upper_arm"])
    shared = [node for node in rig.above(limbs["left_upper_arm"]) if node in right]
    if hips not in shared:
        return ()
    return tuple(reversed(shared[: shared.index(hips)]))


def _neck(rig: Rig, head: int, trunk: tuple[int, ...]) -> tuple[int, ...]:
    """The bones between the trunk's last and the head."""
    above = rig.above(head)[1:]
    if trunk[-1] not in above:
        return ()
    return tuple(reversed(above[: above.index(trunk[-1])]))


def _check(rig: Rig, bones: Bones) -> None:
    """Raise InputError where a part does not hang on the one before it, or a bone is two parts."""
    chains = [["hips", "head"]]
    for side in SIDES:
        chains.append(["hips", *(f"{side}_{limb}" for limb in LIMBS[:4])])
        chains.append(["hips", *(f"{side}_{limb}" for limb in LIMBS[4:])])
    node_of = {"hips": bones.hips, "head": bones.head, **bones.limbs}
    for chain in chains:
        there = [part for part in chain if part in node_of]
        for upper, lower in zip(there, there[1:], strict=False):
            if node_of[upper] not in rig.above(node_of[lower])[1:]:
                raise InputError(
                    f"{rig.path}: {lower} {rig.name(node_of[lower])!r} does not hang on {upper} "
                    f"{rig.name(node_of[upper])!r}; wanted bones that move their children: parent them so, or name "
                    "others in --character-map"
                )
    used = [*node_of.values(), *bones.spine, *bones.neck]
    twice = next((node for node in used if used.count(node) > 1), None)
    if twice is not None:
        raise InputError(f"{rig.path}: {rig.name(twice)!r} is taken for two parts; name others in --character-map")


def _listed(rig: Rig) -> str:
    names = [rig.name(node) for node in rig.bones]
    more = f" and {len(names) - 60} more" if len(names) > 60 else ""
    return f"its bones are {', '.join(names[:60])}{more}"
