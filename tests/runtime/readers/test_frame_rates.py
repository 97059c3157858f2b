"""Other frame rates against interpolation written out, scipy, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.motion.motion import MAX_FRAMES
from genmo.runtime.motion.rotation import slerp
from genmo.runtime.readers.frame_rates import frame_count, resample_points, same_rate
from genmo.runtime.support.errors import InputError

RATES = st.sampled_from([12.0, 23.976, 24.0, 25.0, 48.0, 50.0, 59.94, 60.0, 120.0, 240.0])


def path(frames, seed=0):
    points = np.random.default_rng(seed).uniform(50, 400, (frames, 17, 3))
    points[..., 2] = 0.9
    return points


def test_thirty_and_ntsc_are_left_alone():
    points = path(5)
    for fps in (30.0, 29.97, 30000 / 1001):
        assert resample_points(points, fps) is points
        assert frame_count(5, fps) == 5 and same_rate(fps)
    assert not same_rate(29.9) and not same_rate(25)


@pytest.mark.parametrize("fps", [15.0, 24.0, 25.0])
def test_slower_rates_are_interpolated_linearly(fps):
    points = path(40)
    given_, expected = np.arange(40) / fps, np.arange(frame_count(40, fps)) / 30
    got = resample_points(points, fps)
    for joint in (0, 9):
        for axis in (0, 1):
            np.testing.assert_allclose(got[:, joint, axis], np.interp(expected, given_, points[:, joint, axis]))
    np.testing.assert_allclose(got[..., 2], 0.9)
    assert given_[-1] - 1 / 30 < expected[-1] <= given_[-1] + 1e-6


def brute(points, fps):
    """The definition, one number at a time."""
    out = np.zeros((int(np.floor((len(points) - 1) / fps * 30 + 1e-6)) + 1, points.shape[1], 3))
    for frame, joint in np.ndindex(out.shape[:2]):
        at, radius = frame / 30 * fps, max(1, fps / 30)
        total = np.zeros(2)
        mass = tent = 0.0
        for source in range(len(points)):
            weight = 1 - abs(source - at) / radius
            weight = weight if weight > 1e-6 else 0.0
            tent += weight
            mass += weight * points[source, joint, 2]
            total += weight * points[source, joint, 2] * points[source, joint, :2]
        out[frame, joint] = [*(total / mass if mass else total), mass / tent]
    return out


@pytest.mark.parametrize("fps", [7.0, 24.0, 50.0, 59.94, 60.0, 100.0])
@pytest.mark.parametrize("frames", [1, 2, 13])
def test_every_weight_is_as_defined(fps, frames):
    rng = np.random.default_rng(1)
    points = path(frames)
    points[..., 2] = rng.uniform(0, 1, points.shape[:2]) * (rng.uniform(size=points.shape[:2]) > 0.3)
    np.testing.assert_allclose(resample_points(points, fps), brute(points, fps), atol=1e-9)


def test_sixty_is_smoothed_and_not_only_thinned():
    points = path(61)
    got = resample_points(points, 60.0)
    assert len(got) == 31
    np.testing.assert_allclose(
        got[1:-1, :, 0], (points[1:-3:2, :, 0] + 2 * points[2:-2:2, :, 0] + points[3:-1:2, :, 0]) / 4
    )


def test_an_unseen_point_draws_nothing_to_where_it_is_not():
    points = path(5)
    points[2, 4] = [9999, 9999, 0]
    got = resample_points(points, 25.0)
    assert got[:, 4, :2].max() < 400
    # frame 2.4 of the output grid lies on source frame 2: there the point is hardly seen
    assert got[2, 4, 2] < 0.5 < got[0, 4, 2]
    points[:, 4] = 0
    assert (resample_points(points, 25.0)[:, 4] == 0).all()


@given(fps=RATES, shift=st.floats(-500, 500), scale=st.floats(0.1, 10))
def test_moving_or_scaling_the_image_moves_or_scales_the_answer(fps, shift, scale):
    points = path(20)
    points[5:8, 3, 2] = 0
    points[5:8, 3, :2] = 0
    moved = points.copy()
    visible = points[..., 2:] > 0
    moved[..., :2] = np.where(visible, scale * points[..., :2] + shift, 0)
    got, expected = resample_points(moved, fps), resample_points(points, fps)
    visible = expected[..., 2:] > 0
    np.testing.assert_allclose(got[..., :2], np.where(visible, scale * expected[..., :2] + shift, 0), atol=1e-6)
    np.testing.assert_allclose(got[..., 2], expected[..., 2])


@given(fps=RATES, frames=st.integers(1, 50))
def test_confidence_stays_within_what_was_given(fps, frames):
    points = path(frames, frames)
    points[..., 2] = np.random.default_rng(frames).uniform(0, 1, points.shape[:2])
    got = resample_points(points, fps)[..., 2]
    assert points[..., 2].min() - 1e-12 <= got.min() and got.max() <= points[..., 2].max() + 1e-12


def test_longer_than_a_motion_can_be():
    assert frame_count(2 * MAX_FRAMES - 1, 60.0) == MAX_FRAMES
    with pytest.raises(InputError, match="wanted at most 36 minutes"):
        frame_count(2 * MAX_FRAMES + 1, 60.0)


def test_slerp_is_that_of_scipy():
    transform = pytest.importorskip("scipy.spatial.transform")
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 10, 12))
    rotations = transform.Rotation.random(12, random_state=1)
    at = rng.uniform(times[0], times[-1], 200)
    expected = transform.Slerp(times, rotations)(at)
    x_y_z_w = rotations.as_quat()
    signs = rng.choice([-1.0, 1.0], 12)[:, None]  # either quaternion of a rotation will do
    got = slerp(np.roll(x_y_z_w, 1, axis=1) * signs, times, at)
    difference = transform.Rotation.from_quat(np.roll(got, -1, axis=1)) * expected.inv()
    assert difference.magnitude().max() < 1e-7


def test_slerp_holds_at_the_ends_and_alone():
    quaternions = np.array([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])
    got = slerp(quaternions, np.array([1.0, 2.0]), np.array([-5.0, 1.0, 1.5, 2.0, 9.0]))
    half = np.sqrt(0.5)
    expected = [[1, 0, 0, 0], [1, 0, 0, 0], [half, half, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    np.testing.assert_allclose(got, expected, atol=1e-9)
    alone = slerp(quaternions[:1], np.array([3.0]), np.arange(3.0))
    np.testing.assert_allclose(alone, np.tile(quaternions[:1], (3, 1)))


def test_slerp_of_nearly_the_same_rotation_stays_finite():
    quaternions = np.array([[1.0, 0, 0, 0], [1.0, 1e-9, 0, 0], [1.0, 1e-9, 0, 0]])
    got = slerp(quaternions, np.arange(3.0), np.array([0.25, 1.5]))
    np.testing.assert_allclose(got, [[1, 0.25e-9, 0, 0], [1, 1e-9, 0, 0]], atol=1e-12)
