"""Detections sorted into people: by the ids that a file gives, or by where everybody was a moment ago."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.skeleton import COCO_COUNT
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError

MAX_PEOPLE = 64
"""Most people in one frame."""
NEAR = 0.5
"""Two detections whose distance is over this fraction of their size are two people."""
LOST_SECONDS = 1.0
"""A person without detections for longer gets a new id."""
_BOXED = 0.3  # points of less confidence may be anywhere, so they say nothing about a person's size
_NOBODY = -1

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Detections:
    """Every person found in every frame, in the order of the frames."""

    frames: Indices
    """[D] frame of each, from 0"""
    points: Array
    """[D, 21, 3] pixels and confidence, COCO-17 and FEET"""
    ids: Indices
    """[D] the file's own id of the person; -1: none"""

    def sizes(self) -> Array:
        """[D] diagonal of the box around each person's confident points, pixels; 0 where there are fewer than 2."""
        body = self.points[:, :COCO_COUNT]
        confident = body[..., 2, None] > _BOXED
        high = np.where(confident, body[..., :2], -np.inf).max(axis=1)
        low = np.where(confident, body[..., :2], np.inf).min(axis=1)
        enough = np.any(confident, axis=(1, 2))
        extent: Array = np.subtract(high, low, out=np.zeros_like(high), where=enough[:, None])
        return np.hypot(extent[:, 0], extent[:, 1])


def tracks(detections: Detections, fps: float, source: str = "keypoints") -> dict[int, Indices]:
    """The detections of each person, as indices in the order of the frames, by id; the largest person comes first.

    The file's ids are used where every detection has one.  The largest person fills the most of the image over all
    frames: the sum of the squared sizes.  Raises InputError for more than `MAX_PEOPLE` people in a frame.
    """
    counts = np.unique(detections.frames, return_counts=True)[1]
    if counts.max(initial=0) > MAX_PEOPLE:
        raise InputError(f"{source}: {counts.max()} people in one frame; wanted at most {MAX_PEOPLE}")
    named = len(detections.ids) > 0 and bool((detections.ids != _NOBODY).all())
    ids = detections.ids if named else follow(detections, max(1, round(LOST_SECONDS * fps)))
    areas = detections.sizes() ** 2
    order = np.argsort(ids, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(ids[order])) + 1) if len(order) else []
    people = {int(ids[group[0]]): _one_a_frame(group, detections.frames, areas) for group in groups}
    return dict(sorted(people.items(), key=lambda item: -float(areas[item[1]].sum())))


def _one_a_frame(group: Indices, frames: Indices, areas: Array) -> Indices:
    """The detections of one id, the largest in each frame."""
    largest_last = group[np.lexsort((areas[group], frames[group]))]
    last = np.append(np.diff(frames[largest_last]) > 0, True)
    return np.asarray(largest_last[last])


def follow(detections: Detections, patience: int) -> Indices:
    """Ids [D], 0, 1, ... in the order of appearance: nearest pairs first, each person and detection once a frame.

    Nearness is `distances` between a detection and the last one of each person detected in the last `patience` frames.
    """
    ids = np.full(len(detections.frames), _NOBODY, np.int64)
    sizes = detections.sizes()
    active: list[int] = []  # the last detection of each person still looked for
    people = 0
    for here in _frames(detections.frames):
        now = detections.frames[here[0]]
        active = [one for one in active if now - detections.frames[one] <= patience][-2 * MAX_PEOPLE :]
        cost = distances(detections.points[active], sizes[active], detections.points[here], sizes[here])
        taken: dict[int, int] = {}
        for before, after in _nearest_pairs(cost):
            ids[here[after]] = ids[active[before]]
            taken[before] = int(here[after])
        fresh = [int(one) for one in here if ids[one] == _NOBODY]
        ids[fresh] = np.arange(people, people + len(fresh))
        people += len(fresh)
        active = [one for index, one in enumerate(active) if index not in taken] + [*taken.values(), *fresh]
    return ids


def _frames(frames: Indices) -> Iterable[Indices]:
    """Indices of the detections of one frame after another."""
    if len(frames) == 0:
        return []
    return np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames)) + 1)


def distances(before: Array, before_sizes: Array, after: Array, after_sizes: Array) -> Array:
    """[A, B] mean distance of the points [A, 17, 3] and [B, 17, 3] over the mean size [A], [B] of the two people.

    Each pair of points counts by the lower of its confidences; without a common point the distance is infinite.
    """
    gaps = np.linalg.norm(before[:, None, :, :2] - after[None, :, :, :2], axis=-1)
    weight = np.minimum(before[:, None, :, 2], after[None, :, :, 2])
    total = weight.sum(axis=-1)
    size = (before_sizes[:, None] + after_sizes[None]) / 2
    comparable = (total > 0) & (size > 0)
    mean = (gaps * weight).sum(axis=-1) / np.where(comparable, total * size, 1)
    return np.where(comparable, mean, np.inf)


def _nearest_pairs(cost: Array) -> Iterable[tuple[int, int]]:
    """Pairs (row, column) of rising cost below `NEAR`, each row and column once."""
    rows, columns = np.nonzero(cost < NEAR)
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    for pair in np.argsort(cost[rows, columns], kind="stable"):
        row, column = int(rows[pair]), int(columns[pair])
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            yield row, column
