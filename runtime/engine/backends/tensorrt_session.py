"""TensorRT's own objects: the library, a session of it, plans, and arrays in the device's memory."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from genmo.runtime.denoiser.tensor_spec import TensorSpec, check_signature
from genmo.runtime.engine.backends.tensorrt_cuda import Cuda, Memory
from genmo.runtime.engine.backends.tensorrt_plans import (
    LIBRARIES,
    Shape,
)
from genmo.runtime.support.errors import BackendError, EngineError, InputError
from genmo.runtime.support.safe_read import read_bytes

LARGEST_PLAN = 2**33
_DTYPES = {"float32": "FLOAT", "int64": "INT64"}


def load_library(name: str | None) -> ModuleType:
    """The module that runs plans; None: the first of LIBRARIES that is installed.

    Raises InputError for another name, BackendError with the pip command when it is missing.
    """
    if name is not None and name not in LIBRARIES:
        raise InputError(f"library is {name!r}; wanted one of {', '.join(LIBRARIES)}")
    for candidate in (name,) if name else LIBRARIES:
        try:
            return importlib.import_module(candidate)
        except ImportError:
            continue
    missing = name or next(iter(LIBRARIES))
    raise BackendError(f"{missing} is not installed; wanted it for this backend: {LIBRARIES[missing]}")


@dataclass(frozen=True, eq=False)
class DeviceArray:
    """An array in the device's memory."""

    memory: Memory
    shape: Shape


class Plan:
    """A plan that was opened, with the signature's inputs and outputs; hands out execution contexts."""

    def __init__(
        self, path: Path, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], session: Session
    ) -> None:
        self.name, self.inputs, self.outputs = path.stem, tuple(inputs), tuple(outputs)
        self._session, self.cuda = session, session.cuda
        self._engine = session.open(path)
        modes = session.library.TensorIOMode
        for mode, specs in ((modes.INPUT, self.inputs), (modes.OUTPUT, self.outputs)):
            check_signature(self._described(mode), specs, _DTYPES, path)
        self._scratch = Memory(self.cuda, int(self._engine.device_memory_size_v2))

    def _described(self, mode: Any) -> dict[str, tuple[str, list[Any]]]:
        engine, tensors = self._engine, {}
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            if engine.get_tensor_mode(name) == mode:
                sizes = [size if size >= 0 else "any" for size in engine.get_tensor_shape(name)]
                tensors[name] = (engine.get_tensor_dtype(name).name, sizes)
        return tensors

    def context(self, shapes: dict[str, Shape]) -> Any:
        """A context for inputs of these shapes, on the plan's own scratch memory.

        A CUDA graph holds on to the state of its context, so every recorded shape has one of its own; they run one
        after the other on one stream and share the memory.  Raises InputError for shapes outside the profiles.
        """
        library = self._session.library
        profile = self._profile(shapes)
        options = self._engine.create_runtime_config()
        options.set_execution_context_allocation_strategy(library.ExecutionContextAllocationStrategy.USER_MANAGED)
        if hasattr(library, "DynamicShapesKernelSpecializationStrategy"):  # tensorrt_rtx finishes kernels here
            eager = library.DynamicShapesKernelSpecializationStrategy.EAGER
            options.dynamic_shapes_kernel_specialization_strategy = eager
        context = self._engine.create_execution_context(options)
        if context is None:
            raise EngineError(self._session.failed(f"it cannot make a context for {self.name}.plan"))
        context.set_device_memory(self._scratch.address, self._scratch.size)
        done = context.set_optimization_profile_async(profile, int(self.cuda.stream))
        self.cuda.synchronize()
        if not done or not all(context.set_input_shape(name, shape) for name, shape in shapes.items()):
            raise EngineError(self._session.failed(f"{self.name}.plan refuses shapes {shapes} of its profile"))
        return context

    def _profile(self, shapes: dict[str, Shape]) -> int:
        """The first optimisation profile that holds the shapes."""
        for index in range(self._engine.num_optimization_profiles):
            corners = {name: self._engine.get_tensor_profile_shape(name, index) for name in shapes}
            if all(_between(corners[name], shape) for name, shape in shapes.items()):
                return index
        name = next((name for name, shape in shapes.items() if not _between(corners[name], shape)), "")
        least, most = (list(corners[name][i]) for i in (0, 2))
        raise InputError(
            f"{self.name}.plan: {name} is {list(shapes[name])}, the plan takes {least} to {most}; wanted fewer frames, "
            f"samples or texts, or plans for more: {self._session.rebuild}"
        )

    def execute(self, context: Any, addresses: dict[str, int]) -> None:
        """Queue a run with these tensors."""
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise EngineError(self._session.failed(f"{self.name}.plan refuses an address for {name}"))
        if not context.execute_async_v3(int(self.cuda.stream)):
            raise EngineError(self._session.failed(f"{self.name}.plan did not run"))


def _between(corners: Any, shape: Shape) -> bool:
    least, _, most = (tuple(corner) for corner in corners)
    return len(least) == len(shape) and all(a <= b <= c for a, b, c in zip(least, shape, most, strict=True))


class Session:
    """The library, the device, and what is said when they fail."""

    def __init__(self, library: ModuleType, cuda: Cuda, rebuild: str) -> None:
        self.library, self.cuda, self.rebuild = library, cuda, rebuild
        self._errors: list[str] = []
        self._logger = _logger(library, self._errors)
        self._runtime = library.Runtime(self._logger)
        # never set: engine_host_code_allowed, which would run programs out of the plan

    def open(self, path: Path) -> Any:
        """The library's engine of a plan.  Raises EngineError with the command that builds it again."""
        engine = self._runtime.deserialize_cuda_engine(read_bytes(path, "a TensorRT plan", LARGEST_PLAN))
        if engine is None:
            raise EngineError(self.failed(f"{path}: it cannot load this plan"))
        return engine

    def failed(self, what: str) -> str:
        """A message with what the library said last, and the command that builds plans again."""
        said = f" ({self._errors[-1].splitlines()[0][:200]})" if self._errors else ""
        return f"TensorRT: {what}{said}; build the plans again: {self.rebuild}"


def _logger(library: Any, errors: list[str]) -> Any:
    """The library's logger that remembers errors; they reach the user as one exception."""

    class Logger(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in (library.ILogger.ERROR, library.ILogger.INTERNAL_ERROR):
                errors.append(message)

    return Logger()
