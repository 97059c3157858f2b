"""Motions and cameras as values."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle


def test_a_motion_wants_its_shapes():
    with pytest.raises(ValueError, match=r"\[frames, 24, 3, 3\]"):
        Motion(np.zeros((3, 22, 3, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="translation"):
        Motion(np.zeros((3, 24, 3, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError):
        Motion(np.zeros((3, 24, 3, 3)), np.zeros((4, 3)))


def test_points_in_the_camera_of_their_frame(random_camera):
    camera = random_camera(5, 0)
    points = np.random.default_rng(0).normal(size=(5, 2, 4, 3))
    points_camera = camera.to_camera(points)
    for f in range(5):
        expected = (points[f] - camera.position[f]) @ camera.rotation[f]
        np.testing.assert_allclose(points_camera[f], expected, atol=1e-12)
    np.testing.assert_allclose(camera.to_camera(camera.position), 0, atol=1e-12)


def test_moving_the_world_moves_all_in_it(random_motion, random_camera):
    motion = replace(random_motion(6, 0), camera=random_camera(6, 0))
    turn, shift = matrix_from_axis_angle(np.array([0.2, 1.0, -0.4])), np.array([1.0, 2.0, 3.0])
    moved = motion.moved(turn, shift)
    np.testing.assert_allclose(moved.joints_world(), motion.joints_world() @ turn.T + shift, atol=1e-12)
    before, after = (m.camera.to_camera(m.joints_world()) for m in (motion, moved))
    np.testing.assert_allclose(after, before, atol=1e-12)
    assert random_motion(6, 0).moved(turn, shift).camera is None


def test_own_offsets_go_before_betas(random_motion):
    motion = random_motion(2, 0)
    offsets = motion.rest_offsets * 1.5
    taller = replace(motion, offsets=offsets)
    np.testing.assert_allclose(
        taller.joints_world() - motion.translation[:, None],
        1.5 * (motion.joints_world() - motion.translation[:, None]),
        atol=1e-12,
    )
