"""Root motion: the track of a root, motions without their way, cycles and their repetition."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.resampling import at_rate, frames_at
from genmo.runtime.motion.root_motion import cycle_step, in_place, repeated
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import JOINT_COUNT

STEADY = 1.2 / 30  # metres a frame


def gait(frames=61, turn=0.0, period=30, sway=0.03):
    """Walks at 1.2 m/s, turning `turn` radians a frame; the pelvis sways and nods once in `period` frames."""
    time = np.arange(frames)
    yaw = turn * time
    way = np.concatenate(
        [np.zeros((1, 3)), np.cumsum(STEADY * rotate(matrix_from_yaw(yaw), np.eye(3)[2])[:-1], axis=0)]
    )
    phase = 2 * np.pi * time / period
    angles = 0.4 * np.sin(phase[:, None, None] + np.arange(JOINT_COUNT)[:, None] + np.arange(3))
    angles[:, 0] = [0, 0, 0.1] * np.sin(phase)[:, None]
    rotations = matrix_from_axis_angle(angles)
    rotations[:, 0] = matrix_from_yaw(yaw) @ rotations[:, 0]
    side = rotate(matrix_from_yaw(yaw), sway * np.sin(phase)[:, None] * [1.0, 0.0, 0.0])
    height = (0.9 + 0.02 * np.cos(2 * phase))[:, None] * [0.0, 1.0, 0.0]
    return Motion(rotations, way + side + height, loops=period * (frames // period) == frames - 1)


def test_the_root_goes_steadily_where_the_pelvis_sways():
    track = gait(121).root_track()
    assert np.all(track.position[:, 1] == 0)
    np.testing.assert_allclose(np.diff(track.position[20:-20, 2]), STEADY, rtol=1e-6)
    assert np.ptp(track.position[20:-20, 0]) < 0.6 * 0.06  # of the sway, once a second, less than two thirds is left
    np.testing.assert_allclose(track.yaw, 0, atol=1e-6)


def test_it_begins_and_ends_under_the_pelvis():
    motion = replace(gait(100, turn=0.02), loops=False)
    track = motion.root_track()
    np.testing.assert_allclose(track.position[[0, -1]], motion.translation[[0, -1]] * [1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(track.yaw, 0.02 * np.arange(100), atol=5e-3)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames(frames):
    track = gait(frames).root_track()
    assert track.position.shape == (frames, 3) and np.isfinite(track.yaw).all()


def test_a_full_turn_has_no_jump():
    track = gait(200, turn=0.1).root_track()
    assert np.abs(np.diff(track.yaw)).max() < 0.2


def test_what_the_root_sees_is_the_pose():
    motion = gait(80, turn=0.03)
    track = motion.root_track()
    rotation, position = track.inside(motion.rotations[:, 0], motion.translation)
    np.testing.assert_allclose(track.rotation @ rotation, motion.rotations[:, 0], atol=1e-12)
    np.testing.assert_allclose(rotate(track.rotation, position) + track.position, motion.translation, atol=1e-12)


def test_in_place():
    motion = gait(91, turn=0.03)
    still, forward = in_place(motion), in_place(motion, heading=True)
    for each in (still, forward):
        assert np.linalg.norm(each.translation[:, [0, 2]], axis=1).max() < 0.1
        np.testing.assert_allclose(each.translation[:, 1], motion.translation[:, 1], atol=1e-12)
        np.testing.assert_array_equal(each.rotations[:, 1:], motion.rotations[:, 1:])
    np.testing.assert_array_equal(still.rotations, motion.rotations)
    np.testing.assert_allclose(forward.root_track().yaw, 0, atol=0.02)


@pytest.mark.parametrize("turn", [0.0, 0.03])
def test_a_cycle_and_its_root_go_on(turn):
    cycle, long = gait(31, turn), gait(91, turn)
    three = repeated(cycle, 3)
    np.testing.assert_allclose(three.translation, long.translation, atol=1e-9)
    np.testing.assert_allclose(three.rotations, long.rotations, atol=1e-9)
    assert three.loops
    track = cycle.root_track()
    rotation, shift = cycle_step(cycle)
    np.testing.assert_allclose(rotate(rotation, track.position[0]) + shift, track.position[-1], atol=1e-9)
    middle = three.root_track()
    np.testing.assert_allclose(middle.position[:31], track.position, atol=1e-9)
    np.testing.assert_allclose(middle.yaw[:31], track.yaw, atol=1e-9)


def test_a_cycle_shorter_than_the_average():
    np.testing.assert_allclose(np.diff(gait(9, period=8).root_track().position[:, 2]), STEADY, rtol=0.02)


@pytest.mark.parametrize("fps", [60.0, 24.0, 17.0])
def test_a_cycle_at_another_rate_is_one(fps):
    cycle = gait(31, turn=0.02)
    other = at_rate(cycle, fps)
    assert other.loops and other.frames == frames_at(31, 30, fps, loops=True) == round(fps) + 1
    for before, after in zip(cycle_step(cycle), cycle_step(other), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-6)
    np.testing.assert_allclose(other.rotations[-1, 1:], other.rotations[0, 1:], atol=1e-12)
    twice = repeated(other, 2)
    jump = np.linalg.norm(np.diff(twice.joints_world(), 2, axis=0), axis=-1).max(axis=1)
    assert jump[other.frames - 2] <= 1.2 * np.delete(jump, other.frames - 2).max()


def test_a_part_of_a_cycle_is_none():
    assert not gait(31).cut(slice(0, 20)).loops and not at_rate(gait(31).cut(slice(0, 20)), 60).loops
