"""The functions of the runtime, again in PyTorch: the same numbers."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.motion import rotation
from genmo.train.geometry import rotation as train_rotation

ROTATION_INPUTS = {
    "normalize": (4,),
    "matrix_from_6d": (6,),
    "sixd_from_matrix": (3, 3),
    "matrix_from_quaternion": (4,),
    "matrix_from_axis_angle": (3,),
    "matrix_from_yaw": (),
    "transpose": (3, 3),
}


def public_functions(module):
    return {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def test_twin_rotations_share_their_parameters():
    for name in public_functions(train_rotation):
        ours, theirs = (inspect.signature(getattr(module, name)) for module in (train_rotation, rotation))
        assert list(ours.parameters) == list(theirs.parameters), name
    assert public_functions(train_rotation) == {*ROTATION_INPUTS, "rotate"}


@pytest.mark.parametrize("name", ROTATION_INPUTS)
@given(seed=st.integers(0, 2**32 - 1))
def test_rotations(name, seed, tensor, assert_same):
    values = np.random.default_rng(seed).normal(0, 2, (5, 2, *ROTATION_INPUTS[name])).astype(np.float32)
    assert_same(getattr(train_rotation, name)(tensor(values)), getattr(rotation, name)(values.astype(np.float64)))


def test_rotations_of_zero(tensor, assert_same):
    for name in ("matrix_from_axis_angle", "normalize"):
        zero = np.zeros((2, 3))
        assert_same(getattr(train_rotation, name)(tensor(zero)), getattr(rotation, name)(zero))


def test_rotate_broadcasts(tensor, assert_same):
    rng = np.random.default_rng(0)
    matrices, vectors = rng.normal(size=(4, 1, 3, 3)), rng.normal(size=(5, 3))
    assert_same(train_rotation.rotate(tensor(matrices), tensor(vectors)), rotation.rotate(matrices, vectors))
