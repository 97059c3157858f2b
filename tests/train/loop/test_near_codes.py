"""Targets are spread over codes near the true one, and visible codes exchanged for such, as their shares say."""

import pytest
import torch
from torch.nn import functional

from genmo.train.loop.near_codes import near_codes

CODES = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50.0])[:, None, None]


@pytest.mark.parametrize("spread", [0.1, 0.4])
def test_shares_fall_with_distance(spread):
    near = near_codes(CODES, spread)
    assert near.ids.shape == (2, 30, 16) and torch.equal(near.ids[..., 0], torch.arange(30).expand(2, 30))
    assert near.shares.sum(dim=-1) == pytest.approx(1)
    assert near.shares[..., 0].mean(dim=1) == pytest.approx(1 - spread, abs=1e-3)  # in both, however far apart
    away = (CODES[1, near.ids[1]] - CODES[1, :, None]).square().sum(dim=-1)
    logs = near.shares[1].log()
    slope = (logs[:, 5] - logs[:, 1]) / (away[:, 5] - away[:, 1])
    assert slope == pytest.approx(float(slope[0]), rel=1e-3) and slope[0] < 0


def test_the_loss_is_the_cross_entropy_with_the_spread_target():
    near = near_codes(CODES, 0.4)
    logits = torch.randn(5, 30, generator=torch.Generator().manual_seed(1))
    parts, truth = torch.tensor([0, 1, 1, 0, 1]), torch.tensor([3, 4, 29, 0, 7])
    target = torch.zeros(5, 30).scatter(1, near.ids[parts, truth], near.shares[parts, truth])
    assert near.loss(logits, parts, truth) == pytest.approx(float(functional.cross_entropy(logits, target)), abs=1e-5)


def test_exchanged_codes_are_near_ones():
    torch.manual_seed(0)
    near = near_codes(CODES, 0.4)
    ids = torch.tensor([3, 7]).expand(4000, 1, 2).clone()
    ids[0, 0, 0] = 31  # what is masked is in no table, and not asked for
    which = torch.ones_like(ids, dtype=torch.bool)
    which[:1] = which[1000:] = False
    made = near.exchanged(ids, which)
    assert torch.equal(made[~which], ids[~which])
    for part, code in enumerate((3, 7)):
        drawn = made[1:1000, 0, part]
        assert set(drawn.tolist()) <= set(near.ids[part, code].tolist())
        assert (drawn == code).float().mean() == pytest.approx(float(near.shares[part, code, 0]), abs=0.06)
