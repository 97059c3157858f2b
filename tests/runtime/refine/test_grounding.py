"""The floor under made motions: walks that drift, jumps, stairs, handstands."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import ANKLE_HEIGHT, BALL_HEIGHT, JOINT_COUNT, JOINTS
from genmo.runtime.refine.body_clearance import raise_above_floor
from genmo.runtime.refine.grounding import (
    NEAR_GROUND,
    flat_ground,
    floor_under,
    floor_with_steps,
    level_by_feet,
    put_on_floor,
    support_heights,
    terrain,
)

BALLS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]


def standing(heights, seconds=None) -> Motion:
    """A person in the rest pose whose root is at `heights` [frames], its feet on the ground at 0."""
    heights = np.asarray(heights, np.float64)
    motion = Motion(np.tile(np.eye(3), (len(heights), JOINT_COUNT, 1, 1)), np.zeros((len(heights), 3)))
    lowest = support_heights(motion.joints_world(), np.zeros(len(heights)))[0]
    return replace(motion, translation=np.stack([0 * heights, heights - lowest, 0 * heights], axis=-1))


def lowest(motion: Motion):
    """Height of the lowest point of the body [frames]."""
    return support_heights(motion.joints_world(), np.zeros(motion.frames))


def strides(frames: int) -> np.ndarray:
    """What a runner's root does: off the ground for most of each third of a second."""
    return 0.08 * np.abs(np.sin(np.arange(frames) * np.pi / 10))


@pytest.mark.parametrize("drift", [0.15, -0.15, 0.05])
def test_a_floor_that_drifts_is_taken_off(drift):
    """A runner of 6 s, 15 cm a second off: within 2 cm of the floor wherever a foot comes down, the ends among them."""
    frames = np.arange(180)
    level, floor = level_by_feet(standing(strides(180) + drift * frames / 30))
    result = lowest(level)
    touching = result[::10]
    assert not floor.any()
    assert np.abs(touching).max() < 0.02 and result.min() > -1e-9


def test_a_floor_with_steps_follows_what_stays_at_once_and_no_jump():
    height = np.interp(np.arange(120), [40, 45, 100, 103], [0.0, 0.5, 0.5, 0.2])
    jump = np.zeros(120)
    jump[60:80] = 0.4 * np.sin(np.linspace(0, np.pi, 20))
    floor = floor_with_steps(height + jump)
    np.testing.assert_allclose(floor[:100], height[:100], atol=1e-9)
    assert (floor[100:] >= 0.2 - 1e-9).all() and (floor <= height + jump + 1e-9).all()


def test_a_jump_stays_a_jump():
    """Up by 40 cm for 0.6 s: the floor under it moves by less than 1 cm."""
    jump = np.zeros(150)
    jump[60:78] = 0.4 * np.sin(np.linspace(0, np.pi, 18))
    level, _ = level_by_feet(standing(jump))
    np.testing.assert_allclose(lowest(level), jump, atol=0.01)


def test_a_person_who_never_comes_down_is_put_down():
    level, _ = level_by_feet(standing(np.full(120, 0.6)))
    np.testing.assert_allclose(lowest(level), 0, atol=1e-9)


def test_the_floor_is_never_over_a_foot(random_motion):
    for frames in (1, 5, 31, 32, 33, 61, 200):
        support = np.random.default_rng(frames).normal(size=frames)
        floor = floor_under(support)
        assert len(floor) == frames and (floor <= support + 1e-9).all()


