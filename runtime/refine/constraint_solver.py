"""Correct a motion to have keyframes exactly and joints at their targets, without gradients of the network.

Corrections are exact at some frames (the knots) and spread over the others by a spline in tension: twice
differentiable, and away from the knots its slope dies off within `tension` frames instead of overshooting.  What
corrects the pose is spread over two thirds of a second; what corrects the heading or the path stays until the next
knot, because a walk that should have gone elsewhere goes there from the start.  In this order:
1. the heading turns to that of the keyframes, and the direction walked to the direction from target to target;
2. joints turn to the keyframes' poses;
3. the root's path moves to the keyframes and to the targets of the pelvis and, along the ground, of the trunk;
4. damped Gauss-Newton (`refine.gauss_newton`) on the pose brings the other joints to their targets, with the feet held
   back.

Used on the final motion, and on every prediction x_0 while sampling (`refine.inpainting`), so that the network walks
where the path was moved to instead of sliding there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genmo.runtime.conditions.constraints import NO_HEADINGS, Headings, JointTargets, Keyframes
from genmo.runtime.motion.filters import tension_spline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.representation import integrate_velocity, root_velocity
from genmo.runtime.motion.rotation import (
    axis_angle_from_matrix,
    heading,
    matrix_from_axis_angle,
    matrix_from_yaw,
    transpose,
    yaw_of,
)
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, forward_kinematics
from genmo.runtime.refine.gauss_newton import Damping, FreeJoints, Linearization, solve_in_windows, solve_pose
from genmo.runtime.support.arrays import Array, Flags, Numbers

PATH_TENSION = 15.0  # frames
POSE_TENSION = 8.0
BLEND = 20  # frames from a keyframe at which its pose has no weight any more; nor its height, which the ground bounds
SWAY = 10  # frames between the targets of the trunk that the root follows
STRIDE = 20  # frames between the targets that define a direction
MIN_STEP = 0.2  # metres between them, below which they define none
REACH = 0.3  # metres that an arm or leg may be off its target before the root walks there

ITERATIONS = 15
TARGET_SPREAD = 0.005  # metres; a target, one standard deviation
FOOT_SPREAD = 0.03  # metres that a foot may move while other joints go to their targets
CHANGE = 0.1  # share of what a joint or the root may move that may change from one frame to the next
LARGEST_TURN = 0.3  # radians a joint and iteration
CHUNK = 2048  # frames solved at a time, which bounds the memory
FIXED = 1e12  # 1 / metres^2, stiffness of a coordinate of the root that has a target of its own

HORIZONTAL = np.array([True, False, True])
NO_FRAMES = np.zeros(0, np.int64)

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
"""how far each joint turns for a target, radians (one standard deviation), about any of its own axes"""
# metres that the root may move while they do: it may crouch
FREE_JOINTS = FreeJoints(_TURNS, move=np.array([0.03, 0.25, 0.03]), own_axes=True)


def solve_constraints(
    motion: Motion,
    keyframes: Keyframes,
    targets: JointTargets,
    anchored: Flags | None = None,
    headings: Headings = NO_HEADINGS,
) -> Motion:
    """The motion (world: y up, metres) with the keyframes exactly and its joints near their targets; contacts stay.

    It faces along the `headings`, where no keyframe has the same frame.

    `anchored` [frames]: where heading and path are given by a camera, and stay unless a keyframe is near.
    Keyframes and targets must lie within the motion; a target in a keyframe's frame changes nothing.
    """
    anchored = np.zeros(motion.frames, np.bool_) if anchored is None else anchored
    if not (len(keyframes.frames) or len(targets.frames) or len(headings.frames)):
        return motion
    free = ~np.isin(targets.frames, keyframes.frames)
    targets = JointTargets(targets.frames[free], targets.joints[free], targets.positions[free])
    anchored = anchored & (_frame_distance(keyframes.frames, motion.frames) >= BLEND)
    motion = _with_heading(motion, _heading_knots(motion, keyframes, targets, anchored, headings))
    motion = _with_keyframe_poses(motion, keyframes)
    path = spread_path(_path_corrections(motion, keyframes, targets, anchored))
    motion = replace(motion, translation=motion.translation + path)
    motion = _with_joints_at_targets(motion, keyframes, targets)
    rotations, translation = motion.rotations.copy(), motion.translation.copy()
    rotations[keyframes.frames] = keyframes.rotations  # the splines are exact to rounding; this is to the last bit
    translation[keyframes.frames[keyframes.has_root]] = keyframes.root[keyframes.has_root]
    return replace(motion, rotations=rotations, translation=translation)


def _frame_distance(frames: Numbers, count: int) -> Array:
    """How many frames each of `count` frames is from the nearest of `frames`; infinite where there is none."""
    every = np.arange(count, dtype=np.float64)
    if len(frames) == 0:
        return np.full(count, np.inf)
    after = np.searchsorted(frames, every)
    right = frames[np.minimum(after, len(frames) - 1)]
    left = frames[np.maximum(after - 1, 0)]
    return np.asarray(np.minimum(np.abs(right - every), np.abs(every - left)))


def spread_corrections(frames: Numbers, values: Array, count: int, unchanged: Numbers = NO_FRAMES) -> Array:
    """Values [K, C] at `frames`, which rise, spread smoothly over `count` frames; zero `BLEND` frames away from them.

    Zero too at the frames `unchanged`, unless those are among `frames`.
    """
    unchanged = np.setdiff1d(unchanged, frames)
    knots = np.concatenate([frames, unchanged])
    order = np.argsort(knots)
    padded = np.concatenate([values, np.zeros((len(unchanged), values.shape[1]))])
    whole = tension_spline(*_with_ends(knots[order], padded[order]), count, POSE_TENSION)
    whole[_frame_distance(frames, count) >= BLEND] = 0  # what rings behind the last zero
    return whole


def _with_ends(knots: Numbers, values: Array) -> tuple[Numbers, Array]:
    """The knots and zeros where the last of them has no weight any more, three in a row: the slope is zero too."""
    shifts = np.array([-2, -1, 0, 0, 1, 2]) + BLEND * np.array([-1, -1, -1, 1, 1, 1])
    ends = np.unique(knots[:, None] + shifts)
    first = ends[0]
    ends = ends[_frame_distance(knots - first, int(ends[-1] - first + 1))[ends - first] >= BLEND]
    order = np.argsort(np.concatenate([knots, ends]), kind="stable")
    padded = np.concatenate([values, np.zeros((len(ends), values.shape[1]))])
    return np.concatenate([knots, ends])[order], padded[order]


def _heading_knots(
    motion: Motion, keyframes: Keyframes, targets: JointTargets, anchored: Flags, headings: Headings
) -> tuple[Numbers, Array]:
    """Frames and how far the heading must turn there, radians [K, 1].

    Who is told where to face may walk another way: near headings the direction from target to target says nothing.
    """
    turns = np.full(motion.frames, np.nan)
    turns[anchored] = 0
    middle, turn = _direction_turns(motion, targets)
    told = np.union1d(keyframes.frames, headings.frames)
    usable = ~anchored[middle] & (_frame_distance(told, motion.frames)[middle] >= STRIDE)
    turns[middle[usable]] = turn[usable]
    off = headings.radians - heading(motion.rotations[headings.frames, 0, :, 2])
    turns[headings.frames] = np.arctan2(np.sin(off), np.cos(off))
    turns[keyframes.frames] = yaw_of(keyframes.rotations[:, 0] @ transpose(motion.rotations[keyframes.frames, 0]))
    knots = np.flatnonzero(np.isfinite(turns))
    return knots, np.unwrap(turns[knots])[:, None]


def _direction_turns(motion: Motion, targets: JointTargets) -> tuple[Numbers, Array]:
    """Frames in the middle between two targets, and the turn from the motion's direction to that of the targets."""
    trunk = np.isin(targets.joints, [0, *_TRUNK]) & np.isfinite(targets.positions[:, [0, 2]]).all(axis=-1)
    frames, first = np.unique(targets.frames[trunk], return_index=True)
    chosen = _every(frames, STRIDE)
    frames, rows = frames[chosen], np.flatnonzero(trunk)[first[chosen]]
    if len(frames) < 2:
        return np.zeros(0, np.int64), np.zeros(0)
    # a target may leave its height free: NaN
    requested = np.where(HORIZONTAL, np.diff(targets.positions[rows], axis=0), 0)
    walked = np.where(HORIZONTAL, np.diff(motion.translation[frames], axis=0), 0)
    defined = np.minimum(np.linalg.norm(requested, axis=-1), np.linalg.norm(walked, axis=-1)) > MIN_STEP
    turn = heading(requested) - heading(walked)
    wrapped = np.arctan2(np.sin(turn), np.cos(turn))
    return ((frames[:-1] + frames[1:]) // 2)[defined], wrapped[defined]


def _every(frames: Numbers, stride: int) -> list[int]:
    """Indices in `frames`, which rise, of the first and those at least `stride` after the one before."""
    chosen: list[int] = []
    for index, frame in enumerate(frames):
        if not chosen or frame - frames[chosen[-1]] >= stride:
            chosen.append(index)
    return chosen


def _with_heading(motion: Motion, knots: tuple[Numbers, Array]) -> Motion:
    """The motion with its heading turned by a spline through the knots, walking in the direction that it turned to."""
    if len(knots[0]) == 0:
        return motion
    turn = matrix_from_yaw(tension_spline(*knots, motion.frames, PATH_TENSION)[:, 0])
    rotations = motion.rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    velocity = root_velocity(motion.rotations[:, 0], motion.translation)
    return replace(
        motion, rotations=rotations, translation=motion.translation[0] + integrate_velocity(rotations[:, 0], velocity)
    )


def _with_keyframe_poses(motion: Motion, keyframes: Keyframes) -> Motion:
    """The motion with its joints turned to the keyframes' poses."""
    frames = keyframes.frames
    if len(frames) == 0:
        return motion
    error = axis_angle_from_matrix(keyframes.rotations @ transpose(motion.rotations[frames]))  # [K, 24, 3]
    turns = spread_corrections(frames, error.reshape(len(frames), -1), motion.frames)  # [frames, 24 x 3]
    turns = turns.reshape(motion.frames, JOINT_COUNT, 3)
    return replace(motion, rotations=matrix_from_axis_angle(turns) @ motion.rotations)


def _path_corrections(motion: Motion, keyframes: Keyframes, targets: JointTargets, anchored: Flags) -> Array:
    """How far the root must move [frames, 3]; NaN where it is free.  The later assignment is the stronger one."""
    moves = np.full((motion.frames, 3), np.nan)
    moves[anchored] = 0
    error = targets.positions - motion.joints_world()[targets.frames, targets.joints]
    distance = np.linalg.norm(np.nan_to_num(error), axis=-1)
    trunk, pelvis = np.isin(targets.joints, _TRUNK), targets.joints == 0
    frames = np.unique(targets.frames[trunk])
    # a head sways over its pelvis: where targets are dense, the path follows them slowly and the pose does the rest
    trunk &= np.isin(targets.frames, frames[_every(frames, SWAY)])
    # the whole way: were the arm to reach for the last of it, each step of the sampler would stretch it further
    limbs = ~np.isin(targets.joints, [0, *_TRUNK]) & (distance > REACH)
    # the height of limbs and trunk is left to the pose: knees bend
    for rows, axes in ((limbs, (0, 2)), (trunk, (0, 2)), (pelvis, (0, 1, 2))):
        for axis in axes:
            constrained = rows & np.isfinite(error[:, axis])
            moves[targets.frames[constrained], axis] = error[constrained, axis]
    placed = keyframes.frames[keyframes.has_root]
    moves[placed] = keyframes.root[keyframes.has_root] - motion.translation[placed]
    return moves


def spread_path(moves: Array) -> Array:
    """Moves of the root in `moves` [frames, 3] (NaN where it is free) spread smoothly over all frames.

    Along the ground the last one stays; a height fades within `BLEND` frames, because the ground bounds it.
    """
    moved = np.zeros_like(moves)
    for axis in range(3):
        knots = np.flatnonzero(np.isfinite(moves[:, axis]))
        values = moves[knots, axis][:, None]
        if axis == 1 and len(knots):
            knots, values = _with_ends(knots, values)
        moved[:, axis] = tension_spline(knots, values, len(moves), PATH_TENSION)[:, 0]
    return moved


def _with_joints_at_targets(motion: Motion, keyframes: Keyframes, targets: JointTargets) -> Motion:
    """The motion with its joints at their targets; the change of pose fades before and after."""
    inner = targets.joints != 0
    frames, row = np.unique(targets.frames[inner], return_inverse=True)
    if len(frames) == 0:
        return motion
    goal = np.full((len(frames), JOINT_COUNT, 3), np.nan)
    goal[row, targets.joints[inner]] = targets.positions[inner]
    pelvis = np.full((motion.frames, 3), np.nan)
    pelvis[targets.frames[~inner]] = targets.positions[~inner]
    start, root_start, fixed = motion.rotations[frames], motion.translation[frames], np.isfinite(pelvis[frames])

    def solve(window: slice) -> tuple[Array, Array]:
        pose = start[window], root_start[window], motion.rest_offsets
        return _solve(frames[window], pose, goal[window], fixed[window])

    rotations, root = solve_in_windows(len(frames), CHUNK, ITERATIONS, solve)
    change = axis_angle_from_matrix(rotations @ transpose(start)).reshape(len(frames), -1)  # [K, 24 x 3]
    unchanged = np.union1d(keyframes.frames, targets.frames[~inner])
    turns = spread_corrections(frames, change, motion.frames, keyframes.frames)
    turns = turns.reshape(motion.frames, JOINT_COUNT, 3)
    moved = spread_corrections(frames, root - root_start, motion.frames, unchanged)
    rotations = matrix_from_axis_angle(turns) @ motion.rotations
    return replace(motion, rotations=rotations, translation=motion.translation + moved)


def _solve(frames: Numbers, pose: tuple[Array, Array, Array], goal: Array, fixed: Flags) -> tuple[Array, Array]:
    """Local rotations and root with the joints at their goals, tied to those of the frame before and after.

    `pose`: local rotations, root and rest offsets; `goal` [n, 24, 3] with NaN where a coordinate is free, `fixed`
    [n, 3] coordinates of the root that stay.
    """
    joints = forward_kinematics(*pose)[1]
    weight = np.where(np.isfinite(goal), 1 / TARGET_SPREAD**2, 0)
    feet = (weight == 0) & np.isin(np.arange(JOINT_COUNT), _FEET)[None, :, None]
    weight[feet] = 1 / FOOT_SPREAD**2
    goal = np.where(feet, joints, np.nan_to_num(goal))
    active = np.flatnonzero(weight.any(axis=(0, 2)))
    goal, weight = goal[:, active], weight[:, active].reshape(len(frames), -1, 1)  # weight [n, 3 x active, 1]

    def linearize(globals_: Array, joints: Array) -> Linearization:
        points = joints[:, active]
        rows = FREE_JOINTS.jacobian(points, active, globals_, joints)  # [n, active, 3, parameters]
        residual = (points - goal).reshape(len(frames), -1, 1)  # [n, 3 x active, 1]
        return Linearization(rows.reshape(*residual.shape[:2], -1), residual, weight)

    stiffness = np.tile(FREE_JOINTS.stiffness, (len(frames), 1))
    stiffness[:, -3:][fixed] = FIXED
    damping = Damping.for_frames(frames, stiffness, CHANGE, damp_ends=False)
    return solve_pose(pose, FREE_JOINTS, damping, linearize, ITERATIONS, LARGEST_TURN)
