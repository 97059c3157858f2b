"""Clean feet, against closed forms and a walker whose slide is known."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from genmo.runtime import InputError
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import axis_angle_from_matrix, matrix_from_axis_angle, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import BALL_HEIGHT, BETA_COUNT, JOINT_COUNT, JOINTS, PARENTS
from genmo.runtime.refine import foot_locking
from genmo.runtime.refine.foot_anchors import Lock, lock_anchors
from genmo.runtime.refine.foot_contacts import contact_scores, frames_in_contact
from genmo.runtime.refine.foot_locking import FeetOptions, FootLocker, clean_feet
from genmo.runtime.refine.two_bone_ik import two_bone
from tests.runtime.refine.walking import standing, walker

BALLS = [JOINTS.index("left_foot"), JOINTS.index("right_foot")]
ANKLES = [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")]


def ball_speed(motion):
    """[frames - 1, 2] m/s"""
    return np.linalg.norm(np.diff(motion.joints_world()[:, BALLS], axis=0), axis=-1) * motion.fps


def middle(down, margin=5):
    """Steps [frames - 1, 2] whose foot is down for `margin` frames on either side."""
    padded = np.pad(down, [(margin, margin), (0, 0)], mode="edge")
    calm = np.lib.stride_tricks.sliding_window_view(padded, 2 * margin + 1, axis=0).all(axis=-1)
    return calm[:-1] & calm[1:]


def distance(one, other):
    return np.linalg.norm(one.joints_world() - other.joints_world(), axis=-1)


# --- two-bone inverse kinematics ------------------------------------------------------------------------------------


def legs(rng, count):
    """Random bent legs: hip, knee, ankle [count, 3] and the bend's axis."""
    upper, lower = rng.uniform(0.3, 0.5, (2, count, 1))
    thigh, axis = rng.normal(size=(2, count, 3))
    thigh /= np.linalg.norm(thigh, axis=-1, keepdims=True)
    axis = np.cross(thigh, axis)
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    shin = rotate(matrix_from_axis_angle(rng.uniform(0.3, 2.0, (count, 1)) * axis), thigh)
    hip = rng.normal(size=(count, 3))
    knee = hip + upper * thigh
    return hip, knee, knee + lower * shin, axis


def solve(hip, knee, ankle, target, axis):
    thigh, shin = two_bone(hip, knee, ankle, target, axis)
    new_knee = hip + rotate(thigh, knee - hip)
    return new_knee, new_knee + rotate(shin, ankle - knee)


def test_the_leg_reaches_its_target_and_keeps_its_lengths():
    rng = np.random.default_rng(0)
    hip, knee, ankle, axis = legs(rng, 500)
    length = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
    way = rng.normal(size=(500, 3))
    way = 0.3 * way / np.linalg.norm(way, axis=-1, keepdims=True) + (ankle - hip)
    target = (way / np.linalg.norm(way, axis=-1, keepdims=True)) * (rng.uniform(0.4, 0.969, 500) * length)[:, None]
    new_knee, new_ankle = solve(hip, knee, ankle, hip + target, axis)
    assert_allclose(new_ankle, hip + target, atol=1e-9)
    # the law of cosines, from the new places alone
    a, b, c = (np.linalg.norm(v, axis=-1) for v in (knee - hip, ankle - knee, target))
    inner = np.arccos((a**2 + b**2 - c**2) / (2 * a * b))
    to_hip, to_ankle = hip - new_knee, new_ankle - new_knee
    assert_allclose(np.arccos((to_hip * to_ankle).sum(-1) / (a * b)), inner, atol=1e-6)


def test_a_knee_in_a_plane_bends_as_on_paper():
    hip, knee, ankle = np.array([0.0, 0.8, 0.0]), np.array([0.0, 0.4, 0.0]), np.array([0.0, 0.0, 0.0])
    target = np.array([0.0, 0.8 - 0.8 * np.cos(0.4), 0.0])
    for axis, forward in (([1.0, 0, 0], 1), ([-1.0, 0, 0], -1)):
        new_knee, new_ankle = solve(hip, knee, ankle, target, np.array(axis))
        assert_allclose(new_ankle, target, atol=1e-12)
        assert_allclose(new_knee, [0, 0.8 - 0.4 * np.cos(0.4), forward * 0.4 * np.sin(0.4)], atol=1e-12)


