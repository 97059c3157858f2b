"""The damped Gauss-Newton solver: against finite differences and against one dense least squares of all frames."""

import numpy as np
import pytest

from genmo.runtime.motion.skeleton import COCO_JOINTS, JOINT_COUNT, JOINTS, coco_keypoints, forward_kinematics
from genmo.runtime.refine.gauss_newton import Damping, FreeJoints, Linearization, solve_in_windows, solve_pose

SPREADS = {"pelvis": 0.2, "spine3": (0.1, 0.2, 0.3), "left_hip": 0.3, "left_knee": 0.4, "right_shoulder": 0.5}
WRIST, KNEE = JOINTS.index("right_wrist"), JOINTS.index("left_knee")


def free_joints(own_axes: bool) -> FreeJoints:
    return FreeJoints(SPREADS, move=np.array([0.1, 0.2, 0.3]), own_axes=own_axes)


def test_the_parameters_are_in_the_order_of_the_names():
    free = free_joints(True)
    assert free.parameters == 18 and [JOINTS[joint] for joint in free.indices] == list(SPREADS)
    np.testing.assert_allclose(free.spread[:9], [0.2, 0.2, 0.2, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3])
    np.testing.assert_allclose(free.stiffness[-3:], [100, 25, 100 / 9])
    assert free.above[WRIST].tolist() == [1, 1, 0, 0, 1]
    assert free.above[KNEE].tolist() == [1, 0, 1, 1, 0]


@pytest.mark.parametrize("own_axes", [True, False])
def test_the_jacobian_is_that_of_finite_differences(random_motion, own_axes):
    """Of all joints and of points of the face, which are not at their joint."""
    motion, free, size = random_motion(2, 14), free_joints(own_axes), 1e-6
    pose = motion.rotations, motion.translation

    def points(rotations, root):
        globals_, joints = forward_kinematics(rotations, root, motion.rest_offsets)
        return globals_, joints, np.concatenate([joints, coco_keypoints(globals_, joints)], axis=1)

    globals_, joints, before = points(*pose)
    jacobian = free.jacobian(before, [*range(JOINT_COUNT), *COCO_JOINTS], globals_, joints)
    for column in range(free.parameters):
        step = np.zeros((2, free.parameters))
        step[:, column] = size
        rotations, root, taken = free.moved(*pose, globals_, step)
        np.testing.assert_array_equal(taken, step)
        after = points(rotations, root)[2]
        np.testing.assert_allclose(jacobian[..., column], (after - before) / size, atol=1e-5)


@pytest.mark.parametrize("own_axes", [True, False])
def test_no_turn_is_larger_than_the_largest(random_motion, own_axes):
    motion, free = random_motion(3, 2), free_joints(own_axes)
    globals_ = forward_kinematics(motion.rotations, motion.translation, motion.rest_offsets)[0]
    step = np.random.default_rng(0).normal(0, 0.3, (3, free.parameters))
    rotations, root, taken = free.moved(motion.rotations, motion.translation, globals_, step, largest_turn=0.3)
    angle = np.linalg.norm(taken[:, :-3].reshape(3, -1, 3), axis=-1)
    requested = np.linalg.norm(step[:, :-3].reshape(3, -1, 3), axis=-1)
    np.testing.assert_allclose(angle, np.minimum(requested, 0.3))
    cosine = (np.trace(motion.rotations.swapaxes(-1, -2) @ rotations, axis1=-2, axis2=-1) - 1) / 2
    np.testing.assert_allclose(np.arccos(np.clip(cosine, -1, 1))[:, free.indices], angle, atol=1e-6)
    np.testing.assert_allclose(root, motion.translation + step[:, -3:])


def linear_problem(frames, parameters=4, residuals=6):
    """Residuals that are linear in the parameters: rows @ changes + start."""
    rng = np.random.default_rng(7)
    rows, start = rng.normal(size=(frames, residuals, parameters)), rng.normal(size=(frames, residuals, 1))
    return rows, start, rng.uniform(0.5, 2, (frames, residuals, 1)), rng.uniform(1, 3, (1, parameters))


def dense_minimum(rows, start, weight, damping: Damping):
    """The minimum [frames, parameters] by one least squares of all frames, a row for every term of the cost."""
    frames, _, size = rows.shape
    identity = np.eye(frames * size).reshape(frames, size, -1)  # the parameters of a frame
    matrix = [*(np.sqrt(weight) * (rows @ identity)), *(np.sqrt(damping.stiffness).T * identity)]
    goal = [*-(np.sqrt(weight) * start)[..., 0], *np.zeros((frames, size))]
    for frame in np.flatnonzero(damping.has_next):
        matrix.append(np.sqrt(damping.ties / 2).T * (identity[frame + 1] - identity[frame]))
        goal.append(np.zeros(size))
    return np.linalg.lstsq(np.concatenate(matrix), np.concatenate(goal), rcond=None)[0].reshape(frames, size)


