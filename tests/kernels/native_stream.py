"""Streams of keypoints of genmo.h as ctypes, for tests."""

import ctypes

import numpy as np

from genmo.runtime.support.native import call, library, sized
from tests.kernels.native_abi import ANSWERED, INT, fields, pointers

DOUBLE, ADDRESS = ctypes.c_double, ctypes.c_void_p
KEPT = {name: shape for name, shape in ANSWERED.items() if name != "offsets"}
PARTS = KEPT | {"betas": (10,), "root_in_camera": (7,)}


class Options(ctypes.Structure):
    _fields_ = fields(
        look_ahead__people__stride__fit_reach__unfitted__loose_feet__raw_keypoints=INT,
        intrinsics=ADDRESS,
        image_width__image_height=DOUBLE,
        camera_to_world=ADDRESS,
    )


class Pose(ctypes.Structure):
    _fields_ = fields(frame__settled__rotations__translation__joints__contacts__betas__root_in_camera=ADDRESS)


class Stream:
    """Keypoints of `people` in a `native_abi.Model`."""

    def __init__(self, model, people=1, intrinsics=None, camera=None, **options):
        self.handle, self.people = ctypes.c_void_p(), people
        kept = [None if one is None else np.ascontiguousarray(one, np.float64) for one in (intrinsics, camera)]
        for name, one in zip(("intrinsics", "camera_to_world"), kept, strict=True):
            if one is not None:
                options[name] = one.ctypes.data
        wanted = ctypes.byref(sized(Options, people=people, **options))
        call("genmo_stream_open", model.handle, wanted, ctypes.byref(self.handle))
        shapes = {name: ((people, *shape), np.float32) for name, shape in PARTS.items()}
        shapes |= {"frame": ((people,), np.int64), "settled": ((people,), np.int32)}
        self.arrays = {name: np.full(shape, 77, dtype) for name, (shape, dtype) in shapes.items()}
        self.pose = ctypes.byref(sized(Pose, **pointers(self.arrays)))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        library().genmo_stream_close(self.handle)

    def answered(self):
        return {name: array.copy() for name, array in self.arrays.items()}

    def step(self, points, camera=None):
        """The arrays of the poses by name after `points` [people, 17 or 21, 3] and the camera [4, 4]."""
        body = np.ascontiguousarray(points[:, :17], np.float32)
        feet = np.ascontiguousarray(points[:, 17:], np.float32) if points.shape[1] > 17 else None
        camera = None if camera is None else np.ascontiguousarray(camera, np.float64)
        given = (None if one is None else ctypes.c_void_p(one.ctypes.data) for one in (body, feet, camera))
        call("genmo_stream_step", self.handle, *given, self.pose)
        return self.answered()

    def finish(self):
        """What waits for its look-ahead."""
        left, poses = INT(1), []
        while left.value:
            call("genmo_stream_finish", self.handle, self.pose, ctypes.byref(left))
            poses.append(self.answered())
        return poses

    def reset(self, person=-1):
        call("genmo_stream_reset", self.handle, INT(person))