def test_a_knee_keeps_the_side_to_which_it_bent():
    rng = np.random.default_rng(1)
    hip, knee, ankle, axis = legs(rng, 200)
    new_knee, new_ankle = solve(hip, knee, ankle, hip + 0.9 * (ankle - hip), rng.normal(size=axis.shape) * 0)
    normal = np.cross(new_knee - hip, new_ankle - new_knee)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    assert_allclose(normal, axis, atol=1e-9)


def test_a_target_where_the_ankle_is_changes_nothing():
    hip, knee, ankle, axis = legs(np.random.default_rng(2), 200)
    for turn in two_bone(hip, knee, ankle, ankle, axis):
        assert_allclose(turn, np.broadcast_to(np.eye(3), turn.shape), atol=1e-7)


def test_reach_is_softened_and_never_exceeded():
    hip, knee = np.zeros(3), np.array([0.0, -0.4, 0.0])
    ankle = knee + rotate(matrix_from_axis_angle(np.array([0.8, 0, 0])), np.array([0.0, -0.4, 0.0]))
    requested = np.linspace(0.70, 1.2, 101)
    target = (ankle / np.linalg.norm(ankle)) * requested[:, None]
    many = (np.broadcast_to(point, target.shape) for point in (hip, knee, ankle))
    got = np.linalg.norm(solve(*many, target, np.array([1.0, 0, 0]))[1], axis=-1)
    inside = requested <= 0.97 * 0.8
    assert_allclose(got[inside], requested[inside], atol=1e-12)
    assert (got < 0.8).all() and (np.diff(got) > 0)[requested[1:] < 0.85].all()
    assert np.diff(got).max() <= np.diff(requested).max() + 1e-12


# --- when a foot is planted -----------------------------------------------------------------------------------------


def test_odds_of_a_foot_at_rest():
    balls = np.zeros((9, 2, 3))
    contacts = np.full((9, 6), 0.5)
    contacts[:, 2:4] = 0.2
    odds = (0.7 / 0.05) ** 3 * np.array([1.0, 0.2 / 0.8])
    assert_allclose(contact_scores(balls, contacts, 30.0), np.tile(odds / (1 + odds), (9, 1)))
    assert_allclose(contact_scores(balls, None, 30.0), (0.2 / 0.05) ** 3 / (1 + (0.2 / 0.05) ** 3))


def test_faster_higher_and_less_in_contact_is_less_planted():
    balls = np.zeros((9, 2, 3))
    balls[:, 0, 2] = 0.5 / 30 * np.arange(9)
    still, moving = contact_scores(balls, None, 30.0)[4, ::-1]
    balls[:, 0] = 0.0, 0.2, 0.0
    assert contact_scores(balls, None, 30.0)[4, 0] < still and moving < 0.1
    contacts = np.full((9, 6), 0.9)
    contacts[:, :2] = 0.1
    left, right = contact_scores(balls * 0, contacts, 30.0)[4]
    assert left < right


def hysteresis(scores, enter, leave, state):
    """One frame after another, as one would write it down."""
    answer = []
    for frame, score in enumerate(scores):
        ahead = [scores[min(frame + k, len(scores) - 1)] for k in (1, 2)]
        if score > enter and min(ahead) > leave:
            state = True
        elif score < leave:
            state = False
        answer.append(state)
    return answer


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.booleans())
def test_hysteresis_is_that_of_a_loop(scores, before):
    both = np.array([scores, scores[::-1]]).T
    got = frames_in_contact(both, before=np.array([before, before]))
    for foot in (0, 1):
        assert got[:, foot].tolist() == hysteresis(both[:, foot], 0.5, 0.4, before)


# --- whole motions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slide", [0.0, 0.2, -0.3])
def test_a_known_slide_is_taken_off_the_feet_and_not_off_the_path(slide):
    motion, down = walker(slide=slide)
    calm = middle(down)
    assert_allclose(ball_speed(motion)[calm], abs(slide), atol=1e-6)
    clean = clean_feet(motion)
    assert ball_speed(clean)[calm].max() < 1e-6
    # 150 frames of 0.3 m/s are 1.5 m: the path must not lose them
    moved = clean.translation - motion.translation
    assert np.abs(moved[45:105]).max() < 0.03 and np.abs(moved).max() < 0.16
    assert_allclose(moved[:, 0], 0, atol=1e-9)


def test_a_long_horizon_gives_the_slide_to_the_path():
    """Then the body covers what its legs do: the length of the walk without its slide."""
    motion, _ = walker(slide=0.2)
    truth, _ = walker(slide=0.0)
    clean = clean_feet(motion, FeetOptions(horizon=100_000))
    before, expected, got = (np.ptp(one.translation[:, 2]) for one in (motion, truth, clean))
    assert abs(got - expected) < 0.25 * abs(before - expected)


