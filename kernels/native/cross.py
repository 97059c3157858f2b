"""libgenmo for other systems, by one command: Windows, Linux on Arm and with an old C library, macOS.

    python kernels/native/cross.py                          # every target whose compiler is installed, into build/cross
    python kernels/native/cross.py --test windows-x86_64    # this one, and its tests in Wine

Each target's folder gets the library, its import library where Windows wants one, the headers and the C examples.  The
tests are those of `ctest`, run by an emulator where the processor or the system is another; they are with an engine
that is made up, so that an emulator's pace will do.  What no tool here can run is built and said to be so.

Compilers: mingw-w64 and GCC for aarch64 of the system's packages; for everything else zig's, which `pip install
ziglang` brings with every C library.  It builds its C++ library once a target, which takes minutes.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "kernels" / "native"
PROGRAMS = ("motion_from_text", "motion_from_keypoints", "motion_without_end", "motions")
ZIG = "pip install ziglang"


@dataclass(frozen=True)
class Target:
    """A system and processor, what compiles for it and what runs its programs."""

    name: str
    system: str
    """CMAKE_SYSTEM_NAME"""
    processor: str
    library: str
    needs: str
    """how to get the compiler"""
    prefix: str = ""
    """of a GNU compiler's programs"""
    zig: str = ""
    """zig's name of the target"""
    runner: tuple[str, ...] = ()
    """the emulator that runs a program"""
    runs: str = "here"
    """where programs run: by themselves, "in" the emulator, or "nowhere" that can be installed"""
    runner_needs: str = ""
    """how to get the emulator"""

    def compilers(self) -> tuple[str, str] | None:
        """C and C++ compilers as CMake takes them, or None where they are not installed."""
        if self.zig:
            zig = zig_command()
            return zig and (";".join((*zig, "cc", "-target", self.zig)), ";".join((*zig, "c++", "-target", self.zig)))
        for suffix in ("-posix", ""):  # of mingw-w64's two kinds of threads
            found = shutil.which(f"{self.prefix}gcc{suffix}"), shutil.which(f"{self.prefix}g++{suffix}")
            if found[0] and found[1]:
                return found[0], found[1]
        return None

    def runnable(self) -> bool:
        return self.runs == "here" or (bool(self.runner) and shutil.which(self.runner[0]) is not None)


TARGETS = {
    target.name: target
    for target in (
        Target(
            "windows-x86_64", "Windows", "x86_64", "genmo.dll", "apt install g++-mingw-w64-x86-64",
            prefix="x86_64-w64-mingw32-", runner=("wine",), runs="in Wine", runner_needs="apt install wine64",
        ),
        Target(
            "linux-aarch64", "Linux", "aarch64", "libgenmo.so", "apt install g++-aarch64-linux-gnu",
            prefix="aarch64-linux-gnu-", runner=("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"), runs="in QEMU",
            runner_needs="apt install qemu-user",
        ),
        Target("linux-x86_64-glibc2.17", "Linux", "x86_64", "libgenmo.so", ZIG, zig="x86_64-linux-gnu.2.17"),
        Target("macos-aarch64", "Darwin", "aarch64", "libgenmo.dylib", ZIG, zig="aarch64-macos", runs="nowhere"),
        Target("macos-x86_64", "Darwin", "x86_64", "libgenmo.dylib", ZIG, zig="x86_64-macos", runs="nowhere"),
    )
}  # fmt: skip


def zig_command() -> tuple[str, ...] | None:
    """What runs zig: its own program or the package's."""
    if importlib.util.find_spec("ziglang") is not None:
        return sys.executable, "-m", "ziglang"
    found = shutil.which("zig")
    return (found,) if found else None


