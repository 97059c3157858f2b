"""Features of motions know neither place, heading nor size; captions are compared by their words."""

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.motion.skeleton import shape_space
from genmo.train.evaluation.text_motion_features import features_of, motion_features, same_wording


def test_features_do_not_know_where_the_person_is_or_looks(random_motion):
    motion = random_motion(40, 0)
    moved = motion.moved(matrix_from_yaw(np.array(2.0)), np.array([5.0, 0.0, -3.0]))
    np.testing.assert_allclose(features_of(moved), features_of(motion), atol=1e-4)


def test_features_do_not_know_how_large_the_person_is(random_motion):
    """The same movement by a person 1.3 times as large, who also walks 1.3 times as far."""
    motion = replace(random_motion(40, 0), offsets=shape_space().mean)
    large = replace(motion, offsets=1.3 * motion.offsets, translation=1.3 * motion.translation)
    np.testing.assert_allclose(features_of(large), features_of(motion), atol=1e-4)


def test_features_of_a_walk_on_a_circle():
    """Radius 2 m at 1 rad/s facing along the path: 2 m/s forward, 1 rad/s turning, whatever the frame."""
    time = np.arange(31) / 30
    rotations = np.tile(np.eye(3), (31, 24, 1, 1))
    rotations[:, 0] = matrix_from_yaw(time)
    path = 2 * np.stack([1 - np.cos(time), 0.5 + 0 * time, np.sin(time)], axis=-1)
    features = motion_features(rotations, path, shape_space().mean)
    np.testing.assert_allclose(features[:, -1], 1.0, atol=1e-4)
    pelvis_speed = features[:, 72:75]
    np.testing.assert_allclose(pelvis_speed, np.tile([0, 0, 2.0], (31, 1)), atol=0.04)
    np.testing.assert_allclose(features[:, :3], np.tile([0, 1.0, 0], (31, 1)), atol=1e-5)
    assert motion_features(rotations[:1], path[:1], shape_space().mean).shape == (1, 145)


def test_long_motions_are_seen_in_the_middle(random_motion):
    motion = random_motion(300, 3)
    middle = Motion(motion.rotations[90:210], motion.translation[90:210], motion.betas)
    np.testing.assert_allclose(features_of(motion), features_of(middle), atol=1e-6)


def test_same_wording_ignores_case_and_punctuation(random_motion, clip_of):
    motion = random_motion(30, 0)
    clips = [
        clip_of(motion, captions=("A person walks.", "walk")),
        clip_of(motion, captions=("a person runs",)),
        clip_of(motion, captions=("a person walks", "stroll")),
    ]
    same = same_wording(["a person, walks", "a person runs", "stroll"], clips)
    np.testing.assert_array_equal(same, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])
