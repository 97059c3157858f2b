"""Feet that go are lifted clear of the floor; feet that stand stay, and nothing else moves."""

import numpy as np
import pytest

from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS, JOINTS
from genmo.runtime.refine.swing_clearance import CLEARANCE, SOFT, SWING, swing_lift, swings_clear
from tests.runtime.refine.walking import CYCLE, walker

LEGS = [JOINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee", "ankle")]


def glide(speed, height, frames=20):
    """Balls of feet that stand, go ahead at `speed` at `height` over where they stand, and stand."""
    balls = np.zeros((frames + 20, 2, 3))
    balls[..., 1] = BALL_HEIGHT
    balls[10:-10, 0, 1] += height
    balls[:, 0, 2] = np.clip(np.arange(frames + 20) - 10, 0, frames - 1) * speed / 30
    return balls


@pytest.mark.parametrize("speed", [SWING, 3.0])
def test_a_dragged_foot_is_lifted_by_what_it_lacks(speed):
    lift = swing_lift(glide(speed, 0.01), None, 30.0)
    np.testing.assert_allclose(lift[14:26, 0], CLEARANCE - 0.01, atol=SOFT / 8)
    assert (lift[:10] == 0).all() and (lift[-10:] == 0).all() and (lift[:, 1] == 0).all()


def test_a_foot_that_is_high_or_stands_stays():
    assert swing_lift(glide(3.0, 0.12), None, 30.0).max() < 2e-4
    assert (swing_lift(glide(0.0, 0.0), None, 30.0) == 0).all()


def test_frames_know_of_their_neighbours_alone():
    balls = glide(2.0, 0.005)
    whole = swing_lift(balls, None, 30.0)
    parts = [swing_lift(balls[start : start + 6], balls[start - 1], 30.0) for start in range(10, 28, 6)]
    np.testing.assert_allclose(np.concatenate([part[:-1] for part in parts]), np.delete(whole[10:28], [5, 11, 17], 0))


def test_only_legs_change_and_feet_go_straight_up():
    walk, down = walker(2 * CYCLE)
    low = walk.with_pose(walk.rotations, walk.translation)
    cleared = swings_clear(low)
    joints, before = cleared.joints_world(), walk.joints_world()
    others = [joint for joint in range(24) if joint not in LEGS]
    np.testing.assert_array_equal(cleared.rotations[:, others], walk.rotations[:, others])
    np.testing.assert_allclose(joints[:, FOOT_JOINTS][..., [0, 2]], before[:, FOOT_JOINTS][..., [0, 2]], atol=1e-3)
    risen = (joints - before)[:, FOOT_JOINTS, 1]
    assert risen.min() > -1e-6 and risen.max() < CLEARANCE
    inner = down.copy()
    inner[1:] &= down[:-1]
    np.testing.assert_allclose(risen[inner], 0, atol=1e-6)
    assert swings_clear(walk.cut(slice(0, 1))).frames == 1