def configuration(target: Target, compilers: tuple[str, str]) -> list[str]:
    """Options of CMake for a target."""
    options = {
        "GENMO_KERNELS": "OFF", "CMAKE_BUILD_TYPE": "Release", "CMAKE_SYSTEM_NAME": target.system,
        "CMAKE_SYSTEM_PROCESSOR": target.processor, "CMAKE_C_COMPILER": compilers[0],
        "CMAKE_CXX_COMPILER": compilers[1],
    }  # fmt: skip
    if target.runner and target.runnable():
        options["CMAKE_CROSSCOMPILING_EMULATOR"] = ";".join(target.runner)
    if target.system == "Darwin":  # nothing is installed, so nothing changes names inside the library
        options |= {"CMAKE_INSTALL_NAME_TOOL": shutil.which("true") or "", "CMAKE_OSX_SYSROOT": ""}
    return [f"-D{name}={value}" for name, value in options.items()]


def build(target: Target, folder: Path, jobs: int) -> bool:
    """Build a target in `folder`/build; False, after what the compiler said, where it failed."""
    compilers = target.compilers()
    assert compilers is not None
    tree = folder / "build"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(tree), *generator, *configuration(target, compilers)],
        ["cmake", "--build", str(tree), "--parallel", str(jobs)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print((done.stdout + done.stderr)[-4000:], file=sys.stderr)
            return False
    collect(target, tree / "kernels" / "native", folder)
    return True


def collect(target: Target, built: Path, folder: Path) -> None:
    """Put what a game needs into the target's folder."""
    suffix = ".exe" if target.system == "Windows" else ""
    names = [target.library, *(f"{program}{suffix}" for program in PROGRAMS)]
    if target.system == "Windows":
        names.append("libgenmo.dll.a")
    for name in names:
        shutil.copy2(built / name, folder / name)
    shutil.copytree(NATIVE / "include", folder / "include", dirs_exist_ok=True)


def environment(folder: Path) -> dict[str, str]:
    """Of Wine: a prefix of its own, and nothing said about drivers that a program without windows does not need."""
    return os.environ | {"WINEPREFIX": str((folder / "wine").resolve()), "WINEDEBUG": "-all"}


def test(target: Target, folder: Path) -> bool:
    """Run the tests of a built target."""
    command = ["ctest", "--test-dir", str(folder / "build"), "--output-on-failure"]
    try:
        return subprocess.run(command, env=environment(folder)).returncode == 0
    finally:
        if "wine" in target.runner and shutil.which("wineserver"):
            subprocess.run(["wineserver", "-k"], env=environment(folder))


def made(target: Target, args: argparse.Namespace) -> bool:
    """Build, and test where that is wanted and possible, with a line about it; False for what failed."""
    if target.compilers() is None:
        print(f"{target.name}: not built, its compiler is missing: {target.needs}")
        return not args.targets
    folder = args.out / target.name
    folder.mkdir(parents=True, exist_ok=True)
    if not build(target, folder, args.jobs):
        print(f"{target.name}: FAILED to build")
        return False
    size = (folder / target.library).stat().st_size
    line = f"{target.name}: {folder / target.library}, {size:,} bytes"
    if not args.test:
        print(line)
        return True
    if not target.runnable():
        needs = f": {target.runner_needs}" if target.runner_needs else ""
        print(f"{line}; built, not run{needs}")
        return True
    passed = test(target, folder)
    print(f"{line}; tests {'passed' if passed else 'FAILED'} {target.runs}")
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, 1 where a build or a test failed, 2 for what cannot be asked for."""
    parser = argparse.ArgumentParser(description="Build libgenmo for other systems.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"some of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--test", action="store_true", help="run the tests too, where an emulator is installed")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "cross", help="folder (default: build/cross)")
    parser.add_argument("--jobs", type=int, default=2, help="compilers at once (default: %(default)s)")
    args = parser.parse_args(arguments)
    unknown = [name for name in args.targets if name not in TARGETS]
    if unknown:
        parser.error(f"target is {unknown[0]!r}; wanted one of {', '.join(TARGETS)}")
    if shutil.which("cmake") is None:
        parser.error("cmake is not installed; wanted 3.25 or later: pip install cmake")
    results = [made(TARGETS[name], args) for name in args.targets or TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
