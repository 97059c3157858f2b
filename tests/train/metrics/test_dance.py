"""Dance metrics against loops over frames written from the definitions, and against motions with known answers."""

import math

import numpy as np
import pytest

from genmo.runtime.motion.skeleton import JOINTS
from genmo.runtime.support.errors import InputError
from genmo.train.metrics.dance import (
    beat_alignment,
    dance_table,
    geometric_features,
    kinematic_beats,
    kinetic_features,
    pfc,
)
from genmo.train.metrics.sets import diversity, frechet_distance

J = JOINTS.index


def stance():
    """A standing person [24, 3], roughly."""
    joints = np.zeros((24, 3))
    for name, place in {
        "pelvis": (0, 1, 0), "spine1": (0, 1.1, 0), "spine2": (0, 1.2, 0), "spine3": (0, 1.3, 0), "neck": (0, 1.5, 0),
        "head": (0, 1.6, 0), "collar": (0.07, 1.42, 0), "shoulder": (0.2, 1.42, 0), "elbow": (0.45, 1.42, 0),
        "wrist": (0.7, 1.42, 0), "hand": (0.8, 1.42, 0), "hip": (0.1, 0.95, 0), "knee": (0.1, 0.5, 0.02),
        "ankle": (0.1, 0.1, 0), "foot": (0.1, 0.03, 0.12),
    }.items():  # fmt: skip
        for side in ("", "left_", "right_"):
            if side + name in JOINTS:
                joints[J(side + name)] = np.array(place) * [-1 if side == "right_" else 1, 1, 1]
    return joints


def dancing(random_motion, seed, frames=40):
    return random_motion(frames, seed).joints_world()


def kinetic_by_loops(joints, fps, published=False):
    """Energies with sums over frames and windows as the published definition words them."""
    dt, frames, features = 1 / fps, len(joints), []
    for joint in range(24):
        x = joints[:, joint]
        horizontal = vertical = expenditure = 0.0
        for i in range(1, frames):
            steps = [(x[k] - x[k - 1]) / dt for k in range(i - 2, i + 3) if 1 <= k < frames]
            v = sum(steps) / len(steps)
            horizontal += v[0] ** 2 + v[2] ** 2
            vertical += v[1] ** 2
            bends = []
            for k in range(i - 2, i + 3):
                if k - 1 >= 0 and k + 1 < frames:
                    before = x[k] - x[k - 1] / dt if published else (x[k] - x[k - 1]) / dt
                    bends.append(((x[k + 1] - x[k]) / dt - before) / dt)
            expenditure += math.dist(sum(bends) / len(bends), (0, 0, 0))
        features += [horizontal / (frames - 1), vertical / (frames - 1), expenditure / (frames - 1)]
    return np.array(features)


@pytest.mark.parametrize("frames", [3, 4, 5, 6, 30])
@pytest.mark.parametrize("published", [False, True])
def test_kinetic_features_are_the_sums_of_the_definition(random_motion, frames, published):
    joints = dancing(random_motion, 3, frames)
    wanted = kinetic_by_loops(joints, 60, published)
    np.testing.assert_allclose(kinetic_features(joints, 60, published=published), wanted, rtol=1e-8)


def test_kinetic_features_of_a_steady_walk_and_a_fall():
    """Uniform motion: v_xz^2, v_y^2, 0.  Free fall: constant acceleration g."""
    time = np.arange(31)[:, None, None] / 30
    walk = stance() + time * np.array([3.0, 0.5, 4.0])
    np.testing.assert_allclose(kinetic_features(walk, 30), np.tile([25, 0.25, 0], 24), atol=1e-6)
    fall = stance() - 0.5 * 9.81 * time**2 * np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(kinetic_features(fall, 30).reshape(24, 3)[:, 2], 9.81, rtol=1e-6)
    assert kinetic_features(fall, 30).reshape(24, 3)[:, 0] == pytest.approx(0)


