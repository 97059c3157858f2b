"""The functions of the runtime, again in PyTorch: the same numbers."""

import numpy as np
import pytest

from genmo.runtime.motion import representation, rotation
from genmo.train.geometry import representation as train_representation
from genmo.train.geometry import rotation as train_rotation


@pytest.mark.parametrize("frames", [1, 2, 119, 120, 121])
def test_encode_and_roll_out(random_motion, random_camera, frames, tensor, assert_same):
    motion, camera = random_motion(frames, frames), random_camera(frames, frames)
    features = representation.encode(motion, camera)
    contacts = train_representation.contact_labels(tensor(motion.joints_world()), motion.fps)
    arrays = (motion.rotations, motion.translation, motion.betas, contacts, camera.rotation, camera.position)
    ours = train_representation.encode(*(tensor(np.asarray(array)[None]) for array in arrays))[0]
    assert_same(ours, features)
    theirs, mine = representation.LAYOUTS["genmo"].split(features), train_representation.split(ours)
    yaw = representation.gravity_view_yaw(camera.rotation)
    assert_same(train_representation.gravity_view_yaw(tensor(camera.rotation)), yaw)
    theirs_world = representation.roll_out(
        rotation.matrix_from_6d(theirs["gravity_view_orientation"]), theirs["root_velocity"], yaw
    )
    mine_world = train_representation.roll_out(
        train_rotation.matrix_from_6d(mine["gravity_view_orientation"]), mine["root_velocity"], tensor(yaw)
    )
    for one, other in zip(mine_world, theirs_world, strict=True):
        assert_same(one, other)


def test_split_has_the_same_blocks(tensor, assert_same):
    layout = representation.LAYOUTS["genmo"]
    features = np.random.default_rng(0).normal(size=(2, 3, layout.width))
    theirs, ours = layout.split(features), train_representation.split(tensor(features))
    assert list(theirs) == list(ours)
    for name, block in theirs.items():
        assert_same(ours[name].reshape(block.shape), block)


@pytest.mark.parametrize("down", [1.0, -1.0], ids=["down", "up"])
def test_a_camera_that_looks_straight_down_or_up(down, tensor, assert_same):
    headings = np.linspace(-3, 3, 7)
    forward, up = np.array([0, -down, 0]), np.stack([np.sin(headings), 0 * headings, np.cos(headings)], axis=-1)
    columns = np.cross(forward, up), -up, np.broadcast_to(forward, up.shape)
    cameras = np.stack(columns, axis=-1)
    theirs = representation.gravity_view_yaw(cameras)
    assert_same(train_representation.gravity_view_yaw(tensor(cameras)), theirs)
    assert_same(np.cos(theirs - headings), np.full(7, down))  # the image's top edge, or its opposite
