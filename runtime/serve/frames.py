"""Frames of a request, at its own rate, and genmo's, at 30 a second."""

from __future__ import annotations

import math
from dataclasses import dataclass

from genmo.runtime.motion.motion import FPS

SAME_RATE = 1e-3
"""frames a second by which rates may differ that are one"""


@dataclass(frozen=True)
class Clock:
    """Frames of a request and those of genmo."""

    fps: float
    frames: int
    """of the request"""

    @property
    def native(self) -> bool:
        """Whether both are the same."""
        return abs(self.fps - FPS) < SAME_RATE

    @property
    def native_frames(self) -> int:
        """Frames at 30 a second that reach from the request's first frame to its last."""
        return self.frames if self.native else math.ceil((self.frames - 1) * FPS / self.fps - 1e-6) + 1

    def to_native(self, frame: float) -> int:
        """genmo's frame that is nearest to one of the request's."""
        return min(max(self._near(frame), 0), self.native_frames - 1)

    def border(self, frame: float) -> int:
        """genmo's frame before which a border of the request's frames lies."""
        return min(self._near(frame), self.native_frames)

    def _near(self, frame: float) -> int:
        return round(frame if self.native else frame * FPS / self.fps)
