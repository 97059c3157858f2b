"""From SMPL parameters, in any of the ways data sets store them, to genmo's clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate
from genmo.runtime.motion.skeleton import JOINT_COUNT
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bodies import Bodies, grounded
from genmo.train.datasets.resampling import frame_times, interpolated, interpolated_rotations

BODY_JOINTS = JOINT_COUNT - 2
"""the hands of SMPL-24 stay at rest: SMPL-H and SMPL-X have fingers there, and no joint depends on them"""
Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""takes a world with z up to one with y up"""
GENDERS = {"male": "male", "female": "female", "neutral": "neutral", "m": "male", "f": "female", "n": "neutral"}


def gender_of(value: Any, name: str) -> str:
    """ "male", "female" or "neutral" of what a file says (text, bytes, 0-d array; whole or first letter)."""
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    text = value.decode("latin1") if isinstance(value, bytes) else str(value)
    if text.lower() not in GENDERS:
        raise InputError(f"{name}: gender {text!r}; wanted male, female or neutral")
    return GENDERS[text.lower()]


def checked(values: Any, shape: tuple[int | None, ...], name: str) -> npt.NDArray[np.float64]:
    """An array of finite float64 with this shape (None: any size).  Raises InputError that names what was wanted."""
    array = np.asarray(values, np.float64)
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or not len(array) or not np.isfinite(array).all():
        expected = ", ".join("n" if side is None else str(side) for side in shape)
        raise InputError(f"{name}: shape {array.shape}; wanted finite numbers [{expected}]")
    return array


def smpl_clip(
    poses: Array, trans: Array, betas: Array, gender: str, bodies: Bodies, *, fps: float, world: Array | None = None
) -> dict[str, Any]:
    """`rotations`, `translation` and `offsets` of a Clip from SMPL parameters, at 30 fps.

    poses [frames, at least 66] axis-angle of root and body joints; trans [frames, 3] metres, in SMPL's sense (the
    pelvis is at trans + rest pelvis); `world` [3, 3] turns the data's world into one with y up.  With the default
    skeleton the clip is set on the floor.
    """
    frames = len(poses)
    local: Array = np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1))
    local[:, :BODY_JOINTS] = matrix_from_axis_angle(poses[:, : 3 * BODY_JOINTS].reshape(frames, BODY_JOINTS, 3))
    offsets, pelvis = bodies.skeleton(gender, betas)
    path = trans if pelvis is None else trans + pelvis
    if world is not None:
        local[:, 0], path = world @ local[:, 0], rotate(world, path)
    times = frame_times(frames, fps)
    local, path = interpolated_rotations(local, times), interpolated(path, times)
    if pelvis is None:
        path = grounded(local, path, offsets)
    return {
        "rotations": local.astype(np.float32),
        "translation": path.astype(np.float32),
        "offsets": offsets.astype(np.float32),
    }
