"""The motion vector: its blocks against their definitions, and the way back to less than a millimetre."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera, Motion, contact_labels
from genmo.runtime.motion.representation import (
    decode,
    encode,
    from_weak_perspective,
    gravity_view_yaw,
    integrate_velocity,
    roll_out,
    root_velocity,
    weak_perspective,
    with_root_at_origin,
)
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import BETA_COUNT, CONTACT_JOINTS, JOINT_COUNT, rest_joints, shape_space
from genmo.runtime.motion.smpl_body import SmplBody, SmplxShape, rest_offsets

GENMO, GEM = LAYOUTS["genmo"], LAYOUTS["gem"]
LENGTHS = [1, 2, 119, 120, 121]
MILLIMETRE = 1e-3


def gravity_view_axes(camera_rotation):
    """The gravity-view frame [3, 3] from its definition: columns x, y (against gravity), z (viewing, on the ground)."""
    up, forward = np.array([0.0, 1.0, 0.0]), camera_rotation[:, 2]
    ahead = forward - (forward @ up) * up
    ahead = ahead / np.linalg.norm(ahead)
    return np.stack([np.cross(up, ahead), up, ahead], axis=-1)


def rows(sixd):
    """The two rows of a 6D rotation, and their cross product: a matrix, with no code of ours."""
    first, second = np.asarray(sixd, float).reshape(2, 3)
    return np.stack([first, second, np.cross(first, second)])


def walked(features, layout, yaw):
    """The world path of features, step by step: turn by the heading, then walk by the root's own velocity."""
    blocks = layout.split(features)
    place, path, turns = np.zeros(3), [], []
    for frame in range(len(features)):
        c, s = np.cos(yaw[frame]), np.sin(yaw[frame])
        turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ rows(blocks["gravity_view_orientation"][frame])
        path.append(place)
        turns.append(turn)
        place = place + turn @ blocks["root_velocity"][frame]
    return np.stack(turns), np.stack(path)


def seen_from_the_first_frame(motion, camera):
    """The motion in the axes of the first gravity-view frame, from the first root position."""
    frame = gravity_view_axes(camera.rotation[0])
    return motion.moved(frame.T, np.zeros(3))


@pytest.mark.parametrize(("layout", "width"), [(GENMO, 181), (GEM, 151)], ids=["genmo", "gem"])
def test_slices_partition_the_vector(layout, width):
    assert layout.width == width
    numbers = np.concatenate([np.arange(width)[part] for part in layout.slices.values()])
    np.testing.assert_array_equal(numbers, np.arange(width))
    blocks = layout.split(np.zeros((2, width)))
    assert {name: block.shape for name, block in blocks.items()} == {n: (2, w) for n, w in layout.blocks}


def test_layouts_are_those_of_the_design():
    assert [width for _, width in GENMO.blocks] == [6, 3, 144, 10, 3, 6, 3, 6]
    assert [width for _, width in GEM.blocks] == [126, 10, 6, 6, 3]
    assert [width for _, width in GEM.heads] == [3, 6] and GENMO.heads == ()


