"""Where a condition begins or ends: a step in what the network is told must not be a jerk of the person.

Two things are done to the features of an answer, before anything is decoded from them: the step from one frame to the
next is taken back (`seamless`), and where the person would still move more sharply than anywhere else, the frames
around the border are smoothed, as little as is enough (`calmed`).  A fit that ends at a border may jerk there again,
and so may a foot that is let go, so the fitted and cleaned motion is looked at once more (`calmed_motion`).
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
NEAR = 8  # frames on either side of a border in which a joint's acceleration counts as the border's
AROUND = 14  # frames on either side that smoothing may change
SPREADS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0)  # frames, of the Gaussian: the first that is enough is taken
CALM = 1.1
"""largest acceleration at a border over the 99th percentile elsewhere"""
LEAST = 15.0
"""m/s^2; below it nothing is sharp, however still the person stands elsewhere"""

Joints = Callable[[Array, slice], Array]
"""features of the frames of a slice -> joints [frames, n, 3] in metres, in any frame of reference that stands still"""


def remove_steps(features: Array, borders: Sequence[int]) -> Array:
    """Features [frames, width] without the steps that they take at the frames `borders`.

    A condition that begins or ends is a step in what the network is told, and a small one in what it answers.  What a
    step is more than the speed on both sides is taken back by half on either side, fading within `SEAM` frames.
    """
    features = features.astype(np.float64)
    fade = smoothstep(1 - np.arange(SEAM) / SEAM)[:, None]
    for border in borders:
        if 2 <= border <= len(features) - 2:
            before, at = features[border - 2 : border], features[border : border + 2]
            step = at[0] - before[1] - 0.5 * (before[1] - before[0] + at[1] - at[0])
            left, right = min(SEAM, border), min(SEAM, len(features) - border)
            features[border - left : border] += 0.5 * step * fade[:left][::-1]
            features[border : border + right] -= 0.5 * step * fade[:right]
    return features


def smooth_transitions(features: Array, borders: Sequence[int], joints: Joints) -> Array:
    """Features [frames, width] smoothed over time around those of `borders` (keyframes among them) at which a joint is
    accelerated more than `CALM` times the 99th percentile of the frames away from all borders.

    The network may change its mind within a few frames: an arm that swings because it was seen to is, three frames
    later, one of a person who is said to walk.
    """
    frames = len(features)
    if not borders or frames < 3:
        return features
    sharp = sharpness(joints(features, slice(0, frames)))
    far = np.ones(len(sharp), np.bool_)
    for border in borders:
        far[max(border - 1 - NEAR, 0) : border + NEAR] = False
    limit = max(LEAST, CALM * float(np.percentile(sharp[far], 99)) if far.any() else LEAST)
    features = features.copy()
    for border in borders:
        part = slice(max(border - AROUND - NEAR, 0), min(border + AROUND + NEAR, frames))
        near = slice(max(border - 1 - NEAR - part.start, 0), border + NEAR - part.start)
        rough = features[part].copy()
        for spread in (0.0, *SPREADS):
            features[part] = _around(rough, border - part.start, spread) if spread else rough
            if sharpness(joints(features[part], part))[near].max() <= limit:
                break
    return features


def smooth_motion_transitions(motion: Motion, borders: Sequence[int]) -> Motion:
    """`smooth_transitions` of a motion that something else has changed, such as a fit whose keypoints end."""
    if not borders:
        return motion
    features = np.concatenate(
        [sixd_from_matrix(motion.rotations).reshape(motion.frames, -1), motion.translation], axis=1
    )

    def posed(part: Array) -> tuple[Array, Array]:
        return matrix_from_6d(part[:, :-3].reshape(len(part), -1, 6)), part[:, -3:]

    def joints(part: Array, _: slice) -> Array:
        return forward_kinematics(*posed(part), motion.rest_offsets)[1]

    found = smooth_transitions(features, borders, joints)
    if (found == features).all():
        return motion
    rotations, translation = posed(found)
    return motion.with_pose(rotations, translation)


def sharpness(joints: Array) -> Array:
    """Largest acceleration of any joint [frames - 2] in m/s^2, of joints [frames, n, 3] in metres."""
    return np.asarray(np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max(axis=1) * FPS**2)


def _around(features: Array, border: int, spread: float) -> Array:
    """Features smoothed at the border, less and less away from it, not at all `AROUND` frames from it."""
    apart = np.abs(np.arange(len(features)) - border + 0.5) / AROUND
    share = smoothstep(1.5 - 1.5 * apart)[:, None]
    return np.asarray(features + share * (smoothed(features[None], spread)[0] - features))
