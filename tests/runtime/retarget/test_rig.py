"""Reading characters: the pose the mesh was made in, what a stranger's file may hold, floors and frames."""

import base64
import copy
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmo.runtime.formats import read_bvh, save_motion
from genmo.runtime.formats.gltf import node_order, node_transform, read_gltf
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion, quaternion_from_matrix
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.retarget import read_character, retarget, save_performance
from genmo.runtime.retarget.rig import read_rig
from genmo.runtime.support.errors import InputError


def posed(document):
    """Every joint's node turned, as in a file that was saved in the middle of an animation."""
    rng = np.random.default_rng(3)
    for joint in document["skins"][0]["joints"]:
        node = document["nodes"][joint]
        turn = matrix_from_axis_angle(rng.normal(0, 0.2, 3))
        now = matrix_from_quaternion(np.roll(node["rotation"], 1)) @ turn
        node["rotation"] = np.roll(quaternion_from_matrix(now), -1).tolist()


def crouched(document):
    """Turned, and with the pelvis a quarter of a leg lower, as a saved frame of an animation has it."""
    posed(document)
    hips = next(node for node in document["nodes"] if node["name"] in ("pelvis", "mixamorig:Hips"))
    hips["translation"] = (0.75 * np.asarray(hips["translation"])).tolist()


def as_matrices(document):
    """Every joint's node stated as a matrix."""
    for joint in document["skins"][0]["joints"]:
        node = document["nodes"][joint]
        matrix = np.eye(4)
        matrix[:3, :3] = matrix_from_quaternion(np.roll(node.pop("rotation"), 1)) * node.pop("scale", [1, 1, 1])
        matrix[:3, 3] = node.pop("translation")
        node["matrix"] = matrix.T.reshape(-1).tolist()


def test_the_bind_pose_is_the_rest_pose(tmp_path, ue5_glb):
    straight, bent = tmp_path / "straight.glb", tmp_path / "bent.glb"
    straight.write_bytes(ue5_glb.bytes())
    bent.write_bytes(ue5_glb.bytes(posed))
    first, second = read_rig(straight), read_rig(bent)
    np.testing.assert_allclose(second.rest()[0], first.rest()[0], atol=1e-5)
    np.testing.assert_allclose(second.rest()[1], first.rest()[1], atol=1e-5)


@pytest.mark.parametrize("armature", ["at the origin", "elsewhere"])
@pytest.mark.parametrize("inverse", ["to the world", "to the armature"])
def test_the_bind_pose_has_places_too(tmp_path, ue5_glb, random_motion, armature, inverse):
    """A file saved in a crouch plays at the height of the one saved at rest: its mesh was made standing."""

    def moved(document):
        if armature == "elsewhere":
            document["nodes"][0]["translation"] = [0.0, 0.3, 0.0]

    def both(document):
        crouched(document)
        moved(document)

    straight, bent = tmp_path / "straight.glb", tmp_path / "bent.glb"
    ue5_glb = copy.deepcopy(ue5_glb)
    stored = np.frombuffer(
        ue5_glb.binary, "<f4", 16 * len(ue5_glb.joints), ue5_glb.views[ue5_glb.inverse]["byteOffset"]
    )
    matrices = stored.reshape(-1, 4, 4).swapaxes(1, 2)
    if inverse == "to the armature":
        matrices = matrices @ ue5_glb.world[0]
    elif armature == "elsewhere":
        shift = np.eye(4)
        shift[1, 3] = -0.3
        matrices = matrices @ shift
    data = matrices.swapaxes(1, 2).astype("<f4").tobytes()
    start = ue5_glb.views[ue5_glb.inverse]["byteOffset"]
    ue5_glb.binary[start : start + len(data)] = data
    straight.write_bytes(ue5_glb.bytes(moved))
    bent.write_bytes(ue5_glb.bytes(both))
    first, second = read_character(straight), read_character(bent)
    np.testing.assert_allclose(second.rig.rest()[1], first.rig.rest()[1], atol=1e-5)
    np.testing.assert_allclose([second.floor, *second.rig.lowest], [first.floor, *first.rig.lowest], atol=1e-5)
    performances = [retarget(random_motion(5), character) for character in (first, second)]
    np.testing.assert_allclose(performances[1].world()[1], performances[0].world()[1], atol=1e-5)
    save_performance(tmp_path / "played.glb", performances[1])
    np.testing.assert_allclose(first_frame(tmp_path / "played.glb"), performances[0].world()[1][0], atol=1e-4)


