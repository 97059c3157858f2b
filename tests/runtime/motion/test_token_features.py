"""The features of tokens decode to the motion that was encoded, whatever it does and whoever does it."""

import numpy as np
import pytest

from genmo.runtime.motion.layout import TOKEN_LAYOUT
from genmo.runtime.motion.motion import Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle, matrix_from_yaw
from genmo.runtime.motion.skeleton import JOINTS, forward_kinematics, shape_space
from genmo.runtime.motion.token_features import (
    decode_motion,
    encode_motion,
    from_features,
    leg_scale,
    to_features,
    twist_heading,
)


def wandering(frames=90, lean=0.0, betas=None, seed=0):
    """Somebody who turns all round while every joint but the hands sways; `lean` radians about x from the start."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 30
    sway = 0.6 * np.sin(time * random.uniform(1, 6, (24, 3)) + random.uniform(0, 6, (24, 3)))
    rotations = matrix_from_axis_angle(sway)
    rotations[:, 22:] = np.eye(3)
    yaw = 4 * np.sin(time[:, 0, 0])
    rotations[:, 0] = matrix_from_yaw(yaw) @ matrix_from_axis_angle(np.array([lean, 0.0, 0.0])) @ rotations[:, 0]
    path = np.stack([np.sin(yaw), 0.9 + 0.1 * np.cos(5 * yaw), 2 * np.cos(yaw) * yaw], axis=-1)
    return Motion(rotations, path, np.zeros(10) if betas is None else betas)


def at_start(motion):
    """The motion moved so that it begins over the origin with heading 0."""
    turn = matrix_from_yaw(-twist_heading(motion.rotations[0, 0]))
    return motion.moved(turn, -turn @ (motion.translation[0] * [1, 0, 1]))


@pytest.mark.parametrize("lean", [0.0, -1.5, 1.5])  # upright, on the back, on the belly
@pytest.mark.parametrize("tall", [0.0, 1.5])
def test_a_motion_comes_back(lean, tall):
    betas = np.zeros(10)
    betas[0] = tall
    motion = at_start(wandering(lean=lean, betas=betas))
    back = decode_motion(encode_motion(motion), betas)
    assert np.abs(back.joints_world() - motion.joints_world()).max() < 1e-4  # 0.1 mm
    assert np.abs(back.rotations - motion.rotations).max() < 1e-6
    assert np.array_equal(back.betas, betas)


def test_float32_features_lose_next_to_nothing_over_a_minute():
    motion = at_start(wandering(frames=1800))
    back = decode_motion(encode_motion(motion).astype(np.float32))
    assert np.abs(back.joints_world() - motion.joints_world()).max() < 2e-3


def test_where_a_motion_is_and_heads_changes_nothing():
    motion = wandering()
    elsewhere = motion.moved(matrix_from_yaw(np.array(2.0)), np.array([3.0, 0.0, -5.0]))
    assert np.abs(encode_motion(elsewhere) - encode_motion(motion)).max() < 1e-6


def test_blocks_of_a_straight_walk():
    """1.2 m/s straight ahead on the mean skeleton, in the T-pose, at heading 1."""
    frames = 10
    rotations = np.broadcast_to(np.eye(3), (frames, 24, 3, 3)).copy()
    rotations[:, 0] = matrix_from_yaw(np.array(1.0))
    ahead = np.array([np.sin(1.0), 0, np.cos(1.0)])
    path = [0, 0.95, 0] + 0.04 * np.arange(frames)[:, None] * ahead
    blocks = TOKEN_LAYOUT.split(to_features(rotations, path))
    assert blocks["turn"] == pytest.approx(0, abs=1e-12)
    assert blocks["ground_velocity"] == pytest.approx(np.broadcast_to([0, 0.04], (frames, 2)))
    assert blocks["height"] == pytest.approx(0.95)
    assert blocks["velocities"].reshape(frames, 22, 3) == pytest.approx(np.broadcast_to([0, 0, 0.04], (frames, 22, 3)))
    rest = forward_kinematics(np.eye(3) + np.zeros((24, 3, 3)), np.array([0, 0.95, 0.0]), shape_space().mean)[1]
    assert blocks["places"][3].reshape(21, 3) == pytest.approx(rest[1:22])
    assert not blocks["foot_contacts"].any()  # at 1.2 m/s nothing stands


def test_steps_fit_the_mean_skeleton():
    """Somebody with legs half as long again goes two thirds as far."""
    motion = wandering()
    mean = shape_space().mean
    legs = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "ankle")]
    longer = mean.copy()
    longer[legs] *= 1.5
    assert leg_scale(longer) == pytest.approx(1.5) and leg_scale(mean) == pytest.approx(1)
    plain = TOKEN_LAYOUT.split(to_features(motion.rotations, motion.translation))
    fitted = TOKEN_LAYOUT.split(to_features(motion.rotations, motion.translation, leg_scale(longer)))
    assert fitted["ground_velocity"] == pytest.approx(plain["ground_velocity"] / 1.5)
    assert from_features(to_features(motion.rotations, motion.translation, 1.5), 1.5)[1][:, 1] == pytest.approx(
        motion.translation[:, 1]
    )


def test_a_batch_is_its_motions():
    motions = [wandering(seed=seed) for seed in range(3)]
    rotations, path = (np.stack([getattr(m, name) for m in motions]) for name in ("rotations", "translation"))
    scale = np.array([1.0, 0.9, 1.2])
    together = to_features(rotations, path, scale)
    for row, motion in enumerate(motions):
        alone = to_features(motion.rotations, motion.translation, scale[row])
        assert together[row] == pytest.approx(alone, abs=1e-12)
        assert from_features(together, scale)[1][row] == pytest.approx(from_features(alone, scale[row])[1], abs=1e-9)


def test_one_frame_stands_still():
    motion = wandering(frames=1)
    blocks = TOKEN_LAYOUT.split(encode_motion(motion))
    assert not blocks["velocities"].any() and not blocks["turn"].any()
    assert decode_motion(encode_motion(motion)).frames == 1
