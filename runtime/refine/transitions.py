"""Where a condition begins or ends: a step in the network's inputs must not be a jerk of the person.

Two things are done to the features of an answer, before anything is decoded from them: the step from one frame to the
next is removed (`remove_steps`), and where a joint would still accelerate more than anywhere else, the frames around
the border are smoothed, as little as is enough (`smooth_transitions`).  A fit that ends at a border may jerk there
again, and so may a foot whose lock is released, so the final motion is checked once more (`smooth_motion_transitions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genmo.runtime.motion.filters import smoothed, smoothstep
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import matrix_from_6d, sixd_from_matrix
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.arrays import Array

SEAM = 10  # frames on either side of a border over which a step fades
BORDER_FRAMES = 8  # frames on either side of a border in which a joint's acceleration counts as the border's
AROUND = 14  # frames on either side that smoothing may change
SPREADS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0)  # frames, of the Gaussian: the first that is enough is taken
SHARPNESS_LIMIT = 1.1
"""largest acceleration at a border over the 99th percentile elsewhere"""
SHARPNESS_FLOOR = 15.0
"""m/s^2; below it nothing is sharp, however still the person stands elsewhere"""

Joints = Callable[[Array, slice], Array]
"""features of the frames of a slice -> joints [frames, n, 3] in metres, in any frame of reference that stands still"""


def remove_steps(features: Array, borders: Sequence[int]) -> Array:
    """Features [frames, width] without the steps that they take at the frames `borders`.

    A condition that begins or ends is a step in the network's inputs, and a small one in its outputs.  What a step
    is more than the speed on both sides is taken back by half on either side, fading within `SEAM` frames.
    """
    features = features.astype(np.float64)
    fade = smoothstep(1 - np.arange(SEAM) / SEAM)[:, None]
    for border in borders:
        if 2 <= border <= len(features) - 2:
            before, after = features[border - 2 : border], features[border : border + 2]
            step = after[0] - before[1] - 0.5 * (before[1] - before[0] + after[1] - after[0])
            left, right = min(SEAM, border), min(SEAM, len(features) - border)
            features[border - left : border] += 0.5 * step * fade[:left][::-1]
            features[border : border + right] -= 0.5 * step * fade[:right]
    return features


def smooth_transitions(features: Array, borders: Sequence[int], joints: Joints) -> Array:
    """Features [frames, width] smoothed over time around those of `borders` (keyframes among them) at which a joint is
    accelerated more than `SHARPNESS_LIMIT` times the 99th percentile of the frames away from all borders.

    The network may change its mind within a few frames: an arm that swings as in the keypoints is, three frames
    later, one of a person who walks as in the text.
    """
    frames = len(features)
    if not borders or frames < 3:
        return features
    sharp = sharpness(joints(features, slice(0, frames)))
    elsewhere = np.ones(len(sharp), np.bool_)
    for border in borders:
        elsewhere[max(border - 1 - BORDER_FRAMES, 0) : border + BORDER_FRAMES] = False
    limit = max(
        SHARPNESS_FLOOR,
        SHARPNESS_LIMIT * float(np.percentile(sharp[elsewhere], 99)) if elsewhere.any() else SHARPNESS_FLOOR,
    )
    features = features.copy()
    for border in borders:
        window = slice(max(border - AROUND - BORDER_FRAMES, 0), min(border + AROUND + BORDER_FRAMES, frames))
        at_border = slice(max(border - 1 - BORDER_FRAMES - window.start, 0), border + BORDER_FRAMES - window.start)
        rough = features[window].copy()
        for spread in (0.0, *SPREADS):
            features[window] = _around(rough, border - window.start, spread) if spread else rough
            if sharpness(joints(features[window], window))[at_border].max() <= limit:
                break
    return features


def smooth_motion_transitions(motion: Motion, borders: Sequence[int]) -> Motion:
    """`smooth_transitions` of a motion that something else has changed, such as a fit whose keypoints end."""
    if not borders:
        return motion
    features = np.concatenate(
        [sixd_from_matrix(motion.rotations).reshape(motion.frames, -1), motion.translation], axis=1
    )

    def posed(values: Array) -> tuple[Array, Array]:
        return matrix_from_6d(values[:, :-3].reshape(len(values), -1, 6)), values[:, -3:]

    def joints(values: Array, _: slice) -> Array:
        return forward_kinematics(*posed(values), motion.rest_offsets)[1]

    smooth = smooth_transitions(features, borders, joints)
    if (smooth == features).all():
        return motion
    rotations, translation = posed(smooth)
    return motion.with_pose(rotations, translation)


def sharpness(joints: Array) -> Array:
    """Largest acceleration of any joint [frames - 2] in m/s^2, of joints [frames, n, 3] in metres."""
    return np.asarray(np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max(axis=1) * FPS**2)


def _around(features: Array, border: int, spread: float) -> Array:
    """Features smoothed at the border, less and less away from it, not at all `AROUND` frames from it."""
    distance = np.abs(np.arange(len(features)) - border + 0.5) / AROUND
    share = smoothstep(1.5 - 1.5 * distance)[:, None]
    return np.asarray(features + share * (smoothed(features[None], spread)[0] - features))