def test_what_is_changed_and_what_is_not():
    motion, _ = walker(slide=0.25)
    clean = clean_feet(motion)
    parts = ("hip", "knee", "ankle", "foot")
    legs_only = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in parts]
    others = [joint for joint in range(JOINT_COUNT) if joint not in legs_only]
    assert np.array_equal(clean.rotations[:, others], motion.rotations[:, others])
    for joint in BALLS + ANKLES:
        assert_allclose(clean.kinematics()[0][:, joint], motion.kinematics()[0][:, joint], atol=1e-9)
    assert clean.contacts is motion.contacts
    assert_allclose(np.linalg.det(clean.rotations), 1, atol=1e-9)


def test_no_pop_where_a_pin_begins_or_ends():
    motion, _ = walker(slide=0.2)
    both = (motion, clean_feet(motion))
    jerk = [np.linalg.norm(np.diff(one.joints_world()[:, BALLS], 3, axis=0), axis=-1).max() for one in both]
    assert jerk[1] < 1.5 * jerk[0]


def test_clean_motion_stays_as_it_is():
    motion, _ = walker(slide=0.0)
    assert distance(clean_feet(motion), motion).mean() < 1e-3
    assert distance(clean_feet(replace(motion, contacts=None)), motion).mean() < 1e-3


def test_cleaning_twice_changes_little_more():
    motion, _ = walker(slide=0.25, seed=3)
    once = clean_feet(motion)
    assert distance(clean_feet(once), once).mean() < 0.15 * distance(once, motion).mean()


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 20, 119, 120, 121])
def test_any_length(random_motion, frames):
    motion = random_motion(frames)
    contacts = np.random.default_rng(frames).random((frames, 6))
    clean = clean_feet(replace(motion, contacts=contacts))
    assert clean.frames == frames and np.isfinite(clean.rotations).all() and np.isfinite(clean.translation).all()
    joints = clean.joints_world()
    assert joints[:, BALLS, 1].min() > BALL_HEIGHT - 1e-9


def test_a_floating_body_is_brought_to_the_ground_and_a_step_is_kept():
    rotations, path = standing(60)
    contacts = np.full((60, 6), 0.9)
    for height, expected in ((0.05, BALL_HEIGHT), (-0.5, BALL_HEIGHT), (0.6, BALL_HEIGHT + 0.6)):
        clean = clean_feet(Motion(rotations, path + [0, height, 0], contacts=contacts))
        assert_allclose(clean.joints_world()[:, BALLS, 1], expected, atol=1e-4)
    free = Motion(rotations, path + [0, 0.05, 0], contacts=contacts)
    assert_allclose(distance(clean_feet(free, FeetOptions(ground=None)), free), 0, atol=1e-7)


def test_strength_is_a_share():
    motion, down = walker(slide=0.2)
    calm = middle(down)
    assert clean_feet(motion, FeetOptions(strength=0)) is motion
    half = ball_speed(clean_feet(motion, FeetOptions(strength=0.5)))[calm]
    assert_allclose(half, 0.1, atol=0.005)


def test_a_dragged_foot_is_let_go():
    rotations, path = standing(200)
    path = path + 0.1 * np.arange(200)[:, None] / 30 * [0.0, 0.0, 1.0]
    motion = Motion(rotations, path, contacts=np.full((200, 6), 0.98))
    clean = clean_feet(motion)
    moved = (clean.joints_world() - motion.joints_world())[:, BALLS]
    assert np.linalg.norm(moved[50:150], axis=-1).max() < 0.2
    assert ball_speed(clean)[50:150].min() < 1e-6


@pytest.mark.parametrize("away", [slice(60, 72), slice(0, 12)], ids=["dragged for a moment", "lands out of place"])
def test_a_standing_foot_that_is_away_for_a_moment_stays_where_it_stands(away):
    """A detector puts a hidden foot on the other one: 0.3 m off for 12 frames, while the contact is sure."""
    rotations, path = standing(120)
    swing = np.zeros(120)
    swing[away] = 0.35  # radians
    rotations[:, JOINTS.index("left_hip")] = matrix_from_axis_angle(swing[:, None] * [-1.0, 0.0, 0.0])
    motion = Motion(rotations, path, contacts=np.full((120, 6), 0.98))
    assert np.linalg.norm(np.ptp(motion.joints_world()[:, BALLS[0]], axis=0)) > 0.25
    clean = clean_feet(motion).joints_world()[:, BALLS]
    assert np.linalg.norm(np.ptp(clean, axis=0), axis=-1).max() < 0.02


