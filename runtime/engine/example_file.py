"""The example motions of an engine (`genmo.runtime.actions.examples`) as a file of its folder."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.actions.examples import LENGTHS, Examples
from genmo.runtime.actions.names import mirrored_trait
from genmo.runtime.actions.traits import STEPS
from genmo.runtime.motion.packed import CHANNELS, FRAMES, KEPT, MOST
from genmo.runtime.support.arrays import Numbers
from genmo.runtime.support.errors import EngineError, InputError
from genmo.runtime.support.safe_read import parse_npz, read_bytes

FILE = "examples.npz"
MAX_EXAMPLES_BYTES = 2**26
EXPECTED = "example motions of an engine"


def examples_file(examples: Examples) -> bytes:
    """The content of a file of examples, byte for byte the same for the same examples; inverse of `open_examples`."""
    arrays: dict[str, Any] = {
        "traits": np.frombuffer("\n".join(examples.traits).encode(), np.uint8),
        "example": examples.example.astype(np.uint16),
        "start": examples.start.astype(np.uint8),
        "length": examples.length.astype(np.uint8),
        "does": np.packbits(examples.does, axis=1),
        "coefficients": np.ascontiguousarray(examples.coefficients.transpose(1, 2, 0)),  # zeros beside zeros
    }
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def open_examples(path: Path) -> Examples:
    """The examples of a file that `examples_file` made.  Raises EngineError for what is none."""
    return parse_examples(read_packed(path), str(path))


def read_packed(path: Path) -> bytes:
    """A file of examples as it is.  Raises EngineError when it cannot be read."""
    try:
        return read_bytes(path, EXPECTED, MAX_EXAMPLES_BYTES)
    except InputError as error:
        raise EngineError(str(error)) from None


def parse_examples(content: bytes, source: str) -> Examples:
    """The examples of a file's content; `source` is its name.  Raises EngineError for what is none."""
    try:
        arrays = parse_npz(content, source, EXPECTED, MAX_EXAMPLES_BYTES)
        traits = tuple(arrays.pop("traits").tobytes().decode("ascii").split("\n"))
        example, start, length = (_whole_numbers(arrays.pop(name)) for name in ("example", "start", "length"))
        bits = arrays.pop("does")
        if bits.ndim != 2 or bits.shape[1] != -(-len(traits) // 8):
            raise ValueError("does is of other traits")
        does = np.unpackbits(bits, axis=1, count=len(traits)).astype(np.bool_)
        coefficients = np.ascontiguousarray(arrays.pop("coefficients").transpose(2, 0, 1))
        examples = Examples(traits, example, start, length, does, coefficients)
    except (InputError, KeyError, ValueError, TypeError):
        raise EngineError(f"{source}: not {EXPECTED}; export the engine again") from None
    if arrays or not _is_whole(examples):
        raise EngineError(f"{source}: not {EXPECTED}; export the engine again")
    return examples


def _whole_numbers(array: npt.NDArray[Any]) -> Numbers:
    """The array as int64.  Raises ValueError for other than whole numbers."""
    if array.dtype.kind not in "iu":
        raise ValueError("a column of no whole numbers")
    return array.astype(np.int64)


def _is_whole(examples: Examples) -> bool:
    """Whether every array has its shape, every stretch lies in its example, and every trait has its mirror image."""
    rows, names = len(examples.does), set(examples.traits)
    columns = (examples.example, examples.start, examples.length)
    if not rows or not all(column.shape == (rows,) and (column >= 0).all() for column in columns):
        return False
    if examples.does.shape != (rows, len(examples.traits)) or not names <= set(STEPS):
        return False
    count = len(examples.coefficients)
    right = (
        count > 0 and examples.coefficients.shape == (count, KEPT, CHANNELS) and examples.coefficients.dtype == np.int16
    )
    right = right and -MOST <= int(examples.coefficients.min()) and int(examples.coefficients.max()) <= MOST
    right = right and bool((examples.example < count).all()) and set(examples.length.tolist()) == set(LENGTHS)
    right = right and bool((examples.start + examples.length <= FRAMES).all())
    return right and len(names) == len(examples.traits) and all(mirrored_trait(name) in names for name in names)
