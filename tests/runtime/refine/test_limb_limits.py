"""No joint over 15 m/s or 350 m/s^2; whoever is slower is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.motion import Camera, Motion
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINT_COUNT, JOINTS
from genmo.runtime.refine.limb_limits import MAX_ACCELERATION, MAX_SPEED, excess, limit_limb_speed

HIP, FOOT = JOINTS.index("left_hip"), JOINTS.index("left_foot")


def kicking(turn: float, frames: float, count: int = 90) -> Motion:
    """A leg that swings forwards by `turn` radians within `frames` in the middle."""
    angle = -turn / (1 + np.exp(-4 * (np.arange(count) - count / 2) / frames))
    rotations = np.tile(np.eye(3), (count, JOINT_COUNT, 1, 1))
    rotations[:, HIP] = matrix_from_axis_angle(np.stack([angle, 0 * angle, 0 * angle], axis=-1))
    return Motion(rotations, np.tile([0.0, 1.0, 0.0], (count, 1)))


def peaks(motion: Motion) -> tuple[float, float]:
    joints = motion.joints_world()
    speed, sharp = (np.linalg.norm(np.diff(joints, n, axis=0), axis=-1).max() * 30**n for n in (1, 2))
    return speed, sharp


@pytest.mark.parametrize("turn", [1.2, 2.4])
def test_a_limb_that_jumps_is_slowed_down(turn):
    """A metre within a frame: at most the limits after it, and not much less."""
    motion = kicking(turn, 0.7)
    assert peaks(motion)[0] > MAX_SPEED and peaks(motion)[1] > 1.3 * MAX_ACCELERATION
    limited, peak = limit_limb_speed(motion)
    speed, sharp = peaks(limited)
    assert speed <= MAX_SPEED and sharp <= MAX_ACCELERATION
    assert max(speed / MAX_SPEED, sharp / MAX_ACCELERATION) > 0.5
    assert peak is not None and peak.strong and peak.joint.startswith("left_")
    assert peak.speed == pytest.approx(peaks(motion)[0])
    moved = np.linalg.norm(limited.joints_world() - motion.joints_world(), axis=-1)
    assert moved[:15].max() < 1e-6 and moved[-15:].max() < 1e-6  # half a second away nothing changes


def test_a_hard_kick_is_left_alone():
    """12 m/s, as in the fastest clips of people who kick."""
    motion = kicking(2.0, 6.0)
    assert 8 < peaks(motion)[0] < MAX_SPEED and peaks(motion)[1] < MAX_ACCELERATION
    limited, peak = limit_limb_speed(motion)
    assert limited is motion and peak is None


def test_what_is_past_stays():
    motion = kicking(2.4, 0.7)
    limited, _ = limit_limb_speed(motion, fixed=44)
    np.testing.assert_allclose(limited.rotations[:44], motion.rotations[:44], atol=1e-12)
    assert peaks(limited)[0] < peaks(motion)[0]


def test_the_camera_sees_the_change():
    motion = kicking(2.4, 0.7)
    camera = Camera(np.tile(np.diag([-1.0, -1.0, 1.0]), (90, 1, 1)), np.tile([0.0, 0.0, -4.0], (90, 1)))
    with_camera = replace(motion, root_camera=motion.root_seen_by(camera))
    limited, _ = limit_limb_speed(with_camera)
    np.testing.assert_allclose(limited.joints_camera, camera.to_camera(limited.joints_world()), atol=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_motions(frames):
    assert limit_limb_speed(kicking(0.1, 5.0, frames))[1] is None
    assert len(excess(np.zeros((frames, 24, 3)))) == frames
