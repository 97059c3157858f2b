"""Tensors out of a torch checkpoint without running what is pickled in it.

A checkpoint of torch >= 1.6 is a zip: `NAME/data.pkl`, a pickle that describes everything, and `NAME/data/KEY`, raw
numbers.  A pickle is a program for a machine that may call any function of any module.  Here that machine knows a few
names (an ordered or counting dict, a kind of storage, a tensor's place in one), each a stand-in of ours that computes
nothing; any other name, known harmless or not, ends the reading before it is imported.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import check_file, open_file, open_zip
from genmo.train.network.pickle_program import RefusedError, check_pickle

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
LARGEST_PICKLE = 1 << 24  # bytes; a description of 80,000 tensors
LARGEST_DIRECTORY = 1 << 24  # bytes of the zip's list of parts, as many again
LARGEST_FILE = 1 << 40
MAX_AXES = 64
ZIP_START = b"PK"
LEGACY_START = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # the number that torch < 1.6 wrote first
WANTED = "a torch checkpoint of tensors and plain containers"
ADVICE = f"wanted {WANTED}"


class _StandIn:
    """Base of what the pickle may name: no state can be set on it."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise RefusedError("it changes what it names")


class _StorageKind(_StandIn):
    """Stands for `torch.FloatStorage` and so on."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


@dataclass(frozen=True, slots=True)
class Storage:
    """`NAME/data/KEY` of the archive: `count` numbers of `dtype`."""

    key: str
    dtype: torch.dtype
    count: int

    __setstate__ = _StandIn.__setstate__


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies; `Archive.tensor` reads it."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    __setstate__ = _StandIn.__setstate__


class _Items(dict[Any, Any]):
    """Stands for `collections.OrderedDict` and `Counter`; what torch notes on it (`_metadata`) is dropped."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        pass


class _MakeItems(_StandIn):
    __slots__ = ()

    def __call__(self, *pairs: Any) -> _Items:
        return _Items(*pairs)


class _MakeTensor(_StandIn):
    """Stands for `torch._utils._rebuild_tensor_v2`."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, stride: Any, *rest: Any) -> StoredTensor:
        if not (isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) == len(stride) <= MAX_AXES):
            raise RefusedError("it describes a tensor that cannot be")
        numbers = (offset, *shape, *stride)
        if not isinstance(storage, Storage) or not all(type(n) is int and 0 <= n < 1 << 48 for n in numbers):
            raise RefusedError("it describes a tensor that cannot be")
        if math.prod(shape) > storage.count:
            raise RefusedError("it describes a tensor larger than its numbers")
        if math.prod(shape) and offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) >= storage.count:
            raise RefusedError("it describes a tensor that reaches outside its numbers")
        return StoredTensor(storage, offset, tuple(shape), tuple(stride))


class _MakeParameter(_StandIn):
    """Stands for `torch._utils._rebuild_parameter`: the tensor in it."""

    __slots__ = ()

    def __call__(self, tensor: Any, *rest: Any) -> Any:
        return tensor


class _DataUnpickler(pickle.Unpickler):
    """The machine that knows data and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        stand_ins: dict[tuple[str, str], type[_StandIn]] = {
            ("collections", "OrderedDict"): _MakeItems,
            ("collections", "Counter"): _MakeItems,  # milestones of a learning-rate schedule
            ("torch._utils", "_rebuild_tensor_v2"): _MakeTensor,
            ("torch._utils", "_rebuild_parameter"): _MakeParameter,
        }
        if (module, name) in stand_ins:
            return stand_ins[module, name]()
        if module == "torch" and name in DTYPES:
            return _StorageKind(DTYPES[name])
        raise RefusedError(f"it names {_short(module)}.{_short(name)}, which is code, not numbers")

    def persistent_load(self, saved: Any) -> Storage:
        match saved:
            case ("storage", _StorageKind() as kind, str(key), str(), int(count)) if count >= 0:
                return Storage(key, kind.dtype, count)
        raise RefusedError("it refers to numbers in an unknown way")


