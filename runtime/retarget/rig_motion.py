"""A rig's motion as an animation file has it: local rotations of all joints and the way of the root, and nothing else.

Motions come from genmo's skeleton by `retargeting` (`of_performance`), and go back to it by `off_rig`, which undoes
the turns of the rest pose exactly: a limb that `retarget` plays from what `off_rig` answers points where it pointed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    matrix_from_yaw,
    quaternion_from_matrix,
    rotate,
    slerp_between,
    transpose,
    yaw_of,
)
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, shape_space, sole_drops
from genmo.runtime.retarget.character import Character
from genmo.runtime.retarget.rest_turns import SPINE, limb_joints, rest_turns
from genmo.runtime.retarget.retargeting import Performance
from genmo.runtime.support.arrays import Array

_HIPS = [JOINTS.index(name) for name in ("left_hip", "right_hip")]
_SIDES = ("left", "right")
SEAM = 8
"""frames before the end of a cycle over which it closes"""


@dataclass(frozen=True, eq=False)
class RigMotion:
    """A motion of a rig with one root and without scales, in the rig's own frame and unit."""

    character: Character
    rotations: Array
    """[frames, nodes, 3, 3] local"""
    root: Array
    """[frames, 3] position of the root in the world"""
    fps: float

    @property
    def frames(self) -> int:
        return len(self.root)

    @property
    def root_node(self) -> int:
        """The node that hangs on none."""
        return self.character.rig.parents.index(-1)

    def world(self) -> tuple[Array, Array]:
        """World rotations [frames, nodes, 3, 3] and positions [frames, nodes, 3]."""
        rig = self.character.rig
        rotations = self.rotations.copy()
        positions = np.empty((*rotations.shape[:2], 3))
        for node in rig.order:
            parent = rig.parents[node]
            if parent < 0:
                positions[:, node] = self.root
            else:
                positions[:, node] = positions[:, parent] + rotate(rotations[:, parent], rig.translations[node])
                rotations[:, node] = rotations[:, parent] @ self.rotations[:, node]
        return rotations, positions


def of_performance(performance: Performance) -> RigMotion:
    """The same motion with all of the way at the root: what lies between root and hips keeps its rest pose."""
    character, hips = performance.character, performance.character.bones.hips
    wanted = performance.world()[1][:, hips]
    still = RigMotion(character, performance.rotations, np.zeros((performance.frames, 3)), performance.fps)
    return RigMotion(character, performance.rotations, wanted - still.world()[1][:, hips], performance.fps)


def travel_of(character: Character) -> float:
    """The character's units along the ground for a metre of a mean person's: the ratio of the legs."""
    legs = [JOINTS.index(f"{side}_{part}") for side in _SIDES for part in ("knee", "ankle")]
    return character.leg / (float(np.linalg.norm(shape_space().mean[legs], axis=-1).sum()) / 2)


def heights_of(character: Character) -> tuple[float, float]:
    """Heights over the ground of the ankles of a mean person (metres), and of the character's feet (its own unit)."""
    feet = [character.rest[1][character.bones.limbs[f"{side}_foot"], 1] - character.floor for side in _SIDES]
    return float(sole_drops(shape_space().mean)[:, 0].mean()), float(np.mean(feet))


def to_genmo(character: Character, points: Array) -> Array:
    """Points [..., 3] of the rig's world where the same places are for a mean person: metres, y up, facing +z.

    Along the ground times `travel_of`'s inverse; heights are counted from the ankles, as `retarget` counts them.
    """
    ankle, foot = heights_of(character)
    travel = travel_of(character)
    turned = rotate(character.frame, points)
    turned[..., 1] = turned[..., 1] - foot - character.stands_at + travel * ankle
    return np.asarray(turned / travel)


def off_rig(motion: RigMotion) -> Motion:
    """The motion on a mean person's body: metres, y up, facing +z where the rig's rest pose does."""
    character = motion.character
    offsets = np.asarray(shape_space().mean, np.float64)
    rotations, positions = motion.world()
    local = _joint_rotations(character, character.frame @ rotations, offsets)
    middle = positions[:, [character.bones.limbs[f"{side}_upper_leg"] for side in _SIDES]].mean(axis=1)
    pelvis = to_genmo(character, middle) - rotate(local[:, 0], offsets[_HIPS].mean(axis=0))
    return Motion(local, pelvis, fps=motion.fps)


