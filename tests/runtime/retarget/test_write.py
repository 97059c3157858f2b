"""Files of a character: what was in the .glb stays byte for byte, .bvh and .usd hold the same joints."""

import json
import struct

import numpy as np
import pytest

from genmo.runtime.cli.retarget import main
from genmo.runtime.formats import read_bvh, save_motion
from genmo.runtime.retarget import read_character, retarget, save_performance
from genmo.runtime.retarget.write import metres, to_bvh, to_glb
from genmo.runtime.support.errors import InputError


def chunks(data):
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def test_the_users_file_stays(rig_file, random_motion):
    before, old = chunks(rig_file.read_bytes())
    character = read_character(rig_file)
    written = to_glb(retarget(random_motion(7), character))
    after, new = chunks(written)
    assert new[: len(old)] == old
    assert len(after["animations"]) == 1
    for key in before.keys() - {"accessors", "bufferViews", "buffers"}:
        assert after[key] == before[key], key
    for key in ("accessors", "bufferViews"):
        assert after[key][: len(before[key])] == before[key]
    assert after["buffers"] == [{"byteLength": len(new)}]
    assert struct.unpack_from("<I", written, 8)[0] == len(written)
    assert written == to_glb(retarget(random_motion(7), character))


def test_animations_that_were_there_follow(tmp_path, rig_file, random_motion):
    path = tmp_path / "first.glb"
    path.write_bytes(to_glb(retarget(random_motion(7), read_character(rig_file)), "old"))
    document, _ = chunks(to_glb(retarget(random_motion(4), read_character(path)), "new"))
    assert [animation["name"] for animation in document["animations"]] == ["new", "old"]


def test_bvh_of_a_glb_has_the_same_joints(rig_file, tmp_path, random_motion):
    performance = retarget(random_motion(9), read_character(rig_file))
    path = tmp_path / "hero.bvh"
    save_performance(path, performance)
    bvh = read_bvh(path)
    _, positions = bvh.kinematics()
    rig, frame = performance.character.rig, performance.character.frame
    for number, name in enumerate(bvh.names):
        theirs = 100 * metres(performance) * performance.world()[1][:, rig.names.index(name)] @ frame.T
        np.testing.assert_allclose(positions[:, number], theirs, atol=2e-5)  # centimetres


def test_a_bvh_character_keeps_its_hierarchy(tmp_path, random_motion):
    save_motion(tmp_path / "hero.bvh", random_motion(3))
    performance = retarget(random_motion(6, seed=2), read_character(tmp_path / "hero.bvh"))
    (tmp_path / "out.bvh").write_bytes(to_bvh(performance))
    first, second = ((tmp_path / name).read_text().split("MOTION")[0] for name in ("hero.bvh", "out.bvh"))
    assert first == second
    _, positions = read_bvh(tmp_path / "out.bvh").kinematics()
    np.testing.assert_allclose(positions, performance.world()[1], atol=2e-5)


@pytest.mark.parametrize("order", ["XYZ", "YZX", "ZXY", "XZY", "YXZ", "ZYX"])
def test_any_order_of_channels(tmp_path, random_motion, order):
    save_motion(tmp_path / "zxy.bvh", random_motion(3))
    text = (tmp_path / "zxy.bvh").read_text()
    words = " ".join(f"{axis}rotation" for axis in order)
    (tmp_path / "hero.bvh").write_text(text.replace("Zrotation Xrotation Yrotation", words))
    performance = retarget(random_motion(6, seed=2), read_character(tmp_path / "hero.bvh"))
    save_performance(tmp_path / "out.bvh", performance)
    bvh = read_bvh(tmp_path / "out.bvh")
    assert bvh.channels[1] == tuple(f"{axis}rotation" for axis in order)
    np.testing.assert_allclose(bvh.kinematics()[1], performance.world()[1], atol=2e-5)


def test_a_root_that_carries_the_way(tmp_path, random_motion):
    """Position channels only on the joint over the hips."""
    save_motion(tmp_path / "own.bvh", random_motion(3))
    body = (tmp_path / "own.bvh").read_text().replace("\tCHANNELS 6 Xposition Yposition Zposition ", "\tCHANNELS 3 ", 1)
    hierarchy = body.split("MOTION")[0].replace("HIERARCHY\nROOT pelvis", "JOINT pelvis")
    above = "HIERARCHY\nROOT reference\n{\nOFFSET 1 2 3\nCHANNELS 6 Xposition Yposition Zposition " + (
        "Zrotation Xrotation Yrotation\n"
    )
    row = " ".join(["0"] * (6 + 72))
    (tmp_path / "hero.bvh").write_text(f"{above}{hierarchy}}}\nMOTION\nFrames: 1\nFrame Time: 0.04\n{row}\n")
    performance = retarget(random_motion(6), read_character(tmp_path / "hero.bvh"))
    save_performance(tmp_path / "out.bvh", performance)
    positions = read_bvh(tmp_path / "out.bvh").kinematics()[1]
    np.testing.assert_allclose(positions[:, 1:], performance.world()[1][:, 1:], atol=2e-5)


