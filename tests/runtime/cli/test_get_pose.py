"""genmo-get-pose from the command line, and what `genmo-run` says about videos without it."""

import pytest

from genmo.runtime.cli import get_pose, run
from genmo.runtime.video import blazepose_files as files


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def command(main, capsys, *arguments):
    """Exit status, stdout, stderr."""
    try:
        status = main(list(arguments))
    except SystemExit as stop:
        status = stop.code
    return status, *capsys.readouterr()


def test_the_help_says_what_is_taken(capsys):
    status, printed, _ = command(get_pose.main, capsys, "--help")
    text = " ".join(printed.split())
    assert status == 0
    for said in (
        "Apache-2.0",
        "mediapipe 0.10.21",
        "@mediapipe/pose",
        "pip",
        "npm",
        "genmo-run --video",
        "not installed",
    ):
        assert said in text


def test_paths_are_printed_and_steps_are_said(monkeypatch, capsys, tmp_path):
    asked = []

    def install(models, archives, say):
        asked.append((models, archives))
        say("fetching")
        return [tmp_path / "a.onnx"]

    monkeypatch.setattr(files, "install", install)
    assert command(get_pose.main, capsys) == (0, f"{tmp_path / 'a.onnx'}\n", "genmo-get-pose: fetching\n")
    command(get_pose.main, capsys, "heavy", "full", "heavy", "--from", "x.whl")
    assert asked[0] == (("full",), ()) and asked[1][0] == ("heavy", "full") and str(asked[1][1][0]) == "x.whl"


def test_bad_input_is_one_line(capsys, tmp_path):
    status, printed, said = command(get_pose.main, capsys, "huge")
    assert (status, printed) == (2, "") and "'huge' is no network; wanted full, heavy, lite" in said
    status, printed, said = command(get_pose.main, capsys, "--from", str(tmp_path / "x.zip"))
    assert status == 2 and said.startswith("genmo-get-pose: error: ") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "no pose network is installed"),
        (["--pose", "heavy"], "run once: genmo-get-pose heavy "),
        (["--detector", "d.onnx"], "--detector d.onnx without --pose FILE.onnx"),
    ],
)
def test_a_video_without_networks_says_what_to_run(capsys, tmp_path, options, message):
    status, _, said = command(run.main, capsys, "--video", "me.mp4", *options, "--out", str(tmp_path / "me.glb"))
    assert status == 2 and message in said and said.count("\n") == 1
    assert not (tmp_path / "me.glb").exists()


def test_a_video_is_no_keypoint_file(capsys, tmp_path):
    status, _, said = command(run.main, capsys, "--keypoints", "clip.MP4", "--out", str(tmp_path / "me.glb"))
    assert status == 2 and "clip.MP4: a video; wanted keypoints" in said and "use --video clip.MP4" in said
