"""The C++ part of the kernels, built once a session, and the engine that ships in libgenmo, from C and from Python."""

import shutil
import subprocess
from pathlib import Path

import pytest

from genmo.runtime import MotionModel
from genmo.runtime.engine.bundle import SHIPPED
from tests.kernels.native_abi import Model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def kernel_build(once):
    """`kernel_build(target)`: path of a shared library of the C++ build, built by one worker for all."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    if not any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++", "cl")):
        pytest.skip("no C++ compiler is installed")

    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def target_path(target):
        def make(build):
            run("cmake", "-S", ROOT, "-B", build, "-DGENMO_CUDA=OFF", "-DCMAKE_BUILD_TYPE=Release")
            run("cmake", "--build", build, "--config", "Release", "--target", target)

        build = once(f"kernels-{target}", make)
        return next(path for suffix in ("so", "dylib", "dll") for path in build.rglob(f"*{target}.{suffix}"))

    return target_path


@pytest.fixture(scope="session")
def library_file(kernel_build):
    """Path of libgenmo_kernels."""
    return kernel_build("genmo_kernels")


@pytest.fixture(scope="module")
def python():
    """The runtime, with the network in libgenmo."""
    return MotionModel.load(backend="native", threads=1)


@pytest.fixture(scope="module")
def model():
    """The C interface alone."""
    with Model(SHIPPED) as opened:
        yield opened
