"""The one gate for files that somebody else wrote: read under limits, refused with one line.

Every reader of the packages opens its files here: plain files only (no pipe, no device), of a size that was checked
before anything is read, nested no deeper and holding no more parts than a file of its kind ever has.  Nothing is
allocated from a number in a file before the file is seen to be large enough to hold it, and nothing foreign is
quoted at length.  YAML: `safe_yaml`.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import reprlib
import stat
import warnings
import zipfile
import zlib
from collections.abc import Collection, Sequence
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.errors import InputError, first_line

MAX_BYTES = 2**28
"""Largest file read into memory; half an hour of keypoints of several people as JSON stays below."""
MAX_TABLE_BYTES = 2**31
"""Largest file of learned weights or tables; an ONNX graph cannot be larger."""
MAX_WEIGHTS_BYTES = 2**36
"""Largest file of weights beside a description: the encoder of the largest T5 has 2**35."""
MAX_DEPTH = 100
"""Lists and objects inside one another in JSON."""
MAX_CONTAINERS = 2**23
"""Lists and objects in a JSON document: each takes 20 times the memory of its two brackets."""
MAX_MEMBERS = 1000
"""Arrays in an .npz."""
MAX_DIRECTORY = 2**20
"""Bytes that an .npz may take to list its arrays."""
LARGEST = 1e9
"""No pixel or metre is further away."""
_MAX_NUMBERS = MAX_BYTES // 8
_NUMBER = re.compile(r"[0-9]+")
_DIGITS = 12
_TIMESTAMP = re.compile(r"[0-9]{9,12}\.[0-9]{1,9}")
_DIGITS_AS_ZEROS = bytes(ord("0") if chr(code).isdigit() and code < 128 else 0 for code in range(256))
_HUGE_INTEGER = 300 * b"0"  # digits that no float holds
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def check_file(path: Path, expected: str, limit: int = MAX_BYTES) -> int:
    """The size of a plain file in bytes; `expected` is what it should be.

    Raises InputError when `path` is missing, not a plain file or over `limit` bytes.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; wanted {expected}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise InputError(f"{_cut(str(path))}: {first_line(error)}; wanted {expected}") from None
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device might never end
        raise InputError(f"{path}: not a file; wanted {expected}")
    if status.st_size > limit:
        raise InputError(f"{path}: {status.st_size} bytes; wanted {expected} of at most {limit}: cut it in parts")
    return status.st_size


def open_file(path: str | Path, expected: str, limit: int = MAX_BYTES) -> BufferedReader:
    """A plain file of at most `limit` bytes, open for reading bytes; raises InputError as `check_file` does."""
    path = Path(path)
    check_file(path, expected, limit)
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {first_line(error)}; wanted {expected}") from None


def read_bytes(path: str | Path, expected: str, limit: int = MAX_BYTES) -> bytes:
    """The whole file; raises InputError as `check_file` does, and when it cannot be read."""
    path = Path(path)
    size = check_file(path, expected, limit)
    try:
        with path.open("rb") as file:
            data = file.read(size + 1)
    except (OSError, MemoryError) as error:
        raise InputError(f"{path}: {first_line(error)}; wanted {expected}") from None
    if len(data) > size:  # files of /proc say 0
        raise InputError(f"{path}: grows while it is read; wanted {expected}")
    return data


def read_text(path: str | Path, expected: str, limit: int = MAX_BYTES) -> str:
    """The whole file as UTF-8, with or without a byte order mark; raises InputError as `read_bytes` does."""
    data = read_bytes(path, expected, limit)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 ({first_line(error)}); wanted {expected}") from None


