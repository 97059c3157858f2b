"""Errors of detectors: their size, their memory, and what the runtime's cleaning makes of them."""

import numpy as np
import pytest
import torch

from genmo.runtime.conditions.keypoint_cleaning import bridge_gaps, smooth
from genmo.train.data import detector_errors
from genmo.train.data.detector_errors import at_low_rate, detected, point_definitions, remembered, smoothed
from genmo.train.settings.augmentation import AugmentationConfig

NONE = AugmentationConfig(drift=0, definitions=0, cleaned=0, low_rate=0, exchanged=0, astray=0)


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def points():
    """[8, 60, 17, 2]: smooth motion on the image, left and right well apart."""
    time = torch.arange(60.0)[:, None, None] / 10
    place = torch.randn(8, 1, 17, 2, generator=seeded()) / 4
    return place + 0.05 * torch.sin(time + 10 * place)


def made(points, monkeypatch, white=0.0, **options):
    monkeypatch.setattr(detector_errors, "WHITE", white)
    shown = torch.ones(points.shape[:-1], dtype=torch.bool)
    return detected(points, shown, AugmentationConfig(**{**NONE.__dict__, **options}), seeded())


def test_a_detector_without_errors_says_what_there_is(points, monkeypatch):
    found, seen = made(points, monkeypatch)
    assert torch.equal(found, points) and seen.all()


def test_errors_remember_the_share_that_they_are_said_to(monkeypatch):
    for memory in (0.4, 0.95):
        monkeypatch.setattr(detector_errors, "MEMORY", (memory, memory))
        noise = remembered(torch.Size((4, 300, 40)), seeded())
        assert noise.std() == pytest.approx(1, abs=0.06) and noise[:, 0].std() == pytest.approx(1, abs=0.2)
        assert (noise[:, 1:] * noise[:, :-1]).mean() == pytest.approx(memory, abs=0.06)


def test_smoothing_is_the_runtimes(points):
    width = torch.linspace(0, 3, 8)
    ours = smoothed(points, width)
    for index in range(8):
        whole = np.concatenate([points[index].double().numpy(), np.ones((60, 17, 1))], axis=-1)
        np.testing.assert_allclose(ours[index], smooth(whole, float(width[index]))[..., :2], atol=1e-5)


@pytest.mark.parametrize("step", [2, 5])
def test_low_rates_are_filled_as_the_runtime_fills_them(points, step):
    """Inside; the runtime's slopes at the ends, and beyond the last detection, are its own."""
    filled, seen = at_low_rate(points[0], torch.ones(60, 17, dtype=torch.bool), step)
    gappy = np.concatenate([points[0].double().numpy(), np.zeros((60, 17, 1))], axis=-1)
    gappy[::step, :, 2] = 1
    last = (59 // step - 1) * step
    np.testing.assert_allclose(filled[step:last], bridge_gaps(gappy)[step:last, :, :2], atol=1e-5)
    assert seen.all()


def test_between_detections_a_point_is_seen_where_both_are():
    shown = torch.ones(9, 17, dtype=torch.bool)
    shown[4, 3] = False
    _, seen = at_low_rate(torch.zeros(9, 17, 2), shown, 4)
    assert seen[:, 3].tolist() == [True, *[False] * 7, True] and seen[:, 4].all()


def test_exchanged_sides_are_whole_bodies_or_legs_for_a_while(points, monkeypatch):
    found, _ = made(points, monkeypatch, exchanged=1.0)
    changed = (found != points).any(dim=-1)  # [8, 60, 17]
    assert changed.any(dim=(1, 2)).all() and changed.any(dim=2).sum(dim=1).max() <= detector_errors.LONGEST_EXCHANGE
    assert not changed[..., 0].any() and changed[..., 15].any()  # a nose has no side
    assert len({int(row.sum()) for row in changed.flatten(0, 1)} - {0, 6, 16}) == 0
    left, right = points[..., 15, :], points[..., 16, :]
    assert torch.equal(found[..., 15, :], torch.where(changed[..., 15:16], right, left))


def test_stray_points_are_few_and_short(points, monkeypatch):
    found, _ = made(points, monkeypatch, astray=1.0)
    changed = (found != points).any(dim=-1)
    assert changed.any() and changed.any(dim=2).sum(dim=1).max() <= (
        detector_errors.LONGEST_STRAY + detector_errors.LONGEST_ON_OTHER_LIMB
    )
    assert changed.float().mean() < 0.1


def test_other_detectors_have_hips_and_shoulders_elsewhere_by_3_to_5_percent():
    plain, moved = (point_definitions(200, share, seeded()) for share in (0.0, 1.0))
    shift = (moved - plain)[:, 0, :, :2].norm(dim=-1)
    assert not shift[:, :5].any() and not shift[:, 7:11].any() and not shift[:, 13:].any()
    for point in (5, 6, 11, 12):
        assert 0.49 * 0.03 * 1.7 < shift[:, point].min() and shift[:, point].max() < 0.0501 * 1.7
    assert torch.allclose(shift[:, 11], shift[:, 12])  # both sides alike


def test_cleaned_noise_is_less_and_clean_points_stay(points, monkeypatch):
    raw, _ = made(points, monkeypatch, white=0.03)
    clean, _ = made(points, monkeypatch, white=0.03, cleaned=1.0)
    assert (clean - points).square().mean() < 0.5 * (raw - points).square().mean()
    again, _ = made(points, monkeypatch, cleaned=1.0)
    torch.testing.assert_close(again, points, atol=1e-6, rtol=0)
