"""Skeletons of requests as characters, and genmo's own as the protocol's canonical skeleton.

A rest pose is what the joints' rest transforms say when each is taken in its parent's frame, as in glTF; where the body
does not stand that way, offsets are read along the world's axes and rest rotations are ignored, as version 1.2 of the
protocol allows.  With rest rotations of identity, which it recommends, both are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from motionmcp import Joint, ProtocolError, Skeleton

from genmo.runtime.motion.bone_names import REQUIRED, name_parts
from genmo.runtime.motion.joints import JOINTS, PARENTS
from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.motion.skeleton import shape_space, sole_heights
from genmo.runtime.retarget.character import Character, character_of
from genmo.runtime.retarget.rest_turns import limb_joints
from genmo.runtime.retarget.rig import Rig
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

MAX_JOINTS = 1024
LARGEST = 1e5
"""of a coordinate of a rest pose"""
SHORTEST = 1e-3
"""length of a quaternion that is a rotation"""
LISTED = 60


@dataclass(frozen=True, eq=False)
class RequestRig:
    """The skeleton of a request."""

    character: Character
    names: tuple[str, ...]
    """of the joints, in the request's order, which is that of the rig's nodes"""

    def node(self, joint: str) -> int:
        """The number of a joint."""
        return self.names.index(joint)

    @property
    def canonical_names(self) -> dict[str, str]:
        """genmo's joint -> the request's, where there is one."""
        bones = self.character.bones
        named = {"pelvis": bones.hips, "head": bones.head}
        named |= {JOINTS[joint]: bones.limbs[part] for part, joint in limb_joints(self.character)}
        if bones.spine:
            named["spine3"] = bones.spine[-1]
        if bones.neck:
            named["neck"] = bones.neck[-1]
        return {joint: self.names[node] for joint, node in named.items()}


@cache
def canonical_skeleton() -> Skeleton:
    """genmo's mean body as the protocol's skeleton: T-pose, facing +z, its soles at y = 0, metres."""
    offsets = shape_space().mean.copy()
    offsets[0] = (0.0, -float(sole_heights(offsets).min()), 0.0)
    joints = [
        Joint(
            name=name,
            parent=JOINTS[parent] if parent >= 0 else None,
            rest_translation=tuple(round(float(value), 6) for value in offset),
            rest_rotation=(0.0, 0.0, 0.0, 1.0),
        )
        for name, parent, offset in zip(JOINTS, PARENTS, offsets, strict=True)
    ]
    return Skeleton(joints=joints)


def request_rig(skeleton: Skeleton) -> RequestRig:
    """The character of a skeleton.  Raises ProtocolError `invalid_skeleton` for one that is no standing body."""
    rig = _rig(skeleton)
    wild = not np.allclose(rig.rotations, np.eye(3), atol=1e-6)
    try:
        character = character_of(rig)
    except InputError as error:
        if not wild:
            raise _invalid(str(error)) from None
        try:
            character = character_of(replace(rig, rotations=np.tile(np.eye(3), (len(rig.names), 1, 1))))
        except InputError:
            raise _invalid(str(error)) from None
    return RequestRig(character, tuple(joint.name for joint in skeleton.joints))


def _invalid(message: str, **details: object) -> ProtocolError:
    return ProtocolError("invalid_skeleton", message, details=details)


def _rig(skeleton: Skeleton) -> Rig:
    """The skeleton as a rig, its names those by which body parts are found."""
    joints = skeleton.joints
    if len(joints) > MAX_JOINTS:
        raise _invalid(f"the skeleton has {len(joints)} joints; wanted at most {MAX_JOINTS}")
    names = [joint.name for joint in joints]
    number = {name: index for index, name in enumerate(names)}
    parents = tuple(-1 if joint.parent is None else number[joint.parent] for joint in joints)
    translations = np.asarray([joint.rest_translation for joint in joints], np.float64)
    quaternions = np.asarray([joint.rest_rotation for joint in joints], np.float64)
    for index, name in enumerate(names):
        if not (np.abs(translations[index]) < LARGEST).all():
            raise _invalid(f"joint {name!r}: its rest_translation is not of a person's size; wanted metres")
    return Rig(
        path="skeleton",
        names=_telling_names(skeleton, parents),
        parents=parents,
        order=tuple(range(len(joints))),
        rotations=rotation_matrices(quaternions, "rest_rotation"),
        translations=translations,
        scales=np.ones((len(joints), 3)),
        bones=tuple(range(len(joints))),
    )


def _telling_names(skeleton: Skeleton, parents: tuple[int, ...]) -> tuple[str, ...]:
    """The joints' names, or their display names where only these tell the parts of a body."""
    missing: list[str] = []
    label = ""
    for names in (
        [joint.name for joint in skeleton.joints],
        [joint.display_name or joint.name for joint in skeleton.joints],
    ):
        found = name_parts(names, parents)
        lacking = [part for part in REQUIRED if part not in found.nodes]
        if not lacking:
            return tuple(names)
        if not missing:
            missing, label = lacking, found.convention
    listed = [joint.name[:40] for joint in skeleton.joints[:LISTED]]
    closest = f" (most like {label})" if len(missing) < len(REQUIRED) else ""
    raise _invalid(
        f"no joint found for {', '.join(missing)}{closest}; wanted names of a common rig (Mixamo, Unreal, VRM, Unity, "
        "Rigify, SMPL and others): rename the joints, or give each such a display_name",
        missing=missing,
        joints=listed,
    )


def rotation_matrices(quaternions: Array, what: str) -> Array:
    """Rotations [..., 3, 3] of the protocol's quaternions (x, y, z, w) [..., 4] of any length but zero.

    Raises ProtocolError `schema_validation`, which says `what`, for numbers that are no rotation.
    """
    length = np.sqrt(np.square(quaternions).sum(axis=-1))
    if not (np.isfinite(length) & (length > SHORTEST)).all():
        raise ProtocolError(
            "schema_validation", f"{what} holds a quaternion of no length; wanted a rotation x, y, z, w"
        )
    return matrix_from_quaternion(quaternions[..., [3, 0, 1, 2]])
