"""Who is who: the assignment against all permutations and scipy, people who cross, hide and leave."""

from itertools import permutations

import numpy as np
import pytest

from genmo.runtime.video.assignment import least_cost_pairs
from genmo.runtime.video.poses import Poses
from genmo.runtime.video.tracker import Tracker, similarity

FIGURE = np.random.default_rng(0).uniform([-20, -80], [20, 80], (17, 2))


def people(*places, size=1.0):
    points = np.array([np.column_stack([size * FIGURE + place, np.ones(17)]) for place in places]).reshape(-1, 17, 3)
    boxes = np.concatenate([points[..., :2].min(axis=1), points[..., :2].max(axis=1)], axis=-1).reshape(-1, 4)
    return Poses(points, boxes, np.ones(len(points)))


def test_the_cheapest_pairs_against_all_permutations():
    rng = np.random.default_rng(0)
    for rows, columns in ((1, 1), (3, 3), (2, 5), (5, 2), (4, 4)):
        for _ in range(30):
            cost, most = rng.random((rows, columns)), 0.6
            pairs = least_cost_pairs(cost, most)
            total = sum(cost[pair] for pair in pairs) + most * (rows - len(pairs))
            square = np.full((rows, columns + rows), most)  # as many lonely places as rows
            square[:, :columns] = np.minimum(cost, most)
            best = min(square[range(rows), order].sum() for order in permutations(range(columns + rows), rows))
            assert total == pytest.approx(best)
            assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


def test_the_cheapest_pairs_against_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(1)
    cost = rng.random((40, 40))
    rows, columns = optimize.linear_sum_assignment(cost)
    assert least_cost_pairs(cost, 100.0) == list(zip(rows, columns, strict=True))
    assert least_cost_pairs(np.zeros((0, 3)), 1) == least_cost_pairs(np.zeros((3, 0)), 1) == []


def test_similarity_is_that_of_coco():
    """exp(-d^2 / (2 s^2 k^2)) with s^2 the area and k twice the spread of the annotators, averaged."""
    before, after = people((100, 100)), people((104, 103))
    area = np.prod(before.boxes[0, 2:] - before.boxes[0, :2])
    spread = [0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087]
    expected = np.mean([np.exp(-25 / (2 * area * (2 * k) ** 2)) for k in [*spread, 0.089, 0.089]])
    np.testing.assert_allclose(similarity(before.points, before.boxes, after.points), [[expected]])


def test_people_who_cross_keep_their_ids():
    tracker = Tracker()
    for frame in range(60):
        left, right = (100 + 5 * frame, 200), (400 - 5 * frame, 215)
        shown = people(left, right) if frame % 2 else people(right, left)
        ids = tracker.update(frame / 30, shown)
        if frame == 0:
            first = {"right": ids[0], "left": ids[1]}
        assert ids.tolist() == ([first["left"], first["right"]] if frame % 2 else [first["right"], first["left"]])


def test_who_hides_a_moment_comes_back_and_who_left_does_not():
    tracker = Tracker()
    for frame in range(10):
        assert tracker.update(frame / 30, people((100 + 4 * frame, 100))).tolist() == [0]
    for frame in range(10, 22):
        assert tracker.update(frame / 30, people()).tolist() == []
    assert tracker.update(22 / 30, people((100 + 4 * 22, 100))).tolist() == [0]
    assert tracker.update(70 / 30, people((100 + 4 * 23, 100))).tolist() == [1]
    assert tracker.update(71 / 30, people((800, 100))).tolist() == [2]
