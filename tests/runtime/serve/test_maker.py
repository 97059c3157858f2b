"""Motions on rigs of requests: limbs point where genmo's do, feet stand, constraints are met."""

import threading

import numpy as np
import pytest
from motionmcp import GenerateRequest, ProtocolError
from motionmcp.trajectory import fk_positions

from genmo.runtime.conditions.spans import Text
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.rotation import matrix_from_yaw
from genmo.runtime.serve.maker import Maker

KINDS = ("canonical", "mixamo", "ue5", "vrm", "rigify")
LIMBS = {
    "canonical": ("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
    "mixamo": ("LeftArm", "LeftForeArm", "LeftHand", "RightUpLeg", "RightLeg", "RightFoot"),
    "ue5": ("upperarm_l", "lowerarm_l", "hand_l", "thigh_r", "calf_r", "foot_r"),
    "vrm": tuple(
        f"J_Bip_{part}" for part in ("L_UpperArm", "L_LowerArm", "L_Hand", "R_UpperLeg", "R_LowerLeg", "R_Foot")
    ),
    "rigify": ("DEF-upper_arm.L", "DEF-forearm.L", "DEF-hand.L", "DEF-thigh.R", "DEF-shin.R", "DEF-foot.R"),
}  # fmt: skip
TOES = {
    "canonical": ("left_foot", "right_foot"),
    "mixamo": ("LeftToeBase", "RightToeBase"),
    "ue5": ("ball_l", "ball_r"),
    "vrm": ("J_Bip_L_ToeBase", "J_Bip_R_ToeBase"),
    "rigify": ("DEF-toe.L", "DEF-toe.R"),
}
BOX = {"joints": [{"name": "box", "rest_translation": [0, 0, 0], "rest_rotation": [0, 0, 0, 1]}]}


class Take:
    """An answer: joints in the world as glTF plays them."""

    def __init__(self, request, result):
        joints = request.skeleton.model_dump(mode="json")["joints"]
        self.names = [joint["name"].removeprefix("mixamorig:") for joint in joints]
        self.result = result
        still = np.zeros((1, 1, len(joints), 4))
        still[..., 3] = 1
        root = np.asarray(joints[0]["rest_translation"])[None, None]
        self.rest = fk_positions(joints, [joint["name"] for joint in joints], still, root)[0][0, 0]
        self.positions, self.turns = fk_positions(
            joints, [joint["name"] for joint in joints], result.rotations, result.root_translations
        )

    def at(self, name, sample=0):
        return self.positions[sample, :, self.names.index(name)]


@pytest.fixture(scope="module")
def make(shipped, body):
    maker = Maker(shipped)

    def run(*arguments, **changes):
        request = GenerateRequest.model_validate(body(*arguments, **changes))
        return Take(request, maker.answer(request, threading.Event()))

    return run


def degrees(first, second):
    cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_limbs_point_where_the_motion_has_them_and_feet_stand_on_the_floor(make, shipped, kind):
    take = make(kind, frames=60)
    timeline = Timeline(60, (Text("a person walks forward", 0, 60),), steps=4, seed=1)
    source = shipped.follow(timeline).motions[0].joints_world()
    shoulder, elbow, wrist, hip, knee, ankle = LIMBS[kind]
    bones = ((shoulder, elbow), (elbow, wrist), (hip, knee), (knee, ankle))
    joints = (
        ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
        ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"),
    )
    for (first, second), (above, below) in zip(bones, joints, strict=True):
        expected = source[:, JOINTS.index(below)] - source[:, JOINTS.index(above)]
        off = degrees(take.at(second) - take.at(first), expected)
        assert np.median(off) < 1.0, (first, off.max())
    resting = {name: take.rest[take.names.index(name), 1] for name in TOES[kind]}
    above = min((take.at(name)[:, 1] - resting[name]).min() for name in TOES[kind])
    assert abs(above) < 0.005


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_is_followed_to_the_millimetre(make, kind):
    frames = list(range(0, 60, 6))
    path = [[0.02 * frame, 0.0003 * frame**2] for frame in frames]
    take = make(kind, frames=60, constraints=[{"type": "root_path", "frames": frames, "positions_xz": path}])
    root = take.result.root_translations[0, frames][:, [0, 2]]
    assert np.abs(root - path).max() < 1e-3
    steps = np.linalg.norm(np.diff(take.result.root_translations[0], axis=0), axis=-1)
    assert steps.max() < 0.15


@pytest.mark.parametrize("kind", ("mixamo", "ue5"))
def test_a_hand_reaches_its_target_and_feet_stay(make, kind):
    hand = LIMBS[kind][2]
    joint = f"mixamorig:{hand}" if kind == "mixamo" else hand
    target = {
        "type": "effector_target",
        "joint": joint,
        "frames": [20, 30],
        "positions": [[0.3, 1.5, 0.3], [0.1, 0.9, 0.45]],
    }
    take = make(kind, "a person stands still", frames=45, constraints=[target])
    assert np.linalg.norm(take.at(hand)[[20, 30]] - target["positions"], axis=-1).max() < 1e-3
    lengths = np.linalg.norm(take.at(hand) - take.at(LIMBS[kind][1]), axis=-1)
    assert np.ptp(lengths) < 1e-5


def test_a_target_out_of_reach_moves_the_body(make):
    target = {"type": "effector_target", "joint": "mixamorig:LeftHand", "frames": [30], "positions": [[0.6, 1.1, 0.9]]}
    take = make("mixamo", "a person stands still", frames=45, constraints=[target])
    assert np.linalg.norm(take.at("LeftHand")[30] - target["positions"]) < 5e-3


@pytest.mark.parametrize("kind", ("canonical", "mixamo", "ue5"))
def test_a_whole_pose_is_met_joint_by_joint(make, kind):
    source = make(kind, "a person raises both arms", frames=40)
    names = [f"mixamorig:{name}" if kind == "mixamo" else name for name in source.names]
    pose = {
        "type": "pose_keyframe",
        "frame": 25,
        "joint_rotations": dict(zip(names, source.result.rotations[0, 30].tolist(), strict=True)),
        "root_position": source.result.root_translations[0, 30].tolist(),
    }
    take = make(kind, "a person stands still", frames=50, constraints=[pose], options={"seed": 3})
    assert np.abs(take.positions[0, 25] - source.positions[0, 30]).max() < 1e-3
    jerk = np.linalg.norm(np.diff(take.positions[0], axis=0), axis=-1).max(axis=1)
    assert jerk[20:30].max() < 0.3


def test_a_partial_pose_pins_what_it_lists_and_a_resting_one_the_rest_too(make):
    turned = {"mixamorig:LeftArm": [0.0, 0.0, 0.6, 0.8]}
    pose = {"type": "pose_keyframe", "frame": 20, "joint_rotations": turned}
    generated = make("mixamo", constraints=[pose])
    index = generated.names.index("LeftArm")
    assert np.abs(generated.result.rotations[0, 20, index] @ [0, 0, 0.6, 0.8]) == pytest.approx(1)
    others = [i for i, name in enumerate(generated.names) if name in ("RightLeg", "Spine")]
    assert (np.abs(generated.result.rotations[0, 20, others, 3]) < 1 - 1e-6).any()
    rested = make("mixamo", constraints=[pose | {"fill_mode": "rest"}])
    other = [i for i in range(len(rested.names)) if i != index]
    assert np.abs(rested.result.rotations[0, 20, other, 3]).min() > 1 - 1e-9


def test_a_heading_turns_the_body_right_handed_about_the_vertical(make):
    path = {"type": "root_path", "frames": [0, 39], "positions_xz": [[0, 0], [0, 0.2]], "heading_radians": [1.0, 1.0]}
    take = make("mixamo", "a person stands still", constraints=[path])
    across = take.at("LeftUpLeg") - take.at("RightUpLeg")
    facing = np.arctan2(-across[:, 2], across[:, 0])
    assert abs(facing[[0, 39]] - 1.0).max() < 0.15


def test_a_rig_that_faces_another_way_is_the_same_motion_turned(make, make_rig):
    straight = make("mixamo")
    turn = matrix_from_yaw(np.pi / 2)
    turned = make(skeleton=make_rig("mixamo", turn=turn))
    assert np.abs(turned.positions[0] - straight.positions[0] @ turn.T).max() < 1e-6


def test_a_giant_takes_giant_steps(make, make_rig):
    person, giant = make("mixamo"), make(skeleton=make_rig("mixamo", size=3.0))
    assert np.abs(giant.positions - 3 * person.positions).max() < 0.02


def test_seeds_samples_and_seeds_of_segments(make):
    two = [{"type": "text", "prompt": "a person walks forward", "duration_frames": 20}] * 2
    same = [make(segments=two, options={"num_samples": 2}).positions for _ in range(2)]
    assert np.array_equal(*same) and np.abs(same[0][0] - same[0][1]).max() > 0.01
    again = [two[0], two[1] | {"seed": 5}]
    assert np.abs(make(segments=again).positions - same[0][:1]).max() > 0.01


def test_other_rates_give_the_asked_frames_and_meet_constraints_there(make):
    path = {"type": "root_path", "frames": [0, 17, 39], "positions_xz": [[0, 0], [0.1, 0.5], [0, 1.2]]}
    for fps in (24, 60):
        take = make("mixamo", constraints=[path], timing={"fps": fps})
        assert take.positions.shape[1] == 40
        assert np.abs(take.result.root_translations[0, path["frames"]][:, [0, 2]] - path["positions_xz"]).max() < 1e-3


def test_a_pose_is_one_frame_and_stands_alone(make):
    pose = {"type": "pose", "prompt": "a person raises both arms"}
    assert make("mixamo", segments=[pose]).positions.shape[1] == 1
    with pytest.raises(ProtocolError, match="stands alone"):
        make("mixamo", segments=[pose, pose])


def test_nothing_but_time_is_enough_and_so_is_a_constraint(make):
    assert make("mixamo", segments=[{"type": "unconditioned", "duration_frames": 30}]).positions.shape[1] == 30
    target = {"type": "effector_target", "joint": "mixamorig:Head", "frames": [10], "positions": [[0.0, 1.3, 0.1]]}
    take = make("mixamo", segments=None, duration_frames=20, constraints=[target])
    assert np.linalg.norm(take.at("Head")[10] - target["positions"]) < 5e-3


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"timing": {"fps": 1000}}, "invalid_options", "timing.fps is 1000"),
        ({"options": {"guidance": {"type": "regular", "weight": [99]}}}, "invalid_options", "guidance.weight is 99"),
        (
            {"constraints": [{"type": "root_path", "frames": [0], "positions_xz": [[float("nan"), 0]]}]},
            "schema_validation",
            r"constraints\[0\]: positions",
        ),
        (
            {"constraints": [{"type": "pose_keyframe", "frame": 0, "joint_rotations": {"pelvis": [0, 0, 0, 0]}}]},
            "schema_validation",
            "quaternion of no length",
        ),
        ({"skeleton": BOX}, "invalid_skeleton", "no joint found for hips"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_with_its_reason(make, change, code, said):
    with pytest.raises(ProtocolError, match=said) as caught:
        make(**change)
    assert caught.value.code == code


@pytest.mark.parametrize("fps", (30, 24))
def test_a_loop_ends_where_it_began(make, fps):
    take = make("mixamo", frames=49, options={"loop": True}, timing={"fps": fps})
    result = take.result
    assert take.positions.shape[1] == 49
    np.testing.assert_allclose(
        np.abs((result.rotations[0, 0, 1:] * result.rotations[0, -1, 1:]).sum(axis=-1)), 1, atol=1e-9
    )
    heights = take.positions[0, [0, -1], :, 1]
    np.testing.assert_allclose(heights[0], heights[1], atol=1e-6)
    speed = np.linalg.norm(np.diff(take.positions[0], axis=0), axis=-1)
    assert np.abs(speed[-1] - speed[0]).max() < 0.5 * speed.max() + 0.01


def test_loops_that_cannot_be_made(make):
    path = {"type": "root_path", "frames": [0], "positions_xz": [[0, 0]]}
    for change, said in (
        ({"constraints": [path]}, "no constraints"),
        ({"frames": 9}, "at least 17"),
        ({"timing": {"fps": 61}}, "whole"),
    ):
        with pytest.raises(ProtocolError, match=said):
            make("mixamo", options={"loop": True}, **change)
