"""One network after another into TensorRT plans, by one library with one set of options."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genmo.export.tensorrt.plan_options import RTX, BuildOptions, capabilities
from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.backends.tensorrt_plans import UPDATE, UPDATE_INPUTS, UPDATE_OUTPUTS, Corners
from genmo.runtime.engine.bundle import Engine
from genmo.runtime.support.errors import BackendError, InputError

if TYPE_CHECKING:
    import onnx


class Log:
    """The library's logger: keeps errors for the message of an exception.  The library takes one for a process."""

    _of: dict[str, tuple[Any, list[str]]] = {}

    @classmethod
    def of(cls, library: Any) -> tuple[Any, list[str]]:
        """The logger for a library, and the list that its errors go to, emptied."""
        if library.__name__ not in cls._of:
            errors: list[str] = []

            class Logger(library.ILogger):
                def __init__(self) -> None:
                    library.ILogger.__init__(self)

                def log(self, severity: Any, message: str) -> None:
                    if severity in (library.ILogger.ERROR, library.ILogger.INTERNAL_ERROR):
                        errors.append(message)

            cls._of[library.__name__] = (Logger(), errors)
        cls._of[library.__name__][1].clear()
        return cls._of[library.__name__]


def progress_monitor(library: Any, name: str) -> Any:
    """The library's monitor that shows on a terminal which plan is in which phase, and nothing when piped."""

    class Monitor(library.IProgressMonitor):
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            done = f"{name}.plan: {phase_name} {step + 1}/{self._steps.get(phase_name, 0)}"
            print(f"\r\033[K{done[:100]}", end="", file=sys.stderr, flush=True)
            return True  # False would cancel the build

        def phase_finish(self, phase_name: str) -> None:
            if self._steps.pop(phase_name, None) is not None and not self._steps:
                print("\r\033[K", end="", file=sys.stderr, flush=True)

    return Monitor()


class Builder:
    """Builds plans with one library and one set of options."""

    def __init__(self, library: ModuleType, options: BuildOptions, cache: bytes, ptx: str = "") -> None:
        self._library, self._options, self._ptx = library, options, ptx
        self.cache = cache
        """timings of kernels, with those of the plans built here"""
        self._logger, self._errors = Log.of(library)
        self._builder = library.Builder(self._logger)
        if self._builder is None:
            raise BackendError(f"{library.__name__} cannot start ({self._reason()})")

    def network(self, plan: str, engine: Engine) -> Any:
        """The network of a plan, one of PLANS."""
        if plan == UPDATE:
            return self.update()
        path: Path = getattr(engine.denoiser, plan)
        kernel = self._options.window_kernel and plan == "step"
        return self._parse_with_kernel(path, engine.config) if kernel else self.parse(path)

    def parse(self, path: Path, flags: int = 0, model: onnx.ModelProto | None = None) -> Any:
        """The network of an ONNX file, or of `model`, made from it.  Raises InputError for what cannot be read."""
        network = self._builder.create_network(flags)
        parser = self._library.OnnxParser(network, self._logger)
        read = parser.parse_from_file(str(path)) if model is None else parser.parse(model.SerializeToString())
        if not read:
            first = parser.get_error(0)
            node = first.node_name() or first.node_operator()
            raise InputError(f"{path}: {self._library.__name__} cannot read it (at {node}: {self._reason()})")
        return network

    def _parse_with_kernel(self, path: Path, config: ModelConfig) -> Any:
        """The network of a step graph whose self-attention is the kernel of kernels/."""
        import onnx

        from genmo.export.tensorrt import window_plugin

        model = window_plugin.with_window_attention(onnx.load(path), config)
        window_plugin.register_plugin(importlib.import_module(f"{self._library.__name__}.plugin"), self._ptx)
        return self.parse(path, window_plugin.network_flags(self._library), model)

    def update(self) -> Any:
        """The network of UPDATE_INPUTS -> UPDATE_OUTPUTS."""
        library, network = self._library, self._builder.create_network(0)
        multiply, add = library.ElementWiseOperation.PROD, library.ElementWiseOperation.SUM
        x_t, x_0, x_0_before, keep, now, before = (
            network.add_input(spec.name, library.float32, [-1 if isinstance(axis, str) else axis for axis in spec.axes])
            for spec in UPDATE_INPUTS
        )

        def joined(a: Any, b: Any, operation: Any) -> Any:
            return network.add_elementwise(a, b, operation).get_output(0)

        weighted = joined(joined(x_0, now, multiply), joined(x_0_before, before, multiply), add)
        clean = network.add_reduce(weighted, library.ReduceOperation.SUM, 1, True).get_output(0)  # axis 0
        x_next = joined(joined(x_t, keep, multiply), clean, add)
        x_next.name = UPDATE_OUTPUTS[0].name
        network.mark_output(x_next)
        return network

    def build(self, name: str, network: Any, profiles: Sequence[dict[str, Corners]]) -> bytes:
        """The plan of a network whose inputs have these shapes, profile by profile."""
        config = self._builder.create_builder_config()
        for shapes in profiles:
            self._add_profile(config, network, shapes)
        self._set_flags(config)
        timed = self._library.__name__ != RTX
        if timed:
            config.set_timing_cache(config.create_timing_cache(self.cache), False)
        if sys.stderr.isatty():
            config.progress_monitor = progress_monitor(self._library, name)
        plan = self._builder.build_serialized_network(network, config)
        if plan is None:
            raise BackendError(f"{self._library.__name__} cannot build {name}.plan ({self._reason()})")
        if timed:
            self.cache = bytes(config.get_timing_cache().serialize())
        return bytes(plan)

    def _add_profile(self, config: Any, network: Any, shapes: dict[str, Corners]) -> None:
        inputs = [network.get_input(index).name for index in range(network.num_inputs)]
        if set(inputs) != set(shapes):
            raise InputError(f"a graph has inputs {sorted(inputs)}; wanted {sorted(shapes)}: export the engine again")
        profile = self._builder.create_optimization_profile()
        for name in inputs:
            profile.set_shape(name, *shapes[name])
        if config.add_optimization_profile(profile) < 0:
            raise BackendError(f"{self._library.__name__} refuses the profile {shapes} ({self._reason()})")

    def _set_flags(self, config: Any) -> None:
        library, options = self._library, self._options
        flags = library.BuilderFlag
        if not options.tf32:
            config.clear_flag(flags.TF32)
        if options.version_compatible:
            config.set_flag(flags.VERSION_COMPATIBLE)
            config.set_flag(flags.EXCLUDE_LEAN_RUNTIME)  # plans are data: no program rides in them
        if hasattr(flags, "REQUIRE_USER_ALLOCATION"):
            config.set_flag(flags.REQUIRE_USER_ALLOCATION)  # what CUDA graphs can be recorded of
        if options.compatible != "none":
            levels = library.HardwareCompatibilityLevel
            level = {"same": "SAME_COMPUTE_CAPABILITY", "ampere+": "AMPERE_PLUS"}[options.compatible]
            config.hardware_compatibility_level = getattr(levels, level)
        if options.workspace_mb:
            config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
        if options.gpus:
            config.num_compute_capabilities = len(options.gpus)
            for index, gpu in enumerate(options.gpus):
                if not config.set_compute_capability(capabilities(library)[gpu], index):
                    raise BackendError(f"{library.__name__} refuses --gpu {gpu} ({self._reason()})")

    def _reason(self) -> str:
        return " ".join(self._errors[0].split())[:300] if self._errors else "it does not say why"
