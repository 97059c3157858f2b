"""From a network's answer to a finished motion: the one ordered list of stages.

`FEATURE_STAGES` change the features that the network answered, `MOTION_STAGES` the motion that is
decoded from them, each list in its order.  A stage says what it takes, what it promises and what it leaves alone;
whatever is done to a whole motion is one of them.  Streams and endless generation have no future frames: where they
do the same, the stage names its causal twin.  `docs/architecture.md` shows this list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from genmo.runtime.conditions.camera_heads import with_heads
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.motion import FPS, Camera, Motion
from genmo.runtime.motion.representation import decode, with_root_by_gravity
from genmo.runtime.motion.smpl_body import SmplBody
from genmo.runtime.refine.body_clearance import raise_above_floor
from genmo.runtime.refine.constraint_solver import solve_constraints
from genmo.runtime.refine.cycles import Circle
from genmo.runtime.refine.foot_locking import FeetOptions, clean_feet
from genmo.runtime.refine.grounding import face_forward, flat_ground, ground_height, is_near_ground, put_on_floor
from genmo.runtime.refine.image_contacts import with_image_contacts
from genmo.runtime.refine.keypoint_fit import fit_to_keypoints
from genmo.runtime.refine.limb_limits import MAX_SPEED, limit_limb_speed
from genmo.runtime.refine.multi_shot import follow_cameras, height_anchored, realign_cameras, root_anchored
from genmo.runtime.refine.root_path import GROUND_PLANE_WINDOW
from genmo.runtime.refine.said_turns import turned_as_said
from genmo.runtime.refine.steadying import steadied
from genmo.runtime.refine.transitions import remove_steps, smooth_motion_transitions, smooth_transitions
from genmo.runtime.support.arrays import Array, Arrays, Flags
from genmo.runtime.support.progress import ProgressCallback, no_progress

# The world of a camera need not have its ground at 0, and there the slow part of the path is the camera's: feet move
# the root within GROUND_PLANE_WINDOW alone, or false contacts would carry it away.  Without a known camera the feet
# know the path better than the integrated velocity does, so the root follows them for longer.  Doubtful contacts count
# (chosen on people of the training set).
CAMERA_FEET = FeetOptions(ground=None, horizon=GROUND_PLANE_WINDOW, enter=0.4, leave=0.3)
ESTIMATED_FEET = FeetOptions(horizon=300, enter=0.38, leave=0.27)
GENERATED_FEET = FeetOptions()

SUNK = 0.05
"""metres under the ground, from which a keyframe is worth a note"""


@dataclass(frozen=True, eq=False)
class Features:
    """Motion vectors, not normalised, and what they hold."""

    values: Array
    """[frames, layout.width]"""
    layout: Layout


T = TypeVar("T", Features, Motion)


@dataclass(frozen=True, eq=False)
class Context:
    """What stages need besides the motion."""

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
    circle: Circle | None = None
    """the period, where the timeline was unrolled from a looped one"""
    progress: ProgressCallback = no_progress
    """called with the share of the fit that is done"""
    notes: list[str] = field(default_factory=list)
    """what stages report of the motion, one line each"""

    def anchored(self, motion: Motion) -> Flags:
        """[frames] whose height a camera anchors, which observes the motion's root, in a world of known ground."""
        return height_anchored(self.timeline) & (motion.root_camera is not None)


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
    return finish_motion(decode(features.values, features.layout, context.camera, context.body), context)


def finish_motion(motion: Motion, context: Context) -> Motion:
    """The finished motion of one that is decoded already; the features of the context are not looked at."""
    for motion_stage in MOTION_STAGES:
        motion = motion_stage.apply(motion, context)
    return motion


def _read_heads(features: Features, context: Context) -> Features:
    spans, rules = context.timeline.keypoints, context.conventions
    return Features(*with_heads(features.values, context.heads, features.layout, spans, rules, context.body))


def _turn_root_by_gravity(features: Features, context: Context) -> Features:
    known, rotation = height_anchored(context.timeline), context.camera.rotation
    return replace(features, values=with_root_by_gravity(features.values, features.layout, rotation, known))


def _remove_steps(features: Features, context: Context) -> Features:
    return replace(features, values=remove_steps(features.values, context.timeline.boundaries))


