"""genmo_stream, genmo_generator and genmo_generate of genmo.h, for measurements: what a C program calls."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from c_estimate import ARRAY, INT, Estimator, _fields, _Motion


class _Stream(ctypes.Structure):
    _fields_ = _fields(
        ("look_ahead people stride fit_reach unfitted loose_feet raw_keypoints", INT),
        ("intrinsics", ARRAY),
        ("image_width image_height", ctypes.c_double),
        ("camera_to_world", ARRAY),
    )


class _Pose(ctypes.Structure):
    _fields_ = _fields(("frame settled rotations translation joints contacts betas root_in_camera", ARRAY))


class _Text(ctypes.Structure):
    _fields_ = (("prompt", ctypes.c_char_p), ("start", INT), ("end", INT))


class _Generation(ctypes.Structure):
    _fields_ = _fields(
        ("frames", INT), ("texts", ARRAY), ("text_count steps", INT), ("guidance", ctypes.c_double),
        ("seed", ctypes.c_uint64), ("sample", ctypes.c_uint32), ("whole_texts loose_feet seed_count", INT),
        ("seeds", ARRAY), ("reference_count", INT), ("references progress user", ARRAY),
    )  # fmt: skip


class Streams(Estimator):
    """An engine in libgenmo, on one thread; `fast`: in fixed point."""

    def __init__(self, engine: Path, fast: bool = False) -> None:
        super().__init__(engine, fast)

    def ticks(self, keypoints: Any, look_ahead: int) -> tuple[Callable[[int], None], np.ndarray]:
        """A function that pushes a frame of the runtime's `keypoints` by its number, and the joints [24, 3] that it
        writes."""
        native, stream = self._native, ctypes.c_void_p()
        lens = np.ascontiguousarray(keypoints.intrinsics, np.float64)
        points = np.ascontiguousarray(keypoints.points, np.float32)
        options = native.sized(_Stream, look_ahead=look_ahead, intrinsics=lens.ctypes.data)
        native.call("genmo_stream_open", self._model, ctypes.byref(options), ctypes.byref(stream))
        rotations, joints = np.empty((24, 4), np.float32), np.empty((24, 3), np.float32)
        pose = native.sized(_Pose, rotations=rotations.ctypes.data, joints=joints.ctypes.data)

        def tick(frame: int) -> None:
            assert rotations.size  # kept for as long as its pointer
            where = ctypes.c_void_p(points[frame].ctypes.data)
            native.call("genmo_stream_step", stream, where, None, None, ctypes.byref(pose))

        return tick, joints

    def endless(self, prompt: str, frames: int) -> Callable[[], None]:
        """A function that makes the next `frames` frames of somebody."""
        native, generator = self._native, ctypes.c_void_p()
        native.call("genmo_generator_open", self._model, None, ctypes.byref(generator))
        native.call("genmo_generator_prompt", generator, prompt.encode())
        rotations = np.empty((frames, 24, 4), np.float32)
        motion = native.sized(_Motion, capacity=frames, rotations=rotations.ctypes.data)

        def block() -> None:
            assert rotations.size
            native.call("genmo_generator_next", generator, INT(frames), ctypes.byref(motion))

        return block

    def generate(self, prompt: str, frames: int) -> Callable[[], np.ndarray]:
        """A function that makes `frames` frames of a text from the beginning, in the usual steps, and answers their
        joints [frames, 24, 3]."""
        native, text = self._native, _Text(prompt.encode())
        joints = np.empty((frames, 24, 3), np.float32)
        motion = native.sized(_Motion, capacity=frames, joints=joints.ctypes.data)
        asked = native.sized(_Generation, frames=frames, texts=ctypes.addressof(text), text_count=1)

        def made() -> np.ndarray:
            assert text.prompt  # kept for as long as its pointer
            native.call("genmo_generate", self._model, ctypes.byref(asked), ctypes.byref(motion))
            return joints

        return made
