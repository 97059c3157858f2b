"""Measures of actions on made motions: a made person walks, turns, jumps, waves as told, and the numbers say so."""

import numpy as np
import pytest

from genmo.runtime.motion.joints import JOINTS
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.train.metrics.action_measures import MEASURES, Signals, mirrored_joints

FRAMES = 120
TIME = np.arange(FRAMES) / 30


def person(velocity=(0, 0, 0), heading=None, height=None, **turned):
    """World joints of someone who hangs the arms and glides at a velocity (left, up, ahead; m/s), heading in degrees
    [frames]; `turned`: axis-angles of joints, [3] or [frames, 3]."""
    turn = np.zeros((FRAMES, 24, 3))
    turn[:, JOINTS.index("left_shoulder"), 2] = -1.35
    turn[:, JOINTS.index("right_shoulder"), 2] = 1.35
    for name, value in turned.items():
        turn[:, JOINTS.index(name)] = value
    yaw = np.radians(np.zeros(FRAMES) if heading is None else heading)
    rotations = matrix_from_axis_angle(turn)
    rotations[:, 0] = matrix_from_yaw(yaw) @ rotations[:, 0]
    steps = np.einsum("fij,j->fi", matrix_from_yaw(yaw), np.asarray(velocity, float)) / 30
    path = np.cumsum(steps, axis=0) + [0, 0.95, 0]
    path[:, 1] += 0 if height is None else height
    return Motion(rotations, path).joints_world()


def measured(joints, name):
    return MEASURES[name](Signals.of(joints))


def hops(count):
    """Heights of `count` flights of a third of a second."""
    height = np.zeros(FRAMES)
    for start in 15 + 30 * np.arange(count):
        height[start : start + 11] = 0.3 * np.sin(np.pi * np.arange(11) / 10)
    return height


UP = (0, 0, 1.4)
SWINGS = np.stack([np.zeros(FRAMES), np.zeros(FRAMES), 1.4 + 0.35 * np.sin(2 * np.pi * 1.5 * TIME)], axis=-1)
CASES = {
    "someone who stands": (person(), {"speed": 0, "ahead": 0, "turn": 0, "flights": 0, "limb_speed": 0, "jumps": 0}),
    "ahead": (person((0, 0, 1.2)), {"ahead": 1.2, "leftward": 0, "speed": 1.2, "travel": 1.2 * 119 / 30}),
    "backward": (person((0, 0, -0.8)), {"ahead": -0.8, "speed": 0.8}),
    "to the left": (person((0.6, 0, 0)), {"leftward": 0.6, "ahead": 0, "sideways": 0.6}),
    "a turn to the left": (person(heading=np.linspace(0, 90, FRAMES)), {"turn": 90, "turned": 90, "speed": 0}),
    "ahead after a turn": (person((0, 0, 1), heading=np.full(FRAMES, 70)), {"ahead": 1, "leftward": 0, "turn": 0}),
    "faster": (person() + np.outer(TIME**2, [0, 0, 0.5])[:, None], {"gain": 0.7 * 119 / 30}),
    "left arm up": (
        person(left_shoulder=UP),
        {"left_raised": 4, "right_raised": 0, "both_raised": 0, "most_raised": 4},
    ),
    "both arms up": (person(left_shoulder=UP, right_shoulder=(0, 0, -1.4)), {"both_raised": 4}),
    "like a T": (
        person(left_shoulder=(0, 0, 0), right_shoulder=(0, 0, 0)),
        {"both_out": 4, "both_raised": 0},
    ),
    "left arm ahead": (person(left_shoulder=(0, -1.5, 0)), {"left_to_front": 4, "right_to_front": 0}),
    "waves left": (person(left_shoulder=SWINGS), {"left_waves": 12, "right_waves": 0}),
    "three jumps": (person(height=hops(3)), {"jumps": 3, "flights": 3, "left_hops": 0}),
}


@pytest.mark.parametrize(("case", "name"), [(case, name) for case, (_, wanted) in CASES.items() for name in wanted])
def test_a_made_motion_measures_as_it_was_made(case, name):
    joints, wanted = CASES[case]
    # the ends of smoothed curves and half a swing more or less do not matter
    assert measured(joints, name) == pytest.approx(wanted[name], abs=0.05 + 0.06 * abs(wanted[name]))


def test_in_the_mirror_left_is_right():
    joints = mirrored_joints(person((0.6, 0, 0), heading=np.linspace(0, 90, FRAMES), left_shoulder=UP))
    assert measured(joints, "turn") == pytest.approx(-90, abs=3)  # smoothed over eleven frames
    assert (measured(joints, "right_raised"), measured(joints, "left_raised")) == (4, 0)
    assert measured(joints, "leftward") == pytest.approx(-0.6, abs=0.05)


def test_who_bends_over_is_tilted_by_as_much():
    upright, bent = (person(pelvis=(angle, 0, 0)) for angle in (0.2, 1.0))
    assert measured(bent, "tilt") - measured(upright, "tilt") == pytest.approx(np.degrees(0.8), abs=1)


def test_sizes_do_not_matter():
    """A child of half the size who does the same has the same numbers."""
    joints = person((0, 0, 1.2), left_shoulder=SWINGS, height=hops(2))
    whole, half = Signals.of(joints), Signals.of(0.5 * joints)
    for name, measure in MEASURES.items():
        assert measure(half) == pytest.approx(measure(whole), abs=1e-6), name


def test_every_measure_takes_a_single_frame():
    signals = Signals.of(person((0, 0, 1))[:1])
    assert all(np.isfinite(measure(signals)) for measure in MEASURES.values())


def legs(knee, hip):
    bent = {
        f"{side}_{part}": (angle, 0, 0) for side in ("left", "right") for part, angle in (("knee", knee), ("hip", hip))
    }
    return person(**bent)


def test_who_sits_does_not_kneel_and_the_other_way_round():
    seat, kneeling = legs(knee=1.5, hip=-1.5), legs(knee=1.9, hip=-0.3)
    assert measured(seat, "sitting") == 4 and measured(seat, "kneeling") == 0
    assert measured(kneeling, "kneeling") == 4 and measured(kneeling, "sitting") == 0


def test_a_kick_is_a_leg_swung_up_while_the_other_stands():
    swing = np.zeros((FRAMES, 3))
    swing[40:56, 0] = -1.4 * np.sin(np.pi * np.arange(16) / 15)
    kicker = person(right_hip=swing)
    assert measured(kicker, "right_kick") > 1 and measured(kicker, "left_kick") < 0.5
    assert measured(kicker, "most_kick") == measured(kicker, "right_kick")


def test_a_punch_is_an_arm_stretched_ahead_fast():
    bend = np.zeros((FRAMES, 3))
    bend[:, 1] = -2.3
    bend[60:66, 1] = np.linspace(-2.3, 0, 6)
    bend[66:80, 1] = 0
    boxer = person(left_shoulder=(0, -1.4, 0), left_elbow=bend)
    assert measured(boxer, "left_punches") == 1 and measured(boxer, "right_punches") == 0
    assert measured(boxer, "punches") == 1
