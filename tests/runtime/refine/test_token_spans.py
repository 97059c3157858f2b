"""Timelines as tokens: texts, keyframes and windows."""

import numpy as np

from genmo.runtime.conditions.constraints import Keyframes
from genmo.runtime.conditions.spans import Text
from genmo.runtime.refine.token_spans import Stretch, given_tokens, stretches, windows

MASK = 99


def test_one_text_has_all_tokens():
    assert stretches((Text("walk"),), 121) == [Stretch(0, 31, "walk")]
    assert stretches((), 120) == [Stretch(0, 30, "")]


def test_texts_follow_each_other_and_the_later_has_what_both_reach():
    assert stretches((Text("walk", 0, 60), Text("sit", 60)), 120) == [Stretch(0, 15, "walk"), Stretch(15, 30, "sit")]
    over = stretches((Text("sit", 40, 80), Text("walk", 0, 60)), 120)
    assert over == [Stretch(0, 10, "walk"), Stretch(10, 20, "sit"), Stretch(20, 30, "")]


def keys(frames, root=0.9):
    frames = np.array(frames, np.int64)
    rotations = np.broadcast_to(np.eye(3), (len(frames), 24, 3, 3)).copy()
    places = np.full((len(frames), 3), root)
    places[:, 0] = frames  # tells whose features they are
    return Keyframes(frames, rotations, places)


def test_runs_of_keyframes_are_tokens():
    """Whole tokens alone, each run by itself."""
    seen = []

    def encode(features):
        seen.append(len(features))
        return np.stack(2 * [np.arange(len(features) // 4)], axis=-1)

    ids = given_tokens(keys([*range(9), *range(14, 31), 40]), 44, encode, [MASK, MASK])
    assert np.array_equal(ids[:, 0], ids[:, 1])
    assert ids[:, 0].tolist() == [0, 1, MASK, MASK, 0, 1, 2, MASK, MASK, MASK, MASK]
    assert seen == [8, 12]


def test_keyframes_that_may_be_anywhere_are_no_tokens():
    assert (given_tokens(keys(range(8), root=np.nan), 8, None, [MASK]) == MASK).all()
    assert (given_tokens(keys([]), 8, None, [MASK]) == MASK).all()


def filled_by(count, given, longest, spans):
    known = np.zeros(count, bool)
    known[given] = True
    found = []
    for start, end in spans:
        for window in windows(Stretch(start, end, ""), known, longest):
            known[slice(*window)] = True
            found.append(window)
    assert known.all()
    return found


def test_a_short_motion_is_one_window():
    assert filled_by(20, [], 30, [(0, 20)]) == [(0, 20)]


def test_a_long_motion_goes_on_from_what_is_known():
    found = filled_by(70, [], 30, [(0, 70)])
    assert found == [(0, 30), (23, 53), (46, 70)]


def test_a_gap_sees_both_sides():
    given = [*range(20), *range(35, 60)]
    assert filled_by(60, given, 30, [(0, 60)]) == [(13, 43)]
    assert filled_by(60, given, 40, [(0, 60)]) == [(12, 52)]


def test_a_text_goes_on_from_the_one_before():
    assert filled_by(40, [], 30, [(0, 15), (15, 40)]) == [(0, 15), (8, 38), (31, 40)]


def test_what_is_given_needs_no_window():
    assert filled_by(10, list(range(10)), 30, [(0, 10)]) == []
