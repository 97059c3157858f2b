"""Fit an estimated body to the keypoints it was estimated from: a few damped Gauss-Newton steps on the skeleton.

The network sees the keypoints through 256 channels and answers in one step; its depth is good and its reprojection
is off by centimetres.  Here every frame turns its joints a little so that the skeleton projects onto the keypoints,
held back by how far it turns from the network's answer and by the correction of the frames beside it
(`refine.gauss_newton`; here are its residuals and weights).  Joints turn about the camera's axes.

Before that the body's shape is fitted (`refine.shape_fit`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.skeleton import (
    COCO_COUNT,
    COCO_JOINTS,
    COCO_KEYPOINTS,
    PARENTS,
    coco_keypoints,
    forward_kinematics,
)
from genmo.runtime.refine.gauss_newton import Damping, FreeJoints, Linearization, solve_in_windows, solve_pose
from genmo.runtime.refine.native_fit import FitInput, NativeFit
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array

ITERATIONS = 10
MIN_DEPTH = 0.3  # metres; nothing closer is fitted
CHUNK = 1024  # frames fitted at a time, which bounds the memory
ROBUST_SCALE = 0.15  # metres; keypoints further off lose weight (Geman-McClure), as wrong detections should

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
FREE_JOINTS = FreeJoints(TURNS, move=np.array([0.3, 0.3, 0.5]), own_axes=False)  # metres in the camera frame
CHANGE = 0.3  # share of the above that a correction may change from one frame to the next
# Confidences at which a keypoint begins to count and at which it counts in full: a weight, not a step, since detectors
# cross any threshold dozens of times a minute.
MIN_CONFIDENCE, FULL_CONFIDENCE = 0.3, 0.9
# Errors that change slowly look like motion, so smoothing leaves them in, but no body fits them: residuals after a fit
# that change by more than FITS within LAG frames, in units of how well a keypoint marks its joint, give them away.
FITS, LAG = 0.24, 10
EXPLAINED = 0.2  # share of the change before the fit that it may leave where the keypoints are right
AVERAGED = 30  # frames on each side over which that is averaged
LEAST_TRUST, FULL_TRUST = 0.2, 0.95  # times as wide as _KEYPOINT_SPREAD says at 1 / LEAST_TRUST

FACE = 5  # the first keypoints

# How well a keypoint marks its joint, metres: a nose, ear or hip is placed differently by every detector.
_KEYPOINT_SPREAD = np.array([0.05] * 5 + [0.02] * 6 + [0.035] * 2 + [0.02] * 4)

_ALONG_VIEW = np.array([True, True, False] * len(TURNS) + [False, False, True])
"""the parameters that move points along the view: turns about the camera's x and y, the root's depth"""


def native_fit_model() -> NativeFit:
    """The same skeleton and constants for libgenmo."""
    depths = (("min_depth", MIN_DEPTH), ("robust_scale", ROBUST_SCALE), ("change", CHANGE))
    trust = (("least_trust", LEAST_TRUST), ("full_trust", FULL_TRUST), ("fits", FITS), ("explained", EXPLAINED))
    return _native_fit_of(*depths, *trust, ("first_trusted", FACE), ("lag", LAG), ("averaged", AVERAGED))


@cache
def _native_fit_of(*constants: tuple[str, float]) -> NativeFit:
    places = np.asarray([place for *_, place in COCO_KEYPOINTS])
    spreads = _KEYPOINT_SPREAD, FREE_JOINTS.spread
    return NativeFit(PARENTS, FREE_JOINTS.indices, COCO_JOINTS, places, *spreads, _ALONG_VIEW, dict(constants))


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

    A frame depends on fewer than `iterations` + AVERAGED + LAG frames on each side, so long motions are fitted in
    windows that overlap by as much: the same answer.  `progress` is called with the share that is done.
    """

    def fitted(window: slice) -> tuple[Array, Array]:
        part = CameraPose(pose.rotations[window], pose.root[window], pose.offsets)
        part = _fitted(part, Keypoints(keypoints.points[window], keypoints.intrinsics), iterations)
        return part.rotations, part.root

    rotations, root = solve_in_windows(len(pose.root), CHUNK, iterations + AVERAGED + LAG, fitted, progress)
    return _with_root_through_gaps(CameraPose(rotations, root, pose.offsets), keypoints)


