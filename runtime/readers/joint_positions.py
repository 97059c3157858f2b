"""Motions as other text-to-motion models write them: joints, or HumanML3D's 263 numbers a frame, as .npy at 20 fps.

MDM, T2M-GPT, MoMask and whatever else is trained on HumanML3D (Guo et al. 2022) answer the latter, and joints for
pictures.  Their rotations come from inverse kinematics without twist and are not looked at; the joints tell more.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from genmo.runtime.motion.joint_rotations import BODY_COUNT, motion_of_joints
from genmo.runtime.motion.motion import MAX_FRAMES, Motion
from genmo.runtime.motion.rotation import matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, JOINT_COUNT
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_npy_file

RATE = 20.0
WIDTH = 263
HEIGHTS = (0.1, 2.0)
"""metres within which the root of a person is, whatever they do, in the median of the frames"""
WANTED = (
    f"an array of joints [frames, {BODY_COUNT} or {JOINT_COUNT}, 3] in metres, y up, or of HumanML3D's features "
    f"[frames, {WIDTH}]"
)


def joints_of_features(features: Array) -> Array:
    """World joints [frames, 22, 3], metres, of HumanML3D's features [frames, 263], starting over the origin.

    Turning speed (half of the angle) and speed over the ground, in the heading of the frame after, are summed up; the
    places of the joints are in the heading of their own frame.  The rest says the same again.
    """
    features = np.asarray(features, np.float64)
    yaw = np.concatenate([[0.0], 2 * np.cumsum(features[:-1, 0])])
    back = matrix_from_yaw(-yaw)  # [frames, 3, 3] from the heading to the world
    steps = np.stack([features[:-1, 1], 0 * features[:-1, 1], features[:-1, 2]], axis=-1)
    way = np.concatenate([np.zeros((1, 3)), np.cumsum(rotate(back[1:], steps), axis=0)])
    root = np.stack([0 * yaw, features[:, 3], 0 * yaw], axis=-1)
    local = np.concatenate([root[:, None], features[:, 4:67].reshape(len(features), BODY_COUNT - 1, 3)], axis=1)
    return np.asarray(rotate(back[:, None], local) + way[:, None])


def read_joint_positions(path: str | Path) -> Motion:
    """The motion of an .npy of joints or features, on the floor, at 20 fps.  Raises InputError for anything else."""
    stored = read_npy_file(path, WANTED)
    batched = stored.ndim == 4 or (stored.ndim == 3 and stored.shape[2] == WIDTH)
    array = stored[0] if batched and len(stored) == 1 else stored
    if array.ndim and len(array) > MAX_FRAMES:
        raise InputError(f"{path}: {len(array)} frames; wanted at most {MAX_FRAMES}: cut it in parts")
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"{path}: wanted {WANTED}, all of it finite numbers")
    if array.ndim == 2 and array.shape[1] == WIDTH and len(array):
        joints = joints_of_features(array)
        _check_height(path, joints, "these features seem to be normalised: multiply by Std.npy and add Mean.npy")
    elif array.ndim == 3 and array.shape[1] in (BODY_COUNT, JOINT_COUNT) and array.shape[2] == 3 and len(array):
        joints = np.asarray(array, np.float64)
        _check_height(path, joints - [0, joints[..., 1].min(), 0], "wanted metres, y up")
    else:
        raise InputError(f"{path}: got an array of {list(stored.shape)}, wanted {WANTED}")
    motion = motion_of_joints(joints, RATE)
    floor = motion.joints_world()[:, FOOT_JOINTS, 1].min() - BALL_HEIGHT
    return replace(motion, translation=motion.translation - [0.0, floor, 0.0])


def _check_height(path: str | Path, joints: Array, what: str) -> None:
    height = float(np.median(joints[:, 0, 1]))
    if not HEIGHTS[0] < height < HEIGHTS[1]:
        raise InputError(f"{path}: its root is at {height:.2f} m; {what}")
