"""What is written twice, in numpy for the runtime and in torch for training, says the same to 1e-5."""

import inspect

import pytest

from genmo.runtime.conditions import condition_arrays
from genmo.runtime.motion import representation, rotation, skeleton
from genmo.train.geometry import conditions as train_conditions
from genmo.train.geometry import kinematics as train_kinematics
from genmo.train.geometry import representation as train_representation
from genmo.train.geometry import rotation as train_rotation


def public_functions(module):
    return {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "elsewhere"),
    [
        (train_rotation, rotation, set()),
        (train_kinematics, skeleton, {"rest_offsets"}),  # ShapeSpace.offsets
        (train_representation, representation, {"split"}),  # Layout.split
        (train_conditions, condition_arrays, {"project"}),  # Camera.to_camera and a lens
    ],
    ids=["rotation", "kinematics", "representation", "conditions"],
)
def test_twins_share_their_names(ours, theirs, elsewhere):
    assert {name for name in public_functions(ours) if not hasattr(theirs, name)} == elsewhere
