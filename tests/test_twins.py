"""What is written twice, in numpy for the runtime and in torch for training, says the same to 1e-5."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.conditions import condition_arrays, keypoints
from genmo.runtime.conditions.condition_arrays import camera_condition, keypoint_conditions
from genmo.runtime.engine.text_ngram import NgramTextEncoder
from genmo.runtime.motion import representation, rotation, skeleton
from genmo.runtime.motion.motion import Camera
from genmo.train.geometry import conditions as train_conditions
from genmo.train.geometry import kinematics as train_kinematics
from genmo.train.geometry import representation as train_representation
from genmo.train.geometry import rotation as train_rotation
from genmo.train.geometry.cameras import Cameras

TOLERANCE = 1e-5
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


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def assert_same(ours, theirs, tolerance=TOLERANCE):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("ours", "theirs", "elsewhere"),
    [
        (train_rotation, rotation, set()),
        (train_kinematics, skeleton, {"rest_offsets"}),  # ShapeSpace.offsets
        (train_representation, representation, {"split"}),  # Layout.split
        (train_conditions, condition_arrays, {"project", "hide_keypoints"}),  # simulation has no twin
    ],
    ids=["rotation", "kinematics", "representation", "conditions"],
)
def test_twins_share_their_names(ours, theirs, elsewhere):
    assert {name for name in public_functions(ours) if not hasattr(theirs, name)} == elsewhere


def test_twin_rotations_share_their_parameters():
    for name in public_functions(train_rotation):
        ours, theirs = (inspect.signature(getattr(module, name)) for module in (train_rotation, rotation))
        assert list(ours.parameters) == list(theirs.parameters), name
    assert public_functions(train_rotation) == {*ROTATION_INPUTS, "rotate"}


@pytest.mark.parametrize("name", ROTATION_INPUTS)
@given(seed=st.integers(0, 2**32 - 1))
def test_rotations(name, seed):
    values = np.random.default_rng(seed).normal(0, 2, (5, 2, *ROTATION_INPUTS[name])).astype(np.float32)
    assert_same(getattr(train_rotation, name)(tensor(values)), getattr(rotation, name)(values.astype(np.float64)))


def test_rotations_of_zero():
    for name in ("matrix_from_axis_angle", "normalize"):
        zero = np.zeros((2, 3))
        assert_same(getattr(train_rotation, name)(tensor(zero)), getattr(rotation, name)(zero))


def test_rotate_broadcasts():
    rng = np.random.default_rng(0)
    matrices, vectors = rng.normal(size=(4, 1, 3, 3)), rng.normal(size=(5, 3))
    assert_same(train_rotation.rotate(tensor(matrices), tensor(vectors)), rotation.rotate(matrices, vectors))


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_kinematics_and_keypoints(random_motion, frames):
    motions = [random_motion(frames, seed) for seed in range(3)]
    rotations, translation = (np.stack([getattr(m, name) for m in motions]) for name in ("rotations", "translation"))
    betas = np.stack([motion.betas for motion in motions])
    offsets = skeleton.shape_space().offsets(betas)
    assert_same(train_kinematics.rest_offsets(tensor(betas)), offsets)
    theirs = skeleton.forward_kinematics(rotations, translation, offsets[:, None])
    ours = train_kinematics.forward_kinematics(tensor(rotations), tensor(translation), tensor(offsets)[:, None])
    for mine, other in zip(ours, theirs, strict=True):
        assert_same(mine, other)
    assert_same(train_kinematics.coco_keypoints(*ours), skeleton.coco_keypoints(*theirs))


@pytest.mark.parametrize("frames", [1, 2, 119, 120, 121])
def test_encode_and_roll_out(random_motion, random_camera, frames):
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


def test_split_has_the_same_blocks():
    layout = representation.LAYOUTS["genmo"]
    features = np.random.default_rng(0).normal(size=(2, 3, layout.width))
    theirs, ours = layout.split(features), train_representation.split(tensor(features))
    assert list(theirs) == list(ours)
    for name, block in theirs.items():
        assert_same(ours[name].reshape(block.shape), block)


@pytest.mark.parametrize("down", [1.0, -1.0], ids=["down", "up"])
def test_a_camera_that_looks_straight_down_or_up(down):
    headings = np.linspace(-3, 3, 7)
    forward, up = np.array([0, -down, 0]), np.stack([np.sin(headings), 0 * headings, np.cos(headings)], axis=-1)
    columns = np.cross(forward, up), -up, np.broadcast_to(forward, up.shape)
    cameras = np.stack(columns, axis=-1)
    theirs = representation.gravity_view_yaw(cameras)
    assert_same(train_representation.gravity_view_yaw(tensor(cameras)), theirs)
    assert_same(np.cos(theirs - headings), np.full(7, down))  # the image's top edge, or its opposite


def pinhole(camera, points, focal):
    local = camera.to_camera(points)
    return focal * local[..., :2] / local[..., 2:]


def test_camera_condition(random_camera):
    camera = random_camera(40, 3)
    ours = train_conditions.camera_condition(tensor(camera.rotation)[None], tensor(camera.position)[None])[0]
    assert_same(ours, camera_condition(camera))


def test_keypoint_conditions():
    """Pixels with the origin at a corner in the runtime, image heights from the middle in training."""
    rng = np.random.default_rng(5)
    height, width, focal = 1080.0, 1920.0, 1.3
    points = rng.uniform(-0.4, 0.4, (20, 17, 2))
    seen = rng.random((20, 17)) < 0.6
    seen[4], seen[5, 1:] = False, False
    pixels = points * height + [width / 2, height / 2]
    intrinsics = np.array([[focal * height, 0, width / 2], [0, focal * height, height / 2], [0, 0, 1]])
    user = keypoints.Keypoints(np.concatenate([pixels, seen[..., None]], axis=-1), intrinsics)
    theirs = keypoint_conditions(user)
    ours = train_conditions.keypoint_conditions(
        tensor(points)[None], torch.from_numpy(seen)[None], torch.tensor([focal])
    )
    assert set(ours) == set(theirs)
    assert not theirs["keypoints_mask"][4:6].any() and theirs["keypoints_mask"].sum() == 18
    for name, array in theirs.items():
        assert_same(ours[name][0], array)


def test_projection_is_a_pinhole(random_motion, random_camera):
    camera = random_camera(12, 2)
    rng = np.random.default_rng(0)
    in_front = rng.uniform(-1, 1, (12, 17, 3)) + [0, 0, 4]
    points = np.einsum("fij,fnj->fni", camera.rotation, in_front) + camera.position[:, None]
    cameras = Cameras(
        *(tensor(array)[None] for array in (camera.rotation, camera.position)),
        focal=torch.tensor([1.2]),
        aspect=torch.tensor([1.5]),
        moving=torch.tensor([True]),
    )
    pixels, inside = train_conditions.project(tensor(points)[None], cameras)
    wanted = pinhole(Camera(camera.rotation, camera.position), points, 1.2)
    assert_same(pixels[0], wanted)
    assert (inside[0].numpy() == (np.abs(wanted) < [0.75, 0.5]).all(axis=-1)).all()


def test_text_encoder(tiny_model):
    encoder = NgramTextEncoder(tiny_model.text_encoder.vectors.detach().numpy(), tiny_model.config.text_tokens)
    prompts = ["a person walks", "Jump!", "one two three four five six seven eight nine ten", "zxqv 7", "a-b, a"]
    tokens, mask = tiny_model.text_encoder([*prompts, ""])
    for index, prompt in enumerate(prompts):
        theirs = encoder.encode(prompt)
        assert_same(tokens[index].detach(), theirs[0])
        assert_same(mask[index], theirs[1], 0)
    assert not tokens[-1].any() and not mask[-1].any()
