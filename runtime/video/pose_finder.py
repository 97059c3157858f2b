"""What finds people in a video, by the options `--pose` and `--detector`."""

from __future__ import annotations

from genmo.runtime.support.errors import InputError
from genmo.runtime.video.blazepose import BlazePose
from genmo.runtime.video.blazepose_files import MODELS, installed
from genmo.runtime.video.estimator import PoseEstimator


def check_pose_options(pose: str | None, detector: str | None) -> None:
    """Raise InputError, before any work, where BlazePose is wanted and not installed, or given a detector.

    `pose`: a name of BlazePose's models or the path of another network; None: BlazePose.
    """
    if pose is None or pose in MODELS:
        if detector is not None:
            raise InputError(f"--detector {detector} without --pose FILE.onnx; BlazePose has its own")
        installed(pose)


def open_people_finder(pose: str | None, detector: str | None, device: str, threads: int) -> BlazePose | PoseEstimator:
    """BlazePose where it is named or nothing is, else the user's networks; the errors are theirs."""
    check_pose_options(pose, detector)
    if pose is None or pose in MODELS:
        return BlazePose(*installed(pose), device=device, threads=threads)
    return PoseEstimator(pose, detector, device=device, threads=threads)
