"""Which bone is which part of a body, by the names that tools give: for characters and for motions alike.

Parts are called as in VRM's humanoid, in snake case: hips, neck, head, and for either side (left_, right_) upper_leg,
lower_leg, foot, toes, shoulder (the clavicle), upper_arm, lower_arm, hand and middle (first bone of the middle finger).
Twist bones, other fingers, faces and clothes are no parts.

Tools differ in the words, and they put more around them: name spaces (`Hero:`), prefixes and endings that all bones
share (`Armature_`, `m_avg_`; `_jnt`, ARKit's `_joint`), numbers behind each bone (Sketchfab's `_07`, Blender's
`.001`).  Every such reading is tried, and the one that finds the most parts is taken.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LEG = ("upper_leg", "lower_leg", "foot", "toes")
ARM = ("shoulder", "upper_arm", "lower_arm", "hand", "middle")
LIMBS = (*LEG, *ARM)
SIDES = ("left", "right")
PARTS = ("hips", "spine", "neck", "head", *(f"{side}_{limb}" for side in SIDES for limb in LIMBS))
_OPTIONAL = ("toes", "shoulder", "middle")
REQUIRED = ("hips", "head", *(f"{side}_{limb}" for side in SIDES for limb in LIMBS if limb not in _OPTIONAL))

JOINT_OF_LIMB = dict(
    zip(LIMBS, ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist", "hand"), strict=True)
)
"""SMPL's word for each limb: its joint `left_hip` moves the left upper leg"""
JOINT_OF_PART = {
    "hips": "pelvis", "neck": "neck", "head": "head",
    **{f"{side}_{limb}": f"{side}_{joint}" for side in SIDES for limb, joint in JOINT_OF_LIMB.items()},
}  # fmt: skip
"""part -> SMPL joint; SMPL's spine1 to spine3 are places along the spine and no single part"""
HUMAN_BODY_BONES = {
    "Hips": "pelvis", "Spine": "spine1", "Chest": "spine2", "UpperChest": "spine3", "Neck": "neck", "Head": "head",
    **{
        f"{side.title()}{limb.title().replace('_', '')}": f"{side}_{JOINT_OF_LIMB[limb]}"
        for side in SIDES
        for limb in LIMBS
        if limb != "middle"
    },
}  # fmt: skip
"""Unity's HumanBodyBones -> SMPL joint"""

_SIDE_WORDS = {"left": ("left", "l", "左"), "right": ("right", "r", "右")}
# VRoid's J_Bip_C_Hips, Auto-Rig Pro's root.x and Advanced Skeleton's Root_M mark the middle too
_MIDDLE_WORDS = ("{}", "c{}", "{}x", "{}m")


@dataclass(frozen=True)
class Convention:
    """How a family of tools names bones: spellings without prefix, side and separators, separated by blanks."""

    name: str
    hips: str
    leg: tuple[str, str, str, str]
    """in the order of LEG"""
    arm: tuple[str, str, str, str, str]
    """in the order of ARM"""
    head: str = "head"


