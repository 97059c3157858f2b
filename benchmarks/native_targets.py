"""libgenmo as it was built for other systems: its motions beside the runtime's, its exports, its size.

    python kernels/native/cross.py
    python benchmarks/native_targets.py --out benchmarks/results/native_targets.md

The program `motions` of every target makes noise, motions from texts and from keypoints, a stream and endless motion,
in Wine or QEMU where the target is another system; the same are made here by the runtime with ONNX Runtime.  No times:
an emulator's say nothing.  Exit status 1 where a limit is passed.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import command
import machine
import numpy as np

from genmo.runtime import MotionGenerator, MotionModel, MotionStream, read_keypoints
from genmo.runtime.conditions.keypoints import Keypoints
from genmo.runtime.engine.bundle import SHIPPED
from genmo.runtime.support.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
KEYPOINTS = ("dance_keypoints", "dog_keypoints", "juggle_keypoints", "keypoints", "runner_keypoints")
TEXTS = (
    "a person walks forward", "a man jumps", "a woman dances", "someone walks up the stairs", "a person sits down",
    "a person kicks with the left foot", "a person waves", "a person crawls on the floor", "a person runs",
    "a person turns left", "a man punches twice", "a person stands still", "a person bows", "someone throws a ball",
    "a person squats", "a person does a cartwheel", "a person walks backward", "a person claps", "a person lies down",
    "a person picks something up",
)  # fmt: skip
TEXT_FRAMES, STEPS, SEEN_FRAMES, TICKS, LOOK_AHEAD, ENDLESS = 30, 2, 40, 12, 4, 20
NOISE = (0, 5, 2**40 + 3)
NOISE_COUNT = 100_000
LIMITS = {"fp32": (0.002, 0.05), "fast": (0.5, np.inf)}
"""millimetres from the runtime's joints, mean and largest; joints are taken from the root in fixed point"""
PEAK = 2.0
"""millimetres, 99th percentile in fixed point"""


