"""A motion of genmo's skeleton on a character.

Rotations.  Joint j of the motion turns its T-pose by S_j in the world.  A bone that rests at W (world, y up, facing
+z) plays at S_j C W, where C is a turn of the rest pose once and for all:
- arms, legs and hands: the smallest turn, on top of the parent's, that brings the bone's rest direction to that of the
  T-pose.  So limbs point where the motion's limbs point, whether the character rests in T, A or any other pose;
- feet and toes: about the vertical only, for a sole that rests flat has to stay flat whatever the bone's slope;
- hips: the smallest turn that brings the line between the hip joints to the T-pose's, for a person's own is rarely
  level, and legs that stand level on a tilted line would differ in length;
- spine, neck, head and shoulders: none.  A character keeps its posture.
With more or fewer spine bones than the motion's three, each takes the rotation at its share of the way (slerp).
All other bones keep their local rest rotation.

Positions.  Everything is scaled by the ratio of the legs' lengths; heights are counted from ankle height.  Then the
feet: the lowest point of each sole comes to the scaled height of the motion's sole, first by moving the hips
(smoothly), then by two-bone inverse kinematics; and while a foot is planted, it moves over the ground no more than the
motion's foot does (the ball of the foot keeps a constant offset to the scaled one).  At last the mesh, whose shoes
reach further than joints: toes in the ground bend up, and what is still under the floor lifts the ankle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.bone_names import SIDES
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import (
    matrix_from_quaternion,
    normalize,
    quaternion_from_matrix,
    rotate,
    transpose,
)
from genmo.runtime.motion.skeleton import BALL_HEIGHT, CONTACT_JOINTS, JOINTS, sole_drops
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.refine.two_bone_ik import two_bone
from genmo.runtime.retarget.character import Character
from genmo.runtime.retarget.planting import hold_offsets, smoothed
from genmo.runtime.retarget.rest_turns import driven_turns, foot_direction
from genmo.runtime.support.arrays import Array

NEAR = 0.06  # metres; a sole at this height over the ground counts 1/e of one on the ground
LOOSE = 0.004  # metres of a person; a sole this near to its height stays: a straight leg bends by degrees for it
FADE = 8  # frames at 30 fps over which a planted foot's offset comes and goes
SMOOTH = 2.0  # frames at 30 fps; width (one sigma) of the hips' correction


@dataclass(frozen=True, eq=False)
class Performance:
    """A motion on a rig, in the rig's own frame and unit."""

    character: Character
    rotations: Array
    """[frames, nodes, 3, 3] local; nodes that nothing drives stay as they rest"""
    hips: Array
    """[frames, 3] local translation of the hips' node"""
    driven: tuple[int, ...]
    """nodes whose rotation changes, parents first; the hips' translation changes too"""
    fps: float
    root: int | None = None
    """the node that carries the way over the ground; None: the hips do"""
    way: Array | None = None
    """[frames, 3] local translation of the `root` node"""

    @property
    def frames(self) -> int:
        return len(self.hips)

    def world(self) -> tuple[Array, Array]:
        """World rotations [frames, nodes, 3, 3] and positions [frames, nodes, 3]."""
        rig, hips = self.character.rig, self.character.bones.hips
        world_rotations, world_positions = self.rotations.copy(), np.tile(rig.translations, (self.frames, 1, 1))
        world_positions[:, hips] = self.hips
        if self.root is not None and self.way is not None:
            world_positions[:, self.root] = self.way
        size = np.ones(len(rig.names))
        for node in rig.order:
            parent = rig.parents[node]
            size[node] = rig.scales[node].mean()
            if parent >= 0:
                world_positions[:, node] = world_positions[:, parent] + size[parent] * rotate(
                    world_rotations[:, parent], world_positions[:, node]
                )
                world_rotations[:, node] = world_rotations[:, parent] @ self.rotations[:, node]
                size[node] *= size[parent]
        return world_rotations, world_positions


