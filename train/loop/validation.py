"""Estimation on held-out people while training: one step, clean keypoints, fixed cameras."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genmo.runtime.denoiser import schedule
from genmo.runtime.motion.motion import FPS
from genmo.runtime.support.errors import InputError
from genmo.train.data.batches import Batch, Keypoints2D
from genmo.train.data.simulated_cameras import simulate_cameras
from genmo.train.datasets.clips import Clip
from genmo.train.geometry.conditions import camera_condition, keypoint_conditions, project
from genmo.train.geometry.kinematics import coco_keypoints, forward_kinematics
from genmo.train.geometry.representation import contact_labels, encode, gravity_view_yaw
from genmo.train.loop.losses import pose_of
from genmo.train.loop.model_inputs import absent_conditions
from genmo.train.metrics.pose import mpjpe, pa_mpjpe
from genmo.train.network.checkpoint import Model
from genmo.train.network.normalisation import Normalisation

FRAMES = 60


def validation_batch(clips: list[Clip], limit: int = 96) -> Batch:
    """Windows of 60 frames, evenly taken from the clips, each on the actor's own skeleton."""
    windows = [(c, start) for c in clips for start in range(0, c.frames - FRAMES + 1, FRAMES)]
    if not windows:
        raise InputError(f"no validation clip has {FRAMES} frames; wanted longer ones, or no validation subjects")
    windows = windows[:: max(1, len(windows) // limit)]
    generator = torch.Generator().manual_seed(1)

    def stack(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays))

    rotations = stack([c.rotations[s : s + FRAMES] for c, s in windows])
    translation = stack([c.translation[s : s + FRAMES] for c, s in windows])
    offsets = stack([c.offsets for c, _ in windows])
    global_rotations, joints = forward_kinematics(rotations, translation, offsets[:, None])
    nowhere = torch.zeros(len(windows), dtype=torch.bool)
    cameras = simulate_cameras(translation, torch.zeros(len(windows)), nowhere, generator)
    pixels, inside = project(coco_keypoints(global_rotations, joints), cameras)
    conditions = {
        **keypoint_conditions(pixels, inside, cameras.focal),
        "camera": camera_condition(cameras.rotation, cameras.position),
        "camera_mask": torch.ones(translation.shape[:2]),
    }
    betas = torch.zeros(len(windows), 10)
    features = encode(rotations, translation, betas, contact_labels(joints, FPS), cameras.rotation, cameras.position)
    spans = torch.zeros(len(windows), 1, 2, dtype=torch.int64)
    return Batch(
        features=features,
        joints=joints,
        conditions=conditions,
        prompts=[[""]] * len(windows),
        spans=spans,
        cameras=cameras,
        keypoints_2d=Keypoints2D(pixels, inside, conditions),
        estimation=len(windows),
        only_2d=nowhere,
        local=nowhere,
    )


@torch.no_grad()
def validate(model: Model, batch: Batch, normalisation: Normalisation) -> dict[str, float]:
    """One-step estimation error over the batch, mm, in the camera's axes."""
    config = model.config
    count, frames = batch.joints.shape[:2]
    device = batch.joints.device
    x_0 = model.denoiser(
        {
            "x_t": torch.zeros(count, frames, config.motion_layout.width, device=device),
            "timestep": torch.full((count,), schedule.STEPS - 1, device=device),
            **absent_conditions(config, batch.conditions),
            **batch.conditions,
            "text_tokens": torch.zeros(count, 1, config.text_tokens, config.text_width, device=device),
            "text_token_mask": torch.zeros(count, 1, config.text_tokens, device=device),
            "text_spans": batch.spans,
        }
    )["x_0"]
    yaw = gravity_view_yaw(batch.cameras.rotation)
    predicted = pose_of(normalisation.undo(x_0.float()), yaw)
    to_camera = batch.cameras.rotation.transpose(-1, -2)[:, :, None]
    truth = (to_camera @ batch.joints[..., None])[..., 0].cpu().numpy()
    joints = predicted.camera.cpu().numpy()
    drift = np.linalg.norm(
        (predicted.world[:, -1, 0] - (batch.joints[:, -1, 0] - batch.joints[:, 0, 0])).cpu().numpy(), axis=-1
    )
    return {
        "mpjpe": float(mpjpe(joints, truth).mean()),
        "pa_mpjpe": float(pa_mpjpe(joints, truth).mean()),
        "root_drift_2s": 1000 * float(drift.mean()),
    }
