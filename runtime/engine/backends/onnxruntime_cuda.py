"""ONNX Runtime on an NVIDIA GPU: every shape that comes again gets buffers and a CUDA graph of its own.

A graph whose sizes are open is launched kernel by kernel and computes its shapes on the processor.  One whose sizes
are fixed when it is loaded has no such work left, so the library records it once and launches it as a whole, on
inputs and outputs that never move (IO binding).  A guided sample of an engine with fused steps is one such launch.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.engine.backends.stepwise import Specs
from genmo.runtime.support.arrays import Arrays
from genmo.runtime.support.errors import EngineError, first_line

REMEMBERED = 4
"""shapes that keep their recording; each holds the weights of its graph"""
NOTED = 64
"""shapes that are known to have come once"""

Shapes = dict[str, tuple[int, ...]]


class CapturedSession:
    """A graph with fixed sizes, and its inputs and outputs in the device's memory.  Not thread-safe.

    `shapes` of all inputs and outputs; `device` and `provider` as the library calls them: tests record on the
    processor.  Raises EngineError when the library cannot load it so.
    """

    def __init__(
        self, library: Any, path: Path, inputs: Specs, outputs: Specs, shapes: Shapes, device: str, provider: Any
    ) -> None:
        options = library.SessionOptions()
        options.log_severity_level = 4
        for axis, size in _sizes(inputs, shapes).items():
            options.add_free_dimension_override_by_name(axis, size)
        make = library.OrtValue.ortvalue_from_shape_and_type
        try:
            self._session = library.InferenceSession(str(path), options, providers=[provider])
            self._binding = self._session.io_binding()
            self._types = {spec.name: np.dtype(spec.dtype) for spec in (*inputs, *outputs)}
            values = {name: make(list(shapes[name]), dtype.type, device, 0) for name, dtype in self._types.items()}
            for spec in inputs:
                self._binding.bind_ortvalue_input(spec.name, values[spec.name])
            for spec in outputs:
                self._binding.bind_ortvalue_output(spec.name, values[spec.name])
        except Exception as error:  # the library raises types of its own that share no base below Exception
            raise EngineError(f"{path}: ONNX Runtime cannot record it ({first_line(error)})") from None
        self._values, self._outputs = values, [spec.name for spec in outputs]
        self._resident: Arrays | None = None

    def __call__(self, kept: Arrays, arrays: Arrays) -> Arrays:
        """The outputs; what is kept is copied to the device unless the call before was of the same."""
        if kept is not self._resident:
            self._resident = None  # should a copy fail, the device's contents are undefined
            self._write(kept)
            self._resident = kept
        self._write(arrays)
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:  # as above
            raise EngineError(f"ONNX Runtime cannot run this recording ({first_line(error)})") from None
        return {name: self._values[name].numpy().copy() for name in self._outputs}  # of the processor it is a view

    def _write(self, arrays: Arrays) -> None:
        for name, array in arrays.items():
            if array.size:
                self._values[name].update_inplace(np.ascontiguousarray(array, self._types[name]))


def _sizes(inputs: Specs, shapes: Shapes) -> dict[str, int]:
    """The named axes of the inputs and how long they are."""
    return {
        axis: size
        for spec in inputs
        for axis, size in zip(spec.axes, shapes[spec.name], strict=True)
        if isinstance(axis, str)
    }


class RecordedGraph:
    """The `GraphSession` protocol on the GPU: `plain` runs a shape's first call, a `CapturedSession` the others.

    Thread-safe.  `record(shapes)` makes a `CapturedSession`.  A shape that comes once, as whole motions of their own
    length are, costs no recording; a stream, a batch or the steps of a sample do from their second call on.
    """

    def __init__(
        self, plain: Callable[[Arrays, Arrays], Arrays], inputs: Specs, record: Callable[[Shapes], CapturedSession]
    ) -> None:
        self._plain, self._inputs, self._record = plain, inputs, record
        self._lock = threading.Lock()
        self._recordings: OrderedDict[Hashable, CapturedSession] = OrderedDict()
        self._noted: OrderedDict[Hashable, Shapes] = OrderedDict()

    def keep(self, arrays: Arrays) -> Arrays:
        """Arrays for many calls: the identity of the dictionary tells which of them a session has on the device."""
        return {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def __call__(self, kept: Arrays, arrays: Arrays) -> Arrays:
        """The outputs for inputs that were kept and others that were not."""
        shapes = {spec.name: (kept | arrays)[spec.name].shape for spec in self._inputs}
        key = tuple(shapes.values())
        with self._lock:
            if key not in self._recordings:
                if key not in self._noted:
                    answer = self._plain(kept, arrays)
                    _note(self._noted, key, shapes | {name: array.shape for name, array in answer.items()}, NOTED)
                    return answer
                _note(self._recordings, key, self._record(self._noted[key]), REMEMBERED)
            self._recordings.move_to_end(key)
            return self._recordings[key](kept, arrays)


def _note(store: OrderedDict[Hashable, Any], key: Hashable, value: Any, most: int) -> None:
    """Remember a value; the longest unused makes room."""
    while len(store) >= most:
        store.popitem(last=False)
    store[key] = value
