"""Straighter knees leave the feet where they were; other proportions are those of people and keep steps in scale."""

import numpy as np
import pytest
import torch

from genmo.runtime.motion.joints import joint_indices
from genmo.runtime.motion.motion import FPS
from genmo.runtime.motion.skeleton import rest_joints
from genmo.train.data.body_variation import LEGS, reproportioned, straightened, torso_direction
from genmo.train.geometry.kinematics import forward_kinematics, rest_offsets
from genmo.train.geometry.representation import contact_labels
from genmo.train.geometry.rotation import matrix_from_axis_angle

FRAMES = 30
FEET = joint_indices("left_ankle", "right_ankle", "left_foot", "right_foot")


def standing(bend, sway=0.05):
    """Two people, knees bent by `bend` radians, who sway: rotations [2, FRAMES, 24, 3, 3], paths, betas."""
    angles = torch.zeros(2, FRAMES, 24, 3)
    for hip, knee, ankle in LEGS:
        for joint, share in ((hip, -0.5), (knee, 1.0), (ankle, -0.5)):
            angles[:, :, joint, 0] = share * bend
    time = torch.arange(FRAMES) / FPS
    angles[:, :, 0, 1] = sway * torch.sin(5 * time)
    path = torch.zeros(2, FRAMES, 3)
    path[..., 1] = 0.9 + 0.01 * torch.sin(3 * time)
    return matrix_from_axis_angle(angles), path, torch.zeros(2, 10)


def joints_of(rotations, path, betas):
    return forward_kinematics(rotations, path, rest_offsets(betas)[:, None])


def knee_angles(joints):
    """Degrees that each knee is bent by, [2, FRAMES, 2]."""
    angles = []
    for hip, knee, ankle in LEGS:
        thigh, shank = joints[..., knee, :] - joints[..., hip, :], joints[..., ankle, :] - joints[..., knee, :]
        cosine = (thigh * shank).sum(dim=-1) / thigh.norm(dim=-1) / shank.norm(dim=-1)
        angles.append(torch.rad2deg(torch.acos(cosine.clamp(-1, 1))))
    return torch.stack(angles, dim=-1)


def test_knees_straighten_and_the_feet_stay():
    motion = standing(bend=0.55)
    changed = straightened(*motion, torch.ones(2, dtype=torch.bool), torch.Generator().manual_seed(0))
    turned, before = joints_of(*motion)
    turned_after, after = joints_of(*changed, motion[2])
    assert knee_angles(before).min() > 28 and knee_angles(after).median() < 21
    torch.testing.assert_close(after[..., FEET, :], before[..., FEET, :], atol=1e-5, rtol=0)
    torch.testing.assert_close(turned_after[..., FEET, :, :], turned[..., FEET, :, :], atol=1e-5, rtol=0)
    assert torch.equal(contact_labels(after, FPS), contact_labels(before, FPS))
    bones = [(after - before).diff(dim=1).norm(dim=-1).max(), rest_offsets(motion[2]).norm(dim=-1).max()]
    assert bones[0] < 0.01 * bones[1]  # nothing jumps


def test_limbs_keep_their_lengths_and_the_trunk_its_pose():
    motion = standing(bend=0.5)
    changed = straightened(*motion, torch.ones(2, dtype=torch.bool), torch.Generator().manual_seed(0))
    legs = {joint for leg in LEGS for joint in leg}
    others = [joint for joint in range(24) if joint not in legs]
    torch.testing.assert_close(changed[0][:, :, others], motion[0][:, :, others], atol=0, rtol=0)
    turned = changed[0][:, :, sorted(legs)]
    torch.testing.assert_close(turned @ turned.mT, torch.eye(3).expand_as(turned), atol=1e-5, rtol=0)


def test_who_crouches_or_is_not_chosen_is_left_alone():
    generator = torch.Generator().manual_seed(0)
    crouching = standing(bend=1.8)
    assert torch.equal(straightened(*crouching, torch.ones(2, dtype=torch.bool), generator)[0], crouching[0])
    motion = standing(bend=0.5)
    rotations, path = straightened(*motion, torch.tensor([True, False]), generator)
    assert torch.equal(rotations[1], motion[0][1]) and torch.equal(path[1], motion[1][1])
    assert not torch.equal(path[0], motion[1][0])


def test_torsos_are_longer_or_shorter_for_their_legs():
    betas, path = torch.zeros(300, 10), torch.ones(300, 2, 3)
    chosen = torch.arange(300) < 250
    scaled, changed = reproportioned(path, betas, chosen, torch.Generator().manual_seed(0))
    joints = rest_joints(rest_offsets(changed).double().numpy())
    shoulder, hip, ankle = (
        joints[:, list(joint_indices(f"left_{part}", f"right_{part}"))].mean(axis=1)
        for part in ("shoulder", "hip", "ankle")
    )
    ratio = np.linalg.norm(shoulder - hip, axis=-1) / np.linalg.norm(hip - ankle, axis=-1)
    assert ratio.min() == pytest.approx(0.6, abs=0.01) and ratio.max() == pytest.approx(0.78, abs=0.02)
    assert torch.equal(changed[250:], betas[250:]) and torch.equal(scaled[250:], path[250:])
    legs = [rest_offsets(b)[:, LEGS[0][1:]].norm(dim=-1).sum(dim=-1) for b in (changed, betas)]
    torch.testing.assert_close(scaled[:, 0, 0], legs[0] / legs[1])
    assert torso_direction().norm() == pytest.approx(1)