def test_geometric_features_of_a_still_stance():
    """What holds of a person who stands with arms stretched out and does not move, relation by relation."""
    features = geometric_features(np.tile(stance(), (5, 1, 1)), 30)
    wanted = np.zeros(32)
    wanted[8] = 1  # the right wrist is 1.4 m to the right of the left one: more than 2.5 shoulder widths
    wanted[[23, 24]] = 1  # arms stretched sideways: 90 degrees between spine and upper arm
    wanted[15] = 1  # the plane of the right leg leans back through its toes: the left ankle is 0.12 m behind it
    # wrists are 1.39 m over the floor, and the floor's plane looks down: below -1.2 arms, so the relation fails
    np.testing.assert_array_equal(features, wanted)


def still(change):
    joints = stance()
    for name, place in change.items():
        joints[J(name)] = place
    return geometric_features(np.tile(joints, (4, 1, 1)), 30)


@pytest.mark.parametrize(
    ("change", "relation", "holds"),
    [
        ({"right_wrist": (-0.45, 1.8, 0)}, 2, True),  # raised over the neck
        ({"left_wrist": (0.45, 1.8, 0)}, 3, True),
        ({"right_wrist": (-0.3, 1.55, 0)}, 6, True),  # elbow bent by more than 70 degrees
        ({"left_wrist": (0.3, 1.55, 0)}, 7, True),
        ({"right_wrist": (0.0, 1.42, 0.3)}, 8, False),  # hands no longer apart
        ({"right_ankle": (-0.1, 0.1, 0.4)}, 14, True),  # before the plane of the left leg
        ({"right_ankle": (-0.1, 0.1, -0.4)}, 14, False),
        ({"left_ankle": (0.1, 0.1, -0.4)}, 15, True),  # behind the plane of the right leg: signs as published
        ({"right_ankle": (-0.1, 0.5, 0)}, 16, True),  # foot raised
        ({"left_ankle": (0.1, 0.5, 0)}, 17, True),
        ({"right_ankle": (-0.3, 0.1, 0)}, 18, True),  # legs apart by more than 2.1 hip widths
        ({"right_ankle": (-0.1, 0.45, -0.4)}, 19, True),  # knee bent
        ({"left_ankle": (0.1, 0.45, -0.4)}, 20, True),
        ({"right_elbow": (-0.2, 1.17, 0)}, 23, False),  # arm along the body
        ({"left_elbow": (0.2, 1.17, 0)}, 24, False),
        ({"right_knee": (-0.1, 0.95, 0.45)}, 25, True),  # thigh lifted
        ({"left_knee": (0.1, 0.95, 0.45)}, 26, True),
        ({"neck": (0, 1, 0.5)}, 28, True),  # spine level
        ({"right_wrist": (-0.5, 0.1, 0)}, 29, True),  # hand near the floor
        ({"left_wrist": (0.5, 0.1, 0)}, 30, True),
    ],
)
def test_geometric_relations_of_poses(change, relation, holds):
    assert still(change)[relation] == float(holds)


@pytest.mark.parametrize(
    ("moving", "velocity", "relations"),
    [
        ("right_wrist", (0, 0, -1.5), {0, 12}),  # back through the plane of neck and hips, and fast
        ("right_wrist", (0, 0, 1.5), {12}),
        ("left_wrist", (0, 0, 1.5), {1, 13}),  # forward: signs as published
        ("left_wrist", (0, 0, 0.3), set()),
        ("spine3", (0, 0.6, 0), {4, 5}),
        ("right_ankle", (0, 0, 1.5), {21}),
        ("left_ankle", (0, 0, 1.5), {22}),
        ("right_wrist", (-1.5, 0, 0), {9, 12}),  # away from the left hand: against it along left -> right
        ("pelvis", (0, 0, 1.5), {31}),
    ],
)
def test_geometric_relations_of_movement(moving, velocity, relations):
    """Speeds are compared with thresholds in arm lengths a second: at 0.46 m/s and 0.64 m/s here."""
    joints = np.tile(stance(), (2, 1, 1))
    joints[1, J(moving)] += np.array(velocity) / 30
    found = geometric_features(joints, 30)
    about_speed = [0, 1, 4, 5, 9, 12, 13, 21, 22, 31]
    assert {k for k in about_speed if found[k]} == relations


