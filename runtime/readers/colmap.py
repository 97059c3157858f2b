"""COLMAP models as they lie on disk: cameras and images, text and binary.

The format is that of COLMAP's documentation ("Output Format"); the 2D and 3D points of a model are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.motion.motion import MAX_FRAMES
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import LARGEST, read_bytes

MAX_POSES = 4 * MAX_FRAMES
"""Most poses of a camera file."""
WANTED = "a COLMAP model: cameras and images, both .bin or both .txt"

# name -> (id in binary files, number of parameters); of COLMAP's models those of lenses that a pinhole stands for
PINHOLES: dict[str, tuple[int, int]] = {
    "SIMPLE_PINHOLE": (0, 3),
    "PINHOLE": (1, 4),
    "SIMPLE_RADIAL": (2, 4),
    "RADIAL": (3, 5),
    "OPENCV": (4, 8),
    "FULL_OPENCV": (6, 12),
}
_ONE_FOCAL = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
_FISHEYES = {
    "OPENCV_FISHEYE": 5,
    "FOV": 7,
    "SIMPLE_RADIAL_FISHEYE": 8,
    "RADIAL_FISHEYE": 9,
    "THIN_PRISM_FISHEYE": 10,
    "RAD_TAN_THIN_PRISM_FISHEYE": 11,
}
_MODEL_OF_ID = {n: name for name, (n, _) in PINHOLES.items()} | {n: name for name, n in _FISHEYES.items()}


@dataclass(frozen=True)
class Lens:
    """A camera of a COLMAP model."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]

    @property
    def intrinsics(self) -> Array:
        """[3, 3] pixels, without the distortion."""
        count = 1 if self.model in _ONE_FOCAL else 2
        x, y = self.parameters[0], self.parameters[count - 1]
        middle = self.parameters[count : count + 2]
        return np.array([[x, 0, middle[0]], [0, y, middle[1]], [0, 0, 1]])

    def distortion(self) -> float:
        """Pixels by which radial distortion (its first two terms) moves the corner of the image."""
        if self.model in ("SIMPLE_PINHOLE", "PINHOLE"):
            return 0.0
        first = 3 if self.model in _ONE_FOCAL else 4
        k1, k2 = (*self.parameters[first : first + 2], 0.0)[:2]
        focal = float(self.intrinsics[0, 0])
        square = (self.width**2 + self.height**2) / 4 / focal**2
        return float(abs(k1 * square + k2 * square**2) * square**0.5 * focal)


@dataclass(frozen=True)
class Image:
    """An image of a COLMAP model: world-to-camera rotation (w, x, y, z) and translation."""

    quaternion: tuple[float, ...]
    translation: tuple[float, ...]
    camera: int
    name: str


def parse_cameras_txt(data: bytes, source: str) -> dict[int, Lens]:
    """`CAMERA_ID MODEL WIDTH HEIGHT PARAMS...` a line."""
    lenses: dict[int, Lens] = {}
    for place, line in _lines(data, source):
        words = line.split()
        if len(words) < 4:
            raise InputError(f"{place}: {len(words)} words; wanted CAMERA_ID MODEL WIDTH HEIGHT PARAMS")
        if len(lenses) == MAX_POSES:
            raise _too_many(source)
        values = _floats(words[2:], place)
        lenses[_integer(words[0], place)] = checked_lens(words[1], values[0], values[1], values[2:], place)
    return lenses


def parse_images_txt(data: bytes, source: str) -> list[Image]:
    """Two lines an image: `IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME`, and its 2D points, which may be none.

    Files of poses that were written by hand leave out the lines of points, or drop them where they are empty: a line
    that is no list of points (X Y POINT3D_ID of each) is the next image.
    """
    images: list[Image] = []
    points_may_follow = False
    for place, line in _lines(data, source, blank=True):
        words = line.split(maxsplit=9)
        if not words or (points_may_follow and _is_points(line)):
            points_may_follow = False
            continue
        if len(words) < 10:
            raise InputError(f"{place}: {len(words)} words; wanted IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME")
        if len(images) == MAX_POSES:
            raise _too_many(source)
        values = _floats(words[1:8], place)
        images.append(Image(values[:4], values[4:], _integer(words[8], place), words[9].strip()))
        points_may_follow = True
    return images


def _too_many(source: str) -> InputError:
    return InputError(f"{source}: over {MAX_POSES} entries; wanted at most {MAX_POSES}")


def _is_points(line: str) -> bool:
    """Whether a line is numbers in threes; an image's ends in a name."""
    words = line.split()
    try:
        _ = [float(word) for word in words[:12]]
    except ValueError:
        return False
    return len(words) % 3 == 0


