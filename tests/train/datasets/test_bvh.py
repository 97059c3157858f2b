"""BVH folders: our own files come back as they were; other skeletons move as their files say."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.formats import read_bvh, to_bvh
from genmo.runtime.formats.bvh import Bvh
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS, PARENTS, forward_kinematics, rest_joints, shape_space
from genmo.runtime.support.errors import InputError
from genmo.train.datasets.bvh import bvh_clip, joint_map, read_folder, read_names

J = JOINTS.index

MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    **{f"{s}_{a}": f"{s.capitalize()}{b}" for s in ("left", "right") for a, b in {
        "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
        "elbow": "ForeArm", "wrist": "Hand", "hand": "HandMiddle1"}.items()},
}  # fmt: skip
POSER = {name: name.replace("left_", "Left").replace("right_", "Right").title() for name in JOINTS} | {
    "pelvis": "Hips", "spine1": "Abdomen", "spine2": "Waist", "spine3": "Chest",
}  # fmt: skip


def angle(first, second):
    """Largest angle in radians between rotations [..., 3, 3], precise near zero."""
    d = np.einsum("...ij,...kj->...ik", first.astype(np.float64), second)
    axis = np.stack([d[..., 2, 1] - d[..., 1, 2], d[..., 0, 2] - d[..., 2, 0], d[..., 1, 0] - d[..., 0, 1]], axis=-1)
    trace = np.trace(d, axis1=-2, axis2=-1)
    return np.arctan2(np.linalg.norm(axis, axis=-1) / 2, (trace - 1) / 2).max()


def parsed(motion, tmp_path) -> Bvh:
    path = tmp_path / "motion.bvh"
    path.write_bytes(to_bvh(motion))
    return read_bvh(path)


def joints_of(clip):
    return forward_kinematics(*(clip[part].astype(np.float64) for part in ("rotations", "translation", "offsets")))[1]


@pytest.mark.parametrize("frames", [1, 2, 45])
@pytest.mark.parametrize("seed", range(4))
def test_our_own_files_come_back(tmp_path, random_motion, frames, seed):
    """write -> parse -> map -> retarget -> resample: rotations within 1e-3 radian (here: 1e-6), skeleton in metres."""
    motion = random_motion(frames, seed)
    clip = bvh_clip(parsed(motion, tmp_path))
    assert angle(clip["rotations"], motion.rotations) < 1e-6
    np.testing.assert_allclose(clip["translation"], motion.translation, atol=1e-6)
    np.testing.assert_allclose(clip["offsets"], motion.rest_offsets, atol=1e-6)


def test_our_own_files_come_back_whatever_the_persons_bones(tmp_path, random_motion):
    """Actors exist whose collars point 40 degrees from the mean person's: no rest pose of another kind."""
    odd = shape_space().mean + np.random.default_rng(0).normal(0, 0.05, (JOINT_COUNT, 3))
    odd[0] = 0
    motion = replace(random_motion(9, 0), offsets=odd)
    clip = bvh_clip(parsed(motion, tmp_path))
    assert angle(clip["rotations"], motion.rotations) < 1e-6
    np.testing.assert_allclose(clip["offsets"], odd, atol=1e-6)


@pytest.mark.parametrize("fps", [60, 120, 24, 29.97, 100])
def test_any_rate_becomes_thirty(tmp_path, fps):
    """A steady turn and walk at any rate: angle and place at k / 30 s, whatever the frames were."""
    time = np.arange(int(2 * fps) + 1) / fps
    rotations = np.tile(np.eye(3), (len(time), JOINT_COUNT, 1, 1))
    rotations[:, 0] = matrix_from_yaw(2.5 * time)
    rotations[:, J("left_knee")] = matrix_from_axis_angle(time[:, None] * [0.9, 0.0, 0.0])
    motion = Motion(rotations, np.array([0, 0.95, 0]) + time[:, None] * [1.0, 0, 0.5], fps=fps)
    clip = bvh_clip(parsed(motion, tmp_path))
    want = np.arange(len(clip["translation"])) / (30 if abs(fps - 30) > 0.01 else fps)
    assert abs(len(want) - 61) <= 1
    assert angle(clip["rotations"][:, 0], matrix_from_yaw(2.5 * want)) < 1e-5
    assert angle(clip["rotations"][:, J("left_knee")], matrix_from_axis_angle(want[:, None] * [0.9, 0, 0])) < 1e-5
    np.testing.assert_allclose(clip["translation"][:, 0], want, atol=1e-5)


def renamed(bvh: Bvh, names) -> Bvh:
    return replace(bvh, names=tuple(names[name] for name in bvh.names))


