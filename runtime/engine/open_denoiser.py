"""Inference libraries behind one small interface, and the choice among them by name.

A library or a device that is named is the one that runs, or an error says what to install: nothing falls back to
another.  With no name given it is ONNX Runtime, or OpenVINO where that alone is installed, or libgenmo where neither
is.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.support import native
from genmo.runtime.support.cpus import check_cpus_usable, check_threads
from genmo.runtime.support.errors import BackendError, InputError

DEVICES = {"native": ("cpu",), "onnxruntime": ("cpu", "cuda"), "openvino": ("cpu",), "tensorrt": ("cuda",)}
"""library -> where it can run an engine, its default first"""
BACKENDS = tuple(DEVICES)
COMPUTED = {"native": ("fp32", "i16"), "openvino": ("fp32", "bf16")}
"""library -> what it may be told to compute in; elsewhere the engine's files say it"""
PRECISIONS = ("fp32", "bf16", "i16")
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


def choose_backend(
    backend: str | None, device: str | None, precision: str | None, *, has_native: bool = False
) -> tuple[str, str]:
    """The library and the device that were asked for, defaults filled in; nothing is loaded.

    `has_native`: libgenmo is here and can run the engine.
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
        backend = _default_backend(device, precision, has_native)
    if precision is not None and precision not in COMPUTED.get(backend, ()):
        raise InputError(_wrong_precision(backend, precision))
    device = device or DEVICES[backend][0]
    if device not in DEVICES[backend]:
        others = " or ".join(name for name, devices in DEVICES.items() if device in devices)
        raise InputError(f"device is {device!r}, which {backend} does not run on; wanted the backend {others} for it")
    return backend, device


def _default_backend(device: str | None, precision: str | None, has_native: bool) -> str:
    if precision is not None:
        return "native" if precision == "i16" else "openvino"
    return _installed(has_native) if device in (None, "cpu") else "onnxruntime"


def _wrong_precision(backend: str, precision: str) -> str:
    others = " or ".join(name for name, known in COMPUTED.items() if precision in known)
    if backend in COMPUTED:
        return f"precision is {precision!r}; {backend} computes in {' or '.join(COMPUTED[backend])}: wanted {others}"
    exported = "" if precision == "i16" else f", or an engine of genmo-export --precision {precision}"
    return (
        f"precision is {precision!r} and the backend {backend}, which computes as the engine was exported; wanted "
        f"the backend {others}{exported}"
    )


def _installed(has_native: bool) -> str:
    """The first library that is there for the processor."""
    for name in _UNNAMED:
        if importlib.util.find_spec(name) is not None:
            return name
    if has_native:
        return "native"
    choices = ", or ".join(_UNNAMED.values())
    raise BackendError(
        f"no inference library is installed; wanted ONNX Runtime or OpenVINO: {choices}; or libgenmo and an fp32 "
        "engine: a C++ compiler, then genmo-motion again"
    )


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
    process may use; `precision`: one of COMPUTED of the backend; `cpus`: for ONNX Runtime on the processor, a thread on
    each of these logical CPUs (numbers from 0), the calling one taken for the first.  None leaves the choice to genmo.
    Raises InputError for what cannot be, BackendError with the pip command for what is not installed or not usable
    here, EngineError for an engine that the library cannot load.
    """
    if cpus and backend is None:
        backend = "onnxruntime"  # the only one that pins its threads
    has_native = graphs.native is not None and native.library() is not None
    backend, device = choose_backend(backend, device, precision, has_native=has_native)
    check_threads(threads)
    if cpus:
        _check_cpus(cpus, backend, device, threads)
    denoiser: Any
    if backend == "native":
        from genmo.runtime.engine.backends.native import NativeDenoiser

        denoiser = NativeDenoiser(graphs, config, threads, precision or "fp32")
    elif backend == "onnxruntime":
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
