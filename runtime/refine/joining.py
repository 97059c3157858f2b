"""One motion after another: blended where they overlap, or with made-up frames between them.

Two motions never end and begin alike.  A cross-fade averages a foot that stands with one that swings, and so slides;
here the second motion begins where its pose, speed and contacts are most like the first one's end (`blend`), the ways
over the ground are joined by their velocities, which keeps momentum, and the feet are cleaned where something changed.
Where nothing is alike, frames in between have to be made (`between_timeline`, `joined`).  Both motions play at 30
frames a second on the first one's skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes, joined_keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.bodies import leg_length
from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.motion import FPS, Motion, contact_labels
from genmo.runtime.motion.resampling import at_rate
from genmo.runtime.motion.root_track import GROUND
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_yaw,
    rotate,
    transpose,
    yaw_of,
)
from genmo.runtime.motion.skeleton import FOOT_JOINTS, shape_space
from genmo.runtime.refine.foot_locking import clean_feet
from genmo.runtime.refine.swing_clearance import swings_clear
from genmo.runtime.refine.transitions import BORDER_FRAMES, smooth_motion_transitions
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

CONTEXT = 30
"""frames of either motion that the frames between them are made from"""
SEARCH = 30
"""frames of the second motion in which a blend may begin"""
SPEED = 1 / 6
"""seconds; a difference of speed counts as that of pose after this time"""
REACH = 6
"""frames on either side of what was changed over which cleaned feet fade"""
UP = np.array([0.0, 1.0, 0.0])
TRIES = 4
"""of the frames between two motions, of which the smoothest is kept"""
AROUND = 3
"""frames on either side of those that were made, in which a try is judged"""
LOW = 0.06
"""metres under which a ball of a foot is near the floor"""
USUAL_SHARPNESS, USUAL_SLIDE = 50.0, 0.5
"""m/s^2 and m/s that count alike"""
LONGEST = 10.0
"""seconds between two motions"""


def blend(first: Motion, second: Motion, seconds: float = 0.4) -> Motion:
    """The first motion, and from its last `seconds` on more and more of the second, which goes on from there.

    The second begins at the frame of its first second that is most like the first's end, is turned and moved there, and
    keeps the first's skeleton.  Raises InputError for motions shorter than `seconds`, and for `seconds` that are none.
    """
    overlap = _frames(seconds)
    first, second = prepared(first), prepared(second, like=first)
    if min(first.frames, second.frames) <= overlap:
        raise InputError(f"a blend of {overlap} frames of {first.frames} and {second.frames}; wanted longer motions")
    return blended(first, second, _most_alike(first, second, overlap), overlap)[0]


def blended(first: Motion, second: Motion, start: int, overlap: int) -> tuple[Motion, Motion]:
    """The first motion whose last `overlap` frames become the second's from its frame `start` on, both `prepared`; and
    what of the second follows these, where it is."""
    head = first.cut(slice(first.frames - overlap, None))
    tail = second.cut(slice(start, None))
    turn = matrix_from_yaw(yaw_of(head.rotations[overlap // 2, 0]) - yaw_of(tail.rotations[overlap // 2, 0]))
    tail = tail.moved(turn, (head.translation[0] - rotate(turn, tail.translation[0])) * GROUND)
    share = smoothstep((np.arange(overlap) + 1) / (overlap + 1))
    middle = _mixed(head, tail.cut(slice(0, overlap)), share)
    speeds = [np.diff(one.translation, axis=0)[: overlap - 1] for one in (head, tail)]
    speed = speeds[0] + share[1:, None] * (speeds[1] - speeds[0])
    way = head.translation[0] + np.concatenate([np.zeros((1, 3)), np.cumsum(speed, axis=0)])
    middle = replace(middle, translation=way * GROUND + middle.translation * UP)
    rest = tail.cut(slice(overlap, None))
    step = tail.translation[overlap] - tail.translation[overlap - 1]
    rest = rest.moved(np.eye(3), (middle.translation[-1] + step - rest.translation[0]) * GROUND)
    return joined(first.cut(slice(0, first.frames - overlap)), middle, rest), rest


def between_timeline(
    first: Motion, second: Motion, seconds: float, prompt: str | None, seed: int, *, move: bool
) -> tuple[Timeline, Motion, Motion]:
    """The timeline of the frames between two motions and what is around them, and both as they are joined there.

    `move`: the second is turned and moved to where the first is heading, at the mean of their speeds; else it stays.
    """
    gap = _frames(seconds)
    first, second = prepared(first), prepared(second, like=first)
    if move:
        second = _ahead(first, second, gap)
    before, after = min(CONTEXT, first.frames), min(CONTEXT, second.frames)
    ratio = leg_length(shape_space().mean) / leg_length(first.rest_offsets)
    known = [
        Keyframes(np.arange(-before, 0) + before, first.rotations[-before:], ratio * first.translation[-before:]),
        Keyframes(np.arange(after) + before + gap, second.rotations[:after], ratio * second.translation[:after]),
    ]
    texts = () if prompt is None else (Text(prompt),)
    return Timeline(before + gap + after, texts, keyframes=joined_keyframes(known), seed=seed), first, second


def filled(first: Motion, second: Motion, made: Motion) -> Motion:
    """Both motions with the frames of `made` between them, which followed their `between_timeline`."""
    before, after = min(CONTEXT, first.frames), min(CONTEXT, second.frames)
    gap = made.cut(slice(before, made.frames - after))
    ratio = leg_length(first.rest_offsets) / leg_length(shape_space().mean)
    gap = replace(gap, translation=ratio * gap.translation)
    borders = [first.frames, first.frames + gap.frames]
    inner = range(first.frames + BORDER_FRAMES, borders[1], BORDER_FRAMES)
    calm = smooth_motion_transitions(_one_after_the_other(first, gap, second), [borders[0], *inner, borders[1]])
    cleaned = joined(*(calm.cut(slice(start, end)) for start, end in pairwise([0, *borders, calm.frames])))
    return smooth_motion_transitions(cleaned, borders)


def smoothest(tries: Sequence[Motion], start: int, end: int) -> Motion:
    """Of several motions the one that goes best through frames [start, end): its joints accelerate least, and balls of
    the feet near the floor are slowest."""

    def roughness(motion: Motion) -> float:
        near = slice(max(start - AROUND - 1, 0), end + AROUND + 1)
        joints = motion.joints_world()[near]
        sharpest = np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max() * FPS**2
        balls = joints[1:-1, FOOT_JOINTS]
        speed = FPS * np.linalg.norm((joints[2:, FOOT_JOINTS] - joints[:-2, FOOT_JOINTS])[..., [0, 2]], axis=-1) / 2
        low = balls[..., 1] < LOW
        slide = float(speed[low].mean()) if low.any() else 0.0
        return float(sharpest) / USUAL_SHARPNESS + slide / USUAL_SLIDE

    return min(tries, key=roughness)


def joined(first: Motion, middle: Motion, second: Motion) -> Motion:
    """Three motions one after the other on the first one's skeleton; feet of the middle one are cleaned, and clear of
    the floor while they go."""
    whole = _one_after_the_other(first, middle, second)
    index = np.arange(whole.frames)
    away = np.maximum(first.frames - index, index - (first.frames + middle.frames - 1))
    return _mixed(whole, swings_clear(clean_feet(whole)), smoothstep(1 - np.maximum(away, 0) / REACH))


def _one_after_the_other(*parts: Motion) -> Motion:
    """The frames of motions one after the other, with contacts, on the first one's skeleton."""
    contacts = [
        contact_labels(part.joints_world()) if part.contacts is None else part.contacts for part in parts if part.frames
    ]
    return replace(
        parts[0],
        rotations=np.concatenate([part.rotations for part in parts]),
        translation=np.concatenate([part.translation for part in parts]),
        contacts=np.clip(np.concatenate(contacts), 0, 1),
        offsets=parts[-1].rest_offsets,
        camera=None,
        root_camera=None,
        loops=False,
    )


