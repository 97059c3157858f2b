"""Keypoints as detectors make them: what cleaning takes out, and what it leaves alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.conditions import keypoint_cleaning as cleaning
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.skeleton import coco_keypoints, forward_kinematics, shape_space

LEGS = list(range(11, 17))
MIRROR_KEYPOINTS = [0, *(point + 1 if point % 2 else point - 1 for point in range(1, 17))]


@pytest.fixture(scope="module")
def walk():
    """[120, 17, 3] pixels of a made-up person, about 350 px tall, whose points swing by 15 px at 0.2 to 0.8 Hz."""
    offsets = shape_space().mean
    rotations, joints = forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3), offsets)
    rest = coco_keypoints(rotations, joints)[:, :2] * [220, -220] + [600, 500]
    random, time = np.random.default_rng(1), np.arange(120)[:, None, None] / 30
    swing = np.sin(2 * np.pi * random.uniform(0.2, 0.8, (17, 2)) * time + random.uniform(0, 6, (17, 2)))
    return np.concatenate([rest + 15 * swing, np.ones((120, 17, 1))], axis=-1)


def noisy(points, sigma, seed=0):
    spoiled = points.copy()
    spoiled[..., :2] += sigma * np.random.default_rng(seed).normal(size=spoiled[..., :2].shape)
    return spoiled


def off(points, truth):
    return float(np.linalg.norm((points - truth)[..., :2], axis=-1).mean())


def test_clean_points_stay_where_they_are(walk):
    assert off(cleaning.clean_points(walk), walk) < 0.002 * cleaning.person_height(walk)
    np.testing.assert_array_equal(cleaning.exchange_sides(walk, cleaning.person_height(walk)), walk)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_the_noise_is_measured_and_most_of_it_taken_out(walk, sigma):
    height = cleaning.person_height(walk)
    spoiled = noisy(walk, sigma)
    assert cleaning.noise_level(spoiled, height) == pytest.approx(sigma / height, rel=0.15)
    assert off(cleaning.clean_points(spoiled), walk) < 0.6 * off(spoiled, walk)


def test_the_width_is_the_root_of_the_noise():
    """Chosen on real detections: a third more or less shakes, or blurs kicks."""
    assert cleaning.smoothing_width(0.0) == 0
    assert cleaning.smoothing_width(0.0016) == pytest.approx(1.0)
    assert cleaning.smoothing_width(0.0064) == pytest.approx(2.0)
    assert cleaning.smoothing_width(1.0) == cleaning.WIDEST


def test_noise_told_by_the_reader_counts(walk):
    keypoints = Keypoints(walk, np.eye(3), noise=0.0144)
    np.testing.assert_allclose(
        cleaning.clean_keypoints(keypoints).points[30:90, :, :2], cleaning.smooth(walk, 3.0)[30:90, :, :2]
    )
    assert cleaning.clean_keypoints(keypoints).noise == 0


@given(st.floats(0.1, 4.0), st.integers(0, 99))
def test_a_line_stays_a_line_under_any_weights(width, seed):
    random = np.random.default_rng(seed)
    line = np.arange(30)[:, None, None] * random.normal(size=(1, 17, 2)) + 100 * random.normal(size=(1, 17, 2))
    points = np.concatenate([line, random.uniform(0.51, 1, (30, 17, 1))], axis=-1)
    np.testing.assert_allclose(cleaning.smooth(points, width)[..., :2], line, atol=1e-6)


@pytest.mark.parametrize("step", [3, 6])
def test_low_rates_are_bridged(walk, step):
    sparse = walk.copy()
    sparse[np.arange(len(walk)) % step != 0] = 0
    bridged = cleaning.bridge_gaps(sparse)[: 114 // step * step + 1]
    assert (bridged[..., 2] > 0.5).all()
    assert off(bridged, walk[: len(bridged)]) < 0.01 * cleaning.person_height(walk)


def test_long_gaps_stay_gaps(walk):
    gap = walk.copy()
    gap[40 : 40 + cleaning.LONGEST_GAP + 1, 9] = 0
    assert not cleaning.bridge_gaps(gap)[40 : 40 + cleaning.LONGEST_GAP + 1, 9].any()
    gap[40] = walk[40]
    assert (cleaning.bridge_gaps(gap)[..., 2] > 0.5).all()


def test_a_point_half_a_height_off_is_no_sight_of_it(walk):
    height, random = cleaning.person_height(walk), np.random.default_rng(0)
    spoiled, hit = walk.copy(), random.random(walk.shape[:2]) < 0.05
    angle = random.uniform(0, 2 * np.pi, hit.sum())
    spoiled[hit, :2] += 0.5 * height * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    hidden = cleaning.hide_outliers(spoiled, height)[..., 2] == 0
    assert (hidden & hit).sum() > 0.9 * hit.sum()
    assert (hidden & ~hit).sum() < 0.01 * hit.size


@pytest.mark.parametrize(("parts", "sigma"), [(range(17), 0.0), (range(17), 4.0), (LEGS, 0.0), (LEGS, 4.0)])
def test_exchanged_sides_are_put_right(walk, parts, sigma):
    right, rows = noisy(walk, sigma), np.arange(50, 80)[:, None]
    spoiled, parts = right.copy(), list(parts)
    spoiled[rows, parts] = right[rows, [MIRROR_KEYPOINTS[part] for part in parts]]
    mended = cleaning.exchange_sides(spoiled, cleaning.person_height(walk))
    assert (
        (np.abs(mended - right)[..., :2].max(axis=(1, 2)) > 0).mean() < 0.1 < (spoiled != right).any(axis=(1, 2)).mean()
    )


def test_single_limbs_are_not_exchanged(walk):
    spoiled = walk.copy()
    spoiled[50:80, [9, 10]] = walk[50:80, [10, 9]]
    np.testing.assert_array_equal(cleaning.exchange_sides(spoiled, cleaning.person_height(walk)), spoiled)


def test_confidence_no_longer_flickers(walk):
    flicker = walk.copy()
    flicker[..., 2] = np.where(np.arange(len(walk)) % 2, 0.45, 0.75)[:, None]
    crossings = [
        np.diff(points[5:-5, :, 2] > 0.5, axis=0).sum() for points in (flicker, cleaning.steady_confidence(flicker))
    ]
    assert crossings[0] > 1000 and crossings[1] == 0


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0])
def test_short_and_unseen_clips_pass(walk, frames, confidence):
    points = walk[:frames] * [1, 1, confidence]
    assert np.isfinite(cleaning.clean_points(points)).all()


def test_hips_out_of_sight_are_told_of_in_one_line(walk):
    bust = walk.copy()
    bust[10:, 11:, 2] = 0
    (note,) = cleaning.framing_notes(bust, "me.npz")
    assert note.startswith("me.npz: the hips are out of sight in 92 %") and "\n" not in note
    assert cleaning.framing_notes(walk, "me.npz") == () == cleaning.framing_notes(walk * 0, "me.npz")
