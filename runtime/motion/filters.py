"""Filters over time: Gaussian and raised-cosine smoothing, eases, splines in tension."""

from __future__ import annotations

import numpy as np

from genmo.runtime.support.arrays import Array, Numbers


def tension_spline(knots: Numbers, values: Array, frames: int, tension: float) -> Array:
    """The spline in tension [frames, C] through `values` [K, C] at the frames `knots` [K], which rise.

    Minimises the integral of c''^2 + (c' / tension)^2 over all time (Schweikert 1966), so that beyond the outermost
    knots the slope dies off exponentially.  All zero without knots.
    """
    if len(knots) == 0:
        return np.zeros((frames, values.shape[1]))
    time, sigma = np.arange(frames, dtype=np.float64), 1 / tension
    bend = _second_derivatives(np.diff(knots).astype(np.float64), values, sigma) / sigma**2
    # beyond the ends: a decaying exponential added to a constant, its curvature the spline's
    left, right = np.minimum(time - knots[0], 0)[:, None], np.minimum(knots[-1] - time, 0)[:, None]
    outside = bend[:1] * np.expm1(sigma * left) + bend[-1:] * np.expm1(sigma * right)
    if len(knots) == 1:
        return np.asarray(values + outside)
    inner = np.clip(time, knots[0], knots[-1])
    k = np.clip(np.searchsorted(knots, inner, side="right") - 1, 0, len(knots) - 2)  # [frames] piece of each frame
    h = (knots[k + 1] - knots[k])[:, None].astype(np.float64)  # [frames, 1]
    after = (inner - knots[k])[:, None]
    before = h - after
    curved = bend[k] * _sinh_ratio(before, h, sigma) + bend[k + 1] * _sinh_ratio(after, h, sigma)
    return np.asarray(curved + ((values - bend)[k] * before + (values - bend)[k + 1] * after) / h + outside)


def _second_derivatives(h: Array, values: Array, sigma: float) -> Array:
    """c'' at the knots [K, C]: slopes agree where pieces of lengths `h` [K - 1] meet, and with the decay outside."""
    decay = np.exp(-sigma * h)
    side = 1 / h - 2 * sigma * decay / (1 - decay**2)
    middle = sigma * (1 + decay**2) / (1 - decay**2) - 1 / h
    rise = sigma**2 * np.diff(values, axis=0) / h[:, None]
    diagonal = np.full(len(values), 0.0)
    diagonal[:-1] += middle
    diagonal[1:] += middle
    diagonal[[0, -1]] += sigma if len(values) > 1 else 1.0
    rhs = np.zeros_like(values)  # [K, C], solved in place
    rhs[:-1] += rise
    rhs[1:] -= rise
    # Thomas: the system is tridiagonal, symmetric and diagonally dominant
    for k in range(1, len(values)):
        share = side[k - 1] / diagonal[k - 1]
        diagonal[k] -= share * side[k - 1]
        rhs[k] -= share * rhs[k - 1]
    rhs[-1] /= diagonal[-1]
    for k in range(len(values) - 2, -1, -1):
        rhs[k] = (rhs[k] - side[k] * rhs[k + 1]) / diagonal[k]
    return rhs


def _sinh_ratio(x: Array, whole: Array, sigma: float) -> Array:
    """sinh(sigma x) / sinh(sigma whole) for 0 <= x <= whole, without overflow."""
    return np.asarray(
        np.exp(-sigma * (whole - x)) * np.expm1(-2 * sigma * x) / np.expm1(-2 * sigma * np.maximum(whole, 1e-9))
    )


def edge_padded(values: Array, before: int, after: int) -> Array:
    """Values [before + frames + after, ...]: `values` [frames, ...] with the ends repeated."""
    return np.concatenate([np.repeat(values[:1], before, axis=0), values, np.repeat(values[-1:], after, axis=0)])


def fir_filtered(values: Array, taps: Array, past: int) -> Array:
    """Values [frames, ...] under an FIR filter: `taps[past]` weighs the frame itself; the ends are repeated."""
    columns = values.reshape(len(values), -1)  # [frames, columns]
    padded = edge_padded(columns, past, len(taps) - 1 - past)  # [frames + taps - 1, columns]
    rows = [np.convolve(column, taps[::-1], mode="valid") for column in padded.T]
    return np.stack(rows, axis=1).reshape(values.shape)


def raised_cosine(past: int, ahead: int) -> Array:
    """Taps [past + 1 + ahead] of a raised cosine that ends on each side, sum 1."""
    phase = np.concatenate([np.arange(-past, 0) / (past + 1), np.arange(ahead + 1) / (ahead + 1)])
    bell = 1 + np.cos(np.pi * phase)
    return np.asarray(bell / bell.sum())


def gaussian(spread: float, radius: int) -> Array:
    """Taps [2 x radius + 1] of a Gaussian of `spread` frames, sum 1."""
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / spread) ** 2)
    return np.asarray(weights / weights.sum())


def smoothstep(x: Array) -> Array:
    """0 for `x` below 0, 1 above 1, between them the cubic Hermite ease that is level at both ends."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**2 * (3 - 2 * x))


def smoothed(features: Array, spread: float) -> Array:
    """[batch, frames, features] through a Gaussian of `spread` frames over time, the ends repeated.

    What a prediction keeps of the noise in x_t changes from frame to frame at random, people do not: the noise that is
    left at t = 900 shakes a motion as four times the jitter of people, a frame of smoothing takes that away.
    """
    radius = int(np.ceil(4 * spread))
    weights = gaussian(spread, radius)
    frames = features.shape[1]
    padded = np.pad(features, ((0, 0), (radius, radius), (0, 0)), mode="edge")
    total = sum(weight * padded[:, start : start + frames] for start, weight in enumerate(weights.astype(np.float32)))
    return np.asarray(total, features.dtype)
