"""What the TensorRT backend needs of CUDA: memory, copies, and recorded work; through `cuda-bindings`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from genmo.runtime.engine.backends.tensorrt_plans import Gpu
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.errors import BackendError, EngineError

INSTALL = 'pip install "genmo-motion[tensorrt]"'
ALIGNMENT = 256
"""bytes: TensorRT wants the address of every tensor to be a multiple"""


class Memory:
    """Memory of the device at `address`, freed with the object; never empty, so that empty tensors have addresses."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        self.size = size
        self.address = int(cuda.call("cudaMalloc", max(size, ALIGNMENT)))
        weakref.finalize(self, cuda.forget, "cudaFree", self.address).atexit = False


class CudaGraph:
    """Work on the stream, recorded once."""

    def __init__(self, cuda: Cuda, graph: Any) -> None:
        self._cuda = cuda
        self._executable = cuda.call("cudaGraphInstantiate", graph, 0)
        cuda.call("cudaGraphDestroy", graph)
        weakref.finalize(self, cuda.forget, "cudaGraphExecDestroy", self._executable).atexit = False

    def launch(self) -> None:
        """Queue the work again, with the addresses and sizes that it had."""
        self._cuda.call("cudaGraphLaunch", self._executable, self._cuda.stream)


class _HostBlock:
    """Page-locked memory as numpy asks for it."""

    def __init__(self, address: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.__array_interface__ = {
            "data": (address, False),
            "shape": shape,
            "typestr": np.dtype(dtype).str,
            "version": 3,
        }


class Cuda:
    """A device and one stream on it.  Whoever queues work holds `lock`.

    Raises BackendError when `cuda-bindings`, the driver or the device is missing.
    """

    def __init__(self, device: int = 0) -> None:
        try:
            from cuda.bindings import runtime
        except ImportError:
            raise BackendError(f"cuda-bindings is not installed; the TensorRT backend wants it: {INSTALL}") from None
        self._runtime, self._device = runtime, device
        self.lock = threading.RLock()
        error, count = runtime.cudaGetDeviceCount()
        if int(error) or count <= device:
            reason = self._explained(error) if int(error) else f"{count} devices"
            raise BackendError(
                f"no NVIDIA GPU {device} here (CUDA says: {reason}); TensorRT plans need one and its driver: "
                f'run this engine on the CPU with pip install "genmo-motion[cpu]"'
            )
        self.activate()
        self.stream = self.call("cudaStreamCreateWithFlags", runtime.cudaStreamNonBlocking)
        properties = self.call("cudaGetDeviceProperties", device)
        name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
        self.gpu = Gpu((int(properties.major), int(properties.minor)), name.rstrip("\0"))

    def activate(self) -> None:
        """Make the device that of the calling thread."""
        self.call("cudaSetDevice", self._device)

    def call(self, name: str, *arguments: Any) -> Any:
        """A function of the CUDA runtime; what it returns beside its status.  Raises EngineError where it fails."""
        error, *results = getattr(self._runtime, name)(*arguments)
        if int(error):
            raise EngineError(f"CUDA: {name} failed ({self._explained(error)})")
        return results[0] if results else None

    def forget(self, name: str, handle: Any) -> None:
        """Free something whose owner is gone; nobody is left who could be told of a failure."""
        getattr(self._runtime, name)(handle)

    def _explained(self, error: Any) -> str:
        text = self._runtime.cudaGetErrorString(error)[1]
        return text.decode() if isinstance(text, bytes) else str(text)

    def host(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """A zeroed page-locked array, which copies need to run beside the processor."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size == 0:
            return np.zeros(shape, dtype)
        address = int(self.call("cudaMallocHost", size))
        block = _HostBlock(address, shape, dtype)
        weakref.finalize(block, self.forget, "cudaFreeHost", address).atexit = False
        array = np.asarray(block)
        array.fill(0)
        return array

    def copy_in(self, address: int, array: Array) -> None:
        """Queue a copy from the host to the device."""
        self._copy(address, array.ctypes.data, array.nbytes, "cudaMemcpyHostToDevice")

    def copy_out(self, array: Array, address: int) -> None:
        """Queue a copy from the device to the host."""
        self._copy(array.ctypes.data, address, array.nbytes, "cudaMemcpyDeviceToHost")

    def copy_across(self, target: int, source: int, size: int) -> None:
        """Queue a copy of `size` bytes on the device."""
        self._copy(target, source, size, "cudaMemcpyDeviceToDevice")

    def _copy(self, target: int, source: int, size: int, kind: str) -> None:
        if size:
            direction = getattr(self._runtime.cudaMemcpyKind, kind)
            self.call("cudaMemcpyAsync", target, source, size, direction, self.stream)

    def synchronize(self) -> None:
        """Wait for everything that was queued."""
        self.call("cudaStreamSynchronize", self.stream)

    def record(self, work: Callable[[], None]) -> CudaGraph:
        """Record the work that `work` queues.  It is run once before, since libraries prepare in their first call."""
        work()
        self.synchronize()
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.call("cudaStreamBeginCapture", self.stream, mode)
        try:
            work()
        except BaseException:
            self._runtime.cudaStreamEndCapture(self.stream)  # a stream left recording refuses everything after
            raise
        return CudaGraph(self, self.call("cudaStreamEndCapture", self.stream))
