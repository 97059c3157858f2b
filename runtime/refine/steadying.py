"""Who rests is steady: what the network answers shakes from frame to frame, which shows where little else moves.

Features of frames around which every joint turns slowly are smoothed, all of them alike; where one moves they stay.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.filters import smoothed, smoothstep
from genmo.runtime.motion.layout import SIXD, Layout
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.arrays import Array

SPREAD = 2.5
"""frames, of the Gaussian"""
AROUND = 8
"""frames on either side in which no joint may move"""
RESTS, MOVES = 0.4, 1.2
"""a second: how fast the first two columns of a joint's rotation change who rests wholly, and no longer (16 and 49
degrees)"""
TURNS = ("joint_rotations", "body_rotations")
"""the block of a layout that has the joints' rotations"""


def steadied(features: Array, layout: Layout) -> Array:
    """Features [frames, width], not normalised, that are smooth where the person rests."""
    if len(features) < 2:
        return features
    smooth = smoothed(features.astype(np.float64)[None], SPREAD)[0]
    turns = np.concatenate([smooth[:, layout.slices[name]] for name in TURNS if name in layout.slices], axis=1)
    rests = smoothed(resting(turns)[None, :, None], SPREAD)[0]
    return np.asarray(features + rests * (smooth - features))


def resting(turns: Array) -> Array:
    """How much [frames] somebody rests, 0 to 1, whose joints' smooth rotations are `turns` [frames, 6 a joint]."""
    steps = np.diff(turns, axis=0).reshape(len(turns) - 1, -1, SIXD)
    fastest = FPS * np.linalg.norm(steps, axis=-1).max(axis=1)  # [frames - 1], between a frame and the next
    padded = np.pad(fastest, (AROUND, AROUND), constant_values=0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND).max(axis=1)  # [frames]
    return np.asarray(1 - smoothstep((around - RESTS) / (MOVES - RESTS)))
