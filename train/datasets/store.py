"""The clip format on disk: memory-mapped arrays and an index.  What `genmo-prepare` writes.

    index.json        format "genmo-clips", version, fps, kind, licence, `files` (shape, dtype, SHA-256), `clips`
    rotations.npy     [rows, 24, 3, 3] float32, local joint rotations, joint 0 = root in the world
    translation.npy   [rows, 3] float32, pelvis in the world, metres
    offsets.npy       [clips, 24, 3] float32, rest offsets of each clip's person, metres
    keypoints.npy     [rows, 17, 3] float32, COCO-17 pixels and confidence; clips that have them
    camera.npy        [rows, 4, 4] float32, camera to world, OpenCV axes; clips that have one
    valid.npy         [rows] bool, frames that the data set calls good; clips that say
    video.npy         [rows, width] float32, features of the video, of one width in a folder; clips that have them
    music.npy         [rows, width] float32, features of the music, likewise

World: right-handed, y up, metres, 30 fps, SMPL-24 order, as everywhere in genmo.  A clip owns `frames` rows of each
array it has, from the row that `rows` in its record names.  Nothing is read before it is used, and no clip is copied.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from genmo.runtime.motion.motion import FPS, Camera
from genmo.runtime.motion.skeleton import COCO_COUNT, JOINT_COUNT
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError, first_line
from genmo.runtime.support.safe_read import check_file, quoted, read_json, sha256
from genmo.train.datasets.clips import Clip

FORMAT, VERSION = "genmo-clips", 1
MAX_ARRAY = 2**42
_HEADER = 128  # bytes; rows are counted while they are written, so the header has a fixed place
_ARRAYS: dict[str, tuple[tuple[int, ...], str]] = {
    "rotations": ((JOINT_COUNT, 3, 3), "<f4"),
    "translation": ((3,), "<f4"),
    "keypoints": ((COCO_COUNT, 3), "<f4"),
    "camera": ((4, 4), "<f4"),
    "valid": ((), "|b1"),
}
FEATURES = ("video", "music")
"""arrays whose width is that of the folder's first clip with one"""


@dataclass(frozen=True, eq=False)
class Recording(Clip):
    """A clip with what else its data set knows of it."""

    keypoints: Array | None = None
    """[frames, 17, 3] COCO-17 pixels and confidence"""
    camera: Camera | None = None
    """the camera that saw it, in the clip's world"""
    intrinsics: Array | None = None
    """[3, 3] pixels"""
    image_size: tuple[int, int] | None = None
    """width and height in pixels"""
    valid: npt.NDArray[np.bool_] | None = None
    """[frames] frames that the data set calls good; None: all"""
    video: Array | None = None
    """[frames, width] a feature of the video a frame, seen by `camera`"""
    music: Array | None = None
    """[frames, width] a feature of the music a frame"""
    extra: dict[str, Any] = field(default_factory=dict)
    """plain JSON: music, camera names, the data set's own split"""

    def cut(self, span: slice) -> Recording:
        """The frames of a span, of every array."""
        arrays: dict[str, Any] = {name: values[span] for name, values in _by_frame(self).items()}
        camera = self.camera and Camera(self.camera.rotation[span], self.camera.position[span])
        return replace(self, name=f"{self.name}[{span.start}:{span.stop}]", camera=camera, **arrays)


def good_stretches(clip: Recording, shortest: int) -> list[Recording]:
    """The clip, or the stretches of it that its data set calls good and that have `shortest` frames."""
    if clip.valid is None or clip.valid.all():
        return [clip]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], clip.valid, [0]])))
    spans = [slice(int(start), int(end)) for start, end in edges.reshape(-1, 2) if end - start >= shortest]
    return [clip.cut(span) for span in spans]


def _by_frame(clip: Recording) -> dict[str, npt.NDArray[Any]]:
    names = ("rotations", "translation", "keypoints", "valid", *FEATURES)
    return {name: values for name in names if (values := getattr(clip, name)) is not None}