def _joint_rotations(character: Character, rotations: Array, offsets: Array) -> Array:
    """Local rotations [frames, 24, 3, 3] of genmo's joints from upright world rotations of the nodes."""
    bones, rest, turns = character.bones, character.rest[0], rest_turns(character, offsets)
    world = np.full((len(rotations), JOINT_COUNT, 3, 3), np.nan)
    world[:, 0] = rotations[:, bones.hips] @ transpose(turns["hips"] @ rest[bones.hips])
    for part, joint in limb_joints(character):
        node = bones.limbs[part]
        world[:, joint] = rotations[:, node] @ transpose(turns[part] @ rest[node])
    world[:, JOINTS.index("head")] = rotations[:, bones.head] @ transpose(rest[bones.head])
    for joint, turn in _spine(world[:, 0], [rotations[:, node] @ transpose(rest[node]) for node in bones.spine]):
        world[:, joint] = turn
    chest, neck = world[:, JOINTS.index("spine3")], JOINTS.index("neck")
    if bones.neck:
        world[:, neck] = rotations[:, bones.neck[-1]] @ transpose(rest[bones.neck[-1]])
    else:
        world[:, neck] = _between([chest, world[:, JOINTS.index("head")]], np.asarray([0.0, 1.0]), 0.5)
    local = world.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        lacking = np.isnan(world[0, joint, 0, 0])
        world[:, joint] = world[:, parent] if lacking else world[:, joint]
        local[:, joint] = transpose(world[:, parent]) @ world[:, joint]
    return local


def _spine(hips: Array, chain: list[Array]) -> list[tuple[int, Array]]:
    """(joint, turn [frames, 3, 3]) of spine1 to spine3, from the turns of the hips and of the character's spine."""
    if not chain:
        return [(JOINTS.index(name), hips) for name in SPINE[1:]]
    shares = np.arange(len(chain) + 1) / len(chain)
    places = [(JOINTS.index(name), place / (len(SPINE) - 1)) for place, name in enumerate(SPINE)][1:]
    return [(joint, _between([hips, *chain], shares, share)) for joint, share in places]


def _between(turns: list[Array], shares: Array, share: float) -> Array:
    """The turn [frames, 3, 3] at `share` along turns at rising `shares`, by slerp."""
    high = int(np.clip(np.searchsorted(shares, share), 1, len(shares) - 1))
    first, second = (quaternion_from_matrix(turns[index]) for index in (high - 1, high))
    part = (share - shares[high - 1]) / (shares[high] - shares[high - 1])
    return matrix_from_quaternion(slerp_between(first, second, np.full((len(first), 1), part)))


def closed(motion: RigMotion) -> RigMotion:
    """A cycle whose last frame is the first again: every joint turned as there, the hips but for their heading, and the
    root as high.

    What `retarget` leaves of a cycle's pose at its seam, where its smoothing has no frames beyond, is spread over the
    last `SEAM` frames.
    """
    rig, hips = motion.character.rig, motion.character.bones.hips
    world = motion.world()[0][[0, -1], hips]
    body = motion.character.frame @ world @ transpose(motion.character.rest[0][hips])
    turn = matrix_from_yaw(np.asarray(np.diff(yaw_of(body))[0]))
    frame = motion.character.frame
    target = motion.rotations[0].copy()
    above = np.eye(3) if rig.parents[hips] < 0 else motion.world()[0][-1, rig.parents[hips]]
    target[hips] = transpose(above) @ frame.T @ turn @ frame @ world[0]
    length = min(SEAM, motion.frames - 1)
    share = smoothstep(np.arange(1, length + 1) / length)
    error = axis_angle_from_matrix(target @ transpose(motion.rotations[-1]))
    rotations, root = motion.rotations.copy(), motion.root.copy()
    rotations[-length:] = matrix_from_axis_angle(share[:, None, None] * error) @ rotations[-length:]
    rotations[-1] = target
    up = frame[1]
    root[-length:] += (share * ((motion.root[0] - motion.root[-1]) @ up))[:, None] * up
    return RigMotion(motion.character, rotations, root, motion.fps)
