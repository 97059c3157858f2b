"""Frames that are given, as a condition: keyframes, the motion before and after a gap, what was estimated already.

Between given frames the condition holds what is on the straight way from one to the next, so that the network has to
learn only how people differ from that.  Channels of a frame (`signature.keyframe_width`):
- the normalised features, interpolated over time between the frames that have them and held beyond, zero for a group
  of features (`Layout.groups`) that no frame has;
- for each group how close the next frame that has it is: 1 there, exp(-d / CLOSE) at d frames, 0 without any;
- the step of the straight line between the places that are given before and after, in LINE metres a frame and the
  axes of the camera's gravity view, and 1; zeros where there is none on either side.
The mask is 1 up to REACH frames from a given frame, which is as far as attention reaches.
Twin: `genmo.train.geometry.known_frames`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.layout import Layout
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.support.arrays import Array, Arrays, Flags

Frames = npt.NDArray[np.integer[Any]]

REACH = 60
"""frames"""
CLOSE = 8.0
"""frames"""
LINE = 0.05
"""metres a frame that are 1 in the condition: a run"""


def keyframe_condition(values: Array, mask: Flags, layout: Layout, path: Array, yaw: Array) -> Arrays:
    """`keyframes` [frames, channels] and `keyframes_mask` [frames].

    values, mask [frames, layout.width]: normalised features and which are given, equal within a group; path
    [frames, 3]: the root in the world, metres, NaN where it is not given; yaw [frames]: the camera's heading, radians.
    """
    frames = len(values)
    filled, closeness = np.zeros(values.shape), np.zeros((frames, len(layout.groups)))
    nearest = np.full(frames, np.inf)
    for index, group in enumerate(layout.groups):
        (given,) = np.nonzero(mask[:, group.start])
        if len(given):
            filled[:, group] = _interpolated(given, values[given][:, group], frames)
            distance = np.abs(np.arange(frames)[:, None] - given).min(axis=1)
            closeness[:, index] = np.exp(-distance / CLOSE)
            nearest = np.minimum(nearest, distance)
    within = nearest <= REACH
    condition = np.concatenate([filled, closeness, _line(path, yaw)], axis=-1) * within[:, None]
    return {"keyframes": condition.astype(np.float32), "keyframes_mask": within.astype(np.float32)}


def _interpolated(given: Frames, values: Array, frames: int) -> Array:
    """Values [K, n] at the frames `given` [K], linear in between and held beyond: [frames, n]."""
    after = np.clip(np.searchsorted(given, np.arange(frames), side="right"), 1, max(len(given) - 1, 1))
    after = np.minimum(after, len(given) - 1)
    before = np.maximum(after - 1, 0)
    length = np.maximum(given[after] - given[before], 1)
    share = np.clip((np.arange(frames) - given[before]) / length, 0, 1)[:, None]
    return np.asarray(values[before] + share * (values[after] - values[before]))


def _line(path: Array, yaw: Array) -> Array:
    """[frames, 4]: the step of the line between given places in the axes of the gravity view, over LINE; whether."""
    frames = np.arange(len(path))
    line = np.zeros((len(path), 4))
    (given,) = np.nonzero(np.isfinite(path).all(axis=-1))
    if len(given) < 2:
        return line
    after = np.searchsorted(given, frames, side="right")  # the next given frame, after this one
    inside = (after > 0) & (after < len(given))
    after = np.clip(after, 1, len(given) - 1)
    first, last = given[after - 1], given[after]
    step = (path[last] - path[first]) / (last - first)[:, None]
    line[:, :3] = rotate(matrix_from_yaw(-yaw), step) / LINE
    line[:, 3] = 1
    return line * inside[:, None]
