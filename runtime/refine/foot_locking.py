"""Clean feet: planted feet stand still on the ground, and the body moves over them.

Three corrections, in this order, all from one decision when each foot is planted:
1. the root moves against the slide of the planted feet, as far as the slide comes and goes within a few seconds (its
   moving average is taken off, so the path as a whole stays where it was), and slowly to the ground's height;
2. each planted foot is pinned to one world point, the mean of where it was, which changes it least; before and after,
   the offset fades with the foot's velocity continuous (cubic Hermite), so nothing pops;
3. the leg follows by two-bone inverse kinematics: the knee bends the way it bent, the foot keeps its orientation,
   but for a heel or toes that would go through the ground: they turn up about the ball.

The point of a foot that stands still is its ball (joints left_foot, right_foot): the ankle rises over it in a step.
Offline all frames are available at once (`clean_feet`); a stream has `lookahead` of them (`FootLocker`) and is
otherwise the same.  Frame counts below are meant for 30 fps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from genmo.runtime.motion.filters import fir_filtered, raised_cosine
from genmo.runtime.motion.motion import FPS, Motion, join_motions
from genmo.runtime.motion.rotation import rotate, transpose
from genmo.runtime.motion.skeleton import BALL_HEIGHT, JOINTS, sole_ends
from genmo.runtime.refine import native_feet
from genmo.runtime.refine.floor_clearance import MOST_BENT, STANDS, feet_over_floor
from genmo.runtime.refine.foot_anchors import LIFT, STEP, Lock, lock_anchors
from genmo.runtime.refine.foot_contacts import DETECT, ENTER, LEAVE, contact_scores, frames_in_contact
from genmo.runtime.refine.native_feet import Feet
from genmo.runtime.refine.two_bone_ik import EXTENDED, two_bone
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array, Flags
from genmo.runtime.support.errors import InputError

QUIET = 0.1  # m/s; a slower slide is the roll of a real foot more than an error: the root leaves it to the pins
SMOOTH = 4  # frames on each side over which the root's correction is smoothed; the pins do the rest
LEVEL = 10  # frames on each side over which the height is brought to the ground
SLIP = (
    3  # frames for which a foot that is dragged from pin to pin may seem to have left the ground: no step is so short
)
LAND = 8  # frames over which an offset comes before a pin; it goes over LIFT after it

_LEGS = [[JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "foot")] for side in ("left", "right")]
_HIP, _KNEE, _ANKLE, _BALL = range(4)


@dataclass(frozen=True)
class FeetOptions:
    """How feet are cleaned.  Raises InputError for values that cannot be."""

    strength: float = 1.0
    """0 (nothing happens) to 1 (planted feet stand still)"""
    ground: float | None = 0.0
    """height of the flat ground in metres; None: not known, feet keep their heights"""
    horizon: int = 60
    """frames on each side over which the slide is averaged; the root follows what is faster, the path keeps the rest"""
    enter: float = ENTER
    """probability above which a foot is planted"""
    leave: float = LEAVE
    """probability below which it is free again"""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise InputError(f"strength is {self.strength}; wanted 0 (off) to 1 (planted feet stand still)")
        if self.horizon < SMOOTH:
            raise InputError(f"horizon is {self.horizon}; wanted at least {SMOOTH} frames, 60 is usual")
        if not 0 < self.leave <= self.enter < 1:
            raise InputError(f"enter is {self.enter}, leave {self.leave}; wanted 0 < leave <= enter < 1")
        if self.ground is not None and not np.isfinite(self.ground):
            raise InputError(f"ground is {self.ground}; wanted a height in metres, or None for an unknown ground")

    @cached_property
    def native(self) -> Feet:
        """These options and the constants of the stages, for libgenmo."""
        frames = {"horizon": self.horizon, "smooth": SMOOTH, "level": LEVEL, "lift": LIFT, "slip": SLIP}
        feet = {"ball_height": BALL_HEIGHT, "stands": STANDS, "most_bent": MOST_BENT, "extended": EXTENDED}
        ground = np.nan if self.ground is None else self.ground
        limits = {"quiet": QUIET / FPS, "step": STEP, "strength": self.strength, "ground": ground}
        return native.sized(Feet, **frames, **feet, **limits)


DEFAULTS = FeetOptions()


def clean_feet(motion: Motion, options: FeetOptions = DEFAULTS) -> Motion:
    """The motion with planted feet that stand still: root, hip, knee, ankle and toes change, nothing else.

    Works in the world of the motion (y up, metres).  `root_camera` stays as it is.
    Raises InputError for contacts that are no probabilities.
    """
    if motion.frames == 0 or options.strength == 0:
        return motion
    legs = _legs(motion)
    scores = contact_scores(legs.points[:, :, _BALL], motion.contacts, motion.fps)
    in_contact = frames_in_contact(scores, options.enter, options.leave)
    shift = _root_shift(legs.points[:, :, _BALL], scores, options.horizon, options)
    balls = legs.points[:, :, _BALL] + shift[:, None]
    anchors = lock_anchors(balls, in_contact, len(balls), (Lock(), Lock()), options.ground)
    return _applied(motion, legs, shift, _offsets(balls, anchors, in_contact, LAND, options), options)


class FootLocker:
    """`clean_feet` for a stream of one person: push blocks of frames, get frames back `lookahead` frames later.

    What comes out does not depend on how the frames were cut into blocks.  With `lookahead` of at least
    the motion's length it is `clean_feet`; with less, anchors and the root's average come from the frames so far:
    at 0 a foot is pinned where it lands.  State: the last `horizon` + 15 frames and those ahead.  One thread at a time.
    """

    def __init__(self, lookahead: int = 15, options: FeetOptions = DEFAULTS, *, same_body: bool = True) -> None:
        """`same_body`: the shape never changes, as in a file; False: it settles slowly, as in a stream.

        Raises InputError for a negative `lookahead` (frames).
        """
        if lookahead < 0:
            raise InputError(f"lookahead is {lookahead}; wanted 0 frames or more, 15 is usual")
        self.lookahead = lookahead
        self.options = options
        self._same_body = same_body
        self._ahead = max(lookahead - DETECT, 0)  # how far ahead contacts are decided
        self._fade = min(LAND, max(self._ahead - 1, 0))
        self._motion: Motion | None = None
        self._legs: _Legs | None = None
        self._reset()

    def push(self, motion: Motion) -> Motion:
        """The next frames [0 .. all of them] that are ready, after those of `motion`.

        Blocks must agree in body and in which of contacts, camera and root_camera they have: InputError otherwise.
        """
        self._motion = motion if self._motion is None else self._joined(self._motion, motion)
        legs = _legs(motion)
        self._legs = legs if self._legs is None else self._legs.joined(legs)
        return self._ready(self._motion.frames - self.lookahead, ended=False)

    def _joined(self, before: Motion, after: Motion) -> Motion:
        """All buffered frames; those of a body whose shape settles take the newest shape."""
        if not self._same_body:
            before = replace(before, betas=after.betas, offsets=after.offsets)
        return join_motions([before, after])

    def flush(self) -> Motion | None:
        """The frames still held back; the stream may then start anew.  None when nothing was pushed."""
        if self._motion is None:
            return None
        rest = self._ready(self._motion.frames, ended=True)
        self._reset()
        return rest

    def _reset(self) -> None:
        self._motion = self._legs = None
        self._next = 0  # first of the buffered frames that was not returned yet
        self._scores = np.zeros((0, 2))
        self._in_contact = np.zeros((0, 2), np.bool_)
        self._anchors = np.zeros((0, 2, 3))
        self._locks = (Lock(), Lock())

    def _ready(self, end: int, ended: bool) -> Motion:
        """Frames `_next` .. `end` cleaned; of the buffer only what later frames need is kept."""
        assert self._motion is not None and self._legs is not None
        first, end = self._next, max(end, self._next)
        moves = [self._move(frame, ended) for frame in range(first, end)]
        shift = np.array([move[0] for move in moves]).reshape(-1, 3)
        offsets = np.array([move[1] for move in moves]).reshape(-1, 2, 3)
        span = slice(first, end)
        clean = _applied(self._motion.cut(span), self._legs.cut(span), shift, offsets, self.options)
        drop = max(end - self.options.horizon - LIFT - SLIP - 2, 0)
        self._motion, self._legs = self._motion.cut(slice(drop, None)), self._legs.cut(slice(drop, None))
        self._scores, self._in_contact, self._anchors = (
            self._scores[drop:],
            self._in_contact[drop:],
            self._anchors[drop:],
        )
        self._next = end - drop
        return clean

    def _move(self, frame: int, ended: bool) -> tuple[Array, Array]:
        """Root shift [3] and foot offsets [2, 3] of a frame, from the frames up to `lookahead` after it."""
        assert self._motion is not None and self._legs is not None
        available = min(frame + self.lookahead + 1, self._motion.frames)
        final = available if ended and available == self._motion.frames else frame + self._ahead + 1
        self._decide(available, final)
        balls = self._legs.points[:final, :, _BALL]
        shift = _root_shift(balls, self._scores, self._ahead, self.options)
        balls = balls + shift[:, None]
        decided = len(self._anchors)
        upto = min(frame + self._fade + 1, final)
        if upto > decided:
            planted = self._in_contact[decided:]
            anchors = lock_anchors(balls[decided:], planted, upto - decided, self._locks, self.options.ground)
            self._anchors = np.concatenate([self._anchors, anchors])
        window = slice(max(frame - LIFT - SLIP - 1, 0), len(self._anchors))
        near = balls[window.start : window.stop + 1]
        offsets = _offsets(near, self._anchors[window], self._in_contact[window], self._fade, self.options)
        return shift[frame], offsets[frame - window.start]

    def _decide(self, available: int, final: int) -> None:
        """Scores and decisions of the frames up to `final`, from those up to `available`."""
        assert self._motion is not None and self._legs is not None
        decided = len(self._scores)
        if final <= decided:
            return
        window = slice(max(decided - 3, 0), available)
        contacts = None if self._motion.contacts is None else self._motion.contacts[window]
        scores = contact_scores(self._legs.points[window, :, _BALL], contacts, self._motion.fps)[
            decided - window.start :
        ]
        before = self._in_contact[-1] if decided else None
        in_contact = frames_in_contact(scores, self.options.enter, self.options.leave, before)
        self._scores = np.concatenate([self._scores, scores[: final - decided]])
        self._in_contact = np.concatenate([self._in_contact, in_contact[: final - decided]])


@dataclass(frozen=True, eq=False)
class _Legs:
    """What the corrections need of a pose, in the world; left leg first."""

    points: Array
    """[frames, 2, 4, 3] hip, knee, ankle, ball"""
    rotations: Array
    """[frames, 2, 4, 3, 3] rotations of hip, knee, ankle, ball"""

    def cut(self, span: slice) -> _Legs:
        return _Legs(self.points[span], self.rotations[span])

    def joined(self, other: _Legs) -> _Legs:
        return _Legs(np.concatenate([self.points, other.points]), np.concatenate([self.rotations, other.rotations]))


def _legs(motion: Motion) -> _Legs:
    rotations, joints = motion.kinematics()
    return _Legs(joints[:, _LEGS], rotations[:, _LEGS])  # [frames, 2, 4, ...]


def _root_shift(balls: Array, scores: Array, ahead: int, options: FeetOptions) -> Array:
    """Root correction [frames, 3]: against the slide of the planted feet, and towards the ground.

    The sum of the slide is followed up to its moving average, over `horizon` frames before and up to `ahead` after.
    """
    if native.library():
        return native_feet.root_shift(options.native, balls, scores, ahead)
    weight = scores[:-1] * scores[1:]
    slide = (weight[..., None] * np.diff(balls, axis=0)).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)[:, None]
    slide *= 1 - np.prod(1 - weight, axis=1)[:, None]
    square = (slide**2).sum(axis=1, keepdims=True)
    slide *= square / (square + (QUIET / FPS) ** 2)
    total = np.concatenate([np.zeros((1, 3)), -np.cumsum(slide, axis=0)])
    past, after, smooth_after = options.horizon, min(options.horizon, ahead), min(SMOOTH, ahead)
    taps = np.full(past + 1 + after, -1 / (past + 1 + after))
    taps[past - SMOOTH : past + smooth_after + 1] += raised_cosine(SMOOTH, smooth_after)
    shift = fir_filtered(total, taps, past)
    if options.ground is not None:
        over = balls[..., 1] - options.ground - BALL_HEIGHT
        weight = scores * np.exp(-((np.maximum(over, 0) / STEP) ** 4))
        sums = np.stack([-(weight * over).sum(axis=1), weight.sum(axis=1)], axis=1)
        mean = fir_filtered(sums, raised_cosine(LEVEL, min(LEVEL, ahead)), LEVEL)
        shift[:, 1] = mean[:, 0] / (mean[:, 1] + 0.05)  # without any contact in reach nothing moves
    return shift


def _offsets(balls: Array, anchors: Array, in_contact: Flags, fade: int, options: FeetOptions) -> Array:
    """Offsets [frames, 2, 3] that bring the balls [frames, 2, 3] to their anchors [anchored, 2, 3], faded outside of
    the pins.

    LIFT frames after a pin, `fade` before one; the offset goes on as it changed inside, so that no speed jumps.  A foot
    that was dragged from one pin to the next, `in_contact` [anchored, 2] but for SLIP frames, stays as high as these.
    """
    if native.library():
        return native_feet.pin_offsets(options.native, balls, anchors, in_contact, fade)
    frames = np.arange(len(balls))[:, None]
    pinned = ~np.isnan(anchors[..., 0])
    pinned = np.concatenate([pinned, np.zeros((len(balls) - len(anchors), 2), np.bool_)])
    inside = np.full_like(balls, 0.0)
    inside[: len(anchors)] = np.where(pinned[: len(anchors), :, None], anchors - balls[: len(anchors)], 0)
    last = np.maximum.accumulate(np.where(pinned, frames, -1), axis=0)
    upcoming = np.minimum.accumulate(np.where(pinned, frames, len(balls))[::-1], axis=0)[::-1]
    step = np.diff(balls, axis=0, append=balls[-1:])
    offsets = inside
    for pin_frame, side, fade_length in ((last, 1, LIFT), (upcoming, -1, fade)):
        distance = np.abs(frames - pin_frame)
        fading = (pin_frame >= 0) & (pin_frame < len(balls)) & ~pinned & (distance < fade_length)
        index = np.clip(pin_frame, 0, len(balls) - 1)[..., None]
        inner = np.take_along_axis(step, np.maximum(index - 1 if side > 0 else index, 0), axis=0)
        x = (distance / max(fade_length, 1))[..., None]  # [frames, 2, 1], 0 at the pin to 1 where the fade ends
        value = (1 + 2 * x) * (1 - x) ** 2 * np.take_along_axis(inside, index, axis=0)
        slope = x * (1 - x) ** 2 * fade_length * -side * inner
        offsets = offsets + np.where(fading[..., None], value + slope, 0)
    left = np.cumsum(np.pad(~in_contact, [(0, len(balls) - len(anchors)), (0, 0)]), axis=0)
    before, after = np.maximum(last, 0), np.minimum(upcoming, len(balls) - 1)
    dragged = ~pinned & (last >= 0) & (upcoming < len(balls))
    dragged &= np.take_along_axis(left, after, axis=0) - np.take_along_axis(left, before, axis=0) <= SLIP
    share = (frames - before) / np.maximum(after - before, 1)
    heights = balls[..., 1] + inside[..., 1]  # of the anchors, where there are some
    low, high = (np.take_along_axis(heights, pin, axis=0) for pin in (before, after))
    offsets[..., 1] = np.where(dragged, (1 - share) * low + share * high - balls[..., 1], offsets[..., 1])
    return offsets


def _applied(motion: Motion, legs: _Legs, shift: Array, offsets: Array, options: FeetOptions) -> Motion:
    """The motion with its root moved by `shift` [frames, 3] and its feet by `offsets` [frames, 2, 3] on top."""
    if motion.frames == 0:
        return motion
    joints = np.array(_LEGS)
    rotations = motion.rotations.copy()
    rotations[:, joints] = _moved_legs(motion, legs, shift, offsets, options)
    return replace(motion, rotations=rotations, translation=motion.translation + options.strength * shift)


def _moved_legs(motion: Motion, legs: _Legs, shift: Array, offsets: Array, options: FeetOptions) -> Array:
    """Local rotations [frames, 2, 4, 3, 3] of hips, knees, ankles and balls after the moves of root and feet."""
    rest = np.asarray(motion.rest_offsets, np.float64)
    roots = motion.rotations[:, 0]
    if native.library():
        ends = sole_ends(rest)
        balls = rest[np.array(_LEGS)[:, _BALL]]
        soles = native_feet.soles_of(ends.heels - balls, ends.toes, balls, ends.heel_radius, ends.toe_radius)
        moves = shift, offsets
        return native_feet.move_feet(options.native, soles, legs.points, legs.rotations, roots, *moves)
    shift, offsets = options.strength * shift, options.strength * offsets
    hip, knee, ankle, ball = np.moveaxis(legs.points + shift[:, None, None], 2, 0)  # [frames, 2, 3] each
    foot, toes = legs.rotations[:, :, _ANKLE], legs.rotations[:, :, _BALL]
    if options.ground is not None:
        height = (ball + offsets)[..., 1] - options.ground
        foot, toes, rise = feet_over_floor(foot, toes, height, rest, options.strength)
        offsets[..., 1] += rise
        # the ball stays, the ankle moves
        offsets = offsets + rotate(legs.rotations[:, :, _ANKLE] - foot, rest[np.array(_LEGS)[:, _BALL]])
    thigh, shin = two_bone(hip, knee, ankle, ankle + offsets, legs.rotations[:, :, _HIP, :, 0])
    upper, lower = thigh @ legs.rotations[:, :, _HIP], shin @ legs.rotations[:, :, _KNEE]
    above = transpose(roots)[:, None], transpose(upper), transpose(lower), transpose(foot)
    return np.stack([a @ b for a, b in zip(above, (upper, lower, foot, toes), strict=True)], axis=2)
