"""One shape of a person's body for all frames: the length of a limb follows from views of many sides, from no one view.

Poses and shape move together towards the keypoints; the poses are then thrown away, since the fit to keypoints
(`refine.reprojection_fit`) finds them again with what ties neighbours.  `fit_shape` does it for whole motions, in the
space of `fitted_space`; `RunningShape` for streams, frame by frame, in that of the betas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.rotation import transpose
from genmo.runtime.motion.skeleton import (
    BETA_COUNT,
    COCO_JOINTS,
    JOINT_COUNT,
    JOINTS,
    PARENTS,
    ShapeSpace,
    shape_space,
)
from genmo.runtime.refine.native_fit import FitInput
from genmo.runtime.refine.reprojection_fit import (
    FREE_JOINTS,
    CameraPose,
    Reprojection,
    native_fit_model,
    normalised_rays,
    reprojection,
)
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array

SHAPE_FRAMES = 32  # evenly taken from a motion, for its shape
SHAPE_ITERATIONS = 4
SHAPE_MEMORY = 300  # frames of a stream
# However many frames there are, they count as so many: a detector places a hip wrongly in all of them alike.  The
# network's shape, whose errors are about one standard deviation, counts as one of the prior.  Times the square of the
# share of keypoints that are seen, of which the weight is over SEEN: of half a person the network knows more.
SHAPE_WEIGHT = 10.0
SEEN, LEAST_SEEN = 0.5, 0.01

# The betas are of a few dozen actors.  Beside them thighs, shins and trunk are longer or shorter than they say, by so
# much (one standard deviation): people differ more, and detectors place hips and shoulders differently.
PROPORTION = 0.03
_PROPORTIONS = (
    ("left_knee", "right_knee"),
    ("left_ankle", "right_ankle"),
    ("spine1", "spine2", "spine3", "left_collar", "right_collar"),
)


def fitted_space() -> ShapeSpace:
    """Bodies of 13 numbers: the betas [10], then how much longer thighs, shins and trunk are, in PROPORTIONs."""
    return _fitted_space_of(PROPORTION)


@cache
def _fitted_space_of(proportion: float) -> ShapeSpace:
    space = shape_space()
    longer = np.zeros((len(_PROPORTIONS), *space.mean.shape))
    for row, joints in zip(longer, _PROPORTIONS, strict=True):
        chosen = [JOINTS.index(name) for name in joints]
        row[chosen] = proportion * space.mean[chosen]
    return ShapeSpace(space.mean, np.concatenate([space.components, longer]), space.explained_variance)


def fit_shape(pose: CameraPose, rays: Array, weight: Array, betas: Array) -> Array:
    """Shape [13] of one person in `fitted_space`: the network's `betas` [10] moved to where poses and keypoints of all
    frames fit best.

    Poses and shape move together; the poses are then thrown away, since `fit_pose` finds them again with what ties
    neighbours.  `pose`, `rays` and `weight` of any frames (`normalised_rays`); SHAPE_FRAMES of them are used.
    """
    chosen = np.unique(np.linspace(0, len(rays) - 1, min(len(rays), SHAPE_FRAMES)).round().astype(int))
    rays, weight = rays[chosen], weight[chosen]
    trusted = SHAPE_WEIGHT * max(float((weight > SEEN).mean()), LEAST_SEEN) ** 2
    rotations, root, space = pose.rotations[chosen], pose.root[chosen], fitted_space()
    start = np.concatenate([betas, np.zeros(len(space.components) - BETA_COUNT)])
    if native.library():
        given = FitInput(rotations, root, pose.offsets, rays, weight)
        return native_fit_model().fit_shape(given, (space.mean, space.components), start, trusted, SHAPE_ITERATIONS)
    fitted = start
    changes = np.zeros((len(chosen), FREE_JOINTS.parameters))
    for _ in range(SHAPE_ITERATIONS):
        linear = reprojection(CameraPose(rotations, root, space.offsets(fitted)), rays, weight)
        equations = _shape_equations(linear, space.components, changes)
        means = equations.hessian.mean(axis=0), equations.slope.mean(axis=0)
        change = _shape_step(*means, min(len(chosen), trusted), fitted - start)
        step = -(equations.pose + equations.coupling @ change)
        rotations, root, taken = FREE_JOINTS.moved(rotations, root, linear.globals_, step)
        fitted, changes = fitted + change, changes + taken
    return fitted


@dataclass(frozen=True, eq=False)
class _ShapeEquations:
    """Normal equations of the shape when each frame may still move its own pose, with the poses eliminated."""

    hessian: Array
    """[frames, shape, shape]"""
    slope: Array
    """[frames, shape]"""
    pose: Array
    """[frames, parameters] minus the pose's step for an unchanged shape"""
    coupling: Array
    """[frames, parameters, shape] minus how that step changes with the shape"""


