"""The root of generated features led along a plan, prediction by prediction.

The network's own root sways, tilts and rises with every step, and legs and arms go with that: this stays.  What
changes is the slow part, heading and place averaged over about a stride, which is brought to the plan; the next step of
the sampler sees where the root went, so that the legs walk there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.motion.layout import SIXD, Layout
from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.representation import gravity_view_yaw, roll_out, root_velocity
from genmo.runtime.motion.rotation import (
    heading,
    length,
    matrix_from_6d,
    matrix_from_yaw,
    rotate,
    sixd_from_matrix,
    transpose,
)
from genmo.runtime.refine.root_path import local_trend
from genmo.runtime.support.arrays import Array

STRIDE = 21
"""frames over which the root's difference from the plan is averaged: what is quicker is the gait's own"""
LONG_STRIDE = 31
"""the same of who walks slowly"""
SLOW = (1.1, 0.8)
"""m/s of the plan from which down steps become longer in time, and at which they are"""
SHARP = 7
"""the same where the plan brakes or speeds up, or stands, and there is no gait to keep"""
BRAKING = 4.0
"""m/s^2 of the plan from which on it counts as sharp altogether"""
STANDING = 0.3
"""m/s of the plan from which down it counts as standing"""
ENTER = 8
"""frames away from the known ones over which the correction grows"""
GROUND = np.array([0, 2])


@dataclass(frozen=True, eq=False)
class Reference:
    """The plan in a window whose first frames are known, or its last ones where time runs `back`."""

    known: int
    """frames"""
    root: Array
    """[3] the pelvis in the known frame next to the others, or where the motion starts without one; metres"""
    positions: Array
    """[window, 2] x and z that are wanted; of the known frames where they were"""
    headings: Array
    """[window] radians, likewise"""
    back: bool = False

    @property
    def border(self) -> int:
        """The known frame next to the others."""
        known = max(self.known, 1)
        return len(self.headings) - known if self.back else known - 1

    def growth(self) -> Array:
        """How much of a correction is made in each frame [window]: it grows from nothing away from the known ones."""
        frames = np.arange(len(self.headings)) - self.border
        return (
            np.asarray(smoothstep((-frames if self.back else frames) / ENTER)) if self.known else np.ones(len(frames))
        )


def steered(features: Array, layout: Layout, camera: Camera, reference: Reference) -> Array:
    """Features [window, layout.width] (not normalised) whose root follows the plan in the frames that are not known.

    `camera` stands still and has the window's frames; it sees the change.
    """
    slices = layout.slices
    gravity_view, velocity = features[:, slices["gravity_view_orientation"]], features[:, slices["root_velocity"]]
    root, path = roll_out(matrix_from_6d(gravity_view), velocity, gravity_view_yaw(camera.rotation))
    last, growth = reference.border, reference.growth()
    sharp, leisure = _sharpness(reference.positions), _leisure(reference.positions)
    turn = growth[:, None] * _slow(_wrapped(reference.headings - heading(root[..., 2])), sharp, leisure)
    turned = matrix_from_yaw(turn[:, 0]) @ root
    moved = _integrated(turned, velocity, last, reference.root)
    shift = np.zeros_like(path)
    shift[:, GROUND] = growth[:, None] * _slow(reference.positions - moved[:, GROUND], sharp, leisure)
    moved = moved + shift
    before = path - path[last] + reference.root
    return _with_root(features, layout, camera, turned, (before, moved))


def _sharpness(positions: Array) -> Array:
    """How much [window] a plan brakes, speeds up or stands, 0 to 1."""
    velocity = np.gradient(positions, axis=0) * FPS
    acceleration = length(np.gradient(local_trend(velocity, SHARP), axis=0)) * FPS
    sharp = np.maximum(smoothstep(acceleration / BRAKING), smoothstep(2 - length(velocity) / STANDING))
    return np.clip(local_trend(sharp[:, None], SHARP), 0, 1)


def _leisure(positions: Array) -> Array:
    """How slowly [window] a plan walks, 0 to 1."""
    speed = length(local_trend(np.gradient(positions, axis=0), STRIDE)) * FPS
    return np.asarray(smoothstep((SLOW[0] - speed) / (SLOW[0] - SLOW[1])))


def _slow(difference: Array, sharp: Array, leisure: Array) -> Array:
    """The slow part [window, n] of a difference [window, n] or [window]."""
    columns = difference.reshape(len(difference), -1)
    slow = local_trend(columns, STRIDE)
    slow = slow + leisure[:, None] * (local_trend(columns, LONG_STRIDE) - slow)
    return np.asarray(slow + sharp * (local_trend(columns, SHARP) - slow))


def _wrapped(angle: Array) -> Array:
    """Angles without jumps, the middle one nearest to zero."""
    smooth = np.unwrap(angle)
    return np.asarray(smooth - 2 * np.pi * np.round(np.median(smooth) / (2 * np.pi)))


def _integrated(root: Array, velocity: Array, last: int, anchor: Array) -> Array:
    steps = rotate(root, velocity)
    path = np.concatenate([np.zeros((1, 3)), np.cumsum(steps[:-1], axis=0)])
    return np.asarray(path - path[last] + anchor)


def _with_root(features: Array, layout: Layout, camera: Camera, root: Array, paths: tuple[Array, Array]) -> Array:
    """Features with the root's rotation in the world [window, 3, 3] and its path moved from one to another
    [window, 3]."""
    before, after = paths
    changed, slices = np.array(features, np.float64), layout.slices
    yaw = gravity_view_yaw(camera.rotation)
    changed[:, slices["gravity_view_orientation"]] = sixd_from_matrix(matrix_from_yaw(-yaw) @ root)
    changed[:, slices["root_velocity"]] = root_velocity(root, after)
    in_camera, first = transpose(camera.rotation), slices["joint_rotations"].start
    changed[:, first : first + SIXD] = sixd_from_matrix(in_camera @ root)
    changed[:, slices["root_translation_camera"]] += rotate(in_camera, after - before)
    return changed
