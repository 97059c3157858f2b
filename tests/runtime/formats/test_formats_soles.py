"""The drawn body stands on the floor: its lowest vertex is within 3 mm of y = 0 in every file that shows a body."""

import base64
import json
import re
import struct

import numpy as np
import pytest

from genmo.runtime import Motion, MotionModel
from genmo.runtime.formats import save_motion, to_glb, to_html
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion
from genmo.runtime.motion.skeleton import (
    ANKLE_HEIGHT,
    BALL_HEIGHT,
    BETA_COUNT,
    JOINT_COUNT,
    JOINTS,
    forward_kinematics,
    rest_joints,
    shape_space,
    sole_heights,
)
from genmo.runtime.refine.foot_locking import clean_feet
from genmo.runtime.render.mannequin import body_mesh, body_shapes
from genmo.runtime.render.scene import Scene

NEAR = 0.003  # metres
BETAS = np.eye(BETA_COUNT)[0]
ANKLES, BALLS = ([JOINTS.index(f"{side}_{part}") for side in ("left", "right")] for part in ("ankle", "foot"))


def standing(betas, ankle=-0.5):
    """Three frames of a crouched person on the floor; `ankle` radians, -0.5 stands flat."""
    turns = np.zeros((3, JOINT_COUNT, 3))
    for joint, angle in (("hip", -0.5), ("knee", 1.0), ("ankle", ankle)):
        for side in ("left", "right"):
            turns[:, JOINTS.index(f"{side}_{joint}"), 0] = angle
    motion = Motion(matrix_from_axis_angle(turns), np.zeros((3, 3)), betas)
    balls = motion.joints_world()[:, BALLS, 1]
    return Motion(motion.rotations, np.tile([0.0, BALL_HEIGHT - balls.min(), 0.0], (3, 1)), betas)


@pytest.fixture(params=[0.0, 2.0, -2.0], ids=["mean", "tall", "short"])
def stander(request):
    return standing(request.param * BETAS)


def skinned(vertices, joints, weights, rotations, positions, rest):
    """Linear blend skinning [frames, vertices, 3] of joints' world rotations and places on rest places [24, 3]."""
    moved = np.einsum("fvkij,vkj->fvki", rotations[:, joints], vertices[:, None] - rest[joints]) + positions[:, joints]
    return np.einsum("vk,fvki->fvi", weights, moved)


def lowest_vertices(motion, frames=slice(None)):
    """Height [frames] of the body's lowest vertex, of those that are near the floor at rest."""
    mesh, rest = body_mesh(motion.rest_offsets), rest_joints(np.asarray(motion.rest_offsets, np.float64))
    low = mesh.vertices[:, 1] < rest[ANKLES, 1].max() + 0.03
    rotations, positions = (array[frames] for array in motion.kinematics())
    return skinned(mesh.vertices[low], mesh.joints[low], mesh.weights[low], rotations, positions, rest)[..., 1].min(
        axis=1
    )


def glb_vertices(data):
    """World vertices [frames, n, 3] of a .glb, played and skinned as the glTF specification says."""
    size = struct.unpack_from("<I", data, 12)[0]
    document, binary = json.loads(data[20 : 20 + size]), data[28 + size :]

    def array(index):
        accessor = document["accessors"][index]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        kind = {5121: "u1", 5123: "<u2", 5126: "<f4"}[accessor["componentType"]]
        start = document["bufferViews"][accessor["bufferView"]]["byteOffset"]
        return np.frombuffer(binary, kind, accessor["count"] * width, start).reshape(-1, width)

    animation, nodes = document["animations"][0], document["nodes"]
    tracks = {
        (channel["target"]["node"], channel["target"]["path"]): array(
            animation["samplers"][channel["sampler"]]["output"]
        )
        for channel in animation["channels"]
    }
    frames = len(tracks[0, "translation"])
    quaternions = np.stack([tracks[joint, "rotation"] for joint in range(JOINT_COUNT)], axis=1)
    offsets = np.asarray([node["translation"] for node in nodes[:JOINT_COUNT]])
    offsets[0] = 0
    rotations, positions = forward_kinematics(
        matrix_from_quaternion(np.roll(quaternions, 1, axis=-1).astype(np.float64)),
        tracks[0, "translation"].astype(np.float64), offsets,
    )  # fmt: skip
    assert frames == len(positions)
    attributes = {name: array(i) for name, i in document["meshes"][0]["primitives"][0]["attributes"].items()}
    bind = -array(document["skins"][0]["inverseBindMatrices"])[:, 12:15].astype(np.float64)
    return skinned(attributes["POSITION"], attributes["JOINTS_0"], attributes["WEIGHTS_0"], rotations, positions, bind)


