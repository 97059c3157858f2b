"""Camera paths of SLAM systems and radiance-field tools on disk: TUM text and nerfstudio's transforms.json.

TUM: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats, a pose a line, camera to world, OpenCV axes.
nerfstudio: https://docs.nerf.studio/quickstart/data_conventions.html, camera to world, OpenGL axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from genmo.runtime.motion.rotation import matrix_from_quaternion
from genmo.runtime.readers.colmap import MAX_POSES, Lens, checked_lens
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST, frame_numbers, number, numbers, quoted, timestamps

_OPENGL = np.diag([1.0, -1.0, -1.0])  # OpenGL's camera looks along -z with y up
_PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "SIMPLE_RADIAL", "RADIAL")
_LENS_KEYS = ("camera_model", "w", "h", "fl_x", "fl_y", "camera_angle_x", "cx", "cy", "k1", "k2", "p1", "p2")
_NANOSECONDS = 1e15
"""no time stamp in seconds is as large"""
_LATEST = 1e20
"""no time stamp in nanoseconds is as large"""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses of a camera in a world that stands anyhow and has no known size."""

    stamps: Array
    """[M] number of the frame of each pose, or its seconds after the first"""
    timed: bool
    """`stamps` are seconds"""
    rotation: Array
    """[M, 3, 3] camera to world, OpenCV axes"""
    position: Array
    """[M, 3] in the file's unit"""
    lenses: tuple[Lens, ...] = ()


def is_tum(data: bytes) -> bool:
    """Whether a text file's first line that is no comment has the eight numbers of a TUM pose."""
    for line in data[:65536].decode("utf-8", errors="replace").splitlines():
        words = line.replace(",", " ").split()
        if words and not words[0].startswith("#"):
            return len(words) == 8 and all(_is_float(word) for word in words)
    return False


def _is_float(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def parse_tum(data: bytes, source: str) -> Trajectory:
    """`timestamp tx ty tz qx qy qz qw` a line; whole numbers are frames, others seconds, huge ones nanoseconds.

    Raises InputError that names the line.
    """
    rows: list[list[float]] = []
    for index, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 8 or not all(_is_float(word) for word in words):
            raise InputError(f"{source}, line {index}: {line[:60]!r}; wanted timestamp tx ty tz qx qy qz qw")
        if len(rows) == MAX_POSES:
            raise InputError(f"{source}: over {MAX_POSES} poses; wanted at most {MAX_POSES}")
        rows.append([float(word) for word in words])
    poses = np.array(rows).reshape(-1, 8)
    out_of_range = (np.abs(poses) >= [_LATEST, *7 * [LARGEST]]).any()
    if out_of_range or (np.linalg.norm(poses[:, 4:], axis=-1) < 1e-6).any():
        raise InputError(f"{source}: holds quaternions of length 0, or numbers beyond {LARGEST:g}; wanted poses")
    stamps = poses[:, 0] - (poses[0, 0] if len(poses) else 0)
    if len(poses) and abs(poses[0, 0]) >= _NANOSECONDS:
        timed, stamps = True, stamps / 1e9
    elif (poses[:, 0] % 1 == 0).all() and np.abs(poses[:, 0]).max(initial=0) < LARGEST:
        timed, stamps = False, poses[:, 0]
    else:
        timed = True
    return Trajectory(stamps, timed, matrix_from_quaternion(poses[:, [7, 4, 5, 6]]), poses[:, 1:4])


def parse_nerfstudio(document: dict[str, Any], source: str) -> Trajectory:
    """`{"fl_x": ..., "frames": [{"file_path": "images/frame_00001.png", "transform_matrix": [4][4]}, ...]}`.

    Raises InputError for another document, and for lenses that no pinhole stands for.
    """
    frames = document["frames"]
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise InputError(f"{source}: frames is no list of objects; wanted file_path and transform_matrix of each")
    if len(frames) > MAX_POSES:
        raise InputError(f"{source}: {len(frames)} frames; wanted at most {MAX_POSES}")
    matrices = numbers([frame.get("transform_matrix") for frame in frames], f"{source}: transform_matrix")
    if matrices.shape[1:] not in ((4, 4), (3, 4)):
        raise InputError(f"{source}: transform_matrix {list(matrices.shape)}; wanted [frames, 4, 4]")
    names = [str(frame.get("file_path", "")) for frame in frames]
    seconds, counted = timestamps(names), [number for number in frame_numbers(names) if number is not None]
    if seconds is not None:
        stamps = np.array(seconds) - min(seconds)
    else:
        stamps = np.array(counted if len(counted) == len(names) else range(len(names)), np.float64)
    shared = {name: document[name] for name in _LENS_KEYS if name in document}
    lenses = [_lens(shared | {name: frame[name] for name in _LENS_KEYS if name in frame}, source) for frame in frames]
    known_lenses = tuple(lens for lens in lenses if lens is not None)
    return Trajectory(stamps, seconds is not None, matrices[:, :3, :3] @ _OPENGL, matrices[:, :3, 3], known_lenses)


def _lens(values: dict[str, Any], source: str) -> Lens | None:
    """The lens of a frame; None where the file does not say its focal length."""
    model = values.get("camera_model", "OPENCV")
    if model not in _PINHOLES:
        raise InputError(
            f"{source}: camera_model is {quoted(model)}, which no pinhole stands for; wanted undistorted images"
        )

    def read(name: str, low: float, high: float) -> float:
        return number(values[name], f"{source}: {name}", low, high)

    if not {"w", "h"} <= set(values) or not {"fl_x", "camera_angle_x"} & set(values):
        return None
    width, height = read("w", 1, 1e5), read("h", 1, 1e5)
    if "fl_x" in values:
        across = read("fl_x", 1e-3, LARGEST)
    else:
        across = width / 2 / math.tan(read("camera_angle_x", 1e-3, 3.1) / 2)
    down = read("fl_y", 1e-3, LARGEST) if "fl_y" in values else across
    middle = [
        read(name, -LARGEST, LARGEST) if name in values else size / 2 for name, size in (("cx", width), ("cy", height))
    ]
    bends = [read(name, -LARGEST, LARGEST) if name in values else 0.0 for name in ("k1", "k2", "p1", "p2")]
    return checked_lens("OPENCV", width, height, (across, down, *middle, *bends), source)