def test_every_block_is_what_it_says(random_motion, random_camera):
    motion, camera = random_motion(9, 3), random_camera(9, 3)
    blocks = GENMO.split(encode(motion, camera))
    first = gravity_view_axes(camera.rotation[0])
    for i in range(9):
        root, eye = motion.rotations[i, 0], camera.rotation[i]
        joints = [rows(block) for block in blocks["joint_rotations"][i].reshape(JOINT_COUNT, 6)]
        expected = {
            "gravity_view_orientation": rows(blocks["gravity_view_orientation"][i]) - gravity_view_axes(eye).T @ root,
            "camera_orientation": rows(blocks["camera_orientation"][i]) - first.T @ eye,
            "camera_translation": blocks["camera_translation"][i] - first.T @ (camera.position[i] - camera.position[0]),
            "root_translation_camera": blocks["root_translation_camera"][i]
            - eye.T @ (motion.translation[i] - camera.position[i]),
            "joint_rotations": np.stack(joints) - np.stack([eye.T @ root, *motion.rotations[i, 1:]]),
            "betas": blocks["betas"][i] - motion.betas,
        }
        if i < 8:
            step = root @ blocks["root_velocity"][i]
            expected["root_velocity"] = step - (motion.translation[i + 1] - motion.translation[i])
        for name, difference in expected.items():
            np.testing.assert_allclose(difference, 0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("frames", LENGTHS)
def test_round_trip_with_the_camera(random_motion, random_camera, frames):
    motion, camera = random_motion(frames, frames), random_camera(frames, frames)
    features = encode(motion, camera).astype(np.float32)
    back = decode(features, GENMO, camera)
    start = motion.translation[0]
    np.testing.assert_allclose(back.joints_world(), motion.joints_world() - start, atol=1e-4)
    np.testing.assert_allclose(back.betas, motion.betas, atol=1e-5)
    np.testing.assert_array_equal(back.contacts, contact_labels(motion.joints_world()))
    np.testing.assert_allclose(back.joints_camera, camera.to_camera(motion.joints_world()), atol=1e-5)
    turns, path = walked(features, GENMO, np.arctan2(camera.rotation[:, 0, 2], camera.rotation[:, 2, 2]))
    np.testing.assert_allclose(back.translation, path, atol=1e-4)
    np.testing.assert_allclose(back.rotations[:, 0], turns, atol=1e-5)


def turning(rotations, translation, rng):
    """A stretch of motion whose root turns on top, and a random shape."""
    spin = matrix_from_yaw(rng.uniform(-1, 1) * np.arange(len(translation)) / 30)
    rotations = rotations.copy()
    rotations[:, 0] = spin @ rotations[:, 0]
    return Motion(rotations, translation, rng.normal(size=10))


@pytest.mark.end_to_end
def test_ten_seconds_come_back_to_a_millimetre(ten_seconds, random_camera):
    """200 clips, turning root, moving camera, features as stored (float32), by the model's own camera or the true
    one; the camera frame is checked against the camera itself."""
    rng, worst = np.random.default_rng(1), {"own": 0.0, "true": 0.0, "camera": 0.0}
    assert len(ten_seconds) == 200
    for number, (rotations, translation) in enumerate(ten_seconds):
        motion, camera = turning(rotations, translation, rng), random_camera(300, number)
        assert np.abs(camera.rotation[0, :, 2] - camera.rotation[-1, :, 2]).max() > 1e-3
        features = encode(motion, camera).astype(np.float32)
        joints = motion.joints_world() - motion.translation[0]
        own = decode(features)
        first = gravity_view_axes(camera.rotation[0])
        errors = {
            "own": own.joints_world() - joints @ first,
            "true": decode(features, GENMO, camera).joints_world() - joints,
            "camera": own.joints_camera - camera.to_camera(motion.joints_world()),
        }
        for name, error in errors.items():
            worst[name] = max(worst[name], float(np.linalg.norm(error, axis=-1).max()))
        own_eye = own.camera.rotation - first.T @ camera.rotation
        assert np.abs(own_eye).max() < 1e-5
    assert max(worst.values()) < MILLIMETRE, worst


def test_a_known_walk():
    """A metre a second on a circle, filmed by a camera that pans: all of it in closed form."""
    time = np.arange(301) / 30
    radius, rate = 2.0, 0.5
    path = np.stack([radius * np.sin(rate * time), 0 * time + 1, radius * np.cos(rate * time)], axis=-1)
    rotations = np.tile(np.eye(3), (301, 24, 1, 1))
    rotations[:, 0] = matrix_from_yaw(rate * time + np.pi / 2)  # along the circle, its centre on the left (+x)
    camera = Camera(matrix_from_yaw(0.3 * time) @ np.diag([-1.0, -1.0, 1.0]), np.tile([0.0, 1.5, -6.0], (301, 1)))
    features = encode(Motion(rotations, path), camera).astype(np.float32)
    speed = GENMO.split(features)["root_velocity"]
    chord = 2 * radius * np.sin(rate / 60)
    np.testing.assert_allclose(
        speed, np.tile(chord * np.array([np.sin(rate / 60), 0, np.cos(rate / 60)]), (301, 1)), atol=1e-5
    )
    np.testing.assert_allclose(decode(features).translation, path - path[0], atol=1e-4)


def test_the_transpose_of_a_turn_is_caught(random_motion, random_camera):
    """A roll-out that turns the wrong way is wrong by far more than the tolerance of the tests above."""
    motion, camera = random_motion(300, 1), random_camera(300, 1)
    blocks = GENMO.split(encode(motion, camera))
    yaw = gravity_view_yaw(camera.rotation)
    turns = np.stack([rows(block) for block in blocks["gravity_view_orientation"]])
    right = roll_out(turns, blocks["root_velocity"], yaw)[1]
    np.testing.assert_allclose(right, motion.translation - motion.translation[0], atol=1e-9)
    wrong = {
        "camera the wrong way": roll_out(turns, blocks["root_velocity"], -yaw)[1],
        "root transposed": roll_out(turns.swapaxes(-1, -2), blocks["root_velocity"], yaw)[1],
        "static camera": roll_out(turns, blocks["root_velocity"], 0 * yaw)[1],
    }
    for name, path in wrong.items():
        assert np.abs(path - right).max() > 100 * MILLIMETRE, name


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_velocity_and_integration_are_inverse(seed, frames):
    rng = np.random.default_rng(seed)
    turns, path = matrix_from_axis_angle(rng.normal(size=(frames, 3))), rng.normal(size=(frames, 3))
    speed = root_velocity(turns, path)
    np.testing.assert_allclose(integrate_velocity(turns, speed), path - path[0], atol=1e-10)
    np.testing.assert_array_equal(speed[-1], speed[max(frames - 2, 0)])


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.floats(-5, 5), st.floats(-5, 5))
def test_the_vector_does_not_know_where_the_world_is(random_motion, random_camera, seed, yaw, x, z):
    motion, camera = random_motion(5, seed), random_camera(5, seed)
    moved = replace(motion, camera=camera).moved(matrix_from_yaw(np.array(yaw)), np.array([x, 0.7, z]))
    np.testing.assert_allclose(encode(moved, moved.camera), encode(motion, camera), atol=1e-9)


