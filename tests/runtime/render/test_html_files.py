"""What the player saves is read by genmo's own readers, and it opens what genmo and others write; run by node."""

import json
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.conditions.provenance import MotionSources, View
from genmo.runtime.conditions.spans import Text
from genmo.runtime.formats import to_bvh, to_glb, to_html
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.formats.bvh_motion import read_bvh_motion
from genmo.runtime.formats.gltf import read_gltf
from genmo.runtime.formats.npz import load_npz_with_sources, motion_arrays, to_npz
from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, forward_kinematics, shape_space
from genmo.runtime.render.html import FORMATS, script
from genmo.runtime.render.mannequin import body_mesh

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node here (apt install nodejs)")
STORED = 3e-4  # metres: what 16 bits of a quaternion leave of a joint's place
RUN = """
const fs = require("fs"), html = fs.readFileSync(process.argv[2] + "/page.html", "utf8");
const text = html.split('<script id="motion" type="application/json">')[1].split("</script>")[0];
const document = { getElementById: () => ({ textContent: text }) };
%s
(async () => {
  const folder = process.argv[2] + "/", own = makePerson(unpacked(data.people[0])), told = {};
  for (const kind of Object.keys(WRITERS)) fs.writeFileSync(folder + "saved." + kind, WRITERS[kind](own));
  const readers = { npz: readNpz, bvh: readBvh, glb: readGlb };
  for (const name of process.argv.slice(3)) {
    const kind = name.split(".").pop();
    try {
      const p = makePerson(await readers[kind](new Uint8Array(fs.readFileSync(folder + name))), own);
      const list = (values) => Array.from(values, (v) => Math.round(v * 1e7) / 1e7);
      told[name] = { joints: p.joints, fps: p.fps, frames: p.frames, ours: isOurs(p), placed: list(allPlaced(p)),
        contacts: Array.from(p.contacts), given: p.given, betas: p.betas, faces: p.mesh.faces.length,
        vertices: list(Array.from(p.mesh.vertices, (v) => v * p.mesh.scale)),
        camera: p.camera && { known: p.camera.known, positions: list(p.camera.positions) } };
      if (name.startsWith("again")) fs.writeFileSync(folder + "out_" + name, WRITERS[kind](p));
    } catch (problem) { told[name] = { error: problem.message }; }
  }
  fs.writeFileSync(folder + "told.json", JSON.stringify(told));
})();
"""


@pytest.fixture(scope="module")
def motion():
    """40 frames with every joint turning, a travelling root, its own body, contacts and a camera."""
    rng = np.random.default_rng(5)
    wave = np.sin(np.linspace(0, 4, 40)[:, None, None] + rng.uniform(0, 6, (1, JOINT_COUNT, 3)))
    offsets = shape_space().offsets(np.eye(10)[0] * 1.5)
    path = np.stack([np.linspace(0, 2, 40), np.full(40, 0.95), np.linspace(0, -1, 40)], axis=-1)
    contacts = rng.uniform(0, 1, (40, 6))
    betas = np.linspace(-1, 1, 10)
    return Motion(matrix_from_axis_angle(0.9 * wave), path, betas, offsets=offsets, contacts=contacts, fps=24.0)