def _shape_equations(linear: Reprojection, components: Array, changes: Array | None) -> _ShapeEquations:
    """Of `components` [shape, 24, 3], at a pose whose parameters are `changes` [frames, parameters] from the network's
    answer; None: as far as to be at rest, which is what a fitted pose is."""
    shape = _shape_rows(linear, components)
    weighted, stiff = transpose(linear.rows * linear.weight), FREE_JOINTS.stiffness
    pulled = weighted @ linear.residual
    slope = np.zeros_like(pulled) if changes is None else pulled + (stiff * changes)[..., None]
    mixed = weighted @ shape  # [frames, parameters, shape]
    solved = np.linalg.solve(weighted @ linear.rows + np.diag(stiff), np.concatenate([mixed, slope], axis=-1))
    coupling, pose = solved[..., :-1], solved[..., -1:]
    weighted_shape = transpose(shape * linear.weight)
    return _ShapeEquations(
        hessian=weighted_shape @ shape - transpose(mixed) @ coupling,
        slope=(weighted_shape @ linear.residual - transpose(mixed) @ pose)[..., 0],
        pose=pose[..., 0],
        coupling=coupling,
    )


def _shape_at_rest(pose: CameraPose, rays: Array, weight: Array) -> tuple[Array, Array]:
    """Hessian [10, 10] and slope [10] of the betas at a fitted pose [1, ...]."""
    space = shape_space()
    if native.library():
        given = FitInput(pose.rotations, pose.root, pose.offsets, rays, weight)
        return native_fit_model().shape_equations(given, (space.mean, space.components))
    equations = _shape_equations(reprojection(pose, rays, weight), space.components, None)
    return equations.hessian[0], equations.slope[0]


def _shape_rows(linear: Reprojection, components: Array) -> Array:
    """d residual / d shape [frames, 34, shape] for `components` [shape, 24, 3]: a joint moves by the bones above it,
    each turned as its parent is."""
    moved = np.zeros((len(linear.globals_), JOINT_COUNT, 3, len(components)))
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            moved[:, joint] = moved[:, parent] + linear.globals_[:, parent] @ components[:, joint].T
    points = moved[:, COCO_JOINTS]  # [frames, 17, 3, shape]
    rows = points[..., :2, :] - linear.slant[..., None] * points[..., 2:, :]
    return np.asarray(rows).reshape(len(moved), -1, len(components))


def _shape_step(hessian: Array, slope: Array, weight: float, change: Array) -> Array:
    """The step of a shape for means over frames that count as `weight`, at a `change` from the prior's middle; all
    [shape]."""
    return np.asarray(-np.linalg.solve(weight * hessian + np.eye(len(slope)), weight * slope + change))


class RunningShape:
    """The shape of a person of whom one frame comes after the other; of constant size.  A mean over the frames, from
    SHAPE_MEMORY of them on one in which older frames count less and less."""

    def __init__(self) -> None:
        self._frames, self._seen = 0, 0.0
        self._hessian, self._target = np.zeros((BETA_COUNT, BETA_COUNT)), np.zeros(BETA_COUNT)

    def push(self, pose: CameraPose, keypoints: Keypoints, betas: Array) -> None:
        """Learn from a fitted pose [1, ...] of the body of `betas` and its keypoints."""
        rays, weight = normalised_rays(keypoints, 1)
        hessian, slope = _shape_at_rest(pose, rays, weight)
        self._frames = min(self._frames + 1, SHAPE_MEMORY)
        self._seen += (float((weight > SEEN).mean()) - self._seen) / self._frames
        self._hessian += (hessian - self._hessian) / self._frames
        self._target += (hessian @ betas - slope - self._target) / self._frames

    def betas(self, betas: Array) -> Array:
        """[10]: the network's `betas` moved to where the frames so far fit best."""
        if not self._frames:
            return betas
        weight = min(self._frames, SHAPE_WEIGHT * self._seen**2)
        return betas + _shape_step(self._hessian, self._hessian @ betas - self._target, weight, np.zeros(1))
