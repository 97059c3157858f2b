"""What another framing leaves out: a share of the samples, points beyond a line or of a part, boxes of what is left."""

import numpy as np
import pytest
import torch

from genmo.runtime.conditions.condition_arrays import keypoint_conditions as of_the_runtime
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.train.data import framing
from genmo.train.data.framing import KINDS, LOWER_BODY, cut_by_frame
from genmo.train.geometry.conditions import keypoint_conditions

BATCH, FRAMES = 64, 20
HEIGHTS = torch.tensor([0.02, 0.0, 0.0, 0.03, 0.03, 0.2, 0.2, 0.35, 0.35, 0.5, 0.5, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0])


@pytest.fixture
def person():
    """Somebody who stands and sways a little: pixels [batch, frames, 17, 2] and all of them seen."""
    generator = torch.Generator().manual_seed(0)
    across = 0.1 * torch.tensor([0.0, *[1.0, -1.0] * 8])
    pixels = torch.stack([across, 0.8 * HEIGHTS - 0.4], dim=-1).expand(BATCH, FRAMES, 17, 2)
    sway = 0.01 * torch.randn(BATCH, FRAMES, 1, 2, generator=generator)
    return pixels + sway, torch.ones(BATCH, FRAMES, 17, dtype=torch.bool)


def cut(person, kind, monkeypatch, share=1.0, whole=1.0):
    monkeypatch.setattr(framing, "KINDS", {name: float(name == kind) for name in KINDS})
    monkeypatch.setattr(framing, "WHOLE", whole)
    return cut_by_frame(*person, share, torch.Generator().manual_seed(1))


def test_boxes_are_those_that_the_runtime_makes_of_what_is_left(person):
    pixels, visible = person
    left = cut_by_frame(pixels, visible, 1.0, torch.Generator().manual_seed(1))
    assert 0.3 < left.float().mean() < 0.95
    conditions = keypoint_conditions(pixels, left, torch.full((BATCH,), 1.2))
    lens = np.diag([1200.0, 1200.0, 1.0])
    for index in range(0, BATCH, 8):
        points = np.concatenate([1000 * pixels[index].numpy(), left[index, ..., None].numpy()], axis=-1)
        expected = of_the_runtime(Keypoints(points.astype(np.float64), lens))
        seen = expected["bounding_box_mask"] > 0  # the runtime fills boxes of frames without anybody
        for name in ("keypoints", "bounding_box"):
            np.testing.assert_allclose(conditions[name][index][seen], expected[name][seen], atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(conditions["bounding_box_mask"][index], seen)


def test_the_border_hides_all_that_is_below_a_line(person, monkeypatch):
    left = cut(person, "border", monkeypatch)
    lowest = torch.where(left, person[0][..., 1], -torch.inf).amax(dim=(1, 2))
    highest_hidden = torch.where(left, torch.inf, person[0][..., 1]).amin(dim=(1, 2))
    assert (lowest <= highest_hidden).all() and lowest.std() > 0.1


def test_a_bust_has_neither_hips_nor_legs(person, monkeypatch):
    for kind in ("lower_body", "chest"):
        assert not cut(person, kind, monkeypatch)[..., LOWER_BODY].any()
    assert cut(person, "lower_body", monkeypatch)[..., :11].all()


def test_half_a_body_is_its_left_or_its_right(person, monkeypatch):
    hidden = ~cut(person, "half", monkeypatch)[:, 0]
    assert {tuple(row) for row in hidden.nonzero()[:, 1].reshape(BATCH, 8).tolist()} == {
        tuple(range(1, 17, 2)),
        tuple(range(2, 17, 2)),
    }


def test_a_share_is_cut_and_some_for_a_while(person, monkeypatch):
    assert cut(person, "lower_body", monkeypatch, share=0.0).all()
    whole = cut(person, "lower_body", monkeypatch, share=0.5)[..., 11]
    assert 0.3 < whole.all(dim=1).float().mean() < 0.7 and (whole.all(dim=1) | ~whole.any(dim=1)).all()
    during = cut(person, "lower_body", monkeypatch, whole=0.0)[..., 11]
    assert (during.any(dim=1) & ~during.all(dim=1)).float().mean() > 0.5
