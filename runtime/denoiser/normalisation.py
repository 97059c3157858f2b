"""Features in the units that the network works in, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.layout import Layout
from genmo.runtime.support.arrays import Array


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Mean and spread of the features of a layout."""

    layout: Layout
    mean: Array
    """[features]"""
    std: Array
    """[features]"""

    def normalised(self, features: Array) -> Array:
        """Features [..., features] as the network has them."""
        return np.asarray((features - self.mean) / self.std)

    def restored(self, normalised: Array) -> Array:
        """The network's features [..., features] in metres and 6D rotations; float64."""
        return normalised.astype(np.float64) * self.std + self.mean
