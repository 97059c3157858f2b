"""Looking aside while walking: feet stay where they step, the chest looks where it is told."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.motion.root_motion import cycle_step
from genmo.runtime.motion.rotation import rotate
from genmo.runtime.motion.skeleton import FOOT_JOINTS, JOINTS
from genmo.runtime.refine.facing import FARTHEST, _eased, backward, facing_aside
from tests.runtime.refine.walking import CYCLE, walker


def cycle():
    return replace(walker(3 * CYCLE)[0].cut(slice(CYCLE, 2 * CYCLE + 1)), loops=True)


def chest_heading(motion):
    world, _ = motion.kinematics()
    return np.arctan2(world[:, JOINTS.index("spine3"), 0, 2], world[:, JOINTS.index("spine3"), 2, 2])


@pytest.mark.parametrize("degrees", [-90, -45, 30, 90])
def test_feet_stay_and_the_chest_turns(degrees):
    walk = cycle()
    aside = facing_aside(walk, np.radians(degrees))
    np.testing.assert_allclose(aside.joints_world()[:, FOOT_JOINTS], walk.joints_world()[:, FOOT_JOINTS], atol=2e-3)
    turned = np.degrees(chest_heading(aside) - chest_heading(walk))
    np.testing.assert_allclose(turned, degrees, atol=1e-6)
    assert (aside.translation[:, 1] <= walk.translation[:, 1] + 1e-12).all()


def test_a_turn_that_comes_and_goes():
    walk = cycle()
    turn = np.linspace(0, 1.2, walk.frames)
    aside = facing_aside(walk, turn)
    np.testing.assert_allclose(chest_heading(aside) - chest_heading(walk), turn, atol=1e-6)
    np.testing.assert_allclose(aside.rotations[0], walk.rotations[0], atol=1e-6)
    far = facing_aside(walk, np.pi)
    np.testing.assert_allclose(chest_heading(far) - chest_heading(walk), FARTHEST, atol=1e-6)


def test_the_root_comes_down_softly_over_the_seam_too():
    """A leg that is straight of a sudden: the root is low enough in every frame, and no frame jumps."""
    needed = np.zeros(40)
    needed[38:] = needed[0] = 0.03
    for loops in (True, False):
        down = _eased(needed, loops)
        assert (down >= needed - 1e-12).all() and down.max() <= 0.03 + 1e-12
        played = np.tile(down[:-1], 2) if loops else down[5:]
        assert np.abs(np.diff(played, 2)).max() < 0.01


def test_backward_is_ahead_in_another_time():
    walk = cycle()
    back = backward(walk)
    assert back.loops
    np.testing.assert_array_equal(back.joints_world()[::-1], walk.joints_world())
    turn, shift = cycle_step(back)
    joints = back.joints_world()
    np.testing.assert_allclose(rotate(turn, joints[0]) + shift, joints[-1], atol=1e-6)
    assert shift[2] < -0.5