def first_frame(path):
    """Places of the nodes in the first frame of a file's first animation, by its own channels."""
    gltf = read_gltf(path)
    animation = gltf.json["animations"][0]
    for channel in animation["channels"]:
        value = gltf.array(animation["samplers"][channel["sampler"]]["output"])[0].tolist()
        gltf.json["nodes"][channel["target"]["node"]][channel["target"]["path"]] = value
    parents, order = node_order(gltf)
    world = {-1: np.eye(4)}
    for node in order:
        rotation, translation, scale = node_transform(gltf, gltf.json["nodes"][node])
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotation * scale, translation
        world[node] = world[parents[node]] @ local
    return np.array([world[node][:3, 3] for node in range(len(parents))])


def test_two_skins_that_count_from_other_meshes(tmp_path, ue5_glb):
    """Packers scale and shift each mesh and put the inverse into its bind matrices."""

    def second_skin(document):
        crouched(document)
        document["skins"].append({"joints": glb.joints[::-1], "inverseBindMatrices": other})

    glb = copy.deepcopy(ue5_glb)
    packed = np.diag([0.02, 0.02, 0.02, 1.0])
    packed[:3, 3] = 0.3, 0.7, -0.2
    matrices = np.stack([(np.linalg.inv(glb.world[joint]) @ packed).T.reshape(-1) for joint in glb.joints[::-1]])
    other = glb.array(matrices, "<f4", 5126, "MAT4")
    (tmp_path / "two.glb").write_bytes(glb.bytes(second_skin))
    (tmp_path / "one.glb").write_bytes(glb.bytes())
    first, second = (read_rig(tmp_path / name).rest()[1] for name in ("one.glb", "two.glb"))
    np.testing.assert_allclose(second, first, atol=1e-5)


def test_matrices_are_nodes_too(tmp_path, ue5_glb, random_motion):
    paths = tmp_path / "parts.glb", tmp_path / "matrices.glb"
    for path, change in zip(paths, (None, as_matrices), strict=True):
        path.write_bytes(ue5_glb.bytes(change))
    first, second = (retarget(random_motion(5), read_character(path)).world()[1] for path in paths)
    np.testing.assert_allclose(second, first, atol=1e-6)


def test_floor_and_frame(tmp_path, mixamo_file, ue5_glb):
    character = read_character(mixamo_file)
    np.testing.assert_array_equal(character.frame, np.eye(3))
    assert abs(character.floor) < 1  # centimetres
    assert character.leg == pytest.approx(87, abs=2)


@pytest.mark.parametrize("turn", [(0, np.pi, 0), (np.pi / 2, 0, 0), (0, 0.7, 0)], ids=["back", "z up", "aslant"])
def test_a_turned_character_plays_the_same(tmp_path, make_glb, person, random_motion, turn):
    rotation = matrix_from_axis_angle(np.asarray(turn))
    bones = person(person.MIXAMO)
    other = [(name, parent, rotation @ place) for name, parent, place in bones]
    places = []
    for number, rig in enumerate((make_glb(bones), make_glb(other, mesh_turn=rotation))):
        path = tmp_path / f"{number}.glb"
        path.write_bytes(rig.bytes())
        character = read_character(path)
        places.append(retarget(random_motion(20), character).world()[1] @ character.frame.T)
    np.testing.assert_allclose(places[1], places[0], atol=0.01)


def test_uneven_scale_is_refused(tmp_path, ue5_glb):
    def squash(document):
        document["nodes"][0]["scale"] = [0.01, 0.02, 0.01]

    path = tmp_path / "squashed.glb"
    path.write_bytes(ue5_glb.bytes(squash))
    with pytest.raises(InputError, match="'Armature' is scaled by 0.01, 0.02, 0.01"):
        read_character(path)


def test_a_bvh_that_does_not_stand(tmp_path, random_motion):
    save_motion(tmp_path / "own.bvh", random_motion(3))
    text = (tmp_path / "own.bvh").read_text().splitlines()
    flat = [f"{line.split('OFFSET')[0]}OFFSET 10 0 0" if "OFFSET" in line else line for line in text]
    (tmp_path / "flat.bvh").write_text("\n".join(flat))
    with pytest.raises(InputError, match="does not stand upright.*rest_frame"):
        read_character(tmp_path / "flat.bvh")


def test_a_rest_frame_of_a_bvh(tmp_path, random_motion):
    """With a frame as the rest pose, that very frame plays back as itself."""
    motion = random_motion(4)
    rotations = motion.rotations.copy()
    rotations[0] = np.eye(3)
    motion = replace(motion, rotations=rotations)
    save_motion(tmp_path / "own.bvh", motion)
    (tmp_path / "map.yaml").write_text("rest_frame: 0")
    character = read_character(tmp_path / "own.bvh", tmp_path / "map.yaml")
    plain = read_character(tmp_path / "own.bvh")
    np.testing.assert_allclose(character.rig.rotations, plain.rig.rotations, atol=1e-6)
    (tmp_path / "map.yaml").write_text("rest_frame: 4")
    with pytest.raises(InputError, match="frames 0 to 3"):
        read_character(tmp_path / "own.bvh", tmp_path / "map.yaml")