def climbing(rise: float, steps: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Balls [frames, 2, 3] of feet that go up by `rise` a step in turn, and where they stand."""
    frames = 20 * (steps + 2)
    balls, in_contact = np.zeros((frames, 2, 3)), np.ones((frames, 2), bool)
    for step in range(1, steps + 1):
        foot, start = step % 2, 20 * step
        balls[start:, foot, 1] = rise * step
        in_contact[start - 10 : start, foot] = False
        balls[start - 10 : start, foot, 1] = np.linspace(rise * max(step - 2, 0), rise * step + 0.1, 10)
    start, foot = 20 * (steps + 1), (steps + 1) % 2
    in_contact[start - 10 : start, foot], balls[start - 10 :, foot, 1] = False, rise * steps
    return balls, in_contact


@pytest.mark.parametrize(("rise", "climbed"), [(0.17, True), (0.25, True), (0.1, False), (0.05, False)])
def test_stairs_are_climbed_and_drift_is_not(rise, climbed):
    """Steps of a staircase (0.15 m and up) stay; a third less is drift, however sure the feet."""
    ground = terrain(*climbing(rise))
    assert ground[0] == 0 and ground[-1] == pytest.approx(4 * rise if climbed else 0, abs=0.01)


def test_a_landing_that_is_higher_is_no_step():
    """Both feet leave in a jump; what they land on is the same floor."""
    balls, in_contact = np.zeros((90, 2, 3)), np.ones((90, 2), bool)
    balls[40:50, :, 1], in_contact[40:50] = 0.4, False
    balls[50:, :, 1] = 0.2
    assert not terrain(balls, in_contact).any()


@pytest.mark.parametrize("upside_down", [False, True])
def test_feet_over_the_body_climb_nothing(upside_down):
    """A person who is 0.4 m higher from one foot to the next climbs a step; upside down the feet carry nothing."""
    motion = standing(np.interp(np.arange(80), [38, 48], [0, 0.4]))
    contacts = np.zeros((80, 6))
    contacts[:38, :2] = contacts[40:, 2:4] = 1  # the left foot, then the right one
    turned = motion.rotations.copy()
    turned[:, 0] = matrix_from_axis_angle(np.array([np.pi * upside_down, 0, 0]))
    assert (level_by_feet(replace(motion, rotations=turned, contacts=contacts))[1].max() > 0.3) != upside_down


def test_frames_that_a_camera_tells_move_by_a_constant():
    heights = 0.08 + 0.003 * np.maximum(np.arange(200) - 100, 0)
    motion = standing(heights)
    anchored = np.arange(200) < 100
    result, _ = put_on_floor(motion, anchored)
    shift = result.translation - motion.translation
    np.testing.assert_allclose(shift[anchored], [[0, -0.08, 0]] * 100, atol=1e-9)
    np.testing.assert_allclose(lowest(result)[130:], 0, atol=0.03)
    high, floor = put_on_floor(standing(heights + 2 * NEAR_GROUND), anchored)
    assert floor == pytest.approx(0.08 + 2 * NEAR_GROUND)
    np.testing.assert_allclose(lowest(high)[130:], 0.08 + 2 * NEAR_GROUND, atol=0.03)


def test_hands_carry_a_handstand_and_nothing_while_a_foot_stands():
    joints = standing(np.zeros(1)).joints_world()
    hands = [JOINTS.index("left_hand"), JOINTS.index("right_hand")]
    joints[:, hands, 1] = -0.3
    assert support_heights(joints, np.ones(1)) == pytest.approx(0, abs=1e-9)
    assert support_heights(joints, np.zeros(1)) == pytest.approx(-0.32)


def bowed(depth: float) -> Motion:
    """A person bent forwards whose arms hang, lowered by `depth` metres in the middle of 80 frames."""
    motion = standing(np.zeros(80))
    rotations = motion.rotations.copy()
    rotations[:, JOINTS.index("spine1")] = matrix_from_axis_angle(np.array([1.9, 0.0, 0.0]))
    for side, sign in (("left", -1), ("right", 1)):
        rotations[:, JOINTS.index(f"{side}_shoulder")] = matrix_from_axis_angle(np.array([0.0, sign * 1.3, 0.0]))
    dip = -depth * np.exp(-(((np.arange(80) - 40) / 6.0) ** 2))
    return replace(motion, rotations=rotations, translation=motion.translation + np.stack([0 * dip, dip, 0 * dip], -1))


def test_nothing_is_under_the_floor_and_nothing_jumps():
    motion = bowed(0.3)
    assert motion.joints_world()[..., 1].min() < -0.2
    result = raise_above_floor(motion, np.zeros(80)).joints_world()
    assert result[..., 1].min() > -0.005
    assert np.abs(np.diff(result, 2, axis=0)).max() * 900 < 40
    np.testing.assert_allclose(result[[0, -1]], motion.joints_world()[[0, -1]], atol=1e-9)


def test_hands_are_raised_by_their_arms():
    """The feet stand: it is the arm that gives way, and the rest of the body stays."""
    motion = bowed(0.0)
    reach = motion.joints_world()[:, JOINTS.index("left_hand"), 1].min()
    floor = np.full(80, reach + 0.05)
    feet = np.array([JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("ankle", "foot")])
    if motion.joints_world()[:, feet, 1].min() - max(BALL_HEIGHT, ANKLE_HEIGHT) < floor[0]:
        floor = np.full(80, motion.joints_world()[:, feet, 1].min() - ANKLE_HEIGHT)
    result = raise_above_floor(motion, floor)
    moved = np.linalg.norm(result.joints_world() - motion.joints_world(), axis=-1).max(axis=0)
    assert moved[JOINTS.index("head")] < 1e-9 and moved[BALLS].max() < 1e-9
    assert result.joints_world()[..., 1].min() > floor[0] - 0.005


def test_ground_is_flat_unless_feet_stand_elsewhere_for_long():
    every = np.ones(200, bool)
    assert flat_ground(standing(0.06 * np.sin(np.arange(200) / 20)), every) == 0
    box = np.where((np.arange(200) > 80) & (np.arange(200) < 150), 0.4, 0.0)
    assert flat_ground(standing(box), every) is None
    assert flat_ground(standing(np.full(200, -1.2)), every) == pytest.approx(-1.2)
