"""Make a motion meet keyframes exactly and bring joints to their places, without gradients of the network.

Every correction is what is missing at some frames (the knots), spread over the others by a spline in tension: twice
differentiable, and away from the knots its slope dies off within `tension` frames instead of overshooting.  What a
pose lacks is spread over two thirds of a second; what the heading and the path lack stays until the next knot, because
a walk that should have gone elsewhere goes there from the start.  In this order:
1. the heading turns to that of the keyframes, and the way walked to the way from place to place;
2. joints turn to the keyframes' poses;
3. the root's path moves to the keyframes and to the places of the pelvis and, along the ground, of the trunk;
4. damped Gauss-Newton on the pose brings the other joints to their places, with the feet held back.

Used on the final motion, and on every prediction x_0 while sampling (`known`, `projected`), so that the network walks
where the path was moved to instead of sliding there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.constraints import JointTargets, Keyframes
from genmo.runtime.motion.filters import tension_spline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.representation import integrate_velocity, root_velocity
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    heading,
    matrix_from_axis_angle,
    matrix_from_yaw,
    transpose,
)
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, forward_kinematics
from genmo.runtime.support.arrays import Array, Flags, Numbers

PATH_TENSION = 15.0  # frames
POSE_TENSION = 8.0
BLEND = (
    20  # frames from a keyframe at which its pose has no say any more; the root's height, which the ground bounds, too
)
SWAY = 10  # frames between the places of the trunk that the root follows
STRIDE = 20  # frames between the places that tell a direction
FAR = 0.2  # metres between them, below which they tell none
REACH = 0.3  # metres that an arm or leg may be off its place before the root walks there

ITERATIONS = 15
EXACT = 0.005  # metres; a place, one standard deviation
FEET = 0.03  # metres that a foot may move while other joints go to their places
MOVE = np.array([0.03, 0.25, 0.03])  # metres that the root may move while they do: it may crouch
CHANGE = 0.1  # share of what a joint or the root may move that may change from one frame to the next
LARGEST_TURN = 0.3  # radians a joint and iteration
CHUNK = 2048  # frames solved at a time, which bounds the memory

OVER_GROUND = np.array([True, False, True])
NONE = np.zeros(0, np.int64)

_TRUNK = [JOINTS.index(name) for name in ("spine1", "spine2", "spine3", "neck", "head")]
_FEET = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot")]
_TURNS = {
    "pelvis": 0.2,
    "spine1": 0.15,
    "spine3": 0.15,
    "neck": 0.15,
    "head": 0.2,
    **{f"{side}_collar": 0.1 for side in ("left", "right")},
    **{f"{side}_{part}": 0.55 for side in ("left", "right") for part in ("hip", "knee", "shoulder", "elbow")},
}
"""how far each joint turns for a place, radians (one standard deviation), about any of its own axes"""
_FREE = [JOINTS.index(name) for name in _TURNS]


def solve_constraints(motion: Motion, keyframes: Keyframes, places: JointTargets, held: Flags | None = None) -> Motion:
    """The motion (world: y up, metres) after meeting keyframes exactly and places nearly; contacts are kept.

    `held` [frames]: where heading and path are known, as a camera saw them, and stay unless a keyframe is near.
    Keyframes and places must lie within the motion; a place in a keyframe's frame changes nothing.
    """
    held = np.zeros(motion.frames, np.bool_) if held is None else held
    if not (len(keyframes.frames) or len(places.frames)):
        return motion
    free = ~np.isin(places.frames, keyframes.frames)
    places = JointTargets(places.frames[free], places.joints[free], places.positions[free])
    held = held & (_distance(keyframes.frames, motion.frames) >= BLEND)
    motion = _turned(motion, _heading_knots(motion, keyframes, places, held))
    motion = _posed(motion, keyframes)
    motion = _walked(motion, _path_knots(motion, keyframes, places, held))
    motion = _reached(motion, keyframes, places)
    rotations, translation = motion.rotations.copy(), motion.translation.copy()
    rotations[keyframes.frames] = keyframes.rotations  # the splines meet them to rounding; this is to the last bit
    translation[keyframes.frames[keyframes.placed]] = keyframes.root[keyframes.placed]
    return replace(motion, rotations=rotations, translation=translation)


def _distance(frames: Numbers, count: int) -> Array:
    """How far each of `count` frames is from the nearest of `frames`; infinite where there is none."""
    at = np.arange(count, dtype=np.float64)
    if len(frames) == 0:
        return np.full(count, np.inf)
    after = np.searchsorted(frames, at)
    right = frames[np.minimum(after, len(frames) - 1)]
    left = frames[np.maximum(after - 1, 0)]
    return np.asarray(np.minimum(np.abs(right - at), np.abs(at - left)))


def spread_corrections(frames: Numbers, values: Array, count: int, still: Numbers = NONE) -> Array:
    """Values [K, C] at `frames`, which rise, spread smoothly over `count` frames; zero `BLEND` frames away from them.

    Zero too at the frames `still`, unless those are among `frames`.
    """
    still = np.setdiff1d(still, frames)
    knots = np.concatenate([frames, still])
    order = np.argsort(knots)
    padded = np.concatenate([values, np.zeros((len(still), values.shape[1]))])
    whole = tension_spline(*_with_ends(knots[order], padded[order]), count, POSE_TENSION)
    whole[_distance(frames, count) >= BLEND] = 0  # what rings behind the last zero
    return whole


def _with_ends(knots: Numbers, values: Array) -> tuple[Numbers, Array]:
    """The knots and zeros where the last of them has no say any more; three in a row, so that the slope is zero too."""
    shifts = np.array([-2, -1, 0, 0, 1, 2]) + BLEND * np.array([-1, -1, -1, 1, 1, 1])
    ends = np.unique(knots[:, None] + shifts)
    first = ends[0]
    ends = ends[_distance(knots - first, int(ends[-1] - first + 1))[ends - first] >= BLEND]
    order = np.argsort(np.concatenate([knots, ends]), kind="stable")
    padded = np.concatenate([values, np.zeros((len(ends), values.shape[1]))])
    return np.concatenate([knots, ends])[order], padded[order]


def _yaw_of(turn: Array) -> Array:
    """The turn about +y [...] in radians that is nearest to rotations [..., 3, 3]."""
    return np.asarray(np.arctan2(turn[..., 0, 2] - turn[..., 2, 0], turn[..., 0, 0] + turn[..., 2, 2]))


def _heading_knots(motion: Motion, keyframes: Keyframes, places: JointTargets, held: Flags) -> tuple[Numbers, Array]:
    """Frames and how far the heading must turn there, radians [K, 1]."""
    at = keyframes.frames
    asked = np.full(motion.frames, np.nan)
    asked[held] = 0
    middle, turn = _directions(motion, places)
    usable = ~held[middle] & (_distance(at, motion.frames)[middle] >= STRIDE)
    asked[middle[usable]] = turn[usable]
    asked[at] = _yaw_of(keyframes.rotations[:, 0] @ transpose(motion.rotations[at, 0]))
    knots = np.flatnonzero(np.isfinite(asked))
    return knots, np.unwrap(asked[knots])[:, None]


def _directions(motion: Motion, places: JointTargets) -> tuple[Numbers, Array]:
    """Frames between two places along the way, and by how much the way from one to the other differs there."""
    trunk = np.isin(places.joints, [0, *_TRUNK]) & np.isfinite(places.positions[:, [0, 2]]).all(axis=-1)
    frames, first = np.unique(places.frames[trunk], return_index=True)
    chosen = _every(frames, STRIDE)
    frames, rows = frames[chosen], np.flatnonzero(trunk)[first[chosen]]
    if len(frames) < 2:
        return np.zeros(0, np.int64), np.zeros(0)
    # a target may leave its height free: NaN
    asked = np.where(OVER_GROUND, np.diff(places.positions[rows], axis=0), 0)
    walked = np.where(OVER_GROUND, np.diff(motion.translation[frames], axis=0), 0)
    known = np.minimum(np.linalg.norm(asked, axis=-1), np.linalg.norm(walked, axis=-1)) > FAR
    turn = heading(asked) - heading(walked)
    wrapped = np.arctan2(np.sin(turn), np.cos(turn))
    return ((frames[:-1] + frames[1:]) // 2)[known], wrapped[known]


def _every(frames: Numbers, stride: int) -> list[int]:
    """Places in `frames`, which rise, of the first and those at least `stride` after the one before."""
    chosen: list[int] = []
    for index, frame in enumerate(frames):
        if not chosen or frame - frames[chosen[-1]] >= stride:
            chosen.append(index)
    return chosen


def _turned(motion: Motion, knots: tuple[Numbers, Array]) -> Motion:
    """The motion with its heading turned by a spline through the knots, walking the way that it turned to."""
    if len(knots[0]) == 0:
        return motion
    turn = matrix_from_yaw(tension_spline(*knots, motion.frames, PATH_TENSION)[:, 0])
    rotations = motion.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    velocity = root_velocity(motion.rotations[:, 0], motion.translation)
    return replace(
        motion, rotations=rotations, translation=motion.translation[0] + integrate_velocity(rotations[:, 0], velocity)
    )


def _posed(motion: Motion, keyframes: Keyframes) -> Motion:
    """The motion with its joints turned to the keyframes' poses."""
    at = keyframes.frames
    if len(at) == 0:
        return motion
    missing = axis_angle_from_matrix(keyframes.rotations @ transpose(motion.rotations[at]))
    turns = spread_corrections(at, missing.reshape(len(at), -1), motion.frames).reshape(motion.frames, JOINT_COUNT, 3)
    return replace(motion, rotations=matrix_from_axis_angle(turns) @ motion.rotations)


