"""Files that were made to hang, crash or fill the memory of who reads them, each with its reader.

    python tests/runtime/readers/hostile_files.py FOLDER [--whole]

A line of JSON for each: what came of it, seconds, MB.

Run in a process of its own, whose memory and processor time are limited, by `test_readers_hostile_files.py`.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
import time
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hostile_captures import cameras, keypoints

from genmo.runtime.engine import bundle
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.formats.bvh import read_bvh
from genmo.runtime.formats.bvh_motion import read_bvh_motion
from genmo.runtime.formats.gltf import pack, read_gltf
from genmo.runtime.readers.cameras import read_camera
from genmo.runtime.readers.constraints import read_keyframes
from genmo.runtime.readers.keypoints import read_people
from genmo.runtime.readers.music import read_music
from genmo.runtime.readers.timeline_file import read_timeline
from genmo.runtime.retarget.character import read_character
from genmo.runtime.retarget.character_bones import read_map
from genmo.runtime.retarget.rig import read_rig
from genmo.runtime.support.errors import GenmoError
from genmo.runtime.support.safe_read import read_npz

MEMORY = 2**30
"""bytes of address space over what the libraries take: arrays, not threads' stacks"""
SECONDS = 120
"""of the processor for all together; without limits one of them takes longer"""

SIZES = {"people": 100_000, "members": 60_000} if "--whole" in sys.argv else {"people": 1000, "members": 3000}
"""the sizes that took half a minute each, or as many as show that something counts them"""

Make = Callable[[Path], Path]
CASES: dict[str, tuple[Make, Callable[[Path], object]]] = {}


def case(name: str, read: Callable[[Path], object]) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        CASES[name] = make, read
        return make

    return add


def text(name: str, read: Callable[[Path], object], suffix: str, content: str | bytes) -> None:
    """A case whose file holds just that."""

    def make(folder: Path) -> Path:
        path = folder / f"x{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    CASES[name] = make, read


def unreadable(name: str, read: Callable[[Path], object], suffix: str) -> None:
    """A pipe that nobody writes to, a device without end, and 20 GB of nothing, under a reader's own suffix."""

    def pipe(folder: Path) -> Path:
        os.mkfifo(folder / f"x{suffix}")
        return folder / f"x{suffix}"

    def device(folder: Path) -> Path:
        (folder / f"x{suffix}").symlink_to("/dev/zero")
        return folder / f"x{suffix}"

    def sparse(folder: Path) -> Path:
        with (folder / f"x{suffix}").open("wb") as file:
            file.truncate(20 * 2**30)
        return folder / f"x{suffix}"

    for kind, make in (("pipe", pipe), ("device", device), ("20 GB", sparse)):
        CASES[f"{name}: {kind}"] = make, read


for kind, reader, ending in (
    ("bvh", read_bvh, ".bvh"), ("glb", read_gltf, ".glb"), ("character map", read_map, ".yaml"),
    ("timeline", read_timeline, ".yaml"), ("keypoints", read_people, ".json"), ("keypoints npz", read_people, ".npz"),
    ("camera", read_camera, ".json"), ("music", read_music, ".wav"), ("features", read_music, ".npy"),
    ("keyframes", read_keyframes, ".npz"), ("gltf", read_gltf, ".gltf"), ("trajectory", read_camera, ".txt"),
):  # fmt: skip
    unreadable(kind, reader, ending)

# --- YAML --------------------------------------------------------------------------------------------------------

LAUGHS = "bones:\n  hips:\n    - &a0 [y,y,y,y,y,y,y,y,y,y]\n" + "".join(
    f"    - &a{at} [{','.join(10 * [f'*a{at - 1}'])}]\n" for at in range(1, 12)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{at}: &a{at}\n  <<: [{','.join(10 * [f'*a{at - 1}'])}]\n" for at in range(1, 9)
)
text("map: aliases", read_map, ".yaml", LAUGHS)
text("map: aliases in floor", read_map, ".yaml", LAUGHS.replace("bones:\n  hips:", "floor:\n  x:"))
text("map: merges", read_map, ".yaml", MERGES)
text("map: a large floor", read_map, ".yaml", f"floor: 0x{'f' * 100_000}\n")
text("map: a floor by sixty", read_map, ".yaml", f"floor: 1{':1' * 100_000}\n")
text("map: endless", read_map, ".yaml", b"x" * 2**19)
text("timeline: 400 digits", read_timeline, ".yaml", f"length: {'9' * 400}f\ntexts: [{{text: a}}]\n")
text("timeline: 400 digits of seconds", read_timeline, ".yaml", f"length: {'9' * 400}s\ntexts: [{{text: a}}]\n")
text("timeline: empty keys", read_timeline, ".yaml", "?\n" * 100_000)
text("timeline: many values", read_timeline, ".yaml", f"texts: [{'1,' * 120_000}]")
text("timeline: deep", read_timeline, ".yaml", "[" * 200_000)