def smplx_person(motion, seed=0):
    """A made SMPL-X-like body, and the motion without hands on it for some betas."""
    rng = np.random.default_rng(seed)
    template = rest_joints(shape_space().mean) * 1.05 + [0.003, -0.35, 0.012]
    body = SmplBody(template, rng.normal(0, 0.01, (JOINT_COUNT, 3, 10)))
    betas = rng.normal(size=BETA_COUNT)
    rest = body.rest(betas)
    rotations = motion.rotations.copy()
    rotations[:, 22:] = np.eye(3)
    person = replace(motion, rotations=rotations, betas=np.zeros(BETA_COUNT), offsets=rest_offsets(rest))
    return replace(person, smplx=SmplxShape(betas, rest)), body


@pytest.mark.parametrize("frames", LENGTHS)
def test_gem_comes_back_with_its_camera(random_motion, random_camera, frames):
    motion, body = smplx_person(random_motion(frames, 7))
    camera = random_camera(frames, 7)
    features = encode(motion, camera, GEM).astype(np.float32)
    assert features.shape == (frames, 151)
    assert decode(features, GEM, camera).joints_camera is None, "the vector does not place the root"
    back = decode(*with_root_at_origin(features, GEM), camera, body)
    np.testing.assert_allclose(back.smplx.betas, motion.smplx.betas, atol=1e-6)
    np.testing.assert_allclose(back.joints_world(), motion.joints_world() - motion.translation[0], atol=1e-4)
    joints_camera = camera.to_camera(motion.joints_world())
    np.testing.assert_allclose(back.joints_camera, joints_camera - joints_camera[:, :1], atol=1e-5)
    assert back.contacts is None


def test_betas_of_smplx_never_reach_genmos_shape_space(random_motion, random_camera):
    """Without a body file the skeleton is genmo's mean one, whatever the betas; they are kept, but not as genmo's."""
    motion, camera = smplx_person(random_motion(9, 7))[0], random_camera(9, 7)
    back = decode(encode(motion, camera, GEM), GEM, camera)
    assert not back.betas.any() and back.offsets is None
    np.testing.assert_array_equal(back.rest_offsets, shape_space().mean)
    np.testing.assert_allclose(back.smplx.betas, motion.smplx.betas)
    assert back.smplx.rest is None and not encode(random_motion(9, 7), camera, GEM)[:, GEM.slices["betas"]].any()


