"""How a block of endless motion opens: the camera that sees its known frames, and the step into the new ones."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.rotation import normalize
from genmo.runtime.support.arrays import Array, Flags

EASE = 20
"""frames over which a difference at a border disappears"""
# Twin of the camera of texts in `genmo.train.data.simulated_cameras.simulate_cameras`: static, level with the chest, in
# front.
CAMERA_DISTANCE = 5.8
CAMERA_HEIGHT = 1.2
PELVIS_HEIGHT = 0.95


def facing_camera(yaw: float, pelvis: Array, frames: int) -> Camera:
    """The camera of texts: it stands before a person with the heading `yaw` (radians) and looks at them.

    `pelvis` [3] in the world, metres; the height of the camera is over the ground, y = 0.
    """
    around = np.array([np.sin(yaw), 0.0, np.cos(yaw)])
    position = pelvis * [1, 0, 1] + CAMERA_DISTANCE * around + [0, CAMERA_HEIGHT, 0]
    target = pelvis * [1, 0, 1] + [0, PELVIS_HEIGHT, 0]
    forward = normalize(target - position)
    right = normalize(np.cross(forward, [0.0, 1.0, 0.0]))
    rotation = np.stack([right, np.cross(forward, right), forward], axis=-1)
    return Camera(np.tile(rotation, (frames, 1, 1)), np.tile(position, (frames, 1)))


def ease_from_known(x_0: Array, values: Array, mask: Flags) -> Array:
    """x_0 [batch, frames, features] that goes through the known `values` [frames, features] where `mask` is set.

    Each feature is known up to some frame.  From there the difference and its slope go to zero over
    EASE frames by a cubic (Hermite), so that the step into the new frames is as smooth as the network's own.
    """
    frames = np.arange(len(values))[:, None]
    last = mask.sum(axis=0) - 1
    difference = np.where(mask, values - x_0, 0)
    columns = np.arange(values.shape[1])
    end = difference[:, np.maximum(last, 0), columns]  # [batch, features]
    slope = np.where(last > 0, end - difference[:, np.maximum(last - 1, 0), columns], 0) * EASE
    s = np.clip((frames - last) / EASE, 0, 1)
    offset = (1 + 2 * s) * (1 - s) ** 2 * end[:, None] + s * (1 - s) ** 2 * slope[:, None]
    eased = x_0 + np.where(last >= 0, offset, 0)
    return np.where(mask, values, eased).astype(np.float32)