def ground_height(joints: Array) -> float:
    """Height in metres of the floor under world joints [frames, 24, 3].

    World motions stand on y = 0; one that clearly does not (an estimate with an unknown floor) gets a floor
    under its lowest sole or hand instead.
    """
    lowest = float(joints[..., CONTACT_JOINTS, 1].min()) - BALL_HEIGHT
    return 0.0 if abs(lowest) < 0.12 else lowest


def retarget(
    motion: Motion, character: Character, *, travel: float | None = None, floor: float | None = None
) -> Performance:
    """The motion on the character, at the motion's frame rate.

    `travel`: the character's units along the ground for a metre of the motion's (None: the ratio of the legs); `floor`:
    height in metres of the floor that the motion stands on (None: `ground_height`).
    """
    exact = matrix_from_quaternion(quaternion_from_matrix(np.asarray(motion.rotations, np.float64)))
    source = Motion(exact, np.asarray(motion.translation, np.float64), motion.betas, motion.offsets, fps=motion.fps)
    world_rotations, joints = source.kinematics()
    joints = joints - (0.0, ground_height(joints) if floor is None else floor, 0.0)
    stage = _Stage(character, driven_turns(character, world_rotations, np.asarray(motion.rest_offsets, np.float64)))
    legs = _LegRetargeter(stage, source, world_rotations, joints, motion.contacts, travel)
    stage.put_hips(legs.middle)
    legs.plant()
    return stage.performance(motion.fps)


class _Stage:
    """The character as it plays, y up and facing +z: world rotations of driven bones, and where that puts nodes."""

    def __init__(self, character: Character, desired: dict[int, Array]) -> None:
        self.character = character
        self.desired = desired
        """node -> world rotations [frames, 3, 3]"""
        rig = character.rig
        required = {above for node in (*desired, *character.bones.limbs.values()) for above in rig.above(node)}
        self.nodes = [node for node in rig.order if node in required]
        self.frames = len(desired[character.bones.hips])
        self.size = {node: float(np.prod([rig.scales[above].mean() for above in rig.above(node)])) for node in required}
        self.shift = np.zeros((self.frames, 3))  # of the hips, from where they rest
        self.rotations: dict[int, Array] = {}
        """node -> world rotations [frames, 3, 3]"""
        self.positions: dict[int, Array] = {}
        """node -> world positions [frames, 3]"""
        self.update()

    def update(self) -> None:
        """Update world rotations and positions of all nodes that matter."""
        rig, hips = self.character.rig, self.character.bones.hips
        rest = self.character.rest[1]
        for node in self.nodes:
            parent = rig.parents[node]
            above = self.rotations[parent] if parent >= 0 else np.tile(self.character.frame, (self.frames, 1, 1))
            self.rotations[node] = self.desired.get(node, above @ rig.rotations[node])
            if node == hips:
                self.positions[node] = rest[node] + self.shift
            elif parent < 0:
                self.positions[node] = np.tile(rest[node], (self.frames, 1))
            else:
                step = self.size[parent] * rotate(above, rig.translations[node])
                self.positions[node] = self.positions[parent] + step

    def limb(self, name: str) -> Array:
        """Positions [frames, 3] of a body part's bone."""
        return self.positions[self.character.bones.limbs[name]]

    def middle(self) -> Array:
        """Positions [frames, 3] between the hip joints."""
        return (self.limb("left_upper_leg") + self.limb("right_upper_leg")) / 2

    def put_hips(self, middle: Array) -> None:
        """Move the hips so that the middle of the hip joints is at `middle` [frames, 3]."""
        self.shift = self.shift + middle - self.middle()
        self.update()

    def performance(self, fps: float) -> Performance:
        """What plays, as local rotations and the hips' local translation in the rig's own frame."""
        rig, hips = self.character.rig, self.character.bones.hips
        rotations = np.tile(rig.rotations, (self.frames, 1, 1, 1))
        driven = tuple(node for node in self.nodes if node in self.desired)
        for node in driven:
            parent = rig.parents[node]
            above = self.character.frame if parent < 0 else self.rotations[parent]
            rotations[:, node] = transpose(above) @ self.rotations[node]
        parent = rig.parents[hips]
        above, size = self.character.frame, 1.0
        place: Array = np.zeros(3)
        if parent >= 0:
            above, place, size = self.rotations[parent], self.positions[parent], self.size[parent]
        local = rotate(transpose(above), self.positions[hips] - place) / size
        return Performance(self.character, rotations, local, driven, fps)


