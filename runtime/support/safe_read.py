"""Files that somebody else wrote: read under limits, refused with one line.

Nothing is allocated from a number in a file before the file is seen to be large enough to hold it.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
import stat
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.errors import InputError, first_line

MAX_BYTES = 2**28
"""Largest file read into memory; half an hour of keypoints of several people as JSON stays below."""
LARGEST = 1e9
"""No pixel or metre is further away."""
_NUMBER = re.compile(r"[0-9]+")
_DIGITS = 12
_TIMESTAMP = re.compile(r"[0-9]{9,12}\.[0-9]{1,9}")


def check_file(path: Path, wanted: str) -> None:
    """Raise InputError when `path` is missing, not a plain file or over `MAX_BYTES`; `wanted` is what it should be."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; wanted {wanted}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise InputError(f"{path}: {first_line(error)}; wanted {wanted}") from None
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device might never end
        raise InputError(f"{path}: not a file; wanted {wanted}")
    if status.st_size > MAX_BYTES:
        raise InputError(f"{path}: {status.st_size} bytes; wanted {wanted} of at most {MAX_BYTES}: cut it in parts")


def read_bytes(path: str | Path, wanted: str) -> bytes:
    """The whole file; raises InputError as `check_file` does, and when it cannot be read."""
    path = Path(path)
    check_file(path, wanted)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {first_line(error)}; wanted {wanted}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which JSON does not have")


def _allow_nan(name: str) -> float:
    return math.nan if name == "NaN" else _refuse_constant(name)


def parse_json(data: bytes, source: str, wanted: str, *, gaps: bool = False) -> Any:
    """The JSON document in `data`; raises InputError when it is none, or holds infinity, or NaN without `gaps`."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_allow_nan if gaps else _refuse_constant)
    except RecursionError:
        raise InputError(f"{source}: nested too deeply; wanted {wanted}") from None
    except ValueError as error:  # of the decoder, of the text encoding, of integers with thousands of digits
        raise InputError(f"{source}: not JSON ({first_line(error)}); wanted {wanted}") from None


def read_npz(path: str | Path, wanted: str, names: Sequence[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz without Python objects; with `names` only these, and whatever else there is is not read.

    Raises InputError when it is not one, or what is read is larger than `MAX_BYTES` when unpacked.
    """
    path = Path(path)
    check_file(path, wanted)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            members = [m for m in members if names is None or m.filename.removesuffix(".npy") in names]
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise InputError(f"{path}: over {MAX_BYTES} bytes when unpacked; wanted {wanted}")
            return {member.filename[: -len(".npy")]: _read_member(archive, member) for member in members}
    except (
        OSError, ValueError, EOFError, RuntimeError, MemoryError, IndexError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise InputError(f"{path}: not a readable .npz ({first_line(error)}); wanted {wanted}") from None


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is packed in a way that numpy does not write")
    with archive.open(member) as file:
        return read_npy(file, member.file_size)


def read_npy(file: IO[bytes], size: int) -> npt.NDArray[Any]:
    """The array of an .npy of `size` bytes; raises ValueError if it is none.

    numpy's own reader makes room for whatever shape the header names, however short the file.
    """
    try:
        with warnings.catch_warnings():  # about headers that are refused or understood anyway
            warnings.simplefilter("ignore")
            version = np.lib.format.read_magic(file)
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, fortran, dtype = read_header[version](file)
    except Exception as error:  # the header is a Python literal: numpy passes on whatever its parsers raise
        raise ValueError(f"not an .npy header: {first_line(error)}") from None
    count = math.prod(shape)
    if dtype.hasobject or dtype.itemsize == 0 or min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise ValueError(f"holds no plain array {dtype} {shape}")
    data = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return data.reshape(shape[::-1]).transpose() if fortran else data.reshape(shape)


def numbers(value: object, source: str, *, gaps: bool = False) -> npt.NDArray[np.float64]:
    """A float array of nested lists of numbers; raises InputError for anything else, and for huge numbers.

    `gaps`: NaN, and null in a list, are allowed and come back as NaN.
    """
    good = _plain(value, gaps)
    try:
        array = np.asarray(value if good else None, np.float64 if good and gaps else None)
    except (ValueError, OverflowError):  # ragged, or an integer that no float holds
        raise InputError(f"{source}: ragged lists; wanted numbers") from None
    if array.dtype.kind not in "fiu":
        raise InputError(f"{source}: holds {array.dtype.name} values; wanted numbers")
    values = array.astype(np.float64)
    far = np.abs(values) >= LARGEST if gaps else ~(np.abs(values) < LARGEST)
    if far.any():
        raise InputError(f"{source}: holds numbers beyond {LARGEST:g}; wanted pixels, metres or seconds")
    return values


def _plain(value: object, gaps: bool, depth: int = 3) -> bool:
    """Whether a value is numbers in at most `depth` levels of lists: one string among them would widen every cell."""
    if isinstance(value, list) and (kinds := {kind for kind in map(type, value) if not _is_number(kind, gaps)}):
        return depth > 1 and kinds == {list} and all(_plain(item, gaps, depth - 1) for item in value)
    return isinstance(value, (list, np.ndarray)) or _is_number(type(value), False)


def _is_number(kind: type, gaps: bool) -> bool:
    """Whether a type is a number's, of Python or of numpy; `gaps`: None too."""
    return issubclass(kind, (int, float, np.integer, np.floating)) and kind is not bool or (gaps and kind is type(None))


def number(value: object, source: str, low: float, high: float) -> float:
    """One number in [low, high]; raises InputError otherwise."""
    if (
        not isinstance(value, (int, float, np.integer, np.floating))
        or isinstance(value, bool)
        or not low <= value <= high
    ):
        raise InputError(f"{source} is {reprlib.repr(value)}; wanted a number of {low:g} to {high:g}")
    return float(value)


def frame_numbers(names: Sequence[str]) -> list[int | None]:
    """The number of each frame in the names of a video's images, without folders and suffix; None where there is none.

    Of several numbers it is the one that differs from name to name: `frame_0012_1080p.jpg` -> 12.  Where several do,
    the one that is another in every name and spans least; where that tells nothing, the last in each name.
    """
    stems = [Path(name).stem for name in names]
    if all(_TIMESTAMP.fullmatch(stem) for stem in stems):  # seconds and their fraction: no number of a frame
        return [None] * len(names)
    found = [[int(word) if len(word) <= _DIGITS else None for word in _NUMBER.findall(stem)] for stem in stems]
    told: list[list[int]] = []
    if len(names) > 1 and len({len(row) for row in found}) == 1:
        for column in zip(*found, strict=True):
            whole = [value for value in column if value is not None]
            if len(set(whole)) == len(names):
                told.append(whole)
    if told:
        narrowest = min(told, key=lambda column: max(column) - min(column))
        return [*narrowest]
    return [row[-1] if row else None for row in found]


def timestamps(names: Sequence[str]) -> list[float] | None:
    """Seconds that a video's images are named after, as `1305031102.175304.png` is; None for other names."""
    stems = [Path(name).stem for name in names]
    return [float(stem) for stem in stems] if all(_TIMESTAMP.fullmatch(stem) for stem in stems) else None


def first_number(lowest: int) -> int:
    """The number of a video's first frame when only some frames are numbered: 0 where a 0 occurs, else 1."""
    return min(lowest, 1)
