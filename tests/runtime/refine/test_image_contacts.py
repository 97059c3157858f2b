"""Contacts from the image: feet that stay where a standing point would be seen."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan
from genmo.runtime.motion.motion import Camera, Motion, RootPose
from genmo.runtime.motion.skeleton import coco_keypoints
from genmo.runtime.refine import image_contacts

INTRINSICS = np.array([[800.0, 0, 500], [0, 800, 500], [0, 0, 1]])
LEVEL = np.diag([-1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def standing():
    """A rest pose for 40 frames, 4 m before a level camera that drifts sideways at 1 m/s, and what the camera sees."""
    rotations, translation = np.tile(np.eye(3), (40, 24, 1, 1)), np.tile([0.0, 0.95, 4.0], (40, 1))
    position = np.linspace(0, 40 / 30, 40)[:, None] * [1.0, 0, 0] + [0.0, 1.0, 0]
    camera = Camera(np.tile(LEVEL, (40, 1, 1)), position)
    motion = Motion(rotations, translation, np.zeros(10), contacts=np.full((40, 6), 0.2))
    root = RootPose(np.tile(LEVEL, (40, 1, 1)), camera.to_camera(translation[:, None])[:, 0])
    motion = replace(motion, root_camera=root)
    points = camera.to_camera(coco_keypoints(*motion.kinematics()))
    pixels = 800 * points[..., :2] / points[..., 2:] + 500
    return motion, Keypoints(np.concatenate([pixels, np.ones((40, 17, 1))], axis=-1), INTRINSICS, camera)


def contacts(motion, keypoints):
    return image_contacts.with_image_contacts(motion, [KeypointSpan(keypoints)]).contacts


def test_who_stands_before_a_moving_camera_has_contacts(standing):
    motion, keypoints = standing
    changed = contacts(motion, keypoints)
    assert (changed[:, :4] > 0.9).all()
    np.testing.assert_array_equal(changed[:, 4:], motion.contacts[:, 4:])


def test_without_its_poses_a_moving_camera_shows_no_contacts(standing):
    motion, keypoints = standing
    assert (contacts(motion, replace(keypoints, camera=None))[:, :4] <= 0.2).all()


def test_unseen_ankles_say_nothing(standing):
    motion, keypoints = standing
    points = keypoints.points.copy()
    points[:, 15, 2] = 0
    changed = contacts(motion, replace(keypoints, points=points))
    np.testing.assert_array_equal(changed[:, :2], motion.contacts[:, :2])
    assert (changed[:, 2:4] > 0.9).all()


@pytest.mark.parametrize(("speed", "low", "high"), [(0.05, 0.85, 1.0), (0.17, 0.15, 0.25), (1.5, 0.0, 0.15)])
def test_the_faster_an_ankle_the_less_it_stands(standing, speed, low, high):
    """0.17 m/s says neither yes nor no."""
    motion, keypoints = standing
    points = keypoints.points.copy()
    points[:, 15, 0] += 200 * speed * np.arange(40) / 30  # 200 pixels are a metre there
    assert low <= contacts(motion, replace(keypoints, points=points))[20, 0] <= high


def test_nobody_hangs_in_the_air_with_one_leg_hidden():
    on, off = np.ones(30, bool), np.zeros(30, bool)
    lost = on.copy()
    lost[10:20] = False
    positions, level = np.zeros((30, 2, 3)), np.zeros(30)
    supported = image_contacts.still_supported(np.stack([lost, off], 1), positions, level)
    assert supported[10:20, 0].all() and supported.sum() == 10
    jump = np.zeros(30)
    jump[9:21] = 9.81 / 2 * (6 / 30) ** 2 - 9.81 / 2 * ((np.arange(9, 21) - 14.5) / 30) ** 2
    assert not image_contacts.still_supported(np.stack([lost, off], 1), positions, jump).any()
    assert not image_contacts.still_supported(np.stack([lost, ~lost], 1), positions, level).any()
    far = positions.copy()
    far[15:] = 0.3
    assert not image_contacts.still_supported(np.stack([lost, off], 1), far, level).any()
