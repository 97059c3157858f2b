"""Rotation and direction of travel between two images of one calibrated camera.

Points are on the plane z = 1 of the camera (x right, y down, z forward): pixels less the principal point over the focal
length.  A relative pose (R, t) takes points of the first camera to the second: x2 = R x1 + t.

Three models are fitted to the same matches, each robust against those that move by themselves: rotation alone, a plane
(homography) and a rigid scene (essential matrix).  The one of the lowest GRIC (Torr, IJCV 2002) is taken: it weighs
the residuals against what a model could explain anyway, so that a camera which only rotates is not given a translation
that noise made up, and one that travels is not taken for one that turns.  One thing GRIC cannot see: where a camera
only turns, its matches allow any travel, and a few things that move together choose one.  So a rotation that most
matches agree with is taken in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import matrix_from_axis_angle, normalize, transpose
from genmo.runtime.support.arrays import Array
from genmo.runtime.video.libraries import library

Kind = Literal["rotation", "plane", "rigid"]
DIMENSIONS: dict[Kind, tuple[int, int]] = {"rotation": (2, 3), "plane": (2, 8), "rigid": (3, 5)}
"""Dimension of the set of matches that a model allows (of 4), and its own parameters."""
SAMPLES = 300
"""Pairs of matches tried for a rotation: with half of the matches wrong, all miss once in 10^37."""
LEAST_MATCHES = 12
MOSTLY = 0.65
"""A rotation alone with which so many matches agree is enough."""
REFINEMENTS = 12


@dataclass(frozen=True, eq=False)
class Relative:
    """The second camera as the first one sees it."""

    kind: Kind
    rotation: Array
    """[3, 3]"""
    direction: Array
    """[3] unit direction of t; zero where the camera only turns"""
    inliers: npt.NDArray[np.bool_]
    """[n] matches that agree"""


def relative_pose(first: Array, second: Array, noise: float) -> Relative:
    """The pose between matches [n, 2] on the plane z = 1; `noise`: their standard deviation a coordinate, same unit.

    At least `LEAST_MATCHES` matches.  Deterministic.
    """
    pure_rotation = rotation_alone(first, second, noise)
    residual = transfer(pure_rotation, first, second)
    agree = residual < (3 * noise) ** 2
    if agree.mean() > MOSTLY:
        return Relative("rotation", pure_rotation, np.zeros(3), agree)
    candidates: list[tuple[float, Kind, Array, Array]] = []
    candidates.append((gric(residual, noise, "rotation"), "rotation", pure_rotation, np.zeros(3)))
    rigid = rigid_scene(first, second, pure_rotation, noise)
    candidates.append((gric(sampson(*rigid, first, second), noise, "rigid"), "rigid", *rigid))
    plane = plane_scene(first, second, pure_rotation, noise)
    if plane is not None:
        candidates.append((plane[0], "plane", *plane[1:]))
    _, kind, rotation, direction = min(candidates, key=lambda one: one[0])
    error = residual if kind == "rotation" else sampson(rotation, direction, first, second)
    return Relative(kind, rotation, direction, error < (3 * noise) ** 2)


def gric(squared: Array, noise: float, kind: Kind) -> float:
    """Geometric robust information criterion of squared residuals [n] of a model; lower is better.

    sum min(e^2 / noise^2, 2 (4 - d)) + n d ln 4 + k ln(4 n), d and k being `DIMENSIONS`.
    """
    dimension, parameters = DIMENSIONS[kind]
    most = 2.0 * (4 - dimension)
    cost = np.minimum(squared / noise**2, most).sum()
    return float(cost + len(squared) * dimension * np.log(4) + parameters * np.log(4 * len(squared)))


def rays(points: Array) -> Array:
    """Points [..., 2] on the plane z = 1 as [..., 3]."""
    return np.concatenate([points, np.ones_like(points[..., :1])], axis=-1)


def transfer(rotation: Array, first: Array, second: Array) -> Array:
    """Squared distance [..., n] of the second points to the rotated first ones, for rotations [..., 3, 3]."""
    rotated = rays(first) @ transpose(rotation)
    ahead = rotated[..., 2] > 1e-3
    projected = rotated[..., :2] / np.where(ahead, rotated[..., 2], 1)[..., None]
    return np.where(ahead, ((projected - second) ** 2).sum(axis=-1), 1.0)


def rotation_alone(first: Array, second: Array, noise: float) -> Array:
    """[3, 3] the rotation that most matches agree with: the best of many pairs, then refined."""
    before, after = normalize(rays(first)), normalize(rays(second))
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, len(first), (SAMPLES, 2))
    pairs[:, 1] = np.where(pairs[:, 0] == pairs[:, 1], (pairs[:, 1] + 1) % len(first), pairs[:, 1])
    hypotheses = _frame(after[pairs]) @ transpose(_frame(before[pairs]))
    costs = np.minimum(transfer(hypotheses, first, second), (4 * noise) ** 2).sum(axis=-1)
    rotation = hypotheses[int(costs.argmin())]
    for _ in range(REFINEMENTS):
        rotated = rays(first) @ rotation.T
        depth = np.maximum(rotated[:, 2:], 1e-3)
        error = (rotated[:, :2] / depth - second).reshape(-1)
        x, y, z = rotated.T
        zero = np.zeros_like(x)
        # d turned / d w for a small turn w in front: w x turned
        moved = np.stack([np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], -2)
        jacobian = (moved[:, :2] - (rotated[:, :2] / depth)[..., None] * moved[:, 2:]) / depth[..., None]
        weight = np.repeat(_weights(error.reshape(-1, 2), noise), 2)
        rows = jacobian.reshape(-1, 3)  # [2 n, 3]
        step = -np.linalg.solve(rows.T @ (rows * weight[:, None]) + 1e-9 * np.eye(3), rows.T @ (weight * error))
        rotation = matrix_from_axis_angle(step) @ rotation
    return np.asarray(rotation)


def _frame(pair: Array) -> Array:
    """Right-handed frames [..., 3, 3] (columns) of two rays [..., 2, 3]."""
    middle = normalize(pair[..., 0, :] + pair[..., 1, :])
    normal = np.cross(pair[..., 0, :], pair[..., 1, :])
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    return np.stack([middle, normal, np.cross(middle, normal)], axis=-1)


def _weights(error: Array, noise: float) -> Array:
    """Weights [n] of residuals [n, ...] (Geman and McClure): what moves by itself soon counts for nothing."""
    return np.asarray(1 / (1 + (error.reshape(len(error), -1) ** 2).sum(axis=-1) / (2 * noise) ** 2) ** 2)


def sampson(rotation: Array, direction: Array, first: Array, second: Array) -> Array:
    """Squared distance [n] of matches to those that a rigid scene allows, to first order (Sampson)."""
    return _sampson_signed(rotation, direction, first, second) ** 2


def _sampson_signed(rotation: Array, direction: Array, first: Array, second: Array) -> Array:
    x, y, z = direction
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation
    line2, line1 = rays(first) @ essential.T, rays(second) @ essential
    slope = (line1[:, :2] ** 2).sum(axis=-1) + (line2[:, :2] ** 2).sum(axis=-1)
    return np.asarray((rays(second) * line2).sum(axis=-1) / np.sqrt(np.maximum(slope, 1e-18)))


def rigid_scene(first: Array, second: Array, pure_rotation: Array, noise: float) -> tuple[Array, Array]:
    """Rotation [3, 3] and direction [3] of travel in a rigid scene.

    Refined from two starts: the five-point method with RANSAC, which flips at small travel, and the rotation alone with
    the travel that its residuals show, which does not.  The lower robust cost is kept.
    """
    starts = [(pure_rotation, _travel(pure_rotation, first, second, noise))]
    cv2 = library("cv2")
    cv2.setRNGSeed(0)
    essential, _ = cv2.findEssentialMat(
        first, second, np.eye(3), method=cv2.USAC_ACCURATE, prob=0.999, threshold=2.5 * noise
    )
    if essential is not None and essential.shape == (3, 3):
        *rotations, direction = cv2.decomposeEssentialMat(essential)
        starts += [(rotation, direction[:, 0]) for rotation in rotations]
    refined = [_refine_rigid(*start, first, second, noise) for start in starts]
    # a turn by half a circle about the travel has the same essential matrix, with the scene behind the camera
    ahead = [_facing(*one, first, second) for one in refined]
    costs = [
        np.minimum(sampson(*one, first, second), (3 * noise) ** 2).sum() + (0 if share > 0.6 else np.inf)
        for one, share in ahead
    ]
    best = int(np.argmin(costs))
    return ahead[best][0] if np.isfinite(costs[best]) else refined[0]


def _travel(rotation: Array, first: Array, second: Array, noise: float) -> Array:
    """Unit direction [3] to which the residuals of a rotation point: t with (x2 x R x1) . t = 0, robustly."""
    normals = np.cross(rays(second), rays(first) @ rotation.T)
    weight: Array = np.ones(len(normals))
    direction: Array = np.zeros(3)
    for _ in range(8):
        direction = np.linalg.svd(normals * np.sqrt(weight)[:, None], full_matrices=False)[2][2]
        weight = _weights((normals @ direction)[:, None], noise)
    return direction


def _refine_rigid(rotation: Array, direction: Array, first: Array, second: Array, noise: float) -> tuple[Array, Array]:
    """Levenberg-Marquardt steps on the robust Sampson distance: three of rotation, two of direction."""
    damping = 1e-4

    def cost(error: Array) -> float:
        scaled = error**2 / (2 * noise) ** 2
        return float((scaled / (1 + scaled)).sum())

    error = _sampson_signed(rotation, direction, first, second)
    for _ in range(REFINEMENTS):
        aside = np.linalg.svd(direction[None])[2][1:]  # two directions across the travel
        jacobian = np.empty((len(first), 5))
        for column in range(5):
            moved = _moved(rotation, direction, aside, 1e-6 * np.eye(5)[column])
            jacobian[:, column] = (_sampson_signed(*moved, first, second) - error) / 1e-6
        weight = _weights(error[:, None], noise)
        square = jacobian.T @ (jacobian * weight[:, None])
        step = -np.linalg.solve(square + damping * np.diag(np.diag(square) + 1e-12), jacobian.T @ (weight * error))
        tried = _moved(rotation, direction, aside, step)
        new = _sampson_signed(*tried, first, second)
        if cost(new) <= cost(error):
            (rotation, direction), error, damping = tried, new, damping / 10
        else:
            damping *= 10
    return rotation, direction


def _moved(rotation: Array, direction: Array, aside: Array, step: Array) -> tuple[Array, Array]:
    return matrix_from_axis_angle(step[:3]) @ rotation, normalize(direction + step[3:] @ aside)


def depths(rotation: Array, travel: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Depths [n] in the first and the second camera, in the unit of `travel`, by least squares."""
    first_rays, second_rays = rays(first) @ rotation.T, rays(second)
    # first_rays * d1 - second_rays * d2 = -travel
    aa, ab, bb = (first_rays**2).sum(-1), (first_rays * second_rays).sum(-1), (second_rays**2).sum(-1)
    at, bt = first_rays @ travel, second_rays @ travel
    determinant = np.maximum(aa * bb - ab**2, 1e-12)
    return (-bb * at + ab * bt) / determinant, (-ab * at + aa * bt) / determinant