def sha256(path: str | Path, expected: str, limit: int = MAX_TABLE_BYTES) -> str:
    """The SHA-256 of a plain file, hexadecimal; raises InputError as `open_file` does."""
    with open_file(path, expected, limit) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cut(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 2, 80, 80
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 3

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if value.bit_length() <= 128 else f"a whole number of {value.bit_length()} bits"


def quoted(value: object) -> str:
    """`repr` of a value out of a file, in at most some 100 characters, whatever it holds."""
    return _cut(_Short().repr(value), 100)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which JSON does not have")


def _allow_nan(name: str) -> float:
    return math.nan if name == "NaN" else _refuse_constant(name)


def read_json(path: str | Path, expected: str, limit: int = MAX_BYTES, *, gaps: bool = False) -> Any:
    """The JSON document in a file; raises InputError as `read_bytes` and `parse_json` do."""
    return parse_json(read_bytes(path, expected, limit), str(path), expected, gaps=gaps)


def parse_json(data: bytes, source: str, expected: str, *, gaps: bool = False) -> Any:
    """The JSON document in `data`.

    Raises InputError when it is none, holds infinity, NaN without `gaps` or an integer of 300 digits, or is nested
    deeper or of more parts than `MAX_DEPTH` and `MAX_CONTAINERS`.
    """
    if data.count(b"[") + data.count(b"{") > MAX_CONTAINERS:
        raise InputError(f"{source}: over {MAX_CONTAINERS} lists and objects; wanted {expected}: cut it in parts")
    if _depth(data) > MAX_DEPTH and _depth(_STRING.sub(b"", data)) > MAX_DEPTH:
        raise InputError(f"{source}: nested too deeply; wanted {expected}")
    if _HUGE_INTEGER in data.translate(_DIGITS_AS_ZEROS):
        raise InputError(f"{source}: holds a whole number of 300 digits; wanted {expected}")
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_allow_nan if gaps else _refuse_constant)
    except RecursionError:
        raise InputError(f"{source}: nested too deeply; wanted {expected}") from None
    except ValueError as error:  # of the decoder, of the text encoding
        raise InputError(f"{source}: not JSON ({first_line(error)}); wanted {expected}") from None


def _depth(data: bytes) -> int:
    """How many brackets are open at once at most, those in strings counted too."""
    brackets = np.frombuffer(data.translate(None, _NO_BRACKETS), np.uint8)
    opened, deepest = 0, 0
    for start in range(0, len(brackets), 2**20):
        steps = np.where((brackets[start : start + 2**20] | 0x20) == ord("{"), 1, -1)
        steps[0] += opened
        levels = steps.cumsum()
        opened, deepest = int(levels[-1]), max(deepest, int(levels.max()))
    return deepest


class _Listing:
    """A file in which a zip's directory is looked for: no more of it is read at once than a directory may have."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file, self._limit = file, limit
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        if count > self._limit:
            raise zipfile.BadZipFile(f"its directory takes over {self._limit} bytes")
        return self._file.read(self._limit if count < 0 else count)

    def open_for_members(self) -> None:
        """From here on members are read, whose sizes the caller has checked."""
        self._limit = 2**63


def open_zip(file: BinaryIO, size: int, directory: int = MAX_DIRECTORY) -> zipfile.ZipFile:
    """The zip archive in an open file of `size` bytes, its directory of at most `directory` bytes.

    No member claims more bytes than the file has.  Raises zipfile.BadZipFile and what else zipfile raises.
    """
    listing = _Listing(file, max(directory, 2**17))  # 2**17: where the directory's end is looked for
    archive = zipfile.ZipFile(listing)
    for member in archive.infolist():
        if member.compress_size > size or member.header_offset > size:
            raise zipfile.BadZipFile("a member is larger than the file")
    listing.open_for_members()
    return archive


def read_npz(
    path: str | Path, expected: str, limit: int = MAX_BYTES, names: Collection[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz without Python objects: those of `names` that it has, or all.

    Raises InputError when it is not one, is larger than `limit` bytes when unpacked or has over `MAX_MEMBERS` arrays.
    """
    size = check_file(Path(path), expected, limit)
    with open_file(path, expected, limit) as file:
        return _arrays(file, size, str(path), expected, limit, names)


