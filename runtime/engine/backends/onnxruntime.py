"""ONNX Runtime behind the `Denoiser` protocol."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.tensor_spec import check_signature
from genmo.runtime.engine.backends.onnxruntime_cuda import CapturedSession, RecordedGraph, Shapes
from genmo.runtime.engine.backends.stepwise import GraphSession, Specs, StepwiseDenoiser
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.support.arrays import Arrays
from genmo.runtime.support.cpus import check_threads, usable_cpus
from genmo.runtime.support.errors import BackendError, EngineError, InputError, first_line

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
EXACT = {"use_tf32": "0"}
"""products in float32 as the engine was exported and proven, not in the GPU's 19-bit form"""
INSTALL = {"cpu": 'pip install "genmo-motion[cpu]"', "cuda": 'pip install "genmo-motion[gpu]"'}


def _library(device: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise BackendError(f"no inference library is installed; wanted ONNX Runtime: {INSTALL[device]}") from None
    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise BackendError(f"ONNX Runtime here cannot use {device}; wanted {PROVIDERS[device]}: {INSTALL[device]}")
    if device == "cuda":  # the CUDA libraries that pip installed lie where no loader looks; what it prints is no result
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    return onnxruntime


def _provider(device: str, **settings: str) -> Any:
    return PROVIDERS[device] if device == "cpu" else (PROVIDERS[device], EXACT | settings)


class OnnxRuntimeGraph:
    """One ONNX graph with a given signature; calls are thread-safe."""

    def __init__(
        self, path: Path, inputs: Specs, outputs: Specs, device: str, threads: int, cpus: Sequence[int] = ()
    ) -> None:
        self._library, self._device = _library(device), device
        options = self._library.SessionOptions()
        # left to itself the library counts cores that this process may not use
        options.intra_op_num_threads = len(cpus) or threads or len(usable_cpus())
        if len(cpus) > 1:  # the thread that calls is the first; the library counts CPUs from 1
            pinned = ";".join(str(cpu + 1) for cpu in cpus[1:])
            options.add_session_config_entry("session.intra_op_thread_affinities", pinned)
        options.log_severity_level = 4  # errors reach the user as exceptions, once
        # spinning threads would take a game's cores between two calls
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = self._library.InferenceSession(str(path), options, providers=[_provider(device)])
        except Exception as error:  # the library raises types of its own that share no base below Exception
            raise EngineError(f"{path}: ONNX Runtime cannot load it ({first_line(error)})") from None
        self.provider = str(self._session.get_providers()[0])
        if self.provider != PROVIDERS[device]:
            raise BackendError(f"ONNX Runtime fell back to {self.provider}; wanted {device}: {INSTALL[device]}")
        self._names = [spec.name for spec in outputs]
        for nodes, specs in ((self._session.get_inputs(), inputs), (self._session.get_outputs(), outputs)):
            check_signature({n.name: (n.type, list(n.shape)) for n in nodes}, specs, _DTYPES, path)

    def keep(self, arrays: Arrays) -> dict[str, Any]:
        """Arrays on the device, for many calls."""
        make = self._library.OrtValue.ortvalue_from_numpy
        return {name: make(np.ascontiguousarray(array), self._device, 0) for name, array in arrays.items()}

    def __call__(self, kept: dict[str, Any], arrays: Arrays) -> Arrays:
        """The outputs for inputs that were kept and others that were not."""
        try:
            results = self._session.run_with_ort_values(self._names, kept | self.keep(arrays))
        except Exception as error:  # as above
            raise EngineError(f"ONNX Runtime cannot run this engine ({first_line(error)}): export it again") from None
        return {name: value.numpy() for name, value in zip(self._names, results, strict=True)}


def _recorded(graph: OnnxRuntimeGraph, path: Path, inputs: Specs, outputs: Specs) -> RecordedGraph:
    """A graph on the GPU, recorded for every shape that comes again."""
    library, provider = _library("cuda"), _provider("cuda", enable_cuda_graph="1")

    def plain(kept: Arrays, arrays: Arrays) -> Arrays:
        return graph({}, kept | arrays)

    def record(shapes: Shapes) -> CapturedSession:
        return CapturedSession(library, path, inputs, outputs, shapes, "cuda", provider)

    return RecordedGraph(plain, inputs, record)


_DTYPES = {"float32": "tensor(float)", "int64": "tensor(int64)"}


class OnnxRuntimeDenoiser(StepwiseDenoiser):
    """An engine's graphs in ONNX Runtime; calls are thread-safe.

    `device`: "cpu" or "cuda"; `threads`: 0 takes every core that this process may use; `cpus`: a thread on each of
    these, the calling one taken for the first.  Raises BackendError when the library or the device is missing,
    EngineError when a file is not a graph of this signature.
    """

    def __init__(
        self, graphs: Graphs, config: ModelConfig, device: str = "cpu", threads: int = 0, cpus: Sequence[int] = ()
    ) -> None:
        if device not in PROVIDERS:
            raise InputError(f"device is {device!r}; wanted one of {', '.join(PROVIDERS)}")
        check_threads(threads)

        def load(path: Path, inputs: Specs, outputs: Specs) -> GraphSession:
            graph = OnnxRuntimeGraph(path, inputs, outputs, device, threads, cpus)
            return graph if device == "cpu" else _recorded(graph, path, inputs, outputs)

        # recorded kernels of the library divide by the number of rows (seen on an H200 with version 1.31)
        super().__init__(graphs, config, load, fewest_prompted=0 if device == "cpu" else 1)
        self.device, self.provider = device, PROVIDERS[device]
