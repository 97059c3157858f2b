"""Plans as motions on the rig of the request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from motionmcp import GenerateRequest, MotionResult, ProtocolError
from motionmcp.trajectory import compute_trajectories

from genmo.runtime.model import MotionModel
from genmo.runtime.motion.joints import CONTACT_JOINTS, JOINTS
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.resampling import at_rate
from genmo.runtime.motion.rotation import continuous_quaternions, heading, matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import rest_joints, shape_space
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.refine.knees import knees_forward
from genmo.runtime.retarget.retargeting import retarget
from genmo.runtime.retarget.rig_constraints import meet
from genmo.runtime.retarget.rig_motion import RigMotion, closed, of_performance, travel_of
from genmo.runtime.retarget.terrain import on_ground
from genmo.runtime.serve.notes import Note, Stopped, note
from genmo.runtime.serve.plan import Plan, make_plan
from genmo.runtime.serve.references import reference_spans
from genmo.runtime.serve.skeletons import RequestRig
from genmo.runtime.serve.videos import Watcher
from genmo.runtime.support.arrays import Array, Flags

log = logging.getLogger("genmo.serve")

CONTACT = 0.5
"""probability from which a foot stands"""
ARMS_HANG = np.radians(80)
SHORTEST_TRAJECTORY = 3
"""frames of which a travel trajectory can be told"""


class Maker:
    """Makes what requests ask for, with one model; may be called from several threads."""

    def __init__(self, model: MotionModel, watcher: Watcher | None = None, tries: int | None = None) -> None:
        """`tries`: as in `MotionModel.follow`."""
        self.model, self.watcher, self.tries = model, watcher, tries

    def answer(self, request: GenerateRequest, stop: threading.Event) -> MotionResult:
        """The answer to a validated request.

        Raises ProtocolError and GenmoError for what cannot be made, Stopped soon after `stop` is set.
        """
        plan = make_plan(request)
        references = reference_spans(
            request, plan.rig, plan.clock, plan.timeline.seed, lambda number: self._watched(request, number, stop)
        )
        timeline = replace(plan.timeline, references=references)
        result = self.model.follow(
            timeline, samples=plan.samples, clean_feet=plan.clean_feet, tries=self.tries, progress=_watch(stop)
        )
        takes = []
        for motion in result.motions:
            if stop.is_set():
                raise Stopped
            takes.append(_on_rig(_telling_pose(motion) if plan.pose else motion, plan))
        notes = [*plan.notes, *(note("engine", line) for line in result.notes)]
        return _result(request, plan, result.motions, takes, notes)

    def _watched(self, request: GenerateRequest, number: int, stop: threading.Event) -> Motion:
        if self.watcher is None:
            raise ProtocolError("unsupported_segment", "this server watches no videos")
        return self.watcher.motion(request.segments[number], number, stop)


def _watch(stop: threading.Event) -> Callable[[float], None]:
    def progress(share: float) -> None:
        if stop.is_set():
            raise Stopped

    return progress


def _on_rig(motion: Motion, plan: Plan) -> RigMotion:
    """A motion of genmo's on the rig, at the request's rate and for its frames, meeting its constraints."""
    frames = 1 if plan.pose else plan.frames
    motion = at_rate(motion, plan.fps).cut(slice(frames))
    if plan.constraints.targets:  # reaching far, the solver bends knees either way
        motion = knees_forward(motion)
    character = plan.rig.character
    performance = retarget(motion, character, travel=travel_of(character), floor=0.0)
    take = of_performance(performance)
    if plan.timeline.loop is not None:
        take = closed(take)
    if not plan.timeline.constrained:
        take = replace(take, root=take.root + _resting_place(plan.rig))
    if plan.ground is not None:
        take = on_ground(take, plan.ground, _standing(motion))
    return meet(take, plan.constraints)


def _standing(motion: Motion) -> Flags:
    """[frames, 2] where the left and the right foot stand."""
    balls = motion.joints_world()[:, [JOINTS.index("left_foot"), JOINTS.index("right_foot")]]
    return frames_in_contact(contact_scores(balls, motion.contacts, motion.fps))


def _resting_place(rig: RequestRig) -> Array:
    """Where the hips of the rig rest over the ground, [3] in its world; a motion that nothing places starts there."""
    character = rig.character
    place = character.rest[1][character.bones.hips] * (1.0, 0.0, 1.0)
    return np.asarray(character.frame.T @ place)


def _telling_pose(motion: Motion) -> Motion:
    """The frame of a motion whose pose is furthest from standing with the arms down, brought to its start."""
    offsets = shape_space().mean
    still = _hanging_arms(np.asarray(offsets))
    joints = motion.joints_world() - motion.translation[:, None]
    turned = np.einsum("fji,fnj->fni", _upright(motion.rotations[:, 0]), joints)
    chosen = int(np.linalg.norm(turned - still, axis=-1).mean(axis=1).argmax())
    return motion.cut(slice(chosen, chosen + 1))


def _upright(root: Array) -> Array:
    """The heading of each root [frames, 3, 3] as a turn about the vertical."""
    return matrix_from_yaw(heading(root[:, :, 2]))


def _hanging_arms(offsets: Array) -> Array:
    """Joints [24, 3] of a body that stands with its arms down, about the pelvis."""
    lowered = offsets.copy()
    for side, sign in (("left", -1.0), ("right", 1.0)):
        turn = matrix_from_axis_angle(np.asarray([0.0, 0.0, sign * ARMS_HANG]))
        for name in ("elbow", "wrist", "hand"):
            joint = JOINTS.index(f"{side}_{name}")
            lowered[joint] = turn @ offsets[joint]
    return rest_joints(lowered)


def _result(
    request: GenerateRequest, plan: Plan, motions: list[Motion], takes: list[RigMotion], notes: list[Note]
) -> MotionResult:
    """The answer as the SDK encodes it."""
    rotations = np.stack([_quaternions(take.rotations) for take in takes])
    root = np.stack([take.root for take in takes])
    canonical = plan.rig.names == JOINTS
    names = None if canonical else plan.rig.canonical_names
    return MotionResult(
        rotations=rotations,
        root_translations=root,
        foot_contacts=_contacts(plan, motions),
        canonical_to_request=names,
        trajectories=_trajectories(request, plan, rotations, root),
        notes=list(notes),
    )


def _trajectories(
    request: GenerateRequest, plan: Plan, rotations: Array, root: Array
) -> list[dict[str, object] | None]:
    """The travel of each sample as the SDK tells it; None where it cannot.

    Here, in a thread of its own: the SDK would do it in the event loop, and hold up every other request.
    """
    if rotations.shape[1] >= SHORTEST_TRAJECTORY:
        try:
            found: list[dict[str, object] | None] = compute_trajectories(
                skeleton=request.skeleton.model_dump(mode="json"),
                joint_names=list(plan.rig.names),
                rotations_quat=rotations,
                root_translations=root,
                fps=plan.fps,
                loop=plan.timeline.loop is not None,
                canonical_to_request=plan.rig.canonical_names,
            )
            return found
        except Exception as error:  # it fails on some short motions, and a motion without it is one all the same
            log.info("no travel trajectory: %s", error)
    return [None] * len(rotations)


def _quaternions(rotations: Array) -> Array:
    """Quaternions (x, y, z, w) [frames, nodes, 4] without sign flips, from local rotations."""
    return np.asarray(continuous_quaternions(rotations)[..., [1, 2, 3, 0]])


def _contacts(plan: Plan, motions: list[Motion]) -> dict[str, Flags]:
    """Joint of the rig -> [samples, frames] whether it stands on the ground."""
    if plan.pose:
        return {}
    names = plan.rig.canonical_names
    found: dict[str, Flags] = {}
    for column, joint in enumerate(CONTACT_JOINTS):
        name = names.get(JOINTS[joint])
        if name is not None and JOINTS[joint].endswith(("ankle", "foot")):
            scores = [_at_rate(motion, plan)[:, column] for motion in motions]
            found[name] = np.stack(scores) > CONTACT
    return found


def _at_rate(motion: Motion, plan: Plan) -> Array:
    contacts = at_rate(motion, plan.fps).cut(slice(plan.frames)).contacts
    return np.zeros((plan.frames, len(CONTACT_JOINTS))) if contacts is None else contacts
