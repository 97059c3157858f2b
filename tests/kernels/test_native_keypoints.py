"""What a motion from keypoints goes through in libgenmo, stage by stage, against the runtime's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmo.runtime.conditions.condition_arrays import keypoint_conditions
from genmo.runtime.conditions.keypoint_cleaning import clean_keypoints
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.representation import decode, encode, with_root_by_gravity
from genmo.runtime.refine.multi_shot import height_anchored, join_cameras
from genmo.runtime.refine.pipeline import MOTION_STAGES, Context, Features
from genmo.runtime.support import native
from tests.kernels.made_keypoints import FILES, INTRINSICS, beside, cases, swaying_camera, walked
from tests.kernels.native_abi import cleaned, conditions, finished
from tests.runtime.refine.walking import walker

pytestmark = pytest.mark.skipif(native.library() is None, reason=native.description())

CASES = cases()
WALKS = tuple(name for name in CASES if name not in FILES)
STAGES = (
    "decode", "fit_to_keypoints", "contacts_from_image", "follow_cameras", "stand_on_floor", "lock_feet", "clear_floor"
)  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_cleaned_keypoints_are_those_of_the_runtime(name):
    keypoints, (points, feet) = CASES[name], cleaned(CASES[name])
    expected = clean_keypoints(keypoints)
    np.testing.assert_allclose(points, expected.points, rtol=0, atol=1e-8)
    assert (feet is None) == (expected.feet is None)
    if feet is not None:
        np.testing.assert_allclose(feet, expected.feet, rtol=0, atol=1e-8)


def test_a_walk_has_every_fault_that_cleaning_mends():
    points, clean = CASES["walk, moving camera"].points, clean_keypoints(CASES["walk, moving camera"]).points
    assert clean[24, 9, 2] > 0.5 > points[24, 9, 2]  # a gap
    assert np.linalg.norm(clean[41, 13, :2] - points[41, 13, :2]) > 10  # exchanged sides
    assert np.linalg.norm(clean[50, 10, :2] - points[50, 10, :2]) > 100  # an outlier


@given(seed=st.integers(0, 10**6), frames=st.integers(1, 90), shown=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_any_points_are_cleaned_as_in_the_runtime(seed, frames, shown):
    random = np.random.default_rng(seed)
    rest, steps = random.normal(500, 150, (1, 17, 2)), random.normal(0, random.uniform(0, 20), (frames, 17, 2))
    points = np.concatenate([rest + np.cumsum(steps, axis=0), random.uniform(size=(frames, 17, 1))], axis=-1)
    points[random.uniform(size=(frames, 17)) > shown, 2] = 0
    points[random.uniform(size=(frames, 17)) > 0.98, 0] += 900
    feet = np.concatenate([points[:, [15, 15, 16, 16], :2] + 9, random.uniform(size=(frames, 4, 1))], axis=-1)
    turned = random.uniform(size=frames) > 0.8
    points[turned] = points[turned][:, [0, *(p + 1 if p % 2 else p - 1 for p in range(1, 17))]]
    points, feet = (array.astype(np.float32).astype(np.float64) for array in (points, feet))
    keypoints = Keypoints(points, INTRINSICS, feet=feet, noise=random.choice([None, 0.02]))
    expected, made = clean_keypoints(keypoints), cleaned(keypoints)
    np.testing.assert_allclose(made[0], expected.points, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(made[1], expected.feet, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_the_network_is_told_the_same(name):
    expected, made = keypoint_conditions(CASES[name]), conditions(CASES[name])
    assert ("camera" in expected) == bool(made["camera_mask"].any())
    for key, array in expected.items():
        np.testing.assert_allclose(made[key].reshape(array.shape), array.astype(np.float32), rtol=0, atol=2e-7)


def answered(keypoints):
    """Features as a network might answer them for the walker, [frames, 181]."""
    frames, layout = keypoints.frames, LAYOUTS["genmo"]
    motion = walker(max(frames, 40))[0].cut(slice(0, frames))
    camera = keypoints.camera or beside(frames)
    wrong = np.cumsum(np.random.default_rng(3).normal(0, 0.004, (frames, layout.width)), axis=0)
    wrong[:, layout.slices["root_velocity"]] *= 0.02
    features = encode(motion, camera, layout) + wrong
    features[:, layout.slices["contacts"]] *= 0.5  # so that the image decides
    return features


def in_stages(keypoints, features, fit=True, clean_feet=True):
    """The runtime's motion after each of STAGES."""
    timeline = Timeline(keypoints.frames, keypoints=(KeypointSpan(keypoints),))
    layout, camera = LAYOUTS["genmo"], join_cameras(timeline)
    context = Context(timeline, camera, Features(features, layout), fit=fit, clean_feet=clean_feet)
    stages = {stage.name: stage.apply for stage in MOTION_STAGES}
    motion = decode(with_root_by_gravity(features, layout, camera.rotation, height_anchored(timeline)), layout, camera)
    yield motion
    for name in STAGES[1:]:
        motion = stages[name](motion, context)
        yield motion


def agree(made, motion, name):
    assert motion.root_camera is not None
    expected = {
        "rotations": motion.rotations, "translation": motion.translation, "contacts": motion.contacts,
        "betas": motion.betas, "root_rotation": motion.root_camera.rotation,
        "root_translation": motion.root_camera.translation,
    }  # fmt: skip
    for key, array in expected.items():  # where a leg is stretched, its bend goes as the root of a rounding
        np.testing.assert_allclose(made[key], array, rtol=0, atol=1e-7, err_msg=f"{key} after {name}")


@pytest.mark.parametrize("name", WALKS)
def test_every_stage_is_that_of_the_runtime(name):
    keypoints = CASES[name]
    features = answered(keypoints)
    motions = list(in_stages(keypoints, features))
    for number, motion in enumerate(motions, start=1):
        agree(finished(keypoints, features, number), motion, STAGES[number - 1])
    pairs = zip(STAGES[1:], motions[:-1], motions[1:], strict=True)
    idle = {stage for stage, before, after in pairs if not changed(before, after)}
    assert not name.startswith("walk") or idle == {"clear_floor", IDLE.get(name, "clear_floor")}


IDLE = {"walk, far from the ground": "stand_on_floor"}
"""the stage that has nothing to do; none of the walkers has its hands under the floor"""


def changed(before, after):
    names = "rotations", "translation", "contacts"
    return max(np.abs(getattr(after, name) - getattr(before, name)).max() for name in names) > 1e-4


def test_stages_that_are_left_out():
    keypoints = walked(60)
    features = answered(keypoints)
    *_, motion = in_stages(keypoints, features, fit=False)
    agree(finished(keypoints, features, 7, unfitted=1), motion, "no fit")
    *_, motion = in_stages(keypoints, features, clean_feet=False)
    agree(finished(keypoints, features, 7, loose_feet=1), motion, "loose feet")


def test_a_long_motion_is_fitted_in_windows():
    keypoints = walked(1100, feet=False)
    features = answered(keypoints)
    stages = in_stages(keypoints, features)
    next(stages)
    agree(finished(keypoints, features, 2), next(stages), "fit")


def test_a_camera_that_looks_straight_down_has_a_heading():
    keypoints = walked(5, swaying_camera(5))
    down = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    for rotation in (down, down @ np.diag([-1.0, -1.0, 1.0]), down @ np.diag([1.0, -1.0, -1.0])):
        camera = replace(keypoints.camera, rotation=np.tile(rotation, (5, 1, 1)))
        turned = replace(keypoints, camera=camera)
        features = answered(turned)
        agree(finished(turned, features, 1), next(in_stages(turned, features)), "decode")
