"""BlazePose's two networks: a detector of people and the landmarks of one person in a turned crop.

What goes in and how answers are decoded is MediaPipe's: Bazarevsky et al., 2020 (BlazePose) and the parameters of
MediaPipe 0.10's graph `pose_landmark_cpu`.  Positions are pixels of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.crops import warped
from genmo.runtime.video.detectors import box_overlaps
from genmo.runtime.video.onnx_network import Network

BODY_POINTS = 33
LANDMARKS = 39
"""33 of the body, two for the next region (33: middle of the hips, 34: straight above), four that are not used"""
SCORE = 0.3
"""Detections of lower score are none.  MediaPipe has 0.5, which misses people who bend; whether somebody is there, the
landmarks say."""
PRESENCE = 0.5
"""Below it nobody is in the crop."""
OVERLAP = 0.3
"""Detections that overlap by more (intersection over union) are of one person."""
REGION_MARGIN = 1.25
"""Side of the crop over the diameter of the circle around the person."""
GRIDS = ((28, 2), (14, 2), (7, 6))
"""Cells of a side and anchors in each of the detector's grids."""
HEATMAP_WINDOW = 7
"""Cells of a side around a landmark whose heatmap refines it."""
HEATMAP_PEAK = 0.5
"""Landmarks whose heatmap is lower everywhere around are left as they are."""


@dataclass(frozen=True, eq=False)
class Region:
    """A square part of the image, turned so that the person stands upright in it."""

    centre: Array
    """[2] pixels"""
    side: float
    """pixels"""
    angle: float
    """radians by which the person is turned clockwise"""

    def matrix(self, size: int) -> Array:
        """[2, 3] from pixels of the crop [size, size] to those of the image."""
        scale = self.side / size
        turn = scale * np.array([[np.cos(self.angle), -np.sin(self.angle)], [np.sin(self.angle), np.cos(self.angle)]])
        return np.concatenate([turn, (self.centre - turn @ [size / 2, size / 2])[:, None]], axis=1)


def region_of(hips: Array, top: Array) -> Region:
    """The region of a person by the middle of the hips [2] and the point [2] straight above on the circle around."""
    offset = top - hips
    return Region(hips, float(2 * REGION_MARGIN * np.hypot(*offset)), float(np.arctan2(offset[0], -offset[1])))


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the network finds in a region."""

    points: Array
    """[39, 3] pixels and visibility 0 to 1"""
    presence: float
    """0 to 1: whether somebody is there"""


class PersonDetector:
    """BlazePose's detector: the regions of everybody in an image, the surest first."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0) -> None:
        self.network = Network(path, device, threads)
        self._size = self.network.size(8 * GRIDS[0][0], 0)[0]
        self._anchors = anchors()
        if [one.shape[1:] for one in self.network.outputs] != [(len(self._anchors), 12), (len(self._anchors), 1)]:
            raise InputError(f"{path}: gives {self.network.describe()}; wanted BlazePose's detector")

    def __call__(self, image: Image) -> list[Region]:
        """Regions of the people in an RGB image."""
        height, width = image.shape[:2]
        whole = Region(np.array([width, height]) / 2, float(max(width, height)), 0.0)
        crop = warped(image, whole.matrix(self._size), self._size, edge=False)
        boxes, logits = self.network(crop.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)
        found = decode_detections(boxes[0], logits[0, :, 0], self._anchors, self._size)
        matrix = whole.matrix(1)
        places = found[:, 4:8].reshape(-1, 2, 2) @ matrix[:, :2].T + matrix[:, 2]  # [n, 2, 2] pixels
        return [region_of(hips, top) for hips, top in places if np.hypot(*(top - hips)) > 1]


def anchors() -> Array:
    """[2254, 2] centres of the detector's anchors as parts of the input, grid by grid, row by row."""
    grids = []
    for cells, count in GRIDS:
        line = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(line, line)
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(grids)


