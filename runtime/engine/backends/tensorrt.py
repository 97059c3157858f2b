"""TensorRT behind the `Denoiser` protocol: the plans of `genmo.export.tensorrt.build_plans` on an NVIDIA GPU.

Every shape that is met gets its buffers, execution context and CUDA graph once; after that a call writes page-locked
memory, launches the graph and reads page-locked memory.  A guided sample is one launch: all steps, what carries x_t
from one to the next, and the copies at both ends.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from genmo.runtime.denoiser import sampler
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.denoiser.conventions import GENMO, Conventions
from genmo.runtime.denoiser.tensor_spec import TensorSpec
from genmo.runtime.engine.backends.stepwise import StepwiseDenoiser
from genmo.runtime.engine.backends.tensorrt_cuda import ALIGNMENT, Cuda, CudaGraph, Memory
from genmo.runtime.engine.backends.tensorrt_plans import (
    UPDATE,
    UPDATE_INPUTS,
    UPDATE_OUTPUTS,
    Shape,
    find_plans,
)
from genmo.runtime.engine.backends.tensorrt_session import DeviceArray, Plan, Session, load_library
from genmo.runtime.engine.graphs import GRAPHS, Graphs
from genmo.runtime.support.arrays import Array, Arrays

REMEMBERED = 8
"""shapes whose buffers and CUDA graphs are kept, the last ones used"""
Made = TypeVar("Made")


def _remembered(store: OrderedDict[Hashable, Made], key: Hashable, make: Callable[[], Made]) -> Made:
    """What was made for a key; the longest unused makes room."""
    if key not in store:
        while len(store) >= REMEMBERED:
            store.popitem(last=False)
        store[key] = make()
    store.move_to_end(key)
    return store[key]


class _Buffers:
    """A plan's tensors for inputs of given shapes, on the device, and on the host those that it writes or reads."""

    def __init__(self, plan: Plan, shapes: dict[str, Shape], written: Sequence[str]) -> None:
        self.cuda, self.context = plan.cuda, plan.context(shapes)
        outputs = [spec.name for spec in plan.outputs]
        shapes = shapes | {name: tuple(self.context.get_tensor_shape(name)) for name in outputs}
        types = {spec.name: np.dtype(spec.dtype) for spec in (*plan.inputs, *plan.outputs)}
        self.device = {
            name: Memory(self.cuda, int(np.prod(shape)) * types[name].itemsize) for name, shape in shapes.items()
        }
        self.addresses = {name: memory.address for name, memory in self.device.items()}
        self.host = {name: self.cuda.host(shapes[name], types[name]) for name in (*written, *outputs)}
        self._written, self._outputs = tuple(written), outputs
        self._resident: dict[str, Any] | None = None

    def take(self, kept: dict[str, DeviceArray]) -> None:
        """Queue the copy of what a sequence keeps, unless the last call was of the same sequence."""
        if kept is not self._resident:
            for name, array in kept.items():
                self.cuda.copy_across(self.addresses[name], array.memory.address, array.memory.size)
            self._resident = kept

    def copy_in(self) -> None:
        """Queue the copies of what the host wrote."""
        for name in self._written:
            self.cuda.copy_in(self.addresses[name], self.host[name])

    def copy_out(self) -> None:
        """Queue the copies of the outputs."""
        for name in self._outputs:
            self.cuda.copy_out(self.host[name], self.addresses[name])

    def run(self, recording: CudaGraph) -> Arrays:
        """Launch, wait, and the outputs."""
        recording.launch()
        self.cuda.synchronize()
        return {name: self.host[name].copy() for name in self._outputs}


class _Call:
    """One run of a plan, recorded with its copies."""

    def __init__(self, plan: Plan, shapes: dict[str, Shape], written: Sequence[str]) -> None:
        self._plan, self.buffers = plan, _Buffers(plan, shapes, written)
        self._recording = plan.cuda.record(self._work)

    def _work(self) -> None:
        self.buffers.copy_in()
        self._plan.execute(self.buffers.context, self.buffers.addresses)
        self.buffers.copy_out()

    def __call__(self, kept: dict[str, DeviceArray], arrays: Arrays) -> Arrays:
        self.buffers.take(kept)
        for name, array in arrays.items():
            self.buffers.host[name][...] = array
        return self.buffers.run(self._recording)