CONVENTIONS = (
    Convention("Mixamo, CMU or LaFAN1", "hips", ("upleg", "leg", "foot", "toebase toe toes"),
               ("shoulder", "arm", "forearm", "hand", "handmiddle1 inhandmiddle fingerbase")),
    Convention("UE5 Mannequin", "pelvis", ("thigh", "calf", "foot", "ball"),
               ("clavicle", "upperarm", "lowerarm", "hand", "middle01")),
    Convention("Unity Humanoid or VRM", "hips", ("upperleg", "lowerleg", "foot ankle", "toes toebase toe ball"),
               ("shoulder clavicle", "upperarm", "lowerarm", "hand", "middleproximal middle1")),
    Convention("Rigify", "hips spine", ("thigh", "shin", "foot", "toe"),
               ("shoulder", "upperarm", "forearm", "hand", "fmiddle01"), "spine006 head"),
    Convention("SOMA", "hips", ("leg thigh", "shin", "foot", "toebase toe"),
               ("shoulder", "arm", "forearm", "hand", "handmiddle1")),
    Convention("Biped or Character Creator", "pelvis hip", ("thigh", "calf", "foot", "toe0 toebase"),
               ("clavicle", "upperarm", "forearm", "hand", "finger2 mid1"), "head head1"),
    Convention("SMPL", "pelvis", ("hip", "knee", "ankle", "foot"), ("collar", "shoulder", "elbow", "wrist", "hand")),
    Convention("Biovision, 3ds Max or Xsens MVN", "hips pelvis hip", ("hip", "knee", "ankle", "toe toes foot"),
               ("collar", "shoulder", "elbow", "wrist", "hand")),
    Convention("Biovision", "hips", ("upleg", "lowleg", "foot", "toe toes"),
               ("collar", "uparm", "lowarm", "hand", "fingerbase")),
    Convention("VRChat or MikuMikuDance in English", "hips center", ("leg", "knee", "ankle", "toe toes"),
               ("shoulder", "arm", "elbow", "wrist", "middlefinger1 middle1")),
    Convention("MikuMikuDance", "腰 グルーブ センター", ("足", "ひざ", "足首", "つま先 足先ex"),
               ("肩", "腕", "ひじ", "手首", "中指1"), "頭"),
    Convention("Poser, DAZ or Second Life", "hip hips pelvis", ("thigh thighbend", "shin", "foot", "toe toes"),
               ("collar shoulder", "shldr shldrbend upperarm", "forearm forearmbend", "hand", "mid1")),
    Convention("OptiTrack", "hip", ("thigh", "shin", "foot", "toe"),
               ("shoulder", "uarm", "farm", "hand", "middle1")),
    Convention("Second Life", "mpelvis", ("mhip", "mknee", "mankle", "mfoot mtoe"),
               ("mcollar", "mshoulder", "melbow", "mwrist", "mhandmiddle1"), "mhead"),
    Convention("Advanced Skeleton", "root", ("hip", "knee", "ankle", "toes"),
               ("scapula", "shoulder", "elbow", "wrist", "middlefinger1")),
    Convention("MakeHuman", "root", ("upperleg01", "lowerleg01", "foot", "toe11"),
               ("clavicle", "upperarm01", "lowerarm01", "wrist", "finger31")),
    Convention("Roblox R15", "lowertorso", ("upperleg", "lowerleg", "foot", "toes"),
               ("shoulder", "upperarm", "lowerarm", "hand", "middle")),
    Convention("Auto-Rig Pro", "root", ("thighstretch", "legstretch", "foot", "toes01"),
               ("shoulder", "armstretch", "forearmstretch", "hand", "middle1 cmiddle1")),
)  # fmt: skip

_PREFIX = re.compile(r"^(mixamorig[0-9]*|valvebipedbip01|bip0*1|ccbase|def|character[0-9]+|jbip)(?=.)")
_NUMBERED = re.compile(r"([._ ][0-9]+|[0-9]{3})$")
_PREFIX_LENGTH = 40


@dataclass(frozen=True)
class NamedParts:
    """What names say of a skeleton."""

    convention: str
    """the family of names that fits best"""
    nodes: dict[str, int]
    """part -> number of its node"""


def plain(name: str) -> str:
    """Letters and digits of a bone's name, without name space and the prefixes that tools put in front."""
    return _PREFIX.sub("", _letters(_bare(name)))


def _bare(name: str) -> str:
    """Lower case, full-width digits as plain ones, without name space."""
    return re.split(r"[:|]", unicodedata.normalize("NFKC", name).lower())[-1]


def _letters(name: str) -> str:
    return "".join(character for character in name if character.isalnum())


def _shared_prefix(names: Sequence[str]) -> str:
    """The longest beginning, up to a separator, of more than half of the names; "" where there is none.

    Of names backwards: the ending that they share.
    """
    counts = Counter(
        name[: index + 1] for name in names for index, sign in enumerate(name[:_PREFIX_LENGTH]) if sign in "_-. "
    )
    return max((start for start, count in counts.items() if count > len(names) / 2), key=len, default="")


def _readings(names: Sequence[str]) -> list[list[str]]:
    """The plain names under each assumption about what was put around them, the simplest first."""
    bare = [_bare(name) for name in names]
    unnumbered = [_NUMBERED.sub("", name) for name in bare]
    readings = [bare, unnumbered]
    ending = _shared_prefix([name[::-1] for name in bare])[::-1]
    if ending:
        readings.append([name.removesuffix(ending) for name in bare])
    for reading in tuple(readings):
        prefix = _shared_prefix(reading)
        if prefix:
            readings.append([name.removeprefix(prefix) for name in reading])
    return [[_PREFIX.sub("", _letters(name)) for name in reading] for reading in readings]


def _first_match(words: str, side: str | None, node_of: dict[str, int]) -> int | None:
    """The node of the first of the spellings of `words` that a bone has; None without one."""
    for word in words.split():
        if side is None:
            spellings = [pattern.format(word) for pattern in _MIDDLE_WORDS]
        else:
            spellings = [s for token in _SIDE_WORDS[side] for s in (token + word, word + token)]
        for spelling in spellings:
            if spelling in node_of:
                return node_of[spelling]
    return None


