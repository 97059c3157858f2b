"""TensorRT plans of an engine: `python -m genmo.export.tensorrt.build_plans ENGINE`, or `genmo-export --tensorrt`.

Needs the engine folder, and `tensorrt` on the GPU that the plans are for or `tensorrt_rtx` on any machine; no PyTorch,
so that plans can be built where they will run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genmo.runtime.denoiser.config import ModelConfig
from genmo.runtime.engine.backends.tensorrt_plans import (
    AMPERE,
    ANY_GPU,
    COMPATIBLE,
    DESCRIPTION,
    DYNAMIC_FRAMES,
    FOLDER,
    LIBRARIES,
    PLANS,
    UPDATE,
    UPDATE_INPUTS,
    UPDATE_OUTPUTS,
    Corners,
    PlanSet,
    Profile,
    graph_hashes,
    plan_profiles,
)
from genmo.runtime.engine.backends.tensorrt_session import load_library
from genmo.runtime.engine.bundle import Engine, load_engine
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.support.atomic_write import put_folder, write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import BackendError, InputError
from genmo.runtime.support.safe_read import read_bytes

if TYPE_CHECKING:
    import onnx

PROGRAM = "python -m genmo.export.tensorrt.build_plans"
RTX = "tensorrt_rtx"
TIMING_CACHE = "timing.cache"
UNPARSED = {
    "int8": "its activations are quantised while it runs (DynamicQuantizeLinear, MatMulInteger), which TensorRT does "
    "not read; export with --precision fp16 for TensorRT"
}
"""precisions whose graphs the library cannot parse, and why"""


@dataclass(frozen=True)
class BuildOptions:
    """How plans are built."""

    library: str | None = None
    """a key of LIBRARIES; None: the one that is installed"""
    profiles: tuple[Profile, ...] = (Profile(),)
    gpus: tuple[str, ...] = ()
    """tensorrt_rtx: architectures to build for ("sm_89"); none: one plan for all that it knows"""
    compatible: str = "none"
    """tensorrt: one of COMPATIBLE"""
    version_compatible: bool = False
    """tensorrt: plans for this and newer versions of the same major"""
    tf32: bool = False
    """let float32 products round their factors to 10 bits, as fp16 does"""
    timing_cache: Path | None = None
    """tensorrt: file with kernel timings to read and add to; None: `ENGINE/tensorrt/timing.cache`"""
    workspace_mb: int = 0
    """most scratch memory of a kernel; 0: all of the GPU's"""
    window_kernel: bool = False
    """tensorrt: the window attention of kernels/ in the step's plan (`genmo.export.tensorrt.window_plugin`)"""


class Log:
    """The library's logger: keeps errors for the message of an exception.  The library takes one for a process."""

    _of: dict[str, tuple[Any, list[str]]] = {}

    @classmethod
    def of(cls, library: Any) -> tuple[Any, list[str]]:
        """The logger for a library, and the list that its errors go to, emptied."""
        if library.__name__ not in cls._of:
            heard: list[str] = []

            class Logger(library.ILogger):
                def __init__(self) -> None:
                    library.ILogger.__init__(self)

                def log(self, severity: Any, message: str) -> None:
                    if severity in (library.ILogger.ERROR, library.ILogger.INTERNAL_ERROR):
                        heard.append(message)

            cls._of[library.__name__] = (Logger(), heard)
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
        self._logger, self._heard = Log.of(library)
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
            wanted = {"same": "SAME_COMPUTE_CAPABILITY", "ampere+": "AMPERE_PLUS"}[options.compatible]
            config.hardware_compatibility_level = getattr(levels, wanted)
        if options.workspace_mb:
            config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
        if options.gpus:
            config.num_compute_capabilities = len(options.gpus)
            for index, gpu in enumerate(options.gpus):
                if not config.set_compute_capability(capabilities(library)[gpu], index):
                    raise BackendError(f"{library.__name__} refuses --gpu {gpu} ({self._reason()})")

    def _reason(self) -> str:
        return " ".join(self._heard[0].split())[:300] if self._heard else "it does not say why"


def capabilities(library: ModuleType) -> dict[str, Any]:
    """Architectures that a library builds for without having them: "sm_89" -> its own name."""
    members = getattr(getattr(library, "ComputeCapability", None), "__members__", {})
    return {f"sm_{name[2:]}": value for name, value in members.items() if name.startswith("SM")}