def _smooth_transitions(features: Features, context: Context) -> Features:
    def joints(changed: Array, window: slice) -> Array:
        camera = Camera(context.camera.rotation[window], context.camera.position[window])
        return decode(changed, features.layout, camera, context.body).joints_world()

    return replace(features, values=smooth_transitions(features.values, context.timeline.edges, joints))


def _steady_rest(features: Features, context: Context) -> Features:
    if not context.timeline.sampled or context.timeline.keypoints:
        return features
    return replace(features, values=steadied(features.values, features.layout))


def _fit_to_keypoints(motion: Motion, context: Context) -> Motion:
    return fit_to_keypoints(motion, context.timeline.keypoints, context.progress) if context.fit else motion


def _contacts_from_image(motion: Motion, context: Context) -> Motion:
    return with_image_contacts(motion, context.timeline.keypoints) if context.fit else motion


def _follow_cameras(motion: Motion, context: Context) -> Motion:
    return follow_cameras(motion, context.timeline)


def _turn_as_said(motion: Motion, context: Context) -> Motion:
    timeline = context.timeline
    if not timeline.sampled or timeline.shots or timeline.constrained or context.circle is not None:
        return motion
    motion, notes = turned_as_said(motion, timeline.texts)
    context.notes.extend(notes)
    return motion


def _stand_on_floor(motion: Motion, context: Context) -> Motion:
    anchored = context.anchored(motion)
    if anchored.any():
        ground = ground_height(motion, anchored)
        if not is_near_ground(ground):
            context.notes.append(
                f"the person stands at y = {ground:.2f} m of the camera's world and is kept there; where the ground is "
                "y = 0, check the camera's heights and scale, or say ground_known = 0 in the file to stand on it"
            )
    return put_on_floor(motion, anchored)[0]


def _lock_feet(motion: Motion, context: Context) -> Motion:
    if not context.clean_feet:
        return motion
    anchored = context.anchored(motion)
    if not anchored.any() and not put_on_floor(motion, anchored)[1].any():
        return clean_feet(motion, GENERATED_FEET if context.timeline.sampled else ESTIMATED_FEET)
    # without a flat ground a foot is pinned as high as it was
    ground = flat_ground(motion, anchored) if anchored.any() else None
    return put_on_floor(clean_feet(motion, replace(CAMERA_FEET, ground=ground)), anchored)[0]


def _clear_floor(motion: Motion, context: Context) -> Motion:
    anchored = context.anchored(motion)
    return raise_above_floor(motion, put_on_floor(motion, anchored)[1], ~anchored)


def _limit_limb_speed(motion: Motion, context: Context) -> Motion:
    if not context.timeline.sampled:
        return motion
    motion, peak = limit_limb_speed(motion)
    if peak is not None and peak.strong:
        context.notes.append(
            f"{peak.joint} moved at {peak.speed:.0f} m/s at {peak.frame / FPS:.1f} s, people reach {MAX_SPEED:.0f}, so "
            "it was slowed down; another seed may do without"
        )
    return motion


def _close_cycle(motion: Motion, context: Context) -> Motion:
    return motion if context.circle is None else context.circle.closed(motion)


def _face_forward(motion: Motion, context: Context) -> Motion:
    free = not context.timeline.shots and not context.timeline.constrained
    return face_forward(motion) if free else motion


def _smooth_motion_transitions(motion: Motion, context: Context) -> Motion:
    return smooth_motion_transitions(motion, context.timeline.edges)


