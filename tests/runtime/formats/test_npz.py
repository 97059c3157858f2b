"""The motion .npz: the SMPL-X contract, a round trip that loses nothing, and errors for every broken file."""

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genmo.runtime.conditions.constraints import JointTargets, Keyframes
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.conditions.provenance import PREFIX, sources_of
from genmo.runtime.conditions.spans import FeatureSpan, KeypointSpan, Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.formats import load_motion, save_motion, to_npz
from genmo.runtime.formats.npz import CAMERA_DISTANCE, SMPLX_PELVIS, default_camera, load_npz_with_sources
from genmo.runtime.motion.motion import RootPose, contact_labels
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import rest_joints, shape_space
from genmo.runtime.motion.smpl_body import SmplxShape, rest_offsets
from genmo.runtime.support.errors import InputError

SHAPES = {
    "poses": ("N", 165),
    "trans": ("N", 3),
    "betas": (16,),
    "root_orient": ("N", 3),
    "pose_body": ("N", 63),
    "pelvis_offset": (3,),
    "joints_world": ("N", 24, 3),
    "joints_camera": ("N", 24, 3),
    "camera_to_world": ("N", 4, 4),
    "contacts": ("N", 6),
    "rotations": ("N", 24, 3, 3),
    "offsets": (24, 3),
    "genmo_betas": (10,),
}
SCALARS = {
    "gender": "neutral",
    "surface_model_type": "smplx",
    "up_axis": "y",
    "mocap_frame_rate": 30.0,
    "mocap_framerate": 30.0,
    "num_betas": 16,
}


def stored(motion):
    with np.load(io.BytesIO(to_npz(motion)), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def test_keys_shapes_and_types(any_motion):
    arrays = stored(any_motion)
    for name, shape in SHAPES.items():
        expected = tuple(any_motion.frames if size == "N" else size for size in shape)
        assert arrays[name].shape == expected, name
        assert arrays[name].dtype == np.float32, name
        assert np.isfinite(arrays[name]).all(), name
    for name, value in SCALARS.items():
        assert arrays[name].shape == ()
        assert arrays[name].item() == value
    assert arrays["mocap_time_length"] == pytest.approx(any_motion.frames / 30)


def test_poses_are_the_rotations_and_the_rest_is_zero(motion):
    arrays = stored(motion)
    poses = arrays["poses"].reshape(motion.frames, 55, 3).astype(np.float64)
    np.testing.assert_allclose(matrix_from_axis_angle(poses[:, :22]), motion.rotations[:, :22], atol=1e-6)
    assert not poses[:, 22:].any()
    assert not arrays["betas"].any()
    np.testing.assert_array_equal(arrays["root_orient"], arrays["poses"][:, :3])
    np.testing.assert_array_equal(arrays["pose_body"], arrays["poses"][:, 3:66])


def test_trans_leaves_the_rest_pelvis_of_smplx_out(motion):
    arrays = stored(motion)
    np.testing.assert_allclose(arrays["trans"] + SMPLX_PELVIS, motion.translation, atol=1e-6)
    np.testing.assert_allclose(arrays["trans"] + arrays["pelvis_offset"], arrays["joints_world"][:, 0], atol=1e-6)


def test_joints_and_contacts_without_a_camera(motion):
    arrays, joints = stored(motion), motion.joints_world()
    np.testing.assert_allclose(arrays["joints_world"], joints, atol=1e-6)
    np.testing.assert_array_equal(arrays["contacts"], contact_labels(joints).astype(np.float32))
    assert not arrays["camera_known"]
    first = arrays["joints_camera"][0, 0]
    np.testing.assert_allclose(first, [0, 0, CAMERA_DISTANCE], atol=1e-6)
    seen = default_camera(motion).to_camera(joints)
    assert seen[0, 15, 1] - seen[0, 0, 1] == pytest.approx(-(joints[0, 15, 1] - joints[0, 0, 1]))  # y is down
    assert seen[0, 15, 0] - seen[0, 0, 0] == pytest.approx(joints[0, 15, 0] - joints[0, 0, 0])


def test_joints_of_a_known_camera_and_estimated_ones(filmed_motion):
    seen = filmed_motion.camera.to_camera(filmed_motion.joints_world())
    np.testing.assert_allclose(stored(filmed_motion)["joints_camera"], seen, atol=1e-5)
    root = filmed_motion.root_seen_by(filmed_motion.camera)
    estimated = replace(filmed_motion, root_camera=RootPose(root.rotation, root.translation + 0.25))
    np.testing.assert_allclose(stored(estimated)["joints_camera"], seen + 0.25, atol=1e-5)


def test_round_trip(tmp_path, filmed_motion):
    contacts = np.random.default_rng(0).random((filmed_motion.frames, 6))
    given_motion = replace(filmed_motion, contacts=contacts, fps=25.0)
    save_motion(tmp_path / "m.npz", given_motion)
    back = load_motion(tmp_path / "m.npz")
    assert back.fps == 25.0
    assert back.joints_camera is None
    for name in ("rotations", "translation", "betas", "contacts", "rest_offsets"):
        np.testing.assert_allclose(getattr(back, name), getattr(given_motion, name), atol=1e-6, err_msg=name)
    np.testing.assert_allclose(back.camera.rotation, given_motion.camera.rotation, atol=1e-6)
    np.testing.assert_allclose(back.camera.position, given_motion.camera.position, atol=1e-6)
    # A second trip changes no byte that carries the motion.
    save_motion(tmp_path / "again.npz", back)
    np.testing.assert_array_equal(load_motion(tmp_path / "again.npz").rotations, back.rotations)


def test_estimated_camera_joints_survive_without_a_camera(tmp_path, motion):
    turn = matrix_from_axis_angle(np.array([0.3, -0.7, 0.2]))
    estimated = replace(motion, root_camera=RootPose(turn @ motion.rotations[:, 0], motion.translation + [1, 2, 5]))
    save_motion(tmp_path / "m.npz", estimated)
    back = load_motion(tmp_path / "m.npz")
    assert back.camera is None
    np.testing.assert_allclose(back.joints_camera, estimated.joints_camera, atol=5e-6)
    np.testing.assert_allclose(back.root_camera.rotation, estimated.root_camera.rotation, atol=2e-5)


def test_one_frame(tmp_path, any_motion):
    save_motion(tmp_path / "m.npz", any_motion)
    assert load_motion(tmp_path / "m.npz").frames == any_motion.frames


def test_missing_and_foreign_files(tmp_path):
    plain, poses_only, pickled = tmp_path / "array.npz", tmp_path / "amass.npz", tmp_path / "pickle.npz"
    with plain.open("wb") as file:
        np.save(file, np.zeros(3))
    np.savez(poses_only, poses=np.zeros((2, 165)))
    pickled.write_bytes(pickle.dumps({"rotations": 1}))
    (tmp_path / "text.npz").write_text("not a zip")
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("missing", "array", "amass", "pickle", "text", "empty"):
        with pytest.raises(InputError, match="wanted a motion .npz") as caught:
            load_motion(tmp_path / f"{name}.npz")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotations", np.zeros((3, 22, 3, 3))),
        ("rotations", np.array([{"code": 1}], dtype=object)),
        ("rotations", np.asarray(1.0)),
        ("joints_world", np.full((40, 24, 3), np.nan)),
        ("camera_to_world", np.zeros((40, 3, 4))),
        ("mocap_frame_rate", np.asarray("fast")),
        ("offsets", np.zeros((22, 3))),
    ],
)
def test_wrong_contents(tmp_path, motion, name, value):
    np.savez(tmp_path / "m.npz", **{**stored(motion), name: value})
    with pytest.raises(InputError, match="wanted a motion .npz"):
        load_motion(tmp_path / "m.npz")


