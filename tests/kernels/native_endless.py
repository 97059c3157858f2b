"""Endless motion of genmo.h as ctypes, for tests."""

import ctypes

import numpy as np

from genmo.runtime.support.native import call, library, sized
from tests.kernels.native_abi import (
    ANSWERED,
    INT,
    ONCE,
    PROGRESS,
    Motion,
    Text,
    constrained_by,
    empty,
    fields,
    pointers,
)

DOUBLE = ctypes.c_double


class Options(ctypes.Structure):
    _fields_ = [
        *fields(overlap__block__first_block__steps__loose_feet__texts__points=INT), ("guidance", DOUBLE),
        ("seed", ctypes.c_uint64), ("betas", ctypes.c_void_p), ("start", ctypes.POINTER(Motion)),
        ("progress", PROGRESS), ("user", ctypes.c_void_p), ("keyframes", INT), ("targets", INT),
    ]  # fmt: skip


class Stick(ctypes.Structure):
    _fields_ = [("x", DOUBLE), ("z", DOUBLE), ("facing", DOUBLE), ("faces", INT)]


class Path(ctypes.Structure):
    _fields_ = fields(count=INT, frames__positions__facing=ctypes.c_void_p)


def start_of(arrays):
    """genmo_motion of float32 arrays by name, which it keeps."""
    start = sized(Motion, frames=len(arrays["translation"]), **pointers(arrays))
    start.kept = arrays
    return start


class Generator:
    """Endless motion of a `native_abi.Model`."""

    def __init__(self, model, betas=None, start=None, progress=None, earlier=False, **options):
        self.handle = ctypes.c_void_p()
        self.kept = [PROGRESS() if progress is None else PROGRESS(lambda user, share: progress(share)), betas, start]
        options["progress"] = self.kept[0]
        if betas is not None:
            options["betas"] = betas.ctypes.data
        if start is not None:
            options["start"] = ctypes.pointer(start)
        wanted = sized(Options, **options)
        if earlier:
            wanted.size = Options.keyframes.offset
        call("genmo_generator_open", model.handle, ctypes.byref(wanted), ctypes.byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        library().genmo_generator_close(self.handle)

    @property
    def frame(self):
        count = library().genmo_generator_frame
        count.restype = ctypes.c_int64
        return count(self.handle)

    @property
    def ready(self):
        return library().genmo_generator_ready(self.handle)

    def prompt(self, prompt):
        call("genmo_generator_prompt", self.handle, None if prompt is None else prompt.encode())

    def texts(self, *texts):
        table = (Text * len(texts))(*(Text(prompt.encode(), start, end) for prompt, start, end in texts))
        call("genmo_generator_texts", self.handle, table, INT(len(texts)))

    def stick(self, velocity, facing=None):
        x, z = velocity
        stick = Stick(x, z, facing or 0.0, facing is not None)
        call("genmo_generator_stick", self.handle, ctypes.byref(stick))

    def free(self):
        call("genmo_generator_stick", self.handle, None)

    def path(self, frames, positions, facing=None):
        arrays = {
            "frames": np.ascontiguousarray(frames, np.int64),
            "positions": np.ascontiguousarray(positions, np.float64),
        }
        if facing is not None:
            arrays["facing"] = np.ascontiguousarray(facing, np.float64)
        path = sized(Path, count=len(frames), **pointers(arrays))
        call("genmo_generator_path", self.handle, ctypes.byref(path))

    def constrain(self, **constraints):
        """`keyframes` and `targets` as `native_abi.constrained_by` takes them."""
        (keyframes, targets, _), _ = constrained_by(**constraints)
        tables = keyframes, INT(len(keyframes)), targets, INT(len(targets))
        call("genmo_generator_constrain", self.handle, *tables)

    def next(self, frames, capacity=None):
        """The arrays of the next frames by name; `answered` has those that were made before it failed."""
        capacity = frames if capacity is None else capacity
        arrays = empty(ANSWERED, max(capacity, 0), np.float32)
        motion = sized(Motion, capacity=capacity, **pointers(arrays))
        try:
            call("genmo_generator_next", self.handle, INT(frames), ctypes.byref(motion))
        finally:
            self.answered = {name: array[: motion.frames] for name, array in arrays.items() if name not in ONCE}
        return arrays
