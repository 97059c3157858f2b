"""Armature, poses, path and takes of the extension for Blender, without Blender."""

import threading
import time

import numpy as np
import pytest

from genmo.runtime import InputError, Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_quaternion
from genmo.runtime.retarget import retarget
from genmo.runtime.retarget.rig_motion import travel_of


@pytest.fixture(scope="module")
def walk():
    """Somebody who goes forward, swings arms and legs, and turns."""
    frames = 40
    time_of = np.arange(frames) / 30
    angles = np.zeros((frames, 24, 3))
    angles[:, 1, 0], angles[:, 2, 0] = 0.5 * np.sin(4 * time_of), -0.5 * np.sin(4 * time_of)
    angles[:, 16, 2], angles[:, 17, 2] = -1.2, 1.2
    angles[:, 3, 1], angles[:, 0, 1] = 0.2 * np.sin(3 * time_of), 0.6 * time_of
    places = np.stack([0 * time_of, np.full(frames, 0.92), 1.1 * time_of], axis=-1)
    return Motion(matrix_from_axis_angle(angles), places)


def channels(tracks):
    turns = {track.bone: matrix_from_quaternion(track.rotations) for track in tracks}
    return turns, {track.bone: track.locations for track in tracks if track.locations is not None}


@pytest.mark.parametrize("unit", [1.0, 100.0])
@pytest.mark.parametrize("z_up", [False, True])
def test_channels_play_what_was_retargeted(core, armature, played, walk, unit, z_up):
    skeleton = armature(unit=unit, z_up=z_up)
    performance = retarget(walk, core("skeleton").character(skeleton))
    matrices = played(skeleton, *channels(core("takes").tracks(performance, skeleton)))
    rotations, positions = performance.world()
    assert np.abs(matrices[..., :3, :3] - rotations).max() < 1e-9
    assert np.abs(matrices[..., :3, 3] - positions).max() < 1e-9 * unit


def test_hips_that_cannot_move_are_refused(core, armature, walk):
    skeleton = armature()
    count = len(skeleton.names)
    performance = retarget(walk, core("skeleton").character(skeleton))
    connected = armature(connected=(True,) * count)
    with pytest.raises(InputError, match="connected to its parent"):
        core("takes").tracks(performance, connected)


def test_parts_are_found_and_may_be_chosen(core, armature):
    skeletons = core("skeleton")
    assert skeletons.parts(armature())["left_upper_leg"] == "LeftUpLeg"
    crossed = skeletons.parts(armature(bone_map={"left_toes": "LeftHandThumb1"} | {"left_toes": "LeftToeBase"}))
    assert crossed["left_toes"] == "LeftToeBase"
    with pytest.raises(InputError, match="Bones: hips: 'Nobody' is no bone of Hero"):
        skeletons.parts(armature(bone_map={"hips": "Nobody"}))


def test_a_body_without_arms_says_where_to_choose_them(core, armature):
    skeleton = armature()
    names = tuple(name.replace("ForeArm", "Stick") for name in skeleton.names)
    without = type(skeleton)("Hero", names, skeleton.parents, skeleton.rest)
    with pytest.raises(InputError, match="left_lower_arm.*choose them under Bones") as told:
        core("skeleton").character(without)
    assert "YAML" not in str(told.value) and "--" not in str(told.value)


def test_only_bones_that_deform_are_looked_at(core, armature):
    skeleton = armature()
    count = len(skeleton.names)
    assert len(armature(deforms=(True,) * (count - 1) + (False,)).candidates) == count - 1
    assert len(armature(deforms=(True,) + (False,) * (count - 1)).candidates) == count


def test_bones_that_constraints_move_are_told_or_refused(core, armature):
    skeletons = core("skeleton")
    names = armature().names
    some = armature(constrained=tuple(name == "LeftFoot" for name in names))
    assert skeletons.notes(some, skeletons.character(some))[0].startswith("constraints move LeftFoot:")
    with pytest.raises(InputError, match="constraints move its bones"):
        skeletons.character(armature(constrained=(True,) * len(names)))


