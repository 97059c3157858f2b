"""Features of HumanML3D, given back to joints as its own code does."""

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.evaluation import humanml3d_features as h


def rotation_y(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def test_features_give_the_joints_back(joints):
    """Turning speed and ground speed integrated, local places turned back: the joints, but for where they started."""
    made = h.features(joints).astype(np.float64)
    assert made.shape == (60, 263)
    angle = np.concatenate([[0], np.cumsum(2 * made[:-1, 0])])
    path = np.zeros(3)
    found = []
    for frame in range(60):
        back = rotation_y(-angle[frame])
        if frame:
            path = path + back @ [made[frame - 1, 1], 0, made[frame - 1, 2]]
        local = np.concatenate([[[0, made[frame, 3], 0]], made[frame, 4:67].reshape(21, 3)])
        found.append(local @ back.T + path)
    found = np.array(found)
    wanted = joints[:60] - [0, joints[..., 1].min(), 0] - joints[0, 0] * [1, 0, 1]
    left, right = (q - q[0, 0] * [1, 0, 1] for q in (found, wanted))
    turn = np.linalg.lstsq(right.reshape(-1, 3), left.reshape(-1, 3), rcond=None)[0].T
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-4)  # one turn about y for the whole motion
    np.testing.assert_allclose(right @ turn.T, left, atol=1e-4)
    np.testing.assert_allclose(turn[1], [0, 1, 0], atol=1e-4)


def test_speeds_and_contacts(joints):
    """The joints' speeds have the lengths of the joints' steps; a foot is in contact where it moves < 4.5 cm."""
    made = h.features(joints)
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(made[:, 193:259].reshape(60, 22, 3), axis=-1), steps, atol=1e-5)
    np.testing.assert_array_equal(made[:, 259:], steps[:, [7, 10, 8, 11]] ** 2 < 0.002)


def test_rotations_put_the_bones_where_they_are(joints):
    local = h.rotations_of(joints)
    np.testing.assert_allclose(local @ np.swapaxes(local, -1, -2), np.tile(np.eye(3), (61, 22, 1, 1)), atol=1e-9)
    lengths = h.lengths_of(joints[0])
    for chain in h.CHAINS:
        world = local[:, 0]
        for parent, joint in zip(chain, chain[1:], strict=False):
            world = world @ local[:, joint]
            bone = world @ h.DIRECTIONS[joint] * lengths[joint]
            np.testing.assert_allclose(bone, joints[:, joint] - joints[:, parent], atol=1e-6)


def test_the_published_heading_is_smoothed_as_scipy_does(joints):
    filters = pytest.importorskip("scipy.ndimage")
    across = joints[:, 1] - joints[:, 2] + joints[:, 17] - joints[:, 16]
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    forward = filters.gaussian_filter1d(np.cross([[0, 1, 0]], across), 20, axis=0, mode="nearest")
    wanted = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    np.testing.assert_allclose(h.published_heading(joints), wanted, atol=1e-9)


def test_another_skeleton_keeps_directions(joints):
    lengths = 1.3 * h.lengths_of(joints[0])
    np.testing.assert_allclose(h.on_skeleton(joints, lengths), 1.3 * joints, atol=1e-6)
    np.testing.assert_allclose(h.features(1.3 * joints, h.lengths_of(joints[0])), h.features(joints), atol=1e-4)
    with pytest.raises(InputError, match="1 frames at 20 fps"):
        h.features(joints[:1])


def test_opposite_directions_have_a_turn():
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    turn = h.turn_between(axes, -axes)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", turn, axes), -axes, atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turn), 1)
