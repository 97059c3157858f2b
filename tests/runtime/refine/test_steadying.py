"""Who rests is steady, and who moves is left alone."""

import numpy as np
import pytest

from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.rotation import matrix_from_axis_angle, sixd_from_matrix
from genmo.runtime.refine.steadying import AROUND, MOVES, RESTS, resting, steadied

LAYOUT = LAYOUTS["genmo"]
ELBOW = 18
FRAMES = 120


def features(speed: np.ndarray) -> np.ndarray:
    """Features [frames, width] of somebody who turns an elbow by `speed` [frames] radians a second; others are 0."""
    turns = np.zeros((len(speed), 24, 3))
    turns[:, ELBOW, 0] = np.cumsum(speed) / FPS
    values = np.zeros((len(speed), LAYOUT.width))
    values[:, LAYOUT.slices["joint_rotations"]] = sixd_from_matrix(matrix_from_axis_angle(turns)).reshape(
        len(speed), -1
    )
    return values


def shaken(values: np.ndarray) -> np.ndarray:
    return values + 0.002 * np.random.default_rng(0).standard_normal(values.shape)


def test_who_rests_does_not_shake():
    still = features(np.zeros(FRAMES))
    before, after = (np.diff(x, n=3, axis=0).std() for x in (shaken(still), steadied(shaken(still), LAYOUT)))
    assert after < 0.05 * before
    np.testing.assert_allclose(steadied(still, LAYOUT), still, atol=1e-6)  # Gaussian weights are float32


def test_who_moves_is_left_alone_and_the_way_there_is_smooth():
    speed = np.where(np.arange(FRAMES) < 60, 0.0, 2 * MOVES)
    values = shaken(features(speed))
    after = steadied(values, LAYOUT)
    np.testing.assert_array_equal(after[60 + 2 * AROUND :], values[60 + 2 * AROUND :])
    assert np.diff(after[:40], n=3, axis=0).std() < 0.1 * np.diff(values[:40], n=3, axis=0).std()


@pytest.mark.parametrize(("speed", "rests"), [(0.9 * RESTS, 1), (1.1 * MOVES, 0)])
def test_how_much_somebody_rests(speed, rests):
    """Of an elbow alone: the two columns beside its axis change by as much as it turns; one of them counts."""
    turns = features(np.full(FRAMES, speed))[:, LAYOUT.slices["joint_rotations"]]
    np.testing.assert_allclose(resting(turns), rests, atol=1e-9)


def test_one_frame_stays():
    one = features(np.zeros(1))
    assert steadied(one, LAYOUT) is one
