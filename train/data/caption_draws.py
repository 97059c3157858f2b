"""Windows that generation learns from by what they do, joined clips, and the caption of each window."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.motion.mirror import mirror
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array, Flags, Numbers
from genmo.train.captions.describe import describe, describe_apart, sentence_of
from genmo.train.captions.grammar import one_of
from genmo.train.captions.sentences import sentence_for
from genmo.train.data.condition_dropout import Caption
from genmo.train.data.gait_loops import joined
from genmo.train.data.window_index import WindowIndex, index_windows
from genmo.train.datasets.clips import Clip, leg_length
from genmo.train.settings.captions import CaptionConfig

BALANCED_MEASURED = 0.8
"""share of the windows drawn by tag that are captioned by a measured sentence"""
LOOSE = re.compile(r"\b(walk|jog|run|turn|jump|roam|circl|push|start)")
LOOSE_FRAMES, LOOSE_MEASURED = 900, 0.9
"""a caption that lists such actions says little about one window of a clip of more frames: 90 % are measured instead"""
SHORTEST_HALF = 28
"""frames of each of two joined clips at least"""
CANDIDATES = 40
"""windows on each side among which a pair that fits is looked for"""
TRIES = 5
AGAIN = 0.25
"""share of the joined clips that do the same twice: jumps are counted, short runs and side steps become longer"""
BACKWARD = {"walk_back": "walk_forward"}
BACKWARD_SHARE = 0.6
"""share of the windows of people who walk backward that are forward walks played backward: people hardly ever walk
backward for long, and a slow walk looks much the same in either direction of time"""
SLOW_ENOUGH = 1.3
"""m/s, above which a walk is not played backward"""
PLAIN, COMMON = 0.5, ("stand", "still", "walk_forward", "walk_slow", "walk_brisk", "jog_forward", "run_forward")
"""how often, and with what, one of two joined clips is of the common kind"""
APART, APART_JOINED = 0.15, 0.5
"""share of the measured windows, and of those joined of two clips, whose two parts have a text each over its own
frames, as the parts of a prompt "A, then B" have at run time"""
FITS = 0.13, 0.03
"""metres, and seconds times the speed along the ground: the mean distance of joints (and a tenth of a second of their
movement) over which two clips are not joined"""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A stretch of motion chosen for what it does."""

    clip: int
    start: int
    mirrored: bool
    second: tuple[int, int, bool] | None = None
    """clip, first frame and whether it is mirrored of what follows the first half"""
    backward: bool = False
    """whether it is played backward"""


