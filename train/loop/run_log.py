"""What a run records: lines of `log.jsonl`, and events of TensorBoard where the config asks for them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genmo.runtime.support.errors import InputError
from genmo.train.settings.config import TrainConfig
from genmo.train.settings.token_config import TokenTrainConfig

LOG_EVERY = 50
"""steps"""


def _write_nothing(name: str, value: float, step: int) -> None:
    pass


def _event_writer(config: TrainConfig | TokenTrainConfig, folder: Path) -> Callable[[str, float, int], None]:
    if not config.tensorboard:
        return _write_nothing
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError("config: tensorboard is not installed; pip install tensorboard or set it to false") from None
    write_event: Callable[[str, float, int], None] = SummaryWriter(str(folder / "events")).add_scalar
    return write_event


class RunLog:
    """The log of a run in its folder."""

    def __init__(self, config: TrainConfig | TokenTrainConfig, folder: Path, first: bool) -> None:
        """`first`: whether this process writes; the others are silent.  Raises InputError without TensorBoard."""
        self._path = folder / "log.jsonl"
        self._write_event = _event_writer(config, folder) if first else _write_nothing

    def write(self, record: dict[str, Any]) -> None:
        """Add a record, which has its `step`; numbers of a `validation` in it become events too."""
        with self._path.open("a") as log:
            log.write(json.dumps(record) + "\n")
        for name, value in (record | record.get("validation", {})).items():
            if isinstance(value, float):
                self._write_event(name, value, record["step"])


class StepMeter:
    """Means of loss terms and speed since the last record."""

    def __init__(self, samples_a_step: int) -> None:
        self._samples_a_step = samples_a_step
        self._started = self._since = time.monotonic()
        self._sums: dict[str, float] = {}
        self._waited = 0.0
        self._steps = 0

    def add(self, terms: dict[str, float], waited: float) -> None:
        """A step's loss terms, and the seconds spent waiting for its batch."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._waited += waited
        self._steps += 1

    def record(self) -> dict[str, float]:
        """The means since the last call, samples a second and the share of the time spent waiting; starts anew."""
        now = time.monotonic()
        passed = now - self._since
        record = {name: round(value / self._steps, 5) for name, value in self._sums.items()}
        record |= {
            "seconds": round(now - self._started, 1),
            "samples_a_second": round(self._steps * self._samples_a_step / passed, 1),
            "waiting_share": round(self._waited / passed, 3),
        }
        self._since, self._sums, self._waited, self._steps = now, {}, 0.0, 0
        return record
