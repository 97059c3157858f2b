"""libgenmo for other systems: what cross.py says, and, with --run-slow, builds that run in Wine and QEMU."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from genmo.runtime.support import native

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "kernels" / "native" / "cross.py"


@pytest.fixture(scope="module")
def cross():
    spec = importlib.util.spec_from_file_location("cross_for_tests", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_target_that_is_not_there_is_refused_in_a_line(cross, capsys):
    with pytest.raises(SystemExit) as stopped:
        cross.main(["windows-arm"])
    assert stopped.value.code == 2
    assert "target is 'windows-arm'; wanted one of windows-x86_64, linux-aarch64" in capsys.readouterr().err


def test_compilers_that_are_missing_are_named_with_what_installs_them(cross, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cross.shutil, "which", lambda name: name if name == "cmake" else None)
    monkeypatch.setattr(cross.importlib.util, "find_spec", lambda name: None)
    assert cross.main(["--out", str(tmp_path)]) == 0  # all that can be built, which is nothing
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(cross.TARGETS)
    assert "windows-x86_64: not built, its compiler is missing: apt install g++-mingw-w64-x86-64" in lines
    assert "macos-aarch64: not built, its compiler is missing: pip install ziglang" in lines
    assert cross.main(["macos-aarch64", "--out", str(tmp_path)]) == 1  # asked for by name


@pytest.mark.skipif(native.library() is None, reason=native.description())
def test_nothing_of_the_cpp_runtime_is_in_the_library():
    """One `new` or guarded `static` brings exceptions, unwinder and demangler: a tenth of the library."""
    assert b"cxxabi" not in native.library_path().read_bytes()


def test_what_nothing_here_runs_is_not_run(cross):
    assert not cross.TARGETS["macos-aarch64"].runnable()
    assert cross.TARGETS["linux-x86_64-glibc2.17"].runnable()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["windows-x86_64", "linux-aarch64"])
def test_a_target_is_built_and_its_tests_pass(name, cross, tmp_path):
    target = cross.TARGETS[name]
    if target.compilers() is None:
        pytest.skip(f"{name}: no compiler; {target.needs}")
    if not target.runnable():
        pytest.skip(f"{name}: nothing runs its programs; {target.runner_needs}")
    command = [sys.executable, SCRIPT, name, "--test", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"tests passed {target.runs}" in done.stdout
