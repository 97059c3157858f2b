"""Foot locking in libgenmo: what `foot_contacts`, `foot_anchors` and `foot_locking` call where the library is there."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from genmo.runtime.support.arrays import Array, Flags
from genmo.runtime.support.native import address, call, sized

_DOUBLE, _INT, _FRAMES = ctypes.c_double, ctypes.c_int32, ctypes.c_int64


class ContactRule(ctypes.Structure):
    """genmo_contact_rule."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        *((name, _DOUBLE) for name in ("enter", "leave", "slow", "slow_alone", "steep", "still", "lifted")),
    ]


class Feet(ctypes.Structure):
    """genmo_feet."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        *((name, _INT) for name in ("horizon", "smooth", "level", "lift", "slip")),
        *((name, _DOUBLE) for name in ("strength", "ground", "quiet", "step", "ball_height")),
        *((name, _DOUBLE) for name in ("stands", "most_bent", "extended")),
    ]


class AnchorRule(ctypes.Structure):
    """genmo_anchor_rule."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        *((name, _INT) for name in ("lift", "span", "brief")),
        *((name, _DOUBLE) for name in ("reach", "step", "ball_height", "ground")),
    ]


class Soles(ctypes.Structure):
    """genmo_soles."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        *((name, _DOUBLE * 6) for name in ("heels", "toes", "balls")),
        *((name, _DOUBLE) for name in ("heel_radius", "toe_radius")),
    ]


class Lock(ctypes.Structure):
    """genmo_lock."""

    _fields_ = [("pinned", _INT), ("rest", _INT), ("anchor", _DOUBLE * 3)]


def contact_scores(rule: ContactRule, balls: Array, contacts: Array | None, fps: float) -> Array:
    """Probabilities [frames, 2] that the feet at `balls` [frames, 2, 3] are planted; `contacts` [frames, 6]."""
    balls, frames = _floats(balls, 2, 3), len(balls)
    given = None if contacts is None else _floats(contacts, 6, frames=frames)
    scores = np.empty((frames, 2))
    where = None if given is None else address(given)
    arrays = address(balls), where, _DOUBLE(fps), address(scores)
    call("genmo_contact_scores", ctypes.byref(rule), _FRAMES(frames), *arrays)
    return scores


def frames_in_contact(rule: ContactRule, scores: Array, before: Flags) -> Flags:
    """Which frames [frames, 2] are planted, from `scores` [frames, 2] and the decision [2] `before` them."""
    scores, start = _floats(scores, 2), np.ascontiguousarray(before, np.uint8)
    if start.shape != (2,):
        raise ValueError(f"before has shape {start.shape}; wanted (2,)")
    planted = np.empty((len(scores), 2), np.bool_)
    arrays = (address(array) for array in (scores, start, planted))
    call("genmo_frames_in_contact", ctypes.byref(rule), _FRAMES(len(scores)), *arrays)
    return planted


def root_shift(feet: Feet, balls: Array, scores: Array, ahead: int) -> Array:
    """The root's correction [frames, 3] for `balls` [frames, 2, 3] and `scores` [frames, 2]."""
    balls, scores = _floats(balls, 2, 3), _floats(scores, 2, frames=len(balls))
    shift = np.empty((len(balls), 3))
    scratch = np.empty(5 * len(balls) + 2 * feet.horizon + 2 * feet.level + 2)
    arrays = address(balls), address(scores), _FRAMES(ahead), address(shift), address(scratch)
    call("genmo_root_shift", ctypes.byref(feet), _FRAMES(len(balls)), *arrays)
    return shift


def locks_of(states: Sequence[tuple[Array | None, int]]) -> ctypes.Array[Lock]:
    """Locks from their anchors [3], None where a foot is free, and the frames for which it stays so."""
    zero = (0.0, 0.0, 0.0)
    return (Lock * len(states))(
        *(Lock(anchor is not None, rest, zero if anchor is None else tuple(anchor)) for anchor, rest in states)
    )


