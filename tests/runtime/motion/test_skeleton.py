"""The body: forward kinematics against a loop over joints, mirrors, the shape space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import (
    BETA_COUNT,
    COCO_COUNT,
    COCO_KEYPOINTS,
    CONTACT_JOINTS,
    JOINT_COUNT,
    JOINTS,
    LEVELS,
    MIRROR_JOINTS,
    PARENTS,
    coco_keypoints,
    forward_kinematics,
    rest_joints,
    shape_space,
)
from genmo.runtime.support import native

FLIP = np.array([-1.0, 1.0, 1.0])
all_betas = arrays(np.float64, BETA_COUNT, elements=st.floats(-3, 3))
NAMES = [name for name, _, _ in COCO_KEYPOINTS]
SIDES = {"left": "right", "right": "left"}
MIRROR_KEYPOINTS = [NAMES.index("_".join(SIDES.get(word, word) for word in name.split("_"))) for name in NAMES]


def joint_by_joint(rotations, translation, offsets):
    """Forward kinematics of one frame with 4 x 4 matrices, one joint after the other."""
    world = []
    for joint, parent in enumerate(PARENTS):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotations[joint], translation if parent < 0 else offsets[joint]
        world.append(local if parent < 0 else world[parent] @ local)
    return np.stack([m[:3, :3] for m in world]), np.stack([m[:3, 3] for m in world])


def test_the_joints_are_smpl():
    assert len(JOINTS) == len(PARENTS) == JOINT_COUNT == 24
    assert all(parent < joint for joint, parent in enumerate(PARENTS))
    assert JOINTS[0] == "pelvis" and JOINTS[15] == "head" and JOINTS[21] == "right_wrist"
    assert [JOINTS[joint] for joint in CONTACT_JOINTS][:2] == ["left_ankle", "left_foot"]
    assert sorted(joint for joints, _ in LEVELS for joint in joints) == list(range(1, JOINT_COUNT))


def test_mirrors_are_their_own_inverse():
    for mirror, names in ((MIRROR_JOINTS, JOINTS), (MIRROR_KEYPOINTS, NAMES)):
        assert [mirror[mirror[i]] for i in range(len(names))] == list(range(len(names)))
        swapped = [names[i].replace("left", "L").replace("right", "left").replace("L", "right") for i in mirror]
        assert swapped == list(names)
    assert all(MIRROR_JOINTS[p] == PARENTS[MIRROR_JOINTS[j]] for j, p in enumerate(PARENTS) if p >= 0)


@pytest.mark.parametrize("frames", [1, 7])
def test_kinematics_equal_the_loop(random_motion, frames):
    motion = random_motion(frames, 4)
    rotations, positions = motion.kinematics()
    for frame in range(frames):
        expected = joint_by_joint(motion.rotations[frame], motion.translation[frame], motion.rest_offsets)
        np.testing.assert_allclose(rotations[frame], expected[0], atol=1e-12)
        np.testing.assert_allclose(positions[frame], expected[1], atol=1e-12)


def test_kinematics_in_batches_and_in_float32(random_motion):
    motions = [random_motion(5, seed) for seed in range(2)]
    rotations = np.stack([m.rotations for m in motions]).astype(np.float32)
    translation = np.stack([m.translation for m in motions]).astype(np.float32)
    offsets = np.stack([m.rest_offsets for m in motions])[:, None].astype(np.float32)
    rotations, positions = forward_kinematics(rotations, translation, offsets)
    assert rotations.dtype == positions.dtype == np.float32
    np.testing.assert_allclose(positions, [m.joints_world() for m in motions], atol=1e-5)


def test_bones_keep_their_length(random_motion):
    motion = random_motion(20, 8)
    joints = motion.joints_world()
    bones = np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(bones - np.linalg.norm(motion.rest_offsets[1:], axis=-1), 0, atol=1e-12)


def test_the_rest_pose_is_a_person():
    offsets = shape_space().offsets(np.zeros(BETA_COUNT))
    joints = rest_joints(offsets)
    np.testing.assert_allclose(joints, joint_by_joint(np.tile(np.eye(3), (24, 1, 1)), np.zeros(3), offsets)[1])
    position = dict(zip(JOINTS, joints, strict=True))
    assert not position["pelvis"].any()
    assert position["left_hip"][0] > 0 > position["right_hip"][0], "the person's left is +x"
    assert position["left_foot"][2] > position["left_ankle"][2], "toes point to +z"
    assert 1.3 < position["head"][1] - position["left_foot"][1] < 1.9
    assert abs(position["left_wrist"][1] - position["left_shoulder"][1]) < 0.15, "T-pose"


@given(all_betas)
def test_betas_come_back_from_their_offsets(betas):
    np.testing.assert_allclose(shape_space().betas(shape_space().offsets(betas)), betas, atol=1e-8)


@given(all_betas)
def test_the_mirror_image_of_a_body_is_a_body(betas):
    """To the rounding of the stored numbers: 0.01 mm."""
    space = shape_space()
    mirrored = space.offsets(betas)[list(MIRROR_JOINTS)] * FLIP
    np.testing.assert_allclose(space.offsets(space.betas(mirrored)), mirrored, atol=1e-5)


@given(all_betas, st.integers(1, 3))
def test_shapes_take_any_leading_axes(betas, count):
    space = shape_space()
    many = np.broadcast_to(betas, (2, count, BETA_COUNT))
    np.testing.assert_array_equal(space.offsets(many)[1, count - 1], space.offsets(betas))
    np.testing.assert_allclose(space.betas(space.offsets(many))[0, 0], betas, atol=1e-8)


def test_the_shape_space_says_what_it_explains():
    space = shape_space()
    assert space.mean.shape == (24, 3) and space.components.shape == (BETA_COUNT, 24, 3)
    explained = np.array(space.explained_variance)
    assert (np.diff(explained) >= 0).all() and 0.9 < explained[-1] <= 1
    assert not space.mean[0].any() and not space.components[:, 0].any(), "the pelvis has no offset"


def test_mirrored_kinematics_are_mirrored_joints(random_motion):
    motion = random_motion(10, 1)
    flip = FLIP[:, None] * FLIP
    mirror = list(MIRROR_JOINTS)
    rotations, joints = forward_kinematics(
        motion.rotations[:, mirror] * flip, motion.translation * FLIP, motion.rest_offsets[mirror] * FLIP
    )
    np.testing.assert_allclose(joints, motion.joints_world()[:, mirror] * FLIP, atol=1e-12)
    mirrored = coco_keypoints(*motion.kinematics())[:, MIRROR_KEYPOINTS] * FLIP
    np.testing.assert_allclose(coco_keypoints(rotations, joints), mirrored, atol=1e-12)


def test_keypoints_ride_on_their_joints(random_motion):
    motion = random_motion(6, 2)
    rotations, joints = motion.kinematics()
    points = coco_keypoints(rotations, joints)
    assert points.shape == (6, COCO_COUNT, 3)
    for index, (name, joint, offset) in enumerate(COCO_KEYPOINTS):
        number = JOINTS.index(joint)
        expected = [joints[f, number] + rotations[f, number] @ offset for f in range(6)]
        np.testing.assert_allclose(points[:, index], expected, atol=1e-12, err_msg=name)
    names = [name for name, _, _ in COCO_KEYPOINTS]
    assert names[:3] == ["nose", "left_eye", "right_eye"] and names[5] == "left_shoulder" and names[16] == "right_ankle"


# --- libgenmo -----------------------------------------------------------------------------------------------------

needs_library = pytest.mark.skipif(native.library() is None, reason=native.description())


@needs_library
@pytest.mark.parametrize("leading", [(), (0,), (1,), (7,), (2, 5)])
@pytest.mark.parametrize("own", [False, True])
def test_kinematics_of_the_library_agree(leading, own):
    rng = np.random.default_rng(len(leading))
    rotations = matrix_from_axis_angle(rng.normal(0, 1, (*leading, 24, 3)))
    root, offsets = rng.normal(size=(*leading, 3)), rng.normal(size=(*leading, 24, 3) if own else (24, 3))
    compiled = forward_kinematics(rotations, root, offsets)
    with native.numpy_only():
        plain = forward_kinematics(rotations, root, offsets)
    for got, expected in zip(compiled, plain, strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-13)


@needs_library
def test_kinematics_of_the_library_take_views_and_one_skeleton_for_all():
    rng = np.random.default_rng(0)
    rotations = matrix_from_axis_angle(rng.normal(0, 1, (6, 24, 3)))[::2]
    root, offsets = np.asfortranarray(rng.normal(size=(3, 3))), rng.normal(size=(1, 24, 3))
    compiled = forward_kinematics(rotations, root, offsets)
    with native.numpy_only():
        np.testing.assert_allclose(compiled[1], forward_kinematics(rotations, root, offsets)[1], atol=1e-13)


@needs_library
def test_kinematics_of_the_library_take_one_root_for_all():
    rotations = matrix_from_axis_angle(np.random.default_rng(0).normal(0, 1, (3, 24, 3)))
    root, offsets = np.ones((1, 3)), shape_space().mean
    compiled = forward_kinematics(rotations, root, offsets)
    with native.numpy_only():
        np.testing.assert_allclose(compiled[1], forward_kinematics(rotations, root, offsets)[1], atol=1e-13)


@needs_library
@pytest.mark.parametrize(
    ("rotations", "root", "offsets"),
    [((4, 23, 3, 3), (4, 3), (24, 3)), ((4, 24, 3, 3), (3, 3), (24, 3)), ((4, 24, 3, 3), (4, 3), (23, 3)),
     ((4, 24, 3, 3), (4, 3), (5, 24, 3))],
)  # fmt: skip
def test_shapes_that_are_no_skeleton_are_an_error(rotations, root, offsets):
    with pytest.raises(ValueError, match=r"\w{3}"):
        forward_kinematics(np.zeros(rotations), np.zeros(root), np.zeros(offsets))
