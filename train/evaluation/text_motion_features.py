"""Motions and captions as the text-motion evaluator reads them.

Motions are put on the mean body (a person's size is not the action), in the heading of each frame, at 30 fps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genmo.runtime.engine.text_ngram import words_of
from genmo.runtime.motion.motion import FPS, Motion
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import JOINT_COUNT, forward_kinematics, shape_space
from genmo.runtime.support.arrays import Array
from genmo.train.datasets.clips import Clip, leg_length

FEATURES = 2 * 3 * JOINT_COUNT + 1
"""joints over the ground below the root, their velocities, and the turning speed"""
LONGEST = 120
"""frames of a motion that are looked at: the window that the model was trained on"""
SHORTEST = 24


def motion_features(rotations: Array, translation: Array, offsets: Array) -> npt.NDArray[np.float32]:
    """[frames, 145] of local rotations [frames, 24, 3, 3], pelvis [frames, 3] and rest offsets [24, 3].

    Metres, metres a second, radians a second, in the heading of the root; the body is the mean one, and the path is
    scaled with the legs.
    """
    mean = shape_space().mean
    path = translation * (leg_length(mean) / leg_length(offsets))
    joints = forward_kinematics(rotations, path, mean)[1]
    forward = rotations[:, 0, :, 2]
    yaw = np.unwrap(heading(forward))
    back = matrix_from_yaw(-yaw)[:, None]
    below = path * np.array([1.0, 0.0, 1.0])
    positions = rotate(back, joints - below[:, None])
    speeds = rotate(back[:-1], np.diff(joints, axis=0) * FPS)
    turning = np.diff(yaw)[:, None] * FPS
    if len(yaw) == 1:
        speeds, turning = np.zeros((1, JOINT_COUNT, 3)), np.zeros((1, 1))
    else:  # the last frame repeats the step before it
        speeds, turning = np.concatenate([speeds, speeds[-1:]]), np.concatenate([turning, turning[-1:]])
    blocks = [positions.reshape(len(yaw), -1), speeds.reshape(len(yaw), -1), turning]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def features_of(motion: Clip | Motion) -> npt.NDArray[np.float32]:
    """Features of the middle LONGEST frames of a clip or a generated motion."""
    frames = min(motion.frames, LONGEST)
    first = (motion.frames - frames) // 2
    span = slice(first, first + frames)
    offsets = motion.rest_offsets if isinstance(motion, Motion) else motion.offsets
    return motion_features(motion.rotations[span], motion.translation[span], offsets)


def wording(caption: str) -> str:
    """What makes two captions the same: their words, without case and punctuation."""
    return " ".join(words_of(caption))


def same_wording(captions: Sequence[str], clips: Sequence[Clip]) -> npt.NDArray[np.bool_]:
    """[n, m]: caption i is, word for word, one of the captions of clip j."""
    wordings = [{wording(caption) for caption in clip.captions} for clip in clips]
    return np.array([[wording(caption) in words for words in wordings] for caption in captions], bool)