def test_a_rest_frame_has_the_roots_place(tmp_path, random_motion):
    """Rokoko's OFFSET is higher than where its performer stands in the first frame: the walk must not float by that."""
    motion = random_motion(4)
    rotations = motion.rotations.copy()
    rotations[0] = np.eye(3)
    ankle, toes = (motion.rest_offsets[[JOINTS.index(f"left_{j}") for j in joints], 1].sum()
                   for joints in (("hip", "knee", "ankle"), ("hip", "knee", "ankle", "foot")))  # fmt: skip
    translation = motion.translation.copy()
    translation[0] = 2.0, 0.02 - toes, 1.0
    save_motion(tmp_path / "hero.bvh", replace(motion, rotations=rotations, translation=translation))
    high = (
        (tmp_path / "hero.bvh")
        .read_text()
        .replace("OFFSET 0.000000 0.000000 0.000000", f"OFFSET 0 {100 * (0.1 - toes)} 0")
    )
    (tmp_path / "hero.bvh").write_text(high)
    (tmp_path / "map.yaml").write_text("rest_frame: 0")
    character = read_character(tmp_path / "hero.bvh", tmp_path / "map.yaml")
    left = character.bones.limbs["left_foot"]
    assert character.rest[1][left, 1] == pytest.approx(100 * (0.02 + ankle - toes), abs=1e-3)
    performance = retarget(random_motion(5), character)
    save_performance(tmp_path / "out.bvh", performance)
    np.testing.assert_allclose(read_bvh(tmp_path / "out.bvh").kinematics()[1], performance.world()[1], atol=1e-4)


@pytest.mark.parametrize(("tilt", "stands"), [(0.35, True), (0.6, False), (0.96, False)])
def test_a_tilted_rest_pose_does_not_stand(tmp_path, make_glb, person, tilt, stands):
    rotation = matrix_from_axis_angle(np.asarray([tilt, 0, 0]))
    bones = [(name, parent, rotation @ place) for name, parent, place in person(person.MIXAMO)]
    (tmp_path / "tilted.glb").write_bytes(make_glb(bones).bytes())
    if stands:
        read_character(tmp_path / "tilted.glb")
        return
    with pytest.raises(InputError, match="does not stand upright; wanted a T- or A-pose"):
        read_character(tmp_path / "tilted.glb")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["nodes"][2].update(children=[1]), "two parents"),
        (lambda d: d["nodes"][2].update(children=[999]), "no nodes"),
        (lambda d: d["nodes"][2].update(rotation=[0, 0, 0]), "is not 4 numbers"),
        (lambda d: d["nodes"][2].update(rotation=[0, 0, 0, 0]), "is zero"),
        (lambda d: d["skins"][0].update(joints=[-1]), "no nodes"),
        (lambda d: d["accessors"][-1].update(count=10**9), "beyond the file"),
        (lambda d: d["accessors"][-1].update(type="VEC9"), "not understood"),
        (lambda d: d["bufferViews"][-1].update(byteOffset=-4), "beyond the file"),
        (lambda d: d.update(nodes=3), "no list"),
        (lambda d: d["bufferViews"][-1].update(extensions={"EXT_meshopt_compression": {}}), "meshopt"),
    ],
)
def test_broken_files_are_one_line(tmp_path, ue5_glb, change, words):
    path = tmp_path / "bad.glb"
    path.write_bytes(ue5_glb.bytes(change))
    with pytest.raises(InputError, match="bad.glb") as caught:
        read_character(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def sound(request, tmp_path_factory):
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("rigs", Path(__file__).parent / "conftest.py")
    rigs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rigs)
    return rigs.ue5().bytes()


@settings(max_examples=100)
@given(data=st.data())
def test_mutated_files_are_input_errors_at_most(tmp_path_factory, sound, data):
    path = tmp_path_factory.getbasetemp() / "mutated.glb"
    content = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 9000))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content if data.draw(st.booleans()) else content[:cut])
    try:
        read_character(path)
    except InputError as error:
        assert "\n" not in str(error)


