"""A walker on slopes, steps and waves: where its feet must be is known in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime import Camera, InputError
from genmo.runtime.motion.ground import Plane, Planes
from genmo.runtime.motion.skeleton import BALL_HEIGHT, FOOT_JOINTS
from genmo.runtime.refine.uneven_ground import clearance, on_uneven_ground
from tests.runtime.refine.walking import walker

FLAT = Planes([])
MM = 1e-3


def waves(places):
    return 0.1 * np.sin(1.5 * places[..., 0] + 2 * places[..., 1])


def stairs(places):
    return 0.15 * np.floor(np.clip(places[..., 1], 0, 3) / 0.4)


def standing_balls(motion, down):
    """Places of balls in the middle of their stands."""
    inner = down.copy()
    inner[2:] &= down[:-2]
    inner[:-2] &= down[2:]
    return motion.joints_world()[:, FOOT_JOINTS][inner]


def test_flat_ground_changes_nothing():
    walk, _ = walker()
    np.testing.assert_allclose(on_uneven_ground(walk, FLAT).joints_world(), walk.joints_world(), atol=MM)


def test_a_standing_foot_that_creeps_over_an_edge_does_not_hop():
    """Feet that slide by a few centimetres where the step is: on its higher side from the beginning to the end."""
    walk, down = walker(slide=0.1)
    balls = walk.joints_world()[:, FOOT_JOINTS]
    (frames,) = np.nonzero(down[40:80, 0])
    edge = balls[40 + frames[len(frames) // 2], 0, 2]
    placed = on_uneven_ground(walk, lambda places: 0.15 * (places[..., 1] > edge))
    sharp = [np.abs(np.diff(motion.joints_world()[:, FOOT_JOINTS, 1], 2, axis=0)).max() for motion in (walk, placed)]
    assert sharp[1] < sharp[0] + 0.03  # a hop is 0.15
    assert clearance(placed, lambda places: 0.15 * (places[..., 1] > edge))[40:80, 0, 1].min() > -MM


def test_a_higher_floor_is_a_higher_motion():
    walk, _ = walker()
    high = on_uneven_ground(walk, Planes([Plane(0.7)]))
    risen = high.joints_world() - walk.joints_world()
    np.testing.assert_allclose(risen, np.broadcast_to([0, 0.7, 0], risen.shape), atol=MM)


@pytest.mark.parametrize("rise", [-0.3, 0.15, 0.4])
def test_feet_stand_on_a_slope_along_it(rise):
    walk, down = walker()
    slope = Planes([Plane(rise_z=rise)])
    balls = standing_balls(on_uneven_ground(walk, slope), down)
    # the ball is a sphere that touches the slope
    np.testing.assert_allclose(balls[:, 1], rise * balls[:, 2] + BALL_HEIGHT * np.hypot(1, rise), atol=6 * MM)
    np.testing.assert_allclose(balls[:, [0, 2]], standing_balls(walk, down)[:, [0, 2]], atol=15 * MM)


@pytest.mark.parametrize("ground", [waves, stairs, Planes([Plane(rise_x=0.2, rise_z=0.3)])])
def test_soles_are_over_the_ground_and_legs_hold(ground):
    walk, _ = walker()
    moved = on_uneven_ground(walk, ground)
    assert clearance(moved, ground).min() > -6 * MM
    np.testing.assert_array_equal(moved.translation[:, [0, 2]], walk.translation[:, [0, 2]])
    bones = [np.linalg.norm(np.diff(motion.joints_world()[:, [1, 4, 7]], axis=1), axis=-1) for motion in (moved, walk)]
    np.testing.assert_allclose(bones[0], bones[1], atol=1e-9)


def test_the_pelvis_follows_the_stairs():
    walk, _ = walker()
    moved = on_uneven_ground(walk, stairs)
    height = moved.translation[:, 1] - walk.translation[:, 1]
    assert np.abs(height - stairs(walk.translation[:, [0, 2]])).max() < 0.2
    assert np.abs(np.diff(height, 2)).max() * 900 < 25  # m/s^2: no jolt at an edge


def test_what_has_no_ground():
    walk, _ = walker()
    filmed = replace(walk, camera=Camera(np.tile(np.eye(3), (walk.frames, 1, 1)), np.zeros((walk.frames, 3))))
    with pytest.raises(InputError, match="camera"):
        on_uneven_ground(filmed, FLAT)
    with pytest.raises(InputError, match="not finite"):
        on_uneven_ground(walk, lambda places: np.full(places.shape[:-1], np.nan))
