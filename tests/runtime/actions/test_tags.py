"""Tags of made motions: what is clearly so is said, what is not is not."""

import numpy as np
import pytest

from genmo.runtime.actions.measures import measure
from genmo.runtime.actions.names import mirrored_tag
from genmo.runtime.actions.signals import motion_signals
from genmo.runtime.actions.tags import tags_of
from genmo.runtime.motion.mirror import mirror
from genmo.train.datasets.clips import Clip
from tests.train.made_motions import arm, eased, joints_of, jumping, made, seated

KICK = np.zeros(60)
KICK[25:45] = -75 * np.sin(np.pi * np.arange(20) / 20)
WAVE = -70 + 30 * np.sin(np.arange(60) / 30 * 2 * np.pi * 1.5)
THERE_AND_BACK = 60 * np.sin(np.pi * np.arange(60) / 59)
WANDER = 70 * np.sin(2 * np.pi * np.arange(120) / 119 * 0.85)
UP_LEFT, UP_RIGHT = arm("left", 170), arm("right", 170)
MOTIONS = {
    "stands": (made(), {"stand", "still"}, {"walk"}),
    "strolls": (made(speed=0.6), {"walk_forward", "walk_slow", "straight"}, {"walk_brisk", "stand"}),
    "walks": (made(speed=1.2), {"walk_forward"}, {"walk_slow", "walk_brisk", "jog"}),
    "hurries": (made(speed=1.8), {"walk_forward", "walk_brisk"}, {"walk_slow", "run"}),
    "goes backward": (made(speed=0.8, towards=180), {"walk_back"}, {"walk_forward"}),
    "goes left": (made(speed=0.8, towards=90), {"walk_left"}, {"walk_right", "walk_forward"}),
    "goes ahead and right": (made(speed=1, towards=-45), {"walk_diagonal_right"}, {"walk_forward", "walk_right"}),
    "between two ways": (made(speed=1, towards=28), {"walk"}, {"walk_forward", "walk_diagonal_left"}),
    "circles sideways": (made(speed=1, towards=90, turn=100), {"walk"}, {"walk_left", "turn_left", "turn_left_90"}),
    "turns left 90": (made(speed=1.2, turn=90), {"turn_left", "turn_left_90"}, {"turn_right", "turn_left_45"}),
    "veers": (made(speed=1.2, turn=-60), {"veer_right"}, {"turn_right_45", "turn_right_90", "straight"}),
    "wanders": (made(120, speed=1, turn=WANDER), {"around"}, {"turn_left", "straight", "weave"}),
    "spins": (made(turn=230), {"turn_left_on", "turn_in_place_left"}, {"turn_left_180", "turn_left_270"}),
    "turns around": (made(turn=180), {"turn_in_place_left", "turn_left_180"}, {"walk", "stand"}),
    "turns there and back": (made(speed=1, turn=THERE_AND_BACK), {"weave"}, {"turn_left", "straight"}),
    "right hand up": (made(pose=UP_RIGHT), {"arm_up_right", "stand"}, {"arm_up_left", "arm_up_both", "raise_right"}),
    "raises it": (made(pose=arm("right", 170 * eased(60, 20, 40))), {"raise_right"}, {"raise_left", "arm_up_right"}),
    "lowers it": (made(pose=arm("left", 170 - 170 * eased(60, 20, 40))), {"lower_left"}, {"raise_left"}),
    "both up": (made(pose=UP_LEFT + UP_RIGHT), {"arm_up_both"}, {"arm_up_left", "arm_up_right"}),
    "waves": (made(pose=[("right_shoulder", "z", 0), ("right_elbow", "z", WAVE)]), {"wave_right"}, {"wave_left"}),
    "jumps": (jumping(60, [20]), {"jump_1", "jump_up"}, {"jump_forward", "stand", "jump_2"}),
    "jumps twice": (jumping(90, [15, 50]), {"jump_2"}, {"jump_1"}),
    "a cut jump": (jumping(60, [5, 52]), {"jump"}, {"jump_1", "jump_2"}),
    "sits": (seated(down=1.0), {"sit"}, {"sit_down", "stand", "squat"}),
    "sits down": (seated(down=eased(60, 15, 40)), {"sit_down"}, {"sit", "sit_up"}),
    "stands up": (seated(down=1 - eased(60, 15, 40)), {"sit_up"}, {"sit", "sit_down"}),
    "starts to walk": (made(speed=1.2 * eased(60, 20, 35)), {"start_walk"}, {"walk", "stop_walk", "stand"}),
    "backs away": (made(speed=1.2 * eased(60, 20, 35), towards=180), set(), {"start_walk"}),
    "stops": (made(speed=1.2 * (1 - eased(60, 25, 40))), {"stop_walk"}, {"walk", "start_walk", "stand"}),
    "kicks": (made(pose=[("left_hip", "x", KICK)]), {"kick_left"}, {"kick_right"}),
}


def tags(clip):
    return tags_of(measure(motion_signals(joints_of(clip))))


@pytest.mark.parametrize("name", MOTIONS)
def test_what_is_so_and_what_is_not(name):
    clip, has, lacks = MOTIONS[name]
    found = tags(clip)
    assert has <= found and not lacks & found, sorted(found)


@pytest.mark.parametrize("name", MOTIONS)
def test_sides_change_in_the_mirror_and_nothing_else(name):
    clip = MOTIONS[name][0]
    other = Clip("m", "m", (), *mirror(clip.rotations, clip.translation, clip.offsets))
    assert tags(other) == {mirrored_tag(tag) for tag in tags(clip)}


def test_too_short_a_motion_has_no_name():
    assert tags(made(8, speed=1.2)) == frozenset()


def test_the_mirror_of_a_tag():
    assert mirrored_tag("turn_in_place_left_90") == "turn_in_place_right_90"
    assert mirrored_tag("jump_up") == "jump_up"
