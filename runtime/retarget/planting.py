"""Curves over time that bring planted feet to their positions and release them."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.support.arrays import Array, Flags


def smoothed(values: Array, width: float) -> Array:
    """Values [frames] under a Gaussian of `width` frames; the ends are repeated."""
    radius = int(np.ceil(3 * width))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    return np.convolve(np.pad(values, radius, mode="edge"), taps / taps.sum(), mode="valid")


def hold_offsets(offsets: Array, in_contact: Flags, fade: int) -> Array:
    """Moves [frames, 2] that make `offsets` [frames, 2] constant in each run of planted frames, and fade outside."""
    moves = np.zeros_like(offsets)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], in_contact.astype(int), [0]])))
    runs = [slice(*pair) for pair in edges.reshape(-1, 2)]
    for run in runs:
        moves[run] = offsets[run] - offsets[run].mean(axis=0)
    free_from = 0
    for number, run in enumerate([*runs, slice(len(offsets), len(offsets))]):
        gap = run.start - free_from
        if gap > 0:
            length = max(1, min(fade, gap))
            position = np.arange(1, gap + 1)[:, None]
            if number > 0:
                moves[free_from : run.start] += moves[free_from - 1] * smoothstep(1 - position / (length + 1))
            if run.start < len(offsets):
                moves[free_from : run.start] += moves[run.start] * smoothstep(1 - (gap + 1 - position) / (length + 1))
        free_from = run.stop
    return moves