@given(cut=st.floats(0, 0.999))
def test_every_truncation_is_an_input_error(tmp_path_factory, motion, cut):
    data = to_npz(motion)
    path = tmp_path_factory.getbasetemp() / "cut.npz"
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(InputError):
        load_motion(path)


@given(at=st.floats(0, 0.999), byte=st.integers(0, 255))
def test_damage_is_found_or_harmless(tmp_path_factory, motion, at, byte):
    data = bytearray(to_npz(motion))
    data[int(at * len(data))] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(data)
    try:
        assert load_motion(path).frames == motion.frames
    except InputError:
        pass


def busy_timeline():
    """40 frames with some of everything."""
    rng = np.random.default_rng(0)
    lens = np.array([[900.0, 0, 480], [0, 900, 270], [0, 0, 1]])
    music = np.zeros((30, 35))
    music[[2, 17], 34] = 1
    return Timeline(
        frames=40,
        texts=(Text("a person walks", 5), Text("ünï turn", 0, 12)),
        keypoints=(
            KeypointSpan(Keypoints(rng.uniform(0, 500, (10, 17, 3)), lens), 2),
            KeypointSpan(Keypoints(rng.uniform(0, 500, (6, 17, 3)), 2 * lens), 30),
        ),
        features=(FeatureSpan("music", music, 8),),
        keyframes=Keyframes(np.array([3, 9]), np.tile(np.eye(3), (2, 24, 1, 1)), np.zeros((2, 3))),
        places=JointTargets(np.array([11]), np.array([20]), np.array([[0.5, np.nan, 1.0]])),
    )


