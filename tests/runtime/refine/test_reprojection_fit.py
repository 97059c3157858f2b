"""Fitting a pose to keypoints: against finite differences, and against the truth that made the keypoints."""

import numpy as np
import pytest

from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.motion.rotation import matrix_from_axis_angle, transpose
from genmo.runtime.motion.skeleton import BETA_COUNT, coco_keypoints, forward_kinematics, shape_space
from genmo.runtime.refine import reprojection_fit as fitting
from genmo.runtime.refine import shape_fit
from genmo.runtime.refine.reprojection_fit import CameraPose, fit_pose, normalised_rays
from genmo.runtime.refine.shape_fit import RunningShape, fit_shape, fitted_space

INTRINSICS = np.array([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])


def true_pose(motion) -> CameraPose:
    """The motion four metres in front of an upright camera at the origin."""
    rotations = motion.rotations.copy()
    flip = np.diag([-1.0, -1.0, 1.0])  # the world's axes seen by a camera that looks along +z
    rotations[:, 0] = flip @ rotations[:, 0]
    root = (motion.translation - motion.translation.mean(axis=0)) * 0.2 @ flip + [0, 0, 4.0]
    return CameraPose(rotations, root, motion.rest_offsets)


def project(pose: CameraPose):
    points = coco_keypoints(*forward_kinematics(pose.rotations, pose.root, pose.offsets))
    return points[..., :2] / points[..., 2:], points


def keypoints_of(pose: CameraPose) -> Keypoints:
    rays, _ = project(pose)
    pixels = 1000 * rays + [640, 360]
    return Keypoints(np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=-1), INTRINSICS)


def bent(pose: CameraPose, seed=0, spread=0.1) -> CameraPose:
    rng = np.random.default_rng(seed)
    turn = matrix_from_axis_angle(rng.normal(0, spread, (1, 24, 3)))
    return CameraPose(pose.rotations @ turn, pose.root + rng.normal(0, 0.05, 3), pose.offsets)


def joint_error(pose: CameraPose, truth: CameraPose) -> float:
    places = [forward_kinematics(p.rotations, p.root, p.offsets)[1] for p in (pose, truth)]
    return float(np.linalg.norm(places[0] - places[1], axis=-1).mean())


def pixel_error(pose: CameraPose, keypoints: Keypoints) -> float:
    return float(np.linalg.norm(1000 * project(pose)[0] + [640, 360] - keypoints.points[..., :2], axis=-1).mean())


def test_jacobian_is_the_derivative(random_motion):
    pose = true_pose(random_motion(3))
    rays, points = project(pose)
    linear = fitting.reprojection(pose, rays, np.ones((3, 17)))
    jacobian = linear.rows.reshape(3, 17, 2, -1) / points[..., 2:, None]
    size, step = jacobian.shape[-1], 1e-6
    for column in range(size):
        change = np.zeros((3, size))
        change[:, column] = step
        rotations, root, _ = fitting.FREE_JOINTS.moved(pose.rotations, pose.root, linear.globals_, change)
        moved = project(CameraPose(rotations, root, pose.offsets))[0]
        np.testing.assert_allclose((moved - rays) / step, jacobian[..., column], atol=2e-5)


@pytest.mark.parametrize("frames", [1, 2, 40])
def test_the_truth_stays(random_motion, frames):
    pose = true_pose(random_motion(frames))
    assert joint_error(fit_pose(pose, keypoints_of(pose)), pose) < 1e-9


def test_bent_poses_come_back(random_motion):
    """Depth stays ambiguous, so not every pose comes all the way; what is seen does, and most of the error goes."""
    ratios = []
    for seed in range(5):
        truth = true_pose(random_motion(40, seed))
        start, keypoints = bent(truth, seed), keypoints_of(truth)
        fitted = fit_pose(start, keypoints)
        ratios.append(joint_error(fitted, truth) / joint_error(start, truth))
        assert pixel_error(fitted, keypoints) < 0.2 * pixel_error(start, keypoints)
        identity = fitted.rotations @ transpose(fitted.rotations)
        np.testing.assert_allclose(identity, np.broadcast_to(np.eye(3), identity.shape), atol=1e-9)
    assert np.mean(ratios) < 0.5 and max(ratios) < 1


