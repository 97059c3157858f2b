"""BlazePose's networks out of the packages that carry them, as ONNX in the user's cache folder.

Nothing ships with genmo and nothing is fetched without being asked for: `install` takes a package with the user's own
`pip` or `npm`, checks the hash of each network, converts it and writes it; everything after works without a network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.support.atomic_write import all_or_none, folders_above, write_aside
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_archive import read_member
from genmo.runtime.support.safe_read import read_json, sha256
from genmo.runtime.video.onnx_network import PROPERTY
from genmo.runtime.video.tflite import parse_tflite
from genmo.runtime.video.tflite_to_onnx import onnx_of

COMMAND = "genmo-get-pose"
LICENCE = "Apache-2.0"
CONVERTER = 1
"""Rises when converted files change; older ones are made again."""
DETECTOR = "detector"
LISTING = "blazepose.json"
"""Name -> hash of each network in the cache folder, and where it comes from."""
PATIENCE = 600
"""seconds for a package"""


@dataclass(frozen=True)
class Package:
    """A package of an index, at one version."""

    manager: str
    """pip or npm"""
    name: str
    version: str
    pattern: str
    """of the file's name"""
    megabytes: int

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Source:
    """Where a network comes from, and which of its outputs are used."""

    package: Package
    member: str
    sha256: str
    outputs: tuple[tuple[str, int], ...]


# 0.10.21 is the last version whose wheel carries the networks
WHEEL = Package("pip", "mediapipe", "0.10.21", "mediapipe-*.whl", 36)
TARBALL = Package("npm", "@mediapipe/pose", "0.5.1675469404", "mediapipe-pose-*.tgz", 41)
_MODULES = "mediapipe/modules"
_LANDMARKS = (("landmarks", 0), ("presence", 1), ("heatmaps", 3))
SOURCES = {
    DETECTOR: Source(
        WHEEL,
        f"{_MODULES}/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        (("boxes", 0), ("scores", 1)),
    ),
    "full": Source(
        WHEEL,
        f"{_MODULES}/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        _LANDMARKS,
    ),
    "lite": Source(
        TARBALL,
        "package/pose_landmark_lite.tflite",
        "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61",
        _LANDMARKS,
    ),
    "heavy": Source(
        TARBALL,
        "package/pose_landmark_heavy.tflite",
        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
        _LANDMARKS,
    ),
}
MODELS = ("full", "heavy", "lite")
"""Landmark networks, in the order in which one is chosen where none is named: heavy takes thrice the time of full."""


def cache_folder() -> Path:
    """Where the converted networks are: `genmo/pose` in `$XDG_CACHE_HOME`, or in the platform's cache folder."""
    stated = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    return (Path(stated) if stated else Path.home() / ".cache") / "genmo" / "pose"


def network_path(name: str) -> Path:
    """The ONNX file of a network in the cache folder, whether it is there or not."""
    return cache_folder() / f"blazepose_{name}.onnx"


def present(name: str) -> bool:
    """Whether a network is in the cache folder, made by this converter."""
    listed = _listing().get(name, {})
    return listed.get("converter") == CONVERTER and network_path(name).is_file()


def installed(model: str | None = None) -> tuple[Path, Path]:
    """The files of a landmark network (the first of `MODELS` that is there where none is named) and the detector.

    Raises InputError with the command to run where they are missing, and where a file is not what was written.
    """
    chosen = model or next((one for one in MODELS if present(one)), MODELS[0])
    if not (present(chosen) and present(DETECTOR)):
        command = COMMAND if model in (None, MODELS[0]) else f"{COMMAND} {chosen}"
        raise InputError(
            f"no pose network is installed ({network_path(chosen)}); run once: {command} (it takes BlazePose, "
            f"{LICENCE}, out of the package {SOURCES[chosen].package.title}), or give --pose FILE.onnx"
        )
    for name in (chosen, DETECTOR):
        if not _intact(name):
            raise InputError(f"{network_path(name)}: not the file that was written; run {COMMAND} {chosen} again")
    return network_path(chosen), network_path(DETECTOR)


def _intact(name: str) -> bool:
    """Whether a network is the file that was written."""
    written = _listing().get(name, {}).get("sha256")
    return present(name) and sha256(network_path(name), "a network that genmo converted") == written