def test_what_it_was_made_from_comes_back(tmp_path, motion):
    timeline = busy_timeline()
    save_motion(tmp_path / "m.npz", motion, sources=sources_of(timeline))
    back, sources_back = load_npz_with_sources(tmp_path / "m.npz")
    assert [(t.prompt, t.start, t.end) for t in sources_back.texts] == [("a person walks", 5, 40), ("ünï turn", 0, 12)]
    assert [(view.start, view.end) for view in sources_back.views] == [(2, 12), (30, 36)]
    for view, span in zip(sources_back.views, timeline.keypoints, strict=True):
        np.testing.assert_allclose(view.points, span.keypoints.points, rtol=1e-6)
        np.testing.assert_array_equal(view.intrinsics, span.keypoints.intrinsics)
    assert sources_back.features == (("music", 8, 38),)
    assert sources_back.beats.tolist() == [10, 25]
    assert sources_back.keyframes.tolist() == [3, 9]
    assert (sources_back.place_frames.tolist(), sources_back.place_joints.tolist()) == ([11], [20])
    np.testing.assert_array_equal(sources_back.place_positions, [[0.5, np.nan, 1.0]])
    np.testing.assert_array_equal(load_motion(tmp_path / "m.npz").rotations, back.rotations)


def test_files_from_before_have_nothing_given(tmp_path, motion):
    assert not [name for name in stored(motion) if name.startswith(PREFIX)]
    save_motion(tmp_path / "m.npz", motion)
    kept = load_npz_with_sources(tmp_path / "m.npz")[1]
    assert (kept.texts, kept.views, kept.features, len(kept.beats)) == ((), (), (), 0)


def test_what_was_given_follows_another_rate(tmp_path, motion):
    given_at_30 = sources_of(busy_timeline())
    for fps, frames in ((24.0, 32), (60.0, 79), (25.0, 33)):
        slower = replace(
            motion,
            rotations=motion.rotations[np.arange(frames) % 40],
            translation=motion.translation[np.arange(frames) % 40],
            fps=fps,
        )
        save_motion(tmp_path / "m.npz", slower, sources=given_at_30)
        kept = load_npz_with_sources(tmp_path / "m.npz")[1]
        assert kept.texts[0].end == frames
        np.testing.assert_allclose(kept.beats / fps, given_at_30.beats / 30, atol=0.51 / fps)
        for view, before in zip(kept.views, given_at_30.views, strict=True):
            assert view.start / fps == pytest.approx(before.start / 30, abs=0.51 / fps)
            assert view.end / fps == pytest.approx(before.end / 30, abs=0.51 / fps)
            at = np.abs(view.points[0] - before.points).max(axis=(1, 2)).argmin()
            assert at == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text_spans", np.array([[5, 41], [0, 12]])),
        ("text_spans", np.array([[5, 5], [0, 12]])),
        ("texts", np.array(["one"])),
        ("texts", np.array([1.0, 2.0])),
        ("keypoints", np.zeros((3, 17, 3))),
        ("keypoints", np.full((16, 17, 3), np.inf)),
        ("intrinsics", np.zeros((2, 3, 3))),
        ("keypoint_spans", np.array([[2.0, 12.0], [30.0, 36.0]])),
        ("beats", np.array([40])),
        ("keyframes", np.array([-1])),
        ("place_joints", np.array([24])),
        ("place_positions", np.array([[0, np.inf, 0]])),
        ("features", np.array([["music"]])),
    ],
)
def test_wrong_given_is_an_input_error(tmp_path, motion, name, value):
    with np.load(io.BytesIO(to_npz(motion, sources_of(busy_timeline())))) as archive:
        arrays = {key: archive[key] for key in archive.files}
    np.savez(tmp_path / "m.npz", **{**arrays, PREFIX + name: value})
    with pytest.raises(InputError, match="wanted a motion .npz"):
        load_motion(tmp_path / "m.npz")


def test_the_shape_of_an_smplx_body_is_kept(random_motion, tmp_path):
    """On a body of SMPL-X its betas are the file's, and SMPL-X with them stands where the motion stands."""
    rest = rest_joints(shape_space().mean) + [0.01, -0.37, 0.02]
    shape = SmplxShape(np.linspace(-1, 1, 10), rest)
    motion = replace(random_motion(5, 1), betas=np.zeros(10), offsets=rest_offsets(rest), smplx=shape)
    arrays = stored(motion)
    np.testing.assert_allclose(arrays["betas"], [*shape.betas, *[0] * 6], atol=1e-6)
    np.testing.assert_allclose(arrays["trans"] + rest[0], motion.translation, atol=1e-6)
    assert not arrays["genmo_betas"].any()
    save_motion(tmp_path / "a.npz", motion)
    back = load_motion(tmp_path / "a.npz")
    for name, array in stored(back).items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(array, arrays[name], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(back.smplx.rest, rest, atol=1e-6)


def test_without_a_body_betas_are_told_and_not_used(random_motion):
    motion = replace(random_motion(5, 1), betas=np.zeros(10), smplx=SmplxShape(np.linspace(-1, 1, 10)))
    arrays = stored(motion)
    assert not arrays["betas"].any() and "smplx_rest" not in arrays
    np.testing.assert_allclose(arrays["pelvis_offset"], SMPLX_PELVIS)
    np.testing.assert_allclose(arrays["smplx_betas"], motion.smplx.betas, atol=1e-6)
