"""Fit an estimated body to the keypoints it was estimated from: a few damped Gauss-Newton steps on the skeleton.

The network sees the keypoints through 256 channels and answers in one step; its depth is good and its reprojection
is off by centimetres.  Here every frame turns its joints a little so that the skeleton projects onto the keypoints,
held back by how far it turns from the network's answer and by the correction of the frames beside it.  Joints turn
about the camera's axes: with w_j the turn of joint j, a point p below it moves by w_j x (p - q_j).

Before that the body's shape is fitted, one for all frames of a person: a limb seen from many sides tells its length,
which no single frame does.  `fit_shape` does it for whole motions; `RunningShape` for streams, frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate, transpose
from genmo.runtime.motion.skeleton import (
    BETA_COUNT,
    COCO_COUNT,
    COCO_JOINTS,
    JOINT_COUNT,
    JOINTS,
    PARENTS,
    coco_keypoints,
    forward_kinematics,
    shape_space,
)
from genmo.runtime.support.arrays import Array

ITERATIONS = 10
NEAR = 0.3  # metres; nothing closer is fitted
CHUNK = 1024  # frames fitted at a time, which bounds the memory
ROBUST = 0.15  # metres; keypoints further off lose weight (Geman-McClure), as wrong detections should

# How far each joint may turn from the network's answer about the camera's x, y and z, radians (one standard deviation):
# 2.25 times the root mean square of its errors on training people.  One number for all three axes, not measured, gave
# half a millimetre more PA-MPJPE on held-out people; all of them times 0.7 or 1.3 change it by less.
_TURNS: dict[str, tuple[float, float, float]] = {
    "pelvis": (0.2, 0.27, 0.16),
    "spine1": (0.2, 0.14, 0.18),
    "spine3": (0.16, 0.1, 0.15),
    "neck": (0.34, 0.24, 0.27),
    "head": (0.45, 0.4, 0.45),
    "collar": (0.1, 0.1, 0.1),
    "hip": (0.3, 0.3, 0.27),
    "knee": (0.37, 0.13, 0.28),
    "shoulder": (0.45, 0.62, 0.37),
    "elbow": (0.46, 0.35, 0.45),
}
_SIDED = ("collar", "hip", "knee", "shoulder", "elbow")
TURNS = {
    joint: turns
    for name, turns in _TURNS.items()
    for joint in ([f"left_{name}", f"right_{name}"] if name in _SIDED else [name])
}
MOVE = np.array([0.3, 0.3, 0.5])  # metres that the root may move in the camera frame
CHANGE = 0.3  # share of the above that a correction may change from one frame to the next
# Confidences at which a keypoint begins to count and at which it counts in full: a weight, not a step, since detectors
# cross any threshold dozens of times a minute.
DOUBTED, TRUSTED = 0.3, 0.9
# Errors that change slowly look like motion, so smoothing leaves them in, but no body fits them: residuals after a fit
# that change by more than FITS within LAG frames, in units of how well a keypoint marks its joint, tell of them.
FITS, LAG = 0.24, 10
EXPLAINED = 0.2  # share of the change before the fit that it may leave where the keypoints are right
AROUND = 30  # frames on each side over which that is averaged
LEAST_TRUST, FULL_TRUST = 0.2, 0.95  # times as wide as _PLACED says at 1 / LEAST_TRUST

SHAPE_FRAMES = 32  # evenly taken from a motion, for its shape
SHAPE_ITERATIONS = 4
SHAPE_MEMORY = 300  # frames of a stream
# However many frames there are, they count as so many: a detector places a hip wrongly in all of them alike.  The
# network's shape, whose errors are about one standard deviation, counts as one of the prior.
SHAPE_WEIGHT = 5.0

FACE = 5  # the first keypoints

# How well a keypoint marks its joint, metres: a nose, ear or hip is placed differently by every detector.
_PLACED = np.array([0.05] * 5 + [0.02] * 6 + [0.035] * 2 + [0.02] * 4)

_FREE = [JOINTS.index(name) for name in TURNS]
_PARENTS = [PARENTS[joint] + 1 for joint in _FREE]  # 0 is the camera
_SPREAD = np.concatenate([*TURNS.values(), MOVE])
_ALONG_VIEW = np.array([True, True, False] * len(TURNS) + [False, False, True])
"""the parameters that move points along the view: turns about the camera's x and y, the root's depth"""


def _is_above(joint: int, point: int) -> bool:
    """Whether turning `joint` moves what is fixed to `point`."""
    while point >= 0 and point != joint:
        point = PARENTS[point]
    return point == joint


_ABOVE = np.array([[_is_above(joint, point) for joint in _FREE] for point in COCO_JOINTS], np.float64)


@dataclass(frozen=True, eq=False)
class CameraPose:
    """A body in front of the camera, OpenCV axes, metres."""

    rotations: Array
    """[frames, 24, 3, 3] local; joint 0 in the camera frame"""
    root: Array
    """[frames, 3]"""
    offsets: Array
    """[24, 3] rest offsets"""


def fit_pose(
    pose: CameraPose,
    keypoints: Keypoints,
    iterations: int = ITERATIONS,
    progress: Callable[[float], object] = lambda share: None,
) -> CameraPose:
    """The pose [frames, ...] after fitting its first frames to the keypoints; further frames only ease the change.

    A frame depends on fewer than `iterations` + AROUND + LAG frames on each side, so long motions are fitted in parts
    that overlap by as much: the same answer.  `progress` hears the share that is done.
    """
    frames, reach = len(pose.root), iterations + AROUND + LAG
    if frames <= CHUNK:
        return _with_root_through_gaps(_fitted(pose, keypoints, iterations), keypoints)
    rotations, root = np.empty_like(pose.rotations), np.empty_like(pose.root)
    for start in range(0, frames, CHUNK):
        end = min(start + CHUNK, frames)
        low, high = max(start - reach, 0), min(end + reach, frames)
        part = CameraPose(pose.rotations[low:high], pose.root[low:high], pose.offsets)
        part = _fitted(part, Keypoints(keypoints.points[low:high], keypoints.intrinsics), iterations)
        rotations[start:end], root[start:end] = (a[start - low : end - low] for a in (part.rotations, part.root))
        progress(end / frames)
    return _with_root_through_gaps(CameraPose(rotations, root, pose.offsets), keypoints)


def _with_root_through_gaps(pose: CameraPose, keypoints: Keypoints) -> CameraPose:
    """The pose with its root on a straight line where nobody is seen between two sights.

    The network fills such gaps well with poses, and places them 0.2 to 0.5 m off; a line is 0.15 to 0.2 m off.
    """
    frames = np.arange(len(pose.root))
    seen = normalised_rays(keypoints, len(frames))[1].any(axis=1)
    if seen.all() or not seen.any():
        return pose
    first, last = np.flatnonzero(seen)[[0, -1]]
    inside = ~seen & (frames > first) & (frames < last)
    root: Array = pose.root.copy()
    for axis in range(3):
        root[inside, axis] = np.interp(frames[inside], frames[seen], pose.root[seen, axis])
    return CameraPose(pose.rotations, root, pose.offsets)


def _fitted(pose: CameraPose, keypoints: Keypoints, iterations: int) -> CameraPose:
    """`fit` of all frames at once; anew where the keypoints turn out to deserve less trust."""
    rays, weight = normalised_rays(keypoints, len(pose.root))
    fitted = _obeyed(pose, rays, weight, np.ones(len(rays)), iterations)
    trust = _trust(pose, fitted, rays, weight)
    trust[trust > FULL_TRUST] = 1
    return fitted if (trust == 1).all() else _obeyed(pose, rays, weight, trust, iterations)


def _obeyed(pose: CameraPose, rays: Array, weight: Array, trust: Array, iterations: int) -> CameraPose:
    """The pose after so many damped steps towards the keypoints, which count by `weight` [frames, 17] and `trust`
    [frames]."""
    turned = np.zeros((len(rays), len(_SPREAD)))
    for _ in range(iterations):
        step = _solve(pose, rays, weight, turned, trust)
        turned += step
        pose = _stepped(pose, step)
    return pose


def normalised_rays(keypoints: Keypoints, frames: int) -> tuple[Array, Array]:
    """Where the keypoints of `frames` frames lie on the plane at depth 1 [frames, 17, 2], and how much each counts by
    its confidence [frames, 17], 0 to 1; 0 after their last frame."""
    focal, middle = np.diag(keypoints.intrinsics)[:2], keypoints.intrinsics[:2, 2]
    points = np.pad(keypoints.points, [(0, frames - keypoints.frames), (0, 0), (0, 0)])
    weight = np.clip((points[..., 2] - DOUBTED) / (TRUSTED - DOUBTED), 0, 1)
    return (points[..., :2] - middle) / focal, weight


def _trust(before: CameraPose, after: CameraPose, rays: Array, weight: Array) -> Array:
    """How far the keypoints of each frame may be trusted [frames], LEAST_TRUST to 1: from the pose `before` and `after`
    a fit at full trust.

    Residuals that still change after the fit are errors of the keypoints only where they are large in themselves and
    beside those before it: where the network is far off, or the body is another, a fit leaves large ones too.
    """
    if len(rays) <= 2 * LAG:
        return np.ones(len(rays))
    was, left = (np.maximum(_wander(pose, rays, weight), 1e-9) for pose in (before, after))
    return np.asarray(np.clip(np.maximum((FITS / left) ** 2, (EXPLAINED * was / left) ** 4), LEAST_TRUST, 1.0))


def _wander(pose: CameraPose, rays: Array, weight: Array) -> Array:
    """How much the residuals of limbs and trunk change within LAG frames [frames], in units of _PLACED, which a
    detector's own idea of where a hip lies does not touch: the median over the points, averaged over AROUND frames."""
    body, seen = slice(FACE, None), weight[:, FACE:] > 0
    residual = _linear(pose, rays, weight).residual.reshape(*weight.shape, 2)[:, body] / _PLACED[body, None]
    both = seen[LAG:] & seen[:-LAG]
    change = np.where(both, np.linalg.norm(residual[LAG:] - residual[:-LAG], axis=-1) / np.sqrt(2), np.nan)
    known = both.any(axis=1)
    typical: Array = np.zeros(len(change))
    typical[known] = np.nanmedian(change[known], axis=1)
    sums: Array = np.cumsum(np.pad(np.stack([typical, known.astype(np.float64)]), [(0, 0), (1, 0)]), axis=1)
    middle = np.arange(len(rays)) - LAG // 2  # a change belongs to the middle of its two frames
    low, high = (np.clip(middle + end, 0, len(change)) for end in (-AROUND, AROUND + 1))
    inside = np.asarray(sums[:, high] - sums[:, low], np.float64)
    return np.asarray(inside[0] / np.maximum(inside[1], 1))


