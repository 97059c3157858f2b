"""Inference libraries behind one small interface, and the choice among them by name.

A library or a device that is named is the one that runs, or an error says what to install: nothing falls back to
another.  With no name given it is ONNX Runtime, or OpenVINO where that alone is installed.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.support.cpus import check_cpus_usable
from genmo.runtime.support.errors import BackendError, InputError

DEVICES = {"onnxruntime": ("cpu", "cuda"), "openvino": ("cpu",), "tensorrt": ("cuda",)}
"""library -> where it can run an engine, its default first"""
BACKENDS = tuple(DEVICES)
PRECISIONS = ("fp32", "bf16")
"""what OpenVINO may be told to compute in; elsewhere the engine's files say it"""
_UNNAMED = {"onnxruntime": 'pip install "genmo-motion[cpu]"', "openvino": 'pip install "genmo-motion[openvino]"'}

log = logging.getLogger("genmo.runtime")


@dataclass(frozen=True)
class Running:
    """A denoiser and what really runs it."""

    denoiser: Any
    """behind `genmo.runtime.denoiser.sampler.Denoiser`"""
    device: str
    """"cpu" or "cuda\""""
    backend: str
    """the library, and its own name of the device"""


def choose_backend(backend: str | None, device: str | None, precision: str | None) -> tuple[str, str]:
    """The library and the device that were asked for, defaults filled in; nothing is loaded.

    Raises InputError for names that are none or do not go together, BackendError when no library is installed.
    """
    every = sorted({name for names in DEVICES.values() for name in names})
    if backend is not None and backend not in DEVICES:
        raise InputError(f"backend is {backend!r}; wanted one of {', '.join(BACKENDS)}")
    if device is not None and device not in every:
        raise InputError(f"device is {device!r}; wanted one of {', '.join(every)}")
    if precision is not None and precision not in PRECISIONS:
        raise InputError(f"precision is {precision!r}; wanted one of {', '.join(PRECISIONS)}")
    if backend is None:
        backend = "openvino" if precision is not None else _installed() if device in (None, "cpu") else "onnxruntime"
    if precision is not None and backend != "openvino":
        raise InputError(
            f"precision is {precision!r} and the backend {backend}, which computes as the engine was exported; wanted "
            f"the backend openvino, or an engine of genmo-export --precision {precision}"
        )
    device = device or DEVICES[backend][0]
    if device not in DEVICES[backend]:
        others = " or ".join(name for name, devices in DEVICES.items() if device in devices)
        raise InputError(f"device is {device!r}, which {backend} does not run on; wanted the backend {others} for it")
    return backend, device


def _installed() -> str:
    """The first library that is there for the processor."""
    for name in _UNNAMED:
        if importlib.util.find_spec(name) is not None:
            return name
    choices = ", or ".join(_UNNAMED.values())
    raise BackendError(f"no inference library is installed; wanted ONNX Runtime or OpenVINO: {choices}")


def _check_cpus(cpus: Sequence[int], backend: str, device: str, threads: int) -> None:
    if (backend, device) != ("onnxruntime", "cpu"):
        raise InputError(f"cpus is given and {backend} runs on {device}; wanted the backend onnxruntime on cpu for it")
    if threads not in (0, len(cpus)):
        raise InputError(f"threads is {threads} and cpus has {len(cpus)}; wanted one of the two")
    check_cpus_usable(cpus)


def open_denoiser(
    graphs: Graphs,
    config: ModelConfig,
    *,
    backend: str | None = None,
    device: str | None = None,
    threads: int = 0,
    precision: str | None = None,
    cpus: Sequence[int] = (),
) -> Running:
    """An engine's graphs (`Engine.denoiser`, `Engine.config`) in the library and on the device that were asked for.

    `backend`: one of BACKENDS; `device`: "cpu" or "cuda"; `threads`: on the processor, 0 for all cores that this
    process may use; `precision`: "fp32" or "bf16", for OpenVINO; `cpus`: for ONNX Runtime on the processor, a thread on
    each of these logical CPUs (numbers from 0), the calling one taken for the first.  None leaves the choice to genmo.
    Raises InputError for what cannot be, BackendError with the pip command for what is not installed or not usable
    here, EngineError for an engine that the library cannot load.
    """
    backend, device = choose_backend(backend, device, precision)
    if threads < 0:
        raise InputError(f"threads is {threads}; wanted 0 (all cores) or more")
    if cpus:
        _check_cpus(cpus, backend, device, threads)
    denoiser: Any
    if backend == "onnxruntime":
        from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser

        denoiser = OnnxRuntimeDenoiser(graphs, config, device, threads, cpus)
    elif backend == "openvino":
        from genmo.runtime.engine.backends.openvino import OpenVinoDenoiser

        denoiser = OpenVinoDenoiser(graphs, config, threads, precision or "fp32")
    else:
        from genmo.runtime.engine.backends.tensorrt import TensorRtDenoiser

        denoiser = TensorRtDenoiser(graphs, config)
    running = Running(denoiser, denoiser.device, f"{backend} {denoiser.provider}")
    log.info("engine %s runs in %s on %s", graphs.step.parent, running.backend, running.device)
    return running
