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
import numpy.typing as npt

from genmo.runtime.feet import SOLE
from genmo.runtime.keyframes import Keyframes, Places
from genmo.runtime.motion import Camera, Motion
from genmo.runtime.representation import (
    BODY_JOINTS,
    Layout,
    decode,
    gravity_view_yaw,
    integrate_velocity,
    root_in_camera,
    root_velocity,
)
from genmo.runtime.rotation import (
    Array,
    axis_angle_from_matrix,
    matrix_from_axis_angle,
    matrix_from_yaw,
    rotate,
    sixd_from_matrix,
    transpose,
)
from genmo.runtime.skeleton import JOINT_COUNT, JOINTS, PARENTS, forward_kinematics

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


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

NONE = np.zeros(0, np.int64)

_TRUNK = [JOINTS.index(name) for name in ("spine1", "spine2", "spine3", "neck", "head")]
_FEET = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot")]
_BALLS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
_BODY = range(JOINT_COUNT)[BODY_JOINTS]
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


def tension_spline(knots: Numbers, values: Array, frames: int, tension: float) -> Array:
    """The spline in tension [frames, C] through `values` [K, C] at the frames `knots` [K], which rise.

    Minimises the integral of c''^2 + (c' / tension)^2 over all time (Schweikert 1966), so that beyond the outermost
    knots the slope dies off exponentially.  All zero without knots.
    """
    if len(knots) == 0:
        return np.zeros((frames, values.shape[1]))
    at, sigma = np.arange(frames, dtype=np.float64), 1 / tension
    bend = _second_derivatives(np.diff(knots).astype(np.float64), values, sigma) / sigma**2
    # beyond the ends: a decaying exponential added to a constant, its curvature the spline's
    left, right = np.minimum(at - knots[0], 0)[:, None], np.minimum(knots[-1] - at, 0)[:, None]
    outside = bend[:1] * np.expm1(sigma * left) + bend[-1:] * np.expm1(sigma * right)
    if len(knots) == 1:
        return np.asarray(values + outside)
    inner = np.clip(at, knots[0], knots[-1])
    k = np.clip(np.searchsorted(knots, inner, side="right") - 1, 0, len(knots) - 2)
    h = (knots[k + 1] - knots[k])[:, None].astype(np.float64)
    after = (inner - knots[k])[:, None]
    before = h - after
    curved = bend[k] * _sinh_ratio(before, h, sigma) + bend[k + 1] * _sinh_ratio(after, h, sigma)
    return np.asarray(curved + ((values - bend)[k] * before + (values - bend)[k + 1] * after) / h + outside)


def _second_derivatives(h: Array, values: Array, sigma: float) -> Array:
    """c'' at the knots [K, C]: slopes agree where pieces of lengths `h` [K - 1] meet, and with the decay outside."""
    decay = np.exp(-sigma * h)
    side = 1 / h - 2 * sigma * decay / (1 - decay**2)
    middle = sigma * (1 + decay**2) / (1 - decay**2) - 1 / h
    rise = sigma**2 * np.diff(values, axis=0) / h[:, None]
    diagonal = np.full(len(values), 0.0)
    diagonal[:-1] += middle
    diagonal[1:] += middle
    diagonal[[0, -1]] += sigma if len(values) > 1 else 1.0
    wanted = np.zeros_like(values)
    wanted[:-1] += rise
    wanted[1:] -= rise
    # Thomas: the system is tridiagonal, symmetric and diagonally dominant
    for k in range(1, len(values)):
        share = side[k - 1] / diagonal[k - 1]
        diagonal[k] -= share * side[k - 1]
        wanted[k] -= share * wanted[k - 1]
    wanted[-1] /= diagonal[-1]
    for k in range(len(values) - 2, -1, -1):
        wanted[k] = (wanted[k] - side[k] * wanted[k + 1]) / diagonal[k]
    return wanted


def _sinh_ratio(part: Array, whole: Array, sigma: float) -> Array:
    """sinh(sigma part) / sinh(sigma whole) for 0 <= part <= whole, without overflow."""
    return np.asarray(
        np.exp(-sigma * (whole - part)) * np.expm1(-2 * sigma * part) / np.expm1(-2 * sigma * np.maximum(whole, 1e-9))
    )


def meet(motion: Motion, keyframes: Keyframes, places: Places, held: Flags | None = None) -> Motion:
    """The motion (world: y up, metres) after meeting keyframes exactly and places nearly; contacts are kept.

    `held` [frames]: where heading and path are known, as a camera saw them, and stay unless a keyframe is near.
    Keyframes and places must lie within the motion; a place in a keyframe's frame changes nothing.
    """
    held = np.zeros(motion.frames, np.bool_) if held is None else held
    if not (len(keyframes.frames) or len(places.frames)):
        return motion
    free = ~np.isin(places.frames, keyframes.frames)
    places = Places(places.frames[free], places.joints[free], places.positions[free])
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


def spread(frames: Numbers, values: Array, count: int, still: Numbers = NONE) -> Array:
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


def _heading_knots(motion: Motion, keyframes: Keyframes, places: Places, held: Flags) -> tuple[Numbers, Array]:
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