ODD = (
    None, True, -1, 0, 3, 10**12, 10**400, 1.5, -2.5e300, float("nan"), float("inf"), "x", [], [1], {}, {"a": 1}, [[]],
    [None, {}], [1e308] * 3, [0, 0, 0], [1e200, 0, 0, 0],
)  # fmt: skip


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_any_value_anywhere_is_an_input_error_at_most(tmp_path, sound, random_motion):
    """One value of the JSON at a time replaced by something else altogether; what is read can be written."""
    size, rng = struct.unpack_from("<I", sound, 12)[0], np.random.default_rng(0)
    path, motion = tmp_path / "odd.glb", random_motion(2)
    for _ in range(80):
        document = place = json.loads(sound[20 : 20 + size])
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = keys[rng.integers(len(keys))]
            if not (isinstance(place[key], dict | list) and place[key] and rng.integers(5)):
                break
            place = place[key]
        place[key] = ODD[rng.integers(len(ODD))]
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        length = len(text) + len(sound) - size
        path.write_bytes(struct.pack("<4sIIII", b"glTF", 2, length, len(text), 0x4E4F534A) + text + sound[20 + size :])
        try:
            save_performance(tmp_path / "out.glb", retarget(motion, read_character(path)))
        except InputError as error:
            assert "\n" not in str(error)


def test_not_a_glb(tmp_path):
    for name, content in (("a.glb", b"hello"), ("b.vrm", b""), ("c.fbx", b"Kaydara")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            read_rig(tmp_path / name)
    with pytest.raises(InputError, match="no such file; wanted a glTF 2.0 file"):
        read_gltf(tmp_path / "none.glb")


PIXEL = b"\x89PNG\r\n\x1a\n and so on"


def split_up(glb, folder, inline=False):
    """The file as .gltf: two buffers, an image and a picture in a sub-folder with a blank in its name."""
    data = glb.bytes()
    length = struct.unpack_from("<I", data, 12)[0]
    document, chunk = json.loads(data[20 : 20 + length]), data[28 + length :]
    middle = document["bufferViews"][1]["byteOffset"]
    for view in document["bufferViews"]:
        if view["byteOffset"] >= middle:
            view["buffer"], view["byteOffset"] = 1, view["byteOffset"] - middle
    (folder / "parts of it").mkdir(parents=True)
    document["buffers"] = []
    for number, part in enumerate((chunk[:middle], chunk[middle:])):
        (folder / "parts of it" / f"{number}.bin").write_bytes(part)
        inside = "data:application/octet-stream;base64," + base64.b64encode(part).decode()
        document["buffers"].append(
            {"uri": inside if inline else f"parts%20of%20it/{number}.bin", "byteLength": len(part)}
        )
    document["images"] = [{"uri": "skin.png"}]
    (folder / "skin.png").write_bytes(PIXEL)
    (folder / "hero.gltf").write_text(json.dumps(document))
    return folder / "hero.gltf", document


@pytest.mark.parametrize("inline", [False, True])
def test_a_gltf_with_its_parts_beside_it(tmp_path, ue5_glb, random_motion, inline):
    (tmp_path / "hero.glb").write_bytes(ue5_glb.bytes())
    path, _ = split_up(ue5_glb, tmp_path / "hero", inline)
    whole, parted = read_character(tmp_path / "hero.glb"), read_character(path)
    np.testing.assert_array_equal(parted.rig.rest()[1], whole.rig.rest()[1])
    assert parted.rig.lowest == whole.rig.lowest
    save_performance(tmp_path / "played.glb", retarget(random_motion(4), parted))
    played = read_gltf(tmp_path / "played.glb")
    assert "uri" not in json.dumps(played.json) and len(played.json["buffers"]) == 1
    view = played.json["bufferViews"][played.json["images"][0]["bufferView"]]
    assert played.binary[view["byteOffset"] :][: view["byteLength"]] == PIXEL
    np.testing.assert_allclose(read_character(tmp_path / "played.glb").rig.rest()[1], whole.rig.rest()[1], atol=1e-6)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("../secret.bin", "wanted a file beside it"),
        ("/etc/passwd", "wanted a file beside it"),
        ("%2e%2e/secret.bin", "wanted a file beside it"),
        ("file:///etc/passwd", "wanted a file beside it"),
        ("https://example.org/a.bin", "wanted a file beside it"),
        ("link.bin", "wanted a file beside it"),
        ("a%00b", "wanted a file beside it"),
        ("x" * 5000, "File name too long|wanted a file beside it"),
        ("none.bin", "no such file; wanted buffers"),
        (".", "not a file; wanted buffers"),
        ("data:;base64,%%%", "base64 of buffers.1. is not understood"),
        ("data:;base64,AAAA", "reaches beyond the file"),
        (7, "has no uri"),
        (None, "has no uri"),
    ],
)
def test_a_gltf_reads_its_own_folder_only(tmp_path, ue5_glb, uri, says):
    (tmp_path / "secret.bin").write_bytes(bytes(10**6))
    path, document = split_up(ue5_glb, tmp_path / "hero")
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    document["buffers"][1]["uri"] = uri
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=says) as caught:
        read_character(path)
    assert "\n" not in str(caught.value)
