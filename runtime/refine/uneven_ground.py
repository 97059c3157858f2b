"""A motion made for the flat floor y = 0, on ground of another shape.

A foot that stands has the height, and nearly the slope, of the ground under its ball; between two stands it goes from
the one to the other, up early and down late, so that it clears an edge.  The root follows between both feet and comes
down where a leg would not reach.  What of a sole would still be in the ground lifts its foot.  Seen from above nothing
moves: balls of the feet and the root stay where they were.  What the motion climbs by itself (stairs of a prompt) it
goes on climbing, on top of the ground.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.motion.filters import gaussian, smoothstep
from genmo.runtime.motion.ground import Heights, normals
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import cross, length, matrix_from_axis_angle, rotate, transpose
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, JOINTS, sole_ends
from genmo.runtime.refine.facing import out_of_reach, with_leg
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.support.arrays import Array, Flags
from genmo.runtime.support.errors import InputError

SWING = 0.6
"""share of a swing in which a foot rises (its beginning) or falls (its end)"""
UPPER = 0.35
"""where the root follows between the ground under the lower foot (0) and under the higher one (1)"""
SMOOTH = 4.0
"""frames at 30 a second, one sigma, over which the root follows"""
STEEPEST = np.radians(35.0)
"""radians that a foot is turned to lie on a slope"""
EDGE = 0.7
"""cosine of the steepest slope that is one"""
CREEP = 0.05
"""metres of the ground under a standing foot; where it changes by more the foot creeps over an edge, and stands on the
higher side all the time"""
LIFT = 4
"""frames over which a foot that is lifted out of the ground comes up and goes down"""
_LEGS = [[JOINTS.index(f"{side}_{joint}") for joint in ("hip", "knee", "ankle", "foot")] for side in ("left", "right")]


def on_uneven_ground(motion: Motion, heights: Heights) -> Motion:
    """The motion on the ground that `heights` tells; only heights, legs and feet change.

    Raises InputError for a motion that a camera saw, whose ground is where the camera says, and for heights that are
    not finite.
    """
    if motion.camera is not None:
        raise InputError("a ground for a motion that a known camera saw; wanted a generated motion, or no ground")
    if motion.frames == 0:
        return motion
    balls = motion.joints_world()[:, FOOT_JOINTS]
    under = heights(balls[..., [0, 2]])
    if not np.isfinite(under).all():
        raise InputError("the ground is not finite under the feet; wanted a height for every place of the path")
    planted = frames_in_contact(contact_scores(balls, motion.contacts, motion.fps))
    feet = [_followed(heights, balls[:, side], under[:, side], planted[:, side]) for side in (0, 1)]
    rises, turns = (np.stack([foot[part] for foot in feet], axis=1) for part in (0, 1))
    low, high = rises.min(axis=1), rises.max(axis=1)
    lift = _smooth(low + UPPER * (high - low), SMOOTH * motion.fps / FPS)
    up = np.array([0.0, 1.0, 0.0])
    lifted = replace(motion, translation=motion.translation + lift[:, None] * up)
    placed = _with_feet(lifted, motion, turns, balls + rises[..., None] * up)
    sunk = _eased(-clearance(placed, heights).min(axis=2))
    return _with_feet(lifted, motion, turns, balls + (rises + sunk)[..., None] * up) if sunk.any() else placed


def clearance(motion: Motion, heights: Heights) -> Array:
    """Metres [frames, 2, 3] by which heel, ball and toes of both feet could come down to the ground; below 0 they are
    in it."""
    rest = np.asarray(motion.rest_offsets, np.float64)
    ends, (world, joints) = sole_ends(rest), motion.kinematics()
    ankles = [leg[2] for leg in _LEGS]
    heels = joints[:, ankles] + rotate(world[:, ankles], ends.heels)
    toes = joints[:, FOOT_JOINTS] + rotate(world[:, FOOT_JOINTS], ends.toes)
    centres = np.stack([heels, joints[:, FOOT_JOINTS], toes], axis=2)
    radii = np.array([ends.heel_radius, BALL_HEIGHT, ends.toe_radius])
    places = centres[..., [0, 2]]
    over = centres[..., 1] - heights(places)
    # a sphere that touches a slope is higher over it than its radius; an edge is no slope
    return np.asarray(over - radii / np.maximum(normals(heights, places)[..., 1], EDGE))


def _followed(heights: Heights, balls: Array, under: Array, planted: Flags) -> tuple[Array, Array]:
    """How far a foot with its ball at `balls` [frames, 3] is to rise [frames], and how it is to be turned [frames, 3]
    (axis times radians), to stand on the ground."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], planted, [False]]).astype(np.int8))).reshape(-1, 2)
    if not len(edges):
        return under, np.zeros((len(balls), 3))
    rises, turns, normal = under.copy(), np.zeros((len(balls), 3)), np.zeros((len(edges), 3))
    for number, (start, end) in enumerate(edges):
        place = balls[start:end, [0, 2]].mean(axis=0)
        normal[number] = normals(heights, place)
        level = under[start:end]
        level = level.max() if np.ptp(level) > CREEP else level
        rises[start:end] = level + BALL_HEIGHT * (1 / max(normal[number, 1], EDGE) - 1)
        turns[start:end] = _tilt(normal[number])
    first, last = edges[0, 0], edges[-1, 1]
    rises[:first], turns[:first] = rises[first], turns[first]
    rises[last:], turns[last:] = rises[last - 1], turns[last - 1]
    for (_, end), (start, _) in zip(edges, edges[1:], strict=False):
        before, after = rises[end - 1], rises[start]
        share = np.arange(1, start - end + 1) / (start - end + 1)
        eased = smoothstep(share / SWING) if after > before else smoothstep((share - 1 + SWING) / SWING)
        rises[end:start] = before + (after - before) * eased
        turns[end:start] = turns[end - 1] + smoothstep(share)[:, None] * (turns[start] - turns[end - 1])
    return rises, turns


