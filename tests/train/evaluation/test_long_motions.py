"""Rows of long motions, of made ones."""

import numpy as np
import pytest

from genmo.runtime.motion.motion import Motion
from genmo.train.evaluation.long_motions import MINUTE, Part, _over_seeds, markdown, row
from genmo.train.evaluation.obey_prompts import PREDICATES


def gliding(frames, speed):
    path = np.zeros((frames, 3))
    path[:, 1], path[:, 2] = 0.95, np.cumsum(np.broadcast_to(speed, frames)) / 30
    return Motion(np.tile(np.eye(3), (frames, 24, 1, 1)), path).joints_world()


def test_each_part_is_judged_by_its_own_predicate():
    speed = np.r_[np.full(150, 1.2), np.zeros(150), np.full(150, 3.0)]
    parts = [Part("walks", 0, 150), Part("stays", 165, 300), Part("walks", 315, 450)]
    found = row(gliding(450, speed), parts)
    assert found["obeys"] == pytest.approx(2 / 3)
    assert found["border"] > 10, "a jump in speed is seen at the border"


def test_a_floor_that_rises_is_the_worst_of_the_seeds():
    flat, rising = gliding(180, 1.2), gliding(180, 1.2)
    rising[..., 1] += np.linspace(0, 0.4, 180)[:, None]
    rows = [row(joints, [Part("walks", 0, 180)]) for joints in (flat, rising)]
    mean = _over_seeds(rows)
    assert mean["floor"] == pytest.approx(0.4 * 135 / 179, abs=0.01) and mean["root_speed"] == pytest.approx(1.2, 0.01)
    assert "| gait |" in "\n".join(markdown({"gait": mean})) and "border" not in mean


def test_the_minute_asks_for_known_predicates():
    assert len(MINUTE) == 12 and {predicate for _, predicate in MINUTE} <= set(PREDICATES)
