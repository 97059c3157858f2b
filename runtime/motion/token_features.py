"""The features that motion tokens are made of, and back: HumanML3D's blocks with true rotations, at 30 fps.

Of a frame, in the heading frame (y up, z where the root faces, the origin under the pelvis), on the mean skeleton:
how far the heading turns to the next frame (radians), the root's way to the next frame over the ground (metres), its
height, places of the 21 joints below it, their local rotations, the root's rotation in the heading frame, velocities of
22 joints (metres a frame), contacts of ankles and feet.  HumanML3D's own 263 numbers have no twist of the bones and no
tilt of the root, so that no character could be posed by them; these decode to the motion that was encoded.

The heading is the twist of the root's rotation about y.  It is smooth for whoever lies or bends over, where the
direction that the pelvis faces on the ground is not, and jumps only head down.
"""

from __future__ import annotations

import numpy as np

from genmo.runtime.motion.joints import CONTACT_JOINTS, joint_indices
from genmo.runtime.motion.layout import BODY_JOINTS, TOKEN_JOINTS, TOKEN_LAYOUT
from genmo.runtime.motion.motion import Motion, contact_labels
from genmo.runtime.motion.rotation import matrix_from_6d, matrix_from_yaw, rotate, sixd_from_matrix
from genmo.runtime.motion.skeleton import BETA_COUNT, JOINT_COUNT, forward_kinematics, shape_space
from genmo.runtime.support.arrays import Array

_LEG = list(joint_indices("left_knee", "left_ankle"))
_FEET = slice(0, 4)
"""of `CONTACT_JOINTS`: ankles and feet"""


def twist_heading(rotation: Array) -> Array:
    """Heading [...] in radians of rotations [..., 3, 3]: the angle of their twist about y."""
    side = rotation[..., 0, 2] - rotation[..., 2, 0]
    return np.asarray(np.arctan2(side, rotation[..., 0, 0] + rotation[..., 2, 2]))


def leg_scale(offsets: Array) -> Array:
    """Leg length of rest offsets [..., 24, 3] over that of the mean skeleton [...]."""
    mean = np.linalg.norm(shape_space().mean[_LEG], axis=-1).sum()
    return np.asarray(np.linalg.norm(offsets[..., _LEG, :], axis=-1).sum(axis=-1) / mean)


def to_features(rotations: Array, translation: Array, scale: Array | float = 1.0) -> Array:
    """Features [..., frames, 269] of local rotations [..., frames, 24, 3, 3] and pelvis paths [..., frames, 3].

    `scale` [...]: `leg_scale` of whose path it is; the path is divided by it, so that steps fit the mean skeleton.
    The last frame's steps repeat those of the frame before it; one frame stands still.
    """
    rotations = np.asarray(rotations, np.float64)
    path = np.asarray(translation, np.float64) / np.asarray(scale, np.float64)[..., None, None]
    _, joints = forward_kinematics(rotations, path, shape_space().mean)
    yaw = twist_heading(rotations[..., 0, :, :])
    back = matrix_from_yaw(-yaw)
    steps = np.zeros_like(joints[..., TOKEN_JOINTS, :])
    turn = np.zeros_like(yaw)
    if yaw.shape[-1] > 1:
        steps[..., :-1, :, :] = np.diff(joints[..., TOKEN_JOINTS, :], axis=-3)
        steps[..., -1, :, :] = steps[..., -2, :, :]
        turn[..., :-1] = _wrapped(np.diff(yaw, axis=-1))
        turn[..., -1] = turn[..., -2]
    steps = rotate(back[..., None, :, :], steps)
    under = path * [1.0, 0.0, 1.0]
    places = rotate(back[..., None, :, :], joints[..., 1 : TOKEN_JOINTS.stop, :] - under[..., None, :])
    blocks = {
        "turn": turn[..., None],
        "ground_velocity": steps[..., 0, ::2],
        "height": path[..., 1:2],
        "places": places.reshape(*yaw.shape, -1),
        "body_rotations": sixd_from_matrix(rotations[..., BODY_JOINTS, :, :]).reshape(*yaw.shape, -1),
        "tilt": sixd_from_matrix(back @ rotations[..., 0, :, :]),
        "velocities": steps.reshape(*yaw.shape, -1),
        "foot_contacts": contact_labels(joints)[..., _FEET],
    }
    return np.concatenate([blocks[name] for name, _ in TOKEN_LAYOUT.blocks], axis=-1)


def from_features(features: Array, scale: Array | float = 1.0) -> tuple[Array, Array, Array]:
    """Local rotations [..., frames, 24, 3, 3], pelvis path [..., frames, 3] and contacts [..., frames, 6] of features.

    It starts over the origin with heading 0; hands are straight and wrists touch nothing.  Inverse of `to_features`.
    """
    blocks = TOKEN_LAYOUT.split(np.asarray(features, np.float64))
    lead = features.shape[:-1]
    yaw = _summed(blocks["turn"])[..., 0]
    heading = matrix_from_yaw(yaw)
    rotations = np.broadcast_to(np.eye(3), (*lead, JOINT_COUNT, 3, 3)).copy()
    rotations[..., BODY_JOINTS, :, :] = matrix_from_6d(blocks["body_rotations"].reshape(*lead, -1, 6))
    rotations[..., 0, :, :] = heading @ matrix_from_6d(blocks["tilt"])
    step = np.zeros((*lead, 3))
    step[..., ::2] = blocks["ground_velocity"]
    path = _summed(rotate(heading, step))
    path[..., 1] = blocks["height"][..., 0]
    contacts = np.zeros((*lead, len(CONTACT_JOINTS)))
    contacts[..., _FEET] = np.clip(blocks["foot_contacts"], 0, 1)
    return rotations, path * np.asarray(scale)[..., None, None], contacts


def encode_motion(motion: Motion) -> Array:
    """Features [frames, 269] of a motion."""
    return to_features(motion.rotations, motion.translation, leg_scale(motion.rest_offsets))


def decode_motion(features: Array, betas: Array | None = None) -> Motion:
    """The motion of features [frames, 269], of a person of `betas` [10] (None: the mean).  See `from_features`."""
    betas = np.zeros(BETA_COUNT) if betas is None else betas
    rotations, path, contacts = from_features(features, leg_scale(shape_space().offsets(betas)))
    return Motion(rotations, path, betas, contacts=contacts)


def _wrapped(angle: Array) -> Array:
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def _summed(steps: Array) -> Array:
    """Where steps [..., frames, n] lead, from zero; the last step leads beyond the last frame."""
    return np.concatenate([np.zeros_like(steps[..., :1, :]), np.cumsum(steps[..., :-1, :], axis=-2)], axis=-2)
