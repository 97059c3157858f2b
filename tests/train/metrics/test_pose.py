"""Metrics against closed forms and Horn's quaternion solution of the same fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.motion.joints import FOOT_JOINTS, JOINTS
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion, matrix_from_yaw
from genmo.runtime.support.errors import InputError
from genmo.train.metrics.pose import (
    FEET,
    accel,
    best_of,
    foot_sliding,
    jitter,
    joint_range,
    low_foot_speed,
    mpjpe,
    pa_mpjpe,
    point_error,
    procrustes,
    pve,
    root_speed,
    rte,
    segments,
    similarity,
    w_mpjpe,
    wa_mpjpe,
)


def horn(p, t, q=None, scaled=True):
    """`q` (default: `p`) [n, 3] after the similarity that brings `p` nearest to `t` (Horn 1987): an eigenvector."""
    a, b = p - p.mean(axis=0), t - t.mean(axis=0)
    s = a.T @ b
    off = [s[1, 2] - s[2, 1], s[2, 0] - s[0, 2], s[0, 1] - s[1, 0]]
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[0, 1:], matrix[1:, 0] = np.trace(s), off, off
    matrix[1:, 1:] = s + s.T - np.trace(s) * np.eye(3)
    values, vectors = np.linalg.eigh(matrix)
    turn = matrix_from_quaternion(vectors[:, -1])
    scale = values[-1] / (a**2).sum() if scaled else 1.0
    return scale * ((p if q is None else q) - p.mean(axis=0)) @ turn.T + t.mean(axis=0)


def moved(random, points, scaled=True):
    scale = random.uniform(0.5, 2) if scaled else 1.0
    return scale * points @ matrix_from_axis_angle(random.normal(size=3)).T + random.normal(size=3)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_procrustes_is_horns(seed, mirrored):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(4, 24, 3))
    predicted = truth * [-1, 1, 1] if mirrored else truth + rng.normal(0, 0.5, truth.shape)
    wanted = np.stack([horn(p, t) for p, t in zip(predicted, truth, strict=True)])
    np.testing.assert_allclose(procrustes(predicted, truth), wanted, atol=1e-8)
    errors = 1000 * np.linalg.norm(wanted - truth, axis=-1).mean(axis=-1)
    np.testing.assert_allclose(pa_mpjpe(predicted, truth), errors, atol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_a_similarity_without_scale_keeps_lengths(seed):
    rng = np.random.default_rng(seed)
    p, t = rng.normal(size=(2, 30, 3))
    turn, scale, shift = similarity(p, t, scaled=False)
    assert scale == 1
    np.testing.assert_allclose(p @ turn + shift, horn(p, t, scaled=False), atol=1e-8)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_a_moved_turned_and_scaled_pose_is_right(seed, scale):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(3, 24, 3))
    predicted = scale * truth @ matrix_from_axis_angle(rng.normal(size=3)) + rng.normal(size=3)
    np.testing.assert_allclose(pa_mpjpe(predicted, truth), 0, atol=1e-7)


def test_a_mirrored_pose_is_wrong():
    truth = np.random.default_rng(0).normal(size=(1, 24, 3))
    assert pa_mpjpe(-truth, truth)[0] > 100


def test_mpjpe_aligns_roots_only():
    truth = np.random.default_rng(0).normal(size=(5, 24, 3))
    np.testing.assert_allclose(mpjpe(truth + [1.0, 2.0, 3.0], truth), 0, atol=1e-9)
    moved = truth.copy()
    moved[2, 7] += [0.0, 0.03, 0.04]
    np.testing.assert_allclose(mpjpe(moved, truth), [0, 0, 50 / 24, 0, 0], atol=1e-9)


def test_a_collapsed_pose_is_finite():
    assert np.isfinite(pa_mpjpe(np.zeros((1, 24, 3)), np.random.default_rng(0).normal(size=(1, 24, 3)))).all()


def test_pve_is_the_mean_distance_of_vertices_with_roots_together():
    rng = np.random.default_rng(0)
    vertices, joints = rng.normal(size=(3, 100, 3)), rng.normal(size=(3, 24, 3))
    away = np.array([4.0, 5.0, 6.0])
    np.testing.assert_allclose(pve(vertices + away, vertices, joints + away, joints), 0, atol=1e-9)
    longer = vertices.copy()
    longer[1, :10] += [0.0, 0.0, 0.02]
    np.testing.assert_allclose(pve(longer, vertices, joints, joints), [0, 2, 0], atol=1e-9)


def test_accel_is_the_difference_of_accelerations():
    """Positions a t^2 / 2 against b t^2 / 2 on one joint, with the root standing: |a - b| over the joints."""
    time = np.arange(20)[:, None] / 25
    truth, predicted = np.zeros((20, 24, 3)), np.zeros((20, 24, 3))
    truth[:, 5], predicted[:, 5] = 0.5 * time**2 * [1, 2, 2], 0.5 * time**2 * [4, 6, 2]
    np.testing.assert_allclose(accel(predicted, truth, 25), 5 / 24)
    assert len(accel(predicted, truth, 25)) == 18
    carried = predicted + 3 * time[:, None] ** 2  # the whole body with its root: nothing local changes
    np.testing.assert_allclose(accel(carried, truth, 25), 5 / 24)


@pytest.mark.parametrize(
    ("frames", "lengths"),
    [(1, [1]), (99, [99]), (100, [100]), (101, [101]), (199, [199]), (200, [100, 100]), (350, [100, 100, 150])],
)
def test_segments_cover_every_frame_once(frames, lengths):
    parts = segments(frames)
    assert [p.stop - p.start for p in parts] == lengths
    assert np.array_equal(np.concatenate([np.arange(frames)[p] for p in parts]), np.arange(frames))


@pytest.mark.parametrize("frames", [2, 119, 250])
def test_world_errors_align_each_segment_by_horns_solution(frames):
    rng = np.random.default_rng(frames)
    truth = np.cumsum(rng.normal(0, 0.05, (frames, 1, 3)), axis=0) + rng.normal(size=(frames, 24, 3))
    predicted = truth + rng.normal(0, 0.1, truth.shape)
    whole, head = [], []
    starts = [0, 100] if frames == 250 else [0]
    for start, stop in zip(starts, [*starts[1:], frames], strict=True):
        p, t = predicted[start:stop], truth[start:stop]
        for answer, count in ((whole, len(p)), (head, 2)):
            fitted = horn(p[:count].reshape(-1, 3), t[:count].reshape(-1, 3), p.reshape(-1, 3)).reshape(p.shape)
            answer.append(1000 * np.sqrt(((fitted - t) ** 2).sum(axis=-1)).mean(axis=-1))
    np.testing.assert_allclose(wa_mpjpe(predicted, truth), np.concatenate(whole), atol=1e-6)
    np.testing.assert_allclose(w_mpjpe(predicted, truth), np.concatenate(head), atol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_world_errors_do_not_know_where_the_world_is(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(30, 24, 3))
    np.testing.assert_allclose(wa_mpjpe(moved(rng, truth), truth), 0, atol=1e-6)
    np.testing.assert_allclose(w_mpjpe(moved(rng, truth), truth), 0, atol=1e-6)
    assert rte(moved(rng, truth[:, 0], scaled=False), truth[:, 0]) == pytest.approx(0, abs=1e-6)


def test_w_mpjpe_counts_drift_that_wa_mpjpe_spreads():
    """A path too long by 10 %: aligned at its start the error grows to the end, aligned as a whole it is less."""
    frames = 100
    rest = np.random.default_rng(0).normal(0, 0.3, (24, 3))
    path = np.arange(frames)[:, None, None] * np.array([0.02, 0, 0])
    w, wa = w_mpjpe(rest + 1.1 * path, rest + path), wa_mpjpe(rest + 1.1 * path, rest + path)
    assert w[0] < 3 and w[-1] > 150 and (np.diff(w) > 0).sum() > 95
    assert wa.mean() < 0.6 * w.mean()


def test_rte_of_a_straight_path_that_is_too_long():
    """Mean |0.1 (x - mean)| of x uniform on 0..L is L / 40: 2.5 % of the length L."""
    truth = np.linspace(0, 7, 5001)[:, None] * np.array([[1.0, 0, 0]])
    assert rte(1.1 * truth @ matrix_from_axis_angle(np.array([0.0, 1, 0])).T, truth) == pytest.approx(2.5, rel=1e-3)


def test_rte_wants_a_path():
    with pytest.raises(InputError, match="does not move"):
        rte(np.ones((5, 3)), np.ones((5, 3)))


def test_jitter_is_the_third_derivative():
    time = np.arange(50)[:, None, None] / 30
    cubic = np.tile(np.array([0.0, 2.0, 0.0]) * time**3 + [1.0, 0.0, 5.0] * time**2, (1, 24, 1))
    assert jitter(cubic, 30) == pytest.approx(2 * 6 / 10)
    assert jitter(np.tile(time**2 * [1.0, 1, 1], (1, 24, 1)), 30) == pytest.approx(0, abs=1e-6)
    assert jitter(cubic[:3], 30) == 0


def test_foot_sliding_counts_only_frames_in_true_contact():
    """The true left foot stands for ten steps and then runs; the predicted one slides 3 mm, then anything."""
    truth, predicted = np.zeros((21, 24, 3)), np.zeros((21, 24, 3))
    truth[11:, FEET, 0] = np.arange(1, 11)[:, None] * 0.5
    predicted[:, FEET, 2] = np.cumsum([0.0] + [0.003] * 10 + [9.0] * 10)[:, None]
    feet, true_feet = predicted[:, FEET], truth[:, FEET]
    np.testing.assert_allclose(foot_sliding(feet, true_feet, 30), np.full(10 * len(FEET), 3.0))
    assert not foot_sliding(true_feet, true_feet, 30).any()
    # the same motion at twice the rate: half the steps, the same slide for 1/30 s
    np.testing.assert_allclose(foot_sliding(feet, true_feet, 60), 6)
    assert not len(foot_sliding(feet, true_feet + np.arange(21)[:, None, None], 30))  # never in contact


def test_low_feet_are_measured_without_a_true_motion():
    """The left foot slides on the ground at 1.5 m/s, the right one swings 5 cm over it."""
    joints = np.zeros((31, 24, 3))
    left, right = FOOT_JOINTS
    joints[:, left, 0] = 0.05 * np.arange(31)
    joints[:, right, 1:] = 0.05, 9.0
    joints[:, right, 2] *= np.arange(31)
    assert low_foot_speed(joints, 30) == pytest.approx(1.5)


def test_the_range_of_wrists_and_ankles_is_that_in_the_roots_frame():
    """A person who turns as a whole has none; an arm's swing counts as a quarter of the four."""
    joints = np.zeros((3, 24, 3))
    joints[:, JOINTS.index("left_wrist"), 0] = 0.5
    turns = matrix_from_yaw(np.array([0.0, 1.0, 2.0]))
    assert joint_range(joints @ np.swapaxes(turns, -1, -2), turns) == pytest.approx(0, abs=1e-12)
    joints[1, JOINTS.index("left_wrist"), 0] = 1.7
    assert joint_range(joints, np.tile(np.eye(3), (3, 1, 1))) == pytest.approx(1.2 / 12)


def test_best_of_is_the_best_sample():
    assert best_of(np.array([[3.0, 5.0], [1.0, 2.0], [0.0, 9.0]])) == 1.5


def test_point_error_of_a_known_offset():
    assert point_error(np.zeros((2, 5, 3)) + [0.003, 0, 0.004], np.zeros((2, 5, 3))) == pytest.approx([5, 5])


def test_the_speed_of_the_root_goes_over_the_ground():
    """Up and down does not count."""
    walk = np.stack([np.zeros(31), np.sin(np.arange(31)), np.arange(31) * 1.2 / 30], axis=1)
    assert root_speed(walk, 30) == pytest.approx(1.2)
