"""Bodies of the SMPL family as genmo sees them: 24 rest joints that are linear in the betas.

The licensed files are the user's own (`genmo.runtime.readers.body_file` reads them).  Coefficients of SMPL-X's shape
space mean nothing to genmo's (`genmo.runtime.motion.skeleton`), so a motion keeps them under a name of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.joints import JOINT_COUNT, PARENTS
from genmo.runtime.support.arrays import Array

SMPLX_JOINTS = 55
HANDS = {24: (22, 23), 52: (25, 40), SMPLX_JOINTS: (28, 43)}
"""joints of a body model -> its joints that are SMPL's hands (22, 23): SMPL itself, or roots of the middle fingers"""
SMPLX_PELVIS = (0.0031, -0.3514, 0.0120)
"""metres; rest pelvis of SMPL-X's neutral template, to 0.1 mm"""


@dataclass(frozen=True, eq=False)
class SmplBody:
    """Joints of a body in its rest pose, linear in the betas."""

    template: Array
    """[24, 3] metres, in the model's own rest frame (y up, facing +z)"""
    shapes: Array
    """[24, 3, betas] metres a unit of beta"""

    @classmethod
    def of(cls, vertices: Array, shapes: Array, regressor: Array) -> SmplBody:
        """The body of `v_template` [V, 3], `shapedirs` [V, 3, betas] and `J_regressor` [24, 52 or 55, V].

        SMPL-X keeps expressions behind the shape (10 of 20 in its first release, 300 of 400 since): they are left out.
        Raises ValueError when the shapes are not those.
        """
        joints, count = (*regressor.shape, -1, -1)[:2]
        fits = shapes.ndim == 3 and shapes.shape[:2] == vertices.shape == (count, 3)
        if regressor.ndim != 2 or joints not in HANDS or not fits:
            shapes_read = f"J_regressor {regressor.shape}, shapedirs {shapes.shape} and v_template {vertices.shape}"
            raise ValueError(shapes_read)
        if joints == SMPLX_JOINTS:
            shapes = shapes[..., : 10 if shapes.shape[-1] == 20 else 300]
        kept = [*range(JOINT_COUNT - 2), *HANDS[joints]]
        flat = regressor[kept] @ shapes.reshape(len(vertices), -1)
        return cls(regressor[kept] @ vertices, flat.reshape(JOINT_COUNT, 3, -1))

    def rest(self, betas: Array) -> Array:
        """Rest joints [24, 3] for betas [n]; betas beyond those of the model are left out."""
        count = min(len(betas), self.shapes.shape[-1])
        return np.asarray(self.template + self.shapes[..., :count] @ np.asarray(betas[:count], np.float64))


def rest_offsets(rest: Array) -> Array:
    """Offsets [24, 3] from the parent of rest joints [24, 3]; the pelvis's is zero."""
    offsets = rest - rest[list(PARENTS)]
    offsets[0] = 0
    return np.asarray(offsets)


@dataclass(frozen=True, eq=False)
class SmplxShape:
    """The shape of a person in SMPL-X's own space."""

    betas: Array
    """[10]"""
    rest: Array | None = None
    """[24, 3] metres, rest joints of a body file for these betas; None: no body file was given"""

    @property
    def pelvis(self) -> Array:
        """[3] metres, the rest pelvis: SMPL-X's `transl` plus this is where the pelvis stands."""
        return np.asarray(SMPLX_PELVIS) if self.rest is None else self.rest[0]