def _with_root_through_gaps(pose: CameraPose, keypoints: Keypoints) -> CameraPose:
    """The pose with its root on a straight line through frames without detections between frames with some.

    The network fills such gaps well with poses, and places them 0.2 to 0.5 m off; a line is 0.15 to 0.2 m off.
    """
    frames = np.arange(len(pose.root))
    detected = np.asarray(normalised_rays(keypoints, len(frames))[1].any(axis=1), np.bool_)
    if detected.all() or not detected.any():
        return pose
    first, last = np.flatnonzero(detected)[[0, -1]]
    gap = ~detected & (frames > first) & (frames < last)
    root: Array = pose.root.copy()
    for axis in range(3):
        root[gap, axis] = np.interp(frames[gap], frames[detected], pose.root[detected, axis])
    return CameraPose(pose.rotations, root, pose.offsets)


def _fitted(pose: CameraPose, keypoints: Keypoints, iterations: int) -> CameraPose:
    """The fit of all frames at once; anew where the keypoints turn out to deserve less trust."""
    rays, weight = normalised_rays(keypoints, len(pose.root))
    if native.library():
        given = FitInput(pose.rotations, pose.root, pose.offsets, rays, weight)
        return CameraPose(*native_fit_model().fit_pose(given, iterations), pose.offsets)
    fitted = _solved(pose, rays, weight, np.ones(len(rays)), iterations)
    trust = _trust(pose, fitted, rays, weight)
    trust[trust > FULL_TRUST] = 1
    return fitted if (trust == 1).all() else _solved(pose, rays, weight, trust, iterations)


def _solved(pose: CameraPose, rays: Array, weight: Array, trust: Array, iterations: int) -> CameraPose:
    """The pose after so many damped steps towards the keypoints, which count by `weight` [frames, 17] and `trust`
    [frames]."""
    weight = weight * trust[:, None] ** 2
    rotations, root = solve_pose(
        (pose.rotations, pose.root, pose.offsets),
        FREE_JOINTS,
        _damping(trust),
        lambda globals_, joints: _linearized(globals_, joints, rays, weight),
        iterations,
    )
    return CameraPose(rotations, root, pose.offsets)


def _damping(trust: Array) -> Damping:
    """The less the keypoints are trusted [frames], the slower may the correction change along the view, of which they
    say least."""
    change = CHANGE * np.where(_ALONG_VIEW, trust[:, None], 1)  # [frames, parameters]
    return Damping.for_frames(np.arange(len(trust)), FREE_JOINTS.stiffness[None], change, damp_ends=True)


def normalised_rays(keypoints: Keypoints, frames: int) -> tuple[Array, Array]:
    """Where the keypoints of `frames` frames lie on the plane at depth 1 [frames, 17, 2], and how much each counts by
    its confidence [frames, 17], 0 to 1; 0 after their last frame."""
    focal, middle = keypoints.intrinsics[[0, 1], [0, 1]], keypoints.intrinsics[:2, 2]
    points = np.zeros((frames, *keypoints.points.shape[1:]))
    points[: keypoints.frames] = keypoints.points
    weight = np.clip((points[..., 2] - MIN_CONFIDENCE) / (FULL_CONFIDENCE - MIN_CONFIDENCE), 0, 1)
    return (points[..., :2] - middle) / focal, weight