def html_vertices(data):
    """World vertices [frames, n, 3] of an .html, from what its script is given."""
    payload = re.search(r"<script[^>]*application/json[^>]*>(.*?)</script>", data.decode(), re.S).group(1)
    page = json.loads(payload)
    person = page["people"][0]
    mesh, offsets = person["mesh"], np.asarray(person["offsets"])

    def unpacked(text, kind, width):
        return np.frombuffer(base64.b64decode(text), kind).reshape(-1, width)

    quaternions = unpacked(person["quaternions"], "<i2", 4).reshape(-1, JOINT_COUNT, 4) / 32767
    rotations, positions = forward_kinematics(
        matrix_from_quaternion(quaternions), unpacked(person["translation"], "<f4", 3).astype(float), offsets
    )
    weights = unpacked(mesh["weights"], "u1", 4) / 255
    vertices = unpacked(mesh["vertices"], "<i2", 3) * mesh["scale"]
    weights = weights / weights.sum(axis=1, keepdims=True)
    world = skinned(vertices, unpacked(mesh["joints"], "u1", 4), weights, rotations, positions, rest_joints(offsets))
    return world - [0, page["ground"], 0]


def test_glb(stander):
    assert np.abs(glb_vertices(to_glb(stander))[..., 1].min(axis=1)).max() < NEAR


def test_glb_stands_on_the_floor_at_rest_too(stander):
    data = to_glb(stander)
    document = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
    position = document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]
    assert abs(document["accessors"][position]["min"][1]) < NEAR


def test_html(stander):
    assert np.abs(html_vertices(to_html(stander))[..., 1].min(axis=1)).max() < NEAR


def test_usd(stander, tmp_path):
    pytest.importorskip("pxr", reason="pip install usd-core")
    from pxr import Usd, UsdGeom, UsdSkel

    save_motion(tmp_path / "stand.usd", stander)
    stage = Usd.Stage.Open(str(tmp_path / "stand.usd"))
    cache, root = UsdSkel.Cache(), UsdSkel.Root(stage.GetDefaultPrim())
    cache.Populate(root, Usd.PrimDefaultPredicate)
    (binding,) = cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate)
    (skin,) = binding.GetSkinningTargets()
    points = UsdGeom.Mesh(skin.GetPrim()).GetPointsAttr().Get()
    moved = cache.GetSkelQuery(binding.GetSkeleton()).ComputeSkinningTransforms(Usd.TimeCode(1))
    assert skin.ComputeSkinnedPoints(moved, points, Usd.TimeCode(1))
    assert abs(np.array(points)[:, 1].min()) < NEAR


def test_pictures(stander):
    scene = Scene(stander, 64, 36)
    assert scene.ground == 0
    assert abs(scene._skinned(1)[0][:, 1].min()) < NEAR
    floor = sole_heights(stander.rest_offsets).min()  # the .svg strokes the parts themselves
    parts = [shape for shape in body_shapes(stander.rest_offsets) if "foot" in JOINTS[shape.joint]]
    ends = [end[1] - r for shape in parts for end, r in zip((shape.start, shape.end), shape.radii, strict=True)]
    assert abs(min(ends) - floor) < NEAR


@pytest.mark.parametrize("component", range(3))
@pytest.mark.parametrize("size", [-2.5, 2.5])
def test_soles_of_any_body_are_flat_at_their_height(component, size):
    """From heel to ball; a body with a low ankle stands on ANKLE_HEIGHT, any other on BALL_HEIGHT."""
    offsets = shape_space().offsets(size * np.eye(BETA_COUNT)[component])
    rest, soles = rest_joints(offsets), sole_heights(offsets)
    assert (np.minimum(rest[BALLS, 1] - soles - BALL_HEIGHT, rest[ANKLES, 1] - soles - ANKLE_HEIGHT) < 1e-9).all()
    for k, sign in enumerate((1, -1)):
        foot = body_mesh(offsets).vertices
        foot = foot[foot[:, 0] * sign > 0]
        for place in (rest[ANKLES[k], 2] - 0.02, rest[BALLS[k], 2]):
            near = np.abs(foot[:, 2] - place) < 0.02
            assert abs(foot[near, 1].min() - soles[k]) < NEAR


@pytest.mark.parametrize("ankle", [-0.8, -0.65, -0.35, -0.2])
def test_cleaned_heels_and_toes_do_not_go_through_the_floor(ankle):
    """Feet tilted by up to 17 degrees either way."""
    tilted = standing(np.zeros(BETA_COUNT), ankle)
    assert lowest_vertices(tilted).min() < -0.005
    clean = clean_feet(tilted)
    assert np.abs(lowest_vertices(clean)).max() < 0.004
    assert np.abs(clean.joints_world()[:, BALLS, 1] - BALL_HEIGHT).max() < 1e-6


@pytest.mark.parametrize("text", ["a person stands still", "a person walks forward"])
def test_generated_people_stand_on_the_floor(text):
    """With the engine that ships.  A foot that rolls over its edge may sink a little; before, the median was -22 mm."""
    motions = MotionModel.load(threads=1).generate(text, frames=120, samples=3)
    lowest = np.concatenate([lowest_vertices(motion) for motion in motions])
    assert abs(np.median(lowest)) < NEAR
    assert lowest.min() > -0.012
