"""Borders of conditions: steps fade, jerks are smoothed as far as needed, everything else stays."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import FPS, RootPose
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.refine.transitions import (
    AROUND,
    BORDER_FRAMES,
    SEAM,
    SHARPNESS_FLOOR,
    SHARPNESS_LIMIT,
    SPREADS,
    remove_steps,
    sharpness,
    smooth_motion_transitions,
    smooth_transitions,
)


@pytest.mark.parametrize("border", [2, 5, 50, 96, 98])
def test_a_step_at_a_border_fades_and_the_rest_stays(border):
    """A ramp with a step: the ramp comes back at the border, both ends stay, and no bend is a tenth of the step."""
    ramp = 0.1 * np.arange(100)[:, None] * [1.0, -2.0]
    stepped = ramp + np.where(np.arange(100) >= border, 1.0, 0)[:, None] * [3.0, 1.0]
    smooth = remove_steps(stepped, [border])
    np.testing.assert_allclose(smooth[border] - smooth[border - 1], [0.1, -0.2], atol=1e-12)
    far = np.abs(np.arange(100) - border + 0.5) > SEAM
    np.testing.assert_array_equal(smooth[far], stepped[far])
    assert np.abs(np.diff(smooth, 2, axis=0)).max() < 0.1 * 3
    np.testing.assert_allclose(remove_steps(ramp, [border]), ramp, atol=1e-12)


def test_borders_next_to_an_end_are_left_alone():
    step = np.where(np.arange(6) >= 1, 1.0, 0)[:, None]
    np.testing.assert_array_equal(remove_steps(step, [1, 5]), step)


def as_joints(features, window):
    """Features that are joints, two of them."""
    return features.reshape(len(features), 2, 3)


def swinging(frames=200, jump=0.0, border=100, quick=4):
    """Joints that swing; the first one goes `jump` metres elsewhere within `quick` frames around the border."""
    time = np.arange(frames)[:, None] / FPS
    swing = 0.2 * np.sin(2 * np.pi * time * [1.0, 1.3, 0.7, 1.1, 0.9, 1.2])
    swing[:, 0] += jump / (1 + np.exp(-(np.arange(frames) - border + 0.5) * 4 / quick))
    return swing


def test_sharpness_is_the_largest_acceleration():
    fall = np.zeros((10, 2, 3))
    fall[:, 1, 1] = -0.5 * 9.81 * (np.arange(10) / FPS) ** 2
    np.testing.assert_allclose(sharpness(fall), 9.81, rtol=1e-9)


@pytest.mark.parametrize("jump", [0.2, 0.5])
def test_a_jerk_at_a_border_is_smoothed_until_it_is_none(jump):
    features = swinging(jump=jump)
    at_border = slice(100 - 1 - BORDER_FRAMES, 100 + BORDER_FRAMES)
    elsewhere = np.delete(sharpness(as_joints(features, None)), np.r_[at_border])
    limit = max(SHARPNESS_FLOOR, SHARPNESS_LIMIT * np.percentile(elsewhere, 99))
    assert sharpness(as_joints(features, None))[at_border].max() > 1.2 * limit
    smooth = smooth_transitions(features, [100], as_joints)
    assert sharpness(as_joints(smooth, None))[at_border].max() <= limit
    far = np.abs(np.arange(200) - 100 + 0.5) > AROUND
    np.testing.assert_array_equal(smooth[far], features[far])
    assert np.abs(smooth - features)[:, 1:].max() < 0.08, "what is calm is hardly changed"


def test_the_least_smoothing_that_is_enough_is_taken(monkeypatch):
    features = swinging(jump=0.25)
    chosen = smooth_transitions(features, [100], as_joints)
    enough = []
    for spread in SPREADS:
        monkeypatch.setattr("genmo.runtime.refine.transitions.SPREADS", (spread,))
        alone = smooth_transitions(features, [100], as_joints)
        enough.append(np.array_equal(alone, chosen))
        if enough[-1]:
            break
        assert sharpness(as_joints(alone, None))[91:108].max() > SHARPNESS_FLOOR
    assert enough[-1] and len(enough) > 1


def test_what_is_calm_stays_to_the_bit():
    features = swinging()
    np.testing.assert_array_equal(smooth_transitions(features, [60, 100], as_joints), features)
    np.testing.assert_array_equal(smooth_transitions(swinging(jump=1.0), [], as_joints), swinging(jump=1.0))


@pytest.mark.parametrize(("frames", "border"), [(1, 1), (2, 1), (3, 1), (20, 1), (20, 19), (30, 15)])
def test_short_motions_and_borders_near_an_end(frames, border):
    features = swinging(frames, 1.0, border)
    smooth = smooth_transitions(features, [border], as_joints)
    assert smooth.shape == features.shape and np.isfinite(smooth).all()


def test_a_motion_is_calmed_and_its_camera_sees_it(random_motion, random_camera):
    """An arm that jerks at a border is smoothed; what the camera sees is the new pose, rigidly where it was seen."""
    motion, camera = random_motion(80, 3), random_camera(80, 3)
    rotations = motion.rotations.copy()
    rotations[40:, 17] = rotations[40:, 17] @ matrix_from_axis_angle(np.array([0.0, 0.0, 1.2]))
    jerked = replace(motion, rotations=rotations)
    root = jerked.root_seen_by(camera)
    jerked = replace(jerked, root_camera=RootPose(root.rotation, root.translation + [0.1, 0.0, 0.3]))
    calm = smooth_motion_transitions(jerked, [40])
    at_border = slice(40 - 1 - BORDER_FRAMES, 40 + BORDER_FRAMES)
    assert sharpness(calm.joints_world())[at_border].max() < 0.5 * sharpness(jerked.joints_world())[at_border].max()
    np.testing.assert_allclose(calm.joints_camera, camera.to_camera(calm.joints_world()) + [0.1, 0.0, 0.3], atol=1e-6)
    np.testing.assert_allclose(calm.rotations[:20], jerked.rotations[:20], atol=1e-12)
    assert smooth_motion_transitions(motion, []) is motion