@pytest.mark.parametrize("prefix", ["", "mixamorig:", "Armature|mixamorig:"])
@pytest.mark.parametrize("names", [MIXAMO, POSER])
def test_common_names_are_found(tmp_path, random_motion, names, prefix):
    motion = random_motion(8, 1)
    bvh = renamed(parsed(motion, tmp_path), {ours: prefix + theirs for ours, theirs in names.items()})
    found = joint_map(bvh)
    assert {JOINTS[k]: bvh.names[v] for k, v in found.items()} == {k: prefix + v for k, v in names.items()}
    assert angle(bvh_clip(bvh)["rotations"], motion.rotations) < 1e-6


def skeleton(rest, parents, names, rotations, path, frame_time=1 / 30) -> Bvh:
    """A BVH of given rest positions [joints, 3], local rotations [frames, joints, 3, 3] and root path."""
    offsets = rest - np.where(np.array(parents)[:, None] < 0, 0, rest[list(parents)])
    offsets[0] = 0
    positions = np.tile(offsets, (len(path), 1, 1))
    positions[:, 0] = path
    channels = tuple(("Zrotation", "Xrotation", "Yrotation") for _ in names)
    return Bvh(tuple(names), tuple(parents), offsets, {}, channels, frame_time, rotations, positions)


def posed_rest(pose):
    """Rest positions [24, 3] and world rotations of a skeleton whose zero pose is `pose` (joint -> axis-angle).

    Axes are made square to the joint's bone: a rest pose says where bones point, not how they twist.
    """
    local = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    for name, vector in pose.items():
        bone = shape_space().mean[PARENTS.index(J(name))]
        bone, vector = bone / np.linalg.norm(bone), np.asarray(vector, float)
        axis = vector - (vector @ bone) * bone
        local[J(name)] = matrix_from_axis_angle(axis * np.linalg.norm(vector) / np.linalg.norm(axis))
    turned, joints = forward_kinematics(local, np.zeros(3), shape_space().mean)
    return joints, turned


A_POSE = {"left_shoulder": (0, 0, -0.9), "right_shoulder": (0, 0, 0.9)}
I_POSE = {"left_shoulder": (0, 0, -1.5), "right_shoulder": (0, 0, 1.5)}


def from_another_rest(motion, rest, turns, yaw=0.0, z_up=False, scale=100.0, names=MIXAMO):
    """The motion as a file whose zero pose is another one: world rotations G_file = W G A^-1 W^-1."""
    world, joints = motion.kinematics()
    basis = matrix_from_yaw(np.array(yaw))
    if z_up:
        basis = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) @ basis
    theirs = basis @ world @ np.swapaxes(turns, -1, -2) @ basis.T
    local = theirs.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        local[:, joint] = np.swapaxes(theirs[:, parent], -1, -2) @ theirs[:, joint]
    order = [names[name] for name in JOINTS]
    bvh = skeleton(scale * rest @ basis.T, PARENTS, order, local, scale * joints[:, 0] @ basis.T)
    np.testing.assert_allclose(bvh.kinematics()[1], scale * joints @ basis.T, atol=1e-6 * scale)
    return bvh


@pytest.mark.parametrize("pose", [A_POSE, I_POSE])
def test_another_rest_pose_is_turned_back(random_motion, pose):
    """Arms that hang in the file's zero pose: joints are exact, and so are the rotations that SMPL means."""
    motion = replace(random_motion(12, 2), offsets=shape_space().mean)
    rest, turns = posed_rest(pose)
    clip = bvh_clip(from_another_rest(motion, rest, turns))
    np.testing.assert_allclose(joints_of(clip), motion.joints_world(), atol=1e-5)
    assert angle(clip["rotations"], motion.rotations) < 1e-5
    np.testing.assert_allclose(clip["offsets"], shape_space().mean, atol=1e-6)


@pytest.mark.parametrize("yaw", [0.0, np.pi / 2, np.pi])
@pytest.mark.parametrize("scale", [1.0, 100.0, 1000.0, 1 / 0.0254, 0.45 / 0.0254])
def test_units_facings_and_z_up_are_found(random_motion, yaw, scale):
    motion = replace(random_motion(12, 4), offsets=shape_space().mean)
    motion = replace(motion, rotations=np.where(np.arange(24)[:, None, None] == 0, np.eye(3), motion.rotations))
    rest, turns = posed_rest({})
    for z_up in (False, True):
        clip = bvh_clip(from_another_rest(motion, rest, turns, yaw=yaw, z_up=z_up, scale=scale))
        # the whole world has turned by yaw about the vertical: turn it back
        np.testing.assert_allclose(joints_of(clip) @ matrix_from_yaw(np.array(yaw)), motion.joints_world(), atol=1e-5)
        assert angle(clip["rotations"][:, 1:], motion.rotations[:, 1:]) < 1e-5


