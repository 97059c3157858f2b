"""`genmo-train --measure-feed`: how fast batches are made, alone and beside training."""

from __future__ import annotations

import time
from pathlib import Path

from genmo.train.data.step_stream import measure_feed
from genmo.train.loop.trainer import Trainer
from genmo.train.settings.config import TrainConfig


def measure(config: TrainConfig, folder: Path, seconds: float) -> dict[str, float]:
    """Samples a second of the loader alone and of training with it, each over about `seconds`; nothing is kept.

    `waiting_share` is the part of the training time spent waiting for batches: near 0, the model is never starved.
    Raises InputError for a config that cannot be trained.
    """
    trainer = Trainer(config, folder)
    alone = measure_feed(trainer.feed, 0, seconds)
    feed = trainer.feed.steps(0, 10**6)
    trainer.train_step(next(feed))  # the first step also compiles and allocates
    started, waited, first_step = time.monotonic(), 0.0, trainer.step
    while (passed := time.monotonic() - started) < seconds or trainer.step == first_step:
        requested = time.monotonic()
        shards = next(feed)
        waited += time.monotonic() - requested
        trainer.train_step(shards)
    samples = (trainer.step - first_step) * config.shards * (config.estimation + config.generation)
    return {
        "loader_alone_samples_a_second": round(alone["samples_a_second"], 1),
        "with_model_samples_a_second": round(samples / passed, 1),
        "waiting_share": round(waited / passed, 3),
        "workers": config.workers,
    }