@pytest.mark.parametrize("damp_ends", [True, False])
@pytest.mark.parametrize("frames", [[5], [0, 1], [0, 1, 2, 6, 9, 10]])
def test_the_steps_end_at_the_minimum_of_all_frames_together(frames, damp_ends):
    rows, start, weight, stiffness = linear_problem(len(frames))
    damping = Damping.for_frames(np.array(frames), stiffness, 0.8, damp_ends)
    assert damping.has_next[:, 0].tolist() == [frame + 1 in frames for frame in frames]
    assert damping.has_previous[:, 0].tolist() == [frame - 1 in frames for frame in frames]
    changes = np.zeros((len(frames), rows.shape[-1]))
    for _ in range(100):
        changes = changes + damping.step(Linearization(rows, rows @ changes[..., None] + start, weight), changes)
    np.testing.assert_allclose(changes, dense_minimum(rows, start, weight, damping), atol=1e-9)


def test_a_frame_by_itself_takes_one_step_unless_ends_are_damped():
    rows, start, weight, stiffness = linear_problem(1)
    for damp_ends in (False, True):
        damping = Damping.for_frames(np.array([3]), stiffness, 0.5, damp_ends)
        step = damping.step(Linearization(rows, start, weight), np.zeros((1, 4)))
        diagonal = np.diag(stiffness[0] * (1 + 4 * damp_ends))
        expected = np.linalg.solve(
            rows[0].T @ (weight[0] * rows[0]) + diagonal, -(rows[0].T @ (weight[0] * start[0]))[:, 0]
        )
        np.testing.assert_allclose(step[0], expected, atol=1e-12)


def reach_for(motion, goal, window, own_axes):
    """The wrist's way to `goal` [frames, 3], each frame tied to its neighbours."""
    free, frames = free_joints(own_axes), np.arange(motion.frames)[window]

    def linearize(globals_, joints):
        points = joints[:, [WRIST]]
        rows = free.jacobian(points, [WRIST], globals_, joints).reshape(len(frames), 3, -1)
        return Linearization(rows, (points[:, 0] - goal[window])[..., None], np.full((len(frames), 3, 1), 1e6))

    damping = Damping.for_frames(frames, free.stiffness[None], 0.3, damp_ends=True)
    return solve_pose((motion.rotations[window], motion.translation[window], motion.rest_offsets), free, damping,
                      linearize, 10)  # fmt: skip


@pytest.mark.parametrize("own_axes", [True, False])
def test_a_wrist_gets_to_its_goal(random_motion, own_axes):
    motion = random_motion(12, 4)
    goal = motion.joints_world()[:, WRIST] + [0.05, 0.1, -0.05]
    rotations, root = reach_for(motion, goal, slice(None), own_axes)
    joints = forward_kinematics(rotations, root, motion.rest_offsets)[1]
    assert np.abs(joints[:, WRIST] - goal).max() < 0.002
    fixed = np.setdiff1d(np.arange(JOINT_COUNT), free_joints(own_axes).indices)
    np.testing.assert_array_equal(rotations[:, fixed], motion.rotations[:, fixed])


def test_windows_that_overlap_by_the_iterations_give_the_whole(random_motion):
    motion, shares = random_motion(70, 5), []
    goal = motion.joints_world()[:, WRIST] + [0.0, 0.1, 0.0]
    whole = reach_for(motion, goal, slice(None), False)
    solve = lambda window: reach_for(motion, goal, window, False)  # noqa: E731
    windows = solve_in_windows(70, 20, 10, solve, shares.append)
    np.testing.assert_allclose(windows[0], whole[0], atol=1e-12)
    np.testing.assert_allclose(windows[1], whole[1], atol=1e-12)
    assert shares == [20 / 70, 40 / 70, 60 / 70, 1]
    gap = np.abs(solve_in_windows(70, 20, 0, solve)[0] - whole[0]).max()
    assert gap > 1e-4, "without overlap the windows are not tied to each other"
    assert solve_in_windows(20, 20, 0, lambda window: (np.arange(20)[window], np.ones(1)), shares.append)[0].size == 20
    assert len(shares) == 4