@dataclass(frozen=True, eq=False)
class _Linear:
    """How far a body's points are from the keypoints, and how that changes with its parameters, to first order."""

    globals_: Array
    """[frames, 24, 3, 3]"""
    slant: Array
    """[frames, 17, 2] x and y over z of the points"""
    residual: Array
    """[frames, 34, 1] metres at the points' own depth"""
    weight: Array
    """[frames, 34, 1]"""
    rows: Array
    """[frames, 34, parameters] d residual / d turns and root"""


def _linear(body: CameraPose, rays: Array, weight: Array) -> _Linear:
    globals_, joints = forward_kinematics(body.rotations, body.root, body.offsets)
    points = coco_keypoints(globals_, joints)
    depth = np.maximum(points[..., 2:], NEAR)
    residual = (points[..., :2] / depth - rays) * depth
    distance = np.linalg.norm(residual, axis=-1)
    weight = weight * (points[..., 2] > NEAR) / _PLACED**2 / (1 + (distance / ROBUST) ** 2) ** 2
    frames = len(rays)
    return _Linear(
        globals_,
        points[..., :2] / depth,
        residual.reshape(frames, -1, 1),
        np.repeat(weight, 2, axis=1)[..., None],
        _jacobian(points, joints, depth).reshape(frames, 2 * COCO_COUNT, -1),
    )


