"""The ordered stages: as documented, and each with its causal twin on calm motions."""

import functools
import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import MotionGenerator, MotionModel, MotionStream, read_keypoints
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import heading, matrix_from_axis_angle
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, JOINTS
from genmo.runtime.refine.foot_locking import FeetOptions, FootLocker, clean_feet
from genmo.runtime.refine.grounding import put_on_floor
from genmo.runtime.refine.limb_limits import excess, limit_limb_speed
from genmo.runtime.refine.multi_shot import follow_cameras
from genmo.runtime.refine.pipeline import CAMERA_FEET, FEATURE_STAGES, MOTION_STAGES, Context, Features
from genmo.runtime.refine.transitions import remove_steps
from genmo.runtime.streaming.known_past import ease_from_known
from genmo.runtime.streaming.root_tracker import HOLD, RootTracker
from genmo.runtime.streaming.stream_pose import record
from tests.runtime.refine.walking import walker

ROOT = Path(__file__).resolve().parents[3]
STAGES = (*FEATURE_STAGES, *MOTION_STAGES)


def table() -> str:
    rows = ["| stage | takes | promises | leaves alone | causal twin |", "|---|---|---|---|---|"]
    for stage in STAGES:
        twin = f"`{stage.causal}`" if stage.causal else ""
        rows.append(f"| `{stage.name}` | {stage.takes} | {stage.promises} | {stage.keeps} | {twin} |")
    return "\n".join(rows)


def test_the_documented_stages_are_those_of_the_code():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert table() in page, f"docs/architecture.md should hold:\n{table()}"


def test_names_are_unique():
    assert len({stage.name for stage in STAGES}) == len(STAGES)


@pytest.mark.parametrize("twin", sorted({stage.causal for stage in STAGES if stage.causal}))
def test_twins_are_there(twin):
    module, name = twin.rsplit(".", 1)
    assert hasattr(importlib.import_module(f"genmo.runtime.{module}"), name)


@pytest.mark.parametrize("height", [0.0, 0.1, 0.4, -0.4])
def test_a_ground_that_is_elsewhere_under_a_known_camera_is_said(height):
    motion, _ = walker(frames=90)
    motion = replace(motion, translation=motion.translation + [0, height, 0])
    camera = Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (90, 1, 1)), np.tile([0.0, 1.0, -4.0], (90, 1)))
    seen = replace(motion, camera=camera, root_camera=motion.root_seen_by(camera))
    span = KeypointSpan(Keypoints(np.ones((90, 17, 3)), np.eye(3), camera))
    timeline = Timeline(90, keypoints=(span,))
    context = Context(timeline, camera, Features(np.zeros((90, 1)), LAYOUTS["genmo"]))
    (stage,) = [stage for stage in MOTION_STAGES if stage.name == "stand_on_floor"]
    stood = stage.apply(seen, context).joints_world()[..., 1].min(axis=1)
    if abs(height) < 0.15:
        assert not context.notes and abs(np.median(stood) - BALL_HEIGHT) < 0.03
    else:
        assert f"stands at y = {height:.1f}" in context.notes[0] and abs(np.median(stood) - BALL_HEIGHT - height) < 0.03


# --- pairs on calm motions ------------------------------------------------------------------------------------------


@functools.cache
def model():
    return MotionModel.load(threads=1)


def tracked(motion: Motion, surveyed: bool, observed) -> np.ndarray:
    """The path [frames, 3] of a tracker that is given the motion's own steps and where its root is `observed`."""
    tracker = RootTracker(1, surveyed)
    feet = motion.joints_world()[:, FOOT_JOINTS, 1].min(axis=1) - motion.translation[:, 1]
    who = np.array([0])
    path = [tracker.start(who, observed[:1], feet[:1])[0]]
    for frame in range(1, motion.frames):
        step = motion.translation[[frame]] - motion.translation[[frame - 1]]
        path.append(tracker.advance(who, step, observed[[frame]], feet[[frame]])[0].copy())
    return np.array(path)


