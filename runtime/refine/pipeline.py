"""From a network's answer to a finished motion: the one ordered list of stages.

`FEATURE_STAGES` change the features that the network answered, `MOTION_STAGES` the motion that is
decoded from them, each list in its order.  A stage says what it takes, what it promises and what it leaves alone;
whatever is done to a whole motion is one of them.  Streams and endless generation know no future: where they do the
same, the stage names its causal twin.  `docs/architecture.md` shows this list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from genmo.runtime.conditions.camera_heads import with_heads
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.representation import decode
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.refine.constraint_solver import solve_constraints
from genmo.runtime.refine.foot_locking import FeetOptions, clean_feet
from genmo.runtime.refine.grounding import (
    align_to_camera,
    correct_height_drift,
    face_forward,
    put_on_ground,
)
from genmo.runtime.refine.image_contacts import with_image_contacts
from genmo.runtime.refine.keypoint_fit import fit_to_keypoints
from genmo.runtime.refine.multi_shot import realign_cameras, root_anchored, shot_heights, span_frames
from genmo.runtime.refine.transitions import remove_steps, smooth_motion_transitions, smooth_transitions
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.progress import ProgressCallback, no_progress

# The world of a camera need not have its ground at 0.  Under keypoints the feet know the path better than the
# integrated velocity does, so the root follows them for longer, and doubtful contacts count (chosen on people of the
# training set).
FILMED_FEET = FeetOptions(ground=None, horizon=300, enter=0.4, leave=0.3)
ESTIMATED_FEET = FeetOptions(horizon=300, enter=0.4, leave=0.3)
GENERATED_FEET = FeetOptions()


@dataclass(frozen=True, eq=False)
class Features:
    """Motion vectors, not normalised, and what they hold."""

    values: Array
    """[frames, layout.width]"""
    layout: Layout


T = TypeVar("T", Features, Motion)


@dataclass(frozen=True, eq=False)
class Context:
    """What stages know besides the motion."""

    timeline: Timeline
    camera: Camera
    """of every frame: `multi_shot.join_cameras`"""
    features: Features
    """of the answer, as the feature stages left them"""
    heads: Arrays = field(default_factory=dict)
    """[frames, ...] what the layout's heads answered beside the features"""
    conventions: Conventions = GENMO
    """of the weights that answered"""
    body: SmplBody | None = None
    """whose skeleton it is, for layouts whose betas are SMPL-X's"""
    fit: bool = True
    clean_feet: bool = True
    progress: ProgressCallback = no_progress
    """hears the share of the fit that is done"""

    def surveyed(self, motion: Motion) -> bool:
        """Whether the world is that of a known camera, which sees where the motion's root is."""
        shots = self.timeline.shots
        return bool(shots) and shots[0].camera is not None and motion.root_camera is not None


@dataclass(frozen=True)
class Stage(Generic[T]):
    """One step from an answer to a motion."""

    name: str
    apply: Callable[[T, Context], T]
    takes: str
    promises: str
    keeps: str
    """what it may not touch"""
    causal: str = ""
    """its twin where the future is not known, below genmo.runtime; empty: none is needed"""


def finish(context: Context) -> Motion:
    """The finished motion of an answer: `context.features` and `context.heads` as the network gave them."""
    features = context.features
    for stage in FEATURE_STAGES:
        features = stage.apply(features, context)
    context = replace(context, features=features)
    motion = decode(features.values, features.layout, context.camera, context.body)
    for motion_stage in MOTION_STAGES:
        motion = motion_stage.apply(motion, context)
    return motion


def _read_heads(features: Features, context: Context) -> Features:
    spans, rules = context.timeline.keypoints, context.conventions
    return Features(*with_heads(features.values, context.heads, features.layout, spans, rules, context.body))


def _remove_steps(features: Features, context: Context) -> Features:
    return replace(features, values=remove_steps(features.values, context.timeline.borders))


def _smooth_transitions(features: Features, context: Context) -> Features:
    def joints(changed: Array, part: slice) -> Array:
        camera = Camera(context.camera.rotation[part], context.camera.position[part])
        return decode(changed, features.layout, camera, context.body).joints_world()

    return replace(features, values=smooth_transitions(features.values, context.timeline.edges, joints))


def _correct_height_drift(motion: Motion, context: Context) -> Motion:
    heights = shot_heights(context.features.values, context.features.layout, context.timeline, motion)
    return correct_height_drift(motion, heights)


def _fit_to_keypoints(motion: Motion, context: Context) -> Motion:
    return fit_to_keypoints(motion, context.timeline.keypoints, context.progress) if context.fit else motion


def _contacts_from_image(motion: Motion, context: Context) -> Motion:
    return with_image_contacts(motion, context.timeline.keypoints) if context.fit else motion


