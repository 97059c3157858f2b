"""The log of a run: a line a record, means over the steps since the last one."""

import json
import math

import pytest

from genmo.train.loop.run_log import RunLog, StepMeter
from genmo.train.settings.config import TrainConfig


def test_records_are_lines(tmp_path):
    log = RunLog(TrainConfig(), tmp_path, first=True)
    log.write({"step": 50, "loss": 1.5})
    log.write({"step": 100, "validation": {"pa_mpjpe": 60.0}})
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == [{"step": 50, "loss": 1.5}, {"step": 100, "validation": {"pa_mpjpe": 60.0}}]


def test_terms_are_means_since_the_last_record():
    meter = StepMeter(samples_a_step=8)
    meter.add({"loss": 1.0, "body": 2.0}, waited=0.0)
    meter.add({"loss": 3.0, "body": 2.0}, waited=0.0)
    record = meter.record()
    assert (record["loss"], record["body"]) == (2.0, 2.0) and record["waiting_share"] == 0
    assert 0 < record["samples_a_second"] < math.inf
    meter.add({"loss": 7.0}, waited=0.0)
    again = meter.record()
    assert again["loss"] == pytest.approx(7.0) and "body" not in again
