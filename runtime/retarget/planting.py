"""Curves over time that bring planted feet to their places and let them go again."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.filters import smoothstep
from genmo.runtime.support.arrays import Array, Flags


def blurred(values: Array, width: float) -> Array:
    """Values [frames] under a Gaussian of `width` frames; the ends are repeated."""
    reach = int(np.ceil(3 * width))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), taps / taps.sum(), mode="valid")


def held(apart: Array, planted: Flags, fade: int) -> Array:
    """Moves [frames, 2] that make `apart` [frames, 2] constant in each run of planted frames, and fade outside."""
    moves = np.zeros_like(apart)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], planted.astype(int), [0]])))
    runs = [slice(*pair) for pair in edges.reshape(-1, 2)]
    for run in runs:
        moves[run] = apart[run] - apart[run].mean(axis=0)
    free_from = 0
    for number, run in enumerate([*runs, slice(len(apart), len(apart))]):
        gap = run.start - free_from
        if gap > 0:
            length = max(1, min(fade, gap))
            place = np.arange(1, gap + 1)[:, None]
            if number > 0:
                moves[free_from : run.start] += moves[free_from - 1] * smoothstep(1 - place / (length + 1))
            if run.start < len(apart):
                moves[free_from : run.start] += moves[run.start] * smoothstep(1 - (gap + 1 - place) / (length + 1))
        free_from = run.stop
    return moves
