"""What is measured in clips, as a table that people read: which seconds, which words, which numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.actions.measures import Measures, measure
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import SHORTEST
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.train.captions.describe import describe
from genmo.train.datasets.clips import Clip

WINDOW = 60
"""frames of a row; half of them are the next row's too"""
PHRASINGS, SHORT_CLIP = 3, 150
"""sentences that a clip without captions gets, if it has at most so many frames: they tell all of it"""
COLUMNS = (
    "clip", "from_s", "to_s", "sentence", "tags", "speed_m_s", "along_m_s", "left_m_s", "turn_deg", "pelvis_lowest",
    "left_hand_over_head_m", "right_hand_over_head_m", "jumps", "kicks", "punches",
)  # fmt: skip


class CaptionReport:
    """Rows of a table of measured captions, gathered clip by clip."""

    def __init__(self) -> None:
        self.rows: list[str] = ["\t".join(COLUMNS)]
        self.windows = self.said = 0

    def add(self, clip: Clip) -> Clip:
        """Measure a clip; the clip, with sentences where it had no caption.

        A motion that is not true in the world (`clip.truth`) is left as it is.
        """
        if clip.truth != "world" or clip.frames < SHORTEST:
            return clip
        _, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
        # a clip's words depend on its name alone
        random = np.random.default_rng(list(clip.name.encode()))
        last = max(clip.frames - WINDOW, 0)
        for start in sorted({*range(0, last + 1, WINDOW // 2), last}):
            self._row(clip.name, start, joints[start : start + WINDOW], random)
        if clip.captions or clip.frames > SHORT_CLIP:
            return clip
        sentences = (describe(joints, random).sentence for _ in range(PHRASINGS))
        return replace(clip, captions=tuple(dict.fromkeys(s for s in sentences if s)))

    def _row(self, name: str, start: int, joints: Array, random: np.random.Generator) -> None:
        told = describe(joints, random)
        tags = " | ".join(" ".join(sorted(part)) for part in (told.parts or (told.tags,)))
        seconds = [f"{start / FPS:.2f}", f"{(start + len(joints)) / FPS:.2f}"]
        numbers = numbers_of(measure(motion_signals(joints)))
        self.rows.append("\t".join([name, *seconds, told.sentence, tags, *numbers]))
        self.windows += 1
        self.said += bool(told.sentence)

    def text(self) -> str:
        """The table, a row a window, columns separated by tabs."""
        return "\n".join(self.rows) + "\n"


def numbers_of(measures: Measures) -> list[str]:
    """The last columns of COLUMNS."""
    gait, arms = measures.gait, measures.hands
    numbers = [f"{value:.2f}" for value in (gait.speed, gait.along, gait.across)]
    numbers += [f"{gait.turn:.0f}", f"{measures.posture.pelvis.min():.2f}"]
    numbers += [f"{value:.2f}" for value in np.median(arms.over_head, axis=0)]
    sides = ("left", "right")
    events = (measures.kicks, measures.punches)
    return [*numbers, str(len(measures.jumps)), *(" ".join(sides[side] for _, side in found) for found in events)]
