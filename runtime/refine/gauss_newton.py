"""Damped Gauss-Newton on the skeleton: the one solver under the fit to keypoints and the constraints.

A pose changes by turns of some joints (`FreeJoints`) and by a move of the root.  A caller states what it measures, a
`Linearization` (residuals, their weights, their derivatives), and how far the pose may change (`Damping`): each change
is held back by its own prior, and by its difference from the changes of the frames before and after, so that frames
solved side by side make one motion.  Each iteration solves the normal equations of every frame by itself, with the
neighbours as the iteration before left them: a frame depends on no more frames on each side than there are iterations,
and long motions can be solved in windows that overlap by as much (`solve_in_windows`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, forward_kinematics
from genmo.runtime.support.arrays import Array, Flags, Numbers

Spread = float | tuple[float, float, float]


def _is_above(joint: int, descendant: int) -> bool:
    """Whether turning `joint` moves what is fixed to `descendant`, which may be the joint itself."""
    while descendant >= 0 and descendant != joint:
        descendant = PARENTS[descendant]
    return descendant == joint


@dataclass(frozen=True, eq=False)
class FreeJoints:
    """The parameters of a pose: turns of some joints, three each, then the root's move.

    With w the turn of joint j at q_j, a point p fixed to it or to a joint below it moves by w x (p - q_j).
    """

    spreads: Mapping[str, Spread]
    """joint name -> radians that it may turn (one standard deviation), about all axes or about x, y and z"""
    move: Array
    """[3] metres that the root may move (one standard deviation)"""
    own_axes: bool
    """turns are about the joint's own axes; otherwise about those of the frame that the root is in, such as a camera"""

    @cached_property
    def indices(self) -> list[int]:
        """[free] numbers of the joints."""
        return [JOINTS.index(name) for name in self.spreads]

    @property
    def parameters(self) -> int:
        """How many numbers change a pose: 3 x free + 3."""
        return 3 * len(self.spreads) + 3

    @cached_property
    def spread(self) -> Array:
        """[parameters] standard deviations, radians and metres."""
        return np.concatenate([*(np.broadcast_to(turn, 3) for turn in self.spreads.values()), self.move])

    @property
    def stiffness(self) -> Array:
        """[parameters] 1 / variance."""
        return 1 / self.spread**2

    @cached_property
    def above(self) -> Array:
        """[24, free] 1 where turning the free joint moves what is fixed to the joint."""
        return np.array([[_is_above(free, joint) for free in self.indices] for joint in range(JOINT_COUNT)], np.float64)

    def jacobian(self, points: Array, fixed_to: Sequence[int] | Numbers, globals_: Array, joints: Array) -> Array:
        """d points / d parameters [frames, points, 3, parameters].

        `points` [frames, points, 3] are fixed to the joints `fixed_to` [points]; `globals_` [frames, 24, 3, 3] and
        `joints` [frames, 24, 3] are those of `forward_kinematics`.  All are in the frame that the root is in.
        """
        frames, count = points.shape[:2]
        arm = (points[:, :, None] - joints[:, None, self.indices]) * self.above[None, fixed_to, :, None]
        # the turns' axes are columns: [frames, 1, free, 3, 3], or the same for all joints
        axes = globals_[:, None, self.indices] if self.own_axes else np.eye(3)[None, None, None]
        rows = np.empty((frames, count, 3, self.parameters))
        turns = rows[..., :-3].reshape(frames, count, 3, len(self.spreads), 3)  # a view, filled below
        for row in range(3):  # a x b, a coordinate at a time
            second, third = (row + 1) % 3, (row + 2) % 3
            turns[:, :, row] = (
                axes[..., second, :] * arm[..., third, None] - axes[..., third, :] * arm[..., second, None]
            )
        rows[..., -3:] = np.eye(3)
        return rows

    def moved(
        self, rotations: Array, root: Array, globals_: Array, step: Array, largest_turn: float = np.inf
    ) -> tuple[Array, Array, Array]:
        """Local rotations [frames, 24, 3, 3], root [frames, 3] and the step taken [frames, parameters].

        `globals_` [frames, 24, 3, 3] are the joints' rotations before the step.  No joint turns by more than
        `largest_turn` radians.
        """
        turns = step[:, :-3].reshape(len(step), -1, 3)  # [frames, free, 3]
        if np.isfinite(largest_turn):
            angle = np.linalg.norm(turns, axis=-1, keepdims=True)
            turns = turns * np.minimum(1, largest_turn / np.maximum(angle, 1e-9))
        own = turns if self.own_axes else rotate(transpose(globals_[:, self.indices]), turns)
        rotations = rotations.copy()
        rotations[:, self.indices] = rotations[:, self.indices] @ matrix_from_axis_angle(own)
        taken = np.concatenate([turns.reshape(len(step), -1), step[:, -3:]], axis=-1)
        return rotations, root + step[:, -3:], taken


