"""Estimates of clips under simulated cameras, and the truth beside them."""

import numpy as np

from genmo.train.datasets.clips import middle
from genmo.train.evaluation.simulated import estimates, real_row, spread_out
from genmo.train.tools.simulate_keypoints import film_as


def test_the_world_of_an_estimate_is_the_cameras(model, clips):
    """The truth in the camera's frame is the truth in the world as that camera sees it; no camera, no world."""
    (one,) = estimates(model, clips[:1], moving=True, clean_feet=False, fit=False)
    camera = film_as(clips[0], 0, True)[1]
    np.testing.assert_allclose(camera.to_camera(one.true_world), one.true_camera, atol=1e-9)
    assert one.world.shape == one.true_world.shape and not np.allclose(one.world, one.camera)
    (blind,) = estimates(model, clips[:1], with_camera=False)
    assert blind.world is None and blind.true_world is None


def test_the_middle_and_some_of_the_clips(clips):
    part = middle(clips[0], 21)
    np.testing.assert_array_equal(part.translation, clips[0].translation[39:60])
    assert middle(clips[0], 1000).frames == clips[0].frames
    assert [c.name for c in spread_out(clips, 2)] == [clips[0].name, clips[-1].name]
    assert spread_out(clips, 0) == clips and spread_out(clips, 99) == clips


def test_real_motion_is_measured_against_itself(clips):
    for one in real_row(clips):
        assert one.world is one.true_world