def _place_in_world(motion: Motion, context: Context) -> Motion:
    if context.surveyed(motion):
        return align_to_camera(motion, span_frames(context.timeline.shots[0], motion.frames))
    return put_on_ground(motion)


def _lock_feet(motion: Motion, context: Context) -> Motion:
    if not context.clean_feet:
        return motion
    if context.surveyed(motion):
        return clean_feet(motion, FILMED_FEET)
    return clean_feet(motion, GENERATED_FEET if context.timeline.sampled else ESTIMATED_FEET)


def _face_forward(motion: Motion, context: Context) -> Motion:
    free = not context.timeline.shots and not context.timeline.constrained
    return face_forward(motion) if free else motion


def _smooth_motion_transitions(motion: Motion, context: Context) -> Motion:
    return smooth_motion_transitions(motion, context.timeline.edges)


def _solve_constraints(motion: Motion, context: Context) -> Motion:
    timeline = context.timeline
    return solve_constraints(motion, timeline.keyframes, timeline.places, root_anchored(timeline))


def _keep_known_cameras(motion: Motion, context: Context) -> Motion:
    shots = context.timeline.shots
    if not shots or motion.root_camera is None:
        return replace(motion, camera=None, root_camera=None)
    if any(shot.camera is None for shot in shots):
        return replace(motion, camera=None)
    return realign_cameras(motion, context.timeline)


FEATURE_STAGES: tuple[Stage[Features], ...] = (
    Stage(
        "read_heads",
        _read_heads,
        takes="what released weights answer beside the features, and the bounding boxes of the keypoints",
        promises="contacts and, where there is a box, the root in the camera are blocks of the features",
        keeps="every block that was there, and layouts without heads",
    ),
    Stage(
        "remove_steps",
        _remove_steps,
        takes="features, and the frames at which a condition begins or ends",
        promises="no step of the features at those frames beyond the speed around them",
        keeps="frames further than 8 from a border",
        causal="streaming.motion_generator.ease_from_known",
    ),
    Stage(
        "smooth_transitions",
        _smooth_transitions,
        takes="features, and borders and keyframes",
        promises="no joint accelerates there much more than elsewhere",
        keeps="everything where nothing is sharp, and frames further than 15 from a border",
    ),
)

MOTION_STAGES: tuple[Stage[Motion], ...] = (
    Stage(
        "correct_height_drift",
        _correct_height_drift,
        takes="the decoded motion and the heights that the camera shows",
        promises="the height follows the camera over seconds and the velocity within them",
        keeps="the pose, and the path over the ground",
        causal="streaming.root_tracker.RootTracker",
    ),
    Stage(
        "fit_to_keypoints",
        _fit_to_keypoints,
        takes="the root in the camera, and keypoints with their lens",
        promises="shape and joints project onto the keypoints, as far as the network's answer allows",
        keeps="the path in the world",
        causal="streaming.motion_stream.MotionStream",
    ),
    Stage(
        "contacts_from_image",
        _contacts_from_image,
        takes="contacts, keypoints, the camera or a static one, and the depth of the ankles",
        promises="ankles that stand still in the image have contacts",
        keeps="everything but the contacts of the feet",
        causal="streaming.motion_stream.MotionStream",
    ),
    Stage(
        "place_in_world",
        _place_in_world,
        takes="the root in the camera where the camera is known, else the lowest foot",
        promises="the motion is where the camera sees it, or its lowest foot is on the ground",
        keeps="the pose, and the shape of the path",
        causal="streaming.root_tracker.RootTracker",
    ),
    Stage(
        "lock_feet",
        _lock_feet,
        takes="contacts, and the ground where it is known",
        promises="feet in contact stand still, on the ground and never below it",
        keeps="everything but legs and the root's place",
        causal="refine.foot_locking.FootLocker",
    ),
    Stage(
        "face_forward",
        _face_forward,
        takes="a motion that no camera and no constraint places",
        promises="it starts over the origin, facing +z",
        keeps="the pose and the way relative to its start",
        causal="streaming.motion_generator.MotionGenerator",
    ),
    Stage(
        "smooth_motion_transitions",
        _smooth_motion_transitions,
        takes="borders and keyframes",
        promises="what the fit or a foot that lets go has changed there is no jerk",
        keeps="everything where nothing is sharp",
    ),
    Stage(
        "solve_constraints",
        _solve_constraints,
        takes="keyframes and joint targets in the motion's world",
        promises="keyframes to the last bit, joint targets to millimetres",
        keeps="heading and path where a camera saw them",
    ),
    Stage(
        "keep_known_cameras",
        _keep_known_cameras,
        takes="the timeline's shots",
        promises="only cameras that are known stay, and they see the motion where they saw the person",
        keeps="the motion in the world",
    ),
)