def _listing() -> dict[str, dict[str, object]]:
    """What the cache folder lists; nothing where it lists nothing that makes sense."""
    path = cache_folder() / LISTING
    if not path.is_file():
        return {}
    listed = read_json(path, f"what {COMMAND} wrote: remove it and run {COMMAND} again")
    return {name: one for name, one in listed.items() if isinstance(one, dict)} if isinstance(listed, dict) else {}


def install(models: tuple[str, ...], archives: tuple[Path, ...], say: Callable[[str], object]) -> list[Path]:
    """Write the landmark networks `models` and the detector into the cache folder; those that are there stay.

    `archives`: packages that are at hand already; the others are fetched by `pip` or `npm`.  `say` gets a line for
    each step.  Raises InputError where a package cannot be had or holds another network.
    """
    patterns = {source.package.pattern for source in SOURCES.values()}
    unknown = next((one for one in archives if not any(one.match(pattern) for pattern in patterns)), None)
    if unknown is not None:
        raise InputError(f"{unknown}: wanted a package as it is fetched: {' or '.join(sorted(patterns))}")
    missing = [name for name in (DETECTOR, *models) if not _intact(name)]
    with tempfile.TemporaryDirectory(prefix="genmo-pose-") as folder:
        packages: dict[Package, Path] = {}
        for name in missing:
            package = SOURCES[name].package
            if package not in packages:
                at_hand = next((one for one in archives if one.match(package.pattern)), None)
                packages[package] = at_hand or _fetched(package, Path(folder), say)
            say(f"{Path(SOURCES[name].member).name} (BlazePose, {LICENCE}) out of {packages[package].name}")
            _convert(name, packages[package])
    return [network_path(name) for name in (DETECTOR, *models)]


def _fetched(package: Package, folder: Path, say: Callable[[str], object]) -> Path:
    """The file of a package, fetched into `folder`.  Raises InputError."""
    command = _command(package)
    say(f"fetching {package.title} ({package.megabytes} MB) with {package.manager}")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{package.manager} cannot be run ({type(error).__name__}); {_by_hand(package)}") from None
    found = sorted(folder.glob(package.pattern))
    if done.returncode != 0 or not found:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        reason = lines[-1].strip()[:200] if lines else f"exit status {done.returncode}"
        raise InputError(f"{package.manager} could not fetch {package.title} ({reason}); {_by_hand(package)}")
    return found[0]


def _command(package: Package) -> list[str]:
    """What fetches a package and installs nothing.  Raises InputError where its manager is missing."""
    if package.manager == "pip":
        if importlib.util.find_spec("pip") is None:
            raise InputError(f"this Python has no pip; {_by_hand(package)}")
        # the networks are the same in the wheels of every platform: name one, so that any machine gets one
        wheel = ["--only-binary=:all:", "--python-version=3.12", "--platform=manylinux_2_28_x86_64"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        return [*pip, *wheel, f"{package.name}=={package.version}"]
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"npm is not installed; {_by_hand(package)}")
    return [npm, "pack", "--silent", f"{package.name}@{package.version}"]


def _by_hand(package: Package) -> str:
    return f"wanted {package.title}: fetch {package.pattern} elsewhere and give it with --from FILE"


def _convert(name: str, archive: Path) -> None:
    """Write one network and its line in the listing, both or neither.  Raises InputError."""
    source = SOURCES[name]
    data = read_member(archive, source.member, f"the package {source.package.title}")
    where = f"{archive.name}: {source.member}"
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise InputError(f"{where}: another network than expected; wanted the package {source.package.title}")
    origin = {"package": source.package.title, "member": source.member, "sha256": source.sha256, "licence": LICENCE}
    written = onnx_of(parse_tflite(data, where), dict(source.outputs), {PROPERTY: json.dumps(origin)})
    facts = {"converter": CONVERTER, "sha256": hashlib.sha256(written).hexdigest(), "from": origin}
    listing = _listing() | {name: facts}
    with folders_above(network_path(name)), all_or_none():
        write_aside(network_path(name), written)
        write_aside(cache_folder() / LISTING, json.dumps(listing, indent=1).encode())
