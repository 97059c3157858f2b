"""The turns between genmo's T-pose and the rest pose of a character, and which rotation of a motion drives which bone.

Both directions need them: motions onto a character (`retargeting`) and poses off it (`poses_off_rig`).
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.bone_names import SIDES
from genmo.runtime.motion.rotation import (
    heading,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    normalize,
    quaternion_from_matrix,
    transpose,
)
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.retarget.character import Character
from genmo.runtime.support.arrays import Array

# part of the limb -> joint of the motion that turns it; the direction of a limb is that of the joint's one child
JOINT_OF_LIMB = {
    "upper_leg": "hip", "lower_leg": "knee", "foot": "ankle", "toes": "foot", "shoulder": "collar",
    "upper_arm": "shoulder", "lower_arm": "elbow", "hand": "wrist",
}  # fmt: skip
_NEXT = {"upper_leg": "lower_leg", "lower_leg": "foot", "upper_arm": "lower_arm", "lower_arm": "hand", "hand": "middle"}
SPINE = ("pelvis", "spine1", "spine2", "spine3")
NECK = ("spine3", "neck")


def rest_turns(character: Character, offsets: Array) -> dict[str, Array]:
    """Part of the body -> the turn C [3, 3] of its rest pose (see `retargeting`), for a T-pose of `offsets` [24, 3]."""
    bones, positions = character.bones, character.rest[1]
    line = positions[bones.limbs["left_upper_leg"]] - positions[bones.limbs["right_upper_leg"]]
    turns = {"hips": _swing(line, offsets[JOINTS.index("left_hip")] - offsets[JOINTS.index("right_hip")])}
    for side in SIDES:
        still: dict[str, Array] = {}
        for limb in JOINT_OF_LIMB:
            if f"{side}_{limb}" in bones.limbs:
                still[limb] = _limb_correction(limb, side, character, offsets, positions, still)
        turns |= {f"{side}_{limb}": turn for limb, turn in still.items()}
    return turns


def driven_turns(character: Character, world_rotations: Array, offsets: Array) -> dict[int, Array]:
    """World rotations [frames, 3, 3] of the bones that the motion drives, from its own [frames, 24, 3, 3]."""
    bones, rest, turns = character.bones, character.rest[0], rest_turns(character, offsets)
    desired = {
        bones.hips: world_rotations[:, 0] @ turns["hips"] @ rest[bones.hips],
        bones.head: world_rotations[:, JOINTS.index("head")] @ rest[bones.head],
    }
    for chain, names in ((bones.spine, SPINE), (bones.neck, NECK)):
        for place, node in enumerate(chain, start=1):
            desired[node] = _along(world_rotations, names, place / len(chain)) @ rest[node]
    for part, joint in limb_joints(character):
        node = bones.limbs[part]
        desired[node] = world_rotations[:, joint] @ turns[part] @ rest[node]
    return desired


def limb_joints(character: Character) -> list[tuple[str, int]]:
    """(part of the body, joint of the motion) of the limbs that the character has."""
    pairs = [
        (f"{side}_{limb}", JOINTS.index(f"{side}_{name}")) for side in SIDES for limb, name in JOINT_OF_LIMB.items()
    ]
    return [(part, joint) for part, joint in pairs if part in character.bones.limbs]


def _limb_correction(
    limb: str, side: str, character: Character, offsets: Array, positions: Array, still: dict[str, Array]
) -> Array:
    """The turn C [3, 3] of a limb's rest pose (see the module), given those of the limbs before it."""
    limbs = character.bones.limbs
    if limb in ("shoulder", "toes"):
        return still["foot"] if limb == "toes" else np.eye(3)
    if limb == "foot":
        return _yaw(foot_direction(character, side, positions), offsets[JOINTS.index(f"{side}_foot")])
    before = {"lower_leg": "upper_leg", "lower_arm": "upper_arm", "hand": "lower_arm"}.get(limb)
    turn = np.eye(3) if before is None else still[before]
    end = f"{side}_{_NEXT[limb]}"
    if end not in limbs:
        return turn
    bone = positions[limbs[end]] - positions[limbs[f"{side}_{limb}"]]
    child = {"upper_leg": "knee", "lower_leg": "ankle", "upper_arm": "elbow", "lower_arm": "wrist", "hand": "hand"}
    return _swing(turn @ bone, offsets[JOINTS.index(f"{side}_{child[limb]}")]) @ turn


def foot_direction(character: Character, side: str, positions: Array) -> Array:
    """Where a foot points in the rest pose; straight on when there are no toes to tell."""
    limbs = character.bones.limbs
    if f"{side}_toes" not in limbs:
        return np.asarray([0.0, 0.0, 1.0])
    return np.asarray(positions[limbs[f"{side}_toes"]] - positions[limbs[f"{side}_foot"]])


def _swing(start: Array, end: Array) -> Array:
    """The smallest turn [3, 3] of direction `start` [3] onto `end` [3]; nearly opposite ones turn about z (the way
    arms and legs are raised)."""
    first, second = normalize(start), normalize(end)
    cosine = float(first @ second)
    if np.linalg.norm(first) < 0.5 or np.linalg.norm(second) < 0.5:
        return np.eye(3)
    if cosine < -0.99:
        axis = np.asarray([0.0, 0.0, 1.0]) if abs(first[2]) < 0.9 else np.asarray([1.0, 0.0, 0.0])
        half = matrix_from_axis_angle(np.pi * normalize(axis - (axis @ first) * first))
        return np.asarray(_swing(half @ first, second) @ half)
    return matrix_from_quaternion(np.concatenate([[1 + cosine], np.cross(first, second)]))


def _yaw(start: Array, end: Array) -> Array:
    """The turn [3, 3] about y that brings direction `start` over or under `end`."""
    level = np.asarray([1.0, 0.0, 1.0])
    if min(np.linalg.norm(start * level), np.linalg.norm(end * level)) < 1e-9:
        return np.eye(3)
    angle = heading(end) - heading(start)
    return matrix_from_axis_angle(np.asarray([0.0, angle, 0.0]))


def _along(world_rotations: Array, names: tuple[str, ...], share: float) -> Array:
    """World rotations [frames, 3, 3] at a share 0..1 of the way along joints `names`, from the first to the last."""
    chain_position = share * (len(names) - 1)
    low = min(int(chain_position + 1e-9), len(names) - 1)
    first = world_rotations[:, JOINTS.index(names[low])]
    if chain_position - low < 1e-6:
        return first
    second = world_rotations[:, JOINTS.index(names[low + 1])]
    step = quaternion_from_matrix(transpose(first) @ second)
    angle = 2 * np.arccos(np.clip(step[:, :1], -1, 1)) * (chain_position - low)
    return np.asarray(first @ matrix_from_axis_angle(angle * normalize(step[:, 1:])))