# --- poses --------------------------------------------------------------------------------------------------------


@pytest.fixture
def set_poses(core, armature, played, walk):
    """Poses of an armature at frames 5 and 30, with a bent thumb, that genmo's skeleton has not."""
    skeleton = armature(unit=100, z_up=True)
    performance = retarget(walk, core("skeleton").character(skeleton))
    turns, moves = channels(core("takes").tracks(performance, skeleton))
    turns["LeftHandThumb1"] = np.tile(matrix_from_axis_angle(np.array([0.4, 0, 0.2])), (walk.frames, 1, 1))
    turns["Spine"] = turns["Spine"] @ matrix_from_axis_angle(np.array([0.3, 0.1, 0.0]))
    matrices = played(skeleton, turns, moves)
    frames = np.array([5, 30])
    return skeleton, core("poses").Poses(frames, matrices[frames])


def test_poses_come_back_as_keyframes(core, set_poses, walk):
    skeleton, poses = set_poses
    keys = core("poses").keyframes(poses, skeleton, core("skeleton").character(skeleton), 30.0)
    assert keys.frames.tolist() == [5, 30]
    joints = [1, 2, 4, 5, 16, 17, 18, 19]
    turn = np.einsum("kjab,kjac->kjbc", keys.rotations[:, joints], walk.rotations[keys.frames][:, joints])
    angles = np.degrees(np.arccos(np.clip((np.trace(turn, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    assert angles.max() < 0.1 and np.abs(keys.root - walk.translation[keys.frames]).max() < 0.05


def test_poses_are_met_exactly_and_fingers_hold(core, set_poses, played):
    skeleton, poses = set_poses
    body = core("skeleton").character(skeleton)
    still = Motion(np.tile(np.eye(3), (60, 24, 1, 1)), np.tile([0.0, 0.94, 0.0], (60, 1)))
    met = core("poses").meet(retarget(still, body), poses, skeleton)
    matrices = played(skeleton, *channels(core("takes").tracks(met, skeleton)))
    assert np.abs(matrices[poses.frames] - poses.matrices).max() < 1e-6
    thumb = skeleton.names.index("LeftHandThumb1")
    assert np.abs(met.rotations[:, thumb] - met.rotations[5, thumb]).max() < 1e-9


def test_bones_under_constraints_are_left_alone(core, set_poses, armature):
    skeleton, poses = set_poses
    thumb = skeleton.names.index("LeftHandThumb1")
    free = armature(unit=100, z_up=True, constrained=tuple(bone == thumb for bone in range(len(skeleton.names))))
    still = Motion(np.tile(np.eye(3), (60, 24, 1, 1)), np.tile([0.0, 0.94, 0.0], (60, 1)))
    met = core("poses").meet(retarget(still, core("skeleton").character(free)), poses, free)
    assert thumb not in met.driven


def test_two_poses_in_one_frame_of_the_motion_are_refused(core, armature):
    skeleton = armature()
    poses = core("poses").Poses(np.array([8, 9]), np.stack([skeleton.rest] * 2))
    with pytest.raises(InputError, match="less than 1/30 s"):
        core("poses").keyframes(poses, skeleton, core("skeleton").character(skeleton), 120.0)


# --- path ---------------------------------------------------------------------------------------------------------


def test_a_line_is_gone_along_at_one_speed(core, armature):
    body = core("skeleton").character(armature(unit=100, z_up=True))
    points = 100 * np.array(
        [[0, 0, 0], [0, -2.0, 0], [1.0, -2.0, 0]]
    )  # z up, facing -y: two metres on, one to the left
    targets, note = core("path").root_path(points, body, 91)
    scale = travel_of(body) / 100
    assert targets.frames[0] == 0 and targets.frames[-1] == 90 and np.isnan(targets.positions[:, 1]).all()
    steps = np.linalg.norm(np.diff(targets.positions[:, [0, 2]], axis=0), axis=-1)
    assert np.abs(steps.sum() - 3 / scale) < 0.05 and steps.min() > 0.9 * np.median(steps)
    assert np.allclose(targets.positions[-1, [0, 2]], np.array([1, 2]) / scale, atol=1e-9)
    assert note.startswith(f"path of {3 / scale:.1f} m at ")


@pytest.mark.parametrize(
    ("points", "frames", "told"),
    [
        ([[0, 0, 0]], 60, "fewer than 2"),
        ([[0, 0, 0], [0, 5.0, 0]], 60, "long; wanted"),
        ([[0, 0, 0], [90, 0, 0]], 60, "m/s"),
    ],
)
def test_a_path_that_cannot_be_gone_is_refused(core, armature, points, frames, told):
    body = core("skeleton").character(armature())
    with pytest.raises(InputError, match=told):
        core("path").root_path(np.asarray(points, float), body, frames)


# --- request ------------------------------------------------------------------------------------------------------


def test_a_request_makes_takes_at_the_scenes_rate(core, armature):
    stages = []
    asked = core("request").Request(armature(), frames=13, fps=24.0, prompt="a person walks", samples=2, steps=1)
    takes = core("request").make(asked, core("request").Setup(), lambda stage, share: stages.append((stage, share)))
    assert [take.frames for take in takes] == [13, 13] and len(takes[0].tracks) >= 20
    assert takes[0].label == "a person walks 0.1" and takes[1].label == "a person walks 0.2"
    hips = [next(track for track in take.tracks if track.bone == "Hips") for take in takes]
    assert np.abs(hips[0].locations - hips[1].locations).max() > 1e-3
    assert all(0 <= share <= 1 for _, share in stages) and len({stage for stage, _ in stages}) >= 3


def test_a_request_ends_where_it_is_stopped(core, armature):
    class Enough(Exception):
        pass

    heard = []

    def tell(stage, share):
        heard.append(stage)
        if stage == "Making the motion":
            raise Enough

    asked = core("request").Request(armature(), frames=60, fps=30.0, prompt="a person walks", steps=50)
    with pytest.raises(Enough):
        core("request").make(asked, core("request").Setup(), tell)
    assert heard.count("Making the motion") == 1


def test_a_motion_is_brought_to_the_origin(core, walk):
    turned = core("request").at_origin(Motion(walk.rotations[20:], walk.translation[20:] + (3.0, 0.0, -1.0)))
    assert np.abs(turned.translation[0] - (0, 0.92, 0)).max() < 1e-9
    assert np.abs(turned.rotations[0, 0] - np.eye(3)).max() < 1e-6
    steps = [np.linalg.norm(np.diff(one, axis=0), axis=-1) for one in (turned.translation, walk.translation[20:])]
    assert np.allclose(*steps)


# --- job ----------------------------------------------------------------------------------------------------------


def test_a_job_runs_beside_and_tells_how_far_it_is(core):
    gate = threading.Event()

    def work(tell):
        tell("half", 0.5)
        gate.wait(10)
        return 42

    job = core("job").Job(work).start()
    while job.share < 0.5:
        time.sleep(0.001)
    assert job.running and job.stage == "half" and not job.wait(0)
    gate.set()
    assert job.wait(10) and job.state == "done" and job.result == 42 and job.share == 1.0


def test_a_job_that_is_stopped_ends_at_its_next_word(core):
    words = []

    def work(tell):
        for number in range(100_000):
            tell("counting", 0.0)
            words.append(number)
            time.sleep(0.001)

    job = core("job").Job(work).start()
    job.cancel()
    assert job.wait(10) and job.state == "cancelled" and job.result is None and len(words) < 1000


@pytest.mark.parametrize(("error", "details"), [(InputError("no such file"), False), (ZeroDivisionError("x"), True)])
def test_a_job_that_fails_says_why(core, error, details):
    def work(tell):
        raise error

    job = core("job").Job(work).start()
    assert job.wait(10) and job.state == "failed" and str(error) in job.error and bool(job.details) is details
