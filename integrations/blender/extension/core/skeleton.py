"""An armature as arrays, and the character that genmo sees in it.

Everything is in the armature's own space (Blender's `Bone.matrix_local` and `PoseBone.matrix`): any unit, any up axis;
the object's place, turn and scale in the scene are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from genmo.runtime import InputError
from genmo.runtime.motion.rotation import orthogonal, transpose
from genmo.runtime.retarget import Character
from genmo.runtime.retarget.character import character_of
from genmo.runtime.retarget.character_bones import CharacterMap
from genmo.runtime.retarget.rig import Rig

FEWEST = 13
"""bones that deform at least, for the others to be left out"""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The bones of an armature in its rest pose, parents before children."""

    name: str
    """of the armature, for messages"""
    names: tuple[str, ...]
    parents: tuple[int, ...]
    """-1 for a root"""
    rest: np.ndarray
    """[bones, 4, 4] armature space"""
    deforms: tuple[bool, ...] = ()
    """whether the bone moves a mesh"""
    inherits_rotation: tuple[bool, ...] = ()
    """False: a bone that does not turn with its parent"""
    local_location: tuple[bool, ...] = ()
    """False: a bone whose location counts along the armature's axes"""
    connected: tuple[bool, ...] = ()
    """whether the bone hangs on its parent's tail, so that it cannot be moved"""
    constrained: tuple[bool, ...] = ()
    """whether constraints decide where the bone is"""
    lowest: tuple[float, float] | None = None
    """lowest point of the meshes in the rest pose along y and along z; None without a mesh"""
    bone_map: Mapping[str, str] = field(default_factory=dict)
    """part of a body (`genmo.runtime.motion.bone_names.PARTS`) -> bone, as the user says it"""

    def flag(self, values: tuple[bool, ...], bone: int, default: bool) -> bool:
        """One of the flags above, or what it is where none were given."""
        return values[bone] if values else default

    @property
    def candidates(self) -> tuple[int, ...]:
        """Bones that may be parts of a body: those that move a mesh, or all where these are too few for a body."""
        chosen = tuple(bone for bone, deforms in enumerate(self.deforms) if deforms)
        return chosen if len(chosen) >= FEWEST else tuple(range(len(self.names)))


def character(skeleton: Skeleton) -> Character:
    """The character of an armature.  Raises InputError that names the parts without a bone, or a rest pose that does
    not stand."""
    rotations = orthogonal(skeleton.rest[:, :3, :3])
    positions = skeleton.rest[:, :3, 3]
    local, places = rotations.copy(), positions.copy()
    for bone, parent in enumerate(skeleton.parents):
        if parent >= 0:
            above = rotations[parent].T
            local[bone], places[bone] = above @ rotations[bone], above @ (positions[bone] - positions[parent])
    count = len(skeleton.names)
    rig = Rig(
        path=skeleton.name,
        names=skeleton.names,
        parents=skeleton.parents,
        order=tuple(range(count)),
        rotations=local,
        translations=places,
        scales=np.ones((count, 3)),
        bones=skeleton.candidates,
        lowest=skeleton.lowest,
    )
    mapping = CharacterMap({part: [bone] for part, bone in skeleton.bone_map.items() if bone}, path="Bones")
    try:
        body = character_of(rig, mapping)
    except InputError as error:
        raise InputError(_in_words_of_blender(str(error))) from None
    held = _held(skeleton, body)
    if len(held) > len(_driven(body)) / 2:
        raise InputError(
            f"{skeleton.name}: constraints move its bones ({', '.join(held[:3])} and others), so keys on them show "
            "nothing; wanted bones without: the metarig, an export rig, or constraints that are muted"
        )
    return body


def notes(skeleton: Skeleton, body: Character) -> tuple[str, ...]:
    """What to know about an armature before its motion is judged."""
    held = _held(skeleton, body)
    return (f"constraints move {', '.join(held)}: mute them for the motion to show there",) if held else ()


def _driven(body: Character) -> list[int]:
    bones = body.bones
    return [bones.hips, *bones.spine, *bones.neck, bones.head, *bones.limbs.values()]


def _held(skeleton: Skeleton, body: Character) -> list[str]:
    """Bones of the body that constraints move."""
    return [skeleton.names[bone] for bone in _driven(body) if skeleton.flag(skeleton.constrained, bone, False)]


def _in_words_of_blender(message: str) -> str:
    """The message with what there is to do here instead of on a command line."""
    head, found, _ = message.partition("; name them in a YAML file")
    if found:
        return f"{head}; choose them under Bones"
    return message.replace("in --character-map", "under Bones").replace("--character-map", "Bones")


def parts(skeleton: Skeleton) -> dict[str, str]:
    """Part of a body -> bone, as found by names and as the user says it."""
    found = character(skeleton).bones
    named = {"hips": found.hips, "head": found.head, **found.limbs}
    return {part: skeleton.names[bone] for part, bone in named.items()}


def local_rotations(parents: tuple[int, ...], world: np.ndarray) -> np.ndarray:
    """Rotations [frames, bones, 3, 3] relative to the parent, of those in armature space."""
    local = world.copy()
    for bone, parent in enumerate(parents):
        if parent >= 0:
            local[:, bone] = transpose(world[:, parent]) @ world[:, bone]
    return local
