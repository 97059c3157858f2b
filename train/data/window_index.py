"""Which stretches of which clips do what: windows by tag, so that rare things can be drawn as often as common ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.names import mirrored_tag
from genmo.runtime.actions.signals import MotionSignals, motion_signals, velocity
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array, Numbers
from genmo.train.captions.phrases import split_tag
from genmo.train.datasets.clips import Clip

MOST_WINDOWS = 150
"""windows of one length that a clip enters: minutes of one idle person say no more"""
PLENTY = 60
"""windows of a kind, above which more of them do not make it drawn more often"""
RARELY = {
    "stand": 0.5,
    "still": 0.7,
    "walk": 0.7,
    "walk_forward": 0.7,
    "turn_S": 0.7,
    "speed_up": 0.4,
    "slow_down": 0.4,
}
RARELY |= {"hand_head_S": 0.5, "hand_hip_S": 0.5, "hands_together": 0.5, "clap": 0.7, "jump": 0.5, "kick_both": 0.5}
"""kind -> how much less often than others it is drawn"""
NEVER = ("in_place", "around", "arms_down", "straight", "upside_down", "leg_up", "weave", "veer", "circle")
"""beginnings of tags that no window is drawn for"""
EDGE_JOINTS = joint_indices(
    "pelvis", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot", "head",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class WindowIndex:
    """Windows of one length."""

    frames: int
    clip: Numbers
    """[windows] which clip"""
    start: Numbers
    """[windows] first frame"""
    by_tag: dict[str, Numbers]
    """windows that have the tag as they were recorded"""
    edges: Array
    """[windows, 2, joints, 6] pose and movement at the first and the last frame, in the facing frame (`edge_of`)"""

    @cached_property
    def kinds(self) -> tuple[list[str], Array]:
        """Tags without their sides, and the probability to draw each: by the cube root of its windows, up to PLENTY."""
        counts: dict[str, int] = {}
        for tag, windows in self.by_tag.items():
            if not tag.startswith(NEVER):
                kind = _kind(tag)
                counts[kind] = counts.get(kind, 0) + len(windows)
        kinds = sorted(counts)
        weights = np.array([np.cbrt(min(counts[k], PLENTY)) * RARELY.get(split_tag(k)[0], 1.0) for k in kinds])
        return kinds, weights / weights.sum() if kinds else weights

    def draw_kind(self, random: np.random.Generator) -> str:
        """A tag with a side drawn evenly, of the kind that chance falls on."""
        kinds, weights = self.kinds
        kind = kinds[int(random.choice(len(kinds), p=weights))]
        return kind if random.random() < 0.5 else mirrored_tag(kind)

    def windows_of(self, tag: str) -> tuple[Numbers, Numbers]:
        """Windows that have the tag as recorded, and those that have it in the mirror."""
        none = np.zeros(0, np.int64)
        return self.by_tag.get(tag, none), self.by_tag.get(mirrored_tag(tag), none)

    def draw(self, tag: str, random: np.random.Generator) -> tuple[int, bool]:
        """(window, whether it has to be mirrored) that has the tag."""
        here, mirrored = self.windows_of(tag)
        if tag == mirrored_tag(tag):
            return int(here[int(random.random() * len(here))]), bool(random.random() < 0.5)
        at = int(random.random() * (len(here) + len(mirrored)))
        return (int(here[at]), False) if at < len(here) else (int(mirrored[at - len(here)]), True)


def _kind(tag: str) -> str:
    """The tag with its side written left: both sides are one kind."""
    return min(tag, mirrored_tag(tag))


def edge_of(signals: MotionSignals) -> Array:
    """[frames, joints, 6] metres of joints in the facing frame over the pelvis' ground, and a tenth of their m/s."""
    places = signals.joints[:, EDGE_JOINTS]
    moves = velocity(places)
    moves[..., 0] += signals.across[:, None]
    moves[..., 2] += signals.along[:, None]
    return np.concatenate([places, 0.1 * moves], axis=-1).astype(np.float32)


def index_windows(clips: Sequence[Clip], lengths: Collection[int], usable: Sequence[bool]) -> dict[int, WindowIndex]:
    """The windows of each length of the clips marked usable; lengths that no clip has are left out."""
    rows: dict[int, list[tuple[int, int, frozenset[str]]]] = {length: [] for length in lengths}
    edges: dict[int, list[Array]] = {length: [] for length in lengths}
    for number, clip in enumerate(clips):
        if not usable[number] or clip.frames < min(lengths):
            continue
        _, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
        signals = motion_signals(joints)
        edge = edge_of(signals)
        for length in lengths:
            stride = max(length // 4, (clip.frames - length) // MOST_WINDOWS, 1)
            for start in range(0, clip.frames - length + 1, stride):
                found = tags_of(measure(signals.span(start, start + length)))
                rows[length].append((number, start, found))
                edges[length].append(edge[[start, start + length - 1]])
    return {length: _index(length, rows[length], edges[length]) for length in lengths if rows[length]}


def _index(length: int, rows: list[tuple[int, int, frozenset[str]]], edges: list[Array]) -> WindowIndex:
    by_tag: dict[str, list[int]] = {}
    for window, (_, _, found) in enumerate(rows):
        for tag in found:
            by_tag.setdefault(tag, []).append(window)
    return WindowIndex(
        frames=length,
        clip=np.array([number for number, _, _ in rows]),
        start=np.array([start for _, start, _ in rows]),
        by_tag={tag: np.array(by_tag[tag]) for tag in sorted(by_tag)},
        edges=np.stack(edges),
    )
