"""Named tensors of a graph: what is promised of them, and a graph's own held against that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmo.runtime.support.errors import EngineError


@dataclass(frozen=True)
class TensorSpec:
    """One named tensor; an axis is a number or one of DYNAMIC_AXES."""

    name: str
    axes: tuple[str | int, ...]
    dtype: str = "float32"

    def shape(self, **sizes: int) -> tuple[int, ...]:
        """The shape with the named axes filled in, e.g. `shape(batch=1, frames=120, texts=1)`."""
        return tuple(sizes[axis] if isinstance(axis, str) else axis for axis in self.axes)


def check_signature(
    actual: dict[str, tuple[str, list[Any]]], specs: Sequence[TensorSpec], dtypes: dict[str, str], path: Path
) -> None:
    """Compare a graph's inputs or outputs (name -> the library's dtype, shape) with the signature: names, dtypes,
    ranks and fixed axes.  Raises EngineError."""
    expected = {spec.name for spec in specs}
    if set(actual) != expected:
        raise EngineError(
            f"{path}: not a genmo graph of this model: it has {sorted(actual)}, wanted {sorted(expected)}"
        )
    for spec in specs:
        dtype, shape = actual[spec.name]
        fixed = [(a, b) for a, b in zip(spec.axes, shape, strict=False) if isinstance(b, int)]
        if dtype != dtypes[spec.dtype] or len(shape) != len(spec.axes) or any(a != b for a, b in fixed):
            raise EngineError(
                f"{path}: {spec.name} is {dtype} {shape}; wanted {spec.dtype} {list(spec.axes)}: export it again"
            )
