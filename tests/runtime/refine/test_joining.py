"""Motions joined: what is outside stays, momentum goes on, and the command writes it."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime import InputError, MotionModel, blend, load_motion, motion_from_file, save_motion
from genmo.runtime.cli.run import main
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.refine.joining import REACH, joined
from genmo.runtime.refine.transitions import AROUND
from tests.runtime.refine.walking import walker


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


@pytest.fixture(scope="module")
def walk():
    return walker(150)[0]


def elsewhere(motion):
    """The motion turned and moved, in the middle of a step."""
    return motion.moved(matrix_from_yaw(np.asarray(2.0)), np.array([3.0, 0.0, -1.0]))


def test_a_walk_blends_into_itself_as_if_it_went_on(walk):
    """The second half of a walk, moved away, comes back where it was: the blend finds the phase."""
    first, second = walk.cut(slice(0, 80)), elsewhere(walk.cut(slice(50, 150)))
    whole = blend(first, second, 0.4)
    start = 80 - 12
    offset = whole.frames - 150  # whole steps of the walk that were left out or not
    assert offset <= 0
    np.testing.assert_allclose(whole.translation[: start - REACH], first.translation[: start - REACH], atol=1e-9)
    speed = np.diff(whole.translation[:, [0, 2]], axis=0)
    np.testing.assert_allclose(speed[10:-1], np.tile([0.0, 0.02], (len(speed) - 11, 1)), atol=2.5e-3)
    joints = whole.joints_world()
    assert (
        np.linalg.norm(np.diff(joints, 2, axis=0), axis=-1).max()
        < 1.3 * np.linalg.norm(np.diff(walk.joints_world(), 2, axis=0), axis=-1).max()
    )


def test_what_is_outside_stays(walk):
    rough = replace(walk, translation=walk.translation + np.array([0.0, 0.01, 0.0]))
    whole = joined(walk.cut(slice(0, 60)), rough.cut(slice(60, 80)), walk.cut(slice(80, 150)))
    for part in (slice(0, 60 - REACH), slice(80 + REACH, 150)):
        np.testing.assert_allclose(whole.rotations[part], walk.rotations[part], atol=1e-9)
        np.testing.assert_allclose(whole.translation[part], walk.translation[part], atol=1e-9)


def test_between(model, walk):
    first, second = walk.cut(slice(0, 70)), elsewhere(walk.cut(slice(30, 100)))
    whole = model.between(first, second, 1.0)
    assert whole.frames == 70 + 30 + 70
    outside = 70 - REACH - AROUND
    np.testing.assert_allclose(whole.joints_world()[:outside], first.joints_world()[:outside], atol=1e-6)
    there = whole.translation[100] - whole.translation[69]  # 31 frames at the speed of both
    np.testing.assert_allclose(there[[0, 2]], [0.0, 31 * 0.02], atol=0.02)
    np.testing.assert_allclose(whole.rotations[-outside:, 1:], second.rotations[-outside:, 1:], atol=1e-9)
    stays = model.between(first, second, 1.0, move=False)
    np.testing.assert_allclose(stays.translation[-outside:], second.translation[-outside:], atol=1e-6)


def test_bodies_of_other_sizes(model, walk):
    tall = replace(walk, offsets=1.2 * walk.rest_offsets, translation=1.2 * walk.translation)
    whole = model.between(walk.cut(slice(0, 50)), tall.cut(slice(20, 70)), 0.5)
    np.testing.assert_allclose(whole.rest_offsets, walk.rest_offsets)
    np.testing.assert_allclose(whole.translation[-1, 1], walk.translation[69, 1], atol=1e-6)


def test_seconds_that_are_none(model, walk):
    for seconds in (0.0, 11.0, float("nan")):
        with pytest.raises(InputError, match=r"wanted 0.07 to 10"):
            model.between(walk, walk, seconds)
    with pytest.raises(InputError, match="wanted longer motions"):
        blend(walk.cut(slice(0, 5)), walk, 1.0)


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz"])
def test_motions_from_files(walk, tmp_path, suffix):
    save_motion(tmp_path / f"a{suffix}", walk)
    np.testing.assert_allclose(motion_from_file(tmp_path / f"a{suffix}").joints_world(), walk.joints_world(), atol=1e-3)


def test_the_command(tiny_engine, walk, tmp_path, capsys):
    save_motion(tmp_path / "a.bvh", walk.cut(slice(0, 40)))
    save_motion(tmp_path / "b.glb", walk.cut(slice(10, 60)), root_bone=True)
    both = ["--between", str(tmp_path / "a.bvh"), str(tmp_path / "b.glb")]
    options = ["--engine", str(tiny_engine), "--threads", "1", "--out", str(tmp_path / "c.npz")]
    assert main([*both, "--seconds", "0.5", *options]) == 0
    assert load_motion(tmp_path / "c.npz").frames == 40 + 15 + 50
    for wrong, message in (
        (["--frames", "30"], "--frames together with --between"),
        (["--samples", "2"], "--samples with --between"),
        (["--text", "a", "--text", "b"], "2 texts with --between"),
    ):
        assert main([*both, *wrong, *options]) == 2
        assert message in capsys.readouterr().err
