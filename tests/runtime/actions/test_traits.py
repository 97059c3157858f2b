"""Traits of made motions: graded where tags are strict, and mirrored with the motion."""

import numpy as np
import pytest

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.names import mirrored_trait
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.actions.traits import STEPS, steps_over
from genmo.runtime.motion.mirror import mirror
from genmo.train.datasets.clips import Clip
from tests.train.made_motions import arm, eased, joints_of, jumping, made, seated


def over(clip):
    return {name for name, on in zip(STEPS, steps_over(measure(motion_signals(joints_of(clip)))), strict=True) if on}


def swung(degrees):
    """Somebody who swings the left leg forward by so many degrees."""
    swing = np.zeros(60)
    swing[25:45] = -degrees * np.sin(np.pi * np.arange(20) / 20)
    return made(pose=[("left_hip", "x", swing)])


@pytest.mark.parametrize(
    ("clip", "has", "has_not"),
    [
        (made(speed=1.2), {"speed>1", "ahead>1", "travel>1.5"}, {"speed>1.4", "back>0.1", "turn_left>20"}),
        (made(speed=1.0, turn=-100), {"turn_right>85", "path_turn_right>60"}, {"turn_right>110", "turn_left>20"}),
        (made(speed=0.6, towards=90), {"ward_left>0.4"}, {"ward_right>0.1", "ahead>0.15"}),
        (made(pose=arm("right", 170)), {"raised_right>1", "up_right>0.8"}, {"raised_left>0.2", "both_raised>0.2"}),
        (made(pose=arm("left", 90)), {"out_left>0.5"}, {"out_right>0.05", "front_left>0.05"}),
        (jumping(90, [20, 50]), {"jumps>2", "rise>0.1"}, {"jumps>3", "hops_left>1"}),
        (seated(down=eased(60, 15, 40)), {"low_last>0.35", "seat>0.1"}, {"low_first>0.1", "knee_down>0.1"}),
    ],
)  # fmt: skip
def test_a_made_motion_is_over_its_steps(clip, has, has_not):
    found = over(clip)
    assert has <= found and not has_not & found


def test_half_of_a_kick_is_nearer_to_one_than_none():
    speeds = [
        sum(name.startswith(("foot_speed_left", "foot_height_left")) for name in over(swung(d))) for d in (0, 40, 80)
    ]
    assert speeds[0] < speeds[1] < speeds[2]
    assert not any(tag.startswith("kick") for tag in tags_of(measure(motion_signals(joints_of(swung(40))))))


def test_the_mirror_exchanges_sides():
    clip = made(speed=1.0, turn=80, pose=arm("left", 120))
    rotations, translation, offsets = mirror(clip.rotations, clip.translation, clip.offsets)
    other = Clip("made/1", "made/0", (), rotations, translation, offsets)
    assert over(other) == {mirrored_trait(name) for name in over(clip)}
    assert {mirrored_trait(name) for name in STEPS} == set(STEPS)
    assert mirrored_trait("turn_left>85") == "turn_right>85" and mirrored_trait("kick_left_2") == "kick_right_2"
