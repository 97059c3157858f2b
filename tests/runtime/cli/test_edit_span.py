"""A span of a motion made anew: what is kept, and what is no edit."""

import numpy as np
import pytest

from genmo.runtime.cli.edit_span import edited_motion
from genmo.runtime.cli.run import main
from genmo.runtime.formats import load_motion, save_motion
from genmo.runtime.motion.motion import Motion
from genmo.runtime.support.errors import InputError


@pytest.fixture(scope="module")
def files(tmp_path_factory, random_motion):
    """A motion of two seconds of the mean body, as .npz and as .bvh."""
    made = random_motion(60, 0)
    motion = Motion(made.rotations, made.translation)
    folder = tmp_path_factory.mktemp("edit")
    for suffix in ("npz", "bvh"):
        save_motion(folder / f"walk.{suffix}", motion)
    return motion, folder


@pytest.mark.parametrize("suffix", ["npz", "bvh"])
@pytest.mark.parametrize(("span", "start", "end"), [("0.5-1", 15, 30), ("0-1s", 0, 30), (".5s-", 15, 60)])
def test_everything_else_is_kept(files, suffix, span, start, end):
    motion, folder = files
    edited = edited_motion(f"{folder / f'walk.{suffix}'}:{span}")
    kept = np.r_[0:start, end:60]
    assert edited.frames == 60 and edited.keyframes.frames.tolist() == kept.tolist()
    assert np.abs(edited.keyframes.root - motion.translation[kept]).max() < 1e-4
    assert np.abs(edited.keyframes.rotations[:, :22] - motion.rotations[kept][:, :22]).max() < 1e-4


@pytest.mark.parametrize("span", ["2-1", "0-2", "1-9", "3-", "0-"])
def test_a_span_is_a_part_of_the_motion(files, span):
    with pytest.raises(InputError, match="no part of the motion, which has 2.00 s"):
        edited_motion(f"{files[1] / 'walk.npz'}:{span}")


@pytest.mark.parametrize("argument", ["walk.bvh", "walk.bvh:3", "walk.bvh:a-b", ":1-2"])
def test_what_is_no_edit_is_said(argument):
    with pytest.raises(InputError, match="wanted FILE:START-END in seconds"):
        edited_motion(argument)


def test_other_files_are_said(tmp_path):
    with pytest.raises(InputError, match="got the suffix '.fbx'"):
        edited_motion(f"{tmp_path}/walk.fbx:1-2")


def test_the_command_line(files, token_engine, tmp_path, capsys):
    """With an engine of tokens: kept frames to the last bit, others by another seed."""
    motion, folder = files
    command = ["--engine", str(token_engine), "--edit", f"{folder / 'walk.npz'}:0.5-1.5", "--threads", "1"]
    command += ["--text", "a person waves"]
    made = []
    for seed in (0, 1):
        out = tmp_path / f"{seed}.npz"
        assert main([*command, "--seed", str(seed), "--out", str(out)]) == 0
        made.append(load_motion(out))
    kept = np.r_[0:15, 45:60]
    for one in made:
        assert one.frames == 60 and np.abs(one.translation[kept] - motion.translation[kept]).max() < 1e-5
    assert np.abs(made[0].rotations[20:40] - made[1].rotations[20:40]).max() > 1e-3
    capsys.readouterr()
    assert main([*command, "--seconds", "4", "--out", str(tmp_path / "x.npz")]) == 2
    assert "--seconds together with --edit" in capsys.readouterr().err


def test_a_limb_is_made_anew_and_the_rest_stays(files, token_engine, tmp_path, capsys):
    motion, folder = files
    command = ["--engine", str(token_engine), "--threads", "1", "--text", "a person waves"]
    out = str(tmp_path / "arm.npz")
    edit = ["--edit", f"{folder / 'walk.npz'}:0.5-1.5", "--edit-parts", "left arm"]
    assert main([*command, *edit, "--out", out]) == 0
    made, own = load_motion(out), [13, 16, 18, 20]
    others = [joint for joint in range(22) if joint not in own]
    assert np.abs(made.rotations[:, others] - motion.rotations[:, others]).max() < 1e-4
    assert np.abs(made.translation - motion.translation).max() < 1e-4
    away = np.abs(made.rotations[:, own] - motion.rotations[:, own]).max(axis=(1, 2, 3))
    assert away[20:40].min() > 1e-3 and away[:15].max() < 1e-4 and away[45:].max() < 1e-4
    # a whole motion, by aliases; and a motion like it
    assert main([*command, "--edit", f"{folder / 'walk.npz'}:0-2", "--edit-parts", "upper,left_leg", "--out", out]) == 0
    assert main([*command, "--edit", f"{folder / 'walk.npz'}:0-2", "--vary", "0.3", "--out", out]) == 0
    assert load_motion(out).frames == 60
    capsys.readouterr()
    for options, said in (
        ([*edit[:3], "tail"], "wanted names, with commas between, of path, trunk"),
        (["--vary", "0.3"], "--vary without --edit"),
        ([*edit[:2], "--vary", "2"], "--vary is 2; wanted more than 0"),
    ):
        assert main([*command, *options, "--out", str(tmp_path / "x.npz")]) == 2
        assert said in capsys.readouterr().err and not (tmp_path / "x.npz").exists()
    assert main([*command[:2], "--prompts"]) == 2
    assert "has no list of prompts; wanted an engine of a checkpoint that has prompts.json" in capsys.readouterr().err
    assert main([*edit, "--threads", "1", "--out", str(tmp_path / "x.npz")]) == 2  # the engine that ships
    assert "which engines of motion tokens do" in capsys.readouterr().err