def test_unseen_keypoints_change_nothing(random_motion):
    truth = true_pose(random_motion(20))
    start, keypoints = bent(truth), keypoints_of(truth)
    keypoints.points[..., 2] = 0
    assert joint_error(fit_pose(start, keypoints), start) < 1e-12


def test_one_wrong_detection_is_outvoted(random_motion):
    truth = true_pose(random_motion(20))
    keypoints = keypoints_of(truth)
    keypoints.points[:, 9, :2] += 400  # the left wrist, 1.6 m away
    assert joint_error(fit_pose(truth, keypoints), truth) < 0.01


def test_frames_after_the_keypoints_ease_out(random_motion):
    truth = true_pose(random_motion(60))
    first = Keypoints(keypoints_of(truth).points[:30], INTRINSICS)
    start = bent(truth)
    fitted = fit_pose(start, first)
    assert len(fitted.root) == 60
    np.testing.assert_allclose(fitted.root[-1], start.root[-1], atol=1e-9)
    np.testing.assert_allclose(fitted.rotations[-1], start.rotations[-1], atol=1e-9)


def test_what_is_not_visible_returns_to_the_network(random_motion):
    """One frame without keypoints: both terms are quadratic, so the step is known in closed form."""
    pose = true_pose(random_motion(1))
    changes = np.full((1, fitting.FREE_JOINTS.parameters), 0.1)
    step = fitting._damping(np.ones(1)).step(
        fitting.reprojection(pose, np.zeros((1, 17, 2)), np.zeros((1, 17))), changes
    )
    np.testing.assert_allclose(step, -changes / (1 + 1 / fitting.CHANGE**2), rtol=1e-9)


def on_body(pose: CameraPose, shape) -> CameraPose:
    """Of betas [10], or of a shape [13]."""
    space = shape_space() if len(shape) == BETA_COUNT else fitted_space()
    return CameraPose(pose.rotations, pose.root, space.offsets(np.asarray(shape)))


def with_betas(betas):
    """The shape [13] of betas [10]."""
    return np.concatenate([betas, np.zeros(3)])


def shaped_by(pose: CameraPose, keypoints: Keypoints, betas):
    return fit_shape(on_body(pose, betas), *normalised_rays(keypoints, len(pose.root)), np.asarray(betas))


def bones(shape):
    return np.linalg.norm(on_body(CameraPose(None, None, None), shape).offsets[1:], axis=-1)


def test_shape_rows_are_the_derivative(random_motion):
    shape = np.random.default_rng(1).normal(size=13)
    pose = on_body(true_pose(random_motion(3)), shape)
    rays, points = project(pose)
    linear = fitting.reprojection(pose, rays, np.ones((3, 17)))
    rows = shape_fit._shape_rows(linear, fitted_space().components).reshape(3, 17, 2, 13) / points[..., 2:, None]
    for column, step in enumerate(1e-6 * np.eye(13)):
        moved = project(on_body(pose, shape + step))[0]
        np.testing.assert_allclose((moved - rays) / 1e-6, rows[..., column], atol=2e-6)


