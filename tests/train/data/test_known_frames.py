"""Which frames are given: to whom, how many, and what of them."""

import pytest
import torch

from genmo.train.data import known_frames
from genmo.train.data.known_frames import KINDS, MOST_KEYFRAMES, draw_known_frames
from genmo.train.geometry.representation import LAYOUT

BATCH, FRAMES = 400, 50
GROUP = {block.start: index for index, block in enumerate(LAYOUT.groups)}
POSE, TURN = GROUP[LAYOUT.slices["joint_rotations"].start + 6], GROUP[LAYOUT.slices["joint_rotations"].start]
VELOCITY, CONTACTS = (GROUP[LAYOUT.slices[name].start] for name in ("root_velocity", "contacts"))


def drawn(share=1.0, eligible=None):
    everybody = torch.ones(BATCH, dtype=torch.bool)
    return draw_known_frames(
        everybody if eligible is None else eligible, FRAMES, share, torch.Generator().manual_seed(0)
    )


def test_a_share_of_the_eligible_samples_has_given_frames():
    assert not drawn(share=0.0).groups.any()
    has_some = drawn(share=0.35).groups.any(dim=(1, 2))
    assert 0.25 < has_some.float().mean() < 0.45
    eligible = torch.arange(BATCH) < 100
    assert torch.equal(drawn(eligible=eligible).groups.any(dim=(1, 2)), eligible)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_what_users_give(kind, monkeypatch):
    monkeypatch.setattr(known_frames, "KINDS", {name: float(name == kind) for name in KINDS})
    given = drawn().groups[..., POSE]
    count, runs = given.sum(dim=1), (given[:, 1:] != given[:, :-1]).sum(dim=1)
    assert (count > 0).all() and (count < FRAMES).all()
    if kind == "single":
        assert count.max() == MOST_KEYFRAMES and count.min() == 1
    else:
        assert (runs <= 2).all()
    if kind == "before":
        assert given[:, 0].all() and not given[:, -1].any()
    if kind == "after":
        assert given[:, -1].all() and not given[:, 0].any()
    if kind == "ends":
        assert (given[:, 0] & given[:, -1]).all() and count.float().mean() < 0.3 * FRAMES
    if kind == "gap":
        assert count.float().mean() > 0.5 * FRAMES


def test_of_a_given_frame_the_pose_is_given_and_perhaps_more():
    known = drawn()
    pose, velocity = known.groups[..., POSE], known.groups[..., VELOCITY]
    assert torch.equal(known.groups.any(dim=-1), pose)
    followed = torch.cat([pose[:, 1:], torch.zeros(BATCH, 1, dtype=torch.bool)], dim=1)
    assert not (velocity & ~followed).any()  # a velocity leads to a frame that is given too
    assert not (known.placed & ~pose).any()
    for part, least, most in ((known.placed, 0.6, 0.9), (known.groups[..., TURN], 0.2, 0.7)):
        assert least < part.any(dim=1).float().mean() < most
    whole = known.groups[..., CONTACTS].any(dim=1)
    assert 0.1 < whole.float().mean() < 0.35  # as a stream continues itself
