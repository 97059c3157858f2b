"""What a performer of endless motion is told to do, and when; frames count from the generator's first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.constraints import NO_JOINT_TARGETS, NO_KEYFRAMES, JointTargets, Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.streaming.root_plan import Command
from genmo.runtime.support.arrays import Flags

NOTICE = 50
"""frames before a keyframe or joint target from which a block should know of it"""


@dataclass(frozen=True, eq=False)
class Directions:
    """Everything that a performer is told; frozen, replaced as a whole."""

    prompt: str | None = None
    """what it does where no text of `texts` is; None: whatever people do who move so fast"""
    texts: tuple[Text, ...] = ()
    """prompts with spans, [start, end) in frames of the generator"""
    command: Command | None = None
    """where the root goes; None: wherever the prompt leads"""
    keyframes: Keyframes = NO_KEYFRAMES
    targets: JointTargets = NO_JOINT_TARGETS

    def texts_in(self, first: int, known: int, frames: int, moving: Sequence[Text]) -> list[Text]:
        """The texts of a window that begins at frame `first`, in frames of the window.

        Known frames have the text of the first frame after them: one that began at the border would cause a jolt.
        `moving`: what the plan's speeds say of the frames that are not known, spans counted from the first of them.
        """
        last, border = first + frames, first + known
        told = [Text(one.prompt, max(one.start, border), min(_end(one, last), last)) for one in self.texts]
        told = [one for one in told if one.start < _end(one, 0)]
        free = np.ones(frames - known, np.bool_)
        for one in told:
            free[one.start - border : _end(one, last) - border] = False
        for text in [Text(self.prompt, 0, frames - known)] if self.prompt is not None else moving:
            inside = free[text.start : _end(text, frames)]
            for start, end in _runs(inside):
                told.append(Text(text.prompt, border + text.start + start, border + text.start + end))
        return [
            Text(one.prompt, 0 if one.start == border else one.start - first, _end(one, last) - first)
            for one in sorted(told, key=lambda text: text.start)
        ]

    def keyframes_in(self, first: int, frames: int) -> Keyframes:
        """The keyframes of a window, in its frames."""
        chosen = (self.keyframes.frames >= first) & (self.keyframes.frames < first + frames)
        return self.keyframes.only(chosen).shifted(-first)

    def targets_in(self, first: int, frames: int) -> JointTargets:
        """The joint targets of a window, in its frames."""
        chosen = (self.targets.frames >= first) & (self.targets.frames < first + frames)
        kept = (getattr(self.targets, name)[chosen] for name in ("frames", "joints", "positions"))
        return JointTargets(*kept).shifted(-first)

    def frames_to_keep(self, first: int, block: int) -> int:
        """How many frames of a block from `first` on to keep, so that the next one knows of what comes in time."""
        moments = np.union1d(self.keyframes.frames, self.targets.frames)
        onset = np.diff(moments, prepend=-NOTICE - 1) > NOTICE
        (soon,) = np.nonzero(onset & (moments >= first + block) & (moments < first + block + NOTICE))
        if not len(soon):
            return block
        return int(np.clip(moments[soon[0]] - NOTICE - first, min(15, block), block))

    def without_past(self, frame: int) -> Directions:
        """The same without what lies before `frame`."""
        keys, targets = self.keyframes.frames >= frame, self.targets.frames >= frame
        if keys.all() and targets.all() and all(_end(one, frame + 1) > frame for one in self.texts):
            return self
        kept = (getattr(self.targets, name)[targets] for name in ("frames", "joints", "positions"))
        texts = tuple(one for one in self.texts if _end(one, frame + 1) > frame)
        return Directions(self.prompt, texts, self.command, self.keyframes.only(keys), JointTargets(*kept))


def _end(text: Text, otherwise: int) -> int:
    return otherwise if text.end is None else text.end


def _runs(chosen: Flags) -> Sequence[tuple[int, int]]:
    """[start, end) of where `chosen` [frames] is set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
