"""What every test shares: the slow tests stay out unless asked for, hardware tests say why they skip."""

import ctypes
import ctypes.util
import functools
import importlib.util

import pytest
from hypothesis import settings

# The same examples on every machine and in every run.
settings.register_profile("genmo", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("genmo")


def pytest_addoption(parser):
    parser.addoption("--run-slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--run-slow") or "slow" in config.getoption("markexpr"):
        return
    slow = [item for item in items if "slow" in item.keywords]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if "slow" not in item.keywords]


def pytest_runtest_setup(item):
    if item.get_closest_marker("requires_cuda") and not has_cuda():
        pytest.skip("no NVIDIA GPU or driver on this machine")
    if item.get_closest_marker("requires_tensorrt") and not has_tensorrt():
        pytest.skip("neither tensorrt nor tensorrt_rtx is installed")


@functools.cache
def has_cuda() -> bool:
    """Asks the driver itself, so that no test needs torch to find out."""
    driver = ctypes.util.find_library("cuda") or ctypes.util.find_library("nvcuda")
    if driver is None:
        return False
    try:
        cuda, count = ctypes.CDLL(driver), ctypes.c_int(0)
        return cuda.cuInit(0) == 0 and cuda.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except OSError:
        return False


def has_tensorrt() -> bool:
    return any(importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx"))
