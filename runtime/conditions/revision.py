"""A motion of which some is made anew: what motion tokens can do beside leaving frames out."""

from __future__ import annotations

from dataclasses import dataclass

from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError


@dataclass(frozen=True, eq=False)
class Revision:
    """Which of a motion's tokens are made anew: of some `parts`, in a span of frames, some at random.

    Raises InputError for a span that is no part of the motion, and for a share that is none.
    """

    rotations: Array
    """[frames, 24, 3, 3] local joint rotations; joint 0 is the root in the world"""
    root: Array
    """[frames, 3] pelvis in the world, metres"""
    start: int
    end: int
    """frames [start, end) that are made anew"""
    parts: tuple[str, ...] = ()
    """names of `tokens.parts.LIMBS`; all others keep their rotations, and the person the way, to the last bit; () for
    all"""
    share: float = 1.0
    """of the codes in the span: 1 for all, less for a motion like this one"""

    def __post_init__(self) -> None:
        frames = len(self.rotations)
        if not 0 <= self.start < self.end <= frames:
            raise InputError(f"a revision of frames {self.start} to {self.end} of {frames}; wanted some of them")
        if not 0 < self.share <= 1:
            raise InputError(f"share is {self.share:g}; wanted more than 0, at most 1 for all")
