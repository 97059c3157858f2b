"""The slow part of the path comes from the camera, the quick part from the velocity."""

import numpy as np
import pytest

from genmo.runtime.motion.motion import RootPose
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw, rotate
from genmo.runtime.refine.root_path import (
    GROUND_PLANE_WINDOW,
    HEIGHT_WINDOW,
    RootObservation,
    is_static,
    is_static_across,
    local_trend,
    path_drift,
    turn_of_static,
)

FRAMES = np.arange(300)
TRUE = np.stack([0.03 * FRAMES, 0.9 + 0.03 * np.sin(FRAMES / 2.5), 0.02 * FRAMES + 0.1 * np.sin(FRAMES / 3)], axis=-1)


def trembling(seed=0):
    return TRUE + np.array([0.02, 0.02, 0.06]) * np.random.default_rng(seed).standard_normal(TRUE.shape)


def corrected(path, observed):
    return path - path_drift(path, observed)


def test_a_path_that_drifts_is_brought_back_at_once():
    """2 m off after 10 s: within the tremble's mean, from the first frame to the last; steps stay what they were."""
    drifting = TRUE + np.outer(FRAMES / 300, [1.2, 0.3, -1.6]) + np.outer((FRAMES / 300) ** 2, [0.5, 0, 0.5])
    path = corrected(drifting, [RootObservation(0, 300, trembling(), absolute=True)])
    error = np.linalg.norm(path - TRUE, axis=-1)
    assert error.mean() < 0.02 and error[[0, -1]].max() < 0.05
    assert np.abs(np.diff(path - TRUE, 2, axis=0)).max() * 900 < 8  # m/s^2; the camera's own tremble has 250


def test_the_windows_are_as_wide_as_their_errors_want():
    """A third or three times as wide, the error of a path under tremble and a drift that turns grows by a tenth."""
    turning = TRUE + 0.5 * np.stack([np.sin(FRAMES / 90), 0 * FRAMES, np.cos(FRAMES / 90)], axis=-1)
    errors = {}
    for window in (15, GROUND_PLANE_WINDOW, 121):
        rows = [turning - local_trend(turning - trembling(seed), window) - TRUE for seed in range(4)]
        errors[window] = np.mean([np.linalg.norm(row[:, [0, 2]], axis=-1).mean() for row in rows])
    assert errors[GROUND_PLANE_WINDOW] < 0.9 * min(errors[15], errors[121])
    assert HEIGHT_WINDOW <= GROUND_PLANE_WINDOW


def test_the_trend_is_the_fitted_line():
    values = np.random.default_rng(1).standard_normal((50, 2))
    path = local_trend(values, 21)
    for frame in (0, 4, 25, 49):
        window = np.arange(max(frame - 10, 0), min(frame + 11, 50))
        line = np.stack([np.ones(len(window)), window - frame], axis=-1)
        np.testing.assert_allclose(path[frame], np.linalg.lstsq(line, values[window], rcond=None)[0][0], atol=1e-9)
    for frames in (1, 2, 3):
        assert np.isfinite(local_trend(values[:frames], 21)).all()


def test_after_a_shot_the_correction_stays_and_before_it_too():
    drifting = TRUE + np.outer(FRAMES / 300, [1.0, 0, 0])
    drift = path_drift(drifting, [RootObservation(100, 200, TRUE[100:200], absolute=True)])
    np.testing.assert_allclose(drift[:100], np.tile(drift[100], (100, 1)))
    np.testing.assert_allclose(drift[200:], np.tile(drift[199], (100, 1)))


def test_a_shot_in_a_world_of_its_own_changes_the_path_within_it_only():
    drifting = TRUE + np.outer(FRAMES / 300, [1.0, 0, 0])
    first = RootObservation(0, 100, TRUE[:100], absolute=True)
    second = RootObservation(150, 250, TRUE[150:250] + [5.0, 0, 5.0], absolute=False)
    path = corrected(drifting, [first, second])
    assert np.abs(np.diff(path, axis=0) - np.diff(TRUE, axis=0)).max() < 0.005
    walked = path[249] - path[150]
    np.testing.assert_allclose(walked[[0, 2]], (TRUE[249] - TRUE[150])[[0, 2]], atol=0.02)


