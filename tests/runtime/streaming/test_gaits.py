"""Which prompt a speed asks for."""

import numpy as np

from genmo.runtime.streaming.gaits import GAITS, SHORTEST, gait_of, gait_texts


def test_faster_is_never_a_slower_gait():
    gaits = [gait_of(speed) for speed in np.linspace(0, 7, 200)]
    assert gaits[0] == 0 and gaits[-1] == len(GAITS) - 1 and (np.diff(gaits) >= 0).all()


def test_a_gait_stays_near_its_border():
    border = GAITS[2].speed
    assert gait_of(border + 0.05) == 3 and gait_of(border + 0.05, 2) == 2 and gait_of(border + 0.3, 2) == 3


def test_a_run_that_stops_is_two_texts_and_what_passes_quickly_is_none():
    speeds = np.concatenate([np.full(30, 4.0), np.linspace(4.0, 0.0, 12), np.zeros(30)])
    texts, gaits = gait_texts(speeds)
    assert [text.prompt for text in texts] == ["a person runs forward", "a person stands still"]
    assert texts[0].start == 0 and texts[-1].end == 72 and len(gaits) == 72
    assert all(text.end - text.start >= SHORTEST for text in texts)
    assert all(a.end == b.start for a, b in zip(texts, texts[1:], strict=False))
