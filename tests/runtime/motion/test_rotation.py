"""Rotations against Rodrigues' series, Hamilton's product and the laws of the group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_6d,
    matrix_from_axis_angle,
    matrix_from_quaternion,
    matrix_from_yaw,
    normalize,
    quaternion_from_matrix,
    rotate,
    sixd_from_matrix,
    slerp_between,
    transpose,
)

vectors = arrays(np.float64, 3, elements=st.floats(-1, 1))
nonzero = vectors.filter(lambda v: np.linalg.norm(v) > 1e-3)
angles = st.floats(0, np.pi)


def close(got, want, tolerance=1e-12):
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance)


def exponential(axis_angle):
    """exp([v]x) by its power series, which knows nothing of half angles and quaternions."""
    x, y, z = axis_angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    total, term = np.eye(3), np.eye(3)
    for order in range(1, 40):
        term = term @ cross / order
        total = total + term
    return total


def hamilton(p, q):
    pw, pv, qw, qv = p[0], p[1:], q[0], q[1:]
    return np.concatenate([[pw * qw - pv @ qv], pw * qv + qw * pv + np.cross(pv, qv)])


@given(nonzero, angles)
def test_axis_angle_is_the_exponential_and_comes_back(axis, angle):
    expected = normalize(axis) * angle
    matrix = matrix_from_axis_angle(expected)
    close(matrix, exponential(expected))
    close(matrix_from_axis_angle(axis_angle_from_matrix(matrix)), matrix, 1e-9)
    if 1e-3 < angle < np.pi - 1e-3:
        close(axis_angle_from_matrix(matrix), expected, 1e-9)


@given(nonzero)
def test_half_turns(axis):
    """R = 2 a a^T - 1: the trace formula divides by zero here."""
    axis = normalize(axis)
    turn = 2 * np.outer(axis, axis) - np.eye(3)
    quaternion = quaternion_from_matrix(turn)
    close(abs(quaternion[0]), 0, 1e-8)
    close(abs(quaternion[1:] @ axis), 1, 1e-8)
    close(matrix_from_quaternion(quaternion), turn, 1e-8)
    result = axis_angle_from_matrix(turn)
    close(np.linalg.norm(result), np.pi, 1e-8)
    close(matrix_from_axis_angle(result), turn, 1e-8)


def test_no_turn():
    close(matrix_from_axis_angle(np.zeros(3)), np.eye(3), 0)
    close(axis_angle_from_matrix(np.eye(3)), np.zeros(3), 0)
    close(quaternion_from_matrix(np.eye(3)), [1, 0, 0, 0], 0)


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1e-6, 1e-3])
def test_small_turns_keep_their_digits(scale):
    turn = scale * np.array([0.6, -0.64, 0.48])
    np.testing.assert_allclose(axis_angle_from_matrix(matrix_from_axis_angle(turn)), turn, rtol=1e-6, atol=1e-18)


@given(arrays(np.float64, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 1e-2), vectors)
def test_quaternions_turn_as_hamilton_says(quaternion, vector):
    unit = quaternion / np.linalg.norm(quaternion)
    rotated = hamilton(hamilton(unit, np.concatenate([[0], vector])), unit * [1, -1, -1, -1])[1:]
    matrix = matrix_from_quaternion(quaternion)
    close(rotate(matrix, vector), rotated)
    result = quaternion_from_matrix(matrix)
    assert result[0] >= 0
    close(abs(result @ unit), 1, 1e-9)
    close(matrix_from_quaternion(result), matrix, 1e-9)


@given(nonzero, nonzero, angles, angles)
def test_rotations_are_a_group(a, b, angle_a, angle_b):
    first, second = matrix_from_axis_angle(normalize(a) * angle_a), matrix_from_axis_angle(normalize(b) * angle_b)
    for matrix in (first, second, first @ second, transpose(first)):
        close(matrix @ matrix.T, np.eye(3))
        close(np.linalg.det(matrix), 1)
        close(matrix_from_6d(sixd_from_matrix(matrix)), matrix)
    close(transpose(first) @ first, np.eye(3))
    close(rotate(first, rotate(second, a)), first @ second @ a)


def test_6d_is_the_first_two_rows():
    matrix = matrix_from_axis_angle(np.array([0.3, -1.2, 0.7]))
    close(sixd_from_matrix(matrix), [*matrix[0], *matrix[1]], 0)
    assert not np.allclose(sixd_from_matrix(matrix), [*matrix[:, 0], *matrix[:, 1]])


@given(nonzero, nonzero, st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-3, 3))
def test_any_6d_becomes_the_nearest_frame_of_its_rows(a, b, stretch_a, stretch_b, shear):
    if np.linalg.norm(np.cross(normalize(a), normalize(b))) < 1e-2:
        return
    matrix = matrix_from_6d(np.concatenate([a, b]))
    close(matrix @ matrix.T, np.eye(3), 1e-9)
    close(np.linalg.det(matrix), 1, 1e-9)
    close(matrix[0], a / np.linalg.norm(a))
    assert matrix[1] @ b > 0 and abs(matrix[2] @ b) < 1e-9
    close(matrix_from_6d(np.concatenate([stretch_a * a, stretch_b * b + shear * a])), matrix, 1e-6)


@given(st.floats(-10, 10))
def test_yaw_turns_forward_to_the_heading(yaw):
    matrix = matrix_from_yaw(np.array(yaw))
    close(matrix, matrix_from_axis_angle(np.array([0, yaw, 0])), 1e-9)
    close(matrix @ [0, 0, 1], [np.sin(yaw), 0, np.cos(yaw)])
    close(matrix @ [0, 1, 0], [0, 1, 0], 0)


def test_zero_vectors_stay_finite():
    close(normalize(np.zeros((2, 3))), np.zeros((2, 3)), 0)
    assert np.isfinite(matrix_from_6d(np.zeros(6))).all()


def test_any_leading_shape():
    turns = np.random.default_rng(0).normal(size=(2, 1, 5, 3))
    matrices = matrix_from_axis_angle(turns)
    assert matrices.shape == (2, 1, 5, 3, 3)
    assert quaternion_from_matrix(matrices).shape == (2, 1, 5, 4)
    close(matrices[1, 0, 3], matrix_from_axis_angle(turns[1, 0, 3]), 1e-15)
    assert matrix_from_axis_angle(turns[:, :0]).shape == (2, 0, 5, 3, 3)
    assert quaternion_from_matrix(matrices[:, :0]).shape == (2, 0, 5, 4)


def test_slerp_turns_at_constant_speed_the_short_way():
    """Along a turn about one axis the angle is the share; q and -q are the same end; equal ends stay."""
    angles = np.array([0.0, 2.0])
    axis = np.array([0.0, 0.6, 0.8])
    start, end = quaternion_from_matrix(matrix_from_axis_angle(angles[:, None] * axis))
    share = np.linspace(0, 1, 11)[:, None]
    expected = matrix_from_axis_angle(share * 2.0 * axis)
    for sign in (1, -1):
        between = slerp_between(np.tile(start, (11, 1)), np.tile(sign * end, (11, 1)), share)
        np.testing.assert_allclose(matrix_from_quaternion(between), expected, atol=1e-12)
    np.testing.assert_allclose(slerp_between(start, start, np.array([0.3])), start, atol=1e-12)
