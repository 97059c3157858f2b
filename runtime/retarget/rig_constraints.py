"""Bring a rig's motion to poses, a path and targets that were set on the rig itself, exactly.

The network and `refine.constraint_solver` obey them on genmo's skeleton; a rig of other proportions then misses them by
centimetres, and some of its joints (fingers, twist bones) are not genmo's at all.  What is left is corrected here, each
correction spread over the frames around it as `constraint_solver` spreads its own, in this order:
1. joints turn to the rotations of the poses;
2. the root moves to the places of the path and of the poses;
3. arms and legs reach their targets by two-bone inverse kinematics.  What is out of their reach, and targets of the
   trunk, move the root, where no path fixes it, while the feet stay where they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import axis_angle_from_matrix, matrix_from_axis_angle, rotate, transpose
from genmo.runtime.refine.constraint_solver import spread_corrections, spread_path
from genmo.runtime.refine.two_bone_ik import two_bone
from genmo.runtime.retarget.character import Character
from genmo.runtime.retarget.rig_motion import RigMotion
from genmo.runtime.support.arrays import Array

Frames = npt.NDArray[np.int64]
ROUNDS = 6
"""of reaching, moving the root and reaching again"""
REACHED = 1e-4
"""of the leg's length: a target this near is met"""


@dataclass(frozen=True, eq=False)
class NodeRotations:
    """Local rotations that a node must have at some frames."""

    node: int
    frames: Frames
    """[K] rising"""
    rotations: Array
    """[K, 3, 3] local"""


@dataclass(frozen=True, eq=False)
class Target:
    """Places of a node at some frames, in the rig's own world."""

    node: int
    frames: Frames
    """[K] rising"""
    positions: Array
    """[K, 3]"""
    keeps_local: bool = False
    """whether the node's own local rotation stays (else its rotation in the world)"""


@dataclass(frozen=True, eq=False)
class RigConstraints:
    """What a rig's motion must meet, in the rig's own frame and unit."""

    rotations: tuple[NodeRotations, ...]
    root: Array
    """[frames, 3] of the root, NaN where it is free"""
    targets: tuple[Target, ...]


def meet(motion: RigMotion, constraints: RigConstraints) -> RigMotion:
    """The motion that meets the constraints (see the module); without any it is the motion itself."""
    motion = _with_rotations(motion, constraints.rotations)
    moves = constraints.root - motion.root
    if np.isfinite(moves).any():
        motion = replace(motion, root=motion.root + _spread_root(motion.character, moves))
    fixed = np.isfinite(constraints.root)
    for _ in range(ROUNDS if constraints.targets else 0):
        left = 0.0
        for target in constraints.targets:
            motion, missing = _reach(motion, target)
            if missing > left:
                motion = _lean(motion, target, fixed)
            left = max(left, missing)
        if left < REACHED * motion.character.leg:
            break
    return motion


def _with_rotations(motion: RigMotion, wanted: tuple[NodeRotations, ...]) -> RigMotion:
    """The motion with nodes turned to their rotations; the changes fade before and after."""
    rotations = motion.rotations.copy()
    groups: dict[bytes, list[NodeRotations]] = {}
    for one in wanted:
        groups.setdefault(one.frames.tobytes(), []).append(one)
    for group in groups.values():
        frames, nodes = group[0].frames, [one.node for one in group]
        exact = np.stack([one.rotations for one in group], axis=1)  # [K, nodes, 3, 3]
        error = axis_angle_from_matrix(exact @ transpose(rotations[frames][:, nodes]))  # [K, nodes, 3]
        turns = spread_corrections(frames, error.reshape(len(frames), -1), motion.frames)
        near = np.flatnonzero(turns.any(axis=1))
        turn = matrix_from_axis_angle(turns[near].reshape(len(near), len(nodes), 3))
        rotations[near[:, None], nodes] = turn @ rotations[near[:, None], nodes]
        rotations[frames[:, None], nodes] = exact
    return replace(motion, rotations=rotations)


def _spread_root(character: Character, moves: Array) -> Array:
    """Moves [frames, 3] of the root, spread; heights are those of the rig's upright frame."""
    up = np.flatnonzero(np.abs(character.frame[1]) > 0.5)[0]
    axes = [axis for axis in range(3) if axis != up]
    order = [axes[0], up, axes[1]]
    spread = np.empty_like(moves)
    spread[:, order] = spread_path(moves[:, order])
    return spread


