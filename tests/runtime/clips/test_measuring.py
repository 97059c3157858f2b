"""Measures of clips whose numbers are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from genmo.runtime.clips.loops import base_loop, directed, from_frame, gentler, planted, settled, stride_seconds
from genmo.runtime.clips.manifest import gait_phase
from genmo.runtime.clips.measuring import measured, misses, stands
from genmo.runtime.clips.spec import ActionSpec, Limits, LoopSpec
from genmo.runtime.motion.root_motion import repeated
from genmo.runtime.motion.rotation import matrix_from_axis_angle
from genmo.runtime.motion.skeleton import JOINTS
from tests.runtime.refine.walking import CYCLE, walker

SPEED = 0.6
"""m/s of the walker"""


def cycle(slide=0.0):
    return replace(walker(3 * CYCLE, slide=slide)[0].cut(slice(CYCLE, 2 * CYCLE + 1)), loops=True)


def test_the_walker_is_what_it_is():
    found = measured(cycle())
    assert found.speed == pytest.approx(SPEED, abs=1e-6)
    assert found.direction == pytest.approx(0, abs=1)
    assert found.slide < 8  # a foot is not at rest in the frame after it landed
    assert abs(found.turn) < 0.1
    assert not misses(LoopSpec("walk", "x", SPEED), found, Limits())


def test_slide_is_seen_and_taken_off():
    sliding = measured(cycle(slide=0.3))
    assert sliding.slide == pytest.approx(30, abs=6)
    assert any("slide" in words for words in misses(LoopSpec("walk", "x", SPEED), sliding, Limits()))
    assert measured(planted(cycle(slide=0.3))).slide < 12


@pytest.mark.parametrize("direction", [0, 45, 90, 135, 180, -135, -90, -45])
def test_every_direction_is_gone_in(direction):
    found = measured(directed(settled(cycle()), direction))
    off = (found.direction - direction + 180) % 360 - 180
    assert abs(off) < 3
    assert found.speed == pytest.approx(SPEED, abs=0.02)
    assert found.slide < 8


def test_a_loop_begins_where_the_left_foot_lands():
    loop = settled(from_frame(cycle(), 7))
    standing = stands(repeated(loop, 2))[:, 0]
    assert standing[loop.frames - 1]
    assert not standing[loop.frames - 2]
    phase = gait_phase(stands(repeated(loop, 3))[CYCLE : 2 * CYCLE + 1], True)
    assert phase[0] == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose(np.diff(np.unwrap(phase, period=1)), 1 / CYCLE, atol=0.01)


def test_a_loop_begins_with_the_softer_foot():
    """Where the left foot lands harder than the right one, it is its image in a mirror that is kept."""
    loop = settled(cycle())
    rotations = loop.rotations.copy()
    knee = JOINTS.index("left_knee")
    rotations[[0, -1], knee] = rotations[[0, -1], knee] @ matrix_from_axis_angle(np.array([0.1, 0.0, 0.0]))
    hard = replace(loop, rotations=rotations)
    kept = gentler(hard)
    assert measured(kept).seam < 0.8 * measured(settled(hard)).seam
    assert measured(kept).direction == pytest.approx(measured(settled(hard)).direction, abs=2)
    np.testing.assert_allclose(gentler(kept).joints_world(), kept.joints_world(), atol=1e-5)


def test_a_library_keeps_the_softer_one():
    """Of a loop that an engine makes."""
    loop = settled(cycle())
    rotations = loop.rotations.copy()
    elbow = JOINTS.index("left_elbow")
    rotations[[0, -1], elbow] = rotations[[0, -1], elbow] @ matrix_from_axis_angle(np.array([0.0, 0.4, 0.0]))
    hard = replace(loop, rotations=rotations)
    engine = SimpleNamespace(follow=lambda *_, **__: SimpleNamespace(motions=[hard]))
    base, found = base_loop(engine, LoopSpec("walk", "x", SPEED), 0, 1, Limits(), lambda share: None)
    assert found.seam < 0.8 * measured(settled(planted(hard))).seam
    assert measured(base).seam == found.seam


def test_feet_that_do_not_land_in_turn_have_no_phase():
    assert gait_phase(np.ones((20, 2), bool), True) is None
    hops = np.zeros((20, 2), bool)
    hops[5:8] = hops[12:15] = True
    assert gait_phase(hops, False) is None


def test_what_is_missed_is_said():
    found = measured(cycle())
    said = misses(ActionSpec("jump", "x", 1.0, "idle", "idle", turn=90, rise=0.2), found, Limits())
    assert [words.split()[0] for words in said] == ["turns", "feet"]
    said = misses(LoopSpec("run", "x", 3.0, direction=90), found, Limits())
    assert len(said) == 2


def test_strides_grow_shorter_with_speed():
    seconds = [stride_seconds(speed) for speed in (0.6, 1.2, 2.0, 2.2, 3.2, 4.6)]
    assert seconds == sorted(seconds, reverse=True)
    assert 0.6 < seconds[-1] < seconds[1] < 1.2
