"""Where a motion stands: the floor under its feet, its position, its heading.

Where no camera gives the height of the ground, the lowest point of the body does: over a second some foot stands,
whatever the person does, and the height of the lowest one, averaged, is where the floor is.  Stairs and platforms
stay, where feet that surely stand are a step apart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from genmo.runtime.motion.filters import edge_padded
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import ANKLE_HEIGHT, BALL_HEIGHT, JOINT_COUNT, JOINTS
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.refine.root_path import local_trend
from genmo.runtime.support.arrays import Array, Flags

WINDOW = 31
"""frames in which a foot comes down, and over which the floor is averaged: no jump lasts as long (a second: 1.2 m)"""
TREND = 121
"""frames of the trend that is taken off before the lowest is looked for"""
STEP_HEIGHT = 0.14
"""metres between two feet that stand one after the other, from which it is a step; less is drift (stairs: 0.15 up)"""
CARRIED = 0.45
"""metres from the ball of a foot up to the pelvis, from which the foot carries the body: who tumbles has feet that are
still for a while, but over the rest of the body"""
SURE = 8
"""frames that a foot must stand for its height to count as a step's"""
STEP_GAP = 12
"""frames from one foot's standing to the other's, beyond which their heights are not compared: a jump drifts"""
GROUND_SHARE = 5
"""per cent of the frames in which the lowest point of the body is taken to be at or under the ground"""
NEAR_GROUND = 0.15
"""metres from y = 0, within which the ground under a known camera counts as y = 0"""
OFF_SHARE = 0.1
"""of the time in which a foot seems to stand, that it may seem so by mistake"""
BLEND = 30
"""frames beside a stretch that stays over which the correction grows"""

CLEARANCE = np.full(JOINT_COUNT, 0.05)
"""metres [24] from each joint down to the skin where the body lies on it"""
for _name, _value in {
    "ankle": ANKLE_HEIGHT, "foot": BALL_HEIGHT, "wrist": 0.03, "hand": 0.02, "elbow": 0.04, "knee": 0.05, "hip": 0.08,
}.items():  # fmt: skip
    for _side in ("left", "right"):
        CLEARANCE[JOINTS.index(f"{_side}_{_name}")] = _value
for _name in ("pelvis", "spine1", "spine2", "spine3", "head"):
    CLEARANCE[JOINTS.index(_name)] = 0.08

_BALLS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
_FEET = [*_BALLS, JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]


def support_heights(joints: Array, contact: Array) -> Array:
    """Height [frames] of the lowest point of a body with `joints` [frames, 24, 3], in metres.

    `contact` [frames], 0 to 1: probability that a foot stands; then hands that are lower carry nothing.
    """
    under = joints[..., 1] - CLEARANCE
    feet = under[:, _FEET].min(axis=1)
    return np.asarray(feet - (1 - contact) * np.maximum(feet - under.min(axis=1), 0))


def lowest_point(motion: Motion) -> Array:
    """Height [frames] of the lowest point of the body that may carry it, metres."""
    joints = motion.joints_world()
    contact = contact_scores(joints[:, _BALLS], motion.contacts, motion.fps).max(axis=1)
    return support_heights(joints, contact)


def floor_under(support: Array) -> Array:
    """The floor [frames] under heights of the lowest point of the body [frames], never over them, metres.

    Lowest within `WINDOW` frames, then averaged over as many; of what is left when the trend of the lowest points,
    which goes on at both ends, is taken off.
    """
    frames = len(support)
    if frames <= WINDOW:
        return np.full(frames, support.min()) if frames else np.zeros(0)
    trend = _trend(_lowest(support), frames)
    lowest = edge_padded(_lowest(support - trend), WINDOW - 1, WINDOW - 1)
    sums = np.cumsum(np.concatenate([[0.0], lowest]))
    return np.asarray(trend + (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW)


def floor_with_steps(support: Array) -> Array:
    """The floor [frames] that follows heights of the lowest point of the body [frames] wherever they stay, metres.

    Their morphological opening over `WINDOW` frames: whatever is up for less, a jump, is cut off; a rise or fall that
    stays is followed at once.  Never over the heights.
    """
    if len(support) <= WINDOW:
        return floor_under(support)
    lowest = np.pad(_lowest(support), WINDOW - 1, constant_values=-np.inf)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(lowest, WINDOW).max(axis=1))


