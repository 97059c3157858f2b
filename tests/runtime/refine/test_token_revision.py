"""Which tokens are made anew, and that the rest of a person stays as it was."""

import numpy as np
import pytest

from genmo.runtime.conditions.revision import Revision
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.token_features import twist_heading
from genmo.runtime.refine.token_revision import features_of_whole_tokens, masked_tokens, with_kept_parts
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.config import TokenConfig
from genmo.runtime.tokens.parts import LIMBS

CONFIG = TokenConfig(codes=9, parts="limbs")
IDS = np.arange(60).reshape(10, 6) % 9


def revision(motion, start, end, parts=(), share=1.0):
    return Revision(motion.rotations, motion.translation, start, end, parts, share)


def masks(motion, *which, seed=0):
    return masked_tokens(IDS, revision(motion, *which), CONFIG, np.random.default_rng(seed)) == CONFIG.mask_id


def test_tokens_that_the_span_touches(random_motion):
    motion = random_motion(38, 0)
    assert len(features_of_whole_tokens(revision(motion, 0, 38))) == 40
    whole = masks(motion, 7, 17)
    assert np.flatnonzero(whole.all(axis=1)).tolist() == [1, 2, 3, 4] and whole.sum() == 24
    arms = masks(motion, 8, 16, ("left arm", "right arm"))
    assert np.argwhere(arms).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
    some = masks(motion, 0, 38, (), 0.3)
    assert some.sum() == 18 and not np.array_equal(some, masks(motion, 0, 38, (), 0.3, seed=1))
    assert masks(motion, 0, 1, ("path",), 0.01).sum() == 1
    with pytest.raises(InputError, match="have no 'left arm'; they have whole"):
        masked_tokens(IDS, revision(motion, 0, 4, ("left arm",)), TokenConfig(), np.random.default_rng(0))


@pytest.mark.parametrize("parts", [("left arm",), ("trunk",), ("right leg", "left leg"), ("path",), ("path", "trunk")])
def test_the_rest_stays(random_motion, parts):
    old, new = random_motion(38, 0), random_motion(38, 3)
    kept = with_kept_parts(Motion(new.rotations, new.translation), revision(old, 0, 38, parts))
    own = [joint for name in parts for joint in LIMBS[name]]
    others = [joint for joint in range(1, 24) if joint not in own]
    assert np.array_equal(kept.rotations[:, others], old.rotations[:, others])
    assert kept.rotations[:, own] == pytest.approx(new.rotations[:, own])
    if "path" in parts:
        assert np.array_equal(kept.translation, new.translation)
        assert np.array_equal(kept.rotations[:, 0], new.rotations[:, 0])
    else:
        assert np.array_equal(kept.translation, old.translation)
        turned = twist_heading(kept.rotations[:, 0]) - twist_heading(old.rotations[:, 0])
        assert (turned + np.pi) % (2 * np.pi) - np.pi == pytest.approx(0, abs=1e-6)
        assert np.array_equal(kept.rotations[:, 0], old.rotations[:, 0]) == ("trunk" not in parts)


def test_a_limb_leaves_what_it_did_over_some_frames(random_motion):
    old, new = random_motion(38, 0), random_motion(38, 3)
    kept = with_kept_parts(Motion(new.rotations, new.translation), revision(old, 10, 30, ("left arm",)))
    elbow = LIMBS["left arm"][2]
    share = np.linalg.norm(kept.rotations[:, elbow] - old.rotations[:, elbow], axis=(1, 2))
    share /= np.linalg.norm(new.rotations[:, elbow] - old.rotations[:, elbow], axis=(1, 2))
    assert (share[:10] == 0).all() and (share[30:] == 0).all() and share[16:24] == pytest.approx(1)
    assert 0 < share[10] < share[12] < share[14] < 1.01


def test_what_is_no_revision(random_motion):
    motion = random_motion(38, 0)
    for which in ((5, 5), (0, 39), (-1, 4), (0, 4, (), 0.0), (0, 4, (), 1.5)):
        with pytest.raises(InputError, match="wanted"):
            revision(motion, *which)