class CaptionDraws:
    """Draws windows by tag and words them; everything random is the caller's generator's."""

    def __init__(
        self, clips: Sequence[Clip], config: CaptionConfig, lengths: Sequence[int], usable: Sequence[bool]
    ) -> None:
        """`usable`: the clips whose motion is true in the world.  Indexes all windows, at about 1 ms each."""
        self.clips, self.config = clips, config
        halves = {length // 2 for length in lengths if length // 2 >= SHORTEST_HALF} if config.joined else set()
        wanted = (set(lengths) if config.balanced else set()) | halves
        self.indices: dict[int, WindowIndex] = index_windows(clips, sorted(wanted), usable) if wanted else {}

    def draw(self, frames: int, random: np.random.Generator) -> Drawn | None:
        """A window chosen by tag or joined of two clips; None: this sample is drawn like others."""
        kind = random.random()
        if kind < self.config.joined:
            pair = self._pair(frames // 2, frames, random)
            if pair is not None:
                return pair
        if kind >= self.config.joined + self.config.balanced or not (index := self.indices.get(frames)):
            return None
        if not index.kinds[0]:
            return None
        tag = index.draw_kind(random)
        backward = tag in BACKWARD and BACKWARD[tag] in index.by_tag and random.random() < BACKWARD_SHARE
        window, mirrored = index.draw(BACKWARD[tag] if backward else tag, random)
        # the pelvis moves on at this speed at both ends of the window
        backward = backward and float(10 * np.abs(index.edges[window, :, 0, 3:]).max()) < SLOW_ENOUGH
        return Drawn(int(index.clip[window]), int(index.start[window]), mirrored, backward=backward)

    def _pair(self, half: int, frames: int, random: np.random.Generator) -> Drawn | None:
        """Two windows of half the frames, drawn by tag, the second of which goes on where the first ends."""
        index = self.indices.get(half)
        if index is None or not index.kinds[0]:
            return None
        for _ in range(TRIES):
            groups = [_some(index, tag, random) for tag in _two_tags(index, random)]
            # the second clip's first frame falls on the first clip's last: it needs one frame more
            starts = index.start[groups[1][0]]
            lengths = np.array([self.clips[c].frames for c in index.clip[groups[1][0]]])
            room = starts + frames - half + 1 <= lengths
            if not room.any():
                continue
            groups[1] = groups[1][0][room], groups[1][1][room]
            cost, speed = _misfit(index, groups)
            cost = cost - FITS[1] * speed
            fits = np.argwhere(cost < FITS[0])
            if not len(fits):
                continue
            order = np.argsort(cost[fits[:, 0], fits[:, 1]])[:8]
            a, b = fits[order[int(random.random() * len(order))]]
            (first, first_mirrored), (second, second_mirrored) = (
                (g[0][i], g[1][i]) for g, i in zip(groups, (a, b), strict=True)
            )
            follow = int(index.clip[second]), int(index.start[second]), bool(second_mirrored)
            return Drawn(int(index.clip[first]), int(index.start[first]), bool(first_mirrored), follow)
        return None

    def motion(self, drawn: Drawn, frames: int) -> tuple[Array, Array, Array]:
        """Rotations [frames, 24, 3, 3], translation [frames, 3] and offsets [24, 3] of two joined clips."""
        assert drawn.second is not None
        half = frames // 2
        rotations, translation, offsets = self._stretch(drawn.clip, drawn.start, half, drawn.mirrored)
        clip, start, mirrored = drawn.second
        after, path, other = self._stretch(clip, start, frames - half + 1, mirrored)
        # the strides of the second actor, on the legs of the first
        both = joined(rotations, translation, after, path * np.float32(leg_length(offsets) / leg_length(other)))
        return both[0], both[1], offsets

    def _stretch(self, clip: int, start: int, frames: int, mirrored: bool) -> tuple[Array, Array, Array]:
        source = self.clips[clip]
        cut = slice(start, start + frames)
        parts = source.rotations[cut], source.translation[cut], source.offsets
        return mirror(*parts) if mirrored else parts

    def caption(
        self,
        own: str,
        window: tuple[Array, Array, Array],
        drawn: Drawn | None,
        random: np.random.Generator,
        loose: bool = False,
    ) -> Caption:
        """The caption of a window's rotations, translation and offsets [24, 3]; not `whole` where it is the set's own.

        `loose`: the set's caption is of much more than the window (`is_loose`).
        """
        rotations, translation, offsets = window
        measured, beside = self.config.measured, self.config.beside
        if drawn is not None:
            measured, beside = (1.0, 0.0) if drawn.second is not None else (BALANCED_MEASURED, 0.0)
        if loose:
            measured, beside = max(measured, LOOSE_MEASURED), 0.0
        whole = drawn is None or drawn.second is None
        if whole and self.config.written and random.random() < self.config.written:
            _, joints = forward_kinematics(rotations, translation, offsets)
            if said := sentence_for(tags_of(measure(motion_signals(joints))), random):
                return Caption(said, whole=True)
        style = random.random()
        if own and style >= measured + beside:
            return Caption(own)
        _, joints = forward_kinematics(rotations, translation, offsets)
        if own and style >= measured:
            clause = _clause(joints, random)
            said = f"{own}{one_of(random, (', ', ' while ', ', '))}{clause}"
            return Caption(said, whole=True) if clause else Caption(own)
        cut = len(translation) // 2 if drawn is not None and drawn.second is not None else None
        if random.random() < (APART_JOINED if cut is not None else APART):
            first, second, change = describe_apart(joints, random, cut)
            if first and second:
                return Caption(first, second, change, whole=True)
        if sentence := describe(joints, random, cut).sentence:
            return Caption(sentence, whole=True)
        # two clips joined are no longer what the first one's caption says
        return Caption("", whole=True) if cut is not None else Caption(own)


def _two_tags(index: WindowIndex, random: np.random.Generator) -> list[str]:
    """What the two clips of a pair do."""
    first = index.draw_kind(random)
    if random.random() < AGAIN:
        return [first, first]
    tags = [first, index.draw_kind(random)]
    # much of what people ask for begins or ends with a plain gait, or with standing
    if random.random() < PLAIN and (plain := [tag for tag in COMMON if len(index.windows_of(tag)[0])]):
        tags[int(random.random() * 2)] = one_of(random, plain)
    return tags


def is_loose(clip: Clip) -> bool:
    """Whether a clip is so long, and its captions of such actions, that they need not hold for a window of it."""
    return clip.frames > LOOSE_FRAMES and any(LOOSE.search(caption.lower()) for caption in clip.captions)


def _clause(joints: Array, random: np.random.Generator) -> str:
    """What the window does as a bare gerund, "walking slowly backward"; "" for nothing clear."""
    return sentence_of(tags_of(measure(motion_signals(joints))), random, gerund=True)


def _some(index: WindowIndex, tag: str, random: np.random.Generator) -> tuple[Numbers, Flags]:
    """Up to CANDIDATES windows of a tag and whether each has to be mirrored."""
    here, mirrored = index.windows_of(tag)
    if tag.find("left") < 0 and tag.find("right") < 0:
        mirrored = here
    windows = np.concatenate([here, mirrored])
    flips = np.arange(len(windows)) >= len(here)
    if len(windows) > CANDIDATES:
        chosen = random.choice(len(windows), CANDIDATES, replace=False)
        windows, flips = windows[chosen], flips[chosen]
    return windows, flips


_SWAPPED = [0, 2, 1, 4, 3, 6, 5, 7, 9, 8, 11, 10]
"""`window_index.EDGE_JOINTS` in the mirror"""


def _misfit(index: WindowIndex, groups: Sequence[tuple[Numbers, Flags]]) -> tuple[Array, Array]:
    """Mean distance [first, second] between how the first windows end and how the second ones begin, and the speed
    [first, 1] of the first ones' ends, m/s along the ground."""
    ends = _edge(index, *groups[0], 1)[:, None]
    begins = _edge(index, *groups[1], 0)[None]
    difference = ends - begins
    cost = np.linalg.norm(difference[..., :3], axis=-1).mean(-1) + np.linalg.norm(difference[..., 3:], axis=-1).mean(-1)
    speed = 10 * np.hypot(ends[..., 0, 3], ends[..., 0, 5])
    return cost, speed


def _edge(index: WindowIndex, windows: Numbers, flips: Flags, which: int) -> Array:
    edges = index.edges[windows, which]
    swapped = edges[:, _SWAPPED] * np.array([-1, 1, 1, -1, 1, 1], np.float32)
    return np.asarray(np.where(flips[:, None, None], swapped, edges))