def check_options(library: ModuleType, options: BuildOptions) -> None:
    """Raises InputError for options that this library does not have."""
    name = library.__name__
    if options.compatible not in COMPATIBLE:
        raise InputError(f"--compatible is {options.compatible!r}; wanted one of {', '.join(COMPATIBLE)}")
    if not options.profiles or len({(each.batch, each.texts) for each in options.profiles}) > 1:
        raise InputError("the profiles of a plan differ in frames only; wanted one or more of the same batch and texts")
    if len(set(options.profiles)) < len(options.profiles):
        raise InputError("the same --frames twice; wanted each once")
    if name == RTX and (options.compatible != "none" or options.version_compatible):
        raise InputError(
            "tensorrt_rtx plans load in the release that built them, on the GPUs of --gpu; wanted no --compatible "
            "and no --version-compatible"
        )
    if name == RTX and options.window_kernel:
        raise InputError("--window-kernel with tensorrt_rtx, which takes no plugins; wanted tensorrt")
    if name != RTX and options.gpus:
        raise InputError(f"--gpu with {name}, which builds for the GPU that is here; wanted --compatible or {RTX}")
    unknown = [gpu for gpu in options.gpus if gpu not in capabilities(library)]
    if unknown or len(set(options.gpus)) < len(options.gpus):
        known = ", ".join(capabilities(library))
        raise InputError(f"--gpu {' '.join(options.gpus)}; wanted each once, of {known}")


def check_buildable(options: BuildOptions, precision: str) -> tuple[ModuleType, tuple[str, ...], str]:
    """The library, the architectures that the plans will be for, and the name of the GPU that they are timed on.

    Raises InputError for a precision or options that cannot be built, BackendError without the library or its GPU.
    """
    if precision in UNPARSED:
        raise InputError(f"TensorRT with an {precision} engine: {UNPARSED[precision]}")
    library = load_library(options.library)
    check_options(library, options)
    gpus, gpu_name = _target(library, options)
    _kernel(options, gpus)
    return library, gpus, gpu_name


def _kernel(options: BuildOptions, gpus: tuple[str, ...]) -> str:
    """The window attention's PTX for the GPU that plans are built on, or the oldest that they run on; "": unwanted.

    Raises InputError when it was not compiled, BackendError without the package `onnx`.
    """
    if not options.window_kernel:
        return ""
    try:
        from genmo.export.tensorrt.window_plugin import read_ptx
    except ImportError as error:
        raise BackendError(f"--window-kernel wants {error.name}, which is not installed: pip install onnx") from None
    (gpu,) = gpus
    return read_ptx(AMPERE[0] * 10 if options.compatible == "ampere+" else int(gpu.removeprefix("sm_")))


def build_plans(folder: Path, options: BuildOptions | None = None) -> Path:
    """Build the plans of an engine into `ENGINE/tensorrt/KEY`, all or none; that folder.

    Raises InputError for options or an engine that cannot be built, BackendError without the library or its GPU,
    EngineError for a folder that is no engine.
    """
    options = options or BuildOptions()
    engine = load_engine(folder)
    precision = str(engine.description["precision"])
    library, gpus, gpu_name = check_buildable(options, precision)
    place = folder / FOLDER
    cache_file = options.timing_cache or place / TIMING_CACHE
    cache = b""
    if library.__name__ != RTX and cache_file.is_file():
        cache = read_bytes(cache_file, "a timing cache")
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=".building.") as scratch:
        aside = Path(scratch) / "plans"
        aside.mkdir()
        builder = Builder(library, options, cache, _kernel(options, gpus))
        _build_all(engine, options, builder, aside)
        plans = PlanSet(
            library=library.__name__,
            version=library.__version__,
            gpus=gpus,
            gpu_name=gpu_name,
            compatible=options.compatible,
            version_compatible=options.version_compatible,
            tf32=options.tf32,
            precision=precision,
            window_kernel=options.window_kernel,
            profiles=options.profiles,
            onnx=graph_hashes(engine.denoiser),
            plans={path.stem: file_hash(path) for path in sorted(aside.iterdir())},
        )
        (aside / DESCRIPTION).write_text(json.dumps(plans.to_json(), indent=1) + "\n")
        out = place / plans.key
        put_folder(aside, out)
    if builder.cache:
        write_aside(cache_file, builder.cache)
    return out


def _target(library: ModuleType, options: BuildOptions) -> tuple[tuple[str, ...], str]:
    """Architectures that the plans are for, and the name of the GPU that they are timed on."""
    if library.__name__ == RTX:
        return options.gpus or (ANY_GPU,), ""
    from genmo.runtime.engine.backends.tensorrt_cuda import Cuda

    gpu = Cuda().gpu
    return (gpu.architecture,), gpu.name


