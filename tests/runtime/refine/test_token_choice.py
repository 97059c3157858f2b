"""The try is kept that comes to its keyframes, and among such the one that is most like the others."""

import numpy as np
import pytest

from genmo.runtime.conditions.constraints import NO_KEYFRAMES, Keyframes
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.motion.token_features import to_features
from genmo.runtime.refine.token_choice import best_try


@pytest.fixture
def truth(random_motion):
    return random_motion(40, 0)


def keys(motion, frames, root=None):
    frames = np.array(frames)
    return Keyframes(frames, motion.rotations[frames], motion.translation[frames] if root is None else root)


def faster(motion, factor):
    return to_features(motion.rotations, motion.translation * [factor, 1, factor])


def test_the_one_that_arrives(truth):
    tries = np.stack([faster(truth, factor) for factor in (0.0, 2.0, 1.0, 3.0)])
    assert best_try(tries, keys(truth, [0, 1, 38, 39])) == 2


def test_where_the_keyframes_are_in_the_world_does_not_matter(truth):
    turn = matrix_from_yaw(np.array(1.1))
    rotations = truth.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    path = rotate(turn, truth.translation) + [3.0, 0.0, -2.0]
    frames = np.array([5, 30])
    moved = Keyframes(frames, rotations[frames], path[frames])
    tries = np.stack([faster(truth, factor) for factor in (2.0, 1.0, 0.0)])
    assert best_try(tries, moved) == 1


def test_the_most_like_the_others(truth, random_motion):
    """Where nothing says where to arrive."""
    other = random_motion(40, 5)
    tries = np.stack([to_features(other.rotations, other.translation), faster(truth, 1.0), faster(truth, 1.0)])
    assert best_try(tries, NO_KEYFRAMES) == 1
    anywhere = keys(truth, [3], np.full((1, 3), np.nan))
    assert best_try(tries, anywhere) == 1