# --- BVH ---------------------------------------------------------------------------------------------------------

STILL = "HIERARCHY\nROOT r\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: %s\nFrame Time: 0.03\n"
MOVING = STILL.replace("}", "CHANNELS 3 Xrotation Yrotation Zrotation\n}")
for count in ("1000000000", "1000000000000000000", "9" * 400, "1e300"):
    text(f"bvh: {count[:20]} frames of nothing", read_bvh, ".bvh", STILL % count)
    text(f"bvh: {count[:20]} frames", read_bvh, ".bvh", MOVING % count)
text("bvh: deep", read_bvh, ".bvh", "HIERARCHY\nROOT r\n{\n" + 100_000 * "JOINT j\n{\n")
TURNING = STILL.replace("}", "CHANNELS 1 Xrotation\n" + 4000 * "JOINT j\n{\n}\n" + "}")
text("bvh: many joints that never turn", read_bvh, ".bvh", TURNING % 10_000 + 10_000 * "0\n")
text("bvh: more rows than poses", read_bvh, ".bvh", TURNING % 1 + 2200 * "0\n")
text("bvh: rows of nothing", read_bvh, ".bvh", STILL % 0 + 9 * "0\n")
text(
    "bvh: a name without end", read_bvh_motion, ".bvh", MOVING.replace("ROOT r", f"ROOT {'r' * 10**6}") % 1 + "0 0 0\n"
)
text("bvh: a label without end", read_bvh, ".bvh", MOVING.replace("Frames:", f"{'F' * 10**6}:") % 1)

# --- glTF --------------------------------------------------------------------------------------------------------


def glb(name: str, document: dict[str, Any], binary: bytes = b"") -> None:
    text(f"glb: {name}", read_rig, ".glb", pack({"asset": {"version": "2.0"}} | document, binary))


def skinned(primitives: int, vertices: int) -> tuple[dict[str, Any], bytes]:
    """A mesh of one vertex again and again, that all its primitives share."""
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": 16 * vertices + 64}]
    kinds = [(5126, "VEC3", 0), (5121, "VEC4", 0), (5126, "VEC4", 0), (5126, "MAT4", 16 * vertices)]
    accessors = [
        {"bufferView": 0, "componentType": kind, "type": shape, "byteOffset": at, "count": 1 if at else vertices}
        for kind, shape, at in kinds
    ]
    attributes = {"POSITION": 0, "JOINTS_0": 1, "WEIGHTS_0": 2}
    document = {
        "nodes": [{"mesh": 0, "skin": 0}, {}],
        "skins": [{"joints": [1], "inverseBindMatrices": 3}],
        "meshes": [{"primitives": primitives * [{"attributes": attributes}]}],
        "buffers": [{"byteLength": 16 * vertices + 64}],
        "bufferViews": views,
        "accessors": accessors,
    }
    return document, bytes(16 * vertices) + np.eye(4, dtype="<f4").tobytes()


for many in (16_000, 100_000):
    glb(f"a chain of {many} nodes", {"nodes": [{"children": [at + 1]} for at in range(many)] + [{}]})
glb("3000 primitives of one mesh", *skinned(3000, 20_000))
glb("a skin of a million joints", {"nodes": [{}], "skins": [{"joints": 10**6 * [0]}]})
glb("deep", {"nodes": [json.loads("[" * 200 + "]" * 200)]})
glb("a name without end", {"nodes": [{"name": 10**6 * "x", "rotation": []}]})
glb("a character of a name without end", {"nodes": [{"name": 10**6 * "x"}]})
CASES["glb: a character of a name without end"] = CASES["glb: a character of a name without end"][0], read_character
glb(
    "16000 skins of a million matrices",
    skinned(1, 2)[0]
    | {
        "skins": 16_000 * [{"joints": [], "inverseBindMatrices": 0}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "type": "MAT4", "count": 2**17}],
        "bufferViews": [{"buffer": 0, "byteLength": 2**23}],
    },
    bytes(2**23),
)


