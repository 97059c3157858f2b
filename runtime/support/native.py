"""libgenmo, the compiled twin of numerical stages: whether it is here, and calls of it with their errors.

`pip install` builds it where there is a C++ compiler (`kernels/native`) and puts it into `lib` of the runtime.  Every
stage it holds is written in numpy too, gives the same answer to rounding, and runs in numpy where the library is not.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import count, takewhile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genmo.runtime.support.errors import BackendError
from genmo.runtime.support.version import __version__

ABI = 5
"""GENMO_ABI of kernels/native/include/genmo/genmo.h"""
SWITCH = "GENMO_NATIVE"
"""environment variable: 0 for numpy alone, at installation and at run time"""
LIBRARY_VARIABLE = "GENMO_LIBRARY"
"""environment variable with the path of another build of the library"""
_OFF = ("0", "no", "off", "false")
_PACKAGE = __name__.rpartition(".support.")[0]

_numpy_only: ContextVar[bool] = ContextVar("numpy_only", default=False)


class _Error(ctypes.Structure):
    """genmo_error."""

    _fields_ = [("size", ctypes.c_uint32), ("status", ctypes.c_int32), ("message", ctypes.c_char * 240)]


def library() -> ctypes.CDLL | None:
    """The library, or None where numpy does the work: not built, of another version, or switched off."""
    return None if _numpy_only.get() else _loaded()[0]


def library_path() -> Path | None:
    """Where the library in use was found; None without one."""
    found = library()
    return None if found is None else Path(found._name)


def description() -> str:
    """One line: the library and its instruction set, or why there is none and what to do."""
    loaded, reason = _loaded()
    return reason if loaded is None else f"libgenmo {loaded.genmo_version().decode()} ({instruction_set()})"


def instruction_set() -> str | None:
    """The instruction set that the library uses here, such as "avx512"; None without a library."""
    found = library()
    return None if found is None else found.genmo_isa_in_use().decode()


def instruction_sets() -> list[str]:
    """Those that the library holds and this processor runs, best first; none without a library."""
    found = library()
    if found is None:
        return []
    names = takewhile(bool, map(found.genmo_isa, count()))
    return [name.decode() for name in names]


@contextmanager
def numpy_only() -> Iterator[None]:
    """Inside, this thread computes in numpy."""
    token = _numpy_only.set(True)
    try:
        yield
    finally:
        _numpy_only.reset(token)


@contextmanager
def using_instruction_set(name: str) -> Iterator[None]:
    """Inside, the whole process uses the instruction set `name`.  Raises BackendError where it cannot run."""
    before = instruction_set()
    if before is None:
        raise BackendError(description())
    call("genmo_isa_select", name.encode())
    try:
        yield
    finally:
        call("genmo_isa_select", before.encode())


def call(function: str, *arguments: Any) -> None:
    """Call a function of the library that returns a status and takes a `genmo_error` last.

    Raises ValueError with its message for arguments it refuses, LinAlgError for equations without a solution,
    MemoryError, BackendError for what this processor or build cannot do.
    """
    found = library()
    if found is None:
        raise BackendError(description())
    error = _Error(size=ctypes.sizeof(_Error))
    status = getattr(found, function)(*arguments, ctypes.byref(error))
    if status:
        message = error.message.decode(errors="replace") or f"{function}: status {status}"
        kinds: dict[int, type[Exception]] = {1: ValueError, 2: MemoryError, 3: BackendError, 4: np.linalg.LinAlgError}
        raise kinds.get(status, RuntimeError)(message)


Sized = TypeVar("Sized", bound=ctypes.Structure)


def sized(kind: type[Sized], **fields: Any) -> Sized:
    """A structure of the library with its `size` and these fields."""
    return kind(size=ctypes.sizeof(kind), **fields)


def address(array: np.ndarray) -> ctypes.c_void_p:
    """Where the numbers of an array begin, which must outlive the call."""
    return ctypes.c_void_p(array.ctypes.data)


def library_name() -> str:
    """The library's file name on this system."""
    return {"win32": "genmo.dll", "darwin": "libgenmo.dylib"}.get(sys.platform, "libgenmo.so")


@cache
def _loaded() -> tuple[ctypes.CDLL | None, str]:
    """The library and "", or None and the reason."""
    if os.environ.get(SWITCH, "").lower() in _OFF:
        return None, f"numpy alone, slower: {SWITCH} is {os.environ[SWITCH]}"
    named = os.environ.get(LIBRARY_VARIABLE)
    # an editable install has two folders, one of them with the library; beside modules it would be taken for one
    folders: Sequence[str] = list(sys.modules[_PACKAGE].__path__)
    for path in [Path(named)] if named else [Path(folder) / "lib" / library_name() for folder in folders]:
        if path.is_file():
            return _opened(path)
    where = f" at {named} ({LIBRARY_VARIABLE})" if named else ""
    return None, f"numpy alone, slower: no libgenmo{where}; install a C++ compiler, then genmo-motion again"


def _opened(path: Path) -> tuple[ctypes.CDLL | None, str]:
    try:
        found = ctypes.CDLL(str(path))
        found.genmo_abi.restype = ctypes.c_uint32
        abi = found.genmo_abi()
        for name in ("genmo_version", "genmo_isa", "genmo_isa_in_use"):
            getattr(found, name).restype = ctypes.c_char_p
        version = found.genmo_version().decode()
    except (OSError, AttributeError) as error:
        return None, f"numpy alone, slower: {path} is no libgenmo ({str(error)[:120]}); install genmo-motion again"
    if (abi, version) != (ABI, __version__):
        had = f"{path} is libgenmo {version} with ABI {abi}"
        return None, f"numpy alone, slower: {had}; wanted {__version__} with ABI {ABI}: install genmo-motion again"
    return found, ""
