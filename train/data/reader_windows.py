"""Windows of clips with their tags and traits: what the reader of texts learns of motions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.names import mirrored_tag
from genmo.runtime.actions.signals import MotionSignals, motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.actions.traits import STEPS, steps_over
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Flags, Numbers
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_npz
from genmo.train.datasets.clips import Clip

LENGTHS = (60, 90, 120, 150)
PARTS, STRIDE = (30, 60, 90), 15
"""frames of the parts of a window whose tags count as its own, and from the start of one to that of the next: who
raises an arm in two seconds of four raises it"""
MOST = 300
"""windows of one length that a clip gives"""
RARE, COMMON_SHARE = 1200, 0.15
"""windows with a tag that fewer have are all kept, of the others this share"""

_Grid = dict[tuple[int, int], frozenset[str]]


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of clips."""

    clip: Numbers
    """[windows] number of the clip"""
    tags: tuple[frozenset[str], ...]
    """of the whole window: what sentences are made of"""
    traits: Flags
    """[windows, traits]"""
    names: tuple[str, ...]
    """of the traits: tags of the window or a part of it, then `STEPS`"""

    def save(self, path: Path) -> None:
        """Write all of it into an .npz."""
        lists = {"names": "\n".join(self.names), "tags": "\n".join(" ".join(sorted(tags)) for tags in self.tags)}
        packed: dict[str, Any] = {name: np.frombuffer(text.encode(), np.uint8) for name, text in lists.items()}
        np.savez_compressed(path, clip=self.clip, traits=np.packbits(self.traits, axis=1), **packed)

    @classmethod
    def load(cls, path: Path) -> Windows:
        """Inverse of `save`.  Raises InputError for another file."""
        arrays = read_npz(path, "windows of clips")
        try:
            names, tags = (arrays[name].tobytes().decode().split("\n") for name in ("names", "tags"))
            traits = np.unpackbits(arrays["traits"], axis=1, count=len(names)).astype(np.bool_)
            return cls(arrays["clip"], tuple(frozenset(line.split()) for line in tags), traits, tuple(names))
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path}: {error}; wanted windows of clips, as teach_reader --windows writes them"
            ) from None


def measured_windows(clips: Sequence[Clip], seed: int = 0) -> Windows:
    """Windows of clips that are true in the world, at some 3 ms a frame of STRIDE."""
    signals = [_signals(clip) for clip in clips]
    grids = [{} if one is None else _grid(one) for one in signals]
    counts = Counter(tag for grid in grids for (length, _), tags in grid.items() if length in LENGTHS for tag in tags)
    random = np.random.default_rng(seed)
    rows = [
        (number, length, start, tags)
        for number, grid in enumerate(grids)
        for (length, start), tags in grid.items()
        if length in LENGTHS and (any(counts[tag] < RARE for tag in tags) or random.random() < COMMON_SHARE)
    ]
    found = sorted({tag for grid in grids for tags in grid.values() for tag in tags})
    known = sorted({*found, *map(mirrored_tag, found)})
    at = {tag: column for column, tag in enumerate(known)}
    traits = np.zeros((len(rows), len(known) + len(STEPS)), np.bool_)
    for row, (number, length, start, tags) in enumerate(rows):
        of_clip = signals[number]
        assert of_clip is not None
        within = tags.union(*_parts(grids[number], length, start))
        traits[row, [at[tag] for tag in within]] = True
        traits[row, len(known) :] = steps_over(measure(of_clip.span(start, start + length)))
    numbers = np.array([number for number, *_ in rows], np.int64)
    return Windows(numbers, tuple(tags for *_, tags in rows), traits, (*known, *STEPS))


def _signals(clip: Clip) -> MotionSignals | None:
    if clip.truth != "world" or clip.frames < min(PARTS):
        return None
    return motion_signals(forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1])


def _grid(signals: MotionSignals) -> _Grid:
    """(frames, first frame) -> tags of the stretches that windows and their parts are."""
    frames = signals.frames
    apart = STRIDE * max(1, frames // (STRIDE * MOST))
    return {
        (length, start): tags_of(measure(signals.span(start, start + length)))
        for length in sorted({*PARTS, *LENGTHS})
        for start in range(0, frames - length + 1, STRIDE if length <= 60 else apart)
    }


def _parts(grid: _Grid, length: int, start: int) -> list[frozenset[str]]:
    """Tags of the parts of a window."""
    return [
        grid[part, at]
        for part in PARTS
        if part < length
        for at in range(start, start + length - part + 1, STRIDE)
        if (part, at) in grid
    ]
