"""The extension for Blender as one zip: its own files, a manifest that is filled in, and genmo's wheel inside.

    python integrations/blender/build.py --out dist

builds genmo's wheel with pip (libgenmo in it, where there is a C++ compiler) and writes
dist/genmo-VERSION-PLATFORM.zip.  `--wheel FILE` takes wheels that are there: for another platform, or ONNX Runtime,
PyAV and OpenCV for videos.  The same files give the same bytes.  Exit status: 0 written, 2 with one line.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE = HERE / "extension"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""the oldest time that a zip can state: of every file in it"""

# what a wheel's platform tag begins with -> what Blender calls it
PLATFORMS = (
    (r"(many|musl)?linux.*x86_64", "linux-x64"),
    (r"(many|musl)?linux.*aarch64", "linux-arm64"),
    (r"macosx.*arm64", "macos-arm64"),
    (r"macosx.*x86_64", "macos-x64"),
    (r"win_amd64", "windows-x64"),
    (r"win_arm64", "windows-arm64"),
)


class BuildError(Exception):
    """One line for the user."""


def version() -> str:
    """genmo's own."""
    text = (ROOT / "runtime" / "support" / "version.py").read_text(encoding="utf-8")
    return re.search(r'__version__ = "([^"]+)"', text)[1]


def platforms(wheels: Sequence[Path]) -> list[str]:
    """Blender's names of the platforms that wheels are for; none: all of them.

    Raises BuildError for a wheel of a platform that Blender has not, and for wheels that have none in common.
    """
    common: set[str] | None = None
    for wheel in wheels:
        parts = wheel.stem.split("-")
        if wheel.suffix != ".whl" or len(parts) < 5:
            raise BuildError(f"{wheel}: no wheel's name; wanted NAME-VERSION-PYTHON-ABI-PLATFORM.whl")
        if parts[-1] == "any":
            continue
        found = {name for tag in parts[-1].split(".") for pattern, name in PLATFORMS if re.fullmatch(pattern, tag)}
        if not found:
            raise BuildError(f"{wheel}: the platform {parts[-1]} is none of Blender's")
        common = found if common is None else common & found
        if not common:
            raise BuildError(f"{wheel}: for another platform than the wheels before it; wanted one zip a platform")
    return sorted(common or ())


def manifest(wheels: Sequence[Path]) -> str:
    """`blender_manifest.toml` with version, platforms and wheels."""
    text = (SOURCE / "blender_manifest.toml").read_text(encoding="utf-8")
    head, permissions = text.split("[permissions]")
    body = head[head.index("schema_version") :]
    lines = [f'version = "{version()}"', "wheels = ["]
    lines += [f'  "./wheels/{wheel.name}",' for wheel in wheels]
    lines += ["]"]
    if named := platforms(wheels):
        lines.insert(1, f"platforms = [{', '.join(map(repr, named))}]".replace("'", '"'))
    filled = f"{body.rstrip()}\n" + "\n".join(lines) + f"\n\n[permissions]{permissions}"
    tomllib.loads(filled)
    return filled


def archive(wheels: Sequence[Path]) -> bytes:
    """The zip's bytes: files in order of their names, all of the same time."""
    wheels = sorted(wheels, key=lambda wheel: wheel.name)
    files = {"blender_manifest.toml": manifest(wheels).encode(), "LICENSE": (HERE / "LICENSE").read_bytes()}
    for path in sorted(SOURCE.rglob("*.py")):
        files[path.relative_to(SOURCE).as_posix()] = path.read_bytes()
    files |= {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            zipped.writestr(entry, files[name])
    return packed.getvalue()


def own_wheel(folder: Path) -> Path:
    """genmo's wheel of this machine, built by pip into a folder.  Raises BuildError with pip's last line."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    epoch = {"SOURCE_DATE_EPOCH": "315532800"}  # 1980, as in the zip
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **epoch})
    built = sorted(folder.glob("genmo_motion-*.whl"))
    if done.returncode or not built:
        last = (done.stderr.strip().splitlines() or ["pip made no wheel"])[-1]
        raise BuildError(f"genmo's wheel could not be built: {last}; wanted pip and a network, or --wheel FILE")
    return built[0]


def check_runs(wheels: Sequence[Path]) -> None:
    """Raise BuildError where nothing in the wheels could run the network."""
    if any(wheel.name.startswith("onnxruntime-") for wheel in wheels):
        return
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as opened:
            if any(re.search(r"genmo/runtime/lib/(lib)?genmo\.", name) for name in opened.namelist()):
                return
    raise BuildError(
        "genmo's wheel has no libgenmo and ONNX Runtime's is not given, so nothing could run the network; wanted a "
        "C++ compiler, or --wheel onnxruntime-VERSION-PLATFORM.whl"
    )


def build(out: Path, wheels: Sequence[Path]) -> Path:
    """Write the zip into a folder, whole or not at all, and say where it is."""
    for wheel in wheels:
        if not wheel.is_file():
            raise BuildError(f"{wheel}: not there; wanted a wheel")
    with tempfile.TemporaryDirectory() as folder:
        ours = [] if any(wheel.name.startswith("genmo_motion-") for wheel in wheels) else [own_wheel(Path(folder))]
        every = [*ours, *wheels]
        check_runs(every)
        content = archive(every)
        ending = "-".join(platforms(every)) or "any"
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"genmo-{version()}-{ending}.zip"
    aside = path.with_suffix(".part")
    aside.write_bytes(content)
    aside.replace(path)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", type=Path, default=ROOT / "dist", metavar="FOLDER", help="default: dist")
    options.add_argument(
        "--wheel", type=Path, action="append", default=[], metavar="FILE", dest="wheels", help="put into the zip"
    )
    read = options.parse_args(arguments)
    try:
        print(build(read.out, read.wheels))
    except (BuildError, OSError, zipfile.BadZipFile) as error:
        print(f"build.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
