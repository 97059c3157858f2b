"""Motion completion: what is missing, what it is compared with, how it is measured."""

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.evaluation import completion
from genmo.train.evaluation.simulated import true_joints


def test_gaps_are_as_long_as_they_are_called():
    gaps = {name: gap(120) for name, gap in completion.GAPS.items()}
    assert list(gaps.values()) == [(60, 120), (0, 60), (30, 90), (45, 75), (55, 65)]


@pytest.mark.parametrize("gap", [(30, 60), (0, 40), (50, 100)])
def test_baselines_have_the_given_frames_and_move_straight_between(clips, gap):
    clip, truth = clips[0], true_joints(clips[0])
    known = completion.known_frames(clip, gap)
    line, still = completion.slerp_with_line(clip, gap), completion.held(clip, gap)
    np.testing.assert_allclose(line[known], truth[known], atol=1e-4)
    np.testing.assert_allclose(still[known], truth[known], atol=1e-4)
    inside = line[slice(*gap), 0]
    np.testing.assert_allclose(np.diff(inside, n=2, axis=0), 0, atol=1e-5)
    assert (np.ptp(inside, axis=0).max() > 0.01) == (0 < gap[0] and gap[1] < 100)
    assert np.ptp(still[slice(*gap)], axis=0).max() == 0
    before = gap[0] - 1 if gap[0] else gap[1]
    np.testing.assert_allclose(still[gap[0]], truth[before], atol=1e-4)


def test_errors_are_those_of_the_gap(clips):
    clip, truth = clips[0], true_joints(clips[0])
    moved = truth.copy()
    moved[30:60] += [0.1, 0, 0]
    pose, world = completion.gap_errors(moved, clip, (30, 60))
    np.testing.assert_allclose(pose, 0, atol=1e-3)
    np.testing.assert_allclose(world, 100, rtol=1e-4)


def test_the_report_has_a_row_a_gap_and_way(model, clips, monkeypatch):
    chosen = ("last 50 % (prefix given)", "middle 10 frames")
    monkeypatch.setattr(completion, "GAPS", {name: completion.GAPS[name] for name in chosen})
    result = completion.report(model, clips[:1], 1, 1)
    ways = ("genmo", "genmo, one take", "slerp and a line", "held")
    assert list(result["completion"]) == [f"{gap}, {way}" for gap in completion.GAPS for way in ways]
    assert "| middle 10 frames, held |" in completion.markdown(result)
    with pytest.raises(InputError, match="wanted longer ones"):
        completion.report(model, [], 1, 1)