@pytest.mark.parametrize("suffix", [".usd", ".usda", ".usdz"])
def test_usd_has_the_same_joints(rig_file, tmp_path, random_motion, suffix):
    pytest.importorskip("pxr", reason="pip install usd-core")
    from pxr import Usd, UsdGeom, UsdSkel

    performance = retarget(random_motion(5), read_character(rig_file))
    path = tmp_path / f"hero{suffix}"
    save_performance(path, performance)
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1
    skeleton = next(UsdSkel.Skeleton(prim) for prim in stage.Traverse() if prim.IsA(UsdSkel.Skeleton))
    cache = UsdSkel.Cache()
    cache.Populate(UsdSkel.Root(stage.GetDefaultPrim()), Usd.PrimDefaultPredicate)
    query = cache.GetSkelQuery(skeleton)
    rig, frame = performance.character.rig, performance.character.frame
    places = metres(performance) * performance.world()[1] @ frame.T
    names = [rig.names[node].replace(":", "_") for node in range(len(rig.names))]
    for time in range(5):
        transforms = query.ComputeJointSkelTransforms(Usd.TimeCode(time))
        for token, transform in zip(query.GetJointOrder(), transforms, strict=True):
            node = names.index(token.split("/")[-1])
            np.testing.assert_allclose(np.array(transform)[3, :3], places[time, node], atol=2e-6)


def test_the_command_writes_every_format(tmp_path, mixamo_file, random_motion, capsys):
    pytest.importorskip("pxr", reason="pip install usd-core")
    save_motion(tmp_path / "walk.npz", random_motion(31))
    outs = [str(tmp_path / f"out{suffix}") for suffix in (".glb", ".bvh", ".usda")]
    options = [option for out in outs for option in ("--out", out)]
    arguments = [str(tmp_path / "walk.npz"), "--character", str(mixamo_file), *options, "--out-fps", "24", "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {"frames": 25, "fps": 24.0, "names": "Mixamo, CMU or LaFAN1", "outputs": outs}
    assert read_bvh(outs[1]).frames == 25
    # and on from the .bvh of that character, which is a motion as good as any
    again = [outs[1], "--character", str(mixamo_file), "--out", str(tmp_path / "again.bvh")]
    assert main(again) == 0
    first, second = (read_bvh(tmp_path / name).kinematics()[1] for name in ("out.bvh", "again.bvh"))
    arm = read_bvh(outs[1]).names.index("mixamorig:LeftHand")
    up = read_bvh(outs[1]).names.index("mixamorig:LeftForeArm")
    directions = [places[:, arm] - places[:, up] for places in (first, second)]
    cosine = np.prod([np.linalg.norm(d, axis=-1) for d in directions], axis=0)
    assert ((directions[0] * directions[1]).sum(axis=-1) / cosine).min() > np.cos(np.radians(1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"--out": "walk.html"}, "wanted one of .bvh .glb .usd"),
        ({"--out": "no/walk.glb"}, "there is no folder"),
        ({"--character": "hero.fbx"}, "wanted a character as .bvh .glb .gltf .vrm"),
        ({"--character": "none.glb"}, "no such file"),
        ({"--out-fps": "0"}, "--out-fps is 0"),
        ({"--out-fps": "nan"}, "--out-fps is nan"),
        ({"--character-map": "none.yaml"}, "no such file"),
        ({"motion": "walk.fbx"}, "wanted a motion as .npz, .npy or .bvh"),
        ({"motion": "none.npz"}, "no such file"),
        ({"--character": "own.bvh"}, "has no mesh to put in a .glb"),
    ],
)
def test_bad_input_is_one_line(tmp_path, mixamo_file, random_motion, capsys, monkeypatch, change, words):
    monkeypatch.chdir(tmp_path)
    save_motion("walk.npz", random_motion(3))
    save_motion("own.bvh", random_motion(3))
    files = set(tmp_path.iterdir())
    options = {"motion": "walk.npz", "--character": str(mixamo_file), "--out": "walk.glb"} | change
    arguments = [options.pop("motion"), *(word for pair in options.items() for word in pair)]
    assert main(arguments) == 2
    line = capsys.readouterr().err
    assert line.startswith("genmo-retarget: error: ") and line.count("\n") == 1
    assert words in line
    assert set(tmp_path.iterdir()) == files


def test_another_suffix(mixamo_file, tmp_path, random_motion):
    with pytest.raises(InputError, match="wanted one of"):
        save_performance(tmp_path / "walk.fbx", retarget(random_motion(2), read_character(mixamo_file)))


def test_genmo_run_plays_the_character(tmp_path, mixamo_file, capsys):
    """The whole way: a text, the shipped engine, the character's file and genmo's own beside it."""
    pytest.importorskip("onnxruntime", reason="pip install onnxruntime")
    from genmo.runtime.cli.run import main as run

    outs = [str(tmp_path / name) for name in ("walk.glb", "walk.npz", "walk.bvh")]
    options = [option for out in outs for option in ("--out", out)]
    options += ["--character", str(mixamo_file), "--out-fps", "25", "--json"]
    assert run(["--text", "a person walks forward", "--seconds", "1", "--steps", "1", *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["fps"], report["outputs"]) == (25, 25.0, outs)
    document, _ = chunks((tmp_path / "walk.glb").read_bytes())
    assert document["materials"][0]["name"] == "cloth"
    assert read_bvh(outs[2]).names[0] == "mixamorig:Hips"
    assert run(["--text", "x", "--character-map", "m.yaml", "--out", outs[0]]) == 2
    assert run(["--text", "x", "--character", str(mixamo_file), "--out", outs[1]]) == 2
    assert "--character is written to none of" in capsys.readouterr().err


def test_a_skeleton_without_end(tmp_path, random_motion):
    deep = "".join(f"JOINT j{k}\n{{\nOFFSET 0 1 0\nCHANNELS 0\n" for k in range(300)) + "}\n" * 300
    text = f"HIERARCHY\nROOT hips\n{{\nOFFSET 0 0 0\nCHANNELS 0\n{deep}}}\nMOTION\nFrames: 0\nFrame Time: 0.1\n"
    (tmp_path / "deep.bvh").write_text(text)
    with pytest.raises(InputError, match="301 bones hang one on another"):
        read_character(tmp_path / "deep.bvh")