def _path_knots(motion: Motion, keyframes: Keyframes, places: JointTargets, held: Flags) -> Array:
    """How far the root must move [frames, 3]; NaN where nothing says so.  The later assignment is the stronger one."""
    asked = np.full((motion.frames, 3), np.nan)
    asked[held] = 0
    missing = places.positions - motion.joints_world()[places.frames, places.joints]
    apart = np.linalg.norm(np.nan_to_num(missing), axis=-1)
    trunk, pelvis = np.isin(places.joints, _TRUNK), places.joints == 0
    frames = np.unique(places.frames[trunk])
    # a head sways over its pelvis: where places are dense, the path follows them slowly and the pose does the rest
    trunk &= np.isin(places.frames, frames[_every(frames, SWAY)])
    # the whole way: were the arm to reach for the last of it, each step of the sampler would stretch it further
    limbs = ~np.isin(places.joints, [0, *_TRUNK]) & (apart > REACH)
    for rows in (limbs, trunk):
        for axis in (0, 2):  # the height is left to the pose: knees bend
            known = rows & np.isfinite(missing[:, axis])
            asked[places.frames[known], axis] = missing[known, axis]
    for axis in range(3):
        known = pelvis & np.isfinite(missing[:, axis])
        asked[places.frames[known], axis] = missing[known, axis]
    at = keyframes.frames[keyframes.placed]
    asked[at] = keyframes.root[keyframes.placed] - motion.translation[at]
    return asked


