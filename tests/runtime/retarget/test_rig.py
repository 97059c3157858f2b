"""Reading characters: the pose the mesh was made in, what a stranger's file may hold, floors and frames."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmo.runtime.formats import save_motion
from genmo.runtime.formats.gltf import read_gltf
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion, quaternion_from_matrix
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
    for number, rig in enumerate((bones, other)):
        path = tmp_path / f"{number}.glb"
        path.write_bytes(make_glb(rig).bytes())
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
    from dataclasses import replace

    motion = random_motion(4)
    rotations = motion.rotations.copy()
    rotations[0] = np.eye(3)
    motion = replace(motion, rotations=rotations)
    save_motion(tmp_path / "own.bvh", motion)
    (tmp_path / "map.yaml").write_text("rest_frame: 0")
    told = read_character(tmp_path / "own.bvh", tmp_path / "map.yaml")
    plain = read_character(tmp_path / "own.bvh")
    np.testing.assert_allclose(told.rig.rotations, plain.rig.rotations, atol=1e-6)
    (tmp_path / "map.yaml").write_text("rest_frame: 4")
    with pytest.raises(InputError, match="frames 0 to 3"):
        read_character(tmp_path / "own.bvh", tmp_path / "map.yaml")


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
    with pytest.raises(InputError, match="cannot be read"):
        read_gltf(tmp_path / "none.glb")