def _directions(motion: Motion, places: Places) -> tuple[Numbers, Array]:
    """Frames between two places along the way, and by how much the way from one to the other differs there."""
    trunk = np.isin(places.joints, [0, *_TRUNK]) & np.isfinite(places.positions[:, [0, 2]]).all(axis=-1)
    frames, first = np.unique(places.frames[trunk], return_index=True)
    chosen = _every(frames, STRIDE)
    frames, rows = frames[chosen], np.flatnonzero(trunk)[first[chosen]]
    if len(frames) < 2:
        return np.zeros(0, np.int64), np.zeros(0)
    wanted = np.diff(places.positions[rows][:, [0, 2]], axis=0)
    walked = np.diff(motion.translation[frames][:, [0, 2]], axis=0)
    known = np.minimum(np.linalg.norm(wanted, axis=-1), np.linalg.norm(walked, axis=-1)) > FAR
    turn = np.arctan2(wanted[:, 0], wanted[:, 1]) - np.arctan2(walked[:, 0], walked[:, 1])
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
    turns = spread(at, missing.reshape(len(at), -1), motion.frames).reshape(motion.frames, JOINT_COUNT, 3)
    return replace(motion, rotations=matrix_from_axis_angle(turns) @ motion.rotations)


def _path_knots(motion: Motion, keyframes: Keyframes, places: Places, held: Flags) -> Array:
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


def _reached(motion: Motion, keyframes: Keyframes, places: Places) -> Motion:
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
    turns = spread(frames, turned, motion.frames, keyframes.frames).reshape(motion.frames, JOINT_COUNT, 3)
    moved = spread(frames, root - before[1], motion.frames, still)
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


def known(keyframes: Keyframes, layout: Layout, camera: Camera, seen: Flags) -> tuple[Array, Flags]:
    """What the keyframes say of the features (not normalised) [frames, layout.width], and where they say it.

    The body's pose; the root against the heading of `camera` (frames of the motion) and, in frames `seen` by it, in
    its own frame; the root's velocity where the next frame is a keyframe too.  Everything else is zero and not known.
    """
    at = keyframes.frames
    values = np.zeros((len(seen), layout.width))
    there = np.zeros(values.shape, np.bool_)
    root = keyframes.rotations[:, 0]
    in_camera = transpose(camera.rotation[at]) @ root
    rotations = np.concatenate([in_camera[:, None], keyframes.rotations[:, 1:]], axis=1)
    upright = sixd_from_matrix(matrix_from_yaw(-gravity_view_yaw(camera.rotation[at])) @ root)
    for name, block in _pose_blocks(rotations, upright).items():
        if name in layout.slices:
            values[at, layout.slices[name]] = block
            there[at, layout.slices[name]] = True
    first = layout.slices.get("root_orientation_camera")
    if first is None:
        first = slice(layout.slices["joint_rotations"].start, layout.slices["joint_rotations"].start + 6)
    there[:, first] &= seen[:, None]
    follows = np.flatnonzero((np.diff(at) == 1) & keyframes.placed[1:] & keyframes.placed[:-1])
    step = rotate(transpose(root[follows]), keyframes.root[follows + 1] - keyframes.root[follows])
    values[at[follows], layout.slices["root_velocity"]] = step
    there[at[follows], layout.slices["root_velocity"]] = True
    return np.where(there, values, 0), there


def projected(
    features: Array, layout: Layout, camera: Camera, keyframes: Keyframes, places: Places, held: Flags
) -> Array:
    """Features [frames, layout.width] (not normalised) of the motion that meets keyframes and places.

    `camera` has the frames of the motion; where it is `held`, the path starts where the camera sees the root.
    """
    before = decode(features, layout, camera)
    filmed = held.any() and "root_translation_camera" in layout.slices
    before = placed(before, held) if filmed else grounded(before)
    after = meet(before, keyframes, places, held)
    from_world = root_in_camera(features, layout) @ transpose(before.rotations[:, 0])
    rotations = after.rotations.copy()
    rotations[:, 0] = from_world @ after.rotations[:, 0]
    upright = sixd_from_matrix(matrix_from_yaw(-gravity_view_yaw(camera.rotation)) @ after.rotations[:, 0])
    blocks = _pose_blocks(rotations, upright)
    blocks["root_velocity"] = root_velocity(after.rotations[:, 0], after.translation)
    changed = np.array(features, np.float64)
    for name, block in blocks.items():
        if name in layout.slices:
            changed[:, layout.slices[name]] = block
    if "root_translation_camera" in layout.slices:  # the camera would see the change of height
        rise = (after.translation - before.translation) * [0, 1, 0]
        changed[:, layout.slices["root_translation_camera"]] += rotate(from_world, rise)
    return changed


def placed(motion: Motion, frames: Flags | None = None) -> Motion:
    """The motion moved to where its camera sees it, on average over `frames` [frames] (None: all)."""
    assert motion.camera is not None and motion.joints_camera is not None
    seen = motion.camera.position + rotate(motion.camera.rotation, motion.joints_camera[:, 0])
    apart = (seen - motion.translation)[slice(None) if frames is None else frames]
    return replace(motion, translation=motion.translation + apart.mean(axis=0))


def grounded(motion: Motion) -> Motion:
    """The motion raised or lowered so that its lowest foot stands on the ground, y = 0."""
    lowest = motion.joints_world()[:, _BALLS, 1].min() - SOLE
    return replace(motion, translation=motion.translation - np.array([0.0, lowest, 0.0]))


def _pose_blocks(in_camera: Array, upright: Array) -> dict[str, Array]:
    """Blocks of local rotations [n, 24, 3, 3], root in the camera frame, and gravity-view orientations [n, 6]."""
    return {
        "gravity_view_orientation": upright,
        "joint_rotations": sixd_from_matrix(in_camera).reshape(len(in_camera), 6 * JOINT_COUNT),
        "body_rotations": sixd_from_matrix(in_camera[:, BODY_JOINTS]).reshape(len(in_camera), 6 * len(_BODY)),
        "root_orientation_camera": sixd_from_matrix(in_camera[:, 0]),
    }