class Archive:
    """An opened checkpoint: `content` is its pickle with a `StoredTensor` for every tensor."""

    def __init__(self, path: str | Path) -> None:
        """Raises InputError for anything but a whole zip checkpoint of data."""
        self.path = Path(path)
        with _OneLine(self.path), ExitStack() as opened:
            _check_kind(self.path)
            size = check_file(self.path, WANTED, LARGEST_FILE)
            file = opened.enter_context(open_file(self.path, WANTED, LARGEST_FILE))
            self._zip = opened.enter_context(open_zip(file, size, LARGEST_DIRECTORY))
            entries = self._zip.infolist()
            if sum(entry.file_size for entry in entries) > size:
                raise _wrong(self.path, "its parts are larger than the file")
            names = [entry.filename for entry in entries]
            pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickles) != 1 or len(set(names)) != len(names):
                raise _wrong(self.path, "its zip has not one data.pkl")
            self._root = pickles[0].removesuffix("data.pkl")
            if any(name.startswith(f"{self._root}code/") for name in names):
                raise _wrong(self.path, "is a TorchScript program")
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise _wrong(self.path, "its zip is compressed, as torch never writes it")
            order = f"{self._root}byteorder"
            if order in names and self._zip.read(order) != b"little":
                raise _wrong(self.path, "its numbers are big-endian")
            if self._zip.getinfo(pickles[0]).file_size > LARGEST_PICKLE:
                raise _wrong(self.path, f"its data.pkl is larger than {LARGEST_PICKLE} bytes")
            described = self._zip.read(pickles[0])
            check_pickle(described)
            self.content: Any = _DataUnpickler(io.BytesIO(described)).load()
            self._opened = opened.pop_all()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def tensor(self, stored: StoredTensor) -> Tensor:
        """The numbers, contiguous, on the CPU.  Raises InputError when they are damaged or not all there."""
        storage = stored.storage
        with _OneLine(self.path):
            entry = self._zip.getinfo(f"{self._root}data/{storage.key}")
            if entry.file_size != storage.count * storage.dtype.itemsize:
                what = f"data/{_short(storage.key)} has {entry.file_size} bytes, not what its tensor needs"
                raise _wrong(self.path, what)
            data = self._zip.read(entry)
            if not math.prod(stored.shape):
                return torch.zeros(stored.shape, dtype=storage.dtype)
            flat = torch.frombuffer(bytearray(data), dtype=storage.dtype)
            return flat.as_strided(stored.shape, stored.stride, stored.offset).clone().contiguous()


class _OneLine:
    """Turns what zip files and pickles raise into one InputError."""

    DAMAGED = (
        pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError, IndexError,
        AttributeError, ImportError, NotImplementedError, RuntimeError, OverflowError, MemoryError, OSError,
    )  # fmt: skip

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{self.path}: no such file; {ADVICE}") from None
        if isinstance(error, RefusedError):
            raise InputError(
                f"{self.path}: refused, nothing of it was run: {error}; {ADVICE}: where you trust the file, "
                "load it in torch and save its state_dict alone"
            ) from None
        if isinstance(error, self.DAMAGED):
            raise _wrong(self.path, f"is truncated or damaged ({_short(str(error) or type(error).__name__)})") from None


def _check_kind(path: Path) -> None:
    with open_file(path, WANTED, LARGEST_FILE) as file:
        start = file.read(512)
    if start.startswith(LEGACY_START):
        raise _wrong(path, "is in the format of torch before 1.6; load it there and save it with a newer torch")
    if not start.startswith(ZIP_START):
        what = "is a bare pickle" if start[:1] == b"\x80" else "is no zip archive"
        raise _wrong(path, what)


def _wrong(path: Path, what: str) -> InputError:
    return InputError(f"{path}: {what}; {ADVICE}")


def _short(text: str) -> str:
    """Printable and on one line, whatever a file says of itself."""
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
