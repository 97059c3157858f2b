"""Released weights end to end, on made cases: the network is replaced by answers that are known to be right.

A made person on a made SMPL-X-like body is filmed; the answers are the motion vector, weak-perspective cameras and
contact logits of exactly that.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genmo.runtime import Keypoints, MotionModel, Text
from genmo.runtime.conditions.camera_heads import with_heads
from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.keypoints import bounding_boxes, default_intrinsics
from genmo.runtime.conditions.spans import CameraSpan, KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera, contact_labels
from genmo.runtime.motion.representation import encode, weak_perspective
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINT_COUNT, coco_keypoints, rest_joints, shape_space
from genmo.runtime.motion.smpl_body import SmplBody, SmplxShape, rest_offsets

GEM = LAYOUTS["gem"]
CONFIG = ModelConfig(layout="gem", block_order="public")
LENS = default_intrinsics(1280, 720)
FRAMES = 40
BETAS = np.linspace(1.5, -1, 10)


class Text1024:
    """Any text is the same token."""

    any_text = True

    def encode(self, prompt):
        tokens, mask = np.zeros((50, 1024), np.float32), np.zeros(50, np.float32)
        tokens[0], mask[0] = 1, 1
        return tokens, mask


@pytest.fixture(scope="module")
def case(random_motion):
    """A person who moves before a camera that pans, as the network would see and answer it."""
    rng = np.random.default_rng(0)
    body = SmplBody(
        rest_joints(shape_space().mean) * 1.06 + [0.003, -0.35, 0.012], rng.normal(0, 0.004, (JOINT_COUNT, 3, 10))
    )
    rest = body.rest(BETAS)
    base = random_motion(FRAMES, 3)
    rotations = base.rotations.copy()
    rotations[:, 22:] = np.eye(3)
    motion = replace(
        base, rotations=rotations, betas=np.zeros(10), offsets=rest_offsets(rest), smplx=SmplxShape(BETAS, rest)
    )
    pan = matrix_from_axis_angle(np.linspace(-0.2, 0.2, FRAMES)[:, None] * [0.0, 1.0, 0.0])
    place = motion.translation.mean(axis=0) - [0.2, -0.3, 4.5]
    tilt = matrix_from_axis_angle(np.array([-0.1, 0.0, 0.0]))
    camera = Camera(pan @ np.diag([-1.0, -1.0, 1.0]) @ tilt, np.tile(place, (FRAMES, 1)))
    points = camera.to_camera(coco_keypoints(*motion.kinematics()))
    pixels = LENS[0, 0] * points[..., :2] / points[..., 2:] + LENS[:2, 2]
    keypoints = Keypoints(np.concatenate([pixels, np.ones((FRAMES, 17, 1))], axis=-1), LENS, camera)
    boxes, _ = bounding_boxes(keypoints.points, CONFIG.conventions)
    transl = camera.to_camera(motion.translation) - rest[0]
    weak = weak_perspective(transl, boxes, np.full(FRAMES, LENS[0, 0]), LENS[:2, 2])
    contacts = contact_labels(motion.joints_world())
    answers = {"x_0": encode(motion, camera, GEM), "weak_perspective": weak, "contact_logits": 8 * contacts - 4}
    return motion, keypoints, answers, body


def model_of(answers, body=None):
    """A model whose network gives the answers, whatever it is asked, and remembers the timesteps."""

    def network(inputs):
        asked.append((int(inputs["timestep"][0]), len(inputs["x_t"])))
        frames = inputs["x_t"].shape[1]
        return {
            name: np.repeat(array[None, :frames].astype(np.float32), len(inputs["x_t"]), axis=0)
            for name, array in answers.items()
        }

    asked = []
    engine = Engine(Path("made"), CONFIG, np.zeros(151, np.float32), np.ones(151, np.float32), Text1024(), {})
    return MotionModel(engine, network, body=body), asked


def test_what_the_network_knows_comes_out(case):
    """With a perfect answer: the joints where the camera saw them, the world that it stood in, contacts and shape."""
    truth, keypoints, answers, body = case
    motion = model_of(answers, body)[0].estimate(keypoints, clean_keypoints=False, fit=False, clean_feet=False)
    expected = keypoints.camera.to_camera(truth.joints_world())
    assert expected[:, 0, 2].min() > 3, "nobody stands in the camera"
    np.testing.assert_allclose(motion.joints_camera, expected, atol=1e-4)
    lifted = (motion.translation - truth.translation).mean(axis=0) * [0, 1, 0]  # this truth stands on no ground
    np.testing.assert_allclose(motion.joints_world(), truth.joints_world() + lifted, atol=5e-3)
    np.testing.assert_allclose(motion.contacts, 1 / (1 + np.exp(-answers["contact_logits"])), atol=1e-6)
    np.testing.assert_allclose(motion.smplx.betas, BETAS, atol=1e-6)
    np.testing.assert_allclose(motion.rest_offsets, truth.rest_offsets, atol=1e-6)
    assert not motion.betas.any()


def test_the_fit_keeps_a_perfect_answer_and_mends_a_wrong_one(case):
    """At the right depth, on the person's own bones: an error of 12 degrees at the limbs is halved and more."""
    truth, keypoints, answers, body = case
    expected = keypoints.camera.to_camera(truth.joints_world())

    def error(x_0, fit):
        motion = model_of(answers | {"x_0": x_0}, body)[0].estimate(
            keypoints, clean_keypoints=False, fit=fit, clean_feet=False
        )
        np.testing.assert_allclose(motion.rest_offsets, truth.rest_offsets, atol=1e-6)
        return np.linalg.norm(motion.joints_camera - expected, axis=-1).mean()

    assert error(answers["x_0"], True) < 0.004
    turns = np.random.default_rng(5).normal(0, 0.2, (21, 3))
    wrong = replace(truth, rotations=truth.rotations.copy())
    wrong.rotations[:, 1:22] = wrong.rotations[:, 1:22] @ matrix_from_axis_angle(turns)
    x_0 = encode(wrong, keypoints.camera, GEM)
    assert error(x_0, True) < 0.5 * error(x_0, False)


