"""Feet that point where their heels and toes are seen, against feet that are turned by known angles."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from genmo.runtime.conditions.keypoint_cleaning import clean_keypoints
from genmo.runtime.conditions.keypoints import Keypoints, default_intrinsics
from genmo.runtime.motion.rotation import matrix_from_axis_angle, rotate
from genmo.runtime.motion.skeleton import (
    FOOT_JOINTS,
    JOINT_COUNT,
    JOINTS,
    coco_keypoints,
    forward_kinematics,
    shape_space,
    sole_ends,
)
from genmo.runtime.refine.foot_pointing import point_feet
from genmo.runtime.refine.image_contacts import image_evidence, toe_evidence
from genmo.runtime.refine.reprojection_fit import normalised_rays

ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]
OFFSETS = shape_space().mean
LENS = default_intrinsics(1920, 1080)
FACING = np.diag([1.0, -1.0, -1.0])  # a person who faces an OpenCV camera


def feet_of(rotations, root):
    """Heels and toes [frames, 4, 3] of a body in front of the camera."""
    turned, joints = forward_kinematics(rotations, root, OFFSETS)
    ends = sole_ends(OFFSETS)
    heels = joints[:, ANKLES] + rotate(turned[:, ANKLES], ends.heels)
    toes = joints[:, FOOT_JOINTS] + rotate(turned[:, FOOT_JOINTS], ends.toes)
    return np.stack([heels[:, 0], toes[:, 0], heels[:, 1], toes[:, 1]], axis=1)


def image(points):
    return points[..., :2] / points[..., 2:]


def bodies(turns):
    """Standing people four metres away, turned by `turns` [frames] radians about their own axis."""
    rotations = np.tile(np.eye(3), (len(turns), JOINT_COUNT, 1, 1))
    rotations[:, 0] = FACING @ matrix_from_axis_angle(np.array(turns)[:, None] * [0.0, 1.0, 0.0])
    return rotations, np.tile([0.2, 0.1, 4.0], (len(turns), 1))


def off(rotations, true, project=lambda points: points):
    """Degrees [frames, 2] between the feet of two poses, from heel to toes."""
    one, other = (project(feet_of(x, bodies([0])[1])) for x in (rotations, true))
    a, b = (x[:, 1::2] - x[:, 0::2] for x in (one, other))
    cosine = (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize(("axis", "angle"), [("x", 0.3), ("y", 0.4), ("y", -0.4), ("x", -0.3)])
def test_a_turned_foot_is_turned_back(axis, angle):
    """Seen from the front, from behind, and from two sides: there across the view, which is what the view tells."""
    true, root = bodies(np.radians([0, 180, 45, 90]))
    wrong = true.copy()
    wrong[:, ANKLES] = matrix_from_axis_angle(angle * np.eye(3)["xyz".index(axis)])
    turned = point_feet(wrong, root, OFFSETS, image(feet_of(true, root)), np.ones((4, 4)))
    assert off(wrong, true).min() > 12
    assert off(turned, true)[:2].max() < 3.5
    assert off(turned, true, image)[2:].max() < 2
    assert (off(turned, true) < off(wrong, true)).all()


def test_only_ankles_turn_and_only_as_far_as_the_points_are_sure():
    rotations, root = bodies(np.radians([30.0, 60.0]))
    points = feet_of(rotations, root)
    points[:, 1::2, 0] += 0.05
    sure, half, none = (
        point_feet(rotations, root, OFFSETS, image(points), np.full((2, 4), w)) for w in (1.0, 0.5, 0.0)
    )
    assert_allclose(none, rotations, atol=1e-12)
    others = np.delete(np.arange(JOINT_COUNT), ANKLES)
    assert_allclose(sure[:, others], rotations[:, others])
    assert (off(half, rotations) < off(sure, rotations)).all() and off(half, rotations).min() > 2


@pytest.mark.parametrize("feet", ["far apart", "at one point"])
def test_points_that_are_no_foot_change_little(feet):
    rotations, root = bodies(np.radians([90.0]))
    points = feet_of(rotations, root)
    points[:, 1::2] = points[:, 0::2] + np.array([0.0, -1.0, 0.0]) * (feet == "far apart")
    turned = point_feet(rotations, root, OFFSETS, image(points), np.ones((1, 4)))
    assert off(turned, rotations).max() < 1e-6


def filmed(frames=60):
    """Somebody who stands still, as keypoints with feet."""
    rotations, root = bodies(np.zeros(frames))
    body = coco_keypoints(*forward_kinematics(rotations, root, OFFSETS))

    def pixels(points):
        flat = image(points) * np.diag(LENS)[:2] + LENS[:2, 2]
        return np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)

    return Keypoints(pixels(body), LENS, feet=pixels(feet_of(rotations, root)))


def test_feet_are_exchanged_with_their_legs_smoothed_and_bridged():
    clean = filmed()
    random = np.random.default_rng(0)
    noise = np.concatenate([random.normal(0, 3, (60, 21, 2)), np.zeros((60, 21, 1))], axis=-1)
    points, feet = clean.points + noise[:, :17], clean.feet + noise[:, 17:]
    mirror = [0, *(point + 1 if point % 2 else point - 1 for point in range(1, 17))]
    points[20:24], feet[20:24] = points[20:24][:, mirror], feet[20:24][:, [2, 3, 0, 1]]
    feet[40:44, 1] = 0
    mended = clean_keypoints(replace(clean, points=points, feet=feet)).feet
    assert np.linalg.norm(mended[..., :2] - clean.feet[..., :2], axis=-1).mean() < 0.6 * 3 * np.sqrt(np.pi / 2)
    assert np.linalg.norm(mended[..., :2] - clean.feet[..., :2], axis=-1).max() < 13
    assert (mended[..., 2] > 0.5).all()


def test_toes_that_stand_are_evidence_where_the_ankle_moves():
    keypoints = filmed()
    keypoints.points[:, 15:17, 0] += 5 * np.arange(60)[:, None]  # the ankles leave
    depth, lifted = np.full((60, 2), 4.0), np.zeros((60, 2))
    assert (image_evidence(keypoints, depth, lifted) < 0).all() and (toe_evidence(keypoints, depth, lifted) > 2).all()
    assert not toe_evidence(replace(keypoints, feet=None), depth, lifted).any()
    assert normalised_rays(keypoints, 60)[0].shape == (60, 17, 2)
