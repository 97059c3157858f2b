"""Motions that the tests of the runtime share."""

import numpy as np
import pytest

from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import BETA_COUNT, JOINT_COUNT


def make_motion(frames=40, seed=0, camera=False) -> Motion:
    """A lively motion in float64: every joint swings on all axes (some through half turns), the root travels."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 30
    swing = rng.normal(0, 0.6, (1, JOINT_COUNT, 3)) + rng.normal(0, 0.8, (1, JOINT_COUNT, 3)) * np.sin(4 * time)
    rotations = matrix_from_axis_angle(swing)
    rotations[:, 0] = matrix_from_yaw(9 * time[:, 0, 0]) @ rotations[:, 0]
    translation = np.stack([time[:, 0, 0], 0.95 + 0.1 * np.sin(5 * time[:, 0, 0]), -0.5 * time[:, 0, 0]], axis=-1)
    seen_by = Camera(matrix_from_axis_angle(rng.normal(0, 1, (frames, 3))), rng.normal(0, 3, (frames, 3)))
    return Motion(
        rotations=rotations,
        translation=translation,
        betas=rng.normal(0, 1, BETA_COUNT),
        camera=seen_by if camera else None,
    )


@pytest.fixture(scope="session")
def motion():
    return make_motion()


@pytest.fixture(scope="session")
def filmed_motion():
    return make_motion(camera=True)


@pytest.fixture(params=[1, 2, 40], ids=["1 frame", "2 frames", "40 frames"], scope="session")
def any_motion(request):
    return make_motion(request.param)
