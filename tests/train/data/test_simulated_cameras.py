"""Simulated cameras: what they look at, where the camera of generation stands, and how much they shake."""

import pytest
import torch

from genmo.train.data.simulated_cameras import look_at, simulate_cameras, smooth, wobble


def test_a_camera_looks_at_its_target_upright():
    """The optical axis goes through the target, image right is level and image down points down."""
    generator = torch.Generator().manual_seed(0)
    position, target = (torch.randn(20, 3, generator=generator) for _ in range(2))
    rotation = look_at(position, target, torch.zeros(20))
    towards = torch.nn.functional.normalize(target - position, dim=-1)
    torch.testing.assert_close(rotation[..., 2], towards, atol=1e-5, rtol=0)
    assert rotation[..., 1, 0].abs().max() < 1e-5 and (rotation[..., 1, 1] < 0).all()
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(20), atol=1e-5, rtol=0)


def test_the_camera_of_generation_stands_still_in_front_of_the_person():
    generator = torch.Generator().manual_seed(0)
    root = torch.zeros(8, 30, 3) + torch.tensor([1.0, 0.9, -2.0])
    facing = torch.linspace(-3, 3, 8)
    cameras = simulate_cameras(root, facing, torch.ones(8, dtype=torch.bool), generator)
    assert not cameras.moving.any() and cameras.position.diff(dim=1).abs().max() < 1e-6
    beside = cameras.position[:, 0, [0, 2]] - root[:, 0, [0, 2]]
    torch.testing.assert_close(torch.atan2(beside[:, 0], beside[:, 1]), facing, atol=1e-4, rtol=0)
    torch.testing.assert_close(cameras.position[:, 0, 1], torch.full((8,), 1.2), atol=1e-5, rtol=0)


def test_other_cameras_stand_move_and_see_the_person():
    generator = torch.Generator().manual_seed(1)
    root = torch.cumsum(0.01 * torch.randn(200, 40, 3, generator=generator), dim=1)
    cameras = simulate_cameras(root, torch.zeros(200), torch.zeros(200, dtype=torch.bool), generator)
    assert 0.35 < cameras.moving.float().mean() < 0.75
    local = (cameras.rotation.mT @ (root - cameras.position)[..., None])[..., 0]
    assert (local[..., 2] > 0.5).float().mean() > 0.99


def test_shaking_is_smooth_and_of_unit_size():
    shaking = wobble(torch.Generator().manual_seed(0), 64, 90, 3)
    assert shaking.std() == pytest.approx(1.0, abs=0.65) and shaking.diff(dim=1).abs().max() < 0.5
    still = torch.ones(2, 50, 3)
    torch.testing.assert_close(smooth(still), still)
