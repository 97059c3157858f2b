"""OpenVINO behind the `Denoiser` protocol: processors with bfloat16 units (AMX) run it fastest."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.tensor_spec import TensorSpec, check_signature
from genmo.runtime.engine.backends.stepwise import StepwiseDenoiser
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.support.arrays import Arrays
from genmo.runtime.support.cpus import check_threads
from genmo.runtime.support.errors import BackendError, EngineError, InputError, first_line

INSTALL = 'pip install "genmo-motion[openvino]"'
PRECISIONS = ("fp32", "bf16")
"""What products may be computed in"""
_DTYPES = {"float32": "f32", "int64": "i64"}


def _library() -> Any:
    try:
        import openvino
    except ImportError:
        raise BackendError(f"OpenVINO is not installed; wanted it for this backend: {INSTALL}") from None
    return openvino


class OpenVinoGraph:
    """One ONNX graph with a given signature; calls are thread-safe."""

    def __init__(
        self, path: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], threads: int, precision: str
    ) -> None:
        self._library = _library()
        # left to itself the library takes bfloat16 for everything, wherever the processor has it
        options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            options["INFERENCE_NUM_THREADS"] = str(threads)
        try:
            core = self._library.Core()
            model = core.read_model(str(path))
            if precision == "bf16":
                products_in_bfloat16(self._library.opset13, model)
            self._model = core.compile_model(model, "CPU", options)
        except Exception as error:  # the library raises plain RuntimeError, with pages of text
            raise EngineError(f"{path}: OpenVINO cannot load it ({first_line(error)})") from None
        self._names = [spec.name for spec in outputs]
        self._own = threading.local()
        for ports, specs in ((self._model.inputs, inputs), (self._model.outputs, outputs)):
            check_signature({_name(port, specs): _described(port) for port in ports}, specs, _DTYPES, path)

    def keep(self, arrays: Arrays) -> dict[str, Any]:
        """Arrays as the library's tensors, for many calls."""
        return {name: self._library.Tensor(np.ascontiguousarray(array)) for name, array in arrays.items()}

    def __call__(self, kept: dict[str, Any], arrays: Arrays) -> Arrays:
        """The outputs for inputs that were kept and others that were not."""
        if not hasattr(self._own, "request"):
            self._own.request = self._model.create_infer_request()
        try:
            self._own.request.infer(kept | self.keep(arrays))
        except Exception as error:  # as above
            raise EngineError(f"OpenVINO cannot run this engine ({first_line(error)}): export it again") from None
        return {name: self._own.request.get_tensor(name).data.copy() for name in self._names}


def products_in_bfloat16(operators: Any, model: Any) -> None:
    """Let the matrix products of a model take bfloat16 factors and give float32; everything between them stays float32.

    The input layer of the motion and the two layers of every head stay float32 altogether.  `operators`: an opset of
    the library.  The library's own bfloat16 mode rounds the residual stream, norms and softmax as well, which costs
    three times the error and saves a fifth of the time (docs/exporting.md).
    """
    products = [node for node in model.get_ordered_ops() if node.get_type_name() == "MatMul"]
    exact = {node.get_friendly_name() for node in products[:1]}
    for result in model.get_results():
        exact |= _last_products(result, 2)
    for node in products:
        if node.get_friendly_name() in exact:
            continue
        attributes = node.get_attributes()
        factors = (operators.convert(value, "bf16") for value in node.input_values())
        product = operators.matmul(*factors, attributes["transpose_a"], attributes["transpose_b"])
        node.output(0).replace(operators.convert(product, "f32").output(0))
    model.validate_nodes_and_infer_types()


def _last_products(result: Any, count: int) -> set[str]:
    """Names of the `count` matrix products that come last before a result on every way to it."""
    products: set[str] = set()
    waiting, visited = [(result, count)], set()
    while waiting:
        node, left = waiting.pop()
        if node.get_type_name() == "MatMul":
            products.add(node.get_friendly_name())
            left -= 1
        if left and (node.get_friendly_name(), left) not in visited:
            visited.add((node.get_friendly_name(), left))
            waiting += [(value.get_node(), left) for value in node.input_values()]
    return products


def _name(port: Any, specs: tuple[TensorSpec, ...]) -> str:
    """The library keeps the names of tensors that it has merged; the signature's is one of them."""
    names = port.get_names() & {spec.name for spec in specs}
    return str(names.pop() if names else port.any_name)


def _described(port: Any) -> tuple[str, list[Any]]:
    sizes = [axis.get_length() if axis.is_static else "any" for axis in port.get_partial_shape()]
    return port.get_element_type().get_type_name(), sizes


class OpenVinoDenoiser(StepwiseDenoiser):
    """An engine's graphs in OpenVINO, on the processor; calls are thread-safe.

    `threads`: 0 takes the physical cores; `precision`: "fp32", or "bf16": `products_in_bfloat16` in the steps
    (conditions and texts stay float32).  Raises BackendError when the library is missing, EngineError when a file is
    not a graph of this signature.
    """

    def __init__(self, graphs: Graphs, config: ModelConfig, threads: int = 0, precision: str = "fp32") -> None:
        check_threads(threads)
        if precision not in PRECISIONS:
            raise InputError(f"precision is {precision!r}; wanted one of {', '.join(PRECISIONS)}")

        steps = (graphs.step, graphs.sampler)

        def load(path: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> OpenVinoGraph:
            return OpenVinoGraph(path, inputs, outputs, threads, precision if path in steps else "fp32")

        super().__init__(graphs, config, load)
        self.device, self.provider = "cpu", f"CPU {precision}"
