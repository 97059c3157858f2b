"""The constraints of a request, as the network and its solver take them and as the rig must meet them in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from motionmcp import (
    Constraint,
    EffectorTargetConstraint,
    GroundHeightConstraint,
    PoseKeyframeConstraint,
    ProtocolError,
    RootPathConstraint,
)

from genmo.runtime.conditions.constraints import Frames, Headings, JointTargets, Keyframes, joined_keyframes
from genmo.runtime.motion.bone_names import REQUIRED
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import heading, rotate
from genmo.runtime.motion.skeleton import shape_space
from genmo.runtime.retarget.ground import UNDER, Ground
from genmo.runtime.retarget.rest_turns import limb_joints
from genmo.runtime.retarget.rig_constraints import NodeRotations, RigConstraints, Target
from genmo.runtime.retarget.rig_motion import RigMotion, off_rig, to_genmo
from genmo.runtime.serve.frames import Clock
from genmo.runtime.serve.skeletons import RequestRig, rotation_matrices
from genmo.runtime.support.arrays import Array

FARTHEST = 1e4
"""metres from the origin that a place may be"""
MOST_POINTS = 4096
"""of the ground"""
PLACES_APART = 0.2
"""metres between places of a path, from which it tells where to face"""


@dataclass(frozen=True, eq=False)
class ReadConstraints:
    """The constraints of a request."""

    keyframes: Keyframes
    places: JointTargets
    headings: Headings
    on_rig: RigConstraints
    ground: Ground | None
    """what the rig walks on; None: the floor at y = 0"""


def read_constraints(constraints: Sequence[Constraint], rig: RequestRig, clock: Clock) -> ReadConstraints:
    """The constraints in genmo's world and frames, and on the rig in the request's.

    Of two that say something of the same frame and joint, the later counts.  Raises ProtocolError for numbers that are
    none.
    """
    collected = _Collected(rig, clock, _ground(constraints, rig))
    for number, constraint in enumerate(constraints):
        collected.where = f"constraints[{number}]"
        if isinstance(constraint, RootPathConstraint):
            collected.add_path(constraint)
        elif isinstance(constraint, EffectorTargetConstraint):
            collected.add_effector(constraint)
        elif isinstance(constraint, PoseKeyframeConstraint):
            collected.add_pose(constraint)
    return collected.finish()


def _ground(constraints: Sequence[Constraint], rig: RequestRig) -> Ground | None:
    """All points of the ground.  Raises ProtocolError for too many of them."""
    points = [point for one in constraints if isinstance(one, GroundHeightConstraint) for point in one.points]
    if not points:
        return None
    if len(points) > MOST_POINTS:
        raise ProtocolError("invalid_options", f"the ground has {len(points)} points; wanted at most {MOST_POINTS}")
    known = np.asarray(points, np.float64)
    if not (np.abs(known) < FARTHEST).all():
        raise ProtocolError("schema_validation", "points of the ground are too far away; wanted metres")
    return Ground(known[:, :2], known[:, 2], UNDER * rig.character.leg)


@dataclass
class _Pose:
    """What keyframes say of one frame."""

    rotations: dict[int, Array] = field(default_factory=dict)
    root: Array | None = None
    rest: bool = False


class _Collected:
    """Constraints on their way."""

    def __init__(self, rig: RequestRig, clock: Clock, ground: Ground | None) -> None:
        self.rig, self.clock, self.ground, self.where = rig, clock, ground, ""
        self.root = np.full((clock.frames, 3), np.nan)
        self.facing: dict[int, float] = {}
        """genmo's frame -> yaw in genmo's world"""
        self.poses: dict[int, _Pose] = {}
        """frame -> pose"""
        self.effectors: dict[int, dict[int, Array]] = {}
        """node -> frame -> place"""
        self.turned: dict[int, dict[int, Array]] = {}
        """node -> frame -> local rotation"""
        rest = rig.character.rig.rest()[1]
        self.root_node = rig.character.rig.parents.index(-1)
        self.to_hips = rest[rig.character.bones.hips] - rest[self.root_node]
        legs = [rig.character.bones.limbs[f"{side}_upper_leg"] for side in ("left", "right")]
        self.to_middle = rest[legs].mean(axis=0) - rest[self.root_node]
        self.rest_root = rest[self.root_node]

    def add_path(self, path: RootPathConstraint) -> None:
        """Places of the root over the ground, and where it faces."""
        self.root[np.asarray(path.frames)[:, None], [0, 2]] = self._places(path.positions_xz)
        for frame, radians in zip(path.frames, path.heading_radians or (), strict=False):
            if not np.isfinite(radians):
                raise self._bad("heading_radians")
            direction = np.asarray([np.sin(radians), 0.0, np.cos(radians)])
            turned = rotate(self.rig.character.frame, direction)
            self.facing[self.clock.to_native(frame)] = float(heading(turned))

    def add_effector(self, effector: EffectorTargetConstraint) -> None:
        """Places, and rotations, of one joint."""
        node = self.rig.node(effector.joint)
        places = self._places(effector.positions)
        if effector.rotations is not None:
            rotations = rotation_matrices(np.asarray(effector.rotations), f"{self.where}.rotations")
            self.turned.setdefault(node, {}).update(zip(effector.frames, rotations, strict=True))
        if node == self.root_node:
            self.root[np.asarray(effector.frames)] = places
        elif node == self.rig.character.bones.hips:
            self.root[np.asarray(effector.frames)] = places - self.to_hips
        else:
            self.effectors.setdefault(node, {}).update(zip(effector.frames, places, strict=True))

    def add_pose(self, keyframe: PoseKeyframeConstraint) -> None:
        """A pose, of all joints or some."""
        pose = self.poses.setdefault(keyframe.frame, _Pose())
        quaternions = np.asarray(list(keyframe.joint_rotations.values()))
        rotations = rotation_matrices(quaternions, f"{self.where}.joint_rotations")
        pose.rotations.update(zip(map(self.rig.node, keyframe.joint_rotations), rotations, strict=True))
        pose.rest |= keyframe.fill_mode == "rest"
        if keyframe.root_position is not None:
            pose.root = self._places([keyframe.root_position])[0]

    def _places(self, values: Sequence[Sequence[float]]) -> Array:
        places = np.asarray(values, np.float64)
        if not (np.abs(places) < FARTHEST).all():
            raise self._bad("positions")
        return places

    def _bad(self, what: str) -> ProtocolError:
        return ProtocolError(
            "schema_validation", f"{self.where}: {what} holds what is no number, or too large a one; wanted metres"
        )

    def finish(self) -> ReadConstraints:
        """Everything together."""
        turned, keyframes = dict(self.turned), []
        for frame, pose in self.poses.items():
            if pose.root is not None:
                self.root[frame] = pose.root
            whole = self._whole(pose)
            chosen = range(len(self.rig.names)) if pose.rest else pose.rotations
            rest = self.rig.character.rig.rotations
            for node in chosen:
                turned.setdefault(node, {}).setdefault(frame, pose.rotations.get(node, rest[node]))
            if whole is not None:
                keyframes.append((self.clock.to_native(frame), whole, pose.root is not None))
            elif {self.root_node, self.rig.character.bones.hips} & set(pose.rotations):
                root = self._off_rig(pose).rotations[0, 0]
                self.facing.setdefault(self.clock.to_native(frame), float(heading(root[:, 2])))
        read_keyframes = _keyframes(keyframes)
        places = self._targets(read_keyframes)
        if any(np.isfinite(array).any() for array in (self.root, places.positions)) or keyframes or self.facing:
            places = self._anchored(places, read_keyframes)
        order = sorted(self.facing)
        return ReadConstraints(
            read_keyframes,
            places,
            Headings(np.asarray(order, np.int64), np.asarray([self.facing[frame] for frame in order])),
            RigConstraints(
                tuple(NodeRotations(node, *_columns(of_frame)) for node, of_frame in turned.items()),
                self.root,
                tuple(
                    Target(node, *_columns(of_frame), keeps_local=node in self.turned)
                    for node, of_frame in self.effectors.items()
                ),
            ),
            self.ground,
        )

    def _whole(self, pose: _Pose) -> tuple[Array, Array] | None:
        """The pose on genmo's body, where the pose says all of it: local rotations [24, 3, 3] and the pelvis [3]."""
        bones = self.rig.character.bones
        body = {bones.hips, bones.head, *(bones.limbs[part] for part in REQUIRED if part in bones.limbs)}
        if not (pose.rest or body <= set(pose.rotations)):
            return None
        motion = self._off_rig(pose)
        return motion.rotations[0], motion.translation[0]

    def _off_rig(self, pose: _Pose) -> Motion:
        rotations = self.rig.character.rig.rotations[None].copy()
        for node, rotation in pose.rotations.items():
            rotations[0, node] = rotation
        root = self.rest_root if pose.root is None else self._flat(pose.root)
        return off_rig(RigMotion(self.rig.character, rotations, root[None], FPS))

    def _targets(self, keyframes: Keyframes) -> JointTargets:
        """The path and the effectors as targets of genmo's joints; none in the frames of keyframes with a place."""
        found: dict[tuple[int, int], Array] = {}
        for frame in np.flatnonzero(np.isfinite(self.root).any(axis=1)).tolist():
            found[self.clock.to_native(frame), 0] = self._pelvis(self.root[frame])
        joint_of = self._joint_of()
        for node, of_frame in self.effectors.items():
            for frame, place in of_frame.items():
                found[self.clock.to_native(frame), joint_of[node]] = to_genmo(self.rig.character, self._flat(place))
        taken = set(keyframes.frames[keyframes.has_root].tolist())
        keys = sorted(key for key in found if key[0] not in taken)
        frames, joints = (np.asarray([key[column] for key in keys], np.int64) for column in (0, 1))
        return JointTargets(frames, joints, np.asarray([found[key] for key in keys]).reshape(-1, 3))

    def _flat(self, place: Array) -> Array:
        """Where a place [3] over the ground is over a flat floor: the network knows no other."""
        height = 0.0 if self.ground is None else float(self.ground.under(place[[0, 2]]))
        return np.asarray(place - np.asarray([0.0, height if np.isfinite(height) else 0.0, 0.0]))

    def _pelvis(self, root: Array) -> Array:
        """Where genmo's pelvis is when the rig's root is at `root` [3] (NaN: free) and the body upright."""
        upright = self.rig.character.frame
        place = to_genmo(self.rig.character, self._flat(np.nan_to_num(root)) + self.to_middle)
        offsets = shape_space().mean
        place -= offsets[[JOINTS.index("left_hip"), JOINTS.index("right_hip")]].mean(axis=0)
        # a free coordinate of the rig's world is a free one of genmo's: both have the same axes but for their signs
        free = (np.abs(upright) > 0.5) @ np.isnan(root)
        return np.where(free, np.nan, place)

    def _joint_of(self) -> dict[int, int]:
        """Node -> genmo's joint: its own, or that of the nearest bone above that has one."""
        bones, rig = self.rig.character.bones, self.rig.character.rig
        own = {bones.limbs[part]: joint for part, joint in limb_joints(self.rig.character)}
        own |= {bones.hips: 0, bones.head: JOINTS.index("head")}
        own |= {node: JOINTS.index("spine3") for node in bones.spine[-1:]}
        own |= {
            bones.limbs[f"{s}_middle"]: JOINTS.index(f"{s}_hand")
            for s in ("left", "right")
            if f"{s}_middle" in bones.limbs
        }
        return {
            node: next((own[above] for above in rig.above(node) if above in own), 0) for node in range(len(rig.names))
        }

    def _anchored(self, places: JointTargets, keyframes: Keyframes) -> JointTargets:
        """The targets; where none says where the motion starts, it starts where the rig rests, facing as it does.

        A motion that nothing constrains is brought there as a whole; one with constraints cannot be.
        """
        on_path = places.positions[places.joints == 0][:, [0, 2]]
        apart = len(on_path) > 1 and bool(np.ptp(on_path, axis=0).max() > PLACES_APART)
        if not (apart or len(keyframes.frames) or self.facing):
            self.facing[0] = 0.0
        if len(on_path) or keyframes.has_root.any():
            return places
        start = self._pelvis(np.asarray(self.rest_root)) * (1.0, np.nan, 1.0)
        return JointTargets(
            np.concatenate([[0], places.frames]),
            np.concatenate([[0], places.joints]),
            np.vstack([start, places.positions]),
        )


def _keyframes(found: list[tuple[int, tuple[Array, Array], bool]]) -> Keyframes:
    """Keyframes of (genmo's frame, pose, whether it has a place); of two in a frame the later counts."""
    last = {frame: (pose, placed) for frame, pose, placed in found}
    return joined_keyframes(
        [
            Keyframes(np.asarray([frame]), pose[0][None], (pose[1] if placed else np.full(3, np.nan))[None])
            for frame, (pose, placed) in last.items()
        ]
    )


def _columns(of_frame: dict[int, Array]) -> tuple[Frames, Array]:
    """Frames [K], rising, and the values [K, ...] of a table frame -> value."""
    frames = sorted(of_frame)
    return np.asarray(frames, np.int64), np.stack([of_frame[frame] for frame in frames])
