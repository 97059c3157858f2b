"""Tables: each column is the mean of its metric over the right frames, and intervals come from clips."""

import json

import numpy as np
import pytest

from genmo.runtime.support.errors import InputError
from genmo.train.metrics.paper_tables import (
    UNITS,
    Estimate,
    estimation_row,
    inbetweening_row,
    keyframe_error,
    markdown_table,
    plain,
)
from genmo.train.metrics.pose import FEET, foot_sliding, jitter, pa_mpjpe, rte, wa_mpjpe
from genmo.train.metrics.sets import Interval


def estimates(random_motion, seeds, frames=30):
    rng = np.random.default_rng(0)
    clips = []
    for seed in seeds:
        truth = random_motion(frames + 10 * seed, seed).joints_world()
        noise = rng.normal(0, 0.02 * (1 + seed), truth.shape)
        vertices = rng.normal(size=(len(truth), 50, 3))
        clips.append(Estimate(truth + noise, truth, truth + noise, truth, vertices + 0.01, vertices))
    return clips


def test_a_row_is_the_mean_over_all_frames(random_motion):
    clips = estimates(random_motion, range(4))
    row = estimation_row(clips, draws=50)
    assert list(row) == list(UNITS)
    every = np.concatenate([pa_mpjpe(c.camera, c.true_camera) for c in clips])
    assert row["PA-MPJPE"].value == pytest.approx(every.mean())
    assert row["Jitter"].value == pytest.approx(np.mean([jitter(c.world, 30) for c in clips]))
    assert row["RTE"].value == pytest.approx(np.mean([rte(c.world[:, 0], c.true_world[:, 0]) for c in clips]))
    for interval in row.values():
        assert interval.low <= interval.value <= interval.high
    assert row["PA-MPJPE"].low < row["PA-MPJPE"].value < row["PA-MPJPE"].high


def test_foot_sliding_of_the_row_is_that_of_one_clip(random_motion):
    (clip,) = estimates(random_motion, [1])
    still = clip.true_world.copy()
    still[10:20] = still[10]
    clip = Estimate(clip.camera, clip.true_camera, clip.world, still)
    steps = foot_sliding(clip.world[:, FEET], still[:, FEET], 30)
    assert estimation_row([clip], draws=5)["Foot sliding"].value == pytest.approx(steps.mean())


def test_what_is_not_there_is_left_out(random_motion):
    full = estimates(random_motion, [0, 1])
    local = [Estimate(c.camera, c.true_camera) for c in full]
    assert list(estimation_row(local, draws=5)) == ["PA-MPJPE", "MPJPE", "Accel"]
    still = np.tile(full[0].true_world[:1], (30, 1, 1))
    assert "RTE" not in estimation_row([Estimate(still, still, still, still)], draws=5)
    with pytest.raises(InputError, match="no clip"):
        estimation_row([])
    with pytest.raises(InputError, match="clip 0: joints"):
        estimation_row([Estimate(still[1:], still)])


def test_inbetweening_takes_the_best_sample_of_each_clip(random_motion):
    truths = [random_motion(30, seed).joints_world() for seed in (1, 2)]
    rng = np.random.default_rng(0)
    samples = [[truth + rng.normal(0, s, truth.shape) for s in (0.1, 0.01, 0.05)] for truth in truths]
    row = inbetweening_row(samples, truths, draws=20)
    for name, metric in (("PA-MPJPE", pa_mpjpe), ("WA-MPJPE100", wa_mpjpe)):
        wanted = np.mean([min(metric(s, t).mean() for s in made) for made, t in zip(samples, truths, strict=True)])
        assert row[name].value == pytest.approx(wanted)


def test_keyframes_are_compared_where_they_are(random_motion):
    rotations = random_motion(20, 0).rotations
    keys = rotations[[3, 11]].copy()
    assert keyframe_error(rotations, keys, [3, 11]) == 0
    keys[1, 5, 0, 0] += 0.25
    assert keyframe_error(rotations, keys, [3, 11]) == pytest.approx(0.25)


def test_tables_as_markdown_and_json():
    rows = {"ours": {"MPJPE": Interval(73.41, 70, 77), "R@3": 0.7812}, "theirs": {"MPJPE": 80.0}}
    assert markdown_table(rows).splitlines() == [
        "| method | MPJPE (mm) | R@3 |",
        "|---|---|---|",
        "| ours | 73.4 ± 3.5 | 0.781 |",
        "| theirs | 80.0 |  |",
    ]
    assert json.loads(json.dumps(plain(rows)))["ours"] == {
        "MPJPE": {"value": 73.41, "low": 70, "high": 77},
        "R@3": 0.7812,
    }