class _LegRetargeter:
    """Where the motion has its feet, and how the character's come there."""

    def __init__(
        self,
        stage: _Stage,
        motion: Motion,
        joint_rotations: Array,
        joints: Array,
        contacts: Array | None,
        travel: float | None,
    ) -> None:
        self.stage = stage
        self.fps = motion.fps
        self.joint_rotations = joint_rotations
        """[frames, 24, 3, 3] of the motion, in the world"""
        offsets = np.asarray(motion.rest_offsets, np.float64)
        character = stage.character
        self.scale = character.leg / _source_leg(offsets)
        self.ankles = sole_drops(offsets)[:, 0]
        rest = character.rest[1]
        self.rest_heights = [float(rest[character.bones.limbs[f"{side}_foot"], 1]) - character.floor for side in SIDES]
        hips = joints[:, [JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(axis=1)
        along = self.scale if travel is None else travel
        self.middle = np.asarray([along, self.scale, along]) * (hips - (0.0, np.mean(self.ankles), 0.0))
        self.middle[:, 1] += np.mean(self.rest_heights) + character.stands_at
        balls = joints[:, [JOINTS.index(f"{side}_foot") for side in SIDES]]
        self.balls = np.asarray([along, self.scale, along]) * balls
        self.heights = np.stack([self._source_height(k, joints, offsets) for k in (0, 1)], axis=1)
        self.ground_proximity = np.exp(-((np.maximum(self.heights, 0) / NEAR) ** 2))  # [frames, 2]
        self.in_contact = frames_in_contact(contact_scores(balls, contacts, self.fps))

    def _source_height(self, k: int, joints: Array, offsets: Array) -> Array:
        """Height [frames] in metres of the lowest point of the motion's sole over its ground."""
        ankle, ball = JOINTS.index(f"{SIDES[k]}_ankle"), JOINTS.index(f"{SIDES[k]}_foot")
        heel = np.asarray([0.0, -self.ankles[k], 0.0])
        toe = offsets[ball] - (0.0, sole_drops(offsets)[k, 1], 0.0)
        ends = [joints[:, ankle] + rotate(self.joint_rotations[:, ankle], end) for end in (heel, toe)]
        return np.minimum(ends[0][:, 1], ends[1][:, 1])

    def _foot(self, k: int) -> tuple[Array, Array]:
        """Positions [frames, 3] of the ball of the character's foot, and heights [frames] of its sole above it."""
        character, side = self.stage.character, SIDES[k]
        node = character.bones.limbs[f"{side}_foot"]
        rest, rest_positions = character.rest
        forward = foot_direction(character, side, rest_positions)
        if f"{side}_toes" not in character.bones.limbs:
            forward = forward * self.scale * 0.14  # an ankle is about that far behind the ball, in metres of a person
        play = self.stage.rotations[node] @ transpose(rest[node])
        ankle = self.stage.positions[node]
        heel = ankle + rotate(play, np.asarray([0.0, -self.rest_heights[k], 0.0]))
        toe = ankle + rotate(play, np.asarray([forward[0], -self.rest_heights[k], forward[2]]))
        lowest = np.minimum(heel[:, 1], toe[:, 1]) - character.stands_at
        return toe, lowest

    def plant(self) -> None:
        """Bring the soles to their heights and hold planted feet over the ground."""
        need = np.stack([self.scale * self.heights[:, k] - self._foot(k)[1] for k in (0, 1)], axis=1)
        need = np.maximum(need, np.stack([self._depth(k) for k in (0, 1)], axis=1))
        weight = self.ground_proximity + 1e-4
        width = SMOOTH * self.fps / FPS
        lift = smoothed((weight * need).sum(axis=1), width) / smoothed(weight.sum(axis=1), width)
        self.stage.shift[:, 1] += lift
        self.stage.update()
        for k in (0, 1):
            ball, height = self._foot(k)
            move = np.zeros_like(ball)
            missing, loose = self.scale * self.heights[:, k] - height, self.scale * LOOSE
            move[:, 1] = self.ground_proximity[:, k] * (missing - np.clip(missing, -loose, loose))
            fade = max(2, round(FADE * self.fps / FPS))
            move[:, [0, 2]] = hold_offsets((self.balls[:, k] - ball)[:, [0, 2]], self.in_contact[:, k], fade)
            self._reach(k, move)
        self.stage.update()
        for k in (0, 1):
            self._clear(k)
        self.stage.update()

    def _bones(self, k: int) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Rotations from rest [frames, 3, 3] and positions [frames, 3] of a foot's bone and of its toes'."""
        limbs, rest = self.stage.character.bones.limbs, self.stage.character.rest[0]
        foot = limbs[f"{SIDES[k]}_foot"]
        nodes = foot, limbs.get(f"{SIDES[k]}_toes", foot)
        first, second = ((self.stage.rotations[n] @ transpose(rest[n]), self.stage.positions[n]) for n in nodes)
        return first, second

    def _depth(self, k: int) -> Array:
        """How far [frames] the mesh of a foot is under the floor (negative over it), without toes, which can bend."""
        sole = self.stage.character.soles[k]
        if sole is None or sole.front.all():
            return np.full(len(self.heights), -np.inf)
        return self.stage.character.stands_at + sole.depth - sole.subset(~sole.front).lowest(*self._bones(k))

    def _clear(self, k: int) -> None:
        """Bring the mesh of a foot out of the floor: the toes bend, then the ankle lifts."""
        character = self.stage.character
        sole, toes = character.soles[k], character.bones.limbs.get(f"{SIDES[k]}_toes")
        if sole is None:
            return
        floor = character.stands_at + sole.depth
        if toes is not None:
            forward = foot_direction(character, SIDES[k], character.rest[1])
            hinge = normalize(np.asarray([-forward[2], 0.0, forward[0]]))
            foot, front = self._bones(k)
            self.stage.desired[toes] = sole.bent(foot, front, rotate(foot[0], hinge), floor) @ self.stage.desired[toes]
            self.stage.update()
        lift = np.maximum(floor - sole.lowest(*self._bones(k)), 0.0)
        self._reach(k, lift[:, None] * (0.0, 1.0, 0.0))

    def _reach(self, k: int, move: Array) -> None:
        """Move the ankle by `move` [frames, 3], by thigh and shin; the foot keeps its orientation."""
        stage, limbs = self.stage, self.stage.character.bones.limbs
        thigh, shin, foot = (limbs[f"{SIDES[k]}_{limb}"] for limb in ("upper_leg", "lower_leg", "foot"))
        hinge = self.joint_rotations[:, JOINTS.index(f"{SIDES[k]}_hip"), :, 0]
        ankle = stage.positions[foot]
        turns = two_bone(stage.positions[thigh], stage.positions[shin], ankle, ankle + move, hinge)
        for node, turn in zip((thigh, shin), turns, strict=True):
            stage.desired[node] = turn @ stage.desired[node]


def _source_leg(offsets: Array) -> float:
    """Thigh and shin in metres, the mean of both legs."""
    legs = [JOINTS.index(f"{side}_{subset}") for side in SIDES for subset in ("knee", "ankle")]
    return float(np.linalg.norm(offsets[legs], axis=-1).sum()) / 2