def _limbs(words: tuple[str, ...], limbs: tuple[str, ...], node_of: dict[str, int]) -> dict[str, int]:
    nodes = {
        f"{side}_{limb}": _first_match(word, side, node_of)
        for side in SIDES
        for limb, word in zip(limbs, words, strict=True)
    }
    return {part: node for part, node in nodes.items() if node is not None}


def _rank(nodes: dict[str, int]) -> tuple[int, int]:
    return sum(part in nodes for part in REQUIRED), len(nodes)


def _by_convention(node_of: dict[str, int], parents: Sequence[int]) -> tuple[int, dict[str, int]]:
    """The number of the convention that finds most, and the parts; legs and arms each by the one that fits them."""
    legs = [_limbs(convention.leg, LEG, node_of) for convention in CONVENTIONS]
    arms = [_limbs(convention.arm, ARM, node_of) for convention in CONVENTIONS]
    numbers = range(len(CONVENTIONS))
    best = max(
        numbers,
        key=lambda n: (*_rank(legs[n] | arms[n]), _first_match(CONVENTIONS[n].hips, None, node_of) is not None),
    )
    order = sorted(numbers, key=lambda n: n != best)
    nodes = max((legs[n] for n in order), key=_rank) | max((arms[n] for n in order), key=_rank)
    for part, word in (
        ("neck", "neck neck1 neck01 necklower mneck 首"),
        ("head", f"{CONVENTIONS[best].head} head head1"),
    ):
        node = _first_match(word, None, node_of)
        if node is not None and node not in nodes.values():
            nodes[part] = node
    hips = _hips(CONVENTIONS[best].hips, nodes, node_of, parents)
    return best, nodes if hips is None else nodes | {"hips": hips}


def _hips(words: str, nodes: dict[str, int], node_of: dict[str, int], parents: Sequence[int]) -> int | None:
    """The node called hips that legs and head hang on; without one, the lowest node that they all hang on.

    DAZ's pelvis carries only the legs, Mixamo's root more than the body: names alone do not decide.
    """
    tips = [nodes[part] for part in ("left_upper_leg", "right_upper_leg", "head", "neck") if part in nodes]
    if len(tips) < 3:
        return _first_match(words, None, node_of)
    others = set.intersection(*(set(ancestors(parents, tip)[1:]) for tip in tips[1:]))
    shared = [node for node in ancestors(parents, tips[0])[1:] if node in others]
    for word in (*words.split(), "hips", "pelvis", "hip"):
        node = _first_match(word, None, node_of)
        if node is not None and node in shared and node not in nodes.values():
            return node
    return next((node for node in shared if node not in nodes.values()), None)


def ancestors(parents: Sequence[int], node: int) -> list[int]:
    """The node and everything that it hangs on, upwards; `parents` has -1 for a root."""
    chain = [node]
    while parents[chain[-1]] >= 0:
        chain.append(parents[chain[-1]])
    return chain


def neck_bones(parents: Sequence[int], head: int, trunk: Sequence[int]) -> tuple[int, ...]:
    """The nodes between the trunk and the head, from the lowest; none where the head hangs on no node of the trunk."""
    above = ancestors(parents, head)[1:]
    body = set(trunk)
    between = list(itertools.takewhile(lambda node: node not in body, above))
    return () if len(between) == len(above) else tuple(reversed(between))


def name_parts(names: Sequence[str], parents: Sequence[int], bones: Sequence[int] | None = None) -> NamedParts:
    """The parts of a body among named nodes; those without a name that tells are not in the answer.

    `parents`: parent of each node, -1 for a root; `bones`: the nodes that may be a part (None: all).
    """
    chosen = list(range(len(names)) if bones is None else bones)
    if any(names[node].startswith("DEF-") for node in chosen):  # Rigify: only these move the mesh
        chosen = [node for node in chosen if names[node].startswith("DEF-")]
    best = NamedParts(CONVENTIONS[0].name, {})
    for reading in _readings([names[node] for node in chosen]):
        node_of = {word: node for word, node in zip(reversed(reading), reversed(chosen), strict=True) if word}
        number, nodes = _by_convention(node_of, parents)
        if _rank(nodes) > _rank(best.nodes):
            best = NamedParts(CONVENTIONS[number].name, nodes)
    return best
