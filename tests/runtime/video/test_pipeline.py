"""A whole video: sightings at uneven times brought to 30 a second, gaps left empty, people chosen."""

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.pipeline import gather, inside, points_at
from genmo.runtime.video.poses import Poses

LENS = np.diag([500.0, 500, 1])


def line(times):
    """Somebody whose every point moves evenly: 60 pixels a second."""
    points = np.ones((len(times), 17, 3))
    points[..., 0], points[..., 1] = 100 + 60 * np.asarray(times)[:, None], np.arange(17) * 10
    return points


@pytest.mark.parametrize(
    "times", [np.arange(25) / 24, np.arange(16) / 15, np.cumsum([0, 0.02, 0.05, 0.03, 0.07, 0.04])]
)
def test_even_movement_stays_even(times):
    at = np.arange(int(times[-1] * 30 + 1e-6) + 1) / 30
    points = points_at(line(times), times, at, float(np.median(np.diff(times))))
    np.testing.assert_allclose(points[:, 0, 0], 100 + 60 * at)
    np.testing.assert_allclose(points[..., 2], 1)


def test_gaps_stay_empty_and_short_ones_are_bridged():
    times = np.concatenate([np.arange(10), [12], np.arange(20, 30)]) / 30
    at = np.arange(35) / 30
    visible = points_at(line(times), times, at, 1 / 30)[..., 2].min(axis=1) > 0
    assert np.flatnonzero(~visible).tolist() == [*range(13, 20), *range(30, 35)]


def test_unsure_points_pull_nothing():
    points = line([0, 0.05])
    points[1, 3] = [900, 900, 0.0]
    result = points_at(points, np.array([0, 0.05]), np.array([0.025]), 1 / 30)
    np.testing.assert_allclose(result[0, 3], [100, 30, 0.5])


def test_points_outside_of_the_picture_are_not_seen():
    points = line([0.0])
    points[0, 5, 0], points[0, 6, 1] = -50, 600
    result = inside(Poses(points, np.zeros((1, 4)), np.ones(1)), 640, 480).points
    assert np.flatnonzero(result[0, :, 2] == 0).tolist() == [5, 6]


def test_people_by_size_and_who_was_seen_for_a_moment():
    times = np.arange(60) / 30
    figure = np.column_stack([np.random.default_rng(0).uniform(0, 50, (21, 2)), np.ones(21)])
    big = figure * [3, 3, 1]
    detected = {
        0: [(number, figure) for number in range(60)],
        1: [(number, big) for number in range(20, 60)],
        2: [(number, big) for number in range(5)],
    }
    people = gather(detected, times, 60, "v.mp4", LENS)
    assert people.ids == [1, 0] and people.frames == 60
    assert (people.keypoints(1).points[:20, :, 2] == 0).all() and (people.keypoints(1).points[20:, :, 2] == 1).all()
    assert any("2 people" in note for note in people.notes) and any("1 more" in note for note in people.notes)
    with pytest.raises(InputError, match="finds nobody"):
        gather({}, times, 60, "v.mp4", LENS)