def cross() -> ModuleType:
    """kernels/native/cross.py, which knows the targets."""
    place = ROOT / "kernels" / "native" / "cross.py"
    spec = importlib.util.spec_from_file_location("cross", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cross"] = module
    spec.loader.exec_module(module)
    return module


def seen(name: str) -> Keypoints:
    """Keypoints of an example as C has them, under a camera that is not known."""
    keypoints = read_keypoints(ROOT / "examples" / f"{name}.npz").first(SEEN_FRAMES)
    return Keypoints(keypoints.points.astype(np.float32).astype(np.float64), keypoints.intrinsics)


def store(keypoints: Keypoints, path: Path) -> None:
    """As `motions` reads them."""
    head = struct.pack("<i", keypoints.frames) + keypoints.intrinsics.astype("<f8").tobytes()
    path.write_bytes(head + keypoints.points.astype("<f4").tobytes())


@dataclass(frozen=True)
class Case:
    """A line for `motions` and the numbers that the runtime answers."""

    kind: str
    line: str
    expected: np.ndarray


def cases(folder: Path) -> Iterator[Case]:
    """All of them; files of keypoints go into `folder`."""
    model = MotionModel.load(backend="onnxruntime", threads=1)
    for seed in NOISE:
        noise = np.random.default_rng((seed, 1)).standard_normal(NOISE_COUNT, np.float32)
        yield Case("noise", f"noise {seed} 1 {NOISE_COUNT}", noise)
    for seed, text in enumerate(TEXTS):
        motion = model.generate(text, TEXT_FRAMES, steps=STEPS, seed=seed, tries=1)[0]
        yield Case("texts", f"text {TEXT_FRAMES} {STEPS} {seed} {text}", motion.joints_world())
    for name in KEYPOINTS:
        keypoints = seen(name)
        store(keypoints, folder / name)
        yield Case("keypoints", f"keypoints {name}", model.estimate(keypoints).joints_world())
    keypoints = seen(KEYPOINTS[0]).first(TICKS)
    stream = MotionStream(model, look_ahead=LOOK_AHEAD, intrinsics=keypoints.intrinsics)
    ticks = np.array([stream.step(points[None]).joints_world()[0] for points in keypoints.points])
    store(keypoints, folder / "ticks")
    yield Case("a stream", f"stream ticks {LOOK_AHEAD}", ticks)
    endless = MotionGenerator(model, "a person walks", seed=3).next(ENDLESS)
    yield Case("endless motion", f"endless {ENDLESS} 3 a person walks", endless.joints_world())


def answers(target: object, folder: Path, work: Path, fast: bool) -> tuple[np.ndarray, str]:
    """Numbers of `motions` for the cases in `work`, and the instruction set that made them."""
    module = sys.modules["cross"]
    program = folder / ("motions.exe" if target.system == "Windows" else "motions")
    arguments = [*target.runner, str(program.resolve()), str(SHIPPED), "cases.txt", "out.bin"]
    arguments += ["fast"] if fast else []
    environment = module.environment(folder) | {"LD_LIBRARY_PATH": str(folder.resolve())}
    done = subprocess.run(arguments, cwd=work, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"{target.name}: {done.stderr.strip()[-300:] or done.returncode}")
    return np.fromfile(work / "out.bin", "<f4"), done.stdout.strip()


def millimetres(made: np.ndarray, expected: np.ndarray, fast: bool) -> np.ndarray:
    """Distances of joints [frames, 24, 3]."""
    if fast:
        made, expected = made - made[:, :1], expected - expected[:, :1]
    return np.asarray(1000 * np.linalg.norm(made - expected, axis=-1))


def compared(values: np.ndarray, made: Sequence[Case], precision: str) -> tuple[list[str], bool]:
    """A cell a kind of case, and whether all are within the limits."""
    at, apart = 0, dict[str, list[np.ndarray]]()
    for case in made:
        own = values[at : at + case.expected.size].reshape(case.expected.shape)
        at += case.expected.size
        if case.kind == "noise":
            off = (own.view(np.uint32) != case.expected.view(np.uint32)).astype(np.float64)
        else:
            off = millimetres(own.astype(np.float64), case.expected, precision == "fast")
        apart.setdefault(case.kind, []).append(off.ravel())
    cells, sound = [], at == values.size
    for kind, parts in apart.items():
        off = np.concatenate(parts)
        if kind == "noise":
            cells.append("every bit" if not off.any() else f"{int(off.sum())} of {off.size} differ")
            sound = sound and not off.any()
            continue
        mean, largest = LIMITS[precision]
        peak = np.percentile(off, 99)
        sound = sound and bool(off.mean() <= mean and off.max() <= largest and (precision == "fp32" or peak <= PEAK))
        cells.append(f"{off.mean():.5f}, {off.max():.5f}" if precision == "fp32" else f"{off.mean():.3f}, {peak:.2f}")
    return cells, sound


# --- what is in a library --------------------------------------------------------------------------------------------


def said(program: str, *arguments: str) -> str:
    """What a program of binutils says; "" where it is not installed."""
    try:
        return subprocess.run([program, *arguments], capture_output=True, text=True).stdout
    except OSError:
        return ""


def mach_exports(data: bytes) -> list[str]:
    """Names that a Mach-O of 64 bits defines for others: entries of its symbol table, by <mach-o/nlist.h>."""
    at, names = 32, []
    for _ in range(struct.unpack_from("<I", data, 16)[0]):
        kind, size = struct.unpack_from("<II", data, at)
        if kind == 2:  # LC_SYMTAB
            symbols, count, strings, _ = struct.unpack_from("<IIII", data, at + 8)
            for entry in range(symbols, symbols + 16 * count, 16):
                name, flags = struct.unpack_from("<IB", data, entry)
                if (
                    flags & 1 and flags & 0x0E and not flags & 0xF0
                ):  # external and defined, not private or for debuggers
                    start = strings + name
                    names.append(data[start : data.index(0, start)].decode())
        at += size
    return names


def exports(target: object, library: Path) -> list[str]:
    """Names that a library offers."""
    if target.system == "Darwin":
        return [name.removeprefix("_") for name in mach_exports(library.read_bytes())]
    if target.system == "Windows":
        listed = said(f"{target.prefix}objdump", "-p", str(library)).partition("[Ordinal/Name Pointer] Table")[2]
        return re.findall(r"^\t\[ *\d+\](?: \+base\[ *\d+\])?(?:  [0-9a-f]+)? (\S+)$", listed, re.MULTILINE)
    listed = said("readelf", "--dyn-syms", "-W", str(library))
    return [name.partition("@")[0] for name in re.findall(r"(?:GLOBAL|WEAK)\s+DEFAULT\s+\d+\s+(\S+)", listed)]


def wants(target: object, library: Path) -> str:
    """What a library needs of its system."""
    if target.system == "Windows":
        needed = sorted(set(re.findall(r"DLL Name: (\S+)", said(f"{target.prefix}objdump", "-p", str(library)))))
        return ", ".join(needed)
    if target.system == "Darwin":
        return "libSystem"
    found = re.findall(r"GLIBC_(\d+)\.(\d+)", said("readelf", "-V", str(library)))
    return "glibc {}.{}".format(*max((int(major), int(minor)) for major, minor in found)) if found else "-"


def contents(target: object, library: Path) -> tuple[str, bool]:
    """The row of a library, and whether it offers the C interface alone and is small enough."""
    names = exports(target, library)
    strange = [name for name in names if not name.startswith("genmo_")]
    size = library.stat().st_size
    offered = f"{len(names)} genmo_*" if not strange else f"{len(names)}, also {', '.join(strange[:3])}"
    row = f"| {target.name} | {size:,} | {offered} | {wants(target, library)} |"
    return row, bool(names) and not strange and size <= 1_000_000


def run(options: argparse.Namespace) -> int:
    """Compare, print and write.  Raises InputError where nothing was built."""
    module = cross()
    asked = options.targets or list(module.TARGETS)
    built = {name: options.built / name for name in asked if (options.built / name / "include").is_dir()}
    if not built:
        raise InputError(f"{options.built} has no target; build them: python kernels/native/cross.py")
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        made = list(cases(work))
        (work / "cases.txt").write_text("".join(f"{case.line}\n" for case in made), encoding="utf-8")
        kinds = list(dict.fromkeys(case.kind for case in made))
        rows = [f"| target | run | precision | {' | '.join(kinds)} |", "|---|---|---|" + "---|" * len(kinds)]
        inside = ["| target | bytes | exports | needs |", "|---|---:|---|---|"]
        sound = True
        for name, folder in built.items():
            target = module.TARGETS[name]
            row, good = contents(target, folder / target.library)
            inside.append(row)
            sound = sound and good
            if not target.runnable():
                rows.append(f"| {name} | built, **not run** | | {' | '.join('' for _ in kinds)} |")
                continue
            for precision in LIMITS:
                values, isa = answers(target, folder, work, precision == "fast")
                cells, good = compared(values, made, precision)
                sound = sound and good
                rows.append(f"| {name} | {target.runs}, {isa} | {precision} | {' | '.join(cells)} |")
    count = f"{len(TEXTS)} texts of {TEXT_FRAMES} frames, {len(KEYPOINTS)} files of keypoints of {SEEN_FRAMES}"
    about = [
        f"{count}, a stream of {TICKS} ticks, {ENDLESS} frames without end; joints from those of the runtime with ONNX",
        "Runtime, in millimetres: mean and largest in fp32, mean and 99th percentile from the root in fixed point.",
    ]
    title = "libgenmo as it is built for other systems"
    command.publish(title, [about, rows, inside], machine.describe(("numpy", "onnxruntime")), options.out)
    return 0 if sound else 1


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0, 1 where a limit is passed, 2 for what cannot be compared."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="some of the targets (default: all that are built)")
    parser.add_argument("--built", type=Path, default=ROOT / "build" / "cross", help="where cross.py built")
    parser.add_argument("--out", type=Path, help="page to write")
    return command.answer(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