def states_of(locks: ctypes.Array[Lock]) -> list[tuple[Array | None, int]]:
    """The inverse of `locks_of`."""
    return [(np.array(lock.anchor) if lock.pinned else None, lock.rest) for lock in locks]


def lock_anchors(rule: AnchorRule, balls: Array, in_contact: Flags, upto: int, locks: ctypes.Array[Lock]) -> Array:
    """Anchors [upto, 2, 3], NaN where a foot is free; changes the two `locks`."""
    balls = _floats(balls, 2, 3)
    planted = np.ascontiguousarray(in_contact, np.bool_)
    if planted.shape != (len(balls), 2) or len(locks) != 2:
        raise ValueError(f"in_contact has shape {planted.shape} for {len(balls)} frames and {len(locks)} locks")
    anchors = np.empty((max(upto, 0), 2, 3))
    frames, count = _FRAMES(len(balls)), _FRAMES(upto)
    arrays = address(balls), address(planted), ctypes.byref(locks), address(anchors)
    call("genmo_lock_anchors", ctypes.byref(rule), frames, count, *arrays)
    return anchors


def pin_offsets(feet: Feet, balls: Array, anchors: Array, in_contact: Flags, fade: int) -> Array:
    """Offsets [frames, 2, 3] that bring `balls` [frames, 2, 3] to `anchors` [anchored, 2, 3], faded beside the pins; of
    the height between two where a foot is `in_contact` [anchored, 2] but for a moment."""
    balls, anchors = _floats(balls, 2, 3), _floats(anchors, 2, 3)
    planted = np.ascontiguousarray(in_contact, np.uint8)
    if planted.shape != anchors.shape[:2]:
        raise ValueError(f"in_contact has shape {planted.shape} for {len(anchors)} anchors")
    offsets = np.empty_like(balls)
    counts = _FRAMES(len(balls)), _FRAMES(len(anchors))
    arrays = address(balls), address(anchors), address(planted), _FRAMES(fade), address(offsets)
    call("genmo_pin_offsets", ctypes.byref(feet), *counts, *arrays)
    return offsets


def move_feet(
    feet: Feet, soles: Soles, points: Array, globals_: Array, roots: Array, shift: Array, offsets: Array
) -> Array:
    """Local rotations [frames, 2, 4, 3, 3] of hips, knees, ankles and balls at `points` [frames, 2, 4, 3] with world
    rotations `globals_` [frames, 2, 4, 3, 3], for moves of root [frames, 3] and feet [frames, 2, 3]."""
    frames = len(points)
    inputs = [
        _floats(points, 2, 4, 3), _floats(globals_, 2, 4, 3, 3, frames=frames), _floats(roots, 3, 3, frames=frames),
        _floats(shift, 3, frames=frames), _floats(offsets, 2, 3, frames=frames),
    ]  # fmt: skip
    rotations = np.empty_like(inputs[1])
    arrays = (address(array) for array in (*inputs, rotations))
    call("genmo_move_feet", ctypes.byref(feet), ctypes.byref(soles), _FRAMES(frames), *arrays)
    return rotations


def soles_of(heels: Array, toes: Array, balls: Array, heel_radius: float, toe_radius: float) -> Soles:
    """The structure of soles, from arrays [2, 3] and radii in metres."""
    ends = {"heels": heels, "toes": toes, "balls": balls}
    rows = {name: (_DOUBLE * 6)(*np.ravel(rows).tolist()) for name, rows in ends.items()}
    return sized(Soles, heel_radius=heel_radius, toe_radius=toe_radius, **rows)


def _floats(array: Array, *shape: int, frames: int | None = None) -> Array:
    """Contiguous float64 [frames, *shape].  Raises ValueError for another shape."""
    if array.ndim != 1 + len(shape) or array.shape[1:] != shape or (frames is not None and len(array) != frames):
        wanted = ("frames" if frames is None else frames, *shape)
        raise ValueError(f"an array has shape {array.shape}; wanted ({', '.join(map(str, wanted))})")
    return np.ascontiguousarray(array, np.float64)
