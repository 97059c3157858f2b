"""Augmentation keeps people people: mirrors, words, limbs and small bends."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.motion.mirror import mirror
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.motion.skeleton import MIRROR_JOINTS, forward_kinematics
from genmo.train.data.augmentation import (
    LIMBS,
    SYNONYMS,
    _larger,
    change_speed,
    mirrored_caption,
    mix_limbs,
    perturb,
    reworded,
)


def test_a_mirrored_motion_has_mirrored_joints(random_motion):
    motion = random_motion(10, 0)
    given_motion = motion.rotations, motion.translation, motion.rest_offsets
    joints = forward_kinematics(*mirror(*given_motion))[1]
    wanted = motion.joints_world()[:, list(MIRROR_JOINTS)] * [-1, 1, 1]
    np.testing.assert_allclose(joints, wanted, atol=1e-6)
    for twice, once in zip(mirror(*mirror(*given_motion)), given_motion, strict=True):
        np.testing.assert_allclose(twice, once, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(mirror(*given_motion)[0]), 1)


@pytest.mark.parametrize(
    ("caption", "wanted"),
    [
        ("waves the left hand", "waves the right hand"),
        ("turns right, then left", "turns left, then right"),
        ("leftover rights bright", "leftover rights bright"),
    ],
)
def test_captions_are_mirrored(caption, wanted):
    assert mirrored_caption(caption) == wanted
    assert mirrored_caption(wanted) == caption


@given(st.integers(0, 2**32 - 1))
def test_words_are_swapped_for_their_synonyms_only(seed):
    caption = "a person walks forward, jumps and sits on a walkway"
    words = reworded(caption, np.random.default_rng(seed))
    rows = {row[0]: row for row in SYNONYMS}
    allowed = [
        f"{who} {walk} {ahead}, {jump} and {sit} on a walkway"
        for who in rows["a person"]
        for walk in rows["walks"]
        for ahead in rows["forward"]
        for jump in rows["jumps"]
        for sit in rows["sits"]
    ]
    assert words in allowed


@pytest.mark.parametrize(
    ("caption", "ways"),
    [
        ("a person walks", {"forward", ""}),
        ("a person runs and veers left", {"forward and veers left", "and veers left"}),
        ("a person walks backward", {"backward"}),
        ("a person runs sideways, then jogs", {"sideways, then", "sideways, then jogs forward"}),
        ("a person walks ahead", {"ahead"}),
    ],
)
def test_gaits_go_forward_unless_they_are_said_not_to(caption, ways, monkeypatch):
    monkeypatch.setattr("genmo.train.data.augmentation._PATTERN", re.compile("(?!)"))  # no synonyms
    random = np.random.default_rng(0)
    made = {reworded(caption, random) for _ in range(60)}
    assert {re.sub(r"^a person (walks|runs) ?|( jogs)$", "", words) for words in made} == ways


def test_wording_varies():
    random = np.random.default_rng(0)
    assert len({reworded("a person walks", random) for _ in range(50)}) > 5


def turns(random_motion, count=16):
    return torch.from_numpy(np.stack([random_motion(5, seed).rotations for seed in range(count)])).float()


def angle_between(a, b):
    """Radians between rotations [..., 3, 3]."""
    return torch.arccos((((a.mT @ b).diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1))


def test_limbs_come_whole_from_another(random_motion):
    rotations = turns(random_motion, 64)
    mixed = mix_limbs(rotations, 1.0, torch.Generator().manual_seed(0))
    donors = (mixed[:, None] == rotations[None]).all(dim=(2, 4, 5))  # [sample, donor, joint]
    assert donors.any(dim=1).all(), "every joint is someone's, over the whole window"
    own = donors.diagonal().T
    assert own[:, 0].all(), "nobody has the root of another"
    for joints, chance in LIMBS:
        assert (donors[:, :, joints] == donors[:, :, joints[:1]]).all(), "a limb has one donor"
        assert (~own[:, joints[0]]).float().mean() == pytest.approx(chance, abs=0.2)
    arms = donors[:, :, [16, 17]].float().argmax(dim=1)
    assert (arms[:, 0] != arms[:, 1]).any(), "limbs have donors of their own"
    half = mix_limbs(rotations, 0.5, torch.Generator().manual_seed(0))
    assert 0.2 < (half == rotations).all(dim=(1, 2, 3, 4)).float().mean() < 0.85
    assert torch.equal(mix_limbs(rotations, 0.0, torch.Generator().manual_seed(0)), rotations)


def test_nothing_is_perturbed_by_chance_zero(random_motion):
    rotations = turns(random_motion)
    same = perturb(rotations, 0.0, 0.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, rotations, atol=1e-5, rtol=0)


def test_perturbed_people_stay_people(random_motion):
    rotations = turns(random_motion, 64)
    bent = perturb(rotations, 1.0, 0.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(bent @ bent.mT, torch.eye(3).expand_as(bent), atol=1e-5, rtol=0)
    torch.testing.assert_close(bent[:, :, 0], rotations[:, :, 0], atol=1e-5, rtol=0)
    turn = angle_between(rotations, bent)
    assert 0.1 < turn.mean() < 0.6 and turn[:, :, 16:20].mean() > turn[:, :, [3, 6, 9]].mean()
    jumps = angle_between(bent[:, 1:], bent[:, :-1]) - angle_between(rotations[:, 1:], rotations[:, :-1])
    assert jumps.mean().abs() < 0.03, "what is added is slow"


def test_some_move_more_and_some_less(random_motion):
    rotations = turns(random_motion, 8)
    for factor in (0.5, 1.0, 1.5):
        scaled = _larger(rotations, torch.full((8,), factor))
        torch.testing.assert_close(scaled @ scaled.mT, torch.eye(3).expand_as(scaled), atol=1e-5, rtol=0)
        torch.testing.assert_close(scaled[:, :, 0], rotations[:, :, 0])
        still = rotations[:, :1].expand_as(rotations)
        torch.testing.assert_close(_larger(still, torch.full((8,), factor)), still, atol=1e-5, rtol=0)
        moved, before = (angle_between(m[:, 1:, 1:], m[:, :-1, 1:]).mean() for m in (scaled, rotations))
        assert float(moved / before) == pytest.approx(factor, rel=0.25)


def test_who_leans_keeps_the_pose(random_motion):
    rotations = turns(random_motion, 256)
    leaning = perturb(rotations, 0.0, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(leaning[:, :, 1:], rotations[:, :, 1:], atol=1e-5, rtol=0)
    turn = leaning[:, :, 0] @ rotations[:, :, 0].mT
    torch.testing.assert_close(turn, turn[:, :1].expand_as(turn), atol=1e-5, rtol=0)
    angle = angle_between(leaning[:, 0, 0], rotations[:, 0, 0])
    assert angle.median() < 0.6 and (angle > 1.2).float().mean() > 0.08, "most lean a little, some lie"


def test_speed_is_changed_by_resampling():
    """Twice as fast is every second frame; in between, paths are straight and turns stay rotations."""
    rng = np.random.default_rng(0)
    rotations = np.tile(matrix_from_yaw(0.05 * np.arange(30))[:, None], (1, 24, 1, 1)).astype(np.float32)
    path = np.cumsum(rng.normal(size=(30, 3)), axis=0).astype(np.float32)
    fast, fast_path = change_speed(rotations, path, 2.0, 14)
    np.testing.assert_allclose(fast, rotations[:28:2], atol=1e-6)
    np.testing.assert_allclose(fast_path, path[:28:2], atol=1e-5)
    slow, slow_path = change_speed(rotations, path, 0.5, 20)
    np.testing.assert_allclose(slow_path[1::2], (path[:10] + path[1:11]) / 2, atol=1e-5)
    np.testing.assert_allclose(slow, np.tile(matrix_from_yaw(0.025 * np.arange(20))[:, None], (1, 24, 1, 1)), atol=1e-5)
    beyond, beyond_path = change_speed(rotations, path, 1.0, 40)
    np.testing.assert_allclose(beyond_path[30:], np.tile(path[-1], (10, 1)), atol=1e-5)
    assert np.isfinite(beyond).all()