def _walked(motion: Motion, asked: Array) -> Motion:
    """The motion with its root moved by splines through the numbers in `asked` [frames, 3]."""
    moved = np.zeros_like(asked)
    for axis in range(3):
        knots = np.flatnonzero(np.isfinite(asked[:, axis]))
        values = asked[knots, axis][:, None]
        if axis == 1 and len(knots):
            knots, values = _with_ends(knots, values)
        moved[:, axis] = tension_spline(knots, values, motion.frames, PATH_TENSION)[:, 0]
    return replace(motion, translation=motion.translation + moved)


def _reached(motion: Motion, keyframes: Keyframes, places: JointTargets) -> Motion:
    """The motion with its joints at their places; the change of pose fades before and after."""
    inner = places.joints != 0
    frames, row = np.unique(places.frames[inner], return_inverse=True)
    if len(frames) == 0:
        return motion
    goal = np.full((len(frames), JOINT_COUNT, 3), np.nan)
    goal[row, places.joints[inner]] = places.positions[inner]
    pelvis = np.full((motion.frames, 3), np.nan)
    pelvis[places.frames[~inner]] = places.positions[~inner]
    before = motion.rotations[frames], motion.translation[frames]
    fixed = np.isfinite(pelvis[frames])
    parts = [slice(start, start + CHUNK) for start in range(0, len(frames), CHUNK)]
    solved = [_solve(frames[p], before[0][p], before[1][p], motion.rest_offsets, goal[p], fixed[p]) for p in parts]
    rotations, root = (np.concatenate(arrays) for arrays in zip(*solved, strict=True))
    turned = axis_angle_from_matrix(rotations @ transpose(before[0])).reshape(len(frames), -1)
    still = np.union1d(keyframes.frames, places.frames[~inner])
    turns = spread_corrections(frames, turned, motion.frames, keyframes.frames).reshape(motion.frames, JOINT_COUNT, 3)
    moved = spread_corrections(frames, root - before[1], motion.frames, still)
    rotations = matrix_from_axis_angle(turns) @ motion.rotations
    return replace(motion, rotations=rotations, translation=motion.translation + moved)


