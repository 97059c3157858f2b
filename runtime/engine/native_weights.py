"""The table "native" of engine.json: where each of the network's weights lies inside the engine's ONNX files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.support.errors import EngineError
from genmo.runtime.support.safe_read import MAX_WEIGHTS_BYTES, quoted, read_bytes

FORMAT = 1
MOST_TENSORS = 100_000
_WANTED = "export the engine again, or write the table anew with `python -m genmo.export.native_table ENGINE`"


@dataclass(frozen=True)
class StoredTensor:
    """float32 numbers inside a file: a vector is one row."""

    file: str
    offset: int
    rows: int
    columns: int

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + 4 * self.rows * self.columns


@dataclass(frozen=True, eq=False)
class NativeWeights:
    """What libgenmo reads of an engine."""

    norm_epsilon: float
    tensors: dict[str, StoredTensor]
    """by role, as `genmo.export.onnx.weight_locations` names them"""
    files: dict[str, bytes]


def read_native_weights(graphs: Graphs) -> NativeWeights:
    """The table of an engine, and the files that it points into.

    Raises EngineError for an engine without one, and for a table that does not fit the files.
    """
    folder, table = graphs.step.parent, graphs.native
    if table is None:
        raise EngineError(
            f'{folder}: engine.json has no table "native", which says where libgenmo finds the weights; wanted an fp32 '
            "engine of GENMO's own network (`python -m genmo.export.native_table ENGINE` adds it), or another backend"
        )
    try:
        epsilon, stored = float(table["norm_epsilon"]), dict(table["tensors"])
        known = (table["format"], table["dtype"]) == (FORMAT, "float32") and len(stored) <= MOST_TENSORS
        tensors = {str(role): _tensor(entry) for role, entry in stored.items()}
    except (KeyError, TypeError, ValueError, OverflowError):
        known = False
    if not known or not 0 < epsilon < 1:
        raise EngineError(f'{folder}/engine.json: the table "native" is wrong; {_WANTED}')
    files = _files(graphs, {tensor.file for tensor in tensors.values()})
    for role, tensor in tensors.items():
        if tensor.end > len(files[tensor.file]):
            raise EngineError(f"{folder}/engine.json: {quoted(role)} is not inside {tensor.file}; {_WANTED}")
    return NativeWeights(epsilon, tensors, files)


def _tensor(entry: Any) -> StoredTensor:
    """Raises TypeError or ValueError for anything else than [file, offset, [n] or [rows, columns]]."""
    file, offset, shape = entry
    numbers = [offset, *shape]
    right = isinstance(file, str) and all(type(number) is int for number in numbers) and len(shape) in (1, 2)
    if not right or offset < 0 or min(shape) < 1 or math.prod(shape) > MAX_WEIGHTS_BYTES:
        raise ValueError("a tensor")
    return StoredTensor(file, offset, *([1] * (2 - len(shape)) + list(shape)))


def _files(graphs: Graphs, wanted: set[str]) -> dict[str, bytes]:
    """The contents of the graphs' files that a table names; hashes were compared when the engine was loaded."""
    paths: dict[str, Path] = {}
    for graph in GRAPHS:
        path: Path = getattr(graphs, graph)
        paths |= {path.name: path, f"{path.name}.data": path.with_name(f"{path.name}.data")}
    if not wanted <= set(paths):
        others = ", ".join(quoted(name) for name in sorted(wanted - set(paths)))
        raise EngineError(f'{graphs.step.parent}/engine.json: the table "native" names {others}; {_WANTED}')
    return {name: read_bytes(paths[name], "a file of an engine", MAX_WEIGHTS_BYTES) for name in sorted(wanted)}
