"""Which of several takes is kept."""

from dataclasses import replace

import numpy as np

from genmo.runtime.actions.names import Said
from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.spans import KeypointSpan, ReferenceSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.refine.takes import (
    TAKES,
    TAKES_BETWEEN,
    Taste,
    apart,
    best_number,
    best_take,
    roughness,
    rows_of_takes,
    takes_wanted,
)
from tests.train.made_motions import arm, joints_of, made

STANDS, WALKS, UP = joints_of(made()), joints_of(made(speed=1.2)), joints_of(made(pose=arm("left", 170)))
WALK_ITSELF = Motion(made(speed=1.2).rotations, made(speed=1.2).translation)
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


def test_between_keyframes_the_take_in_the_middle_of_all_is_kept():
    """Unless another does more of what is said; frames that are given, and where takes are, tell nothing."""
    out = joints_of(made(pose=arm("left", 90)))
    takes, between = [STANDS, UP, out + [3, 0, 0]], np.arange(10, 50)
    assert best_take(takes, [], between=between) == 2
    raises = [Said(0, 60, ("raised_left>0.5",), np.array([weight], np.float32)) for weight in (0.1, 100)]
    assert [best_take(takes, [said], between=between) for said in raises] == [2, 1]
    given = [take.copy() for take in takes]
    given[2][:10] += np.random.default_rng(0).standard_normal((10, 24, 3))
    assert best_take(given, [], between=between) == 2


def test_how_far_takes_are_apart_is_the_mean_over_all_of_them():
    one, other = np.zeros((5, 24, 3)), np.full((5, 24, 3), [0.0, 3.0, 4.0])
    np.testing.assert_allclose(apart(np.stack([one, other, one])), [5 / 3, 10 / 3, 5 / 3])


def test_how_many_takes_are_wanted():
    """More than one where something tells them apart: what is said, or the others between keyframes."""
    pose = np.tile(np.eye(3), (2, 24, 1, 1))
    between = Timeline(60, keyframes=Keyframes(np.array([0, 59]), pose, np.zeros((2, 3))))
    given = Timeline(60, (Text("a person walks"),), keyframes=Keyframes(np.array([0, 1]), pose, np.zeros((2, 3))))
    seen = replace(between, keypoints=(KeypointSpan(Keypoints(np.ones((30, 17, 3)), np.eye(3))),))
    cases = ([WALK], given, TAKES), ([WALK], between, TAKES_BETWEEN), ([], between, TAKES_BETWEEN)
    for said, timeline, usual in cases:
        assert takes_wanted(said, timeline, None, usual=True) == usual
        assert takes_wanted(said, timeline, None, usual=False) == 1
        assert takes_wanted(said, timeline, 3, usual=False) == 3
    assert takes_wanted([], given, 5, usual=True) == takes_wanted([], seen, None, usual=True) == 1


def test_what_counts_beside_agreement_is_a_matter_of_taste():
    sliding = STANDS + np.linspace(0, 3, 60)[:, None, None] * np.array([0, 0, 1.0])
    slides = Said(0, 60, ("speed>1", "raised_left>0.5"), np.array([1.0, 0.0], np.float32))
    assert best_take([STANDS, sliding], [slides]) == 1, "agreement alone"
    assert best_take([STANDS, sliding], [slides], taste=Taste(rough=2.0)) == 0, "1.5 m/s on standing feet cost 3"
    assert best_take([STANDS, WALKS], [slides], taste=Taste(rough=0.2)) == 1
    assert best_number([STANDS, WALKS], [WALK], [(), (ReferenceSpan(WALK_ITSELF),)], taste=Taste(chosen=5.0)) == 0
    assert best_number([STANDS, WALKS], [WALK], [(), ()], taste=Taste(chosen=5.0)) == 1


def test_every_motion_has_rows_of_its_own():
    assert rows_of_takes(3, 1) == [range(3)]
    assert rows_of_takes(2, 4) == [range(4), range(4, 8)]


def test_a_take_with_an_example_has_to_agree_more():
    """By 1: it was chosen for agreeing."""
    for weight, kept in ((0.9, 0), (1.5, 1)):
        walks = Said(0, 60, ("speed>1", "raised_left>0.5"), np.array([weight, 0.0], np.float32))
        assert best_take([STANDS, WALKS], [walks], of_examples=1) == kept
        assert best_take([STANDS, WALKS], [walks]) == 1


def test_where_agreement_is_no_number_the_first_is_kept():
    wild = Said(0, 60, ("speed>1", "raised_left>0.5"), np.array([np.nan, np.nan], np.float32))
    assert best_take([STANDS, WALKS, UP], [wild]) == 0