def gravity_pair():
    """Under a camera that is given the root in it is turned as in the world, with both."""
    keypoints = read_keypoints(ROOT / "examples" / "keypoints.npz")
    keypoints = replace(keypoints, points=keypoints.points[:40], camera=None)
    leaning = matrix_from_axis_angle(np.array([0.3, 0.0, 0.05])) @ np.diag([1.0, -1.0, -1.0])
    camera = Camera(np.tile(leaning, (40, 1, 1)), np.tile([0.0, 1.5, 4.0], (40, 1)))
    whole = model().estimate(replace(keypoints, camera=camera), fit=False, clean_feet=False)
    stream = MotionStream(model(), intrinsics=keypoints.intrinsics, clean_feet=False)
    pose = np.block([[leaning, np.array([[0.0], [1.5], [4.0]])], [np.zeros((1, 3)), np.ones((1, 1))]])
    streamed = record([*(stream.step(frame[None], pose) for frame in keypoints.points), *stream.finish()])
    for motion in (whole, streamed):
        assert motion.root_camera is not None
        assert np.abs(leaning @ motion.root_camera.rotation - motion.rotations[:, 0]).max() < 1e-6


@pytest.mark.parametrize(("box", "ground"), [(0.0, 0.0), (0.4, None)])
def test_feet_under_a_known_camera_are_pinned_to_flat_ground(box, ground):
    """Whose height the camera sees wrongly by some centimetres stands on the ground all the same; on a box, on that."""
    frames = np.arange(120)
    off = 0.04 * np.sin(frames / 15) + box * ((frames > 40) & (frames < 100))
    jumps = (np.abs(frames - 41) < 5) | (np.abs(frames - 99) < 5)
    contacts = np.ones((120, 6)) * ~(jumps & (box > 0))[:, None]
    still = Motion(np.tile(np.eye(3), (120, 24, 1, 1)), np.zeros((120, 3)), contacts=contacts)
    stands = BALL_HEIGHT - still.joints_world()[0, FOOT_JOINTS, 1].min()
    motion = replace(still, translation=np.stack([0 * off, stands + off, 0 * off], axis=-1))
    camera = Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (120, 1, 1)), np.tile([0.0, 1.0, -4.0], (120, 1)))
    seen = replace(motion, camera=camera, root_camera=motion.root_seen_by(camera))
    points = np.tile([500.0, 500.0, 1.0], (120, 17, 1))
    span = KeypointSpan(Keypoints(points, np.diag([1000.0, 1000.0, 1.0]), camera))
    context = Context(Timeline(120, keypoints=(span,)), camera, Features(np.zeros((120, 1)), LAYOUTS["genmo"]))
    (stage,) = [stage for stage in MOTION_STAGES if stage.name == "lock_feet"]
    low = stage.apply(seen, context).joints_world()[:, FOOT_JOINTS, 1].min(axis=1)
    if ground is None:
        assert low[60:90].min() > box - 0.1
    else:
        np.testing.assert_allclose(low, BALL_HEIGHT, atol=0.005)


def remove_steps_pair():
    """A step in the features is taken back on both sides offline, and eased out behind the known frames in a stream."""
    ramp = np.linspace(0, 1, 60)[:, None] * np.ones(3)
    stepped = ramp + 0.5 * (np.arange(60) >= 30)[:, None]
    offline = remove_steps(stepped, [30])
    mask = np.broadcast_to((np.arange(60) < 30)[:, None], ramp.shape)
    causal = ease_from_known((ramp + 0.5)[None], np.where(mask, ramp, 0), mask)[0]
    for answer in (offline, causal):
        assert np.abs(np.diff(answer, axis=0)).max() < 0.12  # of a step of 0.5
    np.testing.assert_allclose(causal[:30], ramp[:30], atol=1e-6)


def floor_pair():
    """A walker whose velocity drifts downwards stays on the ground with both."""
    motion, _ = walker(frames=120)
    true = motion.translation.copy()
    sinking = replace(motion, translation=true - np.linspace(0, 0.1, 120)[:, None] * [0, 1, 0])
    causal = tracked(sinking, False, true * [0, 1, 0])
    offline = put_on_floor(sinking, np.zeros(120, bool))[0].translation
    for path in (offline, causal):
        assert np.abs(path[:, 1] - true[:, 1]).max() < 0.03


def camera_pair():
    """A walker whose velocity is off by 3 cm a second: both stand where the camera sees them, the causal one later."""
    motion, _ = walker(frames=90)
    drifting = replace(motion, translation=motion.translation + 0.001 * np.arange(90)[:, None])
    camera = Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (90, 1, 1)), np.tile([0.0, 1.0, -4.0], (90, 1)))
    root_camera = motion.root_seen_by(camera)
    points = np.tile([500.0, 500.0, 1.0], (90, 17, 1))
    span = KeypointSpan(Keypoints(points, np.diag([1000.0, 1000.0, 1.0]), camera))
    offline = follow_cameras(replace(drifting, camera=camera, root_camera=root_camera), Timeline(90, keypoints=(span,)))
    np.testing.assert_allclose(offline.translation, motion.translation, atol=1e-9)
    assert np.abs(tracked(drifting, True, motion.translation) - motion.translation).max() < 0.001 / HOLD


