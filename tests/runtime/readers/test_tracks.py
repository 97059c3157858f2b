"""Who is who: two people who cross, come and go, against how they were made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmo.runtime.readers.tracks import MAX_PEOPLE, Detections, distances, follow, tracks
from genmo.runtime.support.errors import InputError

BODY = np.random.default_rng(5).uniform(0, 1, (17, 2)) * [60, 150]


def person(x, y=0.0, size=1.0, confidence=0.9):
    return np.concatenate([size * BODY + [x, y], np.full((17, 1), confidence)], axis=1)


def detections(*frames, ids=None):
    """Each frame a list of people."""
    at = [frame for frame, people in enumerate(frames) for _ in people]
    points = np.array([one for people in frames for one in people]).reshape(-1, 17, 3)
    return Detections(np.array(at, np.int64), points, np.full(len(at), -1) if ids is None else np.array(ids))


@settings(max_examples=15)
@given(seed=st.integers(0, 50), speed=st.floats(0.5, 12))
def test_people_who_walk_past_each_other_keep_their_ids(seed, speed):
    """They are 150 tall and pass 60 apart; the order within a frame is shuffled."""
    rng = np.random.default_rng(seed)
    frames, truth = [], []
    for at in range(30):
        people = [person(speed * at), person(speed * (30 - at), 60.0)]
        order = rng.permutation(2)
        frames.append([people[index] + np.append(rng.normal(0, 1, 2), 0) for index in order])
        truth.extend(order)
    got = follow(detections(*frames), 30)
    first = truth[0]
    np.testing.assert_array_equal(got, [index != first for index in truth])


def test_somebody_away_for_a_second_is_the_same_and_for_longer_is_not():
    for gap, people in ((29, 1), (30, 2)):
        frames = [[person(0)], *[[]] * gap, [person(3)]]
        assert len(set(follow(detections(*frames), 30))) == people


def test_somebody_far_away_is_somebody_else():
    got = follow(detections([person(0)], [person(300)], [person(0), person(300)]), 30)
    assert got.tolist() == [0, 1, 0, 1]


def test_nearest_pairs_come_first():
    """One walks into the place that the other leaves; the order of the list would swap them."""
    got = follow(detections([person(0), person(60)], [person(85), person(35)]), 30)
    assert got.tolist() == [0, 1, 1, 0]


def args_of(before, after):
    first, second = detections(before), detections(after)
    return first.points, first.sizes(), second.points, second.sizes()


def test_distances_by_hand():
    before, after = [person(0), person(100, size=2)], [person(30, 40), person(0, confidence=0)]
    got = distances(*args_of(before, after))
    size = np.hypot(*np.ptp(BODY, axis=0))
    np.testing.assert_allclose(got[0, 0], 50 / size)
    expected = np.linalg.norm(2 * BODY + [100, 0] - BODY - [30, 40], axis=1).mean()
    np.testing.assert_allclose(got[1, 0], expected / (1.5 * size))
    assert np.isinf(got[:, 1]).all()


def test_a_size_is_the_box_of_what_is_clearly_seen():
    one = person(0)
    one[0] = [5000, 5000, 0.2]
    sizes = detections([one, person(0, confidence=0.1)]).sizes()
    confident = one[1:, :2]
    np.testing.assert_allclose(sizes, [np.hypot(*np.ptp(confident, axis=0)), 0])


def test_the_largest_person_over_all_frames_comes_first():
    """A large person for one frame is less than a middling one for three."""
    big, middling, small = person(0, size=1.5), person(400), person(800, size=0.4)
    result = tracks(detections([small, big, middling], [small, middling], [small, middling]), 30.0)
    assert list(result) == [2, 1, 0]
    assert [len(track) for track in result.values()] == [3, 1, 3]


def test_the_files_own_ids_are_used_where_everybody_has_one():
    frames = ([person(0), person(300)], [person(300), person(0)])
    assert {7: [0, 2], 9: [1, 3]} == {
        k: v.tolist() for k, v in tracks(detections(*frames, ids=[7, 9, 7, 9]), 30).items()
    }
    result = tracks(detections(*frames, ids=[7, -1, 7, 9]), 30)
    assert {0: [0, 3], 1: [1, 2]} == {key: track.tolist() for key, track in result.items()}


def test_two_of_one_id_in_a_frame_are_the_larger():
    result = tracks(detections([person(0, size=0.5), person(300)], [person(300)], ids=[4, 4, 4]), 30)
    assert result[4].tolist() == [1, 2]


def test_nobody_and_too_many():
    assert tracks(detections([], []), 30) == {}
    crowd = [person(0)] * (MAX_PEOPLE + 1)
    assert len(tracks(detections(crowd[:-1]), 30)) == MAX_PEOPLE
    with pytest.raises(InputError, match=f"{MAX_PEOPLE + 1} people in one frame"):
        tracks(detections(crowd), 30)