def _limb_of(motion: RigMotion, node: int) -> tuple[int, int, int] | None:
    """Upper bone, lower bone and end of the limb whose end carries the node; None for trunk, elbows and knees."""
    limbs, above = motion.character.bones.limbs, motion.character.rig.above(node)
    for side in ("left", "right"):
        for chain in (("upper_arm", "lower_arm", "hand"), ("upper_leg", "lower_leg", "foot")):
            upper, lower, end = (limbs[f"{side}_{part}"] for part in chain)
            if end in above:
                return upper, lower, end
    return None


def _reach(motion: RigMotion, target: Target) -> tuple[RigMotion, float]:
    """The motion with the limb reaching for its target, and the largest distance that is left."""
    limb = _limb_of(motion, target.node)
    frames = target.frames
    world_rotations, positions = motion.world()
    missing = target.positions - positions[frames, target.node]
    if limb is not None:
        motion = move_limb(motion, limb, frames, missing, target.keeps_local, (world_rotations, positions))
        missing = target.positions - motion.world()[1][frames, target.node]
    return motion, float(np.linalg.norm(missing, axis=-1).max())


def move_limb(
    motion: RigMotion,
    limb: tuple[int, int, int],
    frames: Frames,
    move: Array,
    keeps_local: bool,
    world: tuple[Array, Array],
) -> RigMotion:
    """The motion with a limb's end moved by `move` [K, 3] at `frames` [K]; before and after the change fades.

    `limb`: upper bone, lower bone and end; `world`: `RigMotion.world` of the motion; `keeps_local`: whether the end
    keeps its local rotation, else that in the world.
    """
    rotations, positions = (part[frames] for part in world)
    upper, lower, end = limb
    parents = motion.character.rig.parents
    places = [positions[:, node] for node in limb]
    goal, hinge = places[2] + move, _hinge(motion, limb, rotations, places)
    turns = two_bone(places[0], places[1], places[2], goal, hinge)
    wanted: dict[int, Array] = {upper: turns[0] @ rotations[:, upper], lower: turns[1] @ rotations[:, lower]}
    if keeps_local:
        wanted[end] = wanted[lower] @ transpose(rotations[:, lower]) @ rotations[:, end]
    else:
        wanted[end] = rotations[:, end]
    changed: dict[int, Array] = {}
    local = []
    for node in (upper, lower, end):
        above = rotations[:, parents[node]]
        for ancestor in motion.character.rig.above(parents[node]):  # bones between, as twist bones, turn with the limb
            if ancestor in changed:
                above = changed[ancestor] @ above
                break
        changed[node] = wanted[node] @ transpose(rotations[:, node])
        local.append(NodeRotations(node, frames, transpose(above) @ wanted[node]))
    return _with_rotations(motion, tuple(local))


def _hinge(motion: RigMotion, limb: tuple[int, int, int], rotations: Array, places: list[Array]) -> Array:
    """The axis [K, 3] about which a straight limb bends: knees forwards, elbows too but from behind."""
    character = motion.character
    rest = character.rest[0]
    leg = limb[0] in (character.bones.limbs["left_upper_leg"], character.bones.limbs["right_upper_leg"])
    along = places[2] - places[0]
    hips = character.bones.hips
    # forward of the body, carried by the upper bone's parent; a knee goes forwards, an elbow backwards
    forward = rotate(
        rotations[:, hips] @ transpose(character.frame.T @ rest[hips]) @ character.frame.T, np.asarray([0.0, 0.0, 1.0])
    )
    out = forward if leg else -forward
    axis = np.cross(out, along)
    return np.asarray(axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-9))


def _lean(motion: RigMotion, target: Target, fixed: npt.NDArray[np.bool_]) -> RigMotion:
    """The motion with the root moved by what is missing to a target, where nothing fixes it; feet stay."""
    frames = target.frames
    rotations, positions = motion.world()
    missing = np.where(fixed[frames], 0.0, target.positions - positions[frames, target.node])
    if not np.abs(missing).max() > 0:
        return motion
    moved = replace(motion, root=motion.root + spread_corrections(frames, missing, motion.frames))
    limbs = motion.character.bones.limbs
    near = np.flatnonzero(np.abs(moved.root - motion.root).max(axis=1) > 0)
    for side in ("left", "right"):
        leg = tuple(limbs[f"{side}_{part}"] for part in ("upper_leg", "lower_leg", "foot"))
        if leg[2] in motion.character.rig.above(target.node):
            continue
        world = moved.world()
        back = positions[near, leg[2]] - world[1][near, leg[2]]
        moved = move_limb(moved, (leg[0], leg[1], leg[2]), near, back, False, world)
    return moved
