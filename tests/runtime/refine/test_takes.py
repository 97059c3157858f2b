"""Which of several takes is kept."""

import numpy as np

from genmo.runtime.actions.names import Said
from genmo.runtime.refine.takes import best_take, roughness, rows_of_takes
from tests.train.made_motions import arm, joints_of, made

STANDS, WALKS, UP = joints_of(made()), joints_of(made(speed=1.2)), joints_of(made(pose=arm("left", 170)))
WALK = Said(0, 60, ("speed>1", "raised_left>0.5"), np.array([1.0, 0.0], np.float32))


def shaken(joints, size):
    return joints + size * np.random.default_rng(0).standard_normal(joints.shape)


def test_the_take_that_does_what_is_said_is_kept():
    raises = Said(0, 60, ("speed>1", "raised_left>0.5"), np.array([-1.0, 2.0], np.float32))
    assert best_take([STANDS, WALKS, UP], [WALK]) == 1
    assert best_take([STANDS, WALKS, UP], [raises]) == 2
    assert best_take([UP], [WALK]) == 0


def test_of_equal_takes_the_smoothest_is_kept():
    assert best_take([shaken(WALKS, 0.01), WALKS, shaken(WALKS, 0.02)], [WALK]) == 1
    assert best_take([shaken(WALKS, 0.01), STANDS], [WALK]) == 0
    assert roughness(WALKS) < roughness(shaken(WALKS, 0.005)) < roughness(shaken(WALKS, 0.02))
    sliding = STANDS + np.linspace(0, 1, 60)[:, None, None] * np.array([0, 0, 1.0])
    assert roughness(STANDS) < roughness(sliding) and roughness(STANDS[:3]) == 0


def test_every_motion_has_rows_of_its_own():
    assert rows_of_takes(3, 1) == [range(3)]
    assert rows_of_takes(2, 4) == [range(4), range(4, 8)]


def test_a_take_with_an_example_has_to_agree_more():
    """By 1: it was chosen for agreeing."""
    for weight, kept in ((0.9, 0), (1.5, 1)):
        walks = Said(0, 60, ("speed>1", "raised_left>0.5"), np.array([weight, 0.0], np.float32))
        assert best_take([STANDS, WALKS], [walks], of_examples=1) == kept
        assert best_take([STANDS, WALKS], [walks]) == 1
