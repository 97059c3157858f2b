"""Layouts of the feature vector: ordered tables of block -> width.

Slices are computed from the tables, and no other code writes a width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genmo.runtime.motion.joints import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT
from genmo.runtime.support.arrays import Array

SIXD = 6
"""numbers of a rotation: the first two rows of its matrix"""
BODY_JOINTS = slice(1, 22)
"""Joints that the `gem` layout rotates: all but root and hands."""


@dataclass(frozen=True)
class Layout:
    """An ordered table of blocks; `heads` are predicted beside the vector and never diffused."""

    name: str
    blocks: tuple[tuple[str, int], ...]
    heads: tuple[tuple[str, int], ...] = ()
    shape_space: str = "genmo"
    """whose betas they are: "genmo" (`motion.skeleton`) or "smplx" (`motion.smpl_body`)"""

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Block name -> its place in the vector."""
        ends = np.cumsum([width for _, width in self.blocks]).tolist()
        return {name: slice(end - width, end) for (name, width), end in zip(self.blocks, ends, strict=True)}

    @cached_property
    def groups(self) -> tuple[slice, ...]:
        """What of a frame can be given or not, each as its place in the vector: the blocks, and of the joint rotations
        the root's (in the camera) apart from the body's."""
        whole = self.slices.get("joint_rotations", slice(0, 0))
        split = (slice(whole.start, whole.start + SIXD), slice(whole.start + SIXD, whole.stop))
        return tuple(
            group for name, block in self.slices.items() for group in (split if name == "joint_rotations" else (block,))
        )

    @cached_property
    def width(self) -> int:
        """Features a frame."""
        return sum(width for _, width in self.blocks)

    def split(self, features: Array) -> dict[str, Array]:
        """Views of the blocks of [..., width], each [..., block width]."""
        return {name: features[..., block] for name, block in self.slices.items()}


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "genmo",
            (
                ("gravity_view_orientation", SIXD),
                ("root_velocity", 3),
                ("joint_rotations", JOINT_COUNT * SIXD),
                ("betas", BETA_COUNT),
                ("root_translation_camera", 3),
                ("camera_orientation", SIXD),
                ("camera_translation", 3),
                ("contacts", len(CONTACT_JOINTS)),
            ),
        ),
        Layout(
            "gem",
            (
                ("body_rotations", (BODY_JOINTS.stop - BODY_JOINTS.start) * SIXD),
                ("betas", BETA_COUNT),
                ("root_orientation_camera", SIXD),
                ("gravity_view_orientation", SIXD),
                ("root_velocity", 3),
            ),
            heads=(("weak_perspective", 3), ("contact_logits", len(CONTACT_JOINTS))),
            shape_space="smplx",
        ),
    )
}

TOKEN_JOINTS = slice(0, BODY_JOINTS.stop)
"""Joints that the token layout places: all but the hands."""
TOKEN_LAYOUT = Layout(
    "tokens",
    (
        ("turn", 1),
        ("ground_velocity", 2),
        ("height", 1),
        ("places", (TOKEN_JOINTS.stop - 1) * 3),
        ("body_rotations", (BODY_JOINTS.stop - BODY_JOINTS.start) * SIXD),
        ("tilt", SIXD),
        ("velocities", TOKEN_JOINTS.stop * 3),
        ("foot_contacts", 4),
    ),
)
"""What motion tokens are made of (`motion.token_features`): HumanML3D's blocks with true rotations."""
