"""Somebody seen in a mirror: left and right exchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.joints import MIRROR_JOINTS
from genmo.runtime.motion.motion import Motion
from genmo.runtime.support.arrays import Array

_FLIP = np.array([-1.0, 1.0, 1.0], np.float32)
_CONTACTS = [2, 3, 0, 1, 5, 4]
"""of a motion: left ankle, left foot, right ankle, right foot, left wrist, right wrist"""


def mirror(rotations: Array, translation: Array, offsets: Array) -> tuple[Array, Array, Array]:
    """The motion seen in the mirror x = 0: rotations [..., 24, 3, 3], translation [..., 3], offsets [..., 24, 3]."""
    flip = _FLIP[:, None] * _FLIP[None, :]
    return (
        rotations[..., MIRROR_JOINTS, :, :] * flip,
        translation * _FLIP,
        offsets[..., MIRROR_JOINTS, :] * _FLIP,
    )


def mirrored(motion: Motion) -> Motion:
    """The motion seen in the mirror x = 0; one of the mean body stays on it, whose two sides are alike.

    Cameras are left out, which a mirror does not turn into cameras.
    """
    rotations, translation, offsets = mirror(motion.rotations, motion.translation, motion.rest_offsets)
    contacts = None if motion.contacts is None else motion.contacts[:, _CONTACTS]
    own = offsets if motion.offsets is not None or np.any(motion.betas) else None
    seen = replace(motion, rotations=rotations, translation=translation, offsets=own, contacts=contacts)
    return replace(seen, camera=None, root_camera=None)
