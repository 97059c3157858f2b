"""Measures of motions whose numbers are known."""

import numpy as np
import pytest

from genmo.runtime.actions.measures import measure, runs_of
from genmo.runtime.actions.signals import box_filtered, motion_signals, quantile, swings, velocity
from genmo.runtime.motion.mirror import mirror
from genmo.train.datasets.clips import Clip
from tests.train.made_motions import arm, eased, joints_of, jumping, made, seated


def measured(clip):
    return measure(motion_signals(joints_of(clip)))


@pytest.mark.parametrize(("towards", "along", "across"), [(0, 1, 0), (180, -1, 0), (90, 0, 1), (-90, 0, -1)])
def test_speed_along_and_across_the_facing(towards, along, across):
    gait = measured(made(speed=1.3, towards=towards)).gait
    assert gait.speed == pytest.approx(1.3, abs=0.02)
    assert (gait.along, gait.across) == pytest.approx((1.3 * along, 1.3 * across), abs=0.03)
    assert gait.distance == pytest.approx(1.3 * 59 / 30, abs=0.12) and gait.rest_share == 0


@pytest.mark.parametrize("turn", [90, -90, 200, -30])
def test_a_turn_in_degrees_left_above_zero(turn):
    gait = measured(made(speed=1.0, turn=turn)).gait
    # the smoothing of the facing takes a little off both ends
    assert gait.turn == pytest.approx(turn, abs=0.1 * abs(turn))
    assert gait.path_turn == pytest.approx(turn, abs=0.2 * abs(turn))


def test_the_facing_of_a_path_does_not_depend_on_the_world():
    clip = made(speed=1.0, turn=70)
    there = motion_signals(joints_of(clip))
    rest = motion_signals(joints_of(made(speed=1.0, turn=150 + 70 * np.arange(60) / 59)))
    np.testing.assert_allclose(rest.along, there.along, atol=1e-3)
    np.testing.assert_allclose(rest.joints, there.joints, atol=1e-3)


def test_rests_before_and_after():
    gait = measured(made(90, speed=1.2 * eased(90, 30, 40) * (1 - eased(90, 60, 70)))).gait
    assert gait.rest_before == pytest.approx(32 / 30, abs=0.12)
    assert gait.rest_after == pytest.approx(22 / 30, abs=0.12)
    assert gait.longest_rest_inside == 0


def test_heights_of_hands_and_pelvis():
    m = measured(made(pose=arm("right", 170)))
    assert m.hands.over_head[:, 1].min() > 0.15 and m.hands.over_shoulder[:, 0].max() < -0.35
    assert m.posture.pelvis.mean() == pytest.approx(1, abs=0.05)
    assert measured(seated(down=1.0)).posture.pelvis.mean() < 0.7


def test_knees_and_trunk_in_degrees():
    pose = [("left_knee", "x", 60), ("spine1", "x", 40)]
    signals = motion_signals(joints_of(made(pose=pose)))
    assert signals.knees[:, 0].mean() == pytest.approx(60, abs=6)
    assert signals.knees[:, 1].mean() < 12
    assert 20 < signals.bend.mean() < 45


def test_jumps_are_counted_with_their_rise():
    jumps = measured(jumping(90, [15, 50])).jumps
    assert len(jumps) == 2
    for jump in jumps:
        assert jump.rise == pytest.approx(9.81 * (13 / 30) ** 2 / 8, abs=0.06)
        assert abs(jump.distance) < 0.02 and jump.one_foot == -1
    assert not measured(made(speed=1.4)).jumps


@pytest.mark.parametrize("side", [0, 1])
def test_a_kick_and_its_side(side):
    swing = np.zeros(60)
    swing[25:45] = -75 * np.sin(np.pi * np.arange(20) / 20)
    kicks = measured(made(pose=[(f"{('left', 'right')[side]}_hip", "x", swing)])).kicks
    assert [s for _, s in kicks] == [side] and 28 < kicks[0][0] < 42
    slow = np.zeros(120)
    slow[10:110] = -75 * np.sin(np.pi * np.arange(100) / 100)
    assert not measured(made(120, pose=[("left_hip", "x", slow)])).kicks


def test_a_punch_and_its_side():
    # the elbow straightens ahead of the shoulder within a fifth of a second
    out = eased(60, 28, 34) * (1 - eased(60, 40, 50))
    pose = [("right_shoulder", "y", 90), ("right_elbow", "y", 130 * (1 - out))]
    assert [s for _, s in measured(made(pose=pose)).punches] == [1]
    still = [("right_shoulder", "y", 90), ("right_elbow", "y", 0)]
    assert not measured(made(pose=still)).punches


def test_a_mirrored_motion_has_mirrored_measures():
    pose = [*arm("left", 120 * eased(60, 10, 30)), ("right_hip", "x", -30)]
    clip = made(speed=0.8, turn=50, towards=30, pose=pose)
    other = Clip("m", "m", (), *mirror(clip.rotations, clip.translation, clip.offsets))
    a, b = measured(clip), measured(other)
    assert b.gait.turn == pytest.approx(-a.gait.turn, abs=1e-2) and b.gait.across == pytest.approx(
        -a.gait.across, abs=1e-3
    )
    np.testing.assert_allclose(b.hands.over_head, a.hands.over_head[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(b.posture.foot_height, a.posture.foot_height[:, ::-1], atol=1e-4)


def test_the_pieces():
    assert runs_of(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert swings(np.sin(np.arange(60) / 60 * 2 * np.pi * 3), 0.5) == 6
    assert swings(0.1 * np.sin(np.arange(60)), 0.5) == 0
    np.testing.assert_allclose(velocity(np.arange(20.0)[:, None])[:, 0], 30)
    np.testing.assert_allclose(box_filtered(np.ones((9, 2)), 5), 1)
    assert quantile(np.arange(101.0), 0.9) == 90


def test_signals_of_a_span_are_a_span_of_the_signals():
    whole = motion_signals(joints_of(made(90, speed=1.0, turn=90)))
    part = whole.span(20, 60)
    assert part.frames == 40 and part.leg == whole.leg
    np.testing.assert_array_equal(part.joints, whole.joints[20:60])
