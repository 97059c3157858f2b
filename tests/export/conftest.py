"""What the tests of export share: a checkpoint, and the graphs of its engine."""

import functools
import hashlib

import onnx
import pytest

from genmo.export.onnx import graphs as onnx_graphs
from genmo.runtime.engine.graphs import GRAPHS
from genmo.train.network.checkpoint import load_checkpoint


@pytest.fixture(scope="session", autouse=True)
def one_table_of_operators():
    """PyTorch makes its table of all ONNX operators anew at every export, a fifth of the work; here once."""
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        make = functools.cache(ONNXRegistry.from_torchlib.__func__)
    except (ImportError, AttributeError):  # another PyTorch: every export makes its own
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", classmethod(make))
        yield


@pytest.fixture(scope="session", autouse=True)
def traced_once():
    """The same network is traced once: what it is traced to depends on its class, config and weights alone.

    That two traces are the same bytes is `test_main`'s to show, with another process.
    """
    trace, traced = onnx_graphs.trace, {}

    def once(module):
        weights = hashlib.sha256()
        for name, tensor in module.state_dict().items():
            weights.update(name.encode() + tensor.numpy().tobytes())
        key = type(module), type(module.denoiser), module.denoiser.config, weights.digest()
        if key not in traced:
            traced[key] = trace(module)
        copy = onnx.ModelProto()
        copy.CopyFrom(traced[key])
        return copy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_graphs, "trace", once)
        yield


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return load_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="module")
def graphs(tiny_engine):
    return {name: onnx.load(tiny_engine / f"{name}.onnx") for name in GRAPHS}
