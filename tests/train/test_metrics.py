"""Metrics against closed forms and Horn's quaternion solution of the same fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.rotation import matrix_from_axis_angle, matrix_from_quaternion
from genmo.train.metrics import jitter, mpjpe, pa_mpjpe, procrustes


def horn(p, t):
    """`p` [n, 3] after the similarity nearest to `t` (Horn 1987): the quaternion is an eigenvector."""
    a, b = p - p.mean(axis=0), t - t.mean(axis=0)
    s = a.T @ b
    off = [s[1, 2] - s[2, 1], s[2, 0] - s[0, 2], s[0, 1] - s[1, 0]]
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[0, 1:], matrix[1:, 0] = np.trace(s), off, off
    matrix[1:, 1:] = s + s.T - np.trace(s) * np.eye(3)
    values, vectors = np.linalg.eigh(matrix)
    turn = matrix_from_quaternion(vectors[:, -1])
    scale = values[-1] / (a**2).sum()
    return scale * a @ turn.T + t.mean(axis=0)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_procrustes_is_horns(seed, mirrored):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(4, 24, 3))
    predicted = truth * [-1, 1, 1] if mirrored else truth + rng.normal(0, 0.5, truth.shape)
    wanted = np.stack([horn(p, t) for p, t in zip(predicted, truth, strict=True)])
    np.testing.assert_allclose(procrustes(predicted, truth), wanted, atol=1e-8)
    errors = 1000 * np.linalg.norm(wanted - truth, axis=-1).mean(axis=-1)
    np.testing.assert_allclose(pa_mpjpe(predicted, truth), errors, atol=1e-5)


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


def test_jitter_is_the_third_derivative():
    time = np.arange(50)[:, None, None] / 30
    cubic = np.tile(np.array([0.0, 2.0, 0.0]) * time**3 + [1.0, 0.0, 5.0] * time**2, (1, 24, 1))
    assert jitter(cubic, 30) == pytest.approx(2 * 6 / 10)
    assert jitter(np.tile(time**2 * [1.0, 1, 1], (1, 24, 1)), 30) == pytest.approx(0, abs=1e-6)
    assert jitter(cubic[:3], 30) == 0
