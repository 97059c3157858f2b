"""Losses are zero at the truth, grow with what they measure, and know nothing of what they do not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.representation import decode
from genmo.runtime.motion.skeleton import COCO_KEYPOINTS, JOINTS, coco_keypoints
from genmo.train.data.batches import MotionWindows, Randomness, make_batch
from genmo.train.data.condition_dropout import Caption
from genmo.train.geometry.mesh import Mesh
from genmo.train.geometry.representation import gravity_view_yaw, split
from genmo.train.loop.losses import WEIGHTS, contact_velocity, losses, pose_of, reprojection_2d, total
from genmo.train.network.normalisation import Normalisation
from genmo.train.settings.augmentation import AugmentationConfig

SLICES = LAYOUTS["genmo"].slices
SMOOTH = 1.5e-3  # distances are smoothed by a millimetre at zero, to have a gradient there

ON_JOINTS = set(WEIGHTS) - {"vertices"}
"""terms of a run without a body file"""


@pytest.fixture(scope="module")
def setting(random_motion):
    """A batch of motions that stand still for a while, so that there are contacts."""
    motions = [random_motion(40, seed) for seed in range(6)]
    for motion in motions:
        motion.rotations[10:25], motion.translation[10:25] = motion.rotations[10], motion.translation[10]
    stacked = [
        torch.from_numpy(np.stack([getattr(motion, name) for motion in motions])).float()
        for name in ("rotations", "translation", "betas")
    ]
    windows = MotionWindows(*stacked, [Caption("walk")] * 6)
    random = Randomness(np.random.default_rng(0), torch.Generator().manual_seed(0))
    batch = make_batch(windows, 3, AugmentationConfig(), random)
    assert 0.2 < split(batch.features)["contacts"].mean() < 0.8
    normalisation = Normalisation.fit(batch.features.flatten(0, 1))
    return batch, normalisation, normalisation.apply(batch.features)


def terms(setting, predicted):
    batch, normalisation, target = setting
    return {
        name: term.item()
        for name, term in losses(predicted, target, batch, torch.ones(len(target)), normalisation.undo).items()
    }


def spoiled(setting, block, by=1.0, frames=slice(None)):
    predicted = setting[2].clone()
    predicted[:, frames, SLICES[block]] += by
    return terms(setting, predicted)


def test_the_truth_costs_nothing(setting):
    found = terms(setting, setting[2])
    assert set(found) == ON_JOINTS
    assert all(0 <= value < SMOOTH for value in found.values()), found


def test_all_is_felt(setting):
    for name, value in terms(setting, setting[2] + 0.3).items():
        assert name == "reprojection_2d" or value > 5 * terms(setting, setting[2])[name] + 1e-6, name


@pytest.mark.parametrize(
    ("block", "felt", "not_felt"),
    [
        ("root_velocity", {"path", "features", "contact_velocity"}, {"body", "camera_joints", "reprojection"}),
        ("root_translation_camera", {"reprojection"}, {"body", "camera_joints", "path", "joint_velocity"}),
        ("joint_rotations", {"body", "camera_joints", "reprojection"}, {"path"}),
        ("contacts", {"features"}, ON_JOINTS - {"features"}),
        ("camera_translation", {"features"}, ON_JOINTS - {"features"}),
    ],
)
def test_each_term_feels_its_own(setting, block, felt, not_felt):
    truth, found = terms(setting, setting[2]), spoiled(setting, block)
    for name in felt:
        assert found[name] > truth[name] + 1e-5, name
    for name in not_felt:
        assert found[name] == pytest.approx(truth[name], abs=1e-6), name


def test_the_truth_is_the_motion(setting):
    """The pose of the true features is the world that was encoded: joints to the rounding of features."""
    batch, _, _ = setting
    pose = pose_of(batch.features, gravity_view_yaw(batch.cameras.rotation))
    start = batch.joints[:, :1, :1]
    torch.testing.assert_close(pose.world, batch.joints - start, atol=1e-3, rtol=0)
    to_camera = batch.cameras.rotation.mT[:, :, None]
    seen = (to_camera @ (batch.joints - batch.cameras.position[:, :, None])[..., None])[..., 0]
    torch.testing.assert_close(pose.camera + pose.root_camera[..., None, :], seen, atol=1e-3, rtol=0)


def test_2d_only_samples_know_nothing_but_their_keypoints(setting):
    """Half of the samples: what is wrong with their features changes one term."""
    batch, normalisation, target = setting
    mixed = replace(batch, only_2d=torch.arange(6) % 2 == 0)
    off = target.clone()
    off[::2] += 0.3
    found = {n: t.item() for n, t in losses(off, target, mixed, torch.ones(len(target)), normalisation.undo).items()}
    truth = {n: t.item() for n, t in losses(target, target, mixed, torch.ones(len(target)), normalisation.undo).items()}
    for name in ON_JOINTS - {"reprojection_2d"}:
        assert found[name] == pytest.approx(truth[name], abs=1e-7), name
    assert found["reprojection_2d"] > 3 * truth["reprojection_2d"] > 0
    off[1::2] += 0.3
    spoiled = losses(off, target, mixed, torch.ones(len(target)), normalisation.undo)
    assert spoiled["reprojection_2d"].item() == pytest.approx(found["reprojection_2d"])
    assert spoiled["features"].item() > 0.01


def test_2d_reprojection_is_the_distance_in_boxes(setting):
    """Against the runtime's decoder, camera and keypoints, one sample and frame at a time."""
    batch, _, _ = setting
    found = reprojection_2d(pose_of(batch.features, gravity_view_yaw(batch.cameras.rotation)), batch)
    for index, features in enumerate(batch.features.double().numpy()):
        camera = Camera(*(t[index].double().numpy() for t in (batch.cameras.rotation, batch.cameras.position)))
        motion = decode(features, LAYOUTS["genmo"], camera)
        points = coco_keypoints(*motion.kinematics()) - motion.translation[:, None]
        root = LAYOUTS["genmo"].split(features)["root_translation_camera"]
        local = (points @ camera.rotation) + root[:, None]
        errors = []
        for frame, shown in enumerate(batch.keypoints_2d.visible[index].numpy()):
            pixels = batch.keypoints_2d.pixels[index, frame].numpy()[shown]
            if shown.sum() >= 2:
                side = max(1.2 * np.ptp(pixels, axis=0).max(), 0.02)
                flat = batch.cameras.focal[index].item() * local[frame, :, :2] / np.maximum(local[frame, :, 2:], 0.3)
                errors += list(np.minimum(np.linalg.norm(flat[shown] - pixels, axis=-1) / side, 2))
        assert found[index].item() == pytest.approx(np.mean(errors), rel=2e-3, abs=1e-5)


