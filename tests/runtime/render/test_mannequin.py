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


def test_it_has_at_most_8_thousand_triangles(offsets):
    assert 6000 < len(body_mesh(offsets).faces) <= 8000


def test_vertices_lie_on_the_melted_cones_where_the_body_has_small_things(offsets):
    """Fingers and thumb apart, a nose before the face, ears beside the head, heels behind the ankles."""
    rest = dict(zip(JOINTS, rest_joints(offsets), strict=True))
    points = body_mesh(offsets).vertices
    hand = points[points[:, 0] > rest["left_hand"][0] + 0.01]
    tips = hand[hand[:, 0] > rest["left_hand"][0] + 0.03]
    assert np.ptp(tips[:, 2]) > 0.06  # four fingers side by side
    thumb = points[(points[:, 0] > rest["left_wrist"][0] + 0.06) & (points[:, 2] > rest["left_wrist"][2] + 0.06)]
    assert len(thumb) > 8
    head = points[points[:, 1] > rest["head"][1] + 0.03] - rest["head"]
    nose = head[head[:, 2].argmax()]
    assert abs(nose[0]) < 0.012
    assert 0.03 < nose[1] < 0.08
    assert nose[2] > head[(np.abs(head[:, 0]) > 0.03) & (head[:, 1] < 0.08)][:, 2].max() + 0.015
    ear = head[head[:, 0].argmax()]
    assert 0.04 < ear[1] < 0.11
    assert abs(ear[2]) < 0.03
    foot = points[(points[:, 1] < rest["left_ankle"][1]) & (points[:, 0] > 0)]
    assert foot[:, 2].min() < rest["left_ankle"][2] - 0.04
    assert foot[:, 2].max() > rest["left_foot"][2] + 0.06


def test_weights_bend_softly(offsets):
    """Along each edge of the mesh no joint's weight changes by much: knees and elbows have no crease."""
    mesh = body_mesh(offsets)
    weights = np.zeros((len(mesh.vertices), len(JOINTS)))
    np.add.at(weights, (np.arange(len(weights))[:, None], mesh.joints), mesh.weights)
    steps = np.abs(weights[mesh.faces] - weights[mesh.faces[:, [1, 2, 0]]]).max(axis=(1, 2))
    assert np.percentile(steps, 99) < 0.5


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
