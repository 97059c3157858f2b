"""ONNX Runtime behind the `Denoiser` protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.config import ModelConfig
from genmo.runtime.errors import BackendError, EngineError, InputError
from genmo.runtime.sampler import Arrays
from genmo.runtime.signature import TensorSpec, inputs, outputs

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
INSTALL = {"cpu": 'pip install "genmo[cpu]"', "cuda": 'pip install "genmo[gpu]"'}
_DTYPES = {"float32": "tensor(float)", "int64": "tensor(int64)"}


def _library(device: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise BackendError(f"no inference library is installed; wanted ONNX Runtime: {INSTALL[device]}") from None
    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise BackendError(f"ONNX Runtime here cannot use {device}; wanted {PROVIDERS[device]}: {INSTALL[device]}")
    return onnxruntime


class OnnxRuntimeDenoiser:
    """An ONNX graph with the signature of `config`; calls are thread-safe.

    `device`: "cpu" or "cuda"; `threads`: 0 takes the physical cores.  Raises BackendError when the library or the
    device is missing, EngineError when the file is not a graph of this signature.
    """

    def __init__(self, path: Path, config: ModelConfig, device: str = "cpu", threads: int = 0) -> None:
        if device not in PROVIDERS:
            raise InputError(f"device is {device!r}; wanted one of {', '.join(PROVIDERS)}")
        if threads < 0:
            raise InputError(f"threads is {threads}; wanted 0 (all cores) or more")
        library = _library(device)
        options = library.SessionOptions()
        # 0 leaves the choice to the library, which counts cores that this process may not use
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        options.intra_op_num_threads = threads or usable
        options.log_severity_level = 4  # errors reach the user as exceptions, once
        # spinning threads would take a game's cores between two calls
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = library.InferenceSession(str(path), options, providers=[PROVIDERS[device]])
        except Exception as error:  # the library raises types of its own that share no base below Exception
            raise EngineError(f"{path}: ONNX Runtime cannot load it ({_first_line(error)})") from None
        self.device = device
        self.provider = self._session.get_providers()[0]
        if self.provider != PROVIDERS[device]:
            raise BackendError(f"ONNX Runtime fell back to {self.provider}; wanted {device}: {INSTALL[device]}")
        self._outputs = outputs(config)
        self._names = [spec.name for spec in self._outputs]
        _check(self._session.get_inputs(), inputs(config), path)
        _check(self._session.get_outputs(), outputs(config), path)

    def __call__(self, inputs: Arrays) -> Arrays:
        try:
            results = self._session.run(self._names, inputs)
        except Exception as error:  # as above
            raise EngineError(f"ONNX Runtime cannot run this engine ({_first_line(error)}): export it again") from None
        batch, frames = inputs["x_t"].shape[:2]
        for spec, value in zip(self._outputs, results, strict=True):
            wanted = spec.shape(batch=batch, frames=frames)
            if value.shape != wanted:
                raise EngineError(f"the engine answers {spec.name} {list(value.shape)}; wanted {list(wanted)}")
        return {name: np.asarray(value) for name, value in zip(self._names, results, strict=True)}


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _check(nodes: list[Any], specs: tuple[TensorSpec, ...], path: Path) -> None:
    """Compare a graph's inputs or outputs with the signature: names, dtypes, ranks and fixed axes."""
    found = {node.name: (node.type, list(node.shape)) for node in nodes}
    wanted = {spec.name for spec in specs}
    if set(found) != wanted:
        raise EngineError(f"{path}: not a genmo graph of this model: it has {sorted(found)}, wanted {sorted(wanted)}")
    for spec in specs:
        dtype, shape = found[spec.name]
        fixed = [(a, b) for a, b in zip(spec.axes, shape, strict=False) if isinstance(b, int)]
        if dtype != _DTYPES[spec.dtype] or len(shape) != len(spec.axes) or any(a != b for a, b in fixed):
            raise EngineError(
                f"{path}: {spec.name} is {dtype} {shape}; wanted {spec.dtype} {list(spec.axes)}: export it again"
            )
