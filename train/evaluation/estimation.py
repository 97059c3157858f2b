"""Estimation of held-out people: errors of poses under simulated cameras, and of paths in the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from genmo.runtime import MotionModel
from genmo.runtime.motion.representation import decode, with_root_at_origin
from genmo.runtime.support.arrays import Array
from genmo.train.datasets.clips import Clip
from genmo.train.evaluation.detector_faults import FAULTS, Fault, as_projected
from genmo.train.evaluation.simulated import camera_truth, estimates, real_row
from genmo.train.metrics.paper_tables import estimation_row
from genmo.train.metrics.pose import mpjpe, pa_mpjpe

CHANGES: dict[str, dict[str, Any]] = {
    "all keypoints": {},
    "30 % of the keypoints hidden": {"hidden": 0.3},
    "3 px noise at 1000 px height": {"noise": 3.0},
    "no camera file": {"with_camera": False},
    "all keypoints and the caption": {"captioned": True},
}
SETTINGS = (
    CHANGES
    | {"all keypoints, --no-clean-feet": {"clean_feet": False}}
    | {f"{name}, --no-fit": setting | {"fit": False} for name, setting in CHANGES.items()}
    | {
        name: {"fault": fault}
        for name, fault in FAULTS.items()
        if name not in ("as projected", "30 % of the points hidden")
    }
)


@dataclass(frozen=True)
class Errors:
    """Frame errors in mm over all clips."""

    mpjpe: Array
    pa_mpjpe: Array

    def summary(self) -> dict[str, float]:
        return {"mpjpe": round(float(self.mpjpe.mean()), 1), "pa_mpjpe": round(float(self.pa_mpjpe.mean()), 1)}


def estimation_errors(
    model: MotionModel,
    clips: list[Clip],
    *,
    hidden: float = 0.0,
    noise: float = 0.0,
    fault: Fault = as_projected,
    with_camera: bool = True,
    captioned: bool = False,
    fit: bool = True,
    clean_feet: bool = True,
) -> Errors:
    """Estimation of every clip under its own camera (seeded by its place in the list): one step, and with a caption a
    motion of text and keypoints."""
    options: dict[str, Any] = {
        "hidden": hidden,
        "noise": noise,
        "fault": fault,
        "with_camera": with_camera,
        "captioned": captioned,
        "fit": fit,
        "clean_feet": clean_feet,
    }
    results = list(estimates(model, clips, **options))
    return Errors(
        np.concatenate([mpjpe(one.camera, one.true_camera) for one in results]),
        np.concatenate([pa_mpjpe(one.camera, one.true_camera) for one in results]),
    )


def world_report(model: MotionModel, clips: list[Clip]) -> dict[str, Any]:
    """A row of Tables 1 and 2 for cameras that stand still and one for cameras that move, both with the camera given;
    the real motion's jitter and foot sliding beside them."""
    real = estimation_row(real_row(clips))
    return {
        "static camera": estimation_row(list(estimates(model, clips, moving=False))),
        "moving camera": estimation_row(list(estimates(model, clips, moving=True))),
        "real motion": {name: real[name] for name in ("Jitter", "Foot sliding") if name in real},
    }


def mean_pose_errors(model: MotionModel, clips: list[Clip]) -> Errors:
    """The same for always answering the mean of the training set (the normalisation's mean features)."""
    joints = decode(*with_root_at_origin(model.engine.mean[None], model.engine.config.motion_layout)).joints_camera
    assert joints is not None
    truths = [camera_truth(clip, seed) for seed, clip in enumerate(clips)]
    answers = [np.broadcast_to(joints, truth.shape) for truth in truths]
    return Errors(
        np.concatenate([mpjpe(a, t) for a, t in zip(answers, truths, strict=True)]),
        np.concatenate([pa_mpjpe(a, t) for a, t in zip(answers, truths, strict=True)]),
    )
