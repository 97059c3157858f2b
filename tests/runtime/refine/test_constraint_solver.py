"""Keyframes and joint targets: against the spline's own minimum, and laws that must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genmo.runtime.conditions.constraints import (
    NO_JOINT_TARGETS,
    NO_KEYFRAMES,
    Headings,
    JointTargets,
    Keyframes,
    constraint_errors,
)
from genmo.runtime.conditions.timeline import Timeline
from genmo.runtime.motion.filters import tension_spline
from genmo.runtime.motion.layout import LAYOUTS
from genmo.runtime.motion.motion import Camera
from genmo.runtime.motion.representation import decode, encode
from genmo.runtime.motion.rotation import heading, matrix_from_yaw, rotate
from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.refine import constraint_solver
from genmo.runtime.refine.constraint_solver import solve_constraints, spread_corrections
from genmo.runtime.refine.grounding import level_by_feet
from genmo.runtime.refine.inpainting import inpainting_features, project_onto_constraints

HEAD = JOINTS.index("head")
LEVEL = np.diag([-1.0, -1.0, 1.0])


def poses_of(motion, frames, root=True):
    frames = np.asarray(frames)
    place = motion.translation[frames] if root else np.full((len(frames), 3), np.nan)
    return Keyframes(frames, motion.rotations[frames], place)


def still(motion):
    """A level camera at the origin."""
    return Camera(np.tile(LEVEL, (motion.frames, 1, 1)), np.zeros((motion.frames, 3)))


def jitter(motion):
    return np.linalg.norm(np.diff(motion.joints_world(), 3, axis=0), axis=-1).mean()


@pytest.mark.parametrize("knots", [[5, 6, 30, 80], [40], [0, 119], [10, 15, 20, 100]])
def test_the_spline_is_the_one_of_least_bending(knots):
    """The same integral minimised on a grid of half frames that reaches far to both sides."""
    tension, step = 12.0, 0.5
    values = np.random.default_rng(0).normal(size=(len(knots), 2))
    grid = np.arange(-200, 320, step)
    first, second = np.diff(np.eye(len(grid)), axis=0) / step, np.diff(np.eye(len(grid)), 2, axis=0) / step**2
    cost = second.T @ second + first.T @ first / tension**2
    fixed = np.searchsorted(grid, knots)
    free = np.setdiff1d(np.arange(len(grid)), fixed)
    expected = np.zeros((len(grid), 2))
    expected[fixed] = values
    expected[free] = np.linalg.solve(cost[np.ix_(free, free)], -cost[np.ix_(free, fixed)] @ values)
    curve = tension_spline(np.array(knots), values, 120, tension)
    np.testing.assert_allclose(curve[knots], values, atol=1e-12)
    np.testing.assert_allclose(
        curve, expected[np.searchsorted(grid, np.arange(120))], atol=0.05 * np.ptp(values) + 1e-9
    )


def test_the_spline_keeps_its_slope_over_the_last_knot():
    curve = tension_spline(np.arange(20), np.arange(20.0)[:, None], 60, 10.0)[:, 0]
    assert curve[20] - curve[19] == pytest.approx(1, abs=0.1) and curve[59] - curve[58] < 0.05
    assert curve[-1] == pytest.approx(19 + 10, abs=1), "the slope dies off over ten frames"
    assert np.isfinite(tension_spline(np.array([0, 60000]), np.ones((2, 1)), 65536, 10.0)).all()


def test_what_is_spread_is_gone_far_away():
    curve = spread_corrections(np.array([30, 31, 60]), np.array([[1.0], [1.1], [-2.0]]), 120)[:, 0]
    np.testing.assert_allclose(curve[[30, 31, 60]], [1, 1.1, -2], atol=1e-12)
    assert not curve[:11].any() and not curve[80:].any()
    stays = spread_corrections(np.array([30]), np.ones((1, 1)), 60, np.array([30, 35]))[:, 0]
    np.testing.assert_allclose(stays[[30, 35]], [1, 0], atol=1e-12)


@pytest.mark.parametrize("frames", [1, 2, 119, 120, 121])
def test_keyframes_are_met_to_the_last_bit(random_motion, frames):
    motion, other = random_motion(frames, 1), random_motion(frames, 2)
    keyframes = poses_of(other, sorted({0, frames // 3, frames - 1}))
    solved = solve_constraints(motion, keyframes, NO_JOINT_TARGETS)
    np.testing.assert_array_equal(solved.rotations[keyframes.frames], keyframes.rotations)
    np.testing.assert_array_equal(solved.translation[keyframes.frames], keyframes.root)
    assert np.isfinite(solved.joints_world()).all()
    assert constraint_errors(solved, keyframes, NO_JOINT_TARGETS).keyframes == 0


def test_a_pose_without_a_place_leaves_the_path_to_the_motion(random_motion):
    motion = random_motion(90, 1)
    keyframes = poses_of(random_motion(90, 2), [45], root=False)
    solved = solve_constraints(motion, keyframes, NO_JOINT_TARGETS)
    np.testing.assert_array_equal(solved.rotations[45], keyframes.rotations[0])
    speeds = [np.linalg.norm(np.diff(m.translation, axis=0), axis=-1) for m in (motion, solved)]
    np.testing.assert_allclose(*speeds, atol=1e-9, err_msg="the path turns, and is walked as fast")


def test_its_own_poses_change_nothing(random_motion):
    motion = random_motion(100, 3)
    places = JointTargets(np.array([20, 70]), np.array([HEAD, 0]), motion.joints_world()[[20, 70], [HEAD, 0]])
    solved = solve_constraints(motion, poses_of(motion, [10, 50, 99]), places)
    np.testing.assert_allclose(solved.joints_world(), motion.joints_world(), atol=1e-6)
    assert solve_constraints(motion, NO_KEYFRAMES, NO_JOINT_TARGETS) is motion


@settings(max_examples=12)
@given(st.integers(0, 2**32 - 1))
def test_a_moved_world_gives_the_moved_motion(random_motion, seed):
    """Nothing depends on where the origin is or on where north is."""
    rng = np.random.default_rng(seed)
    motion, other = random_motion(60, 4), random_motion(60, 5)
    turn, shift = matrix_from_yaw(np.asarray(rng.uniform(-3, 3))), rng.normal(0, 3, 3)
    moved = other.moved(turn, shift)
    frames = np.unique(rng.integers(0, 60, 3))
    places = JointTargets(np.array([30]), np.array([HEAD]), other.joints_world()[[30], [HEAD]])
    moved_targets = JointTargets(places.frames, places.joints, rotate(turn, places.positions) + shift)
    solved = solve_constraints(motion, poses_of(other, frames), places).moved(turn, shift)
    again = solve_constraints(motion.moved(turn, shift), poses_of(moved, frames), moved_targets)
    np.testing.assert_allclose(solved.joints_world(), again.joints_world(), atol=1e-5)


def test_prefix_suffix_and_middle(random_motion):
    """Runs of keyframes are reproduced; behind a prefix the person goes on with the speed of its last frame."""
    motion, other = random_motion(120, 6), random_motion(120, 7)
    for frames in (np.arange(40), np.arange(80, 120), np.r_[0:30, 90:120]):
        solved = solve_constraints(motion, poses_of(other, frames), NO_JOINT_TARGETS)
        np.testing.assert_array_equal(solved.rotations[frames], other.rotations[frames])
        np.testing.assert_array_equal(solved.translation[frames], other.translation[frames])
    solved = solve_constraints(motion, poses_of(other, np.arange(40)), NO_JOINT_TARGETS)
    step = np.diff(solved.translation, axis=0)
    assert np.linalg.norm(step[39] - step[38]) < 0.35 * np.linalg.norm(step[38])


def test_between_keyframes_the_motion_stays_smooth(random_motion):
    motion = random_motion(240, 8)
    turned = motion.moved(matrix_from_yaw(np.asarray(0.4)), np.array([1.0, 0.0, 0.5]))
    solved = solve_constraints(motion, poses_of(turned, [60, 180]), NO_JOINT_TARGETS)
    assert jitter(solved) < 1.1 * jitter(motion)
    distance = np.linalg.norm(solved.joints_world() - turned.joints_world(), axis=-1)
    assert distance.max() < 1e-6, "the same motion in another world: nothing but the world has to change"


def test_a_dense_path_is_walked_facing_along_it(random_motion):
    """A straight walk told to go round in a circle: on the circle, the pelvis turned with it, height untouched."""
    frames = np.arange(150)
    straight = random_motion(150, 9)
    walk = straight.__class__(
        np.broadcast_to(np.eye(3), (150, 24, 3, 3)).copy(), np.stack([0 * frames, 0 * frames + 0.9, 0.03 * frames], -1)
    ).moved(matrix_from_yaw(np.asarray(0.7)), np.zeros(3))
    angle = frames / 60
    circle = np.stack([2 - 2 * np.cos(angle), np.full(150, np.nan), 2 * np.sin(angle)], axis=-1)
    places = JointTargets(frames, np.zeros(150, int), circle)
    solved = solve_constraints(walk, NO_KEYFRAMES, places)
    np.testing.assert_allclose(solved.translation[:, [0, 2]], circle[:, [0, 2]], atol=1e-9)
    np.testing.assert_allclose(solved.translation[:, 1], 0.9, atol=1e-9)
    forward = solved.rotations[:, 0, :, 2]
    facing = np.unwrap(np.arctan2(forward[:, 0], forward[:, 2]))
    assert np.abs(facing - angle)[20:130].max() < 0.1


def test_sparse_heads_and_hands_are_reached(random_motion):
    motion = random_motion(150, 10)
    joints = motion.joints_world()
    for joint, shift in ((HEAD, [0.2, -0.15, 0.1]), (20, [0.1, 0.1, 0.1]), (11, [0.0, 0.1, 0.1])):
        frames = np.array([30, 80, 120])
        places = JointTargets(frames, np.full(3, joint), joints[frames, joint] + shift)
        solved = solve_constraints(motion, NO_KEYFRAMES, places)
        missed = constraint_errors(solved, NO_KEYFRAMES, places)
        assert missed.places < 5 and missed.worst_place < 20 and jitter(solved) < 1.3 * jitter(motion)
        with_pose = solve_constraints(motion, poses_of(motion, [31]), places)
        np.testing.assert_array_equal(with_pose.rotations[31], motion.rotations[31])


@pytest.mark.parametrize("joint", [7, 20])
def test_a_far_place_of_a_limb_is_walked_to_and_not_reached_for(random_motion, joint):
    """The sampler does this at every step: an arm that reached on each time would end out of its socket."""
    motion, frames = random_motion(150, 10), np.array([40, 100])
    places = JointTargets(frames, np.full(2, joint), motion.joints_world()[frames, joint] + [1.5, 0.0, -0.8])
    solved = solve_constraints(motion, NO_KEYFRAMES, places)
    assert constraint_errors(solved, NO_KEYFRAMES, places).worst_place < 0.1
    np.testing.assert_allclose(solved.rotations, motion.rotations, atol=1e-3)


def test_a_head_followed_in_every_frame_moves_smoothly(random_motion):
    """The pose of every frame is tied to those beside it, so frames solved one by one make one motion."""
    motion, frames = random_motion(120, 10), np.arange(120)
    way = np.stack([np.sin(frames / 40), -0.1 - 0.1 * np.cos(frames / 25), 0.3 * np.cos(frames / 30)], axis=-1)
    places = JointTargets(frames, np.full(120, HEAD), motion.joints_world()[:, HEAD] + 0.5 * way)
    solved = solve_constraints(motion, NO_KEYFRAMES, places)
    assert constraint_errors(solved, NO_KEYFRAMES, places).places < 10 and jitter(solved) < 1.3 * jitter(motion)


def test_a_place_in_a_keyframe_changes_nothing(random_motion):
    motion = random_motion(60, 11)
    keyframes = poses_of(motion, [20])
    far = JointTargets(np.array([20]), np.array([HEAD]), np.full((1, 3), 9.0))
    np.testing.assert_array_equal(
        solve_constraints(motion, keyframes, far).rotations,
        solve_constraints(motion, keyframes, NO_JOINT_TARGETS).rotations,
    )
    assert constraint_errors(motion, keyframes, far).places > 1000


def test_what_a_camera_saw_stays(random_motion):
    motion, other = random_motion(150, 12), random_motion(150, 13)
    anchored = np.arange(150) < 60
    solved = solve_constraints(motion, poses_of(other, [110]), NO_JOINT_TARGETS, anchored)
    np.testing.assert_allclose(solved.joints_world()[:60], motion.joints_world()[:60], atol=1e-6)
    np.testing.assert_array_equal(solved.translation[110], other.translation[110])


def test_windows_of_many_targets_give_the_whole(random_motion, monkeypatch):
    motion, frames = random_motion(120, 10), np.arange(0, 120)
    positions = motion.joints_world()[:, HEAD] + [0.1, -0.1, 0.05] * np.sin(frames / 15)[:, None]
    targets = JointTargets(frames, np.full(120, HEAD), positions)
    whole = solve_constraints(motion, NO_KEYFRAMES, targets)
    monkeypatch.setattr(constraint_solver, "CHUNK", 40)
    windows = solve_constraints(motion, NO_KEYFRAMES, targets)
    np.testing.assert_allclose(windows.joints_world(), whole.joints_world(), atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_projected_features_decode_to_the_keyframes(random_motion, layout):
    motion, other = (level_by_feet(random_motion(80, seed))[0] for seed in (15, 16))
    camera, keyframes = still(motion), poses_of(other, [20, 21, 60])
    nobody = np.zeros(80, bool)
    before = encode(motion, camera, layout)
    features = project_onto_constraints(before, layout, camera, Timeline(80, keyframes=keyframes), nobody)
    values, inpainted = inpainting_features(keyframes, layout, camera, nobody)
    np.testing.assert_allclose(features[inpainted], values[inpainted], atol=1e-6)
    decoded = decode(features, layout, camera)
    body = slice(0, 24) if layout.name == "genmo" else slice(0, 22)
    np.testing.assert_allclose(decoded.rotations[keyframes.frames, body], keyframes.rotations[:, body], atol=1e-6)
    steps = [np.diff(path, axis=0) for path in (decoded.translation[keyframes.frames], keyframes.root)]
    np.testing.assert_allclose(*steps, atol=1e-6)
    assert not inpainted[np.setdiff1d(np.arange(80), keyframes.frames)].any()
    assert (
        inpainted[20, layout.slices["root_velocity"]].all() and not inpainted[21, layout.slices["root_velocity"]].any()
    )
    untouched = project_onto_constraints(before, layout, camera, Timeline(80, unconditioned=True), nobody)
    np.testing.assert_allclose(untouched, before, atol=1e-6)


def test_known_features_are_those_of_the_motion(random_motion, random_camera):
    """Every known number is the one that encoding the whole motion gives there."""
    motion, camera = random_motion(50, 17), random_camera(50, 17)
    for layout in LAYOUTS.values():
        for in_camera in (np.ones(50, bool), np.zeros(50, bool)):
            values, inpainted = inpainting_features(poses_of(motion, [0, 1, 2, 30]), layout, camera, in_camera)
            np.testing.assert_allclose(values[inpainted], encode(motion, camera, layout)[inpainted], atol=1e-9)
            camera_root = layout.slices.get("root_orientation_camera", slice(9, 15))
            assert (inpainted[[0, 30], camera_root] == in_camera[0]).all()


def test_the_body_faces_where_it_is_told(random_motion):
    motion = random_motion(90, 21)
    told = Headings(np.array([10, 80]), np.array([1.0, -2.5]))
    turned = solve_constraints(motion, NO_KEYFRAMES, NO_JOINT_TARGETS, headings=told)
    facing = heading(turned.rotations[told.frames, 0, :, 2])
    np.testing.assert_allclose(facing, told.radians, atol=1e-6)
    np.testing.assert_allclose(turned.rotations[:, 1:], motion.rotations[:, 1:])
    speed = [np.linalg.norm(np.diff(one.translation, axis=0), axis=-1) for one in (motion, turned)]
    np.testing.assert_allclose(*speed, atol=1e-9)