def _trust(before: CameraPose, after: CameraPose, rays: Array, weight: Array) -> Array:
    """How far the keypoints of each frame may be trusted [frames], LEAST_TRUST to 1: from the pose `before` and `after`
    a fit at full trust.

    Residuals that still change after the fit are errors of the keypoints only where they are large in themselves and
    beside those before it: where the network is far off, or the body is another, a fit leaves large ones too.
    """
    if len(rays) <= 2 * LAG:
        return np.ones(len(rays))
    was, left = (np.maximum(_residual_change(pose, rays, weight), 1e-9) for pose in (before, after))
    return np.asarray(np.clip(np.maximum((FITS / left) ** 2, (EXPLAINED * was / left) ** 4), LEAST_TRUST, 1.0))


def _residual_change(pose: CameraPose, rays: Array, weight: Array) -> Array:
    """How much the residuals of limbs and trunk change within LAG frames [frames], in units of _KEYPOINT_SPREAD, which
    a detector's own idea of where a hip lies does not touch: the median over the points, averaged over AVERAGED
    frames on each side."""
    body = slice(FACE, None)
    visible = weight[:, body] > 0  # [frames, 12]
    residual = reprojection(pose, rays, weight).residual.reshape(*weight.shape, 2)[:, body]  # [frames, 12, 2]
    residual = residual / _KEYPOINT_SPREAD[body, None]
    both = visible[LAG:] & visible[:-LAG]
    change = np.where(both, np.linalg.norm(residual[LAG:] - residual[:-LAG], axis=-1) / np.sqrt(2), np.nan)
    measured = both.any(axis=1)
    typical: Array = np.zeros(len(change))
    typical[measured] = np.nanmedian(change[measured], axis=1)
    # running sums over frames of the changes and of how many there are [2, 1 + frames - LAG]
    sums: Array = np.cumsum(np.pad(np.stack([typical, measured.astype(np.float64)]), [(0, 0), (1, 0)]), axis=1)
    middle = np.arange(len(rays)) - LAG // 2  # a change belongs to the middle of its two frames
    low, high = (np.clip(middle + end, 0, len(change)) for end in (-AVERAGED, AVERAGED + 1))
    inside = np.asarray(sums[:, high] - sums[:, low], np.float64)
    return np.asarray(inside[0] / np.maximum(inside[1], 1))


@dataclass(frozen=True, eq=False)
class Reprojection(Linearization):
    """How far a body's points are from the keypoints, metres at the points' own depth; 34 residuals a frame."""

    globals_: Array
    """[frames, 24, 3, 3]"""
    slant: Array
    """[frames, 17, 2] x and y over z of the points"""


def reprojection(pose: CameraPose, rays: Array, weight: Array) -> Reprojection:
    """How far the pose [frames, ...] projects from `rays` [frames, 17, 2] that count by `weight` [frames, 17]."""
    return _linearized(*forward_kinematics(pose.rotations, pose.root, pose.offsets), rays, weight)


def _linearized(globals_: Array, joints: Array, rays: Array, weight: Array) -> Reprojection:
    points = coco_keypoints(globals_, joints)
    depth = np.maximum(points[..., 2:], MIN_DEPTH)
    slant = points[..., :2] / depth
    residual = (slant - rays) * depth
    distance = np.linalg.norm(residual, axis=-1)
    weight = weight * (points[..., 2] > MIN_DEPTH) / _KEYPOINT_SPREAD**2 / (1 + (distance / ROBUST_SCALE) ** 2) ** 2
    motion = FREE_JOINTS.jacobian(points, COCO_JOINTS, globals_, joints)  # [frames, 17, 3, parameters]
    rows = motion[..., :2, :] - slant[..., None] * motion[..., 2:, :]
    frames = len(rays)
    return Reprojection(
        rows=rows.reshape(frames, 2 * COCO_COUNT, -1),
        residual=residual.reshape(frames, -1, 1),
        weight=np.repeat(weight, 2, axis=1)[..., None],
        globals_=globals_,
        slant=slant,
    )
