"""Who is who from frame to frame: boxes and keypoints paired with those of a moment ago."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genmo.runtime.readers.tracks import LOST_SECONDS, Indices
from genmo.runtime.support.arrays import Array
from genmo.runtime.video.assignment import least_cost_pairs
from genmo.runtime.video.detectors import box_overlaps
from genmo.runtime.video.poses import Poses

KEYPOINT_SPREAD = 2 * np.array(
    [
        0.026,
        0.025,
        0.025,
        0.035,
        0.035,
        0.079,
        0.079,
        0.072,
        0.072,
        0.062,
        0.062,
        0.107,
        0.107,
        0.087,
        0.087,
        0.089,
        0.089,
    ]
)
"""Spread of annotators' COCO-17 points as a fraction of the person's size (the constants of COCO's OKS)."""
MIN_CONFIDENCE = 0.3
"""Points of less confidence say nothing about who somebody is."""
LEAST = 0.2
"""Two detections of lower similarity than this (0 to 1) are of two people."""
VELOCITY_MEMORY = 0.7
"""Share of the old velocity that stays at each detection."""


@dataclass(eq=False)
class _Track:
    """One person at the last detection."""

    id: int
    time: float
    box: Array
    points: Array
    velocity: Array
    """[2] pixels a second of the box's centre"""

    def shift(self, time: float) -> Array:
        """Where the person should have gone since: the further ahead, the less is believed."""
        gap = time - self.time
        return np.asarray(self.velocity * min(gap, LOST_SECONDS / 3))

    def observe(self, time: float, box: Array, points: Array) -> None:
        gap = max(time - self.time, 1e-3)
        moved = (box.reshape(2, 2).mean(axis=0) - self.box.reshape(2, 2).mean(axis=0)) / gap
        self.velocity = VELOCITY_MEMORY * self.velocity + (1 - VELOCITY_MEMORY) * moved
        self.time, self.box, self.points = time, box, points


class Tracker:
    """Ids that stay with people, frame by frame: 0, 1, ... in the order of appearance.

    Likeness is the mean of the boxes' overlap and the keypoints' similarity (OKS) after moving the last detection with
    its own velocity; the pairs of the largest total are taken.  A person without detections for `patience` seconds
    gets a new id.
    """

    def __init__(self, patience: float = LOST_SECONDS) -> None:
        self.patience = patience
        self._active: list[_Track] = []
        self._count = 0

    def update(self, time: float, poses: Poses) -> Indices:
        """Ids [people] of those in the frame at `time` (seconds, rising)."""
        self._active = [track for track in self._active if time - track.time <= self.patience]
        ids = np.full(len(poses.boxes), -1, np.int64)
        for row, column in least_cost_pairs(1 - self._likeness(time, poses), 1 - LEAST):
            track = self._active[row]
            track.observe(time, poses.boxes[column], poses.points[column])
            ids[column] = track.id
        for column in np.flatnonzero(ids < 0).tolist():
            self._active.append(_Track(self._count, time, poses.boxes[column], poses.points[column], np.zeros(2)))
            ids[column] = self._count
            self._count += 1
        return ids

    def _likeness(self, time: float, poses: Poses) -> Array:
        """[tracks, people] 0 to 1."""
        if not self._active or not len(poses.boxes):
            return np.zeros((len(self._active), len(poses.boxes)))
        shifts = np.array([track.shift(time) for track in self._active])
        boxes = np.array([track.box for track in self._active]) + np.tile(shifts, 2)
        points = np.array([track.points for track in self._active])
        points = np.concatenate([points[..., :2] + shifts[:, None], points[..., 2:]], axis=-1)
        body = slice(len(KEYPOINT_SPREAD))
        return (box_overlaps(boxes, poses.boxes) + similarity(points[:, body], boxes, poses.points[:, body])) / 2


def similarity(before: Array, boxes: Array, after: Array) -> Array:
    """[a, b] object keypoint similarity of points [a, 17, 3] with `boxes` [a, 4], and points [b, 17, 3].

    The mean over the points that both have of exp(-d^2 / (2 area spread^2)); 0 without such a point.
    """
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1), 1)[:, None, None]
    squared_distance = ((before[:, None, :, :2] - after[None, :, :, :2]) ** 2).sum(axis=-1)
    both = (before[:, None, :, 2] > MIN_CONFIDENCE) & (after[None, :, :, 2] > MIN_CONFIDENCE)
    similarities = np.exp(-squared_distance / (2 * area * KEYPOINT_SPREAD**2)) * both
    return np.asarray(similarities.sum(axis=-1) / np.maximum(both.sum(axis=-1), 1))