def _lowest(support: Array) -> Array:
    """Least of `WINDOW` heights, wherever so many follow each other."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(support, WINDOW).min(axis=1))


def _trend(lowest: Array, frames: int) -> Array:
    """A slow trend [frames] of heights in the middle of that time, on straight at both ends."""
    slow = local_trend(lowest[:, None], TREND)[:, 0]
    baseline, side = min(WINDOW, len(slow) - 1), (frames - len(slow)) // 2
    steps = np.arange(1, side + 1)
    start, end = ((slow[0] - slow[baseline]), (slow[-1] - slow[-1 - baseline])) if baseline else (0.0, 0.0)
    before, after = (slow[end_frame] + slope / max(baseline, 1) * steps for end_frame, slope in ((0, start), (-1, end)))
    return np.concatenate([before[::-1], slow, after[: frames - side - len(slow)]])


def terrain(balls: Array, in_contact: Flags) -> Array:
    """Height of the ground [frames] that a person walks up or down, metres, least 0; all 0 on a flat floor.

    `balls` [frames, 2, 3] of the feet in the world, `in_contact` [frames, 2] where they stand.  Two feet that surely
    stand one after the other, `STEP_HEIGHT` apart, stand on different steps; less is drift.
    """
    frames = len(balls)
    stands = sorted(stand for foot in (0, 1) for stand in _stands(balls[:, foot, 1], in_contact[:, foot], foot))
    if not stands:
        return np.zeros(frames)
    level, levels, before = 0.0, np.full((frames, 2), np.nan), stands[0]
    for stand in stands:
        climbed = stand.height - before.height
        follows = stand.foot != before.foot and stand.start - before.end < STEP_GAP
        # in a jump both feet leave; on stairs the other one is still behind
        behind = abs(balls[stand.start, before.foot, 1] - before.height) < abs(climbed) / 2
        if abs(climbed) > STEP_HEIGHT and follows and behind:
            level += climbed
        levels[stand.start : stand.end, stand.foot] = level
        before = stand
    lowest = np.fmin(levels[:, 0], levels[:, 1])  # [frames], NaN where no foot stands
    standing = np.flatnonzero(np.isfinite(lowest))
    ground = np.interp(np.arange(frames), standing, lowest[standing])
    return np.asarray(ground - ground.min())


class _Stand(NamedTuple):
    """Frames [start, end) in which a foot stands, its height in metres, and which foot."""

    start: int
    end: int
    height: float
    foot: int


def _stands(heights: Array, in_contact: Flags, foot: int) -> list[_Stand]:
    """Where one foot of `heights` [frames] is `in_contact` [frames] for long enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], in_contact, [False]]).astype(np.int8)))
    return [
        _Stand(int(start), int(end), float(np.median(heights[start:end])), foot)
        for start, end in edges.reshape(-1, 2)
        if end - start >= SURE
    ]


def level_by_feet(motion: Motion, free: Flags | None = None, ground: float = 0.0) -> tuple[Motion, Array]:
    """The motion raised or lowered, slowly, until its feet stand on a floor, and the floor's height [frames] in metres.

    The floor is y = `ground`, and higher where the feet climb steps.  `free` [frames]: which frames may be moved
    (None: all); beside frames that stay the correction grows from nothing.  Nothing but the root's height changes.
    """
    frames = motion.frames
    if frames == 0 or (free is not None and not free.any()):
        return motion, np.full(frames, ground)
    joints = motion.joints_world()
    balls = joints[:, _BALLS]
    scores = contact_scores(balls, motion.contacts, motion.fps)
    steps = terrain(balls, _carrying(joints, scores))
    wrong = floor_under(support_heights(joints, scores.max(axis=1)) - steps) - ground
    if free is not None:
        wrong, steps = wrong * _grown(free), np.where(free, steps, 0)
    level = replace(motion, translation=motion.translation - wrong[:, None] * np.array([0.0, 1.0, 0.0]))
    return level, ground + steps


