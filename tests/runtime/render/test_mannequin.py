"""The mannequin is a closed, outward, well-skinned surface on any skeleton."""

import numpy as np
import pytest

from genmo.runtime.motion.skeleton import BETA_COUNT, JOINTS, MIRROR_JOINTS, rest_joints, shape_space
from genmo.runtime.render.mannequin import body_mesh, body_shapes


@pytest.fixture(scope="module", params=[0.0, 2.0, -2.0], ids=["mean", "large", "small"])
def offsets(request):
    return shape_space().offsets(np.eye(BETA_COUNT)[0] * request.param)


def test_surface_is_closed_and_faces_outward(offsets):
    mesh = body_mesh(offsets)
    edges = np.sort(np.concatenate([mesh.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]).astype(int), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts % 2 == 0).all()
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    volume = np.einsum("fc,fc->", corners[:, 0], normals) / 6
    assert 0.03 < volume < 0.12  # cubic metres; people are about 0.07
    agree = np.einsum("fc,fc->f", normals, mesh.normals[mesh.faces].mean(axis=1)) > 0
    assert agree.mean() > 0.995


def test_weights_normals_and_indices(offsets):
    mesh = body_mesh(offsets)
    count = len(mesh.vertices)
    assert mesh.faces.max() < count < 65535
    assert (mesh.weights >= 0).all()
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1, atol=1e-6)
    assert (mesh.joints[mesh.weights == 0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)


def test_body_holds_its_joints_and_is_symmetric(offsets):
    mesh, rest = body_mesh(offsets), rest_joints(offsets)
    gaps = np.linalg.norm(mesh.vertices[None] - rest[:, None], axis=-1).min(axis=1)
    assert gaps.max() < 0.17
    shapes = {(shape.side, shape.joint, round(float(shape.start[1]), 6)): shape for shape in body_shapes(offsets)}
    for (side, joint, height), shape in shapes.items():
        if side == "left":
            other = shapes["right", MIRROR_JOINTS[joint], height]
            np.testing.assert_allclose(other.end, shape.end * (-1, 1, 1), atol=1e-4)


def test_a_limb_follows_its_own_joint():
    mesh, rest = body_mesh(shape_space().mean), rest_joints(shape_space().mean)
    for upper, lower in (("left_elbow", "left_wrist"), ("right_knee", "right_ankle")):
        joint = JOINTS.index(upper)
        middle = 0.5 * (rest[joint] + rest[JOINTS.index(lower)])
        near = np.linalg.norm(mesh.vertices - middle, axis=1) < 0.06
        own = np.sum(mesh.weights[near] * (mesh.joints[near] == joint), axis=1)
        assert near.any()
        assert own.min() > 0.8
