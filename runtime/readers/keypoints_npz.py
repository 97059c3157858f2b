"""Keypoints from genmo's own .npz."""

from __future__ import annotations

from pathlib import Path

from genmo.runtime.conditions.keypoints import Keypoints, parse_keypoints
from genmo.runtime.support.safe_read import read_npz


def read_keypoints(path: str | Path) -> Keypoints:
    """Keypoints from an `.npz` with `keypoints` [N, 17, 3] and `image_size` [2] (width, height), and optionally
    `intrinsics` [3, 3] and `camera_to_world` [N, 4, 4].  Raises InputError when the file is not that."""
    return parse_keypoints(read_npz(path, "keypoints as .npz"), str(path))
