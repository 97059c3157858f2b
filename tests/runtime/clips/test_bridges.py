"""Where loops are left and entered: a foot that stands stays, and fades begin and end in the loops."""

from dataclasses import replace

import numpy as np
import pytest

from genmo.runtime.clips.bridges import faded, over_a_foot
from genmo.runtime.clips.loops import settled
from genmo.runtime.clips.measuring import on_ground
from genmo.runtime.motion.root_motion import repeated
from genmo.runtime.motion.skeleton import FOOT_JOINTS
from tests.runtime.refine.walking import CYCLE, standing, walker


def walk():
    return settled(replace(walker(3 * CYCLE)[0].cut(slice(CYCLE, 2 * CYCLE + 1)), loops=True))


def stand():
    rotations, translation = standing(31)
    still = walker(31)[0].with_pose(rotations, translation)
    return settled(replace(still, loops=True))


@pytest.mark.parametrize("order", [0, 1])
def test_one_foot_stands_from_standing_to_walking_and_back(order):
    loops = (stand(), walk()) if order == 0 else (walk(), stand())
    ends = over_a_foot(*loops, 16)
    assert ends is not None
    before, after, leave, enter = ends
    balls = before.joints_world()[-1, FOOT_JOINTS], after.joints_world()[0, FOOT_JOINTS]
    same = np.linalg.norm((balls[0] - balls[1])[:, [0, 2]], axis=-1) < 1e-6
    low = on_ground(before)[-1] & on_ground(after)[0]
    assert (same & low).any()
    for loop, frame, motion, index in ((loops[0], leave, before, -1), (loops[1], enter, after, 0)):
        np.testing.assert_allclose(motion.rotations[index, 1:], loop.rotations[frame, 1:], atol=1e-9)


def test_no_foot_stands_where_the_way_is_too_long():
    assert over_a_foot(walk(), walk(), 90) is None


def test_a_loop_fades_into_itself():
    loop = walk()
    made = faded((loop, loop), 20, 0)
    period = loop.frames - 1
    played = repeated(loop, 3)
    for frame, index in ((made.leave, 0), (made.enter, -1)):
        np.testing.assert_allclose(made.motion.rotations[index, 1:], played.rotations[frame % period, 1:], atol=1e-3)
    assert made.found.speed == pytest.approx(0.6, abs=0.03)
    assert made.found.slide < 10
