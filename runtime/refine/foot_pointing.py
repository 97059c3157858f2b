"""Feet that point where their heels and toes are seen: the ankles turned after the fit, where a detector gives both.

COCO-17 ends at the ankles, so the network guesses how a foot is turned.  Heel and toes say it in closed form: across
the view the foot is as seen, along the view it slopes as it did, and it turns by the shortest way.  The slope is not
taken from how long the foot looks: a foot that points sideways is nearly at its full length, where that tells nothing.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate, transpose
from genmo.runtime.motion.skeleton import FOOT_JOINTS, JOINTS, PARENTS, forward_kinematics, sole_ends
from genmo.runtime.support.arrays import Array

FARTHEST = 1.0
"""radians by which a foot is turned at most: beyond it the points are another foot's"""
SHORT, LONG = (0.2, 0.6), (1.3, 1.8)
"""times its own length that a foot must be from heel to toes, with the slope that it has, for its points to count not
at all and in full: from the first to the second, and from the fourth to the third"""

_ANKLES = [JOINTS.index(f"{side}_ankle") for side in ("left", "right")]
_KNEES = [PARENTS[ankle] for ankle in _ANKLES]


def point_feet(rotations: Array, root: Array, offsets: Array, rays: Array, weight: Array) -> Array:
    """Local rotations [frames, 24, 3, 3] with ankles turned until heels and toes lie in the image as FEET do.

    `rotations` of the body with rest `offsets` [24, 3], its root in the camera, at `root` [frames, 3] metres.  `rays`
    [frames, 4, 2]: where FEET are on the plane at depth 1; `weight` [frames, 4]: how much each counts, 0 to 1.
    """
    turned, joints = forward_kinematics(rotations, root, offsets)
    rest, ends = offsets[FOOT_JOINTS], sole_ends(offsets)
    foot = turned[:, _ANKLES]  # [frames, 2, 3, 3]
    toes = rest + rotate(rotations[:, FOOT_JOINTS], ends.toes)
    length = rotate(foot, toes - ends.heels)  # [frames, 2, 3] from heel to toes
    ankle = joints[:, _ANKLES]
    depth = np.maximum(ankle[..., 2:], 1e-3)
    seen = (rays[:, 1::2] - rays[:, 0::2]) * depth  # [frames, 2, 2] metres across the view
    target = seen + ankle[..., :2] / depth * length[..., 2:]
    target = np.concatenate([target, length[..., 2:]], axis=-1)
    trust = _trust(np.linalg.norm(target, axis=-1) / np.linalg.norm(length, axis=-1), weight)
    turn = _shortest_turn(length, target)
    foot = matrix_from_axis_angle(trust[..., None] * turn) @ foot
    changed = rotations.copy()
    changed[:, _ANKLES] = transpose(turned[:, _KNEES]) @ foot
    return changed


def _trust(share: Array, weight: Array) -> Array:
    """How far the points of each foot are followed [frames, 2]: `share` [frames, 2] of its length that they are apart,
    and their `weight` [frames, 4]."""
    apart = np.interp(share, [*SHORT, *LONG], [0.0, 1.0, 1.0, 0.0])
    return np.asarray(apart * np.minimum(weight[:, 0::2], weight[:, 1::2]))


def _shortest_turn(source: Array, target: Array) -> Array:
    """Axis times angle [..., 3] of the shortest turn from the direction of `source` [..., 3] to that of `target`, at
    most FARTHEST."""
    axis = np.cross(source, target)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (source * target).sum(axis=-1, keepdims=True))
    return np.asarray(axis / np.maximum(sine, 1e-12) * np.minimum(angle, FARTHEST))