class _Sample:
    """All steps of a guided sample, recorded: x_t goes to and fro between two buffers and never leaves the device."""

    def __init__(
        self, step: Plan, update: Plan, shapes: dict[str, Shape], steps: int, conventions: Conventions
    ) -> None:
        self._conventions = conventions
        cuda, batch = step.cuda, shapes["x_t"][0]
        self._step, self._update, self._steps = step, update, steps
        self._buffers = _Buffers(step, shapes, ["x_t"])
        values = int(np.prod(shapes["x_t"])) // 2
        self._context = update.context({spec.name: spec.shape(values=values) for spec in UPDATE_INPUTS})
        self._other = {name: Memory(cuda, self._buffers.device[name].size) for name in ("x_t", "x_0")}
        # a row a step, every row where an address may be
        self._timesteps = cuda.host((steps, _padded(batch, 8)), np.int64)
        self._factors = cuda.host((steps, 3, _padded(2, 4)), np.float32)
        self._timesteps[:, :batch] = np.array(sampler.timesteps_of(steps, conventions))[:, None]
        self._tables = Memory(cuda, self._timesteps.nbytes), Memory(cuda, self._factors.nbytes)
        self._recording = cuda.record(self._work)

    def _work(self) -> None:
        cuda, buffers = self._step.cuda, self._buffers
        timesteps, factors = (table.address for table in self._tables)
        buffers.copy_in()
        cuda.copy_in(timesteps, self._timesteps)
        cuda.copy_in(factors, self._factors)
        own = {name: buffers.addresses[name] for name in self._other}
        other = {name: memory.address for name, memory in self._other.items()}
        x_t, x_next = own["x_t"], other["x_t"]
        x_0, x_0_before = own["x_0"], other["x_0"]
        for index in range(self._steps):
            row = timesteps + index * self._timesteps.strides[0]
            self._step.execute(buffers.context, buffers.addresses | {"x_t": x_t, "timestep": row, "x_0": x_0})
            factor, stride = factors + index * self._factors.strides[0], self._factors.strides[1]
            addresses = {
                "x_t": x_t,
                "x_0": x_0,
                "x_0_before": x_0_before if index else x_0,  # none before: weight 0, but of a number
                "keep": factor,
                "now": factor + stride,
                "before": factor + 2 * stride,
                "x_next": x_next,
            }
            self._update.execute(self._context, addresses)
            x_t, x_next, x_0, x_0_before = x_next, x_t, x_0_before, x_0
        cuda.copy_across(own["x_0"], x_t, buffers.device["x_0"].size)
        buffers.copy_out()

    def __call__(self, kept: dict[str, DeviceArray], noise: Array, guidance: float) -> Arrays:
        """The outputs at the last step, of both halves."""
        self._buffers.take(kept)
        self._buffers.host["x_t"][...] = np.concatenate([noise, noise])
        self._factors[..., :2] = update_factors(self._steps, guidance, self._conventions)
        return self._buffers.run(self._recording)