def _tilt(normal: Array) -> Array:
    """The rotation [3] (axis times radians) that lays a level foot on a slope."""
    axis = cross(np.array([0.0, 1.0, 0.0]), normal)
    sine = float(length(axis))
    angle = min(float(np.arcsin(min(sine, 1.0))), STEEPEST)
    return np.asarray(axis * (angle / sine)) if sine > 1e-9 else np.zeros(3)


def _smooth(values: Array, spread: float) -> Array:
    """Values [frames] through a Gaussian of `spread` frames; at both ends they go on as they came."""
    radius = int(np.ceil(3 * spread))
    index = np.arange(1, radius + 1)
    before = 2 * values[0] - values[np.minimum(index[::-1], len(values) - 1)]
    after = 2 * values[-1] - values[np.maximum(len(values) - 1 - index, 0)]
    return np.convolve(np.concatenate([before, values, after]), gaussian(spread, radius), mode="valid")


def _eased(sunk: Array) -> Array:
    """Lifts [frames, 2], no less than `sunk` [frames, 2] and not below 0, that come and go over `LIFT` frames."""
    needed = np.maximum(sunk, 0.0)
    lifts = needed.copy()
    for away in range(1, LIFT + 1):
        share = float(smoothstep(np.array(1 - away / (LIFT + 1))))
        lifts[away:] = np.maximum(lifts[away:], share * needed[:-away])
        lifts[:-away] = np.maximum(lifts[:-away], share * needed[away:])
    return lifts


def _with_feet(lifted: Motion, level: Motion, turns: Array, balls: Array) -> Motion:
    """The `lifted` motion whose feet are those of the `level` one turned by `turns` [frames, 2, 3], balls at `balls`
    [frames, 2, 3]."""
    world, joints = level.kinematics()
    tilts = matrix_from_axis_angle(turns)
    targets, feet = [], []
    for side, (*_, ankle, ball) in enumerate(_LEGS):
        targets.append(balls[:, side] + rotate(tilts[:, side], joints[:, ankle] - joints[:, ball]))
        feet.append(tilts[:, side] @ world[:, ankle])
    down = out_of_reach(lifted, targets)
    down = np.maximum(down, _smooth(down, SMOOTH * level.fps / FPS))
    moved = replace(lifted, translation=lifted.translation - down[:, None] * np.array([0.0, 1.0, 0.0]))
    for side, leg in enumerate(_LEGS):
        moved = with_leg(moved, leg, targets[side], feet[side])
        moved = _with_toes(moved, leg, tilts[:, side] @ world[:, leg[3]])
    return moved


def _with_toes(motion: Motion, leg: list[int], toes: Array) -> Motion:
    """The motion whose toes have a rotation in the world [frames, 3, 3]."""
    world, _ = motion.kinematics()
    rotations = motion.rotations.copy()
    rotations[:, leg[3]] = transpose(world[:, leg[2]]) @ toes
    return replace(motion, rotations=rotations)
