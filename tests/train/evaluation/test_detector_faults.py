"""Faults of detectors: what each does to keypoints, and what it leaves alone."""

import numpy as np
import pytest

from genmo.train.evaluation.detector_faults import FAULTS, LEGS, MIRROR, cut_at, every, exchanged, far, slow, without

POINTS = np.concatenate([np.random.default_rng(1).uniform(100, 900, (96, 17, 2)), np.ones((96, 17, 1))], axis=-1)
POINTS[:, 3, :] = 0


def spoiled(fault, seed=0):
    return fault(POINTS, np.random.default_rng(seed))


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_its_input_and_what_is_not_seen(name):
    before = POINTS.copy()
    points = spoiled(FAULTS[name])
    np.testing.assert_array_equal(POINTS, before)
    assert points.shape == POINTS.shape and not points[points[..., 2] == 0].any()
    np.testing.assert_array_equal(points, spoiled(FAULTS[name]))
    assert (points == POINTS).all() == (name == "as projected")


def test_noise_with_memory_has_its_size_and_its_correlation():
    noise = np.stack([spoiled(slow(5), seed)[:, 5, :2] - POINTS[:, 5, :2] for seed in range(60)])
    assert noise.std() == pytest.approx(5, rel=0.1)
    assert (noise[:, 1:] * noise[:, :-1]).mean() / noise.var() == pytest.approx(0.9, abs=0.05)


def test_sides_are_exchanged_in_so_many_frames_and_twice_is_nothing():
    points = spoiled(exchanged(30, LEGS))
    changed = (points != POINTS).any(axis=(1, 2))
    assert changed.sum() == 30 and (points[:, :11] == POINTS[:, :11]).all()
    np.testing.assert_array_equal(points[changed][:, 11], POINTS[changed][:, 12])
    assert [MIRROR[MIRROR[point]] for point in range(17)] == list(range(17))


def test_low_rates_and_missing_parts():
    assert (spoiled(every(6))[..., 2].any(axis=1) == (np.arange(96) % 6 == 0)).all()
    legless = spoiled(without(LEGS))
    assert not legless[:, 11:].any() and (legless[:, :11] == POINTS[:, :11]).all()


def test_a_cut_image_shows_the_upper_part():
    points, visible = spoiled(cut_at(0.4)), POINTS[..., 2] > 0
    top = np.where(visible, POINTS[..., 1], np.inf).min(axis=1)
    bottom = np.where(visible, POINTS[..., 1], -np.inf).max(axis=1)
    share = (POINTS[..., 1] - top[:, None]) / (bottom - top)[:, None]
    np.testing.assert_array_equal(points[..., 2] > 0, visible & (share <= 0.4))


def test_points_astray_are_half_a_person_off():
    points = spoiled(far(0.5))
    off = np.linalg.norm(points[..., :2] - POINTS[..., :2], axis=-1)
    assert set(np.round(off[off > 0], 6)) == {176.0}
