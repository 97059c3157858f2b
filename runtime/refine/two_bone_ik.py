"""Inverse kinematics of a leg: two bones, in closed form."""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.rotation import cross, length, matrix_from_quaternion, normalize, rotate
from genmo.runtime.support.arrays import Array

EXTENDED = 0.97  # of the leg's length; beyond it the reach is softened


def two_bone(hip: Array, knee: Array, ankle: Array, target: Array, axis: Array) -> tuple[Array, Array]:
    """World turns [..., 3, 3] of thigh and shin that bring `ankle` to `target`; all points [..., 3] in metres.

    The bend grows about `axis` [..., 3] (the knee's own) added to the present bend, so a straight leg bends
    forwards and a bent one the way it was.  A target out of reach is approached: from 97 % of the leg's length (or
    the length it had, if more) the distance runs softly into the full length.  Each bone turns by the shortest arc.
    """
    thigh, shin, to_ankle, to_target = knee - hip, ankle - knee, ankle - hip, target - hip
    upper, lower, current, requested = (length(v)[..., None] for v in (thigh, shin, to_ankle, to_target))
    distance = _soft_reach(requested, current, upper, lower)
    along = normalize(to_target)
    bend = cross(normalize(thigh), normalize(shin))
    cosine = np.clip((upper**2 + distance**2 - lower**2) / (2 * upper * distance), -1, 1)
    sine = np.sqrt(1 - cosine**2)
    # sine of the knee's bend, from the triangle's area
    new_bend = sine * distance / lower
    more = np.maximum(new_bend - length(bend)[..., None], 0)
    normal = rotate(_shortest_turn(normalize(to_ankle), along), bend + more * axis)
    outward = normalize(cross(along, normal))
    new_thigh = upper * (cosine * along + sine * outward)
    new_shin = distance * along - new_thigh
    return (
        _shortest_turn(normalize(thigh), normalize(new_thigh)),
        _shortest_turn(normalize(shin), normalize(new_shin)),
    )


def _soft_reach(requested: Array, current: Array, upper: Array, lower: Array) -> Array:
    """The distance hip to ankle that the leg will have: `requested`, but for the last few per cent."""
    longest = upper + lower
    free = np.minimum(np.maximum(EXTENDED * longest, current), longest)
    room = np.maximum(longest - free, 1e-9)
    soft = free + room * -np.expm1(-np.maximum(requested - free, 0) / room)
    return np.asarray(np.maximum(np.where(requested > free, soft, requested), np.abs(upper - lower) + 0.01 * longest))


def _shortest_turn(start: Array, end: Array) -> Array:
    """The rotation [..., 3, 3] of least angle between unit vectors [..., 3] that are not opposite."""
    cosine = (start * end).sum(axis=-1, keepdims=True)
    return matrix_from_quaternion(np.concatenate([1 + cosine, cross(start, end)], axis=-1))
