"""Sentences of made motions: what is said is so, in order, and nothing is said of what is not clear."""

import re

import numpy as np

from genmo.runtime.actions.signals import motion_signals
from genmo.train.captions.describe import change_frame, describe, describe_apart, sentence_of
from tests.train.made_motions import arm, eased, joints_of, made, seated


def said(clip, count=40, **options):
    joints = joints_of(clip)
    return [describe(joints, np.random.default_rng(i), **options).sentence for i in range(count)]


def test_a_slow_walk_backward_is_always_told_backward():
    sentences = said(made(speed=0.6, towards=180))
    assert all(re.search(r"\bback|reverse|retreat|withdr|rear|reversing", s) for s in sentences)
    assert not any(re.search(r"forward|ahead|\brun|\bjog|left|right", s) for s in sentences)


def test_two_parts_are_told_in_order():
    clip = made(120, pose=arm("right", 170 * eased(120, 75, 95)))
    clip.translation[:] = made(120, speed=1.2 * (1 - eased(120, 58, 66))).translation
    sentences = said(clip, cut=60)
    both = [s for s in sentences if re.search(r"walk|foot|move|step", s) and re.search(r"hand|arm", s)]
    assert len(both) > 25
    for sentence in both:
        walk, hand = re.search(r"walk|foot|move|step", sentence).start(), re.search(r"hand|arm", sentence).start()
        assert walk < hand


def test_two_moments_are_not_told_as_one():
    whole = {sentence_of({"stop_walk", "raise_right"}, np.random.default_rng(i)) for i in range(60)}
    assert not any("while" in s for s in whole) and any("arm" in s or "hand" in s for s in whole)


def test_the_frame_of_change_is_found():
    clip = made(120, speed=1.2 * eased(120, 68, 76))
    assert abs(change_frame(motion_signals(joints_of(clip))) - 72) < 8
    first, second, frame = describe_apart(joints_of(clip), np.random.default_rng(0))
    assert abs(frame - 72) < 8 and first and second
    assert not re.search("walk", first) and re.search("walk|foot|move|step|stroll", second)


def test_unclear_motion_is_left_unsaid():
    half = seated(down=0.6)  # neither standing nor sitting
    assert set(said(half)) <= {""}
