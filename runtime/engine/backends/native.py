"""libgenmo behind the `Denoiser` protocol: the network in C++, on the processor, with nothing else installed.

Weights are read where they lie in the engine's ONNX files (`genmo.runtime.engine.native_weights`).  The library is
`kernels/native`; a network of it may be called by several threads at once and answers with the same bits for every
number of threads.
"""

from __future__ import annotations

import ctypes
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.denoiser import residual_gain
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.engine.backends.stepwise import GraphSession, Specs, StepwiseDenoiser
from genmo.runtime.engine.graphs import Graphs
from genmo.runtime.engine.native_weights import NativeWeights, read_native_weights
from genmo.runtime.motion.layout import SIXD
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array, Arrays
from genmo.runtime.support.cpus import usable_cpus
from genmo.runtime.support.errors import BackendError, EngineError, InputError

PRECISIONS = ("fp32", "i16")
"""what the steps' layers may be computed in; i16: 14-bit activations times weights of about 13 bits"""
MOST_THREADS = 64
_INT, _POINTER = ctypes.c_int32, ctypes.c_void_p


def _struct(*fields: tuple[str, Any]) -> list[tuple[str, Any]]:
    return [("size", ctypes.c_uint32), *fields]


class _Tensor(ctypes.Structure):
    """genmo_tensor."""

    _fields_ = [("role", ctypes.c_char_p), ("data", _POINTER), ("rows", ctypes.c_int64), ("columns", ctypes.c_int64)]


class _Condition(ctypes.Structure):
    """genmo_condition_kind."""

    _fields_ = [("name", ctypes.c_char_p), ("width", _INT)]


class _Options(ctypes.Structure):
    """genmo_network_options."""

    _fields_ = _struct(
        *((name, _INT) for name in ("width", "depth", "heads", "mlp_width", "window", "text_width", "text_tokens")),
        *((name, _INT) for name in ("text_depth", "features", "text_first", "first_turn", "turning_joints")),
        ("norm_epsilon", ctypes.c_float),
        *((name, _INT) for name in ("fast", "threads", "condition_count")),
        ("conditions", ctypes.POINTER(_Condition)),
    )


class _Conditions(ctypes.Structure):
    """genmo_conditions."""

    _fields_ = _struct(
        *((name, _INT) for name in ("batch", "frames")), *((name, _POINTER) for name in ("values", "masks", "fused"))
    )


class _Texts(ctypes.Structure):
    """genmo_texts."""

    _fields_ = _struct(
        *((name, _INT) for name in ("batch", "texts")),
        *((name, _POINTER) for name in ("tokens", "mask", "spans", "bias", "reach", "keys", "values")),
    )


class _Step(ctypes.Structure):
    """genmo_step."""

    _fields_ = _struct(
        *((name, _INT) for name in ("batch", "frames", "prompted", "texts")),
        *((name, _POINTER) for name in ("x_t", "timestep", "fused", "text_bias", "text_reach")),
        *((name, _POINTER) for name in ("text_keys", "text_values", "x_0", "weak_perspective", "contact_logits")),
    )


def _pointers(arrays: Sequence[Array]) -> Any:
    """An array of pointers."""
    return (_POINTER * len(arrays))(*[array.ctypes.data for array in arrays])


