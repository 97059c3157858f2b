"""libgenmo is found, refused or absent, and says so in one line; numpy does the work without it."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from genmo.runtime.support import native
from genmo.runtime.support.errors import BackendError
from genmo.runtime.support.version import __version__

ROOT = Path(__file__).resolve().parents[3]
HEADER = ROOT / "kernels" / "native" / "include" / "genmo" / "genmo.h"

needs_library = pytest.mark.skipif(native.library() is None, reason=native.description())

SAY = "from genmo.runtime.support import native; print(native.library() is not None, native.description())"


def test_a_machine_that_can_build_the_library_has_it():
    """Otherwise every parity test would skip, and nobody would know."""
    if not (shutil.which("cmake") and shutil.which("g++")):
        pytest.skip("no cmake or no g++ here")
    assert native.library() is not None or "GENMO_NATIVE" in native.description(), native.description()


def test_the_abi_has_one_number():
    assert f"#define GENMO_ABI {native.ABI}\n" in HEADER.read_text(encoding="utf-8")


@needs_library
def test_the_library_says_what_it_is():
    assert native.description() == f"libgenmo {__version__} ({native.instruction_set()})"
    assert native.instruction_sets()[-1] == "portable"


@needs_library
def test_every_instruction_set_of_this_processor_can_be_chosen():
    before = native.instruction_set()
    for name in native.instruction_sets():
        with native.using_instruction_set(name):
            assert native.instruction_set() == name
    assert native.instruction_set() == before


@needs_library
def test_an_unknown_instruction_set_is_refused_in_a_sentence():
    with pytest.raises(BackendError, match="instruction set mmx is not"), native.using_instruction_set("mmx"):
        pass


@needs_library
def test_a_message_needs_room_that_the_caller_has():
    library = native.library()
    assert library.genmo_isa_select(None, None) == 1
    small = (ctypes.c_uint32 * 2)(8, 77)  # an error struct of 8 bytes, from an older header
    assert library.genmo_isa_select(None, small) == 1 and small[1] == 77


def test_numpy_alone_is_a_choice():
    with native.numpy_only():
        assert native.library() is None and native.instruction_sets() == []
        with pytest.raises(BackendError):
            native.call("genmo_isa_select", b"portable")


def test_the_variable_switches_it_off(python, tmp_path):
    done = python(["-c", SAY], tmp_path, GENMO_NATIVE="0")
    assert done.stdout == "False numpy alone, slower: GENMO_NATIVE is 0\n", done.stderr


def test_without_the_library_the_reason_and_the_remedy_are_one_line(python, tmp_path):
    done = python(["-c", SAY], tmp_path, GENMO_LIBRARY=str(tmp_path / "gone.so"))
    assert done.stdout.startswith("False numpy alone") and "install a C++ compiler" in done.stdout, done.stderr
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"\x7fELF no library", b"x" * 5000])
def test_a_file_that_is_no_library_is_refused(python, tmp_path, content):
    (tmp_path / "bad.so").write_bytes(content)
    done = python(["-c", SAY], tmp_path, GENMO_LIBRARY=str(tmp_path / "bad.so"))
    assert done.stdout.startswith("False numpy alone") and "is no libgenmo" in done.stdout, done.stderr


@pytest.mark.parametrize(("abi", "version"), [(native.ABI + 1, __version__), (native.ABI, "0.0.0")])
def test_a_library_of_another_version_is_refused(python, tmp_path, abi, version):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    source = tmp_path / "old.c"
    source.write_text(
        f'unsigned genmo_abi(void) {{ return {abi}; }}\nconst char* genmo_version(void) {{ return "{version}"; }}\n'
        'const char* genmo_isa(int i) { return i ? 0 : "old"; }\nconst char* genmo_isa_in_use(void) { return "old"; }\n'
    )
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "old.so", source], check=True)
    done = python(["-c", SAY], tmp_path, GENMO_LIBRARY=str(tmp_path / "old.so"))
    assert f"is libgenmo {version} with ABI {abi}" in done.stdout, done.stderr