def _solve(body: CameraPose, rays: Array, weight: Array, turned: Array, trust: Array) -> Array:
    """The step [frames, parameters] of the damped normal equations of every frame.

    The less the keypoints are trusted, the slower may the correction change along the view, which they tell least of.
    """
    at = _linear(body, rays, weight * trust[:, None] ** 2)
    weighted = at.rows * at.weight
    beside = np.concatenate([turned[:1], turned, turned[-1:]])
    smooth = 0.5 * (beside[:-2] + beside[2:])
    stiff = 1 / _SPREAD**2
    tied = stiff / (CHANGE * np.where(_ALONG_VIEW, trust[:, None], 1)) ** 2
    hessian = transpose(at.rows) @ weighted + np.eye(len(stiff)) * (stiff + tied)[:, None]
    slope = (transpose(weighted) @ at.residual)[..., 0] + stiff * turned + tied * (turned - smooth)
    return np.asarray(-np.linalg.solve(hessian, slope[..., None])[..., 0])


def _stepped(body: CameraPose, step: Array) -> CameraPose:
    """The body after turning and moving by `step` [frames, parameters]."""
    rotations = _turn(body, step[:, :-3].reshape(len(step), -1, 3))
    return CameraPose(rotations, body.root + step[:, -3:], body.offsets)


