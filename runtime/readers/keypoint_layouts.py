"""Keypoints of other tools as COCO-17, and the heels and toes of those that have them.

A layout is named by how many points it has: no two that are read here have the same number.  Left and right are the
person's own.  Hips and shoulders differ between definitions by centimetres, which no table can mend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genmo.runtime.conditions.keypoints import POINT_COUNT
from genmo.runtime.motion.skeleton import COCO_COUNT, COCO_KEYPOINTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST

COCO_NAMES = tuple(name for name, _, _ in COCO_KEYPOINTS)
_FIRST = tuple(range(COCO_COUNT))

# For each layout the index of nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles (left, right).
LAYOUTS: dict[int, tuple[str, tuple[int, ...]]] = {
    17: ("COCO-17", _FIRST),
    18: ("OpenPose COCO-18", (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)),
    25: ("OpenPose BODY-25", (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)),
    26: ("Halpe-26", _FIRST),
    33: ("BlazePose-33", (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)),
    133: ("COCO-WholeBody-133", _FIRST),
    136: ("Halpe-136", _FIRST),
}

# Of the layouts with heels and toes the indices of FEET; two are the big and the small toe, between which toes lie.
_HALPE_FEET = ((24,), (20, 22), (25,), (21, 23))
FEET_LAYOUTS: dict[int, tuple[tuple[int, ...], ...]] = {
    25: ((21,), (19, 20), (24,), (22, 23)),
    26: _HALPE_FEET,
    33: ((29,), (31,), (30,), (32,)),
    133: ((19,), (17, 18), (22,), (20, 21)),
    136: _HALPE_FEET,
}
_NAMED_FEET = (
    ("left_heel",),
    ("left_big_toe", "left_small_toe"),
    ("right_heel",),
    ("right_big_toe", "right_small_toe"),
)


def body_points(points: Array, source: str, names: Sequence[str] | None = None) -> Array:
    """COCO-17 and FEET [21, 3] of points [K, 3] (x, y, confidence) in a known layout, or one whose `names` are given.

    Feet that the layout does not have, confidence 0.  Confidences are cut to [0, 1] (SimCC models give more); points of
    confidence 0 or less, and those that hold NaN, lie at zero.  Raises InputError for another number of points, other
    names, and infinite numbers.
    """
    feet: Sequence[Sequence[int]]
    if names is not None and len(names) == len(points) and set(COCO_NAMES) <= set(names):
        body: Sequence[int] = [names.index(name) for name in COCO_NAMES]
        has_feet = {name for group in _NAMED_FEET for name in group} <= set(names)
        feet = [[names.index(name) for name in group] for group in _NAMED_FEET] if has_feet else ()
    elif names is None and len(points) in LAYOUTS:
        body, feet = LAYOUTS[len(points)][1], FEET_LAYOUTS.get(len(points), ())
    elif names is None:
        supported = ", ".join(f"{count} ({name})" for count, (name, _) in LAYOUTS.items())
        raise InputError(f"{source}: {len(points)} keypoints a person; wanted {supported}")
    else:
        raise InputError(
            f"{source}: {len(points)} keypoints named {', '.join(names)[:60]} ...; wanted names that include COCO's "
            f"{COCO_COUNT} body points: use a model trained on COCO, Halpe or COCO-WholeBody"
        )
    selected = np.zeros((POINT_COUNT, 3))
    selected[:COCO_COUNT] = points[list(body)]
    for point, group in enumerate(feet, COCO_COUNT):
        between = np.asarray(points[list(group)], np.float64)
        selected[point] = [*between[:, :2].mean(axis=0), between[:, 2].min()]
    selected[np.isnan(selected).any(axis=-1)] = 0
    if not (np.abs(selected) < LARGEST).all():
        raise InputError(f"{source}: keypoints hold numbers beyond {LARGEST:g}; wanted pixels, 0 where unseen")
    confidence = np.clip(selected[:, 2:], 0, 1)
    return np.concatenate([np.where(confidence > 0, selected[:, :2], 0), confidence], axis=-1)
