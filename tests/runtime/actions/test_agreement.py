"""How much of what is said a motion does."""

import numpy as np
import pytest

from genmo.runtime.actions.agreement import agreement
from genmo.runtime.actions.names import Said
from tests.train.made_motions import arm, joints_of, made

TRAITS = ("raised_left>0.5", "speed>1", "turn_left>45")
LEFT_UP, STANDS, WALKS = (joints_of(clip) for clip in (made(pose=arm("left", 170)), made(), made(speed=1.2)))


def said(*weights, start=0, end=60):
    return Said(start, end, TRAITS, np.array(weights, np.float32))


@pytest.mark.parametrize(
    ("joints", "weights", "expected"),
    [(LEFT_UP, (2, -1, 0), 2), (STANDS, (2, -1, 0), 0), (WALKS, (2, -1, 0), -1), (WALKS, (0, 3, 5), 3)],
)  # fmt: skip
def test_the_weights_of_what_it_does_are_summed(joints, weights, expected):
    assert agreement(joints, [said(*weights)]) == expected


def test_every_text_is_held_against_its_own_frames():
    both = np.concatenate([STANDS, WALKS - (WALKS - STANDS)[:1]])
    first, second = said(0, 1, 0, end=60), said(0, 1, 0, start=60, end=120)
    assert agreement(both, [second]) == 1 and agreement(both, [first]) == 0
    assert agreement(both, [first, second]) == 1 and agreement(both, [said(0, 1, 0, start=0, end=5)]) == 0
