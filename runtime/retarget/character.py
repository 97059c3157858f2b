"""A character: a rig whose body parts are known, and how its rest pose relates to the T-pose of genmo's skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from genmo.runtime.formats.gltf import LARGEST
from genmo.runtime.motion.bone_names import SIDES
from genmo.runtime.motion.rotation import normalize, rotate
from genmo.runtime.motion.skeleton import JOINTS, shape_space, sole_drops
from genmo.runtime.retarget.character_bones import NO_MAP, Bones, CharacterMap, find_bones, read_map
from genmo.runtime.retarget.rig import Rig, read_rig
from genmo.runtime.retarget.soles import Sole, find_sole
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

SNAP = np.cos(np.radians(10))
"""a body that faces nearer to an axis of its file than this faces along the axis"""
UPRIGHT = np.cos(np.radians(25))
"""a body whose line from feet to head leans more than this from an axis of its file does not stand"""
DEEPEST = 200
"""bones from the root to the last one"""
NEAR_FLOOR = 0.12
"""of the leg's length: a rest pose whose feet are this near to height 0 stands on height 0"""


@dataclass(frozen=True, eq=False)
class Character:
    """A rig with its body parts, in the frame of genmo's skeleton: y up, facing +z, the file's unit of length."""

    rig: Rig
    bones: Bones
    frame: Array
    """[3, 3] takes the rig's world to y up and facing +z"""
    floor: float
    """height of the floor under the rest pose"""

    @cached_property
    def rest(self) -> tuple[Array, Array]:
        """World rotations [nodes, 3, 3] and positions [nodes, 3] of the rest pose in `frame`."""
        rotations, positions = self.rig.rest()
        return self.frame @ rotations, rotate(self.frame, positions)

    @property
    def top_bone(self) -> int:
        """The bone that all others hang on: the hips, or the last bone above them."""
        hips = self.bones.hips
        return [node for node in self.rig.above(hips) if node in {*self.rig.bones, hips}][-1]

    @cached_property
    def leg(self) -> float:
        """Length of thigh and shin, the mean of both legs."""
        return _leg_length(self.bones, self.rest[1])

    @cached_property
    def soles(self) -> tuple[Sole | None, ...]:
        """What of the mesh touches the ground, of the left and the right foot; None where there is no mesh."""
        limbs = self.bones.limbs
        return tuple(
            find_sole(self.rig, self.frame, limbs[f"{side}_foot"], limbs.get(f"{side}_toes"), self.floor, self.leg)
            for side in SIDES
        )

    @property
    def stands_at(self) -> float:
        """Height of the floor in the animation: under the rest pose where that stands near 0, else 0."""
        stands_at_zero = abs(self.floor) < NEAR_FLOOR * self.leg
        return self.floor if stands_at_zero else 0.0


def read_character(path: str | Path, character_map: str | Path | None = None) -> Character:
    """The character in a .bvh, .glb, .gltf or .vrm file; `character_map` is the YAML file of `--character-map`.

    Raises InputError when a file cannot be read, parts of a body are not found, or the rest pose does not stand.
    """
    mapping = NO_MAP if character_map is None else read_map(character_map)
    rig = read_rig(path, mapping.rest_frame)
    return character_of(rig, mapping)


def character_of(rig: Rig, mapping: CharacterMap = NO_MAP) -> Character:
    """The character on a rig (see `read_character`)."""
    depth: dict[int, int] = {}
    for node in rig.order:
        depth[node] = depth.get(rig.parents[node], 0) + 1
    if max(depth.values()) > DEEPEST:
        raise InputError(f"{rig.path}: {max(depth.values())} bones hang one on another; wanted at most {DEEPEST}")
    bones = find_bones(rig, mapping)
    for node in (bones.head, *bones.limbs.values()):
        rig.size(node)  # refuses uneven scales before anything is made
    rest_positions = rig.rest()[1]
    up, frame = _frame(rig, bones, rest_positions)
    positions = rotate(frame, rest_positions)
    if mapping.floor is None:
        floor = _floor(rig, bones, positions, up)
    else:
        floor = mapping.floor
    return Character(rig, bones, frame, floor)


def _leg_length(bones: Bones, positions: Array) -> float:
    """Thigh and shin, the mean of both legs, of positions [nodes, 3]."""
    total = 0.0
    for side in SIDES:
        hip, knee, ankle = (positions[bones.limbs[f"{side}_{limb}"]] for limb in ("upper_leg", "lower_leg", "foot"))
        total += float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee)) / 2
    return total


def _frame(rig: Rig, bones: Bones, positions: Array) -> tuple[int, Array]:
    """The rig's up axis (0 x, 1 y, 2 z) and the turn [3, 3] of its world to y up, facing +z."""
    limbs = bones.limbs
    if not (np.abs(positions) < LARGEST).all():
        raise InputError(f"{rig.path}: its rest pose is larger than any person's; export it again")
    feet = (positions[limbs["left_foot"]] + positions[limbs["right_foot"]]) / 2
    hips = (positions[limbs["left_upper_leg"]] + positions[limbs["right_upper_leg"]]) / 2
    length = _leg_length(bones, positions)
    trunk, legs = positions[bones.head] - hips, hips - feet
    axis = int(np.abs(normalize(trunk) + normalize(legs)).argmax())
    up = np.eye(3)[axis] * (1.0 if trunk[axis] > 0 else -1.0)
    left = sum(
        positions[limbs[f"left_{limb}"]] - positions[limbs[f"right_{limb}"]] for limb in ("upper_leg", "upper_arm")
    )
    left = left - (left @ up) * up
    leans = normalize(trunk + legs) @ up < UPRIGHT
    if leans or min(trunk @ up, legs @ up) < 0.5 * length or np.linalg.norm(left) < 0.05 * length or length == 0:
        advice = "wanted a T- or A-pose: export it so"
        if rig.bvh is not None:
            advice += ", or name a frame in which it stands in --character-map (rest_frame: 0)"
        raise InputError(f"{rig.path}: its rest pose does not stand upright; {advice}")
    left = normalize(left)
    nearest = int(np.abs(left).argmax())
    if abs(left[nearest]) > SNAP:
        left = np.eye(3)[nearest] * np.sign(left[nearest])
    return axis, np.stack([left, up, np.cross(left, up)])


def _floor(rig: Rig, bones: Bones, positions: Array, up: int) -> float:
    """Height of the floor under the rest pose: the mesh's lowest point, or a sole under the feet."""
    length = _leg_length(bones, positions)
    feet = [bones.limbs[part] for side in SIDES for part in (f"{side}_foot", f"{side}_toes") if part in bones.limbs]
    lowest = float(positions[feet, 1].min())
    if rig.lowest is not None and up in (1, 2) and positions[:, 1].any():
        mesh = rig.lowest[up - 1]
        # A mesh that ends far from the feet (clothes only, a plinth) says nothing about the floor.
        if abs(mesh - lowest) < NEAR_FLOOR * length:
            return mesh
    if 0 <= lowest < NEAR_FLOOR * length:
        return 0.0
    toes = [bones.limbs[f"{side}_toes"] for side in SIDES if f"{side}_toes" in bones.limbs]
    mean = shape_space().mean
    person = float(np.linalg.norm(mean[[JOINTS.index("left_knee"), JOINTS.index("left_ankle")]], axis=-1).sum())
    drop = float(sole_drops(mean)[0, 1 if toes else 0])
    return lowest - drop * length / person
