"""The maker of spoilt files, which is also a command: benchmarks/fuzz_inputs.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[3] / "benchmarks" / "fuzz_inputs.py"


@pytest.fixture(scope="session")
def fuzz():
    name = "benchmarks_fuzz_inputs"
    spec = importlib.util.spec_from_file_location(name, SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up here
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SOURCE.parent)  # a benchmark imports its neighbours
        spec.loader.exec_module(module)
    yield module
    del sys.modules[name]
