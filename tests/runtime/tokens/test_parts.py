"""Every feature is decoded from one part or from all, and a part is made of its own joints alone."""

import numpy as np
import pytest

from genmo.runtime.motion.layout import TOKEN_LAYOUT
from genmo.runtime.motion.token_features import to_features
from genmo.runtime.tokens.parts import LIMBS, PARTS, own_columns, read_columns

NAMES = PARTS["limbs"]


def columns(table, name):
    row = table[NAMES.index(name)]
    return set(row[row < TOKEN_LAYOUT.width].tolist())


def test_no_feature_is_of_two_parts():
    own = own_columns("limbs")
    taken = own[own < TOKEN_LAYOUT.width]
    assert len(set(taken.tolist())) == len(taken)
    posture = [TOKEN_LAYOUT.slices[name] for name in ("places", "body_rotations", "tilt")]
    assert set(taken.tolist()) == {column for block in posture for column in range(block.start, block.stop)}


def test_one_code_for_all():
    assert read_columns("whole").tolist() == [list(range(TOKEN_LAYOUT.width))] and own_columns("whole").size == 0


@pytest.mark.parametrize("name", [name for name in LIMBS if LIMBS[name]])
def test_what_a_limb_does_is_in_its_part(random_motion, name):
    """A bent joint changes features of its part, of the velocities and contacts, and of nobody else's."""
    motion = random_motion(8, 0)
    bent = motion.rotations.copy()
    joint = LIMBS[name][0]
    bent[:, joint] = bent[:, joint] @ np.array([[1.0, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    away = np.abs(to_features(bent, motion.translation) - to_features(motion.rotations, motion.translation)).max(axis=0)
    changed = set(np.flatnonzero(away > 1e-9).tolist())
    moves = [TOKEN_LAYOUT.slices[block] for block in ("velocities", "foot_contacts")]
    changed -= {column for block in moves for column in range(block.start, block.stop)}
    # arms and head hang on the spine
    allowed = columns(read_columns("limbs"), name)
    if name == "trunk":
        allowed |= columns(read_columns("limbs"), "left arm") | columns(read_columns("limbs"), "right arm")
    assert changed and changed <= allowed