def beside(name: str, document: dict[str, Any], size: int = 0) -> None:
    """A .gltf with a pipe, a link to a device and a file of `size` bytes beside it."""

    def make(folder: Path) -> Path:
        os.mkfifo(folder / "pipe.bin")
        (folder / "device.bin").symlink_to("/dev/zero")
        with (folder / "file.bin").open("wb") as file:
            file.truncate(size)
        (folder / "x.gltf").write_text(json.dumps({"asset": {"version": "2.0"}} | document))
        return folder / "x.gltf"

    CASES[f"gltf: {name}"] = make, read_rig


for uri in ("pipe.bin", "device.bin", "file.bin", "/dev/zero", "../../../../../../dev/zero"):
    beside(f"a buffer in {uri}", {"buffers": [{"uri": uri}], "nodes": [{}]}, 20 * 2**30)
    beside(f"an image in {uri}", {"images": [{"uri": uri}], "nodes": [{}]}, 20 * 2**30)
beside("a file again and again", {"buffers": 16_000 * [{"uri": "file.bin"}]}, 2**25)
beside("an uri without end", {"buffers": [{"uri": 10**6 * "x"}]})
beside(
    "packed in a list",
    {
        "buffers": [{"uri": "file.bin"}],
        "bufferViews": [{"buffer": 0, "extensions": {"EXT_meshopt_compression": []}}],
    },
)
beside(
    "packed by a number",
    {
        "nodes": [{}],
        "skins": [{"joints": [0], "inverseBindMatrices": 0}],
        "accessors": [{"bufferView": 0}],
        "buffers": [{"uri": "file.bin"}],
        "bufferViews": [{"buffer": 0, "extensions": 7}],
    },
)
text(
    "glb: a number without end",
    read_rig,
    ".glb",
    pack({"x": 5000 * "9"}, b"").replace(b'"9', b" 9").replace(b'9"', b"9 "),
)

# --- sound, arrays and JSON --------------------------------------------------------------------------------------


def sound(rate: int, samples: int) -> bytes:
    packed = io.BytesIO()
    with wave.open(packed, "wb") as file:
        file.setparams((1, 2, rate, samples, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(-9000, 9000, samples).astype("<i2").tobytes())
    return packed.getvalue()


for hertz, samples in ((48_001, 48_001), (96_001, 96_001), (191_999, 191_999), (191_999, 200_000)):
    text(f"sound: {samples} samples at {hertz} Hz", read_music, ".wav", sound(hertz, samples))


def npy(shape: str, data: bytes = b"") -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def read_arrays(path: Path) -> object:
    return read_npz(path, "arrays")


def members(count: int, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for at in range(count):
            archive.writestr(f"{at}.npy", content)
    return packed.getvalue()


def huge_directory(folder: Path) -> Path:
    with (folder / "x.npz").open("wb") as file:
        file.truncate(2**27)
        file.seek(0, 2)
        file.write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 9, 9, 2**27, 0, 0))
    return folder / "x.npz"


text("npz: many members", read_arrays, ".npz", members(SIZES["members"], npy("()", bytes(4))))
CASES["npz: a list of 128 MB"] = huge_directory, read_arrays
text("npy: a trillion rows", read_music, ".npy", npy("(1000000000000, 35)"))
for name, (ending, content) in keypoints(SIZES["people"]).items():
    text(f"people: {name}", read_people, ending, content)
for name, (ending, content) in cameras().items():
    text(f"camera: {name}", read_camera, ending, content)


def dangling(folder: Path) -> Path:
    (folder / "1.json").symlink_to(folder / "nothing.json")
    return folder


CASES["people: a link to nothing"] = dangling, read_people


def colmap(name: str, suffix: str, cameras: bytes, images: bytes) -> None:
    def make(folder: Path) -> Path:
        (folder / f"cameras{suffix}").write_bytes(cameras)
        (folder / f"images{suffix}").write_bytes(images)
        return folder

    CASES[f"colmap: {name}"] = make, read_camera