def parse_npz(data: bytes, source: str, expected: str, limit: int = MAX_BYTES) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an .npz in `data`; raises InputError as `read_npz` does."""
    return _arrays(io.BytesIO(data), len(data), source, expected, limit, None)


def _arrays(
    file: BinaryIO, size: int, source: str, expected: str, limit: int, names: Collection[str] | None
) -> dict[str, npt.NDArray[Any]]:
    try:
        with open_zip(file, size) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if len(members) > MAX_MEMBERS:
                raise InputError(f"{source}: {len(members)} arrays; wanted {expected}, of at most {MAX_MEMBERS}")
            chosen = {member.filename[: -len(".npy")]: member for member in members}
            chosen = {name: member for name, member in chosen.items() if names is None or name in names}
            if sum(member.file_size for member in chosen.values()) > limit:
                raise InputError(f"{source}: over {limit} bytes when unpacked; wanted {expected}")
            return {name: _read_member(archive, member) for name, member in chosen.items()}
    except (
        OSError, ValueError, EOFError, RuntimeError, MemoryError, IndexError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise InputError(f"{source}: not a readable .npz ({first_line(error)}); wanted {expected}") from None


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{quoted(member.filename)} is packed in a way that numpy does not write")
    with archive.open(member) as file:
        return read_npy(file, member.file_size)


def read_npy_file(path: str | Path, expected: str, limit: int = MAX_BYTES) -> npt.NDArray[Any]:
    """The array of an .npy without Python objects; raises InputError when it is none."""
    path = Path(path)
    size = check_file(path, expected, limit)
    try:
        with path.open("rb") as file:
            return read_npy(file, size)
    except (OSError, ValueError, MemoryError) as error:
        raise InputError(f"{path}: not a readable .npy ({first_line(error)}); wanted {expected}") from None


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
        raise InputError(f"{source}: holds {_cut(array.dtype.name, 40)} values; wanted numbers")
    if array.size > _MAX_NUMBERS:
        raise InputError(f"{source}: holds {array.size} numbers; wanted at most {_MAX_NUMBERS}")
    values = array.astype(np.float64)
    not_nan = values[~np.isnan(values)] if gaps else values
    if not_nan.size and not (not_nan.min() > -LARGEST and not_nan.max() < LARGEST):  # NaN fails both
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
        raise InputError(f"{source} is {quoted(value)}; wanted a number of {low:g} to {high:g}")
    return float(value)


def frame_numbers(names: Sequence[str]) -> list[int | None]:
    """The number of each frame in the names of a video's images, without folders and suffix; None where there is none.

    Of several numbers it is the one that differs from name to name: `frame_0012_1080p.jpg` -> 12.  Where several do,
    the one that is another in every name and spans least; where that tells nothing, the last in each name.
    """
    stems = [Path(name).stem for name in names]
    if all(_TIMESTAMP.fullmatch(stem) for stem in stems):  # seconds and their fraction: no number of a frame
        return [None] * len(names)
    numbers = [[int(word) if len(word) <= _DIGITS else None for word in _NUMBER.findall(stem)] for stem in stems]
    candidates: list[list[int]] = []
    if len(names) > 1 and len({len(row) for row in numbers}) == 1:
        for column in zip(*numbers, strict=True):
            whole = [value for value in column if value is not None]
            if len(set(whole)) == len(names):
                candidates.append(whole)
    if candidates:
        narrowest = min(candidates, key=lambda column: max(column) - min(column))
        return [*narrowest]
    return [row[-1] if row else None for row in numbers]


def timestamps(names: Sequence[str]) -> list[float] | None:
    """Seconds that a video's images are named after, as `1305031102.175304.png` is; None for other names."""
    stems = [Path(name).stem for name in names]
    return [float(stem) for stem in stems] if all(_TIMESTAMP.fullmatch(stem) for stem in stems) else None


def first_number(lowest: int) -> int:
    """The number of a video's first frame when only some frames are numbered: 0 where a 0 occurs, else 1."""
    return min(lowest, 1)