def _solve_constraints(motion: Motion, context: Context) -> Motion:
    timeline = context.timeline
    motion = solve_constraints(motion, timeline.keyframes, timeline.places, root_anchored(timeline), timeline.headings)
    frames_with_root = timeline.keyframes.frames[timeline.keyframes.has_root]
    if len(frames_with_root):
        lowest = motion.joints_world()[frames_with_root, :, 1].min(axis=1)
        context.notes.extend(
            f"keyframe at {frame / FPS:.1f} s: its lowest joint is {-low:.2f} m under the ground y = 0; raise its root"
            for frame, low in zip(frames_with_root.tolist(), lowest.tolist(), strict=True)
            if low < -SUNK
        )
    return motion


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
        keeps="every other block, and layouts without heads",
    ),
    Stage(
        "turn_root_by_gravity",
        _turn_root_by_gravity,
        takes="the root as seen upright, and the camera where it is given",
        promises="the root in the camera is turned as it is in the world",
        keeps="every other feature, and layouts other than `genmo`",
        causal="streaming.motion_stream.MotionStream",
    ),
    Stage(
        "remove_steps",
        _remove_steps,
        takes="features, and the frames at which a condition begins or ends",
        promises="no step of the features at those frames beyond the speed around them",
        keeps="frames further than 8 from a border",
        causal="streaming.known_past.ease_from_known",
    ),
    Stage(
        "smooth_transitions",
        _smooth_transitions,
        takes="features, and borders and keyframes",
        promises="no joint accelerates there much more than elsewhere",
        keeps="everything where nothing is sharp, and frames further than 15 from a border",
    ),
    Stage(
        "steady_rest",
        _steady_rest,
        takes="features of a generated motion without keypoints, and how fast its joints turn",
        promises="who rests does not shake",
        keeps="frames around which a joint turns by more than 49 degrees a second",
    ),
)

MOTION_STAGES: tuple[Stage[Motion], ...] = (
    Stage(
        "fit_to_keypoints",
        _fit_to_keypoints,
        takes="the root in the camera, and keypoints with their lens",
        promises="shape and joints project onto the keypoints, as far as the network's answer allows; feet point as "
        "heels and toes do",
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
        "follow_cameras",
        _follow_cameras,
        takes="the root in the camera where the camera is known or stands still",
        promises="the path follows the camera over seconds and the velocity within them; over ten seconds in depth "
        "where the lens is guessed",
        keeps="the pose",
        causal="streaming.root_tracker.RootTracker",
    ),
    Stage(
        "turn_as_said",
        _turn_as_said,
        takes="texts that say an angle, in a motion that no camera and no constraint anchors",
        promises="who turns to the side that is said turns as far as is said, and walks on in that direction",
        keeps="the pose, and whoever does not turn, or to the other side",
    ),
    Stage(
        "stand_on_floor",
        _stand_on_floor,
        takes="the lowest point of the body over a second, and contacts",
        promises="one floor, y = 0, or steps of feet that surely stand; under a known camera its own ground",
        keeps="the pose, and the path over the ground",
        causal="streaming.root_tracker.RootTracker",
    ),
    Stage(
        "lock_feet",
        _lock_feet,
        takes="contacts, and the ground where it is known",
        promises="feet in contact stand still, on the ground and never below it",
        keeps="everything but legs and the root's position",
        causal="refine.foot_locking.FootLocker",
    ),
    Stage(
        "clear_floor",
        _clear_floor,
        takes="the floor where no camera gives the height",
        promises="nothing of the body is under it: hands go up with their arms, the rest with the root",
        keeps="whatever is over the floor",
    ),
    Stage(
        "smooth_motion_transitions",
        _smooth_motion_transitions,
        takes="borders and keyframes",
        promises="what the fit or a released foot has changed there is no jerk",
        keeps="everything where nothing is sharp",
    ),
    Stage(
        "limit_limb_speed",
        _limit_limb_speed,
        takes="a generated motion",
        promises="no joint over 15 m/s or 350 m/s^2, and a note where one was far over",
        keeps="frames further than 24 from one that is too fast",
        causal="streaming.performer.Performer",
    ),
    Stage(
        "close_cycle",
        _close_cycle,
        takes="the motion of a timeline that was unrolled from a looped one, and which frames are its period",
        promises="one period and the first frame again, turned and moved over the ground: pose, velocity and contacts "
        "go on over the seam",
        keeps="frames further than 8 from the seam, but for a drift too slow to be meant",
    ),
    Stage(
        "face_forward",
        _face_forward,
        takes="a motion that no camera and no constraint anchors",
        promises="it starts over the origin, facing +z",
        keeps="the pose and the way relative to its start",
        causal="streaming.performer.Performer",
    ),
    Stage(
        "solve_constraints",
        _solve_constraints,
        takes="keyframes and joint targets in the motion's world",
        promises="keyframes to the last bit, joint targets to millimetres",
        keeps="heading and path where a camera observes them",
    ),
    Stage(
        "keep_known_cameras",
        _keep_known_cameras,
        takes="the timeline's shots",
        promises="only cameras that are known stay, and they see the motion where they observed the person",
        keeps="the motion in the world",
    ),
)
