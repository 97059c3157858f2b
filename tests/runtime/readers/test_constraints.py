"""Keyframe and constraint files: what is read, against what was written, and what is refused."""

import numpy as np
import pytest

from genmo.runtime import InputError, save_motion
from genmo.runtime.conditions.constraints import (
    NO_JOINT_TARGETS,
    NO_KEYFRAMES,
    constraint_errors,
    joined_joint_targets,
    joined_keyframes,
)
from genmo.runtime.motion.rotation import axis_angle_from_matrix
from genmo.runtime.readers.constraints import parse_joint_targets, parse_keyframes, read_joint_targets, read_keyframes

EYE = np.tile(np.eye(3), (2, 24, 1, 1))


def test_a_whole_motion_is_keyframes_from_the_start(random_motion, tmp_path):
    motion = random_motion(12, 1)
    save_motion(tmp_path / "m.npz", motion)
    result = read_keyframes(tmp_path / "m.npz")
    np.testing.assert_array_equal(result.frames, np.arange(12))
    np.testing.assert_allclose(result.rotations, motion.rotations, atol=1e-6)
    np.testing.assert_allclose(result.root, motion.translation, atol=1e-6)
    assert constraint_errors(motion, result, NO_JOINT_TARGETS).keyframes < 0.01


@pytest.mark.parametrize(("width", "joints"), [(66, 22), (72, 24), (156, 22), (165, 22)])
def test_smpl_poses(random_motion, width, joints):
    motion = random_motion(5, 2)
    poses = np.full((5, width), 0.3)
    poses[:, : 3 * joints] = axis_angle_from_matrix(motion.rotations[:, :joints]).reshape(5, -1)
    arrays = {"poses": poses, "trans": motion.translation, "frames": np.arange(5) * 7}
    result = parse_keyframes(arrays)
    np.testing.assert_allclose(result.rotations[:, :joints], motion.rotations[:, :joints], atol=1e-9)
    if joints == 22:
        np.testing.assert_array_equal(result.rotations[:, 22:], np.tile(np.eye(3), (5, 2, 1, 1)))
    np.testing.assert_array_equal(result.root, motion.translation)
    offset = parse_keyframes(arrays | {"pelvis_offset": np.array([0.0, -0.3, 0.1])})
    np.testing.assert_allclose(offset.root, motion.translation + [0, -0.3, 0.1])


def test_a_place_is_optional():
    result = parse_keyframes({"rotations": EYE, "frames": np.array([4, 9])})
    assert np.isnan(result.root).all() and not result.has_root.any()
    assert result.shifted(3).frames.tolist() == [7, 12]


def test_places_by_name_and_number():
    arrays = {"frames": np.array([9, 2]), "positions": np.array([[1, np.nan, 3], [4, 5, 6.0]])}
    named = parse_joint_targets(arrays | {"joints": np.array(["head", "pelvis"])})
    numbered = parse_joint_targets(arrays | {"joints": np.array([15, 0])})
    for result in (named, numbered):
        assert result.frames.tolist() == [2, 9] and result.joints.tolist() == [0, 15]
        np.testing.assert_array_equal(result.positions, [[4, 5, 6], [1, np.nan, 3]])


def test_parts_are_joined_in_order():
    first = parse_keyframes({"rotations": EYE, "frames": np.array([4, 9])})
    joined = joined_keyframes([first, first.shifted(1)])
    assert joined.frames.tolist() == [4, 5, 9, 10]
    assert joined_keyframes([]) is NO_KEYFRAMES and joined_joint_targets([]) is NO_JOINT_TARGETS
    with pytest.raises(InputError, match="frame 9 has two keyframes"):
        joined_keyframes([first, first.shifted(5)])