def _header(shape: tuple[int, ...], dtype: str) -> bytes:
    """A version 1.0 .npy header of exactly _HEADER bytes."""
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape})
    return b"\x93NUMPY\x01\x00" + (_HEADER - 10).to_bytes(2, "little") + text.ljust(_HEADER - 11).encode() + b"\n"


def _parts(clip: Clip) -> dict[str, npt.NDArray[Any] | None]:
    """A clip's rows by array name; None: it has none."""
    arrays: dict[str, npt.NDArray[Any] | None] = {"rotations": clip.rotations, "translation": clip.translation}
    if isinstance(clip, Recording):
        pose = None
        if clip.camera is not None:
            pose = np.tile(np.eye(4), (clip.frames, 1, 1))
            pose[:, :3, :3], pose[:, :3, 3] = clip.camera.rotation, clip.camera.position
        arrays |= {"keypoints": clip.keypoints, "camera": pose, "valid": clip.valid}
        arrays |= {name: getattr(clip, name) for name in FEATURES}
    return arrays


def _described(clip: Clip) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": clip.name,
        "subject": clip.subject,
        "captions": list(clip.captions),
        "frames": clip.frames,
    }
    if isinstance(clip, Recording):
        record |= {"truth": clip.truth, "extra": clip.extra}
        if clip.intrinsics is not None:
            record["intrinsics"] = np.asarray(clip.intrinsics, np.float64).tolist()
        if clip.image_size is not None:
            record["image_size"] = [int(side) for side in clip.image_size]
    return record


class _Writer:
    """Arrays that grow clip by clip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, BinaryIO] = {}
        self.rows: dict[str, int] = {}
        self.kinds = dict(_ARRAYS)
        self.offsets: list[Array] = []
        self.records: list[dict[str, Any]] = []

    def add(self, clip: Clip) -> None:
        record = _described(clip) | {"rows": {}}
        for name, values in _parts(clip).items():
            if values is None:
                continue
            shape, dtype = self.kinds.setdefault(name, (values.shape[1:], "<f4"))
            if values.shape != (clip.frames, *shape) or not np.isfinite(values).all():
                expected = ", ".join(map(str, (clip.frames, *shape)))
                raise InputError(f"clip {clip.name}: {name} of shape {values.shape}; wanted finite [{expected}]")
            if name not in self.files:
                self.files[name] = open(self.folder / f"{name}.npy", "wb")
                self.files[name].write(bytes(_HEADER))
                self.rows[name] = 0
            self.files[name].write(np.ascontiguousarray(values, dtype).tobytes())
            record["rows"][name] = self.rows[name]
            self.rows[name] += clip.frames
        self.offsets.append(np.asarray(clip.offsets, np.float32))
        self.records.append(record)

    def finish(self, description: dict[str, Any]) -> None:
        listed = {}
        for name, file in self.files.items():
            shape, dtype = self.kinds[name]
            file.seek(0)
            file.write(_header((self.rows[name], *shape), dtype))
            file.close()
            listed[name] = {"shape": [self.rows[name], *shape], "dtype": dtype}
        offsets = np.stack(self.offsets)
        np.save(self.folder / "offsets.npy", offsets)
        listed["offsets"] = {"shape": list(offsets.shape), "dtype": "<f4"}
        for name, entry in listed.items():
            entry["sha256"] = _digest(self.folder / f"{name}.npy")
        index = {"format": FORMAT, "version": VERSION, "fps": FPS, **description, "files": listed}
        (self.folder / "index.json").write_text(json.dumps(index | {"clips": self.records}, indent=1) + "\n")

    def close(self) -> None:
        for file in self.files.values():
            file.close()


def _digest(path: Path) -> str:
    status = path.stat()
    return _digest_at(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest_at(path: Path, size: int, modified: int) -> str:
    """The SHA-256 of a file as it was at `modified`: it is read once in a process."""
    return sha256(path, "an array of clips", MAX_ARRAY)


def write_store(clips: Iterable[Clip], folder: str | Path, *, kind: str, licence: str) -> int:
    """Write clips, one at a time, to a new folder and return how many there were.

    The folder appears when it is whole.  Raises InputError when it exists, when there is no clip, or when a clip's
    arrays do not fit together.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder}: exists already; choose another --out or remove it")
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); wanted a writable place") from None
    writer = _Writer(aside)
    try:
        for clip in clips:
            writer.add(clip)
        if not writer.records:
            raise InputError(f"{kind}: no clip found; nothing was written")
        writer.finish({"kind": kind, "licence": licence})
        aside.rename(folder)
    finally:
        try:
            writer.close()  # a full disk is noticed here too
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return len(writer.records)


