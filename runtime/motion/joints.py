"""The joints of SMPL-24: names, order, tree, and which of them touch the ground."""

from __future__ import annotations

JOINTS = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
JOINT_COUNT = len(JOINTS)
BETA_COUNT = 10


def joint_indices(*names: str) -> tuple[int, ...]:
    """The numbers of the joints of these names."""
    return tuple(JOINTS.index(name) for name in names)


FOOT_JOINTS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
"""The balls of the feet."""
CONTACT_JOINTS = tuple(
    JOINTS.index(name) for name in ("left_ankle", "left_foot", "right_ankle", "right_foot", "left_wrist", "right_wrist")
)


def _other_side(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name[len("left_") :]
    return "left_" + name[len("right_") :] if name.startswith("right_") else name


MIRROR_JOINTS = tuple(JOINTS.index(_other_side(name)) for name in JOINTS)
"""Joint j of a person seen in a mirror is joint MIRROR_JOINTS[j] of the person."""