def prepared(motion: Motion, like: Motion | None = None) -> Motion:
    """The motion at 30 frames a second without cameras, on the skeleton of another, at the size of its legs."""
    motion = replace(at_rate(motion, FPS), camera=None, root_camera=None, loops=False)
    if like is None:
        return motion
    ratio = leg_length(like.rest_offsets) / leg_length(motion.rest_offsets)
    return replace(
        motion, translation=ratio * motion.translation, betas=like.betas, offsets=like.rest_offsets, smplx=like.smplx
    )


def _frames(seconds: float) -> int:
    if not 2 / FPS <= seconds <= LONGEST:
        raise InputError(f"seconds is {seconds:g}; wanted {2 / FPS:.2f} to {LONGEST:g}")
    return round(seconds * FPS)


def _ahead(first: Motion, second: Motion, gap: int) -> Motion:
    """The second motion where the first is after `gap` frames more, if its speed becomes the second's evenly."""
    turn = matrix_from_yaw(yaw_of(first.rotations[-1, 0]) - yaw_of(second.rotations[0, 0]))
    second = second.moved(turn, np.zeros(3))
    speeds = [_speed(first.translation[-4:]), _speed(second.translation[:4])]
    goal = first.translation[-1] + (gap + 1) * (speeds[0] + speeds[1]) / 2
    return second.moved(np.eye(3), (goal - second.translation[0]) * GROUND)


def _speed(places: Array) -> Array:
    """Metres a frame [3] over places [frames, 3]."""
    return np.asarray((places[-1] - places[0]) / max(len(places) - 1, 1))


def _most_alike(first: Motion, second: Motion, overlap: int) -> int:
    """The frame of the second motion whose `overlap` frames are most like the last ones of the first."""
    one, other = (movement(part) for part in (first.cut(slice(first.frames - overlap, None)), second))
    last = min(SEARCH, second.frames - overlap - 1)
    apart = [np.linalg.norm(one - other[start : start + overlap], axis=-1).mean() for start in range(last + 1)]
    return int(np.argmin(apart))


def movement(motion: Motion) -> Array:
    """[frames, 2 x 24, 3] joints as the root sees them, and how far they go in `SPEED`."""
    yaw = matrix_from_yaw(-yaw_of(motion.rotations[:, 0]))[:, None]
    joints = motion.joints_world()
    moves = SPEED * FPS * np.gradient(joints, axis=0)
    return np.concatenate([rotate(yaw, joints - (motion.translation * GROUND)[:, None]), rotate(yaw, moves)], axis=1)


def _mixed(one: Motion, other: Motion, share: Array) -> Motion:
    """Two motions of the same frames mixed: `share` [frames] of the other."""
    turns = axis_angle_from_matrix(transpose(one.rotations) @ other.rotations)
    way = other.translation - one.translation
    contacts = one.contacts
    if contacts is not None and other.contacts is not None:
        contacts = contacts + share[:, None] * (other.contacts - contacts)
    return replace(
        one,
        rotations=one.rotations @ matrix_from_axis_angle(share[:, None, None] * turns),
        translation=one.translation + share[:, None] * way,
        contacts=contacts,
    )
