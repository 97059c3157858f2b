"""The functions of the runtime, again in PyTorch: the same numbers."""

import numpy as np
import torch

from genmo.runtime.conditions import keypoints
from genmo.runtime.conditions.condition_arrays import camera_condition, keypoint_conditions
from genmo.runtime.motion.motion import Camera
from genmo.train.geometry import conditions as train_conditions
from genmo.train.geometry.cameras import Cameras


def pinhole(camera, points, focal):
    local = camera.to_camera(points)
    return focal * local[..., :2] / local[..., 2:]


def test_camera_condition(random_camera, tensor, assert_same):
    camera = random_camera(40, 3)
    ours = train_conditions.camera_condition(tensor(camera.rotation)[None], tensor(camera.position)[None])[0]
    assert_same(ours, camera_condition(camera))


def test_keypoint_conditions(tensor, assert_same):
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


def test_projection_is_a_pinhole(random_motion, random_camera, tensor, assert_same):
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