def _lines(data: bytes, source: str, blank: bool = False) -> Iterator[tuple[str, str]]:
    """Place and text of each line that is no comment."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{source}: not a text file; wanted a COLMAP model") from None
    for index, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("#") and (blank or line.strip()):
            yield f"{source}, line {index}", line


def _floats(words: list[str], place: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, words))
    except ValueError:
        raise InputError(f"{place}: {' '.join(words)[:40]!r} is not numbers; wanted numbers") from None


def _integer(word: str, place: str) -> int:
    if len(word) > 19 or not word.isascii() or not word.isdigit():
        raise InputError(f"{place}: {word[:40]!r} is no id; wanted a whole number")
    return int(word)


def checked_lens(model: str, width: float, height: float, parameters: tuple[float, ...], place: str) -> Lens:
    """A checked lens.  Raises InputError for fisheye models and unknown ones."""
    if model in _FISHEYES:
        raise InputError(f"{place}: {model} is a fisheye lens, which no pinhole stands for; wanted undistorted images")
    if model not in PINHOLES:
        raise InputError(f"{place}: camera model {model[:40]!r} is not known; wanted one of {', '.join(PINHOLES)}")
    count = PINHOLES[model][1]
    if len(parameters) != count or not all(abs(value) < LARGEST for value in parameters):
        raise InputError(f"{place}: {len(parameters)} parameters of {model}; wanted {count} finite numbers")
    focal = parameters[: 1 if model in _ONE_FOCAL else 2]
    if min(focal) <= 1e-3 or not (1 <= width <= 1e5 and 1 <= height <= 1e5):
        raise InputError(f"{place}: {width:g} x {height:g} pixels, focal length {min(focal):g}; wanted both over 0")
    return Lens(model, int(width), int(height), parameters)


class _BinaryReader:
    """Little-endian values, one after another; raises InputError at the end of the data."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data, self.source, self.offset = data, source, 0

    def read(self, layout: str) -> tuple[Any, ...]:
        """The values of a struct layout."""
        start = self.offset
        self.skip(struct.calcsize("<" + layout))
        return struct.unpack_from("<" + layout, self.data, start)

    def count(self) -> int:
        """A number of entries that follow."""
        entries = int(self.read("Q")[0])
        if entries > MAX_POSES:
            raise _too_many(self.source)
        return entries

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        self.offset += size
        if self.offset > len(self.data):
            raise InputError(
                f"{self.source}: ends at byte {len(self.data)}; wanted {self.offset}: the file is cut short"
            )

    def text(self) -> str:
        """A string that ends with a zero byte."""
        end = self.data.find(b"\0", self.offset)
        if end < 0:
            raise InputError(f"{self.source}: a name without an end; wanted a COLMAP model")
        text = self.data[self.offset : end].decode("utf-8", errors="replace")
        self.offset = end + 1
        return text


def parse_cameras_bin(data: bytes, source: str) -> dict[int, Lens]:
    """uint64 count; of each camera int32 id and model, uint64 width and height, and its float64 parameters."""
    reader = _BinaryReader(data, source)
    lenses = {}
    for _ in range(reader.count()):
        camera, model, width, height = reader.read("iiQQ")
        name = _MODEL_OF_ID.get(model, str(model))
        parameters = reader.read(f"{PINHOLES[name][1]}d") if name in PINHOLES else ()
        lenses[camera] = checked_lens(name, width, height, parameters, source)
    return lenses


def parse_images_bin(data: bytes, source: str) -> list[Image]:
    """uint64 count; of each image int32 id, float64 quaternion and translation, int32 camera, name with a zero byte,
    uint64 count of 2D points and, of each, two float64 and an int64."""
    reader = _BinaryReader(data, source)
    images = []
    for _ in range(reader.count()):
        _, *pose, camera = reader.read("i7di")
        name = reader.text()
        reader.skip(24 * reader.read("Q")[0])
        images.append(Image(tuple(pose[:4]), tuple(pose[4:]), camera, name))
    return images


def read_colmap(folder: Path, suffix: str | None = None) -> tuple[dict[int, Lens], list[Image], str]:
    """Lenses by id, images, and the path of the images, of the model in a folder or below its `sparse/0` or `0`.

    `suffix`: .bin or .txt; None: .bin where there is one.  Raises InputError for anything else.
    """
    readers: dict[str, tuple[Callable[[bytes, str], dict[int, Lens]], Callable[[bytes, str], list[Image]]]] = {
        ".bin": (parse_cameras_bin, parse_images_bin),
        ".txt": (parse_cameras_txt, parse_images_txt),
    }
    for below in (folder, folder / "sparse" / "0", folder / "0"):
        for kind in (suffix,) if suffix else readers:
            cameras, images = below / f"cameras{kind}", below / f"images{kind}"
            if cameras.exists() and images.exists():
                parse_cameras, parse_images = readers[kind]
                lenses = parse_cameras(read_bytes(cameras, WANTED), str(cameras))
                return lenses, parse_images(read_bytes(images, WANTED), str(images)), str(images)
    raise InputError(f"{folder}: no COLMAP model; wanted {WANTED.partition(': ')[2]}")