def test_without_a_body_the_skeleton_is_genmos(case):
    """The place in the camera is the same; the betas are told, and have no say in genmo's own shape space."""
    truth, keypoints, answers, _ = case
    motion = model_of(answers)[0].estimate(keypoints, clean_keypoints=False, fit=False, clean_feet=False)
    np.testing.assert_array_equal(motion.rest_offsets, shape_space().mean)
    assert motion.offsets is None and not motion.betas.any() and motion.smplx.rest is None
    np.testing.assert_allclose(motion.smplx.betas, BETAS, atol=1e-6)
    offset = motion.joints_camera[:, 0] - keypoints.camera.to_camera(truth.joints_world())[:, 0]
    assert np.abs(offset).max() < 0.06, "but for the pelvis of the template, which is not this person's"
    fitted = model_of(answers)[0].estimate(keypoints, clean_keypoints=False, clean_feet=False)
    assert fitted.betas.any(), "genmo's own shape is fitted to the keypoints"
    longer = np.linalg.norm(fitted.rest_offsets - shape_space().offsets(fitted.betas), axis=-1)
    assert 0 < longer.max() < 0.1, "its legs and trunk are its own"


def test_frames_without_a_box_take_the_root_between_others(case):
    truth, keypoints, answers, body = case
    hidden = keypoints.points.copy()
    hidden[:3, :, 2] = hidden[20:25, :, 2] = hidden[-4:, :, 2] = 0
    span = KeypointSpan(replace(keypoints, points=hidden))
    heads = {name: array for name, array in answers.items() if name != "x_0"}
    features, layout = with_heads(answers["x_0"], heads, GEM, [span], CONFIG.conventions, body)
    root = layout.split(features)["root_translation_camera"]
    expected = keypoints.camera.to_camera(truth.translation)
    line = expected[19] + np.linspace(0, 1, 7)[:, None] * (expected[25] - expected[19])
    np.testing.assert_allclose(root[19:26], line, atol=1e-9)
    np.testing.assert_allclose(root[:4], np.tile(expected[3], (4, 1)), atol=1e-9)
    np.testing.assert_allclose(root[-5:], np.tile(expected[-5], (5, 1)), atol=1e-9)


def test_our_own_layout_is_left_alone():
    features = np.zeros((3, 181))
    assert with_heads(features, {}, LAYOUTS["genmo"], [], CONFIG.conventions) == (features, LAYOUTS["genmo"])


def test_texts_alone_are_sampled_as_the_released_code_does(case):
    """Fifty steps, guided, and no place in a camera that nobody has."""
    _, _, answers, body = case
    model, asked = model_of(answers, body)
    (motion,) = model.generate("a person walks", FRAMES)
    assert asked == [(int(t), 2) for t in np.round(np.linspace(999, 0, 50))]
    assert motion.joints_camera is None and motion.camera is None and np.isfinite(motion.joints_world()).all()
    assert 0 < motion.joints_world()[..., 1].min() < 0.1  # of a body that need not stand on its feet
    assert motion.contacts.shape == (FRAMES, 6)


def test_keypoints_beside_a_text_and_keyframes(case):
    """The heads of frames that a camera saw are those of the estimate; frames after them have a root as well."""
    truth, keypoints, answers, body = case
    part = keypoints.first(24)
    model, asked = model_of(answers, body)
    timeline = Timeline(FRAMES, (Text("walk"),), (KeypointSpan(part),), steps=3)
    motion = model.follow(timeline, clean_keypoints=False, fit=False, clean_feet=False).motions[0]
    assert asked[0] == (999, 1) and [batch for _, batch in asked[1:]] == [2, 2, 2]
    expected = keypoints.camera.to_camera(truth.joints_world())
    np.testing.assert_allclose(motion.joints_camera[:10], expected[:10], atol=5e-3)
    keyframe = Keyframes(np.array([30]), truth.rotations[[30]], truth.translation[[30]])
    timeline = replace(timeline, keyframes=keyframe)
    motion = model.follow(timeline, clean_keypoints=False).motions[0]
    np.testing.assert_allclose(motion.rotations[30], truth.rotations[30], atol=1e-9)
    assert motion.joints_camera[:24, 0, 2].min() > 3


def test_a_camera_that_saw_nobody_places_nobody(case):
    """A text with camera poses but no keypoints: no box says where the person is, so they stand on the ground."""
    _, keypoints, answers, body = case
    timeline = Timeline(FRAMES, (Text("walk"),), cameras=(CameraSpan(keypoints.camera),), steps=2)
    motion = model_of(answers, body)[0].follow(timeline, clean_keypoints=False).motions[0]
    assert motion.joints_camera is None and motion.camera is None
    assert 0 < motion.joints_world()[..., 1].min() < 0.1  # of a body that need not stand on its feet