def limb_pair():
    """A thrown leg is slowed in a whole motion, and in a block without touching what was answered before it."""
    motion, _ = walker(frames=90)
    rotations = motion.rotations.copy()
    rotations[45:, JOINTS.index("left_hip")] = matrix_from_axis_angle(np.array([-2.5, 0.0, 0.0]))
    thrown = replace(motion, rotations=rotations)
    whole, block = limit_limb_speed(thrown)[0], limit_limb_speed(thrown, 30)[0]
    for slow in (whole, block):
        assert excess(slow.joints_world()).max() <= 1
    np.testing.assert_allclose(block.rotations[:30], thrown.rotations[:30], atol=1e-9)


def feet_pair():
    motion, _ = walker(frames=120, slide=0.1)
    offline = clean_feet(motion, FeetOptions()).joints_world()
    locker = FootLocker(60, FeetOptions())
    blocks = [locker.push(motion.cut(slice(start, start + 10))) for start in range(0, 120, 10)]
    causal = np.concatenate([part.joints_world() for part in (*blocks, locker.flush()) if part.frames])
    distance = np.linalg.norm(causal - offline, axis=-1)
    assert distance.mean() < 0.01 and distance.max() < 0.05


def fit_pair():
    """Once it knows the person's shape, a stream with look-ahead has the pose of the whole clip, to a centimetre; of
    the clip with a camera that moves, to two."""
    for name, most in (("dance_keypoints.npz", 0.01), ("keypoints.npz", 0.02)):
        keypoints = read_keypoints(ROOT / "examples" / name)
        points = keypoints.points[:60]
        whole = model().estimate(replace(keypoints, points=points, camera=None))
        stream = MotionStream(model(), intrinsics=keypoints.intrinsics)
        poses = [stream.step(frame[None]) for frame in points]
        streamed = record([*poses, *stream.finish()])
        pose, expected = (joints[30:] - joints[30:, :1] for joints in (streamed.joints_camera, whole.joints_camera))
        assert np.linalg.norm(pose - expected, axis=-1).mean() < most, name


def contacts_pair():
    """A person of a real walk: the stream, which knows fewer frames, has the contacts of the whole clip."""
    keypoints = read_keypoints(ROOT / "examples" / "keypoints.npz")
    points = keypoints.points[:60]
    whole = model().estimate(replace(keypoints, points=points, camera=None), clean_feet=False)
    stream = MotionStream(model(), intrinsics=keypoints.intrinsics, clean_feet=False)
    streamed = record([*(stream.step(frame[None]) for frame in points), *stream.finish()])
    assert np.abs(streamed.contacts - whole.contacts)[20:].mean() < 0.1


def facing_pair():
    for motion in (
        model().generate("a person walks forward", 30)[0],
        MotionGenerator(model(), "a person walks").next(30),
    ):
        assert abs(heading(motion.rotations[0, 0, :, 2])) < 0.35
        assert np.abs(motion.translation[0, [0, 2]]).max() < 0.05


PAIRS = {
    "turn_root_by_gravity": gravity_pair,
    "remove_steps": remove_steps_pair,
    "fit_to_keypoints": fit_pair,
    "contacts_from_image": contacts_pair,
    "follow_cameras": camera_pair,
    "stand_on_floor": floor_pair,
    "lock_feet": feet_pair,
    "limit_limb_speed": limb_pair,
    "face_forward": facing_pair,
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_stage_and_its_causal_twin_agree_on_calm_motion(name):
    PAIRS[name]()


def test_every_twin_has_such_a_test():
    assert set(PAIRS) == {stage.name for stage in STAGES if stage.causal}


def test_false_contacts_do_not_carry_the_root_away_under_a_known_camera():
    """Ten seconds of a walk whose swinging feet count as standing: 2 cm; 5 cm where feet lead for ten seconds."""
    motion, _ = walker(frames=300)
    contacts = motion.contacts.copy()
    contacts[:, :4] = np.maximum(contacts[:, :4], 0.6)
    locked = clean_feet(replace(motion, contacts=contacts), CAMERA_FEET)
    assert np.abs((locked.translation - motion.translation)[:, [0, 2]]).max() < 0.02
