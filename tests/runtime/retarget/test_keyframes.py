"""Frames of motion files as keyframes: the pose of the file, whatever the format, the skeleton's size and the rate."""

import numpy as np
import pytest

from genmo.runtime import keyframes_from_file, motion_from_file, read_keyframes
from genmo.runtime.cli import keyframe
from genmo.runtime.formats import save_motion, to_glb
from genmo.runtime.motion.resampling import at_rate
from genmo.runtime.motion.skeleton import JOINTS, forward_kinematics, shape_space
from genmo.runtime.retarget import read_character, retarget
from genmo.runtime.retarget.gltf_motion import read_gltf_motion
from genmo.runtime.retarget.write import to_glb as to_character_glb
from genmo.runtime.support.errors import InputError

LIMBS = {
    "left_hip": "left_upper_leg", "right_knee": "right_lower_leg", "left_ankle": "left_foot",
    "left_elbow": "left_lower_arm", "right_wrist": "right_hand",
}  # fmt: skip


def millimetres(rotations, others):
    """Largest distance of a joint between two poses of a mean person whose pelvis stays."""
    pelvis, mean = np.zeros((len(rotations), 3)), shape_space().mean
    first, second = (forward_kinematics(np.asarray(pose, float), pelvis, mean)[1] for pose in (rotations, others))
    return 1000 * np.linalg.norm(first - second, axis=-1).max()


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz"])
@pytest.mark.parametrize("fps", [30, 60])
def test_a_frame_of_each_format_is_its_pose(tmp_path, random_motion, suffix, fps):
    motion = at_rate(random_motion(12), fps)
    path = tmp_path / f"walk{suffix}"
    save_motion(path, motion)
    keyframes = keyframes_from_file(path, [(3, 40), (7, 11)])
    assert keyframes.frames.tolist() == [11, 40]
    assert millimetres(keyframes.rotations, motion.rotations[[7, 3]]) < 0.01
    legs = [JOINTS.index("left_knee"), JOINTS.index("left_ankle")]
    lengths = [np.linalg.norm(offsets[legs], axis=-1).sum() for offsets in (shape_space().mean, motion.rest_offsets)]
    ratio = 1 if suffix == ".npz" else lengths[0] / lengths[1]
    np.testing.assert_allclose(keyframes.root, ratio * motion.translation[[7, 3]], atol=1e-5)


@pytest.mark.parametrize("suffix", [".bvh", ".glb", ".npz"])
def test_a_file_is_a_motion_on_our_body_at_30_frames(tmp_path, random_motion, suffix):
    path = tmp_path / f"walk{suffix}"
    save_motion(path, at_rate(random_motion(12), 60))
    motion = motion_from_file(path)
    assert (motion.fps, motion.frames, motion.offsets) == (30, 12, None)
    assert millimetres(motion.rotations[2:-2], random_motion(12).rotations[2:-2]) < 40  # resampled twice
    with pytest.raises(InputError, match="got the suffix '.fbx'; wanted a motion as .bvh"):
        motion_from_file(tmp_path / "walk.fbx")


def test_joints_of_a_characters_animation_are_where_the_file_has_them(rig_file, random_motion):
    performance = retarget(random_motion(6), read_character(rig_file))
    rig_file.write_bytes(to_character_glb(performance))
    motion = read_gltf_motion(rig_file)
    assert motion.frames == 6 and motion.fps == 30
    theirs, ours = performance.world()[1], motion.joints_world()
    bones = performance.character.bones
    unit = np.linalg.norm(ours[0, 0]) / np.linalg.norm(theirs[0, bones.hips])
    for joint, part in LIMBS.items():
        near = 1e-4 if "leg" in part or "foot" in part else 0.02  # five bones of a spine become three
        np.testing.assert_allclose(ours[:, JOINTS.index(joint)], unit * theirs[:, bones.limbs[part]], atol=near)


def test_the_command_writes_what_run_reads(tmp_path, random_motion, capsys):
    motion = random_motion(5)
    for name in ("walk.bvh", "jump.glb"):
        save_motion(tmp_path / name, motion)
    picks = [f"{tmp_path / 'walk.bvh'}:4@1.5s", f"{tmp_path / 'jump.glb'}:0@12f"]
    for extra, placed in ([], True), (["--anywhere"], False):
        assert keyframe.main([*picks, "--out", str(tmp_path / "k.npz"), *extra]) == 0
        read = read_keyframes(tmp_path / "k.npz")
        assert read.frames.tolist() == [12, 45] and read.has_root.tolist() == [placed] * 2
        assert millimetres(read.rotations, motion.rotations[[0, 4]]) < 0.01
    assert capsys.readouterr().out == f"{tmp_path / 'k.npz'}\n" * 2


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        ("walk.bvh", "wanted FILE:FRAME@TIME"),
        ("walk.bvh:3@2", "the time in seconds or frames, as walk.bvh:40@3.5s"),
        ("walk.bvh:3@2.5f", "wanted a whole frame"),
        ("walk.bvh:3@9999999s", "wanted less than"),
        ("walk.bvh:5@1s", "walk.bvh: no pose at frame 5; wanted one from 0 to 4"),
        ("walk.fbx:5@1s", "wanted a motion as .bvh .glb"),
        ("none.glb:5@1s", "no such file"),
        ("still.glb:0@1s", "no animation turns its bones"),
    ],
)
def test_what_is_no_keyframe_is_one_line(tmp_path, random_motion, capsys, monkeypatch, pick, said):
    monkeypatch.chdir(tmp_path)
    save_motion("walk.bvh", random_motion(5))
    (tmp_path / "still.glb").write_bytes(to_glb(random_motion(2)).replace(b'"rotation"}', b'"scalings"}'))
    assert keyframe.main([pick, "--out", "k.npz"]) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1 and not (tmp_path / "k.npz").exists()


def test_two_poses_for_one_frame_are_refused(tmp_path, random_motion):
    save_motion(tmp_path / "walk.bvh", random_motion(5))
    with pytest.raises(InputError, match="frame 7 has two keyframes"):
        keyframes_from_file(tmp_path / "walk.bvh", [(1, 7), (2, 7)])