@dataclass(frozen=True, eq=False)
class Linearization:
    """What is measured of every frame's pose, and how it changes with the parameters, to first order."""

    rows: Array
    """[frames, residuals, parameters] d residual / d parameters"""
    residual: Array
    """[frames, residuals, 1]"""
    weight: Array
    """[frames, residuals, 1] 1 / variance; 0 where a residual does not count"""


@dataclass(frozen=True, eq=False)
class Damping:
    """What holds a pose's changes back: the cost is half of the sum of stiffness x change^2 over all frames and, over
    pairs of neighbours, of ties / 2 x difference^2."""

    stiffness: Array
    """[frames or 1, parameters] 1 / variance of a change"""
    ties: Array
    """[frames or 1, parameters] 1 / variance of its difference from the mean of the neighbours'"""
    has_previous: Flags
    """[frames, 1] whether the frame before is the array's frame before"""
    has_next: Flags
    """[frames, 1]"""
    damp_ends: bool
    """whether frames without a neighbour on some side are damped as if they had both: the minimum is the same, each
    step is shorter, and few steps leave the ends of a window, of a stream for example, nearer to where they started"""

    @classmethod
    def for_frames(cls, frames: Numbers, stiffness: Array, change: float | Array, damp_ends: bool) -> Damping:
        """The damping of `frames` [frames], which rise; those that follow each other are neighbours.

        `change`: share of what a parameter may change that it may differ from the neighbours' mean.
        """
        follows = np.diff(frames) == 1
        before, after = np.concatenate([[False], follows]), np.concatenate([follows, [False]])
        return cls(stiffness, stiffness / np.square(change), before[:, None], after[:, None], damp_ends)

    def diagonal(self) -> Array:
        """[frames or 1, parameters] the damping's second derivative by each parameter, neighbours unchanged."""
        share = 1.0 if self.damp_ends else (self.has_previous.astype(np.float64) + self.has_next) / 2
        return np.asarray(self.stiffness + self.ties * share)

    def gradient(self, changes: Array) -> Array:
        """[frames, parameters] the damping's slope at `changes` [frames, parameters]."""
        previous = np.where(self.has_previous, np.roll(changes, 1, axis=0), changes)
        following = np.where(self.has_next, np.roll(changes, -1, axis=0), changes)
        return np.asarray(self.stiffness * changes + self.ties * (changes - 0.5 * (previous + following)))

    def step(self, linear: Linearization, changes: Array) -> Array:
        """The step [frames, parameters] of the normal equations, `changes` [frames, parameters] after the start."""
        weighted = transpose(linear.rows * linear.weight)  # [frames, parameters, residuals]
        hessian = weighted @ linear.rows
        diagonal = np.arange(hessian.shape[-1])
        hessian[:, diagonal, diagonal] += self.diagonal()
        slope = weighted @ linear.residual + self.gradient(changes)[..., None]
        return np.asarray(-np.linalg.solve(hessian, slope)[..., 0])


def solve_pose(
    pose: tuple[Array, Array, Array],
    free: FreeJoints,
    damping: Damping,
    linearize: Callable[[Array, Array], Linearization],
    iterations: int,
    largest_turn: float = np.inf,
) -> tuple[Array, Array]:
    """Local rotations [frames, 24, 3, 3] and root [frames, 3] after so many damped Gauss-Newton steps.

    `pose`: rotations, root and rest offsets [24, 3] to start from.  `linearize` takes the joints' rotations
    [frames, 24, 3, 3] and positions [frames, 24, 3] in the frame that the root is in.  Raises `LinAlgError` where a
    parameter is neither measured nor damped.
    """
    rotations, root, offsets = pose
    changes = np.zeros((len(root), free.parameters))
    for _ in range(iterations):
        globals_, joints = forward_kinematics(rotations, root, offsets)
        step = damping.step(linearize(globals_, joints), changes)
        rotations, root, taken = free.moved(rotations, root, globals_, step, largest_turn)
        changes += taken
    return rotations, root


def solve_in_windows(
    frames: int,
    size: int,
    overlap: int,
    solve: Callable[[slice], tuple[Array, Array]],
    progress: Callable[[float], object] = lambda share: None,
) -> tuple[Array, Array]:
    """Two arrays [frames, ...] solved `size` frames at a time, which bounds the memory.

    `solve` gets windows with `overlap` further frames on each side; with what a frame depends on, the answer is that of
    the whole.  `progress` is called with the share done, after each window if there is more than one.
    """
    if frames <= size:
        return solve(slice(0, frames))
    first: list[Array] = []
    second: list[Array] = []
    for start in range(0, frames, size):
        end, low = min(start + size, frames), max(start - overlap, 0)
        solved = solve(slice(low, min(end + overlap, frames)))
        first.append(solved[0][start - low : end - low])
        second.append(solved[1][start - low : end - low])
        progress(end / frames)
    return np.concatenate(first), np.concatenate(second)
