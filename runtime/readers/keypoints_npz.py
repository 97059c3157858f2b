"""Keypoints from genmo's own .npz."""

from __future__ import annotations

from pathlib import Path

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.readers.subjects import read_subjects
from genmo.runtime.support.errors import InputError


def read_keypoints(path: str | Path) -> Keypoints:
    """Keypoints from an `.npz` with `keypoints` [N, 17, 3] and `image_size` [2] (width, height), and optionally
    `intrinsics` [3, 3], `camera_to_world` [N, 4, 4], `ground_known` (0: y = 0 of that world is not the ground)
    and `fps`: other rates are brought to 30 frames a second.

    Raises InputError when the file is not that.
    """
    if Path(path).suffix.lower() != ".npz":
        raise InputError(f"{path}: wanted keypoints as .npz; genmo.runtime.readers.subjects.read_subjects reads others")
    return read_subjects(path)[0][0]
