"""Motions in a kilobyte: what is kept of them."""

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.packed import CHANNELS, FRAMES, KEPT, MOST, packed, unpacked
from genmo.runtime.motion.rotation import matrix_from_yaw, yaw_of
from tests.train.made_motions import OFFSETS, arm, eased, made


def in_its_frame(rotations, translation):
    """Joints of the mean body, turned to look along +z at first and moved to begin over the origin."""
    back = matrix_from_yaw(-yaw_of(rotations[:1, 0]))[0]
    start = translation[0] * np.array([1.0, 0, 1])
    return Motion(rotations, translation).moved(back, -back @ start).joints_world()


def test_a_walker_who_turns_and_raises_an_arm_is_kept():
    for turn in (-200.0, 0.0, 500.0):  # more than a turn is no jump
        clip = made(FRAMES, speed=1.2, turn=turn, pose=arm("left", 170 * eased(FRAMES, 30, 80)))
        coefficients = packed(clip.rotations, clip.translation, clip.offsets)
        assert coefficients.shape == (KEPT, CHANNELS) and coefficients.dtype == np.int16
        joints, wanted = unpacked(coefficients).joints_world(), in_its_frame(clip.rotations, clip.translation)
        assert np.linalg.norm((joints - wanted)[:, 0], axis=-1).max() < 0.3  # of 4.8 m on foot: errors add up
        pose = (joints - joints[:, :1]) - (wanted - wanted[:, :1])
        assert np.linalg.norm(pose, axis=-1).mean() < 0.03


def test_longer_legs_go_the_way_of_the_mean_bodys():
    clip = made(FRAMES, speed=1.2)
    tall = packed(clip.rotations, 1.25 * clip.translation, 1.25 * OFFSETS)
    np.testing.assert_allclose(tall, packed(clip.rotations, clip.translation, OFFSETS), atol=1)


def test_turns_beyond_half_a_turn_are_continuous():
    """An arm that circles passes half a turn: its curve goes on, so that few coefficients hold it."""
    clip = made(FRAMES, pose=arm("left", np.linspace(0, 330, FRAMES)))
    kept = unpacked(packed(clip.rotations, clip.translation, clip.offsets))
    apart = kept.joints_world() - in_its_frame(clip.rotations, clip.translation)
    assert np.linalg.norm(apart, axis=-1).max() < 0.12


def test_nothing_overflows():
    clip = made(FRAMES, speed=400.0, turn=40000.0)
    assert np.abs(packed(clip.rotations, clip.translation, clip.offsets)).max() <= MOST
