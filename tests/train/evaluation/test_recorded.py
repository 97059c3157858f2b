"""`genmo-eval --recorded`: what a recording's own camera saw is what the runtime is given, and what is told of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from genmo.runtime import MotionModel
from genmo.runtime.motion.skeleton import forward_kinematics
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.clips import Clip
from genmo.train.datasets.read import read_clips
from genmo.train.datasets.store import Recording, write_store
from genmo.train.evaluation.__main__ import main
from genmo.train.evaluation.recorded import recorded_estimate, recordings, report, seen_keypoints
from genmo.train.evaluation.simulated import estimates
from genmo.train.geometry.mesh import Mesh
from genmo.train.metrics.paper_tables import estimation_row
from genmo.train.tools.simulate_keypoints import film, keypoint_arrays


@pytest.fixture(scope="module")
def model(tiny_engine):
    return MotionModel.load(tiny_engine, threads=1)


@pytest.fixture(scope="module")
def clips(motion_set):
    """Clips as a data set with cameras would hold them: filmed by simulated ones, the pixels written down."""
    return [filmed(clip, seed) for seed, clip in enumerate(read_clips(motion_set))]


def filmed(clip, seed, **changes):
    cameras, camera = film(clip, seed)
    arrays = keypoint_arrays(clip, cameras, camera, 0.0, 0.0, seed)
    parts = {name: getattr(clip, name) for name in Clip.__dataclass_fields__}
    width, height = arrays["image_size"]
    found = Recording(
        **parts,
        keypoints=arrays["keypoints"],
        camera=camera,
        intrinsics=arrays["intrinsics"],
        image_size=(int(width), int(height)),
    )
    return replace(found, **changes)


def test_it_is_what_simulated_cameras_give(model, clips):
    """The same pixels, lens and camera by the way of `estimates`, which a user's keypoint file goes."""
    plain = [Clip(**{name: getattr(clip, name) for name in Clip.__dataclass_fields__}) for clip in clips]
    for clip, wanted in zip(clips, estimates(model, plain), strict=True):
        found = recorded_estimate(model, clip)
        for name in ("camera", "true_camera", "world", "true_world"):
            np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), atol=1e-6, err_msg=name)


def test_without_keypoints_they_are_where_the_bodys_are(clips):
    for clip in clips:
        points = seen_keypoints(replace(clip, keypoints=None)).points
        seen = (points[..., 2] > 0) & (clip.keypoints[..., 2] > 0)
        assert seen.any()
        np.testing.assert_allclose(points[seen], clip.keypoints[seen], atol=1e-2)
        np.testing.assert_array_equal(points[..., 2] > 0, clip.keypoints[..., 2] > 0)


def test_local_truth_is_not_measured_in_the_world(model, clips):
    local = recorded_estimate(model, replace(clips[0], truth="local"))
    assert local.world is None and local.true_world is None
    assert set(estimation_row([local])) == {"PA-MPJPE", "MPJPE", "Accel"}


def test_vertices_at_the_joints_have_the_joints_error(model, clips):
    mesh = Mesh(torch.zeros(24, 24, 3), torch.eye(24))
    for truth in ("world", "local"):
        one = recorded_estimate(model, replace(clips[1], truth=truth), mesh)
        np.testing.assert_allclose(one.vertices - one.vertices[:, :1], one.camera - one.camera[:, :1], atol=1e-4)
        row = estimation_row([one])
        assert row["PVE"].value == pytest.approx(row["MPJPE"].value, abs=0.05)
    turned, joints = forward_kinematics(clips[1].rotations, clips[1].translation, clips[1].offsets)
    np.testing.assert_allclose(one.true_vertices, clips[1].camera.to_camera(joints), atol=1e-5)


def test_only_good_frames_of_clips_with_a_camera_are_measured(clips):
    good = np.ones(clips[0].frames, bool)
    good[35:45] = False
    good[80:] = False
    found = recordings(
        [replace(clips[0], valid=good), replace(clips[1], camera=None), replace(clips[2], truth="keypoints")]
    )
    assert [clip.frames for clip in found] == [35, 35]
    with pytest.raises(InputError, match="no clip of these subjects has a camera of its own"):
        recordings([replace(clips[0], camera=None)])


def test_rows_are_sets_and_kinds_of_cameras(model, clips):
    still = replace(clips[0], camera=replace_camera(clips[0]))
    rows = report(model, [still, *clips[1:]])["recorded"]
    name = clips[0].name.split("/")[0]
    assert list(rows)[0] == name and set(rows) <= {name, f"{name}, static camera", f"{name}, moving camera"}
    alone = report(model, [still])["recorded"]
    assert list(alone) == [name]  # one kind of camera is no row of its own


def replace_camera(clip):
    first = clip.camera
    return type(first)(np.repeat(first.rotation[:1], clip.frames, 0), np.repeat(first.position[:1], clip.frames, 0))


def test_the_command(tiny_engine, clips, tmp_path, capsys):
    write_store(
        [replace(c, name=c.name.split("/")[1], subject=c.subject.split("/")[1]) for c in clips],
        tmp_path / "emdb",
        kind="test",
        licence="none",
    )
    arguments = ["--engine", str(tiny_engine), "--data", str(tmp_path / "emdb"), "--subjects", "emdb/01", "--recorded"]
    assert main([*arguments, "--json", "--out", str(tmp_path / "table.md")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["clips"] == 3 and {"PA-MPJPE", "W-MPJPE100", "RTE"} & set(result["recorded"]["emdb"])
    table = (tmp_path / "table.md").read_text()
    assert "own cameras saw, 3 clips" in table and "| emdb |" in table
    assert main([*arguments[:-1], "--body", "smpl.npz"]) == 2
    assert "--body without --recorded" in capsys.readouterr().err
    assert main([*arguments, "--body", str(tmp_path / "smpl.npz")]) == 2
    assert "smpl.npz: no such file" in capsys.readouterr().err
