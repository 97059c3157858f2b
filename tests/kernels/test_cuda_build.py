"""The CUDA kernels compile for every GPU generation, without a GPU: nvcc on the PATH or from the extra `kernels`."""

import functools
import importlib.util
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLDEST_AND_NEWEST, BETWEEN = (80, 100), (86, 89, 90)
# No line of the kernels asks for the generation, and each takes 4 s to compile: those between wait for --run-slow.
GENERATIONS = [*OLDEST_AND_NEWEST, *[pytest.param(generation, marks=pytest.mark.slow) for generation in BETWEEN]]
ENTRIES = {f"genmo_window_attention_packed_{kind}_{width}" for kind in ("f16", "bf16", "f32") for width in (64, 128)}
MOST_SHARED = 48 * 1024
"""bytes of shared memory that a launch gets without asking"""


def wheel_compiler():
    """nvcc of the pip wheels, which lie under one namespace package."""
    found = importlib.util.find_spec("nvidia")
    places = found.submodule_search_locations if found else ()
    return next((path for place in places for path in Path(place).glob("*/bin/nvcc")), None)


def cuda_environment():
    """The environment in which CMake finds nvcc; skips where there is none."""
    if shutil.which("nvcc"):
        return dict(os.environ)
    nvcc = wheel_compiler()
    if nvcc is None:
        pytest.skip("no nvcc on the PATH, and the extra 'kernels' is not installed")
    libraries = f"-L{nvcc.parents[1] / 'lib'}"  # the wheels have no lib64, where nvcc looks
    return os.environ | {"CUDACXX": str(nvcc), "NVCC_PREPEND_FLAGS": libraries}


def run(environment, *command):
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def configured(build, environment, *options):
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    run(environment, "cmake", "-S", ROOT, "-B", build, "-DGENMO_CUDA=ON", "-DCMAKE_BUILD_TYPE=Release", *options)


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """`image(generation, suffix)`: path of the PTX or cubin of a generation."""

    @functools.cache
    def built(generations):
        environment, build = cuda_environment(), tmp_path_factory.mktemp("cuda")
        configured(build, environment, f"-DCMAKE_CUDA_ARCHITECTURES={';'.join(map(str, generations))}")
        run(environment, "cmake", "--build", build, "--target", "genmo_ptx", "--parallel", "2")
        return build / "kernels" / "ptx"

    def path(generation, suffix):
        folder = built(BETWEEN if generation in BETWEEN else OLDEST_AND_NEWEST)
        return folder / f"window_attention.sm{generation}.{suffix}"

    return path


def test_a_build_without_options_is_for_every_generation():
    named = re.search(r"set\(CMAKE_CUDA_ARCHITECTURES ([\d ]+) CACHE", (ROOT / "CMakeLists.txt").read_text())
    assert sorted(map(int, named[1].split())) == sorted(OLDEST_AND_NEWEST + BETWEEN)


def test_no_kernel_asks_for_the_generation():
    """Or each would have to be compiled at every run of the tests."""
    sources = [path for path in (ROOT / "kernels").rglob("*") if path.suffix in {".h", ".cu", ".cpp", ".cuh"}]
    assert len(sources) > 5 and not [path for path in sources if "__CUDA_ARCH__" in path.read_text()]


def entries_of(ptx):
    """Text of every entry by its name."""
    parts = re.split(r"^\.visible \.entry (\w+)\(", ptx, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_ptx_has_every_entry(image, generation):
    ptx = image(generation, "ptx").read_text()
    assert f".target sm_{generation}\n" in ptx
    assert entries_of(ptx).keys() == ENTRIES


def test_sixteen_bits_use_tensor_cores_and_float32_does_not(image):
    for name, text in entries_of(image(80, "ptx").read_text()).items():
        kinds = set(re.findall(r"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.(\w+)\.", text))
        assert kinds == {kind for kind in ("f16", "bf16") if f"_{kind}_" in name}
        assert ("cp.async" in text) == ("_f32_" not in name)


def test_offsets_are_64_bits_wide(image):
    """No 32-bit product reaches an address: 10^7 frames of a 3072 wide projection are more than 2^31 numbers."""
    for text in entries_of(image(80, "ptx").read_text()).values():
        assert "mad.lo.s64" in text or "mul.lo.s64" in text


@pytest.mark.parametrize("generation", GENERATIONS)
def test_cubin_is_for_its_generation(image, generation):
    """An ELF file for NVIDIA's machine (190), whose flags name the generation."""
    data = image(generation, "cubin").read_bytes()
    assert data[:4] == b"\x7fELF"
    (machine,), (flags,) = struct.unpack_from("<H", data, 18), struct.unpack_from("<I", data, 48)
    assert machine == 190
    assert generation in (flags & 0xFF, flags >> 8 & 0xFF)
    assert all(name.encode() in data for name in ENTRIES)


def test_no_entry_needs_more_shared_memory_than_every_launch_gets(image):
    """Sizes in the PTX, where arrays are declared; TensorRT launches without asking for more."""
    for text in entries_of(image(80, "ptx").read_text()).values():
        declared = re.findall(r"\.shared \.align \d+ \.b8 \w+\[(\d+)\]", text)
        assert 0 < sum(map(int, declared)) <= MOST_SHARED


@pytest.mark.slow
def test_the_library_links_and_says_that_there_is_no_gpu(tmp_path):
    """The launcher and the test program too, for one generation."""
    environment = cuda_environment()
    configured(tmp_path, environment, "-DCMAKE_CUDA_ARCHITECTURES=80")
    run(environment, "cmake", "--build", tmp_path)
    done = subprocess.run([tmp_path / "kernels" / "window_attention_cuda_test"], capture_output=True, text=True)
    assert done.returncode in (0, 77), done.stdout + done.stderr
