"""The C++ part of the kernels, built once a session."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def kernel_build(tmp_path_factory):
    """`kernel_build(target)`: path of a shared library of the C++ build."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    if not any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++", "cl")):
        pytest.skip("no C++ compiler is installed")
    build = tmp_path_factory.mktemp("kernels")

    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def target_path(target):
        run("cmake", "--build", build, "--config", "Release", "--target", target)
        return next(path for suffix in ("so", "dylib", "dll") for path in build.rglob(f"*{target}.{suffix}"))

    run("cmake", "-S", ROOT, "-B", build, "-DGENMO_CUDA=OFF", "-DCMAKE_BUILD_TYPE=Release")
    return target_path


@pytest.fixture(scope="session")
def library_file(kernel_build):
    """Path of libgenmo_kernels."""
    return kernel_build("genmo_kernels")
