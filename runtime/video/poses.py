"""COCO-17 keypoints by an ONNX pose network: RTMPose (SimCC), ViTPose-like (heatmaps) and RTMO (one stage)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.conditions.keypoints import POINT_COUNT
from genmo.runtime.readers.keypoint_layouts import LAYOUTS, body_points
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.crops import IMAGENET_MEAN, IMAGENET_STD, centre_and_size, crops, letterbox, normalized, plain
from genmo.runtime.video.detectors import SCORE, SIDE, suppress
from genmo.runtime.video.libraries import library
from genmo.runtime.video.onnx_network import Network

WANTED = (
    "a pose network: RTMPose (simcc_x and simcc_y), ViTPose (heatmaps [batch, points, height, width]) or RTMO (dets "
    "and keypoints)"
)
CROP = (192, 256)
"""Width and height of a top-down network's input where the graph leaves them open."""
BLUR = 11
"""Pixels of the Gaussian that smooths a heatmap before its peak is refined (MMPose's ViTPose, sigma 2)."""
MAX_BATCH = 16


@dataclass(frozen=True, eq=False)
class Poses:
    """The people in an image."""

    points: Array
    """[people, 21, 3] pixels and confidence 0 to 1, COCO-17 and FEET"""
    boxes: Array
    """[people, 4] x, y of the upper left and lower right, pixels"""
    scores: Array
    """[people] 0 to 1"""


def surest_first(poses: Poses) -> Array:
    """[people, 21, 3] pixels and confidence, COCO-17 and FEET, the surest person first."""
    return poses.points[np.argsort(-poses.scores, kind="stable")]


class PoseNetwork:
    """A pose network of a kind that its outputs tell.  Raises InputError for a graph that is none."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0, score: float = SCORE) -> None:
        self.network = Network(path, device, threads)
        self.score = score
        self.kind = _kind(self.network)
        usual = (SIDE, SIDE) if self.one_stage else CROP
        self._width, self._height = self.network.size(*usual)

    @property
    def one_stage(self) -> bool:
        """Whether it finds people by itself."""
        return self.kind == "rtmo"

    def of_boxes(self, image: Image, boxes: Array) -> Array:
        """Points [n, 21, 3] of the people in the boxes [n, 4] of an RGB image (top-down networks)."""
        parts = [self._of_batch(image, boxes[start : start + MAX_BATCH]) for start in range(0, len(boxes), MAX_BATCH)]
        return np.concatenate([np.zeros((0, POINT_COUNT, 3)), *parts])

    def _of_batch(self, image: Image, boxes: Array) -> Array:
        udp = self.kind == "heatmaps"
        centres, sizes = centre_and_size(boxes, self._width / self._height)
        images = crops(image, centres, sizes, self._width, self._height, udp)
        properties = self.network.properties
        outputs = self.network(
            normalized(images, tuple(properties.get("mean", IMAGENET_MEAN)), tuple(properties.get("std", IMAGENET_STD)))
        )
        positions, scores = decode_heatmaps(outputs[0]) if udp else self._simcc(outputs)
        points = positions * sizes[:, None] + (centres - sizes / 2)[:, None]
        return self._coco(np.concatenate([points, scores[..., None]], axis=-1))

    def _simcc(self, outputs: list[Array]) -> tuple[Array, Array]:
        """The output's name says which of the two is x; without it, the input is higher than wide."""
        names = [output.name for output in self.network.outputs]
        swapped = names[0].endswith("y") if names[0][-1] in "xy" else outputs[0].shape[-1] > outputs[1].shape[-1]
        return decode_simcc(*(outputs[::-1] if swapped else outputs))

    def _coco(self, points: Array) -> Array:
        source = str(self.network.path)
        return np.array([body_points(person, source) for person in points]).reshape(len(points), POINT_COUNT, 3)

    def of_image(self, image: Image) -> Poses:
        """Everybody in an RGB image (RTMO): the network sees BGR of 0 to 255."""
        padded, scale = letterbox(image, self._width, self._height)
        outputs = self.network(plain(padded))
        detections, points = sorted(
            (output[0].astype(np.float64) for output in outputs), key=lambda output: output.ndim
        )
        good = detections[:, 4] >= self.score
        boxes, scores, points = detections[good, :4] / scale, detections[good, 4], points[good]
        points[..., :2] /= scale
        kept = suppress(boxes, scores)
        return Poses(self._coco(points[kept]), boxes[kept], scores[kept])


