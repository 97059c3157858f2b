"""What the tests of export share: a checkpoint, and the graphs of its engine."""

import onnx
import pytest

from genmo.runtime.engine.graphs import GRAPHS
from genmo.train.network.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return load_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="module")
def graphs(tiny_engine):
    return {name: onnx.load(tiny_engine / f"{name}.onnx") for name in GRAPHS}