def _facing(rotation: Array, direction: Array, first: Array, second: Array) -> tuple[tuple[Array, Array], float]:
    """The pose with the sign of travel that has more points in front of both cameras, and their share."""
    shares = []
    for sign in (1, -1):
        first_depths, second_depths = depths(rotation, sign * direction, first, second)
        shares.append(float(((first_depths > 0) & (second_depths > 0)).mean()))
    sign = 1 if shares[0] >= shares[1] else -1
    return (rotation, sign * direction), max(shares)


def plane_scene(first: Array, second: Array, pure_rotation: Array, noise: float) -> tuple[float, Array, Array] | None:
    """GRIC, rotation [3, 3] and direction [3] of a scene that is one plane; None where no homography is found.

    A plane allows two poses; the one that turns more like the rotation alone is taken.
    """
    cv2 = library("cv2")
    homography, _ = cv2.findHomography(first, second, cv2.USAC_ACCURATE, 2.5 * noise, maxIters=1000, confidence=0.999)
    if homography is None:
        return None
    mapped = rays(first) @ homography.T
    ahead = mapped[:, 2] > 1e-6
    error = ((mapped[:, :2] / np.where(ahead, mapped[:, 2], 1)[:, None] - second) ** 2).sum(axis=-1)
    score = gric(np.where(ahead, error, 1.0), noise, "plane")
    count, rotations, travels, normals = cv2.decomposeHomographyMat(homography, np.eye(3))
    inside = first[error < (3 * noise) ** 2]
    fits = [
        (rotations[one], normalize(travels[one][:, 0]))
        for one in range(count)
        if len(inside) and (rays(inside) @ normals[one][:, 0] > 0).mean() > 0.9 and np.linalg.norm(travels[one]) > 1e-9
    ]
    if not fits:
        return None
    rotation, direction = max(fits, key=lambda one: float(np.trace(one[0] @ pure_rotation.T)))
    return score, rotation, direction


def rotation_angle(rotation: Array) -> Array:
    """Angle [...] in degrees of rotations [..., 3, 3]."""
    sine = np.linalg.norm(
        np.stack([rotation[..., i, j] - rotation[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))], axis=-1), axis=-1
    )
    cosine = np.trace(rotation, axis1=-2, axis2=-1) - 1
    return np.asarray(np.degrees(np.arctan2(sine, cosine)))