def test_one_step_is_that_of_all_poses_and_the_shape_together(random_motion):
    """The normal equations without the poses, against those of everything at once, dense."""
    frames, betas = 3, np.random.default_rng(1).normal(size=10)
    truth = true_pose(random_motion(frames))
    keypoints, body = keypoints_of(truth), on_body(bent(truth), betas)
    rays, weights = normalised_rays(keypoints, frames)
    changes = 0.1 * np.random.default_rng(2).normal(size=(frames, fitting.FREE_JOINTS.parameters))
    linear = fitting.reprojection(body, rays, weights)
    components = shape_space().components
    equations = shape_fit._shape_equations(linear, components, changes)
    size = changes.shape[1]
    rows = np.zeros((frames, 34, frames * size + 10))
    for index in range(frames):
        rows[index, :, index * size : (index + 1) * size] = linear.rows[index]
    rows[..., -10:] = shape_fit._shape_rows(linear, components)
    flat, weight = rows.reshape(-1, rows.shape[-1]), linear.weight.reshape(-1, 1)
    stiff = np.concatenate([np.tile(fitting.FREE_JOINTS.stiffness, frames), np.ones(10)])
    hessian = flat.T @ (weight * flat) + np.diag(stiff)
    slope = (flat.T @ (weight * linear.residual.reshape(-1, 1)))[:, 0]
    slope += stiff * np.concatenate([changes.ravel(), 0.3 * np.ones(10)])
    expected = -np.linalg.solve(hessian, slope)
    change = -np.linalg.solve(equations.hessian.sum(axis=0) + np.eye(10), equations.slope.sum(axis=0) + 0.3)
    np.testing.assert_allclose(change, expected[-10:], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        -(equations.pose + equations.coupling @ change).ravel(), expected[:-10], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("frames", [1, 31, 32, 33, 200])
def test_the_true_shape_stays(random_motion, frames):
    pose = true_pose(random_motion(frames))
    betas = shape_space().betas(pose.offsets)
    pose = on_body(pose, betas)
    np.testing.assert_allclose(shaped_by(pose, keypoints_of(pose), betas), with_betas(betas), atol=1e-9)


def test_a_body_that_is_seen_from_many_sides_tells_its_shape(random_motion):
    before, fitted = [], []
    for seed in range(5):
        truth = np.random.default_rng(seed).normal(size=10)
        pose = on_body(true_pose(random_motion(60, seed)), truth)
        guess = truth + np.random.default_rng(seed + 50).normal(size=10)
        estimated = shaped_by(bent(pose, seed, 0.05), keypoints_of(pose), guess)
        before.append(np.abs(bones(guess) - bones(truth)).mean())
        fitted.append(np.abs(bones(estimated) - bones(truth)).mean())
    assert np.mean(fitted) < 0.75 * np.mean(before) and all(
        after < start for after, start in zip(fitted, before, strict=True)
    )


def test_legs_and_trunk_of_no_betas_are_found(random_motion):
    """Shins 6 % shorter and a trunk 6 % longer than those of the mean body: most of it is found, beside the arms."""
    parts = {"trunk": [3, 6, 9], "shins": [7, 8], "arms": [18, 19, 20, 21]}
    found = {name: [] for name in parts}
    for seed in range(4):
        truth = np.concatenate([np.zeros(11), [-0.06, 0.06]]) / shape_fit.PROPORTION
        pose = on_body(true_pose(random_motion(60, seed)), truth)
        estimated = on_body(pose, shaped_by(bent(pose, seed, 0.05), keypoints_of(pose), np.zeros(10))).offsets
        for name, joints in parts.items():
            lengths = [np.linalg.norm(offsets[joints], axis=-1).sum() for offsets in (estimated, shape_space().mean)]
            found[name].append(lengths[0] / lengths[1] - 1)
    means = {name: np.mean(values) for name, values in found.items()}
    assert means["trunk"] - means["arms"] > 0.6 * 0.06
    assert means["shins"] - means["arms"] < 0.6 * -0.06  # with the betas alone 0.4 times as much


def test_unseen_keypoints_tell_nothing_of_the_shape(random_motion):
    pose = true_pose(random_motion(20))
    keypoints, guess = keypoints_of(pose), np.arange(10) / 10
    keypoints.points[..., 2] = 0
    np.testing.assert_array_equal(shaped_by(pose, keypoints, guess), with_betas(guess))


def test_a_stream_of_frames_tells_what_the_whole_motion_tells(random_motion):
    """One linearisation a frame against four of all: the same but for curvature."""
    truth = np.random.default_rng(3).normal(size=10)
    pose = on_body(true_pose(random_motion(200, 4)), truth)
    keypoints, guess = keypoints_of(pose), truth + np.random.default_rng(9).normal(size=10)
    whole = shaped_by(pose, keypoints, guess)
    shape = RunningShape()
    np.testing.assert_array_equal(shape.betas(guess), guess)
    for frame in range(200):
        now = shape.betas(guess)
        one = CameraPose(pose.rotations[[frame]], pose.root[[frame]], shape_space().offsets(now))
        detected = Keypoints(keypoints.points[[frame]], INTRINSICS)
        shape.push(fit_pose(one, detected), detected, now)
    estimated = shape.betas(guess)
    assert np.abs(bones(estimated) - bones(whole)).mean() < 0.3 * np.abs(bones(guess) - bones(whole)).mean()
    assert np.abs(bones(estimated) - bones(truth)).mean() < 0.75 * np.abs(bones(guess) - bones(truth)).mean()


def test_confidence_is_a_weight_and_no_step(random_motion):
    keypoints = keypoints_of(true_pose(random_motion(6)))
    keypoints.points[..., 2] = np.array([0.0, 0.3, 0.45, 0.6, 0.75, 1.0])[:, None]
    weights = normalised_rays(keypoints, 7)[1]
    np.testing.assert_allclose(weights, np.array([0, 0, 0.25, 0.5, 0.75, 1, 0])[:, None].repeat(17, axis=1), atol=1e-12)


def slow_noise(keypoints: Keypoints, pixels: float) -> Keypoints:
    noise = np.random.default_rng(0).normal(size=keypoints.points[..., :2].shape)
    for frame in range(1, len(noise)):
        noise[frame] = 0.9 * noise[frame - 1] + np.sqrt(0.19) * noise[frame]
    points = keypoints.points.copy()
    points[..., :2] += pixels * noise
    return Keypoints(points, keypoints.intrinsics)


def test_errors_that_change_slowly_cost_trust_and_count_less(random_motion, monkeypatch):
    """People 440 px tall: errors of 2 px are those of a good detector, of 14 px cost nearly all trust."""
    truth = true_pose(random_motion(90, 1))
    start, keypoints = bent(truth, 1, 0.05), keypoints_of(truth)
    trusts = []
    for pixels in (0.0, 2.0, 14.0):
        spoiled = slow_noise(keypoints, pixels)
        full = fitting._solved(start, *normalised_rays(spoiled, 90), np.ones(90), 10)
        trusts.append(fitting._trust(start, full, *normalised_rays(spoiled, 90)))
    assert trusts[0].min() == 1 and trusts[1].mean() > 0.95 and trusts[2].mean() < 0.5
    spoiled = slow_noise(keypoints, 14.0)
    careful = joint_error(fit_pose(start, spoiled), truth)
    monkeypatch.setattr(fitting, "FITS", 1e9)
    assert careful < 0.9 * joint_error(fit_pose(start, spoiled), truth)


def test_the_root_goes_straight_through_frames_without_anybody(random_motion):
    truth = true_pose(random_motion(60, 2))
    keypoints = keypoints_of(truth)
    keypoints.points[20:40, :, 2] = 0
    lost = CameraPose(truth.rotations, truth.root.copy(), truth.offsets)
    lost.root[20:40] += [0.0, 0.0, 0.5]  # where a network may put who is unseen
    fitted = fit_pose(lost, keypoints).root
    share = np.linspace(0, 1, 22)[1:-1, None]
    np.testing.assert_allclose(fitted[20:40], (1 - share) * fitted[19] + share * fitted[40], atol=1e-9)
