"""What the tests of the loop share: a tiny run, with few batches for its statistics."""

from dataclasses import replace

import pytest

from genmo.train.settings.config import read_config


@pytest.fixture(scope="module")
def config(motion_set):
    return replace(
        read_config("tiny", ["steps=6", "estimation=2", "generation=2", "frames=[30, 40]", "threads=1"]),
        data=(str(motion_set),),
    )


@pytest.fixture(autouse=True, scope="module")
def few_statistics():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genmo.train.loop.trainer.STATISTICS_BATCHES", 4)
        yield
