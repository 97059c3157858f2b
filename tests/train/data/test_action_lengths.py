"""Lengths of actions: from rest to rest, from the shortest window, without what another tag has already."""

import numpy as np
import pytest

from genmo.train.data.action_lengths import LASTS, REACH, SETTLING, Actions, event_span, measured_actions
from genmo.train.data.length_pairs import (
    GOES_ON,
    about,
    caption_lengths,
    draw_length_pairs,
    length_said,
    several,
    targets,
)
from genmo.train.data.reader_pairs import plain_words
from genmo.train.datasets.read import read_clips


def bustle(frames, *bursts, rest=0.05):
    """Speeds [frames] of a person who rests but for bursts (first, end, m/s)."""
    speeds = np.full(frames, rest)
    for first, end, speed in bursts:
        speeds[first:end] = speed
    return speeds


@pytest.mark.parametrize(
    ("speeds", "window", "span"),
    [
        (bustle(120, (50, 70, 1.0)), (40, 85), (50, 70)),
        (bustle(120, (50, 70, 1.0)), (55, 85), (50, 70)),  # begins before the window
        (bustle(160, (50, 60, 1.0), (75, 85, 0.9)), (45, 90), (50, 85)),  # with a lull inside
        (bustle(160, (50, 60, 1.0), (75, 85, 0.3)), (45, 90), (50, 60)),  # what is much calmer is not of it
        (bustle(60, (0, 20, 1.0)), (0, 45), (0, 20)),
    ],
)
def test_an_event_is_from_rest_to_rest(speeds, window, span):
    first, end = event_span(speeds, *window)
    # the curve is smoothed over five frames
    assert abs(first - max(0, span[0] - SETTLING)) <= 3 and abs(end - (span[1] + SETTLING)) <= 3


def test_who_does_not_rest_is_cut_off():
    speeds = np.ones(300)
    assert event_span(speeds, 100, 130) == (100 - REACH - SETTLING, 130 + REACH + SETTLING)


def test_actions_of_some_clips_come_back_from_a_file(tmp_path):
    tags = tuple(map(frozenset, ({"jump", "jump_1"}, {"walk"}, {"sit_down"}, {"stand"})))
    actions = Actions(np.array([0, 1, 2, 2]), np.array([45, LASTS, 70, LASTS]), tags)
    actions.save(tmp_path / "a.npz")
    again = Actions.load(tmp_path / "a.npz").of([2, 0])
    assert again.clip.tolist() == [1, 0, 0] and again.frames.tolist() == [45, 70, LASTS]
    assert again.tags == (tags[0], tags[2], tags[3])


def test_sentences_are_of_what_was_measured():
    assert about({"jump", "jump_1", "raise_both", "stand"}, "jump_1") == {"jump", "jump_1", "stand"}
    assert several({"jump", "jump_3"}) and not several({"jump", "jump_1"}) and not several({"turn_in_place_left"})
    assert length_said({"raise_left", "walk"}, 40) == LASTS and length_said({"raise_left", "stand"}, 40) == 40


def test_targets_reach_to_the_lengths_beside():
    made = targets(np.array([LASTS, 40, 10, 999]))
    np.testing.assert_allclose(made.sum(axis=1), 1, atol=1e-5)
    assert made[0, GOES_ON] == 1 and made[1].argmax() == 5 and 0.1 < made[1, 6] < made[1, 5]
    assert made[2, 0] == 1 and made[3, GOES_ON - 1] == 1


def test_pairs_of_a_set(motion_set):
    """Captions come with the length of their clip, sentences with that of an event, or as what goes on."""
    clips = list(read_clips(motion_set))
    actions = measured_actions(clips)
    assert len(actions.clip) and set(actions.clip.tolist()) <= set(range(len(clips)))
    for caption, frames in caption_lengths(clips, actions):
        assert any(caption in clip.captions and frames in (LASTS, clip.frames) for clip in clips)
    pairs = draw_length_pairs(clips, actions, 20, set(), 0)
    assert len(pairs.texts) == len(pairs.frames) == 20 and all(pairs.texts)
    assert draw_length_pairs(clips, actions, 20, set(), 0).texts == pairs.texts
    without = {plain_words(pairs.texts[0])}
    assert without.isdisjoint(map(plain_words, draw_length_pairs(clips, actions, 20, without, 0).texts))