def fit_shape(pose: CameraPose, rays: Array, weight: Array, betas: Array) -> Array:
    """Betas [10] of one person: the network's `betas` moved to where poses and keypoints of all frames fit best.

    Poses and shape move together; the poses are then thrown away, since `fit` finds them again with what ties
    neighbours.  `pose`, `rays` and `weight` of any frames (`normalised_rays`); SHAPE_FRAMES of them are looked at.
    """
    chosen = np.unique(np.linspace(0, len(rays) - 1, min(len(rays), SHAPE_FRAMES)).round().astype(int))
    rays, weight = rays[chosen], weight[chosen]
    body, now = CameraPose(pose.rotations[chosen], pose.root[chosen], pose.offsets), betas
    turned = np.zeros((len(chosen), len(_SPREAD)))
    for _ in range(SHAPE_ITERATIONS):
        body = CameraPose(body.rotations, body.root, shape_space().offsets(now))
        told = _shape_told(body, rays, weight, turned)
        change = _shape_step(told.hessian.mean(axis=0), told.slope.mean(axis=0), len(chosen), now - betas)
        step = -(told.own + told.coupling @ change)
        now, turned, body = now + change, turned + step, _stepped(body, step)
    return now


@dataclass(frozen=True, eq=False)
class _ShapeTold:
    """What frames say of the shape when each may still move its own pose: normal equations without the poses."""

    hessian: Array
    """[frames, 10, 10]"""
    slope: Array
    """[frames, 10]"""
    own: Array
    """[frames, parameters] minus the pose's step for an unchanged shape"""
    coupling: Array
    """[frames, parameters, 10] minus how that step changes with the shape"""


def _shape_told(body: CameraPose, rays: Array, weight: Array, turned: Array | None) -> _ShapeTold:
    """Linearised at `body`, whose parameters were `turned` [frames, parameters] from the network's answer; None: as far
    as to be at rest, which is what a fitted pose is."""
    at = _linear(body, rays, weight)
    shape = _shape_rows(at)
    weighted, stiff = at.rows * at.weight, 1 / _SPREAD**2
    pulled = transpose(weighted) @ at.residual
    slope = np.zeros_like(pulled) if turned is None else pulled + (stiff * turned)[..., None]
    mixed = transpose(weighted) @ shape
    solved = np.linalg.solve(transpose(at.rows) @ weighted + np.diag(stiff), np.concatenate([mixed, slope], axis=-1))
    coupling, own = solved[..., :BETA_COUNT], solved[..., BETA_COUNT:]
    tilted = transpose(shape * at.weight)
    return _ShapeTold(
        hessian=tilted @ shape - transpose(mixed) @ coupling,
        slope=(tilted @ at.residual - transpose(mixed) @ own)[..., 0],
        own=own[..., 0],
        coupling=coupling,
    )