GOOD = {"rotations": EYE, "frames": np.array([1, 2]), "trans": np.zeros((2, 3))}
PLACES = {"frames": np.array([1, 2]), "joints": np.array([0, 1]), "positions": np.zeros((2, 3))}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rotations": 2 * EYE}, "no rotation matrices"),
        ({"rotations": EYE * [1, 1, -1]}, "no rotation matrices"),
        ({"rotations": EYE[:, :22]}, r"wanted numbers \[K, 24, 3, 3\]"),
        ({"rotations": EYE[:0]}, "holds no pose"),
        ({"frames": np.array([2, 1])}, "do not rise"),
        ({"frames": np.array([1, 1])}, "do not rise"),
        ({"frames": np.array([-1, 1])}, "whole numbers from 0"),
        ({"frames": np.array([0, 1.5])}, "whole numbers from 0"),
        ({"frames": np.array([0, 10**7])}, "whole numbers from 0"),
        ({"frames": np.array([0, 1, 2])}, r"frames is .* wanted numbers \[2\]"),
        ({"trans": np.full((2, 3), np.nan)}, "trans holds NaN"),
        ({"trans": np.zeros(3)}, r"wanted numbers \[2, 3\]"),
        ({"rotations": np.array(["a"] * 2)}, "rotations is"),
    ],
)
def test_bad_keyframes(change, message):
    with pytest.raises(InputError, match=message):
        parse_keyframes(GOOD | change)


def test_bad_poses_and_rates():
    with pytest.raises(InputError, match="no array 'poses'"):
        parse_keyframes({"trans": np.zeros((2, 3))})
    with pytest.raises(InputError, match=r"wanted \[K, 66"):
        parse_keyframes({"poses": np.zeros((2, 70))})
    with pytest.raises(InputError, match="mocap_frame_rate is 120"):
        parse_keyframes({"poses": np.zeros((2, 72)), "mocap_frame_rate": np.array(120)})
    assert len(parse_keyframes({"poses": np.zeros((2, 72)), "fps": np.array(29.97)}).frames) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": np.array([0, 24])}, "joint '24'"),
        ({"joints": np.array(["head", "tail"])}, "joint 'tail'"),
        ({"joints": np.array([0.0, 1.0])}, "joint '0.0'"),
        ({"joints": np.array([0])}, r"no joints \[2\]"),
        ({"positions": np.zeros((2, 2))}, r"wanted numbers \[K, 3\]"),
        ({"positions": np.full((2, 3), np.inf)}, "positions holds"),
        ({"positions": np.zeros((0, 3)), "joints": np.zeros(0, int)}, "holds no place"),
        ({"frames": np.array([1, 1]), "joints": np.array([3, 3])}, "two places for spine1"),
        ({"frames": np.array([1, -1])}, "whole numbers from 0"),
    ],
)
def test_bad_places(change, message):
    with pytest.raises(InputError, match=message):
        parse_joint_targets(PLACES | change)


def test_files_that_are_not_there_or_not_npz(tmp_path):
    (tmp_path / "a.npz").write_text("no")
    for read in (read_keyframes, read_joint_targets):
        for name in ("a.npz", "b.npz"):
            with pytest.raises(InputError, match=f"{name}: .*wanted"):
                read(tmp_path / name)


def test_misses_are_millimetres(random_motion):
    motion = random_motion(30, 3)
    joints = motion.joints_world()
    places = parse_joint_targets(
        {
            "frames": np.array([3, 20]),
            "joints": np.array([15, 0]),
            "positions": np.stack([joints[3, 15] + [0.003, 0, 0.004], joints[20, 0] + [np.nan, 0.007, 0]]),
        }
    )
    result = constraint_errors(motion, NO_KEYFRAMES, places)
    assert result.keyframes is None
    assert result.places == pytest.approx(6) and result.worst_place == pytest.approx(7)
    at_keyframe = parse_keyframes({"rotations": motion.rotations[[4]], "frames": np.array([4])})
    assert constraint_errors(motion, at_keyframe, NO_JOINT_TARGETS).keyframes == pytest.approx(0, abs=1e-9)
    moved = parse_keyframes(
        {"rotations": motion.rotations[[4]], "frames": np.array([4]), "trans": motion.translation[[4]] + [0, 0.01, 0]}
    )
    assert constraint_errors(motion, moved, NO_JOINT_TARGETS).keyframes == pytest.approx(10)