@pytest.fixture(scope="module")
def sources():
    points = np.random.default_rng(1).uniform(0, 900, (9, 17, 3))
    return MotionSources(
        (Text("wälk & stop", 0, 20), Text("then", 12, 30)),
        (View(3, points, np.array([[900.0, 0, 480], [0, 910, 270], [0, 0, 1]])),),
        (("music", 4, 30),), np.array([6, 14]), np.array([25]),
        np.array([9]), np.array([22]), np.array([[1.0, np.nan, -2.0]]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory, motion, sources):
    """The folder in which the player has saved `saved.*`, and what it says of the files that it has opened."""
    folder = tmp_path_factory.mktemp("player")
    seen = motion.root_seen_by(moving_camera())
    filmed = replace(motion, root_camera=seen)
    (folder / "page.html").write_bytes(to_html(filmed, sources=sources))
    (folder / "again.npz").write_bytes(to_npz(filmed, sources))
    np.savez_compressed(folder / "packed.npz", **motion_arrays(motion))
    (folder / "again.bvh").write_bytes(to_bvh(motion))
    (folder / "again.glb").write_bytes(to_glb(motion))
    (folder / "mocap.bvh").write_text(MOCAP)
    (folder / "cut.bvh").write_text(MOCAP.replace("36 90", "36 x"))
    (folder / "cut.npz").write_bytes(to_npz(motion)[:-400])
    (folder / "cut.glb").write_bytes(to_glb(motion)[:-400])
    np.savez(folder / "other.npz", poses=np.zeros((3, 165)))
    names = ["saved.npz", "saved.bvh", "saved.glb", "again.npz", "packed.npz", "again.bvh", "again.glb", "mocap.bvh"]
    names += ["cut.bvh", "cut.npz", "cut.glb", "other.npz"]
    (folder / "run.js").write_text(RUN % script(FORMATS))
    subprocess.run([NODE, str(folder / "run.js"), str(folder), *names], check=True, timeout=60)
    return folder, json.loads((folder / "told.json").read_text())


def moving_camera():
    turn = matrix_from_axis_angle(np.linspace(0, 0.5, 40)[:, None] * np.array([0.2, 1.0, 0.1]))
    return Camera(
        turn @ np.diag([1.0, -1, -1]), np.stack([np.linspace(0, 1, 40), np.full(40, 1.2), np.full(40, 4.0)], -1)
    )


# A z-up skeleton of another kind, in inches: hips, a spine and two bones, with another channel order.
MOCAP = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 36
 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
 JOINT Chest
 {
  OFFSET 0 0 20
  CHANNELS 3 Xrotation Zrotation Yrotation
  JOINT Head
  {
   OFFSET 0 0 9
   CHANNELS 3 Zrotation Yrotation Xrotation
   End Site
   {
    OFFSET 0 0 4
   }
  }
 }
 JOINT Leg
 {
  OFFSET 4 0 -32
  End Site
  {
   OFFSET 0 0 -2
  }
 }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 0 36 0 0 0 0 0 0 0 0 0
10 0 36 90 0 0 0 0 0 0 0 0
"""


def test_saved_npz_is_the_motion(files, motion, sources):
    folder, _ = files
    saved, given = load_npz_with_sources(folder / "saved.npz")
    assert (saved.frames, saved.fps, saved.camera) == (40, 24.0, None)
    assert np.abs(saved.joints_world() - motion.joints_world()).max() < STORED
    np.testing.assert_allclose(saved.rotations, motion.rotations, atol=2e-4)
    np.testing.assert_allclose(saved.contacts, motion.contacts, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(saved.betas, motion.betas, atol=1e-6)
    camera = moving_camera().to_camera(motion.joints_world())
    assert np.abs(saved.joints_camera - camera).max() < 2e-3  # 16 bits of its turn, at 4 m
    ours = motion_arrays(motion, sources)
    with np.load(folder / "saved.npz") as stored:
        missing = {"smplx_betas", "smplx_rest"}
        assert set(stored) == set(ours) - missing
        for name in stored:
            assert (stored[name].shape, stored[name].dtype) == (ours[name].shape, ours[name].dtype), name
        np.testing.assert_allclose(stored["poses"], ours["poses"], atol=3e-4)
        np.testing.assert_allclose(stored["trans"], ours["trans"], atol=1e-6)
    assert given.texts == sources.texts
    assert given.features == sources.features
    np.testing.assert_allclose(given.views[0].points, sources.views[0].points, rtol=1e-6)
    np.testing.assert_allclose(given.views[0].intrinsics, sources.views[0].intrinsics)
    np.testing.assert_array_equal(given.place_positions, sources.place_positions)
    np.testing.assert_array_equal(given.beats, sources.beats)


def test_saved_bvh_is_the_motion(files, motion):
    folder, _ = files
    saved, ours = read_bvh(folder / "saved.bvh"), to_bvh(motion).decode().splitlines()
    text = (folder / "saved.bvh").read_text().splitlines()
    start = ours.index("MOTION")
    for got, expected in zip(text[:start], ours[:start], strict=True):  # the same skeleton, to the rounding of the page
        assert got.split()[:1] == expected.split()[:1]
    assert saved.names == tuple(line.split()[1] for line in ours if line.strip().startswith(("ROOT", "JOINT")))
    order = [saved.names.index(name) for name in JOINTS]
    assert np.abs(saved.kinematics()[1][:, order] / 100 - motion.joints_world()).max() < STORED
    assert np.abs(read_bvh_motion(folder / "saved.bvh").joints_world() - motion.joints_world()).max() < STORED
    assert read_bvh_motion(folder / "saved.bvh").fps == 24


def glb_joints(path):
    """World places [frames, 24, 3] of a .glb's animation, its times, and the file."""
    gltf = read_gltf(path)
    animation, nodes = gltf.json["animations"][0], gltf.json["nodes"]
    assert animation["name"] == "motion"
    tracks = {
        (c["target"]["node"], c["target"]["path"]): animation["samplers"][c["sampler"]] for c in animation["channels"]
    }
    quaternions = np.stack([gltf.array(tracks[j, "rotation"]["output"]) for j in range(JOINT_COUNT)], axis=1)
    times = gltf.array(tracks[0, "translation"]["input"])[:, 0]
    offsets = np.asarray([node["translation"] for node in nodes[:JOINT_COUNT]])
    offsets[0] = 0
    rotations = matrix_from_quaternion(quaternions[..., [3, 0, 1, 2]].astype(np.float64))
    path = gltf.array(tracks[0, "translation"]["output"]).astype(np.float64)
    return forward_kinematics(rotations, path, offsets)[1], times, gltf


def test_saved_glb_is_the_motion_and_its_body(files, motion):
    folder, _ = files
    joints, times, gltf = glb_joints(folder / "saved.glb")
    assert np.abs(joints - motion.joints_world()).max() < STORED
    np.testing.assert_allclose(times, np.arange(40) / 24, atol=1e-6)
    assert [node["name"] for node in gltf.json["nodes"][:JOINT_COUNT]] == list(JOINTS)
    attributes = gltf.json["meshes"][0]["primitives"][0]["attributes"]
    mesh = body_mesh(motion.rest_offsets)
    points = gltf.array(attributes["POSITION"])
    assert np.abs(points - points.min(axis=0) - (mesh.vertices - mesh.vertices.min(axis=0))).max() < 1e-4
    assert abs(points[:, 1].min()) < 1e-4
    np.testing.assert_allclose(gltf.array(attributes["WEIGHTS_0"]).sum(axis=1), 1, atol=1e-5)
    inverse = gltf.array(gltf.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4)
    ours = glb_joints(folder / "again.glb")[2]
    np.testing.assert_allclose(
        inverse, ours.array(ours.json["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4), atol=2e-3
    )


@pytest.mark.parametrize(
    "name", ["saved.npz", "saved.bvh", "saved.glb", "again.npz", "packed.npz", "again.bvh", "again.glb"]
)
def test_opened_files_are_the_motion(files, motion, name):
    _, told = files
    opened = told[name]
    assert "error" not in opened
    assert (opened["frames"], opened["fps"], opened["ours"]) == (40, pytest.approx(24, abs=1e-3), True)
    assert opened["joints"] == list(JOINTS)
    placed = np.reshape(opened["placed"], (40, JOINT_COUNT, 3))
    assert np.abs(placed - motion.joints_world()).max() < STORED
    mesh = body_mesh(motion.rest_offsets)
    assert opened["faces"] == mesh.faces.size  # its own body, or the page's, which is of the same person
    if "again.npz" in name:
        assert [text[0] for text in opened["given"]["texts"]] == ["wälk & stop", "then"]
        assert opened["given"]["places"] == [[9, 22, 1, None, -2]]
        assert not opened["camera"]["known"]
        positions = np.reshape(opened["camera"]["positions"], (40, 3))
        np.testing.assert_allclose(positions, moving_camera().position, atol=1e-4)


def test_an_opened_npz_is_saved_as_it_was(files):
    folder, _ = files
    assert (folder / "out_again.npz").read_bytes() == (folder / "again.npz").read_bytes()


def test_a_stretched_mannequin_is_the_person_that_python_makes(files, motion):
    """A .bvh has no body: the page's is stretched onto its bones.  Here both are of one person: nothing moves."""
    _, told = files
    vertices = np.reshape(told["again.bvh"]["vertices"], (-1, 3))
    assert np.abs(vertices - body_mesh(motion.rest_offsets).vertices).max() < 1e-4


def test_other_skeletons_stand_upright_in_metres(files):
    _, told = files
    opened = told["mocap.bvh"]
    assert "error" not in opened
    assert not opened["ours"]
    assert opened["fps"] == 30
    placed = np.reshape(opened["placed"], (2, 4, 3)) / 0.0254
    np.testing.assert_allclose(placed[0], [[0, 36, 0], [0, 56, 0], [0, 65, 0], [4, 4, 0]], atol=1e-4)
    np.testing.assert_allclose(placed[1], [[10, 36, 0], [10, 56, 0], [10, 65, 0], [10, 4, -4]], atol=1e-4)
    assert opened["faces"] == 3 * 8 * 3


@pytest.mark.parametrize(
    ("name", "words"),
    [("cut.bvh", "numbers"), ("cut.npz", "no directory"), ("cut.glb", "cut chunk"), ("other.npz", "no rotations")],
)
def test_what_cannot_be_opened_is_told(files, name, words):
    _, told = files
    assert words in told[name]["error"]
    assert "wanted" in told[name]["error"]
