"""The copy of the training clip with the nearest words."""

from dataclasses import replace

import pytest

from genmo.train.evaluation.nearest_words import nearest_clips, shared_words


def test_words_are_shared_by_number():
    assert shared_words("a person walks", "A person, walks!") == 1
    assert shared_words("a person walks", "a person jogs") == pytest.approx(2 / 4)
    assert shared_words("walks", "jogs") == 0


def test_the_nearest_caption_wins_and_equals_are_drawn_by_seed(clips):
    training = [
        replace(clips[0], name="walk", captions=("a person walks",)),
        replace(clips[1], name="walk too", captions=("a person walks",)),
        replace(clips[2], name="turn", captions=("a person walks and turns left", "walk")),
        replace(clips[3], name="silent", captions=()),
    ]
    asked = [replace(clips[4], captions=(text,)) for text in ("he walks and turns left", *["a person walks"] * 20)]
    found = [clip.name for clip in nearest_clips(asked, training)]
    assert found[0] == "turn" and set(found[1:]) == {"walk", "walk too"}
    assert found == [clip.name for clip in nearest_clips(asked, training)]
    assert all(clip.frames <= 120 for clip in nearest_clips(asked, training))