def test_a_rest_frame_replaces_a_zero_pose_that_is_no_pose(random_motion):
    """All bones of the zero pose along x, as in LaFAN1: with a frame in T-pose the file is read exactly."""
    motion = random_motion(6, 3)
    motion = replace(motion, offsets=shape_space().mean)
    rotations = motion.rotations.copy()
    rotations[2] = np.eye(3)  # the T-pose
    motion = replace(motion, rotations=rotations)
    world, joints = motion.kinematics()
    rng = np.random.default_rng(0)
    odd = matrix_from_axis_angle(rng.normal(0, 2, (JOINT_COUNT, 3)))  # each bone's frame turned at will
    theirs = world @ odd
    local, offsets = theirs.copy(), np.zeros((JOINT_COUNT, 3))
    for joint, parent in enumerate(PARENTS[1:], start=1):
        local[:, joint] = np.swapaxes(theirs[:, parent], -1, -2) @ theirs[:, joint]
        offsets[joint] = odd[parent].T @ shape_space().mean[joint]
    rest = rest_joints(offsets)
    bvh = skeleton(rest, PARENTS, [MIXAMO[name] for name in JOINTS], local, joints[:, 0])
    clip = bvh_clip(bvh, rest_frame=2, scale=1.0)
    np.testing.assert_allclose(joints_of(clip), joints, atol=1e-5)
    assert angle(clip["rotations"], motion.rotations) < 1e-5
    with pytest.raises(InputError, match="--rest-frame 6: the file has frames 0 to 5"):
        bvh_clip(bvh, rest_frame=6)


def test_a_leg_folded_up_in_the_zero_pose_turns_about_the_hips():
    """Anti-parallel bones leave the axis open: the person's left-right axis, so knees keep their hinge."""
    rest, turns = posed_rest({"left_hip": (np.pi, 0, 0), "right_hip": (np.pi, 0, 0)})
    motion_local = np.tile(np.eye(3), (3, JOINT_COUNT, 1, 1))
    motion = Motion(motion_local, np.tile([0, 0.95, 0], (3, 1)), offsets=shape_space().mean)
    clip = bvh_clip(from_another_rest(motion, rest, turns), up="y")
    left = clip["rotations"][0, J("left_hip")].astype(np.float64)
    assert angle(left, np.eye(3)) < 1e-5
    np.testing.assert_allclose(joints_of(clip), motion.joints_world(), atol=1e-5)


def test_missing_spine_hands_and_toes_are_filled(tmp_path, random_motion):
    """LaFAN-like: no hands.  CMU-like: hands, but a joint in between that SMPL lacks.  Joints that exist stay exact."""
    motion = replace(random_motion(10, 5), offsets=shape_space().mean)
    bvh = renamed(parsed(motion, tmp_path), MIXAMO)
    drop = {"LeftHandMiddle1", "RightHandMiddle1", "LeftToeBase", "RightToeBase"}
    keep = [n for n, name in enumerate(bvh.names) if name not in drop]
    assert all(bvh.parents[n] in keep for n in keep[1:])
    less = replace(
        bvh,
        names=tuple(bvh.names[n] for n in keep),
        parents=tuple(keep.index(bvh.parents[n]) if bvh.parents[n] >= 0 else -1 for n in keep),
        offsets=bvh.offsets[keep],
        rotations=bvh.rotations[:, keep],
        positions=bvh.positions[:, keep],
    )
    clip = bvh_clip(less)
    have = [J(name) for name, theirs in MIXAMO.items() if theirs not in drop]
    np.testing.assert_allclose(joints_of(clip)[:, have], motion.joints_world()[:, have], atol=1e-5)
    for side in ("left", "right"):
        toe = clip["offsets"][J(f"{side}_foot")]
        assert 0.05 < np.linalg.norm(toe) < 0.25
    assert angle(clip["rotations"][:, have], motion.rotations[:, have]) < 1e-5


