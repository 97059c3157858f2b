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


def parse_json(data: bytes, source: str, wanted: str) -> Any:
    """The JSON document in `data`; raises InputError when it is none, or holds NaN or infinity."""
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError:
        raise InputError(f"{source}: nested too deeply; wanted {wanted}") from None
    except ValueError as error:  # of the decoder, of the text encoding, of integers with thousands of digits
        raise InputError(f"{source}: not JSON ({first_line(error)}); wanted {wanted}") from None


def read_npz(path: str | Path, wanted: str) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz without Python objects.

    Raises InputError when it is not one, or is larger than `MAX_BYTES` when unpacked.
    """
    path = Path(path)
    check_file(path, wanted)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
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


def numbers(value: object, source: str) -> npt.NDArray[np.float64]:
    """A float array of nested lists of numbers; raises InputError for anything else, and for huge numbers."""
    try:
        array = np.asarray(value if _plain(value) else None)
    except (ValueError, OverflowError):  # ragged, or an integer that no float holds
        raise InputError(f"{source}: ragged lists; wanted numbers") from None
    if array.dtype.kind not in "fiu":
        raise InputError(f"{source}: holds {array.dtype.name} values; wanted numbers")
    if not (np.abs(array.astype(np.float64)) < LARGEST).all():
        raise InputError(f"{source}: holds numbers beyond {LARGEST:g}; wanted pixels, metres or seconds")
    return array.astype(np.float64)


def _plain(value: object, depth: int = 3) -> bool:
    """Whether a value is numbers in at most `depth` levels of lists: one string among them would widen every cell."""
    if isinstance(value, list) and (kinds := set(map(type, value))) - {int, float}:
        return depth > 1 and kinds == {list} and all(_plain(item, depth - 1) for item in value)
    return isinstance(value, (list, int, float, np.ndarray)) and not isinstance(value, bool)


def number(value: object, source: str, low: float, high: float) -> float:
    """One number in [low, high]; raises InputError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputError(f"{source} is {reprlib.repr(value)}; wanted a number of {low:g} to {high:g}")
    return float(value)


def frame_number(name: str) -> int | None:
    """The last number in a file's name without folders and suffix: `walk_000012_keypoints.json` -> 12; or None."""
    found = _NUMBER.findall(Path(name).stem)
    return int(found[-1]) if found and len(found[-1]) <= _DIGITS else None


def first_number(lowest: int) -> int:
    """The number of a video's first frame when only some frames are numbered: 0 where a 0 occurs, else 1."""
    return min(lowest, 1)
