"""Images fitted to the input of a network, and points brought back.

A box is x, y of its upper left and lower right corner in pixels.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.video.libraries import library

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
GREY = 114
"""YOLOX's padding."""
PADDING = 1.25
"""A top-down network sees the box enlarged by this (MMPose)."""


def letterbox(image: Image, width: int, height: int, fill: int = GREY) -> tuple[Image, float]:
    """The image scaled to fit into the upper left of [height, width, 3], and the scale (YOLOX, RTMO)."""
    cv2 = library("cv2")
    scale = min(height / image.shape[0], width / image.shape[1])
    inner = max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale))
    padded = np.full((height, width, 3), fill, np.uint8)
    padded[: inner[1], : inner[0]] = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    return padded, scale


def resize_to(image: Image, width: int, height: int) -> Image:
    """The image brought to [height, width, 3] whatever its aspect (RT-DETR)."""
    cv2 = library("cv2")
    resized: Image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized


def plain(image: Image) -> Array:
    """The image as float32 [1, 3, height, width] of 0 to 255, blue first: what YOLOX and RTMO are trained on."""
    return np.ascontiguousarray(image[None, ..., ::-1].transpose(0, 3, 1, 2), np.float32)


def normalized(images: Image, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD) -> Array:
    """Images [n, height, width, 3] of 0 to 255 as float32 [n, 3, height, width], less `mean` over `std`."""
    scaled = (images.astype(np.float32) - np.array(mean, np.float32)) / np.array(std, np.float32)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def centre_and_size(boxes: Array, aspect: float, padding: float = PADDING) -> tuple[Array, Array]:
    """Centres [n, 2] and sizes [n, 2] of the boxes [n, 4], padded and grown to width / height = `aspect`."""
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1) * padding
    width, height = np.maximum(size[:, 0], size[:, 1] * aspect), np.maximum(size[:, 1], size[:, 0] / aspect)
    return (boxes[:, :2] + boxes[:, 2:]) / 2, np.stack([width, height], axis=-1)


def crop_matrix(centre: Array, size: Array, width: int, height: int, udp: bool) -> Array:
    """[2, 3] from pixels of the image to those of a crop [height, width] around `centre` that shows `size`.

    `udp`: the centres of the crop's outer pixels lie on the border of what is shown (Huang et al., CVPR 2020), as in
    ViTPose; else the crop's width does, as in RTMPose.
    """
    crop_size = np.array([width, height], np.float64) - udp
    scale = crop_size / size
    shift = crop_size / 2 - scale * centre
    return np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])


def crops(image: Image, centres: Array, sizes: Array, width: int, height: int, udp: bool) -> Image:
    """[n, height, width, 3] parts of the image, black outside of it."""
    cv2 = library("cv2")
    parts = [
        cv2.warpAffine(image, crop_matrix(*one, width, height, udp), (width, height), flags=cv2.INTER_LINEAR)
        for one in zip(centres, sizes, strict=True)
    ]
    return np.array(parts, np.uint8).reshape(len(parts), height, width, 3)


def warped(image: Image, matrix: Array, size: int, *, edge: bool) -> Image:
    """The square [size, size, 3] whose pixel p shows the image at `matrix` [2, 3] times p; outside of the image its
    `edge` goes on, or black."""
    cv2 = library("cv2")
    border = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square: Image = cv2.warpAffine(image, matrix, (size, size), flags=flags, borderMode=border)
    return square
