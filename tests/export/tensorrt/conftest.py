"""TensorRT-RTX, which builds plans without a GPU."""

import pytest


@pytest.fixture
def library():
    return pytest.importorskip("tensorrt_rtx", reason='pip install "genmo-motion[tensorrt-rtx]"')
