"""The loader is measured alone and beside training."""

import tempfile
from pathlib import Path


def test_the_feed_is_measured(config):
    from genmo.train.loop.throughput import measure

    with tempfile.TemporaryDirectory() as folder:
        found = measure(config, Path(folder), 0.05)
    assert found["loader_alone_samples_a_second"] >= found["with_model_samples_a_second"] > 0
    assert 0 <= found["waiting_share"] <= 1
