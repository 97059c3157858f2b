"""Estimation from what a recording's own camera saw: the paper's Tables 1 to 3 on 3DPW, EMDB, RICH and the like.

The runtime is given the recorded keypoints, or the body's where a set has none, with the lens, the camera's poses, and
features of the video where the engine takes some.  Truth is the recorded person's own skeleton; where gravity is not
known (3DPW) nothing is measured in the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from genmo.runtime import MotionModel
from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.conditions.spans import FeatureSpan, KeypointSpan
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.skeleton import coco_keypoints, forward_kinematics
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.data.recorded_cameras import image_size, moves
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.store import Recording, good_stretches
from genmo.train.geometry.conditions import NEAR
from genmo.train.geometry.mesh import Mesh
from genmo.train.metrics.paper_tables import Estimate, estimation_row, markdown_table
from genmo.train.metrics.pose import similarity

SHORTEST = 30
"""frames; shorter good stretches are not measured"""


def recordings(clips: Iterable[Clip]) -> list[Recording]:
    """The clips, good stretches only, whose own camera saw a motion that is known.  Raises InputError without any."""
    usable = [
        stretch
        for clip in clips
        if isinstance(clip, Recording) and clip.camera is not None and clip.truth in ("world", "local")
        for stretch in good_stretches(clip, SHORTEST)
    ]
    if not usable:
        raise InputError(
            "--recorded: no clip of these subjects has a camera of its own; wanted sets such as emdb, 3dpw, rich or "
            "bedlam, as genmo-prepare writes them"
        )
    return usable


def seen_keypoints(clip: Recording) -> Keypoints:
    """What the clip's camera saw: recorded keypoints, or where the body's are.  The camera's poses only in a world with
    y up."""
    assert clip.camera is not None
    lens = default_intrinsics(*image_size(clip)) if clip.intrinsics is None else np.asarray(clip.intrinsics, np.float64)
    points = clip.keypoints
    if points is None:
        global_rotations, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
        local = clip.camera.to_camera(coco_keypoints(global_rotations, joints))
        pixels = lens[0, 0] * local[..., :2] / np.maximum(local[..., 2:], NEAR) + lens[:2, 2]
        inside = (pixels >= 0).all(-1) & (pixels < image_size(clip)).all(-1) & (local[..., 2] > NEAR)
        points = np.concatenate([pixels, inside[..., None]], axis=-1)
    return Keypoints(np.asarray(points, np.float64), lens, clip.camera if clip.truth == "world" else None)


def recorded_estimate(
    model: MotionModel, clip: Recording, mesh: Mesh | None = None, fit: bool = True, clean_feet: bool = True
) -> Estimate:
    """What the model makes of what the clip's camera saw, and the truth; with a `mesh` its vertices too."""
    keypoints = seen_keypoints(clip)
    features: tuple[FeatureSpan, ...] = ()
    if clip.video is not None and model.engine.config.video_width:
        features = (FeatureSpan("video", np.asarray(clip.video, np.float64)),)
    timeline = Timeline(clip.frames, keypoints=(KeypointSpan(keypoints),), features=features)
    (motion,) = model.follow(timeline, fit=fit, clean_feet=clean_feet).motions
    global_rotations, joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)
    assert motion.joints_camera is not None and clip.camera is not None
    surface: dict[str, Any] = {}
    if mesh is not None:
        surface["vertices"] = _in_camera(motion, mesh)
        surface["true_vertices"] = clip.camera.to_camera(_skinned(mesh, global_rotations, joints))
    world = clip.truth == "world"
    return Estimate(
        camera=motion.joints_camera,
        true_camera=clip.camera.to_camera(joints),
        world=motion.joints_world() if world else None,
        true_world=joints if world else None,
        **surface,
    )


def _skinned(mesh: Mesh, rotations: Array, joints: Array) -> Array:
    tensors = (torch.from_numpy(np.ascontiguousarray(array)).float() for array in (rotations, joints))
    return np.asarray(mesh.vertices(*tensors))


def _in_camera(motion: Motion, mesh: Mesh) -> Array:
    """A motion's vertices [frames, vertices, 3] in the camera frame: turned and shifted as its joints are."""
    rotations, joints = motion.kinematics()
    assert motion.joints_camera is not None
    turn, _, shift = similarity(joints, motion.joints_camera, scaled=False)
    return np.asarray(_skinned(mesh, rotations, joints) @ turn + shift[:, None])


def report(
    model: MotionModel, clips: Sequence[Clip], mesh: Mesh | None = None, progress: bool = False
) -> dict[str, Any]:
    """A row a set, and for the cameras that stand still and those that move, where there are both.

    Raises InputError when no clip has a camera of its own.
    """
    from tqdm import tqdm

    measured = recordings(clips)
    results = [recorded_estimate(model, clip, mesh) for clip in tqdm(measured, unit="clip", disable=not progress)]
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(measured):
        assert clip.camera is not None
        name = clip.name.split("/")[0]
        kind = "moving" if moves(clip.camera.rotation, clip.camera.position) else "static"
        for group in (name, f"{name}, {kind} camera"):
            groups.setdefault(group, []).append(index)
    rows = {
        group: estimation_row([results[index] for index in indices])
        for group, indices in groups.items()
        if "," not in group or len(indices) < len(groups[group.split(",")[0]])
    }
    frames = sum(clip.frames for clip in measured)
    return {"clips": len(measured), "frames": frames, "recorded": rows}


def markdown(result: dict[str, Any]) -> str:
    """The report as a table."""
    about = (
        f"Estimation in one step from what the recordings' own cameras saw, {result['clips']} clips "
        f"({result['frames']} frames) of {', '.join(result['validation_subjects'])}; 95 % intervals over clips."
    )
    return "\n".join([about, "", markdown_table(result["recorded"], first="set")])


__all__ = ["markdown", "recorded_estimate", "recordings", "report", "seen_keypoints"]