def test_a_spine_of_two_joints_and_one_of_five(tmp_path, random_motion):
    """Spine joints are chosen along the chain; what neck and arms hang on is spine3."""
    bvh = renamed(parsed(random_motion(4, 6), tmp_path), MIXAMO)
    at = bvh.names.index("Spine1")
    names = list(bvh.names)
    names[names.index("Spine2")] = "Chest"
    two = replace(bvh, names=tuple(names))
    assert JOINTS[next(k for k, v in joint_map(two).items() if v == names.index("Chest"))] == "spine3"
    # a joint between Spine1 and Spine2
    parents = [p + (p > at) for p in bvh.parents]
    chest = bvh.names.index("Spine2")
    longer = Bvh(
        names=(*bvh.names[: at + 1], "SpineX", *bvh.names[at + 1 :]),
        parents=(*parents[: at + 1], at, *[at + 1 if n == chest else p for n, p in enumerate(parents)][at + 1 :]),
        offsets=np.insert(bvh.offsets, at + 1, bvh.offsets[chest] * 0, axis=0),
        end_sites={},
        channels=(*bvh.channels, bvh.channels[-1]),
        frame_time=bvh.frame_time,
        rotations=np.insert(bvh.rotations, at + 1, np.eye(3), axis=1),
        positions=np.insert(bvh.positions, at + 1, 0.0, axis=1),
    )
    found = {JOINTS[k]: longer.names[v] for k, v in joint_map(longer).items()}
    assert (found["spine1"], found["spine3"]) == ("Spine", "Spine2") and found["spine2"] in ("Spine1", "SpineX")


def test_unknown_names_are_listed_and_a_table_helps(tmp_path, random_motion):
    bvh = parsed(random_motion(3, 0), tmp_path)
    strange = renamed(bvh, {name: f"bone{n:02d}" for n, name in enumerate(JOINTS)})
    with pytest.raises(InputError, match=r"no joint for pelvis, .*among bone00, .*pass --names"):
        bvh_clip(strange)
    table = {name: f"bone{n:02d}" for n, name in enumerate(JOINTS)}
    want, got = bvh_clip(bvh), bvh_clip(strange, names=table)
    np.testing.assert_array_equal(got["rotations"], want["rotations"])
    with pytest.raises(InputError, match="'tail' is no SMPL joint"):
        bvh_clip(bvh, names={"tail": "pelvis"})
    with pytest.raises(InputError, match="'bone99' is not in the file"):
        bvh_clip(bvh, names={"head": "bone99"})


def test_a_person_of_no_known_unit_needs_a_scale(tmp_path, random_motion):
    bvh = parsed(random_motion(3, 0), tmp_path)
    tiny = replace(bvh, offsets=bvh.offsets * 0.0444, positions=bvh.positions * 0.0444)
    with pytest.raises(InputError, match="pass --scale"):
        bvh_clip(tiny)
    clip = bvh_clip(tiny, scale=0.01 / 0.0444)
    np.testing.assert_allclose(clip["offsets"], bvh_clip(bvh)["offsets"], atol=1e-6)


def test_a_folder_becomes_clips(tmp_path, random_motion):
    for name in ("ann/walk", "ann/run", "solo"):
        path = tmp_path / f"{name}.bvh"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(to_bvh(random_motion(10, len(name))))
    (tmp_path / "ann" / "walk.txt").write_text("a person walks\n\n  a person strolls \n")
    clips = {clip.name: clip for clip in read_folder(tmp_path, floor=True)}
    assert sorted(clips) == ["ann/run", "ann/walk", "solo"]
    assert clips["ann/walk"].captions == ("a person walks", "a person strolls") and clips["solo"].captions == ()
    assert [clips[n].subject for n in ("ann/run", "ann/walk", "solo")] == ["ann", "ann", "solo"]
    for clip in clips.values():
        joints = forward_kinematics(clip.rotations, clip.translation, clip.offsets)[1]
        assert 0 < joints[:, [7, 8, 10, 11], 1].min() < 0.06
    (tmp_path / "ann" / "broken.bvh").write_text("HIERARCHY\nROOT Hips {")
    with pytest.raises(InputError, match="broken.bvh, line 2"):
        list(read_folder(tmp_path))
    with pytest.raises(InputError, match="no .bvh file in it"):
        list(read_folder(tmp_path / "nowhere"))


def test_a_names_file_is_checked(tmp_path):
    path = tmp_path / "names.json"
    assert read_names(None) is None
    for text in ("{", "[1]", '{"head": 3}'):
        path.write_text(text)
        with pytest.raises(InputError, match="SMPL joint -> joint of the file"):
            read_names(path)
    path.write_text('{"head": "Skull"}')
    assert read_names(path) == {"head": "Skull"}


def test_files_of_the_finder_are_passed_over(tmp_path, random_motion):
    """macOS puts a ._NAME beside each file on foreign disks."""
    (tmp_path / "walk.BVH").write_bytes(to_bvh(random_motion(3, 0)))
    (tmp_path / "._walk.BVH").write_bytes(b"\0\5\x16\7")
    assert [clip.name for clip in read_folder(tmp_path)] == ["walk"]