colmap("a million images", ".txt", b"1 PINHOLE 9 9 9 9 4 4\n", 10**6 * b"1 1 0 0 0 0 0 0 1 1.png\n\n")
colmap("2^60 images", ".bin", struct.pack("<Q", 0), struct.pack("<Q", 2**60))
colmap("2^60 cameras", ".bin", struct.pack("<Q", 2**60), struct.pack("<Q", 0))


# --- engines -----------------------------------------------------------------------------------------------------


def edited(change: Callable[[dict[str, Any], Path], object]) -> Make:
    def make(folder: Path) -> Path:
        for path in bundle.SHIPPED.iterdir():
            (folder / path.name).symlink_to(path)
        described = json.loads((bundle.SHIPPED / "engine.json").read_text())
        (folder / "engine.json").unlink()
        change(described, folder)
        packed = json.dumps(described)
        (folder / "engine.json").write_text(packed.replace('"HUGE"', "1" + 400 * "0"))
        return folder

    return make


def with_table(described: dict[str, Any], folder: Path, data: bytes) -> None:
    name = described["text_encoder"]["file"]
    (folder / name).unlink()
    (folder / name).write_bytes(data)
    described["files"][name] = file_hash(folder / name)


def with_numbers_elsewhere(described: dict[str, Any], folder: Path) -> None:
    """The step's graph with one more tensor, whose numbers lie in a file that is not listed."""
    entry = b"\x0a\x08location\x12\x0bweights.bin"
    tensor = b"\x08\x04\x10\x01\x42\x01x\x6a" + bytes([len(entry)]) + entry + b"\x70\x01"
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    name = described["denoiser"]["step"]
    data = (folder / name).read_bytes() + b"\x3a" + bytes([len(graph)]) + graph
    (folder / name).unlink()
    (folder / name).write_bytes(data)
    (folder / "weights.bin").write_bytes(bytes(16))
    described["files"][name] = file_hash(folder / name)


ENGINES: dict[str, Callable[[dict[str, Any], Path], object]] = {
    **{
        f"{name} of 10^18": lambda d, _, name=name: d["model"].update({name: 10**18})
        for name in ("depth", "width", "heads", "window", "text_width", "video_width", "text_buckets", "text_tokens")
    },
    "depth below 0": lambda d, _: d["model"].update(depth=-(10**18)),
    "a layout in a list": lambda d, _: d["model"].update(layout=["genmo"]),
    "model of lists": lambda d, _: d.update(model=[["width", 3]]),
    "text encoder of a list": lambda d, _: d["text_encoder"].update(kind=[]),
    "text encoder of a table": lambda d, _: d["text_encoder"].update(kind={}),
    "text encoder in a list": lambda d, _: d["text_encoder"].update(file=["text_encoder.npy"]),
    "files of numbers": lambda d, _: d.update(files=[[1, 2]]),
    "a file of 5000 letters": lambda d, _: d["files"].update({5000 * "x": 64 * "0"}),
    "a file with a null": lambda d, _: d["files"].update({"x\0y": 64 * "0"}),
    "a mean of 10^400": lambda d, _: d["normalisation"].update(mean=["HUGE"] * 181),
    "a mean of texts": lambda d, _: d["normalisation"].update(mean=["x"] * 181),
    "a format of lists": lambda d, _: d.update(format=10 * [10 * [10 * ["x"]]]),
    "a table of a trillion rows": lambda d, folder: with_table(d, folder, npy("(1000000000000, 128)")),
    "numbers in a file that is not listed": with_numbers_elsewhere,
}
for name, spoil in ENGINES.items():
    CASES[f"engine: {name}"] = edited(spoil), bundle.load_engine


@case("engine: deep", bundle.load_engine)
def deep(folder: Path) -> Path:
    (folder / "engine.json").write_text("[" * 10**6)
    return folder


def attempt(name: str, folder: Path) -> dict[str, Any]:
    """What came of one file."""
    make, read = CASES[name]
    folder.mkdir(parents=True)
    path = make(folder)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read(path)
        said = "read"
    except GenmoError as error:
        said = str(error)
    except Exception as error:  # what a user would see as a traceback
        said = f"{type(error).__name__} escaped: {error}"[:300]
    seconds = time.process_time() - start
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"name": name, "said": said, "seconds": round(seconds, 2), "megabytes": round(more)}


def main(folder: str) -> None:
    with Path("/proc/self/statm").open() as file:  # what is mapped so far
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for number, name in enumerate(CASES):
        print(json.dumps(attempt(name, Path(folder) / str(number))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
