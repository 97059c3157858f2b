"""GLB, read by a parser that knows only the glTF 2.0 specification."""

import json
import struct

import numpy as np
import pytest

from genmo.runtime.formats import to_glb
from genmo.runtime.motion.rotation import continuous_quaternions, matrix_from_quaternion
from genmo.runtime.motion.skeleton import JOINTS, PARENTS, rest_joints

TYPES = {5121: "u1", 5123: "<u2", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    def __init__(self, data: bytes):
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        assert size % 4 == 0
        self.json = json.loads(data[20 : 20 + size])
        binary, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        assert binary % 4 == 0
        assert 28 + size + binary == len(data)
        self.binary = data[28 + size :]
        assert self.json["buffers"][0]["byteLength"] == len(self.binary)

    def array(self, index):
        accessor = self.json["accessors"][index]
        view = self.json["bufferViews"][accessor["bufferView"]]
        dtype, width = np.dtype(TYPES[accessor["componentType"]]), WIDTHS[accessor["type"]]
        assert view["byteOffset"] % 4 == 0
        assert view["byteLength"] == accessor["count"] * width * dtype.itemsize
        assert view["byteOffset"] + view["byteLength"] <= len(self.binary)
        flat = np.frombuffer(self.binary, dtype, accessor["count"] * width, view["byteOffset"])
        return flat.reshape(accessor["count"], width)

    @property
    def attributes(self):
        return self.json["meshes"][0]["primitives"][0]["attributes"]

    def tracks(self):
        """{(node, path): (times, values)}"""
        animation = self.json["animations"][0]
        tracks = {}
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            target = channel["target"]
            tracks[target["node"], target["path"]] = (self.array(sampler["input"]), self.array(sampler["output"]))
        return tracks

    def node_matrices(self, translations, rotations):
        """World matrices [frames, nodes, 4, 4] of local translations and quaternions (x, y, z, w) by node."""
        nodes = self.json["nodes"]
        frames = max(len(values) for values in translations)
        world = np.tile(np.eye(4), (frames, len(nodes), 1, 1))

        def visit(node, above):
            local = np.tile(np.eye(4), (frames, 1, 1))
            local[:, :3, :3] = matrix_from_quaternion(np.roll(rotations[node], 1, axis=-1).astype(np.float64))
            local[:, :3, 3] = translations[node]
            world[:, node] = above @ local
            for child in nodes[node].get("children", []):
                visit(child, world[:, node])

        for root in self.json["scenes"][0]["nodes"]:
            visit(root, np.eye(4))
        return world

    def rest(self):
        nodes = self.json["nodes"]
        translations = [np.asarray([node.get("translation", [0, 0, 0])]) for node in nodes]
        return self.node_matrices(translations, [np.asarray([node.get("rotation", [0, 0, 0, 1])]) for node in nodes])

    def played(self):
        tracks, nodes = self.tracks(), self.json["nodes"]
        translations, turns = [], []
        for index, node in enumerate(nodes):
            still = np.asarray([node.get("translation", [0, 0, 0])])
            translations.append(tracks[index, "translation"][1] if (index, "translation") in tracks else still)
            turns.append(tracks[index, "rotation"][1] if (index, "rotation") in tracks else np.asarray([[0, 0, 0, 1]]))
        return self.node_matrices(translations, turns)


@pytest.fixture(scope="module")
def glb(motion):
    return Glb(to_glb(motion))


def test_joints_of_the_node_hierarchy(any_motion):
    world = Glb(to_glb(any_motion)).played()
    error = np.abs(world[:, :24, :3, 3] - any_motion.joints_world()).max()
    assert error < 1e-6


def test_nodes_are_named_joints_in_t_pose(glb, motion):
    nodes = glb.json["nodes"]
    assert [node["name"] for node in nodes[:24]] == list(JOINTS)
    children = {child: index for index, node in enumerate(nodes) for child in node.get("children", [])}
    assert [children.get(joint, -1) for joint in range(24)] == list(PARENTS)
    assert all(node["rotation"] == [0, 0, 0, 1] for node in nodes[:24])
    rest = glb.rest()[0, :24]
    expected = rest_joints(motion.rest_offsets)
    np.testing.assert_allclose(rest[:, :3, 3] - rest[0, :3, 3], expected, atol=1e-9)
    left, right = JOINTS.index("left_wrist"), JOINTS.index("right_wrist")
    assert rest[left, 0, 3] - rest[right, 0, 3] > 1.2  # arms spread out sideways, the left one to +x
    # float32 vertices of the standing body touch the floor
    assert abs(glb.array(glb.attributes["POSITION"])[:, 1].min()) < 0.02


def test_inverse_bind_matrices_undo_the_rest_pose(glb):
    skin = glb.json["skins"][0]
    assert skin["joints"] == list(range(24))
    inverse = glb.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
    np.testing.assert_allclose(glb.rest()[0, :24] @ inverse, np.tile(np.eye(4), (24, 1, 1)), atol=1e-6)


def test_accessors_keep_their_bounds(glb):
    for index, accessor in enumerate(glb.json["accessors"]):
        values = glb.array(index)
        if "min" in accessor:
            np.testing.assert_array_equal(values.min(axis=0), np.float32(accessor["min"]))
            np.testing.assert_array_equal(values.max(axis=0), np.float32(accessor["max"]))
    assert "min" in glb.json["accessors"][glb.attributes["POSITION"]]
    inputs = {sampler["input"] for sampler in glb.json["animations"][0]["samplers"]}
    assert all("min" in glb.json["accessors"][index] for index in inputs)


def test_mesh_is_valid(glb):
    weights, joints = glb.array(glb.attributes["WEIGHTS_0"]), glb.array(glb.attributes["JOINTS_0"])
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert joints.max() < 24
    assert (joints[weights == 0] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(glb.array(glb.attributes["NORMAL"]), axis=1), 1, atol=1e-5)
    indices = glb.array(glb.json["meshes"][0]["primitives"][0]["indices"])
    assert len(indices) % 3 == 0
    assert indices.max() < len(weights)
    assert {len(glb.array(index)) for index in glb.attributes.values()} == {len(weights)}


def test_skinned_vertices_stay_on_the_body(glb, motion):
    points = np.pad(glb.array(glb.attributes["POSITION"]).astype(np.float64), ((0, 0), (0, 1)), constant_values=1)
    inverse = glb.array(glb.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
    weights, joints = glb.array(glb.attributes["WEIGHTS_0"]), glb.array(glb.attributes["JOINTS_0"])
    world = glb.played()[-1, :24] @ inverse
    skinned = np.einsum("vk,vkij,vj->vi", weights, world[joints], points)[:, :3]
    gaps = np.linalg.norm(skinned[:, None] - motion.joints_world()[-1][None], axis=-1).min(axis=1)
    assert gaps.max() < 0.35


def test_animation_tracks(glb, motion):
    tracks = glb.tracks()
    assert set(tracks) == {(0, "translation")} | {(joint, "rotation") for joint in range(24)}
    for (_, path), (times, values) in tracks.items():
        np.testing.assert_allclose(times[:, 0], np.arange(motion.frames) / 30, atol=1e-6)
        assert (np.diff(times[:, 0]) > 0).all()
        if path == "rotation":
            np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1, atol=1e-6)
            assert (np.sum(values[1:] * values[:-1], axis=1) > 0).all()
    np.testing.assert_allclose(tracks[0, "translation"][1], motion.translation, atol=1e-6)


def test_quaternions_stay_on_one_side_through_a_full_turn():
    half = np.linspace(0, 3 * np.pi, 60)
    turning = np.stack([np.cos(half), np.sin(half), 0 * half, 0 * half], axis=-1)
    np.testing.assert_allclose(continuous_quaternions(matrix_from_quaternion(turning)), turning, atol=1e-12)


def test_asset(glb):
    assert glb.json["asset"] == {"version": "2.0", "generator": "genmo"}
    assert all(0 <= view["byteOffset"] < len(glb.binary) for view in glb.json["bufferViews"])