def test_gem_without_its_camera_takes_it_for_static(random_motion, random_camera):
    motion, body = smplx_person(random_motion(50, 7))
    still = random_camera(1, 7)
    camera = Camera(np.repeat(still.rotation, 50, axis=0), np.repeat(still.position, 50, axis=0))
    back = decode(encode(motion, camera, GEM), GEM, body=body)
    rotated = seen_from_the_first_frame(motion, camera)
    np.testing.assert_allclose(back.joints_world(), rotated.joints_world() - rotated.translation[0], atol=1e-9)


@pytest.mark.parametrize("down", [True, False], ids=["down", "up"])
def test_a_camera_that_looks_straight_down_or_up(random_motion, down):
    """The top edge of the image gives the heading (or its opposite), the round trip holds, nothing is NaN."""
    heading = np.linspace(0, 2, 40)
    forward = np.array([0, -1.0 if down else 1.0, 0])
    top = np.stack([np.sin(heading), 0 * heading, np.cos(heading)], axis=-1)
    rotation = np.stack([np.cross(forward, top), -top, np.broadcast_to(forward, top.shape)], axis=-1)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    yaw = gravity_view_yaw(rotation)
    np.testing.assert_allclose(np.cos(yaw - heading), 1 if down else -1)
    motion, camera = random_motion(40, 2), Camera(rotation, np.tile([0.0, 4.0, 0.0], (40, 1)))
    features = encode(motion, camera).astype(np.float32)
    joints = motion.joints_world() - motion.translation[0]
    np.testing.assert_allclose(decode(features, GENMO, camera).joints_world(), joints, atol=1e-4)
    own = decode(features).joints_world()
    np.testing.assert_allclose(own, joints @ matrix_from_yaw(yaw[0]), atol=1e-4)


def test_one_frame(random_motion, random_camera):
    motion, camera = random_motion(1, 0), random_camera(1, 0)
    features = encode(motion, camera)
    assert not GENMO.split(features)["root_velocity"].any()
    back = decode(features)
    assert back.frames == 1 and not back.translation.any() and back.contacts.all()


def test_contacts_are_joints_that_hardly_move():
    joints = np.zeros((4, 24, 3))
    still, slow, fast = CONTACT_JOINTS[0], CONTACT_JOINTS[2], CONTACT_JOINTS[5]
    joints[:, slow, 0] = np.arange(4) * 0.149 / 30
    joints[:, fast, 1] = np.array([0, 0, 1, 1]) * 0.151 / 30
    contacts = contact_labels(joints)
    place = {joint: contacts[:, CONTACT_JOINTS.index(joint)].tolist() for joint in (still, slow, fast)}
    assert place == {still: [1, 1, 1, 1], slow: [1, 1, 1, 1], fast: [1, 0, 1, 1]}
    assert contact_labels(np.zeros((1, 24, 3))).tolist() == [[1] * 6]


def test_given_contacts_are_kept_and_outputs_are_clipped(random_motion, random_camera):
    contacts = np.linspace(-1, 2, 60).reshape(10, 6)
    motion = replace(random_motion(10, 0), contacts=contacts)
    features = encode(motion, random_camera(10, 0))
    np.testing.assert_array_equal(GENMO.split(features)["contacts"], contacts)
    np.testing.assert_array_equal(decode(features).contacts, contacts.clip(0, 1))


@given(st.integers(0, 2**32 - 1))
def test_weak_perspective_is_undone(seed):
    rng = np.random.default_rng(seed)
    root = rng.uniform([-2, -2, 0.5], [2, 2, 9], (6, 3))
    box = np.concatenate([rng.uniform(0, 1000, (6, 2)), rng.uniform(50, 900, (6, 1))], axis=-1)
    focal, centre = rng.uniform(500, 2000, 6), rng.uniform(300, 900, (6, 2))
    weak = weak_perspective(root, box, focal, centre)
    np.testing.assert_allclose(from_weak_perspective(weak, box, focal, centre), root, atol=1e-9)
    np.testing.assert_allclose(weak[:, 0] * box[:, 2] / 2, focal / root[:, 2])  # pixels that a metre takes


def test_weak_perspective_puts_the_box_on_the_person():
    """A root in the middle of its box has no shift left: CLIFF's translation is then zero."""
    focal, centre, root = np.array(1000.0), np.array([960.0, 540.0]), np.array([0.5, -0.2, 4.0])
    middle = centre + focal * root[:2] / root[2]
    weak = weak_perspective(root, np.array([*middle, 300.0]), focal, centre)
    np.testing.assert_allclose(weak[1:], 0, atol=1e-12)