def _grown(free: Flags) -> Array:
    """[frames] 0 where a frame stays, rising to 1 over `BLEND` frames away from it."""
    frames, stay = np.arange(len(free)), np.flatnonzero(~free)
    if len(stay) == 0:
        return np.ones(len(free))
    following = np.searchsorted(stay, frames)
    before, after = stay[np.maximum(following - 1, 0)], stay[np.minimum(following, len(stay) - 1)]
    x = np.clip(np.minimum(np.abs(frames - before), np.abs(frames - after)) / BLEND, 0, 1)
    return np.asarray(x**2 * (3 - 2 * x))


def ground_height(motion: Motion, frames: Flags) -> float:
    """Height of the ground that the person stands on in `frames` [frames], metres."""
    return _percentile(lowest_point(motion)[frames], GROUND_SHARE)


def _percentile(values: Array, share: float) -> float:
    """`np.percentile` of values [N] at `share` per cent, linear between two; a fifth of its time for few of them."""
    rising = np.sort(values)
    position = share / 100 * (len(values) - 1)
    low = min(int(position), max(len(values) - 2, 0))
    return float(rising[low] + (rising[min(low + 1, len(values) - 1)] - rising[low]) * (position - low))


def _carrying(joints: Array, scores: Array) -> Flags:
    """Which feet [frames, 2] of world joints [frames, 24, 3] stand, by `scores` [frames, 2], and carry the body."""
    carries = joints[:, :1, 1] - joints[:, _BALLS, 1] > CARRIED
    return np.asarray(frames_in_contact(scores) & carries)


def flat_ground(motion: Motion, frames: Flags) -> float | None:
    """Height of the ground on which a motion that is on its floor stands flat, y = 0 or what is under `frames` [frames]
    where that is elsewhere, metres; None where feet that carry the body stand `NEAR_GROUND` off it in more than
    `OFF_SHARE` of the time."""
    ground = ground_height(motion, frames)
    level = 0.0 if is_near_ground(ground) else ground
    joints = motion.joints_world()
    balls = joints[:, _BALLS]
    stands = _carrying(joints, contact_scores(balls, motion.contacts, motion.fps))
    off = np.abs(balls[..., 1] - BALL_HEIGHT - level)[stands]
    return level if len(off) and np.quantile(off, 1 - OFF_SHARE) < NEAR_GROUND else None


def is_near_ground(height: float) -> bool:
    """Whether a ground at this height under a known camera counts as y = 0."""
    return abs(height) < NEAR_GROUND


def align_to_camera(motion: Motion, frames: Flags | None = None) -> Motion:
    """The motion moved to where its camera sees it, on average over `frames` [frames] (None: all)."""
    assert motion.camera is not None and motion.root_camera is not None
    observed = motion.camera.position + rotate(motion.camera.rotation, motion.root_camera.translation)
    offset = (observed - motion.translation)[slice(None) if frames is None else frames]
    return replace(motion, translation=motion.translation + offset.mean(axis=0))


def put_on_floor(motion: Motion, anchored: Flags) -> tuple[Motion, Array]:
    """The motion on its floor, and the floor [frames], metres.

    Where the height is `anchored` [frames] by a known camera it changes by a constant only, which brings the ground
    under those frames to y = 0 if it is near; a ground that is surely elsewhere is the floor of the other frames too.
    Without anchored frames the camera goes up or down with the motion, by as much in all frames.
    """
    if not anchored.any():
        level, floor = level_by_feet(motion)
        if motion.camera is None:
            return level, floor
        rise = (level.translation - motion.translation).mean(axis=0)
        return replace(level, camera=replace(motion.camera, position=motion.camera.position + rise)), floor
    ground = ground_height(motion, anchored)
    if is_near_ground(ground):
        motion = replace(motion, translation=motion.translation - np.array([0.0, ground, 0.0]))
        ground = 0.0
    return level_by_feet(motion, ~anchored, ground)


def face_forward(motion: Motion) -> Motion:
    """The motion turned and shifted so that it starts over the origin, facing +z."""
    turn = matrix_from_yaw(-heading(motion.rotations[0, 0, :, 2]))
    start = rotate(turn, motion.translation[0]) * np.array([1.0, 0.0, 1.0])
    return motion.moved(turn, -start)
