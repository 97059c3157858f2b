"""Rotations from joints: the joints come back, and twist is right where hinges are bent."""

import numpy as np
import pytest

from genmo.runtime.motion.joint_rotations import motion_of_joints
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS

HINGES = ("left_knee", "right_knee", "left_elbow", "right_elbow")


def bent(frames: int = 40, least: float = 0.6) -> Motion:
    """Somebody who turns and moves, with hinges that are bent about their own axes, by `least` radians or more."""
    random, time = np.random.default_rng(4), np.linspace(0, 1, frames)[:, None, None]
    turns = 0.5 * np.sin(3 * time + random.uniform(0, 6, (1, JOINT_COUNT, 3)))
    for name in (*HINGES, "left_wrist", "right_wrist", "left_hand", "right_hand", "head", "left_foot", "right_foot"):
        turns[:, JOINTS.index(name)] = 0
    for name, axis in zip(HINGES, (0, 0, 1, 1), strict=True):
        sign = -1 if name == "left_elbow" else 1
        turns[:, JOINTS.index(name), axis] = sign * (least + 0.5 + 0.5 * np.sin(5 * time[:, 0, 0]))
    path = np.stack([0.3 * time[:, 0, 0], 1 + 0 * time[:, 0, 0], time[:, 0, 0] ** 2], axis=-1)
    return Motion(matrix_from_axis_angle(turns), path)


@pytest.mark.parametrize("count", [22, 24])
def test_the_joints_come_back(random_motion, count):
    for motion in (bent(), random_motion(50, 3)):
        joints = motion.joints_world()
        found = motion_of_joints(joints[:, :count])
        np.testing.assert_allclose(found.joints_world()[:, :22], joints[:, :22], atol=1e-3)
        right = found.rotations @ np.swapaxes(found.rotations, -1, -2)
        np.testing.assert_allclose(right, np.tile(np.eye(3), (*right.shape[:2], 1, 1)), atol=1e-6)


def test_bent_hinges_tell_the_twist():
    """Thighs and upper arms are turned as they were, about their own bone too, and hinges about their axis alone."""
    motion = bent()
    (found, _), (true, _) = motion_of_joints(motion.joints_world()).kinematics(), motion.kinematics()
    for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder", *HINGES):
        joint = JOINTS.index(name)
        off = np.swapaxes(found[:, joint], -1, -2) @ true[:, joint]
        degrees = np.degrees(np.arccos(np.clip((np.trace(off, axis1=1, axis2=2) - 1) / 2, -1, 1)))
        assert degrees.max() < 0.5, name


def test_a_straight_limb_is_turned_as_little_as_can_be():
    """Nobody's arm spins where the elbow passes through straight."""
    swing = np.linspace(-0.2, 0.2, 60)
    turns = np.zeros((60, JOINT_COUNT, 3))
    turns[:, JOINTS.index("left_elbow"), 1] = -swing
    joints = Motion(matrix_from_axis_angle(turns), np.zeros((60, 3))).joints_world()
    local = motion_of_joints(joints).rotations[:, JOINTS.index("left_shoulder")]
    step = np.swapaxes(local[:-1], -1, -2) @ local[1:]
    assert np.degrees(np.arccos(np.clip((np.trace(step, axis1=1, axis2=2) - 1) / 2, -1, 1))).max() < 3