def _below() -> Array:
    """[24, free joints] 1 where turning the free joint moves the joint."""
    table = np.zeros((JOINT_COUNT, len(_FREE)))
    for joint in range(JOINT_COUNT):
        above = PARENTS[joint]
        while above >= 0:
            table[joint, [place for place, free in enumerate(_FREE) if free == above]] = 1
            above = PARENTS[above]
    return table


_BELOW = _below()


def _solve(
    frames: Numbers, rotations: Array, root: Array, offsets: Array, goal: Array, fixed: Flags
) -> tuple[Array, Array]:
    """Local rotations and root after damped Gauss-Newton steps, tied to those of the frame before and after.

    `goal` [n, 24, 3] with NaN where a coordinate is free, `fixed` [n, 3] coordinates of the root that stay.  A joint
    turns in its own frame: with w its turn and G its world rotation, a point p below it moves by (G w) x (p - q).
    """
    joints = forward_kinematics(rotations, root, offsets)[1]
    weight = np.where(np.isfinite(goal), 1 / EXACT**2, 0)
    kept = (weight == 0) & np.isin(np.arange(JOINT_COUNT), _FEET)[None, :, None]
    weight[kept] = 1 / FEET**2
    goal = np.where(kept, joints, np.nan_to_num(goal))
    active = np.flatnonzero(weight.any(axis=(0, 2)))
    weight = weight[:, active].reshape(len(root), -1, 1)
    stiff = np.concatenate(
        [
            np.broadcast_to(1 / np.repeat(list(_TURNS.values()), 3) ** 2, (len(root), 3 * len(_FREE))),
            np.where(fixed, 1e12, 1 / MOVE**2),
        ],
        axis=-1,
    )
    # [n, 1] whether the frame before, the frame after is among the frames
    back = (np.diff(frames, prepend=-2) == 1).astype(np.float64)[:, None]
    forth = (np.diff(frames, append=frames[-1:] + 2) == 1).astype(np.float64)[:, None]
    tied = (back + forth) / 2 * stiff / CHANGE**2
    rotations, root, changed = rotations.copy(), root.copy(), np.zeros_like(stiff)
    for _ in range(ITERATIONS):
        globals_, joints = forward_kinematics(rotations, root, offsets)
        residual = (joints - goal)[:, active].reshape(len(root), -1, 1)
        jacobian = _jacobian(globals_, joints, active)
        weighted = transpose(weight * jacobian)
        beside = back * np.roll(changed, 1, axis=0) + forth * np.roll(changed, -1, axis=0)
        pull = stiff * changed + tied * (changed - beside / np.maximum(back + forth, 1))
        hessian = weighted @ jacobian + (stiff + tied)[..., None] * np.eye(stiff.shape[1])
        step = -np.linalg.solve(hessian, weighted @ residual + pull[..., None])[..., 0]
        turns = step[:, :-3].reshape(len(root), len(_FREE), 3)
        turns *= np.minimum(1, LARGEST_TURN / np.maximum(np.linalg.norm(turns, axis=-1, keepdims=True), 1e-9))
        rotations[:, _FREE] = rotations[:, _FREE] @ matrix_from_axis_angle(turns)
        root += step[:, -3:]
        changed += np.concatenate([turns.reshape(len(root), -1), step[:, -3:]], axis=-1)
    return rotations, root


def _jacobian(globals_: Array, joints: Array, active: Numbers) -> Array:
    """d joint / d (turns of the free joints in their own frames, root): [n, 3 x active, 3 x free + 3]."""
    arm = (joints[:, active, None] - joints[:, None, _FREE]) * _BELOW[None, active, :, None]  # [n, active, free, 3]
    axes = transpose(globals_[:, _FREE])[:, None]  # rows: the joint's axes in the world
    turned = np.cross(axes, arm[:, :, :, None, :])  # [n, active, free, axis, coordinate]
    rows = turned.transpose(0, 1, 4, 2, 3).reshape(len(joints), 3 * len(active), -1)
    moves = np.broadcast_to(np.tile(np.eye(3), (len(active), 1)), (len(joints), 3 * len(active), 3))
    return np.concatenate([rows, moves], axis=-1)