def test_a_static_camera_of_unknown_pose_sees_the_way_in_the_worlds_axes():
    camera = matrix_from_yaw(0.0) @ matrix_from_axis_angle(np.array([0.3, 0.0, 0.05])) @ np.diag([-1.0, -1.0, 1.0])
    world = matrix_from_axis_angle(0.1 * np.random.default_rng(2).standard_normal((300, 3)))
    in_camera = rotate(camera.T, TRUE - [0.0, 1.5, -4.0])
    noise = matrix_from_axis_angle(0.05 * np.random.default_rng(3).standard_normal((300, 3)))
    observed = rotate(turn_of_static(world, RootPose(camera.T @ noise @ world, in_camera)), in_camera)
    np.testing.assert_allclose(observed - observed[0], TRUE - TRUE[0], atol=0.15)
    assert is_static(TRUE + np.outer(FRAMES / 300, [1.0, 0, 0]), observed)


AHEAD = np.array([0.0, 0.0, 1.0])
NEAR = np.stack([0.007 * FRAMES - 1, 0.9 + 0.03 * np.sin(FRAMES / 2.5), 5 - 0.005 * FRAMES], axis=-1)
"""somebody who crosses the view at 3.5 to 5 m"""


@pytest.mark.parametrize("lens", [0.7, 1.0, 1.4])
def test_under_a_guessed_lens_a_drift_across_the_view_is_taken_off(lens):
    """A lens that is `lens` times too long stretches depth: across, the person is where they are seen all the same."""
    drifting = NEAR + np.outer(FRAMES / 300, [1.2, 0, 0])
    observed = NEAR * [1, 1, lens]
    path = corrected(drifting, [RootObservation(0, 300, observed, absolute=False, axis=AHEAD)])
    off = (path - path[0]) - (NEAR - NEAR[0])
    assert np.abs(off[:, 0]).max() < 0.05 + 0.6 * abs(lens - 1)
    assert np.abs(off[:, 2]).max() < 0.05 + abs(lens - 1) * np.ptp(NEAR[:, 2])


def test_a_guessed_lens_changes_nothing_where_path_and_view_agree():
    observed = RootObservation(0, 300, NEAR + [0.0, -0.4, 2.0], absolute=False, axis=AHEAD)
    np.testing.assert_allclose(path_drift(NEAR, [observed]), 0, atol=1e-12)


@pytest.mark.parametrize("speed", [1.2, 3.0])
def test_a_camera_that_follows_a_walker_is_not_static(speed):
    walked = TRUE + np.outer(FRAMES / 30, [speed, 0, 0])
    assert not is_static(walked, 0.01 * walked)


@pytest.mark.parametrize("lens", [0.5, 1.0, 2.0])
def test_a_static_camera_is_known_for_one_whatever_its_lens(lens):
    """Somebody who comes 4 m nearer and 2 m across; a camera that goes along across moves."""
    path = np.stack([2 * FRAMES / 300, 0.9 + 0 * FRAMES, 8 - 4 * FRAMES / 300], axis=-1)
    assert is_static_across(path - path[0], path * [1, 1, lens], AHEAD)
    assert is_static(path - path[0], path * [1, 1, lens]) == (lens < 1.5)
    assert not is_static_across(path - path[0], path * [0.1, 1, lens], AHEAD)


def test_depth_may_be_left_out():
    drifting = NEAR + np.outer(FRAMES / 300, [0, 0, 1.2])
    observed = RootObservation(0, 300, NEAR, absolute=False, axis=AHEAD, depth_counts=False)
    np.testing.assert_allclose(path_drift(drifting, [observed])[:, 2], 0, atol=1e-12)
