"""Keyframes and joint targets from .npz files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.conditions.constraints import Frames, JointTargets, Keyframes, joined_joint_targets
from genmo.runtime.motion.motion import FPS, MAX_FRAMES
from genmo.runtime.motion.rotation import matrix_from_axis_angle, transpose
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST, read_npz

WANTED_KEYFRAMES = "keyframes as .npz: frames [K], rotations [K, 24, 3, 3] or poses [K, 72], trans [K, 3]"
WANTED_JOINT_TARGETS = "constraints as .npz: frames [M], joints [M] and positions [M, 3]"
SMPL_WIDTHS = (66, 72, 156, 165)
"""Numbers a pose: SMPL's 24 joints, or the root and 21 body joints of SMPL-H and SMPL-X with and without the rest."""
_BODY = 22


def read_keyframes(path: str | Path) -> Keyframes:
    """Keyframes from an `.npz`; without `frames`, as in a motion that genmo wrote, every row is a keyframe from 0 on.

    Pose: `rotations` [K, 24, 3, 3], or SMPL's `poses` [K, 66 | 72 | 156 | 165] in radians (hands of SMPL-H and SMPL-X
    are left out).  Place, optional: `joints_world` [K, 24, 3] of a genmo file, or `trans` [K, 3], to which
    `pelvis_offset` [3] is added where the file has one.  Raises InputError for anything else.
    """
    return parse_keyframes(read_npz(path, WANTED_KEYFRAMES), str(path))


def parse_keyframes(arrays: dict[str, npt.NDArray[Any]], source: str = "keyframes") -> Keyframes:
    """Checked `Keyframes` from the arrays of a file; see `read_keyframes`.  `source` names it in errors."""
    if "rotations" in arrays:
        rotations = _numbers(arrays, "rotations", (None, JOINT_COUNT, 3, 3), source)
        if rotations.size and not _are_rotations(rotations):
            raise InputError(f"{source}: rotations holds no rotation matrices; wanted [K, 24, 3, 3] with R R^T = 1")
    else:
        rotations = _smpl_rotations(arrays, source)
    count = len(rotations)
    if count == 0:
        raise InputError(f"{source}: holds no pose; wanted at least 1")
    if "frames" not in arrays:
        _check_rate(arrays, source)
    frames = _frames(arrays, count, source) if "frames" in arrays else np.arange(count)
    if np.any(np.diff(frames) <= 0):
        raise InputError(f"{source}: frames do not rise; wanted each frame once, in order")
    return Keyframes(frames, rotations, _root(arrays, count, source))


def _root(arrays: dict[str, npt.NDArray[Any]], count: int, source: str) -> Array:
    if "joints_world" in arrays:
        return _numbers(arrays, "joints_world", (count, JOINT_COUNT, 3), source)[:, 0]
    if "trans" not in arrays:
        return np.full((count, 3), np.nan)
    offset = _numbers(arrays, "pelvis_offset", (3,), source) if "pelvis_offset" in arrays else np.zeros(3)
    return _numbers(arrays, "trans", (count, 3), source) + offset


def _smpl_rotations(arrays: dict[str, npt.NDArray[Any]], source: str) -> Array:
    poses = _numbers(arrays, "poses", (None, None), source)
    if poses.shape[1] not in SMPL_WIDTHS:
        raise InputError(f"{source}: poses is {list(poses.shape)}; wanted [K, {' | '.join(map(str, SMPL_WIDTHS))}]")
    joints = JOINT_COUNT if poses.shape[1] == 3 * JOINT_COUNT else _BODY
    rotations = np.broadcast_to(np.eye(3), (len(poses), JOINT_COUNT, 3, 3)).copy()
    rotations[:, :joints] = matrix_from_axis_angle(poses[:, : 3 * joints].reshape(len(poses), joints, 3))
    return rotations


def _are_rotations(matrix: Array) -> bool:
    orthonormal = np.abs(matrix @ transpose(matrix) - np.eye(3)).max() < 1e-3
    return bool(orthonormal and (np.linalg.det(matrix) > 0).all())


def _check_rate(arrays: dict[str, npt.NDArray[Any]], source: str) -> None:
    """A whole motion must be at 30 fps; its rate goes by three names."""
    for name in ("fps", "mocap_frame_rate", "mocap_framerate"):
        if name in arrays:
            rate = float(_numbers({name: np.ravel(arrays[name])}, name, (1,), source)[0])
            if abs(rate - FPS) > 0.5:
                raise InputError(f"{source}: {name} is {rate:g}; wanted {FPS:g} a second: resample it, or give frames")


def read_joint_targets(path: str | Path) -> JointTargets:
    """Joint targets from an `.npz`: `frames` [M], `joints` [M] (numbers 0 to 23 or names), `positions` [M, 3], metres.

    A NaN coordinate is free.  Raises InputError for anything else.
    """
    return parse_joint_targets(read_npz(path, WANTED_JOINT_TARGETS), str(path))


def parse_joint_targets(arrays: dict[str, npt.NDArray[Any]], source: str = "constraints") -> JointTargets:
    """Checked `JointTargets` from the arrays of a file; see `read_joint_targets`.  `source` names it in errors."""
    positions = _numbers(arrays, "positions", (None, 3), source, free=True)
    count = len(positions)
    if count == 0:
        raise InputError(f"{source}: holds no place; wanted at least 1")
    if "joints" not in arrays or arrays["joints"].shape != (count,):
        raise InputError(f"{source}: no joints [{count}]; wanted a joint's number or name for each position")
    joints = np.array([joint_number(joint, source) for joint in arrays["joints"].tolist()], np.int64)
    return joined_joint_targets([JointTargets(_frames(arrays, count, source), joints, positions)])


def joint_number(joint: object, source: str = "constraints") -> int:
    """The number of a joint given by number or name.  Raises InputError when there is none such."""
    if isinstance(joint, str) and joint in JOINTS:
        return JOINTS.index(joint)
    if isinstance(joint, int) and not isinstance(joint, bool) and 0 <= joint < JOINT_COUNT:
        return joint
    raise InputError(
        f"{source}: joint {str(joint)[:40]!r}; wanted 0 to {JOINT_COUNT - 1} or one of {', '.join(JOINTS)}"
    )


def _frames(arrays: dict[str, npt.NDArray[Any]], count: int, source: str) -> Frames:
    frames = _numbers(arrays, "frames", (count,), source)
    if np.any(frames != np.round(frames)) or frames.min() < 0 or frames.max() >= MAX_FRAMES:
        raise InputError(f"{source}: frames are not whole numbers from 0 to {MAX_FRAMES - 1}; wanted frames at 30 fps")
    return frames.astype(np.int64)


def _numbers(
    arrays: dict[str, npt.NDArray[Any]], name: str, shape: tuple[int | None, ...], source: str, free: bool = False
) -> Array:
    """The array as float64 where it has this shape (None: any) and finite numbers (NaN too where `free`)."""
    expected_shape = "[" + ", ".join("K" if n is None else str(n) for n in shape) + "]"
    if name not in arrays:
        raise InputError(f"{source}: no array {name!r}; wanted {name} {expected_shape}, the file has {sorted(arrays)}")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind not in "fiu":
        raise InputError(f"{source}: {name} is {array.dtype} {list(array.shape)}; wanted numbers {expected_shape}")
    values = array.astype(np.float64)
    if not (np.abs(np.where(np.isnan(values), 0, values) if free else values) < LARGEST).all():
        raise InputError(f"{source}: {name} holds NaN, infinity or more than {LARGEST:g}; wanted finite numbers")
    return values
