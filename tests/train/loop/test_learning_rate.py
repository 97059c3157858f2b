"""Warm-up, then a cosine."""

import pytest

from genmo.train.loop.learning_rate import FLOOR, warmed_cosine


def test_it_rises_then_falls():
    rates = [warmed_cosine(step, 110, 10, 2.0) for step in range(111)]
    assert rates[:3] == pytest.approx([0.2, 0.4, 0.6]) and rates[9] == max(rates) == 2.0
    assert rates[60] == pytest.approx(2 * (FLOOR + (1 - FLOOR) / 2)) and rates[110] == pytest.approx(2 * FLOOR)
    assert warmed_cosine(500, 110, 10, 2.0) == pytest.approx(2 * FLOOR)