def _padded(count: int, size: int) -> int:
    """Elements of `size` bytes, `count` or more, that fill whole stretches between addresses."""
    return -(-count * size // ALIGNMENT) * ALIGNMENT // size


def update_factors(steps: int, guidance: float, conventions: Conventions = GENMO) -> Array:
    """What carries x_t to the next step [steps, 3, 2]: `keep` (once), `now` and `before` of UPDATE_INPUTS.

    x_next = keep x_t + now . (x_0 with conditions, x_0 without) + before . (the same of the step before): the sampler's
    updates of the guided x_0, with the terms collected.
    """
    updates = np.array(sampler.updates(sampler.timesteps_of(steps, conventions), conventions))  # [steps, 3]
    factors: Array = updates[:, :, None] * np.array([guidance, 1 - guidance])
    factors[:, 0] = updates[:, :1] * [1, 0]
    return factors


class TensorRtGraph:
    """A plan behind the `GraphSession` protocol; calls are thread-safe, one at a time on the device."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.cuda = plan, plan.cuda
        self._types = {spec.name: spec.dtype for spec in plan.inputs}
        self._calls: OrderedDict[Hashable, _Call] = OrderedDict()

    def keep(self, arrays: Arrays) -> dict[str, Any]:
        """Arrays on the device, for many calls."""
        with self.cuda.lock:
            self.cuda.activate()
            kept = {}
            for name, array in arrays.items():
                array = np.ascontiguousarray(array, self._types[name])
                kept[name] = DeviceArray(Memory(self.cuda, array.nbytes), array.shape)
                self.cuda.copy_in(kept[name].memory.address, array)
            self.cuda.synchronize()
        return kept

    def __call__(self, kept: dict[str, Any], arrays: Arrays) -> Arrays:
        """The outputs for inputs that were kept and others that were not."""
        shapes = self.shapes(kept, arrays)
        with self.cuda.lock:
            self.cuda.activate()
            key = (tuple(shapes.items()), tuple(arrays))
            call = _remembered(self._calls, key, lambda: _Call(self.plan, shapes, list(arrays)))
            return call(kept, arrays)

    def shapes(self, kept: dict[str, Any], arrays: Arrays) -> dict[str, Shape]:
        """Shapes of all inputs, in the signature's order."""
        every = {name: array.shape for name, array in (kept | arrays).items()}
        return {spec.name: every[spec.name] for spec in self.plan.inputs}


class TensorRtDenoiser(StepwiseDenoiser):
    """The plans of an engine on an NVIDIA GPU; calls are thread-safe.

    `library`: "tensorrt" or "tensorrt_rtx" (None: the one that is installed); `fused_steps`: steps of the guided sample
    that runs as one CUDA graph, None: the engine's default (any other number runs step by step).  Raises BackendError
    when the library or the GPU is missing, EngineError when there is no plan for this GPU and version, with the command
    that builds one.
    """

    def __init__(
        self, graphs: Graphs, config: ModelConfig, library: str | None = None, fused_steps: int | None = None
    ) -> None:
        conventions = config.conventions
        fused_steps = conventions.steps if fused_steps is None else fused_steps
        sampler.timesteps_of(fused_steps, conventions)  # raises for a number that it does not have
        module = load_library(library)
        cuda = Cuda()
        folder, plans = find_plans(graphs, module.__name__, module.__version__, cuda.gpu)
        session = Session(module, cuda, plans.rebuild_command(graphs.step.parent, module.__name__))

        def load(path: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> TensorRtGraph:
            return TensorRtGraph(Plan(path, inputs, outputs, session))

        conditions, texts, step = (folder / f"{name}.plan" for name in GRAPHS)
        super().__init__(Graphs(conditions, texts, step, graphs.null_is_folded), config, load)
        self._update = Plan(folder / f"{UPDATE}.plan", UPDATE_INPUTS, UPDATE_OUTPUTS, session)
        self._samples: OrderedDict[Hashable, _Sample] = OrderedDict()
        self._cuda, self.fused_steps = cuda, fused_steps
        self.device = "cuda"
        edition = "RTX " if module.__name__ == "tensorrt_rtx" else ""
        self.provider = f"{edition}{module.__version__} {plans.precision} on {cuda.gpu.name}"

    def sample(self, conditions: Arrays, noise: Array, guidance: float) -> Arrays:
        """The guided sampler of `fused_steps` steps as one CUDA graph; the denoiser's outputs at its last step.

        `conditions` of 2 x motions: with, then without what guidance acts on; `noise` [motions, frames, features].
        """
        graph: Any = self._step
        plan = graph.plan
        kept = self._kept(conditions)
        motions, *frame = noise.shape
        shapes = {name: array.shape for name, array in kept.items()}
        shapes |= {"x_t": (2 * motions, *frame), "timestep": (2 * motions,)}
        shapes = {spec.name: shapes[spec.name] for spec in plan.inputs}
        with self._cuda.lock:
            self._cuda.activate()
            sample = _remembered(
                self._samples,
                tuple(shapes.items()),
                lambda: _Sample(plan, self._update, shapes, self.fused_steps, self._config.conventions),
            )
            both = sample(kept, noise, guidance)
        halves = {name: np.split(array, 2) for name, array in both.items()}
        return {name: without + np.float32(guidance) * (some - without) for name, (some, without) in halves.items()}
