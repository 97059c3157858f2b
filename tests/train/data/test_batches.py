"""Targets and conditions of training are those that the runtime would compute."""

import numpy as np
import torch

from genmo.runtime.conditions.condition_arrays import camera_condition
from genmo.runtime.motion import representation
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.skeleton import coco_keypoints
from genmo.train.data.batches import MotionWindows, Randomness, make_batch
from genmo.train.data.condition_dropout import Caption
from genmo.train.settings.augmentation import AugmentationConfig

FRAMES = 40


def made_batch(random_motion, count=4, estimation=2):
    motions = [random_motion(FRAMES, seed) for seed in range(count)]
    stacked = [
        torch.from_numpy(np.stack([getattr(motion, name) for motion in motions])).float()
        for name in ("rotations", "translation", "betas")
    ]
    windows = MotionWindows(*stacked, [Caption("walk")] * count)
    as_recorded = AugmentationConfig(no_text=0.0, proportions=0.0, straight_legs=0.0)
    return motions, make_batch(windows, estimation, as_recorded, Randomness.seeded(0, 0))


def test_targets_are_what_the_runtime_encodes(random_motion):
    motions, batch = made_batch(random_motion)
    for index, motion in enumerate(motions):
        camera = Camera(*(t[index].double().numpy() for t in (batch.cameras.rotation, batch.cameras.position)))
        wanted = representation.encode(motion, camera)
        np.testing.assert_allclose(batch.joints[index], motion.joints_world(), atol=1e-5)
        np.testing.assert_allclose(batch.features[index], wanted, atol=1e-4)


def test_conditions_are_what_the_runtime_asks(random_motion):
    """Cameras exactly; keypoints up to their simulated jitter (centimetres on a body of metres)."""
    motions, batch = made_batch(random_motion, count=12, estimation=12)
    for index, motion in enumerate(motions):
        camera = Camera(*(t[index].double().numpy() for t in (batch.cameras.rotation, batch.cameras.position)))
        shown = batch.conditions["camera_mask"][index].numpy() > 0
        wanted = camera_condition(camera)
        np.testing.assert_allclose(batch.conditions["camera"][index].numpy()[shown], wanted[shown], atol=1e-4)
        local = camera.to_camera(coco_keypoints(*motion.kinematics()))
        box = batch.conditions["bounding_box"][index].numpy()[:, None]
        placed = 2 * (local[..., :2] / local[..., 2:] - box[..., :2]) / np.maximum(box[..., 2:], 1e-6)
        keypoints = batch.conditions["keypoints"][index].numpy()
        seen = (keypoints[..., 2] > 0) & (batch.conditions["bounding_box_mask"][index].numpy() > 0)[:, None]
        if seen.any():
            assert np.median(np.abs(keypoints[..., :2] - placed)[seen]) < 0.15
