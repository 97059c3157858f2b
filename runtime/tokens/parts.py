"""What of a frame each code of a token says: the whole of it, or one part of the body.

With one code for all, a held-out person's pose must be among the poses of the training people.  With a code for the
path, the trunk, each leg and each arm, it must only be put together of limbs that they had.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.layout import BODY_JOINTS, SIXD, TOKEN_LAYOUT
from genmo.runtime.support.arrays import Numbers

LIMBS: dict[str, tuple[int, ...]] = {
    "path": (),
    "trunk": joint_indices("spine1", "spine2", "spine3", "neck", "head"),
    "left leg": joint_indices("left_hip", "left_knee", "left_ankle", "left_foot"),
    "right leg": joint_indices("right_hip", "right_knee", "right_ankle", "right_foot"),
    "left arm": joint_indices("left_collar", "left_shoulder", "left_elbow", "left_wrist"),
    "right arm": joint_indices("right_collar", "right_shoulder", "right_elbow", "right_wrist"),
}
"""the codes of a token, in order, and the joints whose places and rotations they say"""
PARTS: dict[str, tuple[str, ...]] = {"whole": ("whole",), "limbs": tuple(LIMBS)}
"""names of the codes of a token, by the `parts` of a config"""
_FEET = {"left leg": (0, 1), "right leg": (2, 3)}
"""of `foot_contacts`"""


def read_columns(parts: str) -> Numbers:
    """Features that the code of each part is made of [parts, most], by their place in the layout; the width of the
    layout where a part has fewer.

    Of a limb the places and rotations of its joints, of a leg the contacts of its foot too, of the trunk how the root
    leans.  Velocities of limbs are not among them: they follow from the path and the places.
    """
    if parts == "whole":
        return np.arange(TOKEN_LAYOUT.width)[None]
    return _filled_up([_moves(name) + _posture(name) + _contacts(name) for name in LIMBS])


def own_columns(parts: str) -> Numbers:
    """Features that are decoded from one part alone [parts, most], as `read_columns` has them: its posture.  All others
    are decoded from all parts."""
    return np.zeros((1, 0), np.int64) if parts == "whole" else _filled_up([_posture(name) for name in LIMBS])


def _filled_up(columns: list[list[int]]) -> Numbers:
    most = max(map(len, columns))
    return np.array([own + [TOKEN_LAYOUT.width] * (most - len(own)) for own in columns])


def _block(name: str) -> list[int]:
    return list(range(TOKEN_LAYOUT.width))[TOKEN_LAYOUT.slices[name]]


def _moves(name: str) -> list[int]:
    """Of the path: the root's turn, way, height and velocity."""
    if name != "path":
        return []
    return [*_block("turn"), *_block("ground_velocity"), *_block("height"), *_block("velocities")[:3]]


def _posture(name: str) -> list[int]:
    """Of a limb: places and rotations of its joints; of the trunk the root's rotation in its heading frame too."""
    columns = _block("tilt") if name == "trunk" else []
    places, rotations = _block("places"), _block("body_rotations")
    for joint in LIMBS[name]:
        below = joint - BODY_JOINTS.start
        columns += places[3 * below : 3 * below + 3] + rotations[SIXD * below : SIXD * below + SIXD]
    return columns


def _contacts(name: str) -> list[int]:
    return [_block("foot_contacts")[foot] for foot in _FEET.get(name, ())]
