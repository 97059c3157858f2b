"""Pickles that hold numbers, read without running what they name.

SMPL bodies and several data sets ship as pickles of numpy arrays, some with chumpy arrays (a library that no longer
installs) or scipy sparse matrices.  Only the constructors of numpy arrays are called; chumpy and scipy objects become
plain records that are turned into numpy arrays afterwards; any other class is refused by name.
"""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.support.errors import InputError

try:
    from numpy._core import multiarray, numeric
except ImportError:  # numpy 2 moved them; 1.x files name the old place
    from numpy.core import multiarray, numeric  # type: ignore[no-redef]


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
        raise pickle.UnpicklingError(f"it rebuilds {kind!r}")
    return kind()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """_codecs.encode as numpy's pickles use it."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes as {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How old protocols write an empty byte string: a call of bytes without arguments."""
    return b""


def _numpy_names() -> dict[tuple[str, str], Any]:
    names: dict[tuple[str, str], Any] = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype}
    for package in ("numpy.core", "numpy._core"):
        names[f"{package}.multiarray", "_reconstruct"] = multiarray._reconstruct
        names[f"{package}.multiarray", "scalar"] = multiarray.scalar
        names[f"{package}.numeric", "_frombuffer"] = getattr(numeric, "_frombuffer")  # noqa: B009
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
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _plain(value: Any) -> Any:
    """The value with every record in it as a numpy array."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part) for part in value)
    return _array(value) if isinstance(value, _Record) else value


def _array(record: _Record) -> Any:
    state = {key: _plain(part) for key, part in record.state.items()}
    if record.kind == "chumpy Ch":
        return np.asarray(state["x"])
    if record.kind == "chumpy Select":
        return np.asarray(state["a"]).ravel()[state["idxs"]].reshape(state["preferred_shape"])
    if record.kind == "scipy csc_matrix":
        dense = np.zeros(state["_shape"])
        columns = np.repeat(np.arange(dense.shape[1]), np.diff(state["indptr"]))
        np.add.at(dense, (state["indices"], columns), state["data"])
        return dense
    raise pickle.UnpicklingError(f"it holds a {record.kind}, which is no array")


def read_pickle(path: str | Path, wanted: str) -> dict[str, Any]:
    """The dictionary in a pickle of numbers, texts and (numpy, chumpy, scipy csc) arrays; no code of it is run.

    `wanted` says in the error what the file should have been.  Raises InputError when the file is missing or cut
    short, names any other class, or is not a dictionary.
    """
    path = Path(path)
    try:
        value = _plain(_Restricted(io.BytesIO(path.read_bytes()), encoding="latin1").load())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); wanted {wanted}") from None
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not read ({reason}); wanted {wanted}, with arrays and plain values only") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; wanted {wanted}, a dictionary")
    return value
