"""The functions of the runtime, again in PyTorch: the same numbers."""

import numpy as np
import pytest

from genmo.runtime.motion import skeleton
from genmo.train.geometry import kinematics as train_kinematics


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_kinematics_and_keypoints(random_motion, frames, tensor, assert_same):
    motions = [random_motion(frames, seed) for seed in range(3)]
    rotations, translation = (np.stack([getattr(m, name) for m in motions]) for name in ("rotations", "translation"))
    betas = np.stack([motion.betas for motion in motions])
    offsets = skeleton.shape_space().offsets(betas)
    assert_same(train_kinematics.rest_offsets(tensor(betas)), offsets)
    theirs = skeleton.forward_kinematics(rotations, translation, offsets[:, None])
    ours = train_kinematics.forward_kinematics(tensor(rotations), tensor(translation), tensor(offsets)[:, None])
    for mine, other in zip(ours, theirs, strict=True):
        assert_same(mine, other)
    assert_same(train_kinematics.coco_keypoints(*ours), skeleton.coco_keypoints(*theirs))