def _build_all(engine: Engine, options: BuildOptions, builder: Builder, folder: Path) -> None:
    shapes = plan_profiles(options.profiles, engine.config, engine.denoiser.null_is_folded, options.window_kernel)
    for name in PLANS:
        started = time.monotonic()
        plan = builder.build(name, builder.network(name, engine), shapes[name])
        (folder / f"{name}.plan").write_bytes(plan)
        print(f"{name}.plan: {len(plan) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s", file=sys.stderr)


def read_frames(text: str) -> tuple[int, int, int]:
    """`--frames`: N, FEWEST:USUAL:MOST or "dynamic".  Raises InputError for anything else."""
    if text == "dynamic":
        return DYNAMIC_FRAMES
    parts = text.split(":")
    if len(parts) not in (1, 3) or not all(part.isdigit() for part in parts):
        raise InputError(f"--frames is {text!r}; wanted N, FEWEST:USUAL:MOST or dynamic")
    least, usual, most = (int(part) for part in (parts * 3)[:3])
    return least, usual, most


def add_options(group: Any) -> None:
    """The options that `genmo-export` and this command share."""
    add = group.add_argument
    add(
        "--frames",
        action="append",
        metavar="N|A:B:C",
        help="lengths of a plan: N only, or fewest:tuned for:most; may be repeated (default: "
        f"{':'.join(map(str, DYNAMIC_FRAMES))}, which is also called dynamic)",
    )
    add(
        "--batch", type=int, default=8, metavar="N", help="most motions in a call; guidance takes two each (default: 8)"
    )
    add("--texts", type=int, default=4, metavar="K", help="most texts of a motion (default: 4)")
    add("--gpu", action="append", default=[], metavar="sm_89", help="tensorrt_rtx: GPU to build for; may be repeated")
    add("--compatible", default="none", choices=COMPATIBLE, help="tensorrt: other GPUs that the plans must run on")
    add("--version-compatible", action="store_true", help="tensorrt: plans that newer versions of its major run too")
    add("--tf32", action="store_true", help="float32 products may use TF32: faster, as inexact as fp16")
    add("--timing-cache", type=Path, metavar="FILE", help="tensorrt: kernel timings to read and add to")
    add("--window-kernel", action="store_true", help="tensorrt: self-attention by our kernel (make kernels)")
    add("--workspace-mb", type=int, default=0, metavar="MB", help="most scratch memory of a kernel (default: all)")


def options_of(values: Mapping[str, Any], library: str | None) -> BuildOptions:
    """What a command line with `add_options` was given, by the options' names.  Raises InputError for bad numbers."""
    frames = [read_frames(text) for text in values["frames"] or ["dynamic"]]
    if values["workspace_mb"] < 0:
        raise InputError(f"--workspace-mb is {values['workspace_mb']}; wanted 0 (all) or more")
    return BuildOptions(
        library=library,
        profiles=tuple(Profile(each, values["batch"], values["texts"]) for each in frames),
        gpus=tuple(values["gpu"]),
        compatible=values["compatible"],
        version_compatible=values["version_compatible"],
        tf32=values["tf32"],
        timing_cache=values["timing_cache"],
        workspace_mb=values["workspace_mb"],
        window_kernel=values["window_kernel"],
    )


def add_export_options(options: argparse.ArgumentParser) -> None:
    """The options of `genmo-export` about plans."""
    group = options.add_argument_group("TensorRT plans, in ENGINE/tensorrt")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--tensorrt", action="store_true", help="build plans too, for the GPU that is here")
    which.add_argument("--tensorrt-rtx", action="store_true", help="build plans of TensorRT-RTX too; needs no GPU")
    add_options(group)


def export_options(values: Mapping[str, Any]) -> BuildOptions | None:
    """What `genmo-export` was asked to build; None: no plans.

    Raises InputError for bad numbers, and for options of plans without plans.
    """
    if not (values["tensorrt"] or values["tensorrt_rtx"]):
        if options_of(values, None) != BuildOptions():
            raise InputError("options of TensorRT plans without plans; wanted --tensorrt or --tensorrt-rtx with them")
        return None
    return options_of(values, "tensorrt" if values["tensorrt"] else RTX)


def run(arguments: Sequence[str] | None) -> None:
    """Read the options and build.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description="Build the TensorRT plans of an engine.")
    parser.add_argument("engine", type=Path, help="engine folder of genmo-export; plans go to its tensorrt/")
    parser.add_argument("--library", choices=LIBRARIES, help="default: the one that is installed")
    add_options(parser)
    args = parser.parse_args(arguments)
    out = build_plans(args.engine, options_of(vars(args), args.library))
    print(f"wrote {out}\nnext:\n  python -m genmo.export.targets.triton {args.engine} --out models")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input or nothing to build with (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="export")


if __name__ == "__main__":
    sys.exit(main())
