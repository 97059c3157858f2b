"""Features of a person's crop, frame by frame, by an image encoder that the user names: the paper's video condition.

The crop is that of GVHMR and TRAM: the square box around the keypoints, 256 pixels a side, less ImageNet's mean over
its deviation.  An encoder whose input is narrower than high gets the middle columns of it, as HMR2's does (256 x 192).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genmo.runtime.conditions.keypoints import Keypoints, bounding_boxes
from genmo.runtime.conditions.spans import FeatureSpan
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.crops import crops, normalized
from genmo.runtime.video.frames import frames
from genmo.runtime.video.onnx_network import Network

SIDE = 256
"""Side of the crop where the encoder leaves its height open."""
BATCH = 8


class VideoEncoder:
    """An ONNX encoder, image [batch, 3, height, width] -> features [batch, d].  Raises InputError for another graph."""

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0) -> None:
        self.network = Network(path, device, threads)
        shapes = [output.shape for output in self.network.outputs]
        if len(shapes) != 1 or len(shapes[0]) != 2:
            raise InputError(f"{path}: gives {self.network.describe()}; wanted features [batch, channels] of an image")
        self.channels = shapes[0][1]
        width, self._height = self.network.size(SIDE, SIDE)
        self._width = min(width, self._height)

    def check(self, expected_width: int) -> None:
        """Raise InputError when an engine takes no video features, or others than the encoder gives."""
        if expected_width == 0:
            raise InputError(f"{self.network.path}: this engine takes no video features; wanted one trained with them")
        if self.channels not in (None, expected_width):
            raise InputError(f"{self.network.path}: gives {self.channels} channels; this engine takes {expected_width}")

    def features(self, video: str | Path, keypoints: Keypoints, conventions: Conventions = GENMO) -> FeatureSpan:
        """The features [frames, d] of the person, 30 a second; a frame without a detection takes the interpolated box.

        `conventions`: of the engine that takes them, which say how wide a box it was trained with.
        """
        boxes = bounding_boxes(keypoints.points, conventions)[0]
        waiting: list[Image] = []
        encoded: list[Array] = []
        for number, (_, image) in enumerate(frames(video)):
            if number >= keypoints.frames:
                break
            centre, side = boxes[number : number + 1, :2], np.repeat(boxes[number : number + 1, 2:], 2, axis=1)
            waiting.append(crops(image, centre, side, self._height, self._height, udp=False)[0])
            if len(waiting) == BATCH:
                encoded, waiting = [*encoded, self._encode(np.array(waiting))], []
        if waiting:
            encoded.append(self._encode(np.array(waiting)))
        return FeatureSpan("video", np.concatenate(encoded), source=str(self.network.path))

    def _encode(self, squares: Image) -> Array:
        aside = (self._height - self._width) // 2
        return self.network(normalized(squares[:, :, aside : aside + self._width]))[0].astype(np.float64)