def test_geometric_features_are_shares_of_frames():
    joints = np.tile(stance(), (11, 1, 1))
    joints[8:, J("right_ankle")] = (-0.1, 0.5, 0)
    assert geometric_features(joints, 30)[16] == pytest.approx(0.3)


def test_dance_table_scales_by_the_real_ones(random_motion):
    real = [dancing(random_motion, seed) for seed in range(12)]
    made = [dancing(random_motion, seed) for seed in range(20, 30)]
    same = dance_table(real, real, 30)
    assert same["FID_k"] == pytest.approx(0, abs=1e-6) and same["FID_g"] == pytest.approx(0, abs=1e-6)
    assert same["Div_k"] == pytest.approx(same["Div_k of real"])
    table = dance_table(made, real, 30)
    k = [np.stack([kinetic_features(j - j[0, 0], 30) for j in motions]) for motions in (real, made)]
    mean, spread = k[0].mean(axis=0), k[0].std(axis=0)
    assert table["FID_k"] == pytest.approx(frechet_distance((k[1] - mean) / spread, (k[0] - mean) / spread))
    assert table["Div_k"] == pytest.approx(diversity((k[1] - mean) / spread))
    assert all(np.isfinite(list(table.values())))
    # where the world's origin is does not matter
    shifted = dance_table([j + [5.0, 0, 2.0] for j in made], real, 30)
    assert shifted == pytest.approx(table)


def test_pfc_by_loops(random_motion):
    joints = dancing(random_motion, 5)
    scores, pushes = [], []
    for t in range(len(joints) - 2):
        a = (joints[t + 2, 0] - 2 * joints[t + 1, 0] + joints[t, 0]) * 900
        a[1] = max(a[1], 0)
        pushes.append(math.hypot(*a))
        step = {j: math.hypot(*(joints[t + 2, j] - joints[t + 1, j])[[0, 2]]) for j in (7, 10, 8, 11)}
        scores.append(min(step[7], step[10]) * min(step[8], step[11]) * pushes[-1])
    assert pfc(joints, 30) == pytest.approx(1e4 * np.mean(scores) / max(pushes))


def test_pfc_is_zero_while_a_foot_stands_or_the_root_coasts():
    time = np.arange(20)[:, None, None] / 30
    sway = np.tile(stance(), (20, 1, 1))
    sway[:, 0, 0] = np.sin(5 * time[:, 0, 0])
    assert pfc(sway, 30) == 0
    assert pfc(stance() + time * [1.0, 0, 0], 30) == pytest.approx(0, abs=1e-6)
    assert pfc(stance() + np.sin(5 * time) * [1.0, 0, 0], 30) > 1


def test_kinematic_beats_are_the_still_moments_of_a_swing():
    """Every joint at |cos(pi t)|-like speed: still at t = 0.5, 1.5, 2.5 and 3.5 s."""
    for fps in (30, 60):
        time = np.arange(4 * fps + 1) / fps
        joints = stance() + np.sin(np.pi * time)[:, None, None] * np.array([1.0, 0, 0])
        np.testing.assert_allclose(kinematic_beats(joints, fps), [0.5, 1.5, 2.5, 3.5], atol=1.01 / fps)


def test_beat_alignment_is_the_mean_of_gaussians():
    assert beat_alignment(np.array([0.5, 1.0]), np.array([1.0, 0.5, 9.0])) == 1
    off = beat_alignment(np.array([0.55, 2.0]), np.array([0.5, 1.9]))
    assert off == pytest.approx((math.exp(-0.5) + math.exp(-2)) / 2)
    # direction matters: one kinematic beat on one of many musical ones
    music = np.arange(0, 4, 0.5)
    assert beat_alignment(np.array([1.0]), music) == 1
    assert beat_alignment(music, np.array([1.0])) == pytest.approx(1 / 8)
    assert beat_alignment(np.array([]), music) == 0


@pytest.mark.parametrize("function", [lambda j: kinetic_features(j, 30), lambda j: pfc(j, 30)])
def test_too_short_a_motion_is_refused(function):
    with pytest.raises(InputError, match="at least 3 frames"):
        function(np.zeros((2, 24, 3)))
    with pytest.raises(InputError, match="24, 3"):
        function(np.zeros((9, 22, 3)))