def is_store(folder: str | Path) -> bool:
    """True for a folder whose index says that it is in this format."""
    index = Path(folder) / "index.json"
    if not index.is_file():
        return False
    with open(index, encoding="utf-8", errors="replace") as file:
        return f'"format": "{FORMAT}"' in file.read(200)


def read_store(folder: str | Path) -> list[Recording]:
    """The clips of a folder in this format, backed by its files on disk.

    Reads every file once, to compare its checksum: damage would otherwise show as a loss that is no number, or not at
    all.  Raises InputError when a file is missing, altered or of another version.
    """
    folder = Path(folder)
    expected = "wanted a folder that `genmo-prepare` wrote"
    try:
        index = read_json(folder / "index.json", expected.removeprefix("wanted "))
        if index["format"] != FORMAT or index["version"] != VERSION:
            raise InputError(
                f"{folder}: format {quoted(index['format'])} {quoted(index['version'])}; wanted {FORMAT} {VERSION}"
            )
        if index["fps"] != FPS:
            raise InputError(
                f"{folder}: {quoted(index['fps'])} frames a second; wanted {FPS:g}: prepare the data again"
            )
        arrays = {name: _mapped(folder, name, entry) for name, entry in index["files"].items()}
        return [_recording(folder.name, arrays, number, record) for number, record in enumerate(index["clips"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else first_line(error)
        raise InputError(f"{folder}: {reason}; {expected}") from None


def _mapped(folder: Path, name: str, entry: dict[str, Any]) -> npt.NDArray[Any]:
    if name not in {*_ARRAYS, *FEATURES, "offsets"}:
        raise InputError(f"{folder}: index.json lists an array {quoted(name)}; wanted those of genmo-prepare")
    path = folder / f"{name}.npy"
    check_file(path, "an array of clips", MAX_ARRAY)
    values: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if list(values.shape) != entry["shape"] or values.dtype.str != entry["dtype"]:
        raise InputError(f"{path}: {values.dtype.str} {list(values.shape)}; its index says {entry['shape']}")
    if _digest(path) != entry["sha256"]:
        raise InputError(f"{path}: its checksum is not the one in index.json; prepare the data again")
    return np.asarray(values)


def _recording(store: str, arrays: dict[str, npt.NDArray[Any]], number: int, record: dict[str, Any]) -> Recording:
    frames, rows, captions = record["frames"], record["rows"], record["captions"]
    texts = (record["name"], record["subject"], record.get("truth", "world"), *captions)
    if not isinstance(captions, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"clip {number} has a name, subject, truth or caption that is no text")
    if not all(type(count) is int and count >= 0 for count in (frames, *rows.values())):
        raise ValueError(f"clip {number} has frames or rows that are no whole numbers")
    slices = {name: arrays[name][row : row + frames] for name, row in rows.items()}
    if any(len(array) != frames for array in slices.values()):
        raise ValueError(f"clip {record['name']} reaches past the end of its arrays")
    pose = slices.get("camera")
    return Recording(
        name=f"{store}/{record['name']}",
        subject=f"{store}/{record['subject']}",
        captions=tuple(captions),
        rotations=slices["rotations"],
        translation=slices["translation"],
        offsets=arrays["offsets"][number],
        keypoints=slices.get("keypoints"),
        camera=None if pose is None else Camera(pose[:, :3, :3], pose[:, :3, 3]),
        intrinsics=np.asarray(record["intrinsics"]) if "intrinsics" in record else None,
        image_size=tuple(record["image_size"]) if "image_size" in record else None,
        valid=slices.get("valid"),
        video=slices.get("video"),
        music=slices.get("music"),
        truth=record.get("truth", "world"),
        extra=record.get("extra", {}),
    )