def test_noise_that_hides_contacts_takes_their_speed_out_of_the_loss(setting):
    """Only that term counts by the share of the motion that was shown, sample by sample."""
    batch, normalisation, target = setting
    torch.manual_seed(7)
    off = target + 0.2 * torch.randn_like(target)

    def at(signal: torch.Tensor) -> dict[str, float]:
        return {n: t.item() for n, t in losses(off, target, batch, signal, normalisation.undo).items()}

    whole, none = at(torch.ones(len(target))), at(torch.zeros(len(target)))
    first = at((torch.arange(len(target)) == 0).float())
    last = at((torch.arange(len(target)) > 0).float())
    assert none["contact_velocity"] == 0 < first["contact_velocity"] < whole["contact_velocity"]
    assert first["contact_velocity"] + last["contact_velocity"] == pytest.approx(whole["contact_velocity"])
    assert {n: t for n, t in none.items() if n != "contact_velocity"} == pytest.approx(
        {n: t for n, t in whole.items() if n != "contact_velocity"}
    )


def test_contact_velocity_is_the_squared_speed_of_what_is_held():
    world = torch.zeros(1, 4, 24, 3)
    world[:, :, 7, 0] = 0.1 * torch.arange(4)
    contacts = torch.zeros(1, 4, 6)
    assert contact_velocity(world, contacts).item() == 0
    contacts[:, :, 0] = 1  # left ankle moves 0.1 a frame
    assert contact_velocity(world, contacts).item() == pytest.approx(0.01)
    contacts[:, :, 1] = 1  # left foot does not
    assert contact_velocity(world, contacts).item() == pytest.approx(0.005)


def test_the_total_is_the_weighted_sum():
    parts = {name: torch.tensor(float(index)) for index, name in enumerate(WEIGHTS)}
    wanted = sum(WEIGHTS[name] * index for index, name in enumerate(WEIGHTS))
    assert total(parts).item() == pytest.approx(wanted)


def test_gradients_are_finite_at_the_truth_and_at_zero(setting):
    batch, normalisation, target = setting
    for predicted in (target.clone(), torch.zeros_like(target)):
        predicted.requires_grad_()
        total(losses(predicted, target, batch, torch.ones(len(target)), normalisation.undo)).backward()
        assert predicted.grad.isfinite().all()


def test_vertices_are_a_term_of_runs_with_a_body(setting):
    """A mesh whose vertices are the COCO points, fixed to their joints: where the camera sees those."""
    batch, normalisation, target = setting
    weights, beside = torch.zeros(17, 24), torch.zeros(24, 17, 3)
    for vertex, (_, joint, offset) in enumerate(COCO_KEYPOINTS):
        weights[vertex, JOINTS.index(joint)] = 1
        beside[JOINTS.index(joint), vertex] = torch.tensor(offset)
    mesh = Mesh(beside, weights)
    pose = pose_of(batch.features, gravity_view_yaw(batch.cameras.rotation), mesh)
    torch.testing.assert_close(pose.vertices, pose.keypoints, atol=1e-5, rtol=0)
    signal = torch.ones(len(target))
    found = losses(target, target, batch, signal, normalisation.undo, mesh)
    assert set(found) == set(WEIGHTS) and 0 <= found["vertices"] < SMOOTH
    bent = target.clone()
    bent[..., SLICES["joint_rotations"]] += 0.5
    moved = pose_of(normalisation.undo(bent), gravity_view_yaw(batch.cameras.rotation)).keypoints - pose.keypoints
    apart = moved.norm(dim=-1).flatten(1).mean(dim=1)[: batch.estimation].sum()
    apart = apart + 3 * moved.square().sum(dim=-1).flatten(1).mean(dim=1)[batch.estimation :].sum()
    found = losses(bent, target, batch, signal, normalisation.undo, mesh)["vertices"]
    assert found.item() == pytest.approx(apart.item() / len(target), rel=1e-3)