class Network:
    """An engine's network in the library.  Calls are thread-safe.

    Raises EngineError for weights that do not fit the config, BackendError without the library or without memory.
    """

    def __init__(self, config: ModelConfig, weights: NativeWeights, folder: Path, threads: int, fast: bool) -> None:
        if native.library() is None:
            raise BackendError(f"the backend native needs libgenmo; {native.description()}")
        self.config = config
        self.reads_texts = "texts.in.weight" in weights.tensors
        self.null_first = self.reads_texts and config.layout == "gem"
        """the null text is a text, before the others"""
        options = _options(config, weights.norm_epsilon, threads, fast)
        buffers = {name: np.frombuffer(data, np.uint8) for name, data in weights.files.items()}
        tensors = (_Tensor * len(weights.tensors))(
            *(
                _Tensor(role.encode(), buffers[tensor.file].ctypes.data + tensor.offset, tensor.rows, tensor.columns)
                for role, tensor in weights.tensors.items()
            )
        )
        handle = _POINTER()
        try:
            self._call("open", ctypes.byref(options), tensors, len(tensors), ctypes.byref(handle))
        except ValueError as error:
            raise EngineError(f"{folder}: libgenmo cannot load it ({error}): export the engine again") from None
        library = native.library()
        assert library is not None  # it has just been called
        library.genmo_network_close.restype, library.genmo_network_close.argtypes = None, [_POINTER]
        weakref.finalize(self, library.genmo_network_close, handle)
        self._handle = handle

    @staticmethod
    def _call(function: str, *arguments: Any) -> None:
        try:
            native.call(f"genmo_network_{function}", *arguments)
        except MemoryError as error:
            raise BackendError(f"libgenmo: {error}; wanted fewer frames, motions or threads") from None

    def run(self, function: str, arguments: ctypes.Structure) -> None:
        """Call `genmo_network_<function>`.  Raises InputError for arguments that it refuses."""
        arguments.size = ctypes.sizeof(arguments)
        try:
            self._call(function, self._handle, ctypes.byref(arguments))
        except ValueError as error:
            raise InputError(f"libgenmo: {error}") from None


def _options(config: ModelConfig, epsilon: float, threads: int, fast: bool) -> _Options:
    turns = residual_gain.turns(config.motion_layout) if config.innovation else slice(0, 0)
    kinds = frame_conditions(config)
    conditions = (_Condition * len(kinds))(
        *(_Condition(name.encode(), int(np.prod(shape))) for name, shape in kinds.items())
    )
    options = _Options(
        size=ctypes.sizeof(_Options),
        features=config.motion_layout.width,
        text_first=config.block_order == "public",
        first_turn=turns.start,
        turning_joints=(turns.stop - turns.start) // SIXD,
        norm_epsilon=epsilon,
        fast=fast,
        threads=threads,
        condition_count=len(kinds),
        conditions=conditions,
    )
    for name in ("width", "depth", "heads", "mlp_width", "window", "text_width", "text_tokens", "text_depth"):
        setattr(options, name, getattr(config, name))
    return options


class NativeGraph(ABC):
    """One of the three graphs, with its signature checked at every call: the library trusts what it is given."""

    def __init__(self, network: Network, inputs: Specs, outputs: Specs) -> None:
        self.network, self.inputs, self.outputs = network, inputs, outputs

    def keep(self, arrays: Arrays) -> dict[str, Any]:
        """Arrays as the library reads them, for many calls."""
        types = {spec.name: spec.dtype for spec in self.inputs}
        return {name: np.ascontiguousarray(array, types[name]) for name, array in arrays.items()}

    def __call__(self, kept: dict[str, Any], arrays: Arrays) -> Arrays:
        """The outputs for inputs that were kept and others that were not."""
        given = kept | self.keep(arrays)
        sizes = self._sizes(given)
        answer = self._room(sizes)
        if all(array.size for array in answer.values()):
            self.run(given, answer, sizes)
        return answer

    def _room(self, sizes: dict[str, int]) -> Arrays:
        """Arrays for the outputs."""
        return {spec.name: np.empty(spec.shape(**sizes), spec.dtype) for spec in self.outputs}

    @abstractmethod
    def run(self, given: Arrays, answer: Arrays, sizes: dict[str, int]) -> None:
        """Fill the answer."""

    def _sizes(self, given: Arrays) -> dict[str, int]:
        """The named axes.  Raises InputError for arrays that are not of the signature or do not agree."""
        sizes: dict[str, int] = {}
        for spec in self.inputs:
            shape = given[spec.name].shape
            if len(shape) != len(spec.axes):
                raise InputError(f"{spec.name} is {list(shape)}; wanted {list(spec.axes)}")
            for axis, size in zip(spec.axes, shape, strict=True):
                wanted = axis if isinstance(axis, int) else sizes.setdefault(axis, size)
                if size != wanted:
                    raise InputError(f"{spec.name} is {list(shape)}; wanted {list(spec.axes)}, {axis} = {wanted}")
        words = sizes.setdefault("words", sizes.get("texts", 0) * self.network.config.text_tokens)
        sizes.setdefault("prompted", sizes.get("batch", 0))
        if "texts" in sizes and words != sizes["texts"] * self.network.config.text_tokens:
            raise InputError(f"{words} words in {sizes['texts']} texts; wanted {self.network.config.text_tokens} each")
        return sizes