@settings(max_examples=20)
@given(st.floats(-3, 3), st.floats(-50, 50), st.floats(-50, 50), st.sampled_from([0.0, 7.0, -3.0]))
def test_the_world_may_turn_and_shift(yaw, x, z, ground):
    motion, _ = walker(frames=60, slide=0.2)
    turn, shift = matrix_from_yaw(np.array(yaw)), np.array([x, ground, z])
    moved = clean_feet(motion.moved(turn, shift), FeetOptions(ground=ground)).joints_world()
    assert_allclose(moved, clean_feet(motion).moved(turn, shift).joints_world(), atol=1e-6)


def test_left_and_right_are_treated_alike():
    """A mirror: swap sides and reflect x; a shape without left and right."""
    motion, _ = walker(slide=0.2)
    flip = np.array([-1.0, 1.0, 1.0])
    swap = [JOINTS.index(n.replace("left", "?").replace("right", "left").replace("?", "right")) for n in JOINTS]
    assert BETA_COUNT == 10 and PARENTS[0] == -1

    def mirrored(one):
        rotations = flip[:, None] * one.rotations[:, swap] * flip
        contacts = one.contacts[:, [2, 3, 0, 1, 5, 4]]
        offsets = (one.rest_offsets * flip)[swap]
        return Motion(rotations, one.translation * flip, offsets=offsets, contacts=contacts)

    assert_allclose(clean_feet(mirrored(motion)).joints_world(), mirrored(clean_feet(motion)).joints_world(), atol=1e-7)


def test_joints_in_the_camera_follow(random_camera):
    motion, _ = walker(frames=60, slide=0.25)
    camera = random_camera(60)
    with_camera = replace(motion, camera=camera, root_camera=motion.root_seen_by(camera))
    clean = clean_feet(with_camera)
    expected = camera.to_camera(clean.joints_world())
    expected += (with_camera.joints_camera - expected)[:, :1]
    assert_allclose(clean.joints_camera, expected, atol=1e-9)
    assert np.abs(clean.joints_camera - with_camera.joints_camera).max() > 0.005


def test_bad_options_and_contacts():
    motion, _ = walker(frames=10)
    for options in (
        {"strength": 1.5},
        {"strength": float("nan")},
        {"enter": 0.4, "leave": 0.6},
        {"ground": np.inf},
        {"horizon": 0},
    ):
        with pytest.raises(InputError, match="wanted"):
            FeetOptions(**options)
    for wrong in (2.0, -0.5, np.nan):
        with pytest.raises(InputError, match="probabilities"):
            clean_feet(replace(motion, contacts=np.full((10, 6), wrong)))
    with pytest.raises(InputError, match="lookahead"):
        FootLocker(-1)


# --- streams --------------------------------------------------------------------------------------------------------


def streamed(motion, lookahead, cuts=(), options=None):
    """Joints [frames, 24, 3] of a stream pushed in blocks that end at `cuts`, and the frames given out at each."""
    cleaner = FootLocker(lookahead, options or FeetOptions())
    ends = [0, *sorted(set(cuts)), motion.frames]
    outs = [cleaner.push(motion.cut(slice(a, b))) for a, b in zip(ends, ends[1:], strict=False)]
    outs.append(cleaner.flush())
    assert cleaner.flush() is None
    return np.concatenate([out.joints_world() for out in outs if out.frames]), [out.frames for out in outs]


@pytest.mark.parametrize("contacts", [True, False])
def test_a_stream_that_sees_everything_is_the_offline_answer(contacts):
    motion, _ = walker(slide=0.25, seed=1)
    motion = motion if contacts else replace(motion, contacts=None)
    joints, frames = streamed(motion, lookahead=200, cuts=range(7, 150, 7))
    assert frames[-1] == 150
    assert_allclose(joints, clean_feet(motion).joints_world(), atol=1e-9)


def test_a_stream_that_sees_far_enough_is_the_offline_answer_too():
    """100 frames ahead see past the decision, the fade, the longest pin of this walk and the horizon."""
    motion, _ = walker(frames=240, slide=0.25, seed=1)
    assert_allclose(streamed(motion, 100, range(0, 240, 10))[0], clean_feet(motion).joints_world(), atol=1e-9)


@settings(max_examples=12)
@given(st.sets(st.integers(1, 59), max_size=8), st.sampled_from([0, 1, 4, 5, 6, 15]))
def test_blocks_do_not_show(cuts, lookahead):
    motion, _ = walker(frames=60, slide=0.25, seed=2)
    whole = whole_stream(lookahead)
    joints, frames = streamed(motion, lookahead, cuts)
    assert_allclose(joints, whole, atol=1e-9)
    assert frames[0] == max(min([60, *cuts]) - lookahead, 0) and sum(frames) == 60


