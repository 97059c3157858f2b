"""Knees bend forwards; hips, ankles and feet do not notice."""

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.refine.knees import knees_forward


def bend(motion, side):
    world, joints = motion.kinematics()
    hip, knee, ankle = (joints[:, JOINTS.index(f"{side}_{name}")] for name in ("hip", "knee", "ankle"))
    return (np.cross(knee - hip, ankle - knee) * world[:, JOINTS.index(f"{side}_hip"), :, 0]).sum(axis=-1)


def legs(angles):
    """A motion whose knees are bent by `angles` [frames], positive as knees bend, thighs half as much forwards."""
    rotations = np.tile(np.eye(3), (len(angles), 24, 1, 1))
    for side in ("left", "right"):
        axis = np.asarray([1.0, 0.0, 0.0])
        rotations[:, JOINTS.index(f"{side}_hip")] = matrix_from_axis_angle(-angles[:, None] / 2 * axis)
        rotations[:, JOINTS.index(f"{side}_knee")] = matrix_from_axis_angle(angles[:, None] * axis)
    return Motion(rotations, np.tile([0.0, 1.0, 0.0], (len(angles), 1)))


def test_backwards_becomes_forwards():
    motion = legs(np.linspace(-1.0, 1.0, 41))
    mended = knees_forward(motion)
    for side in ("left", "right"):
        assert bend(motion, side).min() < -0.05 and bend(mended, side).min() > -0.01
        for name in ("hip", "ankle", "foot"):
            joint = JOINTS.index(f"{side}_{name}")
            np.testing.assert_allclose(mended.joints_world()[:, joint], motion.joints_world()[:, joint], atol=1e-9)
        foot = JOINTS.index(f"{side}_ankle")
        np.testing.assert_allclose(mended.kinematics()[0][:, foot], motion.kinematics()[0][:, foot], atol=1e-9)
    right = bend(motion, "left") > 0.02
    np.testing.assert_array_equal(mended.rotations[right], motion.rotations[right])
    steps = np.abs(np.diff(mended.joints_world(), axis=0)).max()
    assert steps < 1.5 * np.abs(np.diff(motion.joints_world(), axis=0)).max()
