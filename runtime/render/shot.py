"""The camera of one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.arrays import Array

Pixels = npt.NDArray[np.uint8]
FIELD = np.radians(35.5)  # vertical opening of the camera
NEAR = 0.05  # metres; what is nearer to the camera is not drawn


@dataclass(frozen=True, eq=False)
class Shot:
    """The camera of one frame: `right`, `up`, `back` [3] are its axes in the world, `eye` [3] its place, metres."""

    eye: Array
    right: Array
    up: Array
    back: Array
    width: int
    height: int

    @property
    def focal(self) -> float:
        """Pixels."""
        return float(0.5 * self.height / np.tan(FIELD / 2))

    def project(self, points: Array) -> tuple[Array, Array]:
        """Pixels [..., 2] (x right, y down, 0 at the outer edge of the first) and metres in front of the camera [...]
        of world points [..., 3]."""
        relative = points - self.eye
        depth = -(relative @ self.back)
        scale = self.focal / np.maximum(depth, NEAR)
        x = 0.5 * self.width + scale * (relative @ self.right)
        return np.stack([x, 0.5 * self.height - scale * (relative @ self.up)], axis=-1), depth