@functools.cache
def whole_stream(lookahead):
    return streamed(walker(frames=60, slide=0.25, seed=2)[0], lookahead)[0]


@pytest.mark.parametrize("lookahead", [0, 5, 15])
def test_a_stream_holds_its_feet_and_does_not_pop(lookahead):
    motion, down = walker(frames=120, slide=0.2)
    joints, _ = streamed(motion, lookahead, range(1, 120))
    feet = joints[:, BALLS]
    calm = middle(down, 7)
    speed = np.linalg.norm(np.diff(feet, axis=0), axis=-1) * 30
    assert np.median(speed[calm]) < 1e-6 and speed[calm].mean() < 0.02
    jerk = np.linalg.norm(np.diff(feet, 3, axis=0), axis=-1).max()
    before = np.linalg.norm(np.diff(motion.joints_world()[:, BALLS], 3, axis=0), axis=-1).max()
    assert jerk < (2 if lookahead else 3) * before


def test_the_state_does_not_grow():
    motion, _ = walker(frames=200, slide=0.2)
    cleaner = FootLocker(5)
    buffered = []
    for frame in range(200):
        cleaner.push(motion.cut(slice(frame, frame + 1)))
        arrays = [value for value in vars(cleaner).values() if isinstance(value, np.ndarray)]
        buffered.append(cleaner._motion.frames + sum(len(array) for array in arrays))
    assert len(set(buffered[100:])) == 1 and cleaner._motion.frames <= 60 + 15 + 5


def test_a_stream_keeps_camera_and_starts_anew(random_camera):
    motion, _ = walker(frames=40, slide=0.2)
    camera = random_camera(40)
    motion = replace(motion, camera=camera, root_camera=motion.root_seen_by(camera))
    cleaner = FootLocker(5)
    assert cleaner.flush() is None
    for _ in range(2):
        outs = [cleaner.push(motion.cut(slice(0, 17))), cleaner.push(motion.cut(slice(17, 40))), cleaner.flush()]
        assert [out.frames for out in outs] == [12, 23, 5]
        assert_allclose(np.concatenate([out.camera.position for out in outs]), camera.position)
        assert all(out.joints_camera.shape == (out.frames, JOINT_COUNT, 3) for out in outs)


def test_blocks_of_another_person_are_refused():
    motion, _ = walker(frames=10)
    for other in (
        replace(motion, contacts=None),
        replace(motion, fps=60.0),
        replace(motion, betas=np.ones(BETA_COUNT)),
    ):
        cleaner = FootLocker(3)
        cleaner.push(motion)
        with pytest.raises(InputError, match="one person"):
            cleaner.push(other)


def test_turns_stay_moderate(random_motion):
    """Whatever comes in, legs are corrected, not folded: no knee turns by more than a quarter turn in ordinary use."""
    motion, _ = walker(slide=0.3)
    change = np.swapaxes(motion.rotations, -1, -2) @ clean_feet(motion).rotations
    assert np.linalg.norm(axis_angle_from_matrix(change), axis=-1).max() < 0.5


@pytest.mark.parametrize("lost", [0, foot_locking.SLIP, foot_locking.SLIP + 1])
def test_a_foot_that_is_dragged_from_pin_to_pin_stays_on_the_floor(lost):
    frames = np.arange(60)
    path = np.stack([0.02 * frames, BALL_HEIGHT + 0.05 * np.abs(np.sin(frames)), 0 * frames], axis=-1)  # 0.6 m/s
    balls = np.stack([path, path], axis=1)
    in_contact = np.ones((60, 2), np.bool_)
    anchors = lock_anchors(balls, in_contact, 60, (Lock(), Lock()), None)
    gap = np.flatnonzero(np.isnan(anchors[:, 0, 0]))[:8]
    before, after = anchors[gap[0] - 1, 0, 1], anchors[gap[-1] + 1, 0, 1]
    assert np.isfinite([before, after]).all() and abs(before - after) > 1e-4
    in_contact[gap[:lost]] = False
    heights = (balls + foot_locking._offsets(balls, anchors, in_contact, 8, FeetOptions()))[gap, 0, 1]
    straight = np.abs(heights - np.linspace(before, after, 10)[1:-1]).max() < 1e-9
    assert straight == (lost <= foot_locking.SLIP)
