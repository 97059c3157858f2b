"""`genmo-prepare`: folders become folders, errors are one line."""

import numpy as np
import pytest

from genmo.runtime.formats import to_bvh
from genmo.runtime.motion.motion import Motion
from genmo.train.datasets import prepare
from genmo.train.datasets.read import read_clips
from genmo.train.datasets.store import read_store
from tests.train.made_motions import arm, made


def run(capsys, *arguments):
    code = prepare.main([str(a) for a in arguments])
    return code, *capsys.readouterr()


def test_a_motion_set_is_prepared_and_checked(tmp_path, capsys, motion_set):
    out = tmp_path / "clips"
    code, said, wrong = run(capsys, "thirty", motion_set, "--out", out)
    assert (code, wrong) == (0, "") and "6 clips, 0.3 minutes, 6 with captions" in said
    for want, got in zip(read_clips(motion_set), read_store(out), strict=True):
        assert got.name == want.name.replace("made30", "clips") and got.captions == want.captions
        np.testing.assert_array_equal(got.rotations, want.rotations)
        np.testing.assert_array_equal(got.translation, want.translation)
    assert run(capsys, "check", out)[:2] == (0, f"{out}: 6 clips, all checksums right\n")
    with open(out / "rotations.npy", "r+b") as file:
        file.seek(5000)
        file.write(b"\x01\x02\x03")
    code, said, wrong = run(capsys, "check", out)
    assert code == 2 and said == "" and wrong.count("\n") == 1 and "checksum" in wrong


def test_a_folder_of_bvh_with_options(tmp_path, capsys, random_motion):
    source = tmp_path / "bvh"
    source.mkdir()
    motion = random_motion(20, 0)
    (source / "walk.bvh").write_bytes(to_bvh(motion))
    (source / "walk.txt").write_text("a person walks\n")
    code, said, _ = run(capsys, "bvh", source, "--out", tmp_path / "a")
    assert code == 0 and "1 clips" in said and "1 with captions" in said
    np.testing.assert_allclose(read_store(tmp_path / "a")[0].rotations, motion.rotations, atol=1e-6)
    code, said, _ = run(capsys, "bvh", source, "--out", tmp_path / "b", "--scale", 0.02, "--up", "y", "--floor")
    assert code == 0 and "off y = 0" not in said
    np.testing.assert_allclose(read_store(tmp_path / "b")[0].offsets, 2 * motion.rest_offsets, atol=1e-6)


def test_measured_captions_are_a_readable_table(tmp_path, capsys):
    source = tmp_path / "bvh"
    source.mkdir()
    for name, clip in {"a": made(speed=0.6, turn=90), "b": made(100, pose=arm("right", 170))}.items():
        motion = Motion(clip.rotations, clip.translation, offsets=clip.offsets)
        (source / f"{name}.bvh").write_bytes(to_bvh(motion))
    (source / "b.txt").write_text("a person greets\n")
    code, said, wrong = run(capsys, "bvh", source, "--out", tmp_path / "out", "--measure-captions")
    assert (code, wrong) == (0, "") and "4 windows, 4 with a sentence" in said
    head, *rows = [line.split("\t") for line in (tmp_path / "out" / "measured_captions.tsv").read_text().splitlines()]
    rows = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["clip"] for row in rows] == ["a", "b", "b", "b"]
    assert float(rows[0]["speed_m_s"]) == pytest.approx(0.6, abs=0.03) and abs(int(rows[0]["turn_deg"]) - 90) < 10
    assert "turn_left_90" in rows[0]["tags"] and "arm_up_right" in rows[1]["tags"]
    first, second = read_store(tmp_path / "out")
    # a clip that had a caption keeps it, the other one is told by measurement
    assert first.captions and all("left" in caption for caption in first.captions)
    assert second.captions == ("a person greets",)
    assert run(capsys, "check", tmp_path / "out")[0] == 0


def test_a_floor_far_from_zero_is_told(tmp_path, capsys, random_motion):
    (tmp_path / "bvh").mkdir()
    high = random_motion(20, 0).moved(np.eye(3), np.array([0, 3.0, 0]))
    (tmp_path / "bvh" / "walk.bvh").write_bytes(to_bvh(high))
    said = run(capsys, "bvh", tmp_path / "bvh", "--out", tmp_path / "a")[1]
    assert "1 clips stand more than 0.15 m off y = 0, most of all walk" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bvh", "nowhere"], "nowhere: no such folder; wanted a folder of .bvh files"),
        (["bvh", "."], "no .bvh file in it"),
        (["amass", ".", "--body", "default"], "wanted DATASET/SUBJECT/NAME_poses.npz of AMASS"),
        (["amass", ".", "--body", "none.npz"], "--body none.npz: no such file or folder"),
        (["thirty", "."], "no index.json"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, said, wrong = run(capsys, *arguments, "--out", "out")
    assert code == 2 and said == "" and wrong.count("\n") == 1 and message in wrong
    assert list(tmp_path.iterdir()) == []


def test_missing_options_are_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        prepare.main(["amass", "x", "--out", "y"])
    assert stopped.value.code == 2 and "--body" in capsys.readouterr().err
