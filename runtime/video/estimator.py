"""Detector and pose network together: an image in, the keypoints of everybody out."""

from __future__ import annotations

from pathlib import Path

from genmo.runtime.support.arrays import Array, Image
from genmo.runtime.support.errors import InputError
from genmo.runtime.video.detectors import SCORE, Detector
from genmo.runtime.video.poses import PoseNetwork, Poses, surest_first


class PoseEstimator:
    """2D keypoints of everybody in an image by networks that the user names.

    `pose`: RTMPose, ViTPose or RTMO as .onnx; `detector`: YOLOX or a DETR-like network, which all but RTMO need.
    `device`: "cpu" or "cuda"; `threads`: 0 leaves the number to ONNX Runtime; `score`: people below it are not there.
    Raises InputError for files of another kind and for a missing detector, BackendError for a missing library.
    """

    def __init__(
        self,
        pose: str | Path,
        detector: str | Path | None = None,
        *,
        device: str = "cpu",
        threads: int = 0,
        score: float = SCORE,
    ) -> None:
        self.pose = PoseNetwork(pose, device, threads, score)
        if detector is None and not self.pose.one_stage:
            raise InputError(
                f"{pose}: this pose network needs boxes of people; wanted a detector: --detector FILE.onnx"
            )
        if detector is not None and self.pose.one_stage:
            raise InputError(f"{pose}: RTMO finds people by itself; wanted no detector beside it")
        self.detector = None if detector is None else Detector(detector, device, threads, score)

    def people(self, image: Image) -> Poses:
        """Everybody in an RGB image [height, width, 3] uint8: points, boxes and scores."""
        if self.detector is None:
            return self.pose.of_image(image)
        boxes = self.detector(image)
        return Poses(self.pose.of_boxes(image, boxes.corners), boxes.corners, boxes.scores)

    def keypoints(self, image: Image) -> Array:
        """[people, 21, 3] pixels and confidence of everybody in an RGB image, COCO-17 and FEET, the surest first."""
        return surest_first(self.people(image))