def _kind(network: Network) -> str:
    """The kind of pose network by its outputs.  Raises InputError."""
    shapes = sorted((output.shape for output in network.outputs), key=len)
    ranks = [len(shape) for shape in shapes]
    if ranks == [3, 4] and shapes[0][-1] in (5, None) and shapes[1][-1] in (3, None):
        _check_count(network, shapes[1][2])
        return "rtmo"
    if ranks == [3, 3] and 4 not in (shapes[0][-1], shapes[1][-1]):
        _check_count(network, shapes[0][1])
        return "simcc"
    if ranks == [4]:
        _check_count(network, shapes[0][1])
        return "heatmaps"
    hint = "; this looks like a detector" if ranks in ([3], [2, 3], [3, 3]) else ""
    raise InputError(f"{network.path}: gives {network.describe()}; wanted {WANTED}{hint}")


def _check_count(network: Network, count: int | None) -> None:
    if count is not None and count not in LAYOUTS:
        supported = ", ".join(map(str, LAYOUTS))
        raise InputError(
            f"{network.path}: {count} keypoints a person; wanted a network of {supported} (COCO's body first)"
        )


def decode_simcc(across: Array, down: Array) -> tuple[Array, Array]:
    """Positions [n, K, 2] as fractions of the crop and scores [n, K] of SimCC's x [n, K, bins] and y [n, K, bins].

    The position is the highest bin, the score the lower of the two maxima (Li et al., ECCV 2022; Jiang et al., 2023).
    """
    scores = np.minimum(across.max(axis=-1), down.max(axis=-1)).astype(np.float64)
    bins = np.stack([across.argmax(axis=-1), down.argmax(axis=-1)], axis=-1)
    return bins / np.array([across.shape[-1], down.shape[-1]]), scores


def decode_heatmaps(heatmaps: Array) -> tuple[Array, Array]:
    """Positions [n, K, 2] as fractions of the crop and scores [n, K] of heatmaps [n, K, height, width].

    The highest cell, then one Newton step on the logarithm of the smoothed heatmap (DARK: Zhang et al., CVPR 2020),
    in unbiased coordinates: the centres of the outer cells are the crop's borders (Huang et al., CVPR 2020).
    """
    count, points, height, width = heatmaps.shape
    flat = heatmaps.reshape(count * points, height, width).astype(np.float64)  # [n K, height, width]
    highest = flat.reshape(len(flat), -1).argmax(axis=1)
    scores = flat.reshape(len(flat), -1).max(axis=1, initial=-np.inf)
    cells = np.stack([highest % width, highest // width], axis=-1)  # [n K, 2] x, y
    positions = np.array([_refined(one, cell) for one, cell in zip(flat, cells, strict=True)]).reshape(-1, 2)
    positions = positions / np.array([width - 1, height - 1])
    return positions.reshape(count, points, 2), np.clip(scores, 0, None).reshape(count, points)


def _refined(heatmap: Array, cell: Array) -> Array:
    """Position of the peak near `cell` (x, y) in cells."""
    cv2 = library("cv2")
    highest = heatmap.max()
    if highest <= 0:
        return cell.astype(np.float64)
    border = BLUR // 2
    smooth = cv2.GaussianBlur(np.pad(heatmap, border), (BLUR, BLUR), 0)[border:-border, border:-border]
    smooth = smooth * (highest / max(smooth.max(), 1e-12))
    x, y = cell
    patch = np.pad(np.log(np.clip(smooth, 1e-3, 50)), 1, mode="edge")[y : y + 3, x : x + 3]
    slope = np.array([patch[1, 2] - patch[1, 0], patch[2, 1] - patch[0, 1]]) / 2
    here = patch[1, 1]
    xx, yy = patch[1, 2] - 2 * here + patch[1, 0], patch[2, 1] - 2 * here + patch[0, 1]
    xy = (patch[2, 2] - patch[1, 2] - patch[2, 1] + 2 * here - patch[1, 0] - patch[0, 1] + patch[0, 0]) / 2
    curve = np.array([[xx, xy], [xy, yy]]) + np.finfo(np.float32).eps * np.eye(2)
    if abs(np.linalg.det(curve)) < 1e-12:
        return cell.astype(np.float64)
    return np.asarray(cell - np.clip(np.linalg.solve(curve, slope), -1, 1))
