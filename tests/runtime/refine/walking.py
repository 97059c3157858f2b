"""A walker whose feet are where they are said to be."""

import functools

import numpy as np

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import BALL_HEIGHT, JOINT_COUNT, JOINTS

BALLS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
CYCLE = 36  # frames of two steps; each foot is down for the first 20 of its own


def standing(frames):
    """A slightly crouched body, soles level on the ground; [frames, 24, 3, 3] and [frames, 3]."""
    turns = np.zeros((frames, JOINT_COUNT, 3))
    for joint, angle in (("hip", -0.5), ("knee", 1.0), ("ankle", -0.5)):
        for side in ("left", "right"):
            turns[:, JOINTS.index(f"{side}_{joint}"), 0] = angle
    motion = Motion(matrix_from_axis_angle(turns), np.zeros((frames, 3)))
    low = motion.joints_world()[0, BALLS, 1].mean()
    return motion.rotations, np.tile([0.0, BALL_HEIGHT - low, 0.0], (frames, 1))


@functools.cache
def walker(frames=150, slide=0.0, seed=None):
    """Walks along +z with contacts; its stance feet slide along +z at `slide` m/s.

    The legs are placed by numeric inverse kinematics of their own (Newton on the hip's and knee's pitch), not by
    the code under test.
    """
    rotations, path = standing(frames)
    time = np.arange(frames)
    speed = 0.6 / 30
    phases = np.stack([time % CYCLE, (time + CYCLE // 2) % CYCLE], axis=1)
    down = phases < 20
    swing = np.clip((phases - 20) / (CYCLE - 20), 0, 1)
    stride = speed * CYCLE
    smooth = swing**2 * (3 - 2 * swing)
    # places of the feet relative to the body: back at the body's speed while down, forward in the swing
    stance = 0.5 * speed * 20 - speed * np.minimum(phases, 20)
    forward = stance + stride * smooth - speed * np.clip(phases - 20, 0, None)
    lift = 0.12 * np.sin(np.pi * swing) ** 2
    motion = Motion(rotations, path + speed * time[:, None] * [0.0, 0.0, 1.0])
    rest = motion.joints_world()
    for foot, side in enumerate(("left", "right")):
        ankle = ANKLES[foot]
        goal = rest[:, ankle, 1:] + np.stack([lift[:, foot], forward[:, foot]], axis=1)
        place_ankle(rotations, motion, side, goal)
    contacts = np.zeros((frames, 6))
    contacts[:, :4] = np.repeat(np.where(down, 0.95, 0.05), 2, axis=1)
    if seed is not None:
        contacts = np.clip(contacts + np.random.default_rng(seed).normal(0, 0.03, contacts.shape), 0, 1)
    drift = slide / 30 * time[:, None] * [0.0, 0.0, 1.0]
    return Motion(rotations, motion.translation + drift, contacts=contacts), down


def place_ankle(rotations, motion, side, goal):
    """Pitch of hip, knee and ankle so that the ankle is at `goal` [frames, (y, z)] and the sole stays level."""
    hip, knee, ankle = (JOINTS.index(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
    angles = np.tile([-0.5, 1.0], (len(goal), 1))

    def reached(angles):
        turns = np.zeros((3, len(goal), 3))
        turns[:, :, 0] = angles[:, 0], angles[:, 1], -angles.sum(axis=1)
        rotations[:, [hip, knee, ankle]] = np.moveaxis(matrix_from_axis_angle(turns), 0, 1)
        return Motion(rotations, motion.translation).joints_world()[:, ankle, 1:]

    for _ in range(12):
        error = reached(angles) - goal
        step = 1e-6
        jacobian = np.stack(
            [(reached(angles + step * np.eye(2)[i]) - goal - error) / step for i in range(2)],
            axis=-1,
        )
        angles -= np.linalg.solve(jacobian, error[..., None])[..., 0]
    assert np.abs(reached(angles) - goal).max() < 1e-9