def decode_detections(raw: Array, logits: Array, centres: Array, size: int) -> Array:
    """People [n, 12] as parts of the input of `size` pixels: box (two corners) and four points, the surest first.

    `raw` [anchors, 12]: box's centre and size and four points, in pixels, relative to the anchor's centre.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    good = scores >= SCORE
    scores, raw, centres = scores[good], raw[good].astype(np.float64) / size, centres[good]
    middle, half = raw[:, :2] + centres, raw[:, 2:4] / 2
    points = raw[:, 4:].reshape(len(raw), 4, 2) + centres[:, None]
    return blended(np.concatenate([middle - half, middle + half, points.reshape(-1, 8)], axis=1), scores)


def blended(people: Array, scores: Array) -> Array:
    """Detections [n, 12] with those that overlap blended by score, the surest first (Bazarevsky et al., BlazeFace)."""
    order = np.argsort(-scores, kind="stable")
    people, scores = people[order], scores[order]
    overlaps = box_overlaps(people[:, :4], people[:, :4])
    left = np.ones(len(people), bool)
    merged = []
    for index in range(len(people)):
        if left[index]:
            group = left & (overlaps[index] > OVERLAP)
            group[index] = True
            merged.append((people[group] * scores[group, None]).sum(axis=0) / scores[group].sum())
            left &= ~group
    return np.array(merged).reshape(-1, people.shape[1])


class LandmarkNetwork:
    """BlazePose's landmarks: lite, full or heavy."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0) -> None:
        self.network = Network(path, device, threads)
        self._size = self.network.size(256, 0)[0]
        ranks = [len(one.shape) for one in self.network.outputs]
        if ranks != [2, 2, 4] or self.network.outputs[0].shape[1] != 5 * LANDMARKS:
            raise InputError(f"{path}: gives {self.network.describe()}; wanted BlazePose's landmarks")

    def __call__(self, image: Image, region: Region) -> Landmarks:
        """The landmarks of the person in a region of an RGB image."""
        matrix = region.matrix(self._size)
        crop = warped(image, matrix, self._size, edge=True)
        raw, presence, heatmaps = self.network(crop.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        values = raw[0].reshape(LANDMARKS, 5).astype(np.float64)  # x, y, z in pixels of the crop, two logits
        positions = refined(values[:, :2] / self._size, heatmaps[0]) * self._size
        visibility = 1 / (1 + np.exp(-np.clip(values[:, 3:4], -60, 60)))
        return Landmarks(
            np.concatenate([positions @ matrix[:, :2].T + matrix[:, 2], visibility], axis=1), float(presence[0, 0])
        )


def refined(positions: Array, heatmaps: Array) -> Array:
    """Positions [K, 2], as parts of the crop, moved to the mean of the heatmap [K, height, width] (logits) around.

    The mean is over a window of `HEATMAP_WINDOW` cells, cut at the border, around the cell of the position.
    """
    count, height, width = heatmaps.shape
    cells = np.floor(positions * [width, height]).astype(np.int64)
    inside = ((cells >= 0) & (cells < [width, height])).all(axis=1)
    radius = HEATMAP_WINDOW // 2
    offsets = np.arange(-radius, radius + 1)
    columns, rows = cells[:, 0, None] + offsets, cells[:, 1, None] + offsets  # [K, window]
    logits = heatmaps[
        np.arange(count)[:, None, None],
        np.clip(rows, 0, height - 1)[:, :, None],
        np.clip(columns, 0, width - 1)[:, None, :],
    ]
    there = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    weights = there / (1 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))  # [K, window, window]
    total = weights.sum(axis=(1, 2))
    trusted = inside & (weights.max(axis=(1, 2)) >= HEATMAP_PEAK)
    x = (weights.sum(axis=1) * columns).sum(axis=1) / np.where(total > 0, total, 1) / width
    y = (weights.sum(axis=2) * rows).sum(axis=1) / np.where(total > 0, total, 1) / height
    return np.where(trusted[:, None], np.stack([x, y], axis=1), positions)
