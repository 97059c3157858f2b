"""The fit to keypoints in libgenmo: what `refine.reprojection_fit` calls where the library is there."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genmo.runtime.support.arrays import Array, Flags
from genmo.runtime.support.native import address, call

_POINTER, _INT, _DOUBLE = ctypes.c_void_p, ctypes.c_int32, ctypes.c_double


class _Model(ctypes.Structure):
    """genmo_fit_model."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        *((name, _INT) for name in ("joints", "free_joints", "points")),
        *(
            (name, _POINTER)
            for name in ("parents", "free", "fixed_to", "places", "point_spread", "spread", "along_view")
        ),
        *((name, _DOUBLE) for name in ("change", "min_depth", "robust_scale")),
        *((name, _INT) for name in ("first_trusted", "lag", "averaged")),
        *((name, _DOUBLE) for name in ("fits", "explained", "least_trust", "full_trust")),
    ]


class _Input(ctypes.Structure):
    """genmo_fit_input."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("frames", ctypes.c_int64),
        *((name, _POINTER) for name in ("rotations", "root", "offsets", "rays", "weight")),
    ]


class _Space(ctypes.Structure):
    """genmo_shape_space."""

    _fields_ = [("size", ctypes.c_uint32), ("count", _INT), ("mean", _POINTER), ("components", _POINTER)]


@dataclass(frozen=True, eq=False)
class FitInput:
    """A pose in front of the camera, OpenCV axes, metres, and where its keypoints are."""

    rotations: Array
    """[frames, joints, 3, 3] local; joint 0 in the camera frame"""
    root: Array
    """[frames, 3]"""
    offsets: Array
    """[joints, 3] rest offsets"""
    rays: Array
    """[frames, points, 2] keypoints on the plane at depth 1"""
    weight: Array
    """[frames, points] 0 to 1"""


@dataclass(frozen=True, eq=False)
class NativeFit:
    """The skeleton and the constants of a fit; see genmo_fit_model in kernels/native/include/genmo/stages.h."""

    parents: Sequence[int]
    """[joints] each lower than the joint itself; -1 for joint 0"""
    free: Sequence[int]
    """[free] joints that turn"""
    fixed_to: Sequence[int]
    """[points] joint of each keypoint"""
    places: Array
    """[points, 3] metres in that joint's frame"""
    point_spread: Array
    """[points] metres"""
    spread: Array
    """[3 free + 3] how far a parameter may change, radians and metres"""
    along_view: Flags
    """[3 free + 3] parameters that move points along the view"""
    constants: dict[str, float | int]
    """the model's remaining fields by name"""

    @cached_property
    def _model(self) -> _Model:
        counts = {"joints": len(self.parents), "free_joints": len(self.free), "points": len(self.fixed_to)}
        arrays: dict[str, np.ndarray] = {
            **{name: np.asarray(getattr(self, name), np.int32) for name in ("parents", "free", "fixed_to")},
            **{
                name: np.ascontiguousarray(getattr(self, name), np.float64)
                for name in ("places", "point_spread", "spread")
            },
            "along_view": np.ascontiguousarray(self.along_view, np.uint8),
        }
        pointers = {name: array.ctypes.data for name, array in arrays.items()}
        model = _Model(size=ctypes.sizeof(_Model), **counts, **pointers, **self.constants)
        model.kept = arrays  # for as long as the pointers
        return model

    def fit_pose(self, given: FitInput, iterations: int) -> tuple[Array, Array]:
        """Rotations [frames, joints, 3, 3] and root [frames, 3] after so many steps, again with less trust where the
        keypoints deserve it.  Raises LinAlgError where equations have no solution, ValueError for shapes that do not
        fit together."""
        arrays = self._checked(given)
        rotations, root = np.empty_like(arrays[0]), np.empty_like(arrays[1])
        scratch = self._scratch(len(root))
        outputs = (address(rotations), address(root), address(scratch), ctypes.c_size_t(scratch.nbytes))
        call("genmo_fit_pose", ctypes.byref(self._model), ctypes.byref(_input(arrays)), _INT(iterations), *outputs)
        return rotations, root

    def fit_shape(
        self, given: FitInput, space: tuple[Array, Array], betas: Array, most_weight: float, iterations: int
    ) -> Array:
        """Betas [count] after so many steps; `space` is mean [joints, 3] and components [count, joints, 3]."""
        arrays, shapes = self._checked(given), self._space(space, len(betas))
        start, fitted = np.ascontiguousarray(betas, np.float64), np.empty(len(betas))
        scratch = self._scratch(len(given.root))
        call(
            "genmo_fit_shape", ctypes.byref(self._model), ctypes.byref(_input(arrays)), ctypes.byref(shapes),
            address(start), _DOUBLE(most_weight), _INT(iterations), address(fitted),
            address(scratch), ctypes.c_size_t(scratch.nbytes),
        )  # fmt: skip
        return fitted

    def shape_equations(self, given: FitInput, space: tuple[Array, Array]) -> tuple[Array, Array]:
        """The shape's second derivative [count, count] and slope [count]: means over the frames, whose poses are at
        rest and may still move."""
        count = len(space[1])
        arrays, shapes = self._checked(given), self._space(space, count)
        hessian, slope = np.empty((count, count)), np.empty(count)
        scratch = self._scratch(len(given.root))
        call(
            "genmo_shape_equations", ctypes.byref(self._model), ctypes.byref(_input(arrays)), ctypes.byref(shapes),
            address(hessian), address(slope), address(scratch), ctypes.c_size_t(scratch.nbytes),
        )  # fmt: skip
        return hessian, slope

    def _checked(self, given: FitInput) -> list[Array]:
        frames, joints, points = len(given.root), len(self.parents), len(self.fixed_to)
        shapes = {
            "rotations": (frames, joints, 3, 3), "root": (frames, 3), "offsets": (joints, 3),
            "rays": (frames, points, 2), "weight": (frames, points),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(given, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(given, name).shape}; wanted {shape}")
        return [np.ascontiguousarray(getattr(given, name), np.float64) for name in shapes]

    def _space(self, space: tuple[Array, Array], count: int) -> _Space:
        mean, components = (np.ascontiguousarray(part, np.float64) for part in space)
        joints = len(self.parents)
        if mean.shape != (joints, 3) or components.shape != (count, joints, 3):
            raise ValueError(f"a shape space of shapes {mean.shape} and {components.shape} for {count} betas")
        shapes = _Space(ctypes.sizeof(_Space), count, mean.ctypes.data, components.ctypes.data)
        shapes.kept = mean, components
        return shapes

    def _scratch(self, frames: int) -> Array:
        wanted = ctypes.c_size_t()
        call("genmo_fit_scratch", ctypes.byref(self._model), ctypes.c_int64(frames), ctypes.byref(wanted))
        return np.empty(wanted.value // 8 + 1)


def _input(arrays: Sequence[Array]) -> _Input:
    return _Input(ctypes.sizeof(_Input), len(arrays[1]), *(array.ctypes.data for array in arrays))
