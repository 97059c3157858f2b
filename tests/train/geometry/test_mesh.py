"""Skinned vertices: against the sum written out, at rest, turned as a whole; fingers and faces follow hand and head."""

import numpy as np
import pytest
import torch

from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINTS, PARENTS
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bodies import read_body, rest_offsets
from genmo.train.geometry.kinematics import forward_kinematics
from genmo.train.geometry.mesh import read_mesh

VERTICES = 60


def write_body(path, joints=24, seed=0, **changes):
    """A body file of random vertices; its arrays."""
    rng = np.random.default_rng(seed)
    regressor = rng.random((joints, VERTICES))
    weights = rng.random((VERTICES, joints)) ** 4
    values = {
        "v_template": rng.normal(size=(VERTICES, 3)),
        "shapedirs": rng.normal(size=(VERTICES, 3, 10)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
    } | changes
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    return values


def posed(seed=1):
    rng = np.random.default_rng(seed)
    local = matrix_from_axis_angle(rng.normal(size=(24, 3)))
    rest = np.cumsum(rng.normal(size=(24, 3)), axis=0)
    offsets = rest - rest[list(PARENTS)]
    offsets[0] = 0
    parts = (torch.from_numpy(part).float()[None] for part in (local[None], np.zeros((1, 3)), offsets))
    turned, joints = forward_kinematics(*parts)
    return turned[0, 0], joints[0, 0]


def test_it_is_the_sum_over_joints(tmp_path):
    values = write_body(tmp_path / "body.npz")
    turned, joints = posed()
    found = read_mesh(tmp_path / "body.npz").vertices(turned, joints).numpy()
    rest = values["J_regressor"] @ values["v_template"]
    for vertex in range(VERTICES):
        wanted = np.zeros(3)
        for joint in range(24):
            place = turned[joint].numpy() @ (values["v_template"][vertex] - rest[joint]) + joints[joint].numpy()
            wanted += values["weights"][vertex, joint] * place
        np.testing.assert_allclose(found[vertex], wanted, atol=1e-4)


def test_at_rest_it_is_the_template_and_turns_as_a_whole(tmp_path):
    values = write_body(tmp_path / "body.npz")
    mesh = read_mesh(tmp_path / "body.npz")
    rest = torch.from_numpy(values["J_regressor"] @ values["v_template"]).float()
    turn = torch.from_numpy(matrix_from_axis_angle(np.array([0.3, -1.0, 0.5]))).float()
    whole = mesh.vertices(turn.expand(2, 3, 24, 3, 3), (rest @ turn.T + 2).expand(2, 3, 24, 3))
    assert whole.shape == (2, 3, VERTICES, 3)
    template = torch.from_numpy(values["v_template"]).float()
    torch.testing.assert_close(whole, (template @ turn.T + 2).expand_as(whole), atol=1e-4, rtol=0)


@pytest.mark.parametrize("joints", [52, 55])
def test_fingers_follow_the_hand_and_faces_the_head(tmp_path, joints):
    """SMPL-H: 22 joints of the body and 15 a hand; SMPL-X: jaw and eyes between them."""
    values = write_body(tmp_path / "body.npz", joints)
    weights = read_mesh(tmp_path / "body.npz").weights.numpy()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    skin, face = values["weights"], joints - 52
    np.testing.assert_allclose(weights[:, 22], skin[:, 22 + face : 37 + face].sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(weights[:, 23], skin[:, 37 + face :].sum(axis=1), atol=1e-6)
    head = JOINTS.index("head")
    np.testing.assert_allclose(weights[:, head], skin[:, head] + skin[:, 22 : 22 + face].sum(axis=1), atol=1e-6)


def test_some_vertices_are_evenly_taken(tmp_path):
    write_body(tmp_path / "body.npz")
    turned, joints = posed()
    every = read_mesh(tmp_path / "body.npz").vertices(turned, joints)
    some = read_mesh(tmp_path / "body.npz", 6).vertices(turned, joints)
    kept = np.linspace(0, VERTICES - 1, 6).round().astype(int)
    torch.testing.assert_close(some, every[kept])
    assert len(read_mesh(tmp_path / "body.npz", 1000).weights) == VERTICES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": None}, "has no weights"),
        ({"weights": np.ones((VERTICES, 23))}, "has weights \\(60, 23\\)"),
        ({"v_template": np.ones((7, 3))}, "v_template \\(7, 3\\)"),
    ],
)
def test_a_file_without_a_mesh_is_refused(tmp_path, changes, message):
    write_body(tmp_path / "body.npz", **changes)
    with pytest.raises(InputError, match=message):
        read_mesh(tmp_path / "body.npz")
    with pytest.raises(InputError, match="no such file"):
        read_mesh(tmp_path / "nothing.npz")


def test_joints_and_vertices_are_those_of_smplx(tmp_path):
    """The library's own SMPL, with shapes, on a made body without pose correctives."""
    smplx = pytest.importorskip("smplx")
    from smplx.utils import Struct

    rng, count = np.random.default_rng(3), 6900  # smplx picks points of the face up to vertex 6787
    regressor = rng.random((24, count)) ** 20
    weights = rng.random((count, 24)) ** 8
    values = {
        "v_template": rng.normal(size=(count, 3)) * 0.3,
        "shapedirs": rng.normal(size=(count, 3, 10)) * 0.02,
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
    }
    np.savez(tmp_path / "body.npz", **values)
    tree = np.array([PARENTS, np.arange(24)])
    more = {"posedirs": np.zeros((count, 3, 207)), "kintree_table": tree, "f": np.zeros((1, 3), np.int64)}
    library = smplx.SMPL("", data_struct=Struct(**values, **more), create_transl=False)
    poses = rng.normal(size=(2, 24, 3)) * 0.5
    betas = rng.normal(size=10)
    given = torch.from_numpy(poses).float()

    def ours(rest):
        parts = (matrix_from_axis_angle(poses)[None], np.repeat(rest[:1], 2, 0)[None], rest_offsets(rest)[None, None])
        turned, joints = forward_kinematics(*(torch.from_numpy(part).float() for part in parts))
        return turned[0], joints[0]

    def theirs(betas):
        shape = torch.from_numpy(betas).float().expand(2, 10)
        return library(global_orient=given[:, 0], body_pose=given[:, 1:].flatten(1), betas=shape)

    body = read_body(tmp_path / "body.npz")
    for shape in (betas, np.zeros(10)):
        turned, joints = ours(body.rest(shape))
        torch.testing.assert_close(joints, theirs(shape).joints[:, :24], atol=1e-5, rtol=0)
    # our mesh has the template's surface around any bones: the library's, where the shape is the template's
    found = read_mesh(tmp_path / "body.npz").vertices(turned, joints)
    torch.testing.assert_close(found, theirs(np.zeros(10)).vertices, atol=1e-5, rtol=0)
