"""Short motions that an engine has of what is done seldom, found by what a text says.

A network of few weights makes what it saw often; a side step that two recordings of five hours hold it hardly makes.
Its own best performances of such recordings come with the engine, and a take may be another performance of one
(`genmo.runtime.refine.example_takes`; retrieval before diffusion: ReMoDiffuse, Zhang et al. 2023).  They are found as
takes are judged: by the traits that a text says (`genmo.runtime.actions.traits`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genmo.runtime.actions.names import Said, mirrored_trait
from genmo.runtime.motion.mirror import mirrored
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.packed import FRAMES, unpacked
from genmo.runtime.support.arrays import Array, Flags, Numbers

LENGTHS = (60, 90, FRAMES)
"""frames of the stretches of an example that may be asked for"""


@dataclass(frozen=True)
class Stretch:
    """Frames of an example."""

    example: int
    start: int
    mirrored: bool


@dataclass(frozen=True, eq=False)
class Examples:
    """Motions of `FRAMES` frames and what stretches of them do."""

    traits: tuple[str, ...]
    example: Numbers
    """[stretches] whose stretch it is"""
    start: Numbers
    """[stretches] its first frame"""
    length: Numbers
    """[stretches] its frames, of `LENGTHS`"""
    does: Flags
    """[stretches, traits]"""
    coefficients: Numbers
    """[examples, KEPT, CHANNELS] see `genmo.runtime.motion.packed`"""

    def nearest(self, said: Sequence[Said], frames: int, count: int) -> list[Stretch]:
        """The stretches for so many frames that do most of what is said, at most one an example, the best first."""
        length = min(LENGTHS, key=lambda length: abs(length - frames))
        rows = np.flatnonzero(self.length == length)
        # whole numbers: rows that do the same agree the same, whichever order it is summed in
        weights = np.rint(65536 * np.sum([self._weights(one) for one in said], axis=0)).astype(np.int64)
        does = self.does[rows].astype(np.int64)
        agreed = np.concatenate([does @ weights, does[:, self._mirror] @ weights])
        found: dict[int, Stretch] = {}
        for at in np.argsort(-agreed, kind="stable").tolist():
            row = int(rows[at % len(rows)])
            example = int(self.example[row])
            found.setdefault(example, Stretch(example, int(self.start[row]), at >= len(rows)))
            if len(found) == count:
                break
        return list(found.values())

    def motion(self, stretch: Stretch, frames: int) -> Motion:
        """A stretch as a motion of at most so many frames, of the mean body, looking along +z at first."""
        whole = unpacked(self.coefficients[stretch.example])
        motion = mirrored(whole) if stretch.mirrored else whole
        return motion.cut(slice(stretch.start, min(stretch.start + frames, FRAMES)))

    def _weights(self, said: Said) -> Array:
        weights = dict(zip(said.traits, said.weights.tolist(), strict=True))
        return np.array([weights.get(name, 0.0) for name in self.traits], np.float32)

    @cached_property
    def _mirror(self) -> Numbers:
        rows = {name: row for row, name in enumerate(self.traits)}
        return np.array([rows[mirrored_trait(name)] for name in self.traits])
