"""Augmentation keeps people people: mirrors, words, limbs and small bends."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.skeleton import JOINTS, MIRROR_JOINTS, forward_kinematics, shape_space
from genmo.train.augmentation import SYNONYMS, mirror, mirrored_caption, mix_limbs, perturb, reworded
from genmo.train.fit_skeleton import fit_shape_space, mirrored_offsets


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


def test_wording_varies():
    random = np.random.default_rng(0)
    assert len({reworded("a person walks", random) for _ in range(50)}) > 5


def turns(random_motion, count=16):
    return torch.from_numpy(np.stack([random_motion(5, seed).rotations for seed in range(count)])).float()


def test_limbs_come_whole_from_another(random_motion):
    rotations = turns(random_motion)
    mixed = mix_limbs(rotations, 1.0, torch.Generator().manual_seed(0))
    donors = (mixed[:, None] == rotations[None]).all(dim=(2, 4, 5))  # [sample, donor, joint]
    assert donors.any(dim=1).all(), "every joint is someone's, over the whole window"
    own = donors.diagonal().T
    assert own[:, 0].all() and own[:, JOINTS.index("left_knee")].all()
    arm = [JOINTS.index(name) for name in ("left_collar", "left_shoulder", "left_elbow", "left_wrist")]
    assert (own[:, arm] == own[:, arm[:1]]).all()
    assert torch.equal(mix_limbs(rotations, 0.0, torch.Generator().manual_seed(0)), rotations)


def test_bends_are_small_and_lasting(random_motion):
    rotations = turns(random_motion)
    bent = perturb(rotations, 1.0, 0.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(bent @ bent.mT, torch.eye(3).expand_as(bent), atol=1e-5, rtol=0)
    turn = rotations.mT @ bent
    torch.testing.assert_close(turn, turn[:, :1].expand_as(turn), atol=1e-5, rtol=0)
    angle = torch.arccos(((turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1))
    assert 0.05 < angle.mean() < 0.4 and angle.max() < 1
    for joint in (0, 22, 23):
        torch.testing.assert_close(bent[:, :, joint], rotations[:, :, joint], atol=1e-5, rtol=0)
    leaning = perturb(rotations, 0.0, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(leaning[:, :, 1:], rotations[:, :, 1:], atol=1e-5, rtol=0)
    assert not torch.allclose(leaning[:, :, 0], rotations[:, :, 0], atol=1e-2)


def test_a_shape_space_is_fitted_to_its_actors():
    """Actors that differ in three ways are described exactly by three components, and so are their mirror images."""
    rng = np.random.default_rng(0)
    base = shape_space().mean
    ways = rng.normal(0, 0.02, (3, 24, 3))
    ways[:, 0] = 0
    symmetric = ways + mirrored_offsets(ways)
    actors = base + np.einsum("nk,kjc->njc", rng.normal(size=(30, 3)), symmetric)
    mean, components, explained = fit_shape_space(actors, 3)
    assert explained[-1] == pytest.approx(1)
    basis = components.reshape(3, -1)
    for group in (actors, mirrored_offsets(actors)):
        rest = (group - mean).reshape(30, -1)
        np.testing.assert_allclose(rest @ np.linalg.pinv(basis) @ basis, rest, atol=1e-9)
    coordinates = (actors - mean).reshape(30, -1) @ np.linalg.pinv(basis)
    np.testing.assert_allclose((coordinates**2).mean(axis=0), 1, atol=1e-6)
