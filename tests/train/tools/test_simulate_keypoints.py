"""Cameras of the kind that is asked for."""

import numpy as np

from genmo.train.datasets.read import read_clips
from genmo.train.tools.simulate_keypoints import film_as


def test_a_camera_of_the_kind_that_is_asked_for(motion_set):
    clip = next(iter(read_clips(motion_set)))
    for moving in (True, False):
        for seed in range(6):
            cameras, camera = film_as(clip, seed, moving)
            drift = np.ptp(camera.position, axis=0).max() + np.ptp(camera.rotation, axis=0).max()
            assert bool(cameras.moving[0]) == moving and (drift > 1e-6) == moving
