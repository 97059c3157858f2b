"""Boxes of people by an ONNX detector: YOLOX as its authors or MMDeploy export it, and DETR-like networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.crops import IMAGENET_MEAN, IMAGENET_STD, letterbox, normalized, plain, resize_to
from genmo.runtime.video.onnx_network import Network

WANTED = (
    "a detector: YOLOX (one output [batch, boxes, 5 + classes], or dets [batch, boxes, 5] and labels) or a DETR-like "
    "network (logits and pred_boxes)"
)
SCORE = 0.5
"""People of lower score are not there."""
OVERLAP = 0.45
"""Of two boxes that overlap by more (intersection over union), the one of lower score goes."""
STRIDES = (8, 16, 32)
SIDE = 640
"""Side of the input where the graph leaves it open."""
PERSON = 0
"""Class of people in YOLOX and RT-DETR; DETR and YOLOS count the 91 of COCO from 1."""
COCO_CLASSES = 80


@dataclass(frozen=True, eq=False)
class Boxes:
    """People in an image."""

    corners: Array
    """[n, 4] x, y of the upper left and lower right, pixels"""
    scores: Array
    """[n] 0 to 1, falling"""


class Detector:
    """A detector of a kind that its outputs tell.  Raises InputError for a graph that is none."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0, score: float = SCORE) -> None:
        self.network = Network(path, device, threads)
        self.score = score
        self.kind = _kind(self.network)
        self._width, self._height = self.network.size(SIDE, SIDE)

    def __call__(self, image: Image) -> Boxes:
        """The people in an RGB image."""
        if self.kind == "detr":
            corners, scores = self._detr(image)
        else:
            padded, scale = letterbox(image, self._width, self._height)
            outputs = self.network(plain(padded))  # YOLOX sees BGR of 0 to 255
            corners, scores = self._yolox(outputs)
            corners = corners / scale
        edge = np.tile([image.shape[1], image.shape[0]], 2)
        corners = np.clip(corners, 0, edge)
        good = (scores >= self.score) & (np.prod(corners[:, 2:] - corners[:, :2], axis=-1) > 1)
        kept = suppress(corners[good], scores[good])
        return Boxes(corners[good][kept], scores[good][kept])

    def _yolox(self, outputs: list[Array]) -> tuple[Array, Array]:
        """Corners [n, 4] in pixels of the input and scores [n]."""
        if self.kind == "yolox":
            return decode_yolox(outputs[0][0], self._width, self._height, str(self.network.path))
        labels, boxes = sorted((output[0] for output in outputs), key=lambda output: output.ndim)
        people = np.asarray(labels) == PERSON
        return boxes[people, :4].astype(np.float64), boxes[people, 4].astype(np.float64)

    def _detr(self, image: Image) -> tuple[Array, Array]:
        properties = self.network.properties
        logits, boxes = self.network(self._detr_input(image))
        names = [output.name for output in self.network.outputs]
        if names[0] == "pred_boxes" or boxes.shape[-1] != 4:
            logits, boxes = boxes, logits
        sigmoid = (
            properties.get("activation", "sigmoid" if logits.shape[-1] == COCO_CLASSES else "softmax") == "sigmoid"
        )
        person = int(properties.get("person", PERSON if sigmoid else 1))
        scores = class_scores(logits[0].astype(np.float64), sigmoid)[:, person]
        middle, half = boxes[0, :, :2].astype(np.float64), boxes[0, :, 2:].astype(np.float64) / 2
        corners = np.concatenate([middle - half, middle + half], axis=-1)
        image_size = np.array([image.shape[1], image.shape[0]], np.float64)
        if self._padded:
            image_size = np.array([self._width, self._height]) / min(
                self._height / image_size[1], self._width / image_size[0]
            )
        return corners * np.tile(image_size, 2), scores

    @property
    def _padded(self) -> bool:
        return bool(self.network.properties.get("fit") == "pad")

    def _detr_input(self, image: Image) -> Array:
        properties = self.network.properties
        softmax = properties.get("activation") == "softmax" or any(
            one.shape[-1] in (91, 92) for one in self.network.outputs
        )
        mean = tuple(properties.get("mean", IMAGENET_MEAN if softmax else (0, 0, 0)))
        std = tuple(properties.get("std", IMAGENET_STD if softmax else (255, 255, 255)))
        if not self._padded:
            return normalized(resize_to(image, self._width, self._height)[None], mean, std)
        padded, scale = letterbox(image, self._width, self._height, fill=0)
        filled = normalized(padded[None], mean, std)
        filled[..., int(image.shape[0] * scale) :, :] = 0  # DETR pads after it normalises
        filled[..., int(image.shape[1] * scale) :] = 0
        return filled


def _kind(network: Network) -> str:
    """The kind of detector by its outputs.  Raises InputError."""
    ranks = sorted(len(output.shape) for output in network.outputs)
    last = {output.name: output.shape[-1] for output in network.outputs if output.shape}
    if ranks == [3] and None in last.values() or ranks == [3] and (min(filter(None, last.values())) > 5):
        return "yolox"
    if ranks == [2, 3] and {5, None} & {one.shape[-1] for one in network.outputs if len(one.shape) == 3}:
        return "yolox with labels"
    if ranks == [3, 3] and ({"logits", "pred_boxes"} <= set(last) or 4 in last.values()):
        return "detr"
    hint = "; RTMO finds people by itself: give it as the pose model, without a detector" if ranks == [3, 4] else ""
    raise InputError(f"{network.path}: gives {network.describe()}; wanted {WANTED}{hint}")


def decode_yolox(raw: Array, width: int, height: int, source: str = "detector") -> tuple[Array, Array]:
    """Corners [n, 4] in pixels of the input and scores of class person [n] from a YOLOX head [n, 5 + classes].

    Rows are the cells of the grids of stride 8, 16 and 32, row by row: offset in the cell, log of the size in strides,
    objectness, classes (Ge et al., 2021).  Raises InputError when the rows are not those of the input's size.
    """
    grids = [np.stack(np.meshgrid(np.arange(width // s), np.arange(height // s)), -1).reshape(-1, 2) for s in STRIDES]
    cells = np.concatenate(grids)
    stride = np.repeat(STRIDES, [len(grid) for grid in grids])[:, None].astype(np.float64)
    if len(raw) != len(cells) or raw.shape[-1] < 6:
        raise InputError(
            f"{source}: gives {list(raw.shape)} for {width} x {height} pixels; wanted {len(cells)} boxes of "
            "5 + classes, as YOLOX gives"
        )
    middle = (raw[:, :2] + cells) * stride
    half = np.exp(np.minimum(raw[:, 2:4].astype(np.float64), 20)) * stride / 2
    return np.concatenate([middle - half, middle + half], axis=-1), raw[:, 4] * raw[:, 5 + PERSON]


def class_scores(logits: Array, sigmoid: bool) -> Array:
    """Scores [n, classes] of DETR-like logits; the softmax includes the class "nothing", which is the last."""
    if sigmoid:
        return 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))


def suppress(corners: Array, scores: Array, overlap: float = OVERLAP) -> list[int]:
    """Indices of the boxes that stay, best first: greedy non-maximum suppression."""
    kept: list[int] = []
    order = [int(one) for one in np.argsort(-scores, kind="stable")]
    overlaps = box_overlaps(corners, corners)
    for one in order:
        if all(overlaps[one, other] <= overlap for other in kept):
            kept.append(one)
    return kept


def box_overlaps(first: Array, second: Array) -> Array:
    """[a, b] intersection over union of the boxes [a, 4] and [b, 4]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=-1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.where(union > 0, union, 1))
