"""genmo_estimate of genmo.h, for measurements: what a C program calls, with nothing of the runtime behind it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

INT, ARRAY = ctypes.c_int32, ctypes.c_void_p


def _fields(*kinds: tuple[str, Any]) -> list[tuple[str, Any]]:
    return [("size", ctypes.c_uint32), *((name, kind) for names, kind in kinds for name in names.split())]


class _Options(ctypes.Structure):
    _fields_ = _fields(("fast threads trusted reserve", INT))


class _Motion(ctypes.Structure):
    _fields_ = _fields(
        ("capacity frames", INT),
        ("rotations translation joints contacts offsets betas root_in_camera", ARRAY),
        ("camera_rise", ctypes.c_float),
    )


class _Keypoints(ctypes.Structure):
    _fields_ = _fields(
        ("frames", INT), ("points feet intrinsics", ARRAY), ("image_width image_height", ctypes.c_double),
        ("camera_to_world", ARRAY), ("ground_unknown", INT), ("noise", ctypes.c_double),
    )  # fmt: skip


class Estimator:
    """An engine in libgenmo, on one thread; `fast`: in fixed point."""

    def __init__(self, engine: Path, fast: bool = False) -> None:
        from genmo.runtime.support import native

        self._native, self._model = native, ctypes.c_void_p()
        options = native.sized(_Options, fast=int(fast))
        native.call("genmo_open", str(engine).encode(), ctypes.byref(options), ctypes.byref(self._model))

    def call(self, keypoints: Any) -> tuple[Any, dict[str, np.ndarray]]:
        """A function that estimates the runtime's `keypoints`, and the arrays that it writes: `rotations` [frames, 24,
        4] and `joints` [frames, 24, 3]."""
        frames, sized = keypoints.frames, self._native.sized
        arrays = {"rotations": np.empty((frames, 24, 4), np.float32), "joints": np.empty((frames, 24, 3), np.float32)}
        motion = sized(_Motion, capacity=frames, **{name: array.ctypes.data for name, array in arrays.items()})
        given = {
            "points": np.ascontiguousarray(keypoints.points, np.float32),
            "intrinsics": np.ascontiguousarray(keypoints.intrinsics, np.float64),
        }
        if keypoints.camera is not None:
            given["camera_to_world"] = np.tile(np.eye(4), (frames, 1, 1))
            given["camera_to_world"][:, :3, :3] = keypoints.camera.rotation
            given["camera_to_world"][:, :3, 3] = keypoints.camera.position
        pointers = {name: array.ctypes.data for name, array in given.items()}
        seen = sized(_Keypoints, frames=frames, noise=keypoints.noise or 0.0, **pointers)
        kept = given, arrays  # for as long as the pointers
        arguments = self._model, ctypes.byref(seen), None, ctypes.byref(motion)

        def estimate() -> None:
            assert kept
            self._native.call("genmo_estimate", *arguments)

        return estimate, arrays
