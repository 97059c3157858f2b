"""Pickles that hold numbers, read without running what they name.

SMPL bodies and several data sets ship as pickles of numpy arrays, some with chumpy arrays (a library that no longer
installs) or scipy sparse matrices.  Only the constructors of numpy arrays are called; chumpy and scipy objects become
plain records that are turned into numpy arrays afterwards; any other class is refused by name.
"""

from __future__ import annotations

import collections
import io
import pickle
import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import quoted, read_bytes
from genmo.train.network.pickle_program import check_pickle

LARGEST_FILE = 2**32
LARGEST_DENSE = 2**27
"""numbers of a sparse matrix written out"""
_KINDS = re.compile(r"[<>|=]?([biuf?cSUV][0-9]*|O8?)")
_MAX_SIZE = 2**20  # bytes of an element


class _Record:
    """What a refused class would have been: its name and its state."""

    kind = ""

    def __init__(self, *arguments: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


def _rebuild(kind: Any, base: Any, state: Any) -> _Record:
    """Python's own copyreg._reconstructor, for records only."""
    if not (isinstance(kind, type) and issubclass(kind, _Record)):
        raise pickle.UnpicklingError("it rebuilds no array")
    return kind()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """_codecs.encode as numpy's pickles use it."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes as {quoted(encoding)}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How old protocols write an empty byte string: a call of bytes without arguments."""
    return b""


class _ArrayKind:
    """Stands for `numpy.ndarray`, which could be called for as much memory as a number says."""

    __slots__ = ()

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("it changes a class")


class _Dtype:
    """Stands for a `numpy.dtype`: its code and, from its state, the order of its bytes."""

    __slots__ = ("code",)

    def __init__(self, code: Any, *copied: Any) -> None:
        if not isinstance(code, str) or not _KINDS.fullmatch(code) or len(code) > 9:
            raise pickle.UnpicklingError("it has arrays of no plain type")
        self.code = code

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("it has arrays of no plain type")
        self.code = order + self.code.lstrip("<>|=")

    def numpy(self) -> np.dtype[Any]:
        stored = np.dtype(self.code)
        if not 0 < stored.itemsize <= _MAX_SIZE:
            raise pickle.UnpicklingError("it has arrays of no plain type")
        return stored


class _StoredArray:
    """Stands for a `numpy.ndarray`, which is made when all of the pickle was read."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __init__(self) -> None:
        self.data, self.dtype, self.fortran, self.shape = b"", _Dtype("u1"), False, (0,)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("it has an array without a type")
        self.shape, self.dtype, self.fortran, self.data = shape, dtype, bool(fortran), data

    def numpy(self) -> npt.NDArray[Any]:
        """Raises ValueError when shape and numbers do not fit."""
        dtype = self.dtype.numpy()
        if dtype.hasobject:
            flat = np.empty(len(self.data), object)
            flat[:] = [_plain(part) for part in self.data]
        else:
            data = self.data.encode("latin1") if isinstance(self.data, str) else self.data
            flat = np.frombuffer(data, dtype)
        return flat.reshape(self.shape, order="F" if self.fortran else "C").copy(order="K")


def _new_array(kind: Any, shape: Any, code: Any) -> _StoredArray:
    """numpy's `_reconstruct`: an empty array, to be filled by its state."""
    return _StoredArray()


def _array_of(data: Any, dtype: Any, shape: Any, order: Any) -> _StoredArray:
    """numpy's `_frombuffer`."""
    stored = _StoredArray()
    stored.__setstate__((1, tuple(shape) if isinstance(shape, (list, tuple)) else (shape,), dtype, order == "F", data))
    return stored


def _scalar(dtype: Any, data: Any = b"") -> Any:
    """numpy's `scalar`: one number."""
    stored = _StoredArray()
    stored.__setstate__((1, (), dtype, False, data))
    return stored.numpy()[()]


def _numpy_names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {("numpy", "ndarray"): _ArrayKind(), ("numpy", "dtype"): _Dtype}
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = _new_array
        names[f"{package}.multiarray", "scalar"] = _scalar
        names[f"{package}.numeric", "_frombuffer"] = _array_of
    return names


_ALLOWED: dict[tuple[str, str], Any] = {
    **_numpy_names(),
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("copy_reg", "_reconstructor"): _rebuild,
    ("copyreg", "_reconstructor"): _rebuild,
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module.split(".")[0] == "chumpy" or (module.startswith("scipy.sparse") and name == "csc_matrix"):
            return type(name, (_Record,), {"kind": f"{module.split('.')[0]} {name}"})
        raise pickle.UnpicklingError(f"it names {quoted(f'{module}.{name}')}")


def _plain(value: Any) -> Any:
    """The value with every record in it as a numpy array."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part) for part in value)
    if isinstance(value, _StoredArray):
        return value.numpy()
    return _array(value) if isinstance(value, _Record) else value


def _array(record: _Record) -> Any:
    state = {key: _plain(part) for key, part in record.state.items()}
    if record.kind == "chumpy Ch":
        return np.asarray(state["x"])
    if record.kind == "chumpy Select":
        return np.asarray(state["a"]).ravel()[state["idxs"]].reshape(state["preferred_shape"])
    if record.kind == "scipy csc_matrix":
        rows, across = state["_shape"]
        if not 0 <= rows * across <= LARGEST_DENSE:
            raise pickle.UnpicklingError(f"it holds a matrix of more than {LARGEST_DENSE} numbers")
        dense = np.zeros((rows, across))
        columns = np.repeat(np.arange(dense.shape[1]), np.diff(state["indptr"]))
        np.add.at(dense, (state["indices"], columns), state["data"])
        return dense
    raise pickle.UnpicklingError(f"it holds a {record.kind}, which is no array")


def read_pickle(path: str | Path, expected: str) -> dict[str, Any]:
    """The dictionary in a pickle of numbers, texts and (numpy, chumpy, scipy csc) arrays; no code of it is run.

    `expected` says in the error what the file should have been.  Raises InputError when the file is missing or cut
    short, names any other class, or is not a dictionary.
    """
    data = read_bytes(path, expected, LARGEST_FILE)
    try:
        check_pickle(data)
        value = _plain(_Restricted(io.BytesIO(data), encoding="latin1").load())
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError,
        OverflowError, MemoryError, RecursionError, ImportError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not read ({reason}); wanted {expected}, with arrays and plain values only") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; wanted {expected}, a dictionary")
    return value