def _shape_rows(at: _Linear) -> Array:
    """d residual / d betas [frames, 34, 10]: a joint moves by the bones above it, each turned as its parent is."""
    components = shape_space().components
    moved = np.zeros((len(at.globals_), JOINT_COUNT, 3, BETA_COUNT))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            moved[:, joint] = moved[:, parent] + at.globals_[:, parent] @ components[:, joint].T
    points = moved[:, COCO_JOINTS]
    return np.asarray(points[..., :2, :] - at.slant[..., None] * points[..., 2:, :]).reshape(len(moved), -1, BETA_COUNT)


def _shape_step(hessian: Array, slope: Array, frames: int, away: Array) -> Array:
    """The change of the betas [10] for the means over `frames` frames, `away` from the prior's middle."""
    weight = min(frames, SHAPE_WEIGHT)
    return np.asarray(-np.linalg.solve(weight * hessian + np.eye(BETA_COUNT), weight * slope + away))


class RunningShape:
    """The shape of a person of whom one frame after the other is seen; of constant size.  A mean over the frames, from
    SHAPE_MEMORY of them on one in which older frames count less and less."""

    def __init__(self) -> None:
        self._frames = 0
        self._hessian, self._target = np.zeros((BETA_COUNT, BETA_COUNT)), np.zeros(BETA_COUNT)

    def push(self, pose: CameraPose, keypoints: Keypoints, betas: Array) -> None:
        """Learn from a fitted pose [1, ...] of the body of `betas` and its keypoints."""
        rays, weight = normalised_rays(keypoints, 1)
        told = _shape_told(pose, rays, weight, None)
        self._frames = min(self._frames + 1, SHAPE_MEMORY)
        self._hessian += (told.hessian[0] - self._hessian) / self._frames
        self._target += (told.hessian[0] @ betas - told.slope[0] - self._target) / self._frames

    def betas(self, betas: Array) -> Array:
        """[10]: the network's `betas` moved by what the frames told."""
        if not self._frames:
            return betas
        return betas + _shape_step(self._hessian, self._hessian @ betas - self._target, self._frames, np.zeros(1))


def _jacobian(points: Array, joints: Array, depth: Array) -> Array:
    """d residual / d parameters [frames, 17, 2, parameters]: turns of the free joints, then the root's place."""
    arm = (points[:, :, None] - joints[:, None, _FREE]) * _ABOVE[None, :, :, None]
    zero = np.zeros_like(arm[..., 0])
    x, y, z = np.moveaxis(arm, -1, 0)
    # the matrix of w -> w x arm
    cross = np.stack([np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], axis=-2)
    turns = cross.transpose(0, 1, 3, 2, 4).reshape(*points.shape[:2], 3, -1)
    moves = np.broadcast_to(np.eye(3), (*points.shape[:2], 3, 3))
    motion = np.concatenate([turns, moves], axis=-1)  # [frames, 17, 3, parameters]
    return np.asarray(motion[..., :2, :] - (points[..., :2] / depth)[..., None] * motion[..., 2:, :])


def _turn(body: CameraPose, step: Array) -> Array:
    """Local rotations after turning the free joints about the camera's axes by `step` [frames, free, 3]."""
    above = forward_kinematics(body.rotations, body.root, body.offsets)[0]
    camera = np.broadcast_to(np.eye(3), (len(above), 1, 3, 3))
    frame = np.concatenate([camera, above], axis=1)[:, _PARENTS]
    rotations = body.rotations.copy()
    rotations[:, _FREE] = matrix_from_axis_angle(rotate(transpose(frame), step)) @ rotations[:, _FREE]
    return rotations