class ConditionsGraph(NativeGraph):
    """conditions.onnx"""

    def run(self, given: Arrays, answer: Arrays, sizes: dict[str, int]) -> None:
        names = list(frame_conditions(self.network.config))
        values = _pointers([given[name] for name in names])
        masks = _pointers([given[f"{name}_mask"] for name in names])
        arguments = _Conditions(batch=sizes["batch"], frames=sizes["frames"], fused=answer["fused"].ctypes.data)
        arguments.values, arguments.masks = ctypes.addressof(values), ctypes.addressof(masks)
        self.network.run("conditions", arguments)


class TextsGraph(NativeGraph):
    """texts.onnx"""

    def _room(self, sizes: dict[str, int]) -> Arrays:
        texts = sizes["texts"] + self.network.null_first
        return super()._room(sizes | {"texts": texts, "words": texts * self.network.config.text_tokens})

    def run(self, given: Arrays, answer: Arrays, sizes: dict[str, int]) -> None:
        if not self.network.reads_texts:
            for array in answer.values():
                array[...] = 0
            return
        depth = range(self.network.config.depth)
        keys, values = (_pointers([answer[f"text_{kind}_{i}"] for i in depth]) for kind in ("keys", "values"))
        arguments = _Texts(
            batch=sizes["batch"],
            texts=sizes["texts"],
            tokens=given["text_tokens"].ctypes.data,
            mask=given["text_token_mask"].ctypes.data,
            spans=given["text_spans"].ctypes.data,
            bias=answer["text_bias"].ctypes.data,
            reach=answer["text_reach"].ctypes.data,
        )
        arguments.keys, arguments.values = ctypes.addressof(keys), ctypes.addressof(values)
        self.network.run("texts", arguments)


class StepGraph(NativeGraph):
    """step.onnx"""

    def run(self, given: Arrays, answer: Arrays, sizes: dict[str, int]) -> None:
        depth = range(self.network.config.depth)
        keys, values = (_pointers([given[f"text_{kind}_{i}"] for i in depth]) for kind in ("keys", "values"))
        arguments = _Step(**{name: sizes[name] for name in ("batch", "frames", "prompted", "texts")})
        for name in ("x_t", "timestep", "fused", "text_bias", "text_reach"):
            setattr(arguments, name, given[name].ctypes.data)
        for name, array in answer.items():
            setattr(arguments, name, array.ctypes.data)
        arguments.text_keys, arguments.text_values = ctypes.addressof(keys), ctypes.addressof(values)
        self.network.run("step", arguments)


class NativeDenoiser(StepwiseDenoiser):
    """An engine's network in libgenmo, on the processor; calls are thread-safe.

    `threads`: 0 takes every core that this process may use; `precision`: "fp32", or "i16": the steps' layers in fixed
    point, but for the motion's and the heads' last (conditions and texts stay float32).  Raises BackendError when the
    library is missing, EngineError for an engine without the table of its weights.
    """

    def __init__(self, graphs: Graphs, config: ModelConfig, threads: int = 0, precision: str = "fp32") -> None:
        if not 0 <= threads <= MOST_THREADS:
            raise InputError(f"threads is {threads}; wanted 0 (all cores) to {MOST_THREADS}")
        if precision not in PRECISIONS:
            raise InputError(f"precision is {precision!r}; wanted one of {', '.join(PRECISIONS)}")
        threads = threads or min(len(usable_cpus()), MOST_THREADS)
        weights = read_native_weights(graphs)
        network = Network(config, weights, graphs.step.parent, threads, precision == "i16")
        kinds: dict[Path, Callable[[Network, Specs, Specs], NativeGraph]] = {
            graphs.conditions: ConditionsGraph,
            graphs.texts: TextsGraph,
            graphs.step: StepGraph,
        }

        def load(path: Path, inputs: Specs, outputs: Specs) -> GraphSession:
            return kinds[path](network, inputs, outputs)

        super().__init__(graphs, config, load, fused_steps=False)
        self.device, self.provider = "cpu", f"{native.instruction_set()} {precision}"
