"""Rigs that Rigify has generated: the motion of the bones that deform, as keys on the controls that move them.

The FK controls of such a rig hang on one another as a plain skeleton does, as long as the controls over them ("hips",
"chest") rest and the switches say FK; so each control takes the turn of its body part, relative to the control that it
hangs on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.rotation import continuous_quaternions, rotate, transpose
from genmo.runtime.retarget import Character, Performance

from .poses import Poses
from .skeleton import Skeleton
from .takes import Switch, Track

TELLING = {"torso", "thigh_fk.L", "upper_arm_fk.L", "DEF-thigh.L"}
"""bones that rigs of Rigify have"""
LIMBS = {
    "shoulder": ("shoulder",),
    "upper_arm": ("upper_arm_fk",),
    "lower_arm": ("forearm_fk",),
    "hand": ("hand_fk",),
    "upper_leg": ("thigh_fk",),
    "lower_leg": ("shin_fk",),
    "foot": ("foot_fk",),
    "toes": ("toe_fk", "toe"),
}
"""part of the body -> its control, without the side; the first that is there"""
AT_REST = ("hips", "chest")
"""controls over others that have to rest"""
SWITCHES = {
    "torso": {"neck_follow": 1.0, "head_follow": 1.0},
    **{
        f"{limb}_parent.{side}": {"IK_FK": 1.0, "FK_limb_follow": 0.0}
        for limb in ("thigh", "upper_arm")
        for side in "LR"
    },
}
"""bone -> its properties, so that the FK controls count and hang on the body"""


def generated(skeleton: Skeleton) -> bool:
    """Whether Rigify has generated the rig."""
    return set(skeleton.names) >= TELLING


def deforming(skeleton: Skeleton) -> Skeleton:
    """The bones that deform alone, each on the part of the body that it hangs on; other rigs as they are."""
    if not generated(skeleton):
        return skeleton
    kept = _kept(skeleton)
    number = {skeleton.names[bone]: place for place, bone in enumerate(kept)}
    return Skeleton(
        name=skeleton.name,
        names=tuple(number),
        parents=tuple(_parent(skeleton, bone, number) for bone in kept),
        rest=skeleton.rest[kept],
        lowest=skeleton.lowest,
        bone_map=skeleton.bone_map,
    )


def poses_of(poses: Poses, skeleton: Skeleton) -> Poses:
    """Poses of the rig as those of `deforming`."""
    return replace(poses, matrices=poses.matrices[:, _kept(skeleton)]) if generated(skeleton) else poses


def _kept(skeleton: Skeleton) -> list[int]:
    """The bones that deform, parents first in `_parent`'s sense."""
    named = {name for name in skeleton.names if name.startswith("DEF-")}
    depth: dict[str, int] = {}

    def depth_of(name: str) -> int:
        if name not in depth:
            above = _above(skeleton, skeleton.names.index(name), named)
            depth[name] = 0 if above is None else 1 + depth_of(above)
        return depth[name]

    return [skeleton.names.index(name) for name in sorted(named, key=lambda name: (depth_of(name), name))]


def _parent(skeleton: Skeleton, bone: int, number: dict[str, int]) -> int:
    above = _above(skeleton, bone, set(number))
    return -1 if above is None else number[above]


def _above(skeleton: Skeleton, bone: int, named: set[str]) -> str | None:
    """The deforming bone that a bone hangs on, directly or by a bone of the same part ("ORG-spine" for "DEF-spine")."""
    own, at = skeleton.names[bone], skeleton.parents[bone]
    while at >= 0:
        name = skeleton.names[at].replace("ORG-", "DEF-", 1)
        if name in named and name != own:
            return name
        at = skeleton.parents[at]
    return None


def switches(skeleton: Skeleton) -> tuple[Switch, ...]:
    """What has to be switched for FK controls to count: (bone, property, value)."""
    return tuple(
        Switch(bone, name, value)
        for bone, values in SWITCHES.items()
        if bone in skeleton.names
        for name, value in values.items()
    )


def control_tracks(performance: Performance, rig: Skeleton) -> tuple[Track, ...]:
    """A performance of `deforming(rig)` as channels of the rig's controls."""
    wanted = _turns(performance, rig)
    above = {control: _nearest(rig, control, wanted) for control in wanted}
    tracks = []
    for control in sorted(wanted):
        rest, turn = rig.rest[control, :3, :3], wanted[control]
        if above[control] >= 0:
            turn = transpose(wanted[above[control]]) @ turn
        basis = rest.T @ turn @ rest
        location = _torso_way(performance, rig, wanted, above) if rig.names[control] == "torso" else None
        tracks.append(Track(rig.names[control], continuous_quaternions(basis[:, None])[:, 0], location))
    frames = performance.frames
    still = np.tile([1.0, 0.0, 0.0, 0.0], (frames, 1))
    tracks += [Track(name, still, np.zeros((frames, 3))) for name in AT_REST if name in rig.names]
    return tuple(tracks)


def _turns(performance: Performance, rig: Skeleton) -> dict[int, np.ndarray]:
    """Control -> how far its body part has turned from rest [frames, 3, 3], in armature space."""
    body = performance.character
    rest, world = body.rig.rest()[0], performance.world()[0]

    def turn(bone: int) -> np.ndarray:
        return world[:, bone] @ rest[bone].T

    by_name = {"torso": turn(body.bones.hips), "spine_fk": turn(body.bones.hips), "head": turn(body.bones.head)}
    by_name |= {_spine_control(body, bone): turn(bone) for bone in body.bones.spine}
    if body.bones.neck:
        by_name["neck"] = turn(body.bones.neck[-1])
    for part, bone in body.bones.limbs.items():
        side, limb = part.split("_", 1)
        names = [f"{one}.{side[0].upper()}" for one in LIMBS.get(limb, ())]
        name = next((one for one in names if one in rig.names), "")
        by_name[name] = turn(bone)
    return {rig.names.index(name): value for name, value in by_name.items() if name in rig.names}


def _spine_control(body: Character, bone: int) -> str:
    """DEF-spine.002 is moved by spine_fk.002."""
    return body.rig.names[bone].replace("DEF-spine", "spine_fk")


def _nearest(rig: Skeleton, control: int, wanted: dict[int, np.ndarray]) -> int:
    """The control that a control hangs on, directly or by a bone that copies one ("ORG-shoulder.L"); -1 for none."""
    named = {rig.names[one]: one for one in wanted}
    at = rig.parents[control]
    while at >= 0:
        name = rig.names[at].removeprefix("ORG-")
        if name in named and named[name] != control:
            return named[name]
        at = rig.parents[at]
    return -1


def _torso_way(
    performance: Performance, rig: Skeleton, wanted: dict[int, np.ndarray], above: dict[int, int]
) -> np.ndarray:
    """The torso's location [frames, 3] that brings the hips to where the performance has them."""
    body, torso = performance.character, rig.names.index("torso")
    place = performance.world()[1][:, body.bones.hips]
    point, at = body.rig.rest()[1][body.bones.hips], rig.names.index("spine_fk")
    while True:  # from the hips up to the torso: what the controls between put before them
        head = rig.rest[at, :3, 3]
        place = place - rotate(wanted[at], point - head)
        if at == torso:
            return np.asarray(rotate(rig.rest[torso, :3, :3].T, place - head))
        point, at = head, above[at]
