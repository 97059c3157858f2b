"""TensorRT plans of an engine: `python -m genmo.export.tensorrt.build_plans ENGINE`, or `genmo-export --tensorrt`.

Needs the engine folder, and `tensorrt` on the GPU that the plans are for or `tensorrt_rtx` on any machine; no PyTorch,
so that plans can be built where they will run.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from genmo.export.tensorrt.plan_builder import Builder
from genmo.export.tensorrt.plan_options import RTX, BuildOptions, add_options, check_options, options_of
from genmo.export.tensorrt.plan_sources import PlanSource, plan_source
from genmo.runtime.engine.backends.tensorrt_plans import (
    AMPERE,
    ANY_GPU,
    DESCRIPTION,
    FOLDER,
    LIBRARIES,
    PlanSet,
)
from genmo.runtime.engine.backends.tensorrt_session import load_library
from genmo.runtime.engine.bundle import TOKENS, family_of
from genmo.runtime.engine.graphs import file_hash
from genmo.runtime.support.atomic_write import put_folder, write_aside
from genmo.runtime.support.cli import OneLineParser, run_main
from genmo.runtime.support.errors import BackendError, InputError
from genmo.runtime.support.safe_read import read_bytes

PROGRAM = "python -m genmo.export.tensorrt.build_plans"
TIMING_CACHE = "timing.cache"
UNPARSED = {
    "int8": "its activations are quantised while it runs (DynamicQuantizeLinear, MatMulInteger), which TensorRT does "
    "not read; export with --precision fp16 for TensorRT"
}
"""precisions whose graphs the library cannot parse, and why"""


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
    source = plan_source(folder, options)
    library, gpus, gpu_name = check_buildable(options, source.precision)
    plan_root = folder / FOLDER
    cache_file = options.timing_cache or plan_root / TIMING_CACHE
    cache = b""
    if library.__name__ != RTX and cache_file.is_file():
        cache = read_bytes(cache_file, "a timing cache")
    plan_root.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=plan_root, prefix=".building.") as scratch:
        aside = Path(scratch) / "plans"
        aside.mkdir()
        builder = Builder(library, options, cache, _kernel(options, gpus))
        _build_all(source, builder, aside)
        plans = PlanSet(
            library=library.__name__,
            version=library.__version__,
            gpus=gpus,
            gpu_name=gpu_name,
            compatible=options.compatible,
            version_compatible=options.version_compatible,
            tf32=options.tf32,
            precision=source.precision,
            window_kernel=options.window_kernel,
            profiles=options.profiles,
            onnx=source.onnx,
            plans={path.stem: file_hash(path) for path in sorted(aside.iterdir())},
        )
        (aside / DESCRIPTION).write_text(json.dumps(plans.to_json(), indent=1) + "\n")
        out = plan_root / plans.key
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


def _build_all(source: PlanSource, builder: Builder, folder: Path) -> None:
    for name in source.plans:
        started = time.monotonic()
        plan = builder.build(name, source.network(builder, name), source.shapes[name])
        (folder / f"{name}.plan").write_bytes(plan)
        print(f"{name}.plan: {len(plan) / 1e6:.1f} MB in {time.monotonic() - started:.1f} s", file=sys.stderr)


def run(arguments: Sequence[str] | None) -> None:
    """Read the options and build.  Raises GenmoError with the line for the user."""
    parser = OneLineParser(prog=PROGRAM, description="Build the TensorRT plans of an engine.")
    parser.add_argument("engine", type=Path, help="engine folder of genmo-export; plans go to its tensorrt/")
    parser.add_argument("--library", choices=LIBRARIES, help="default: the one that is installed")
    add_options(parser)
    args = parser.parse_args(arguments)
    out = build_plans(args.engine, options_of(vars(args), args.library))
    next_command = f"python -m genmo.export.targets.triton {args.engine} --out models"
    if family_of(args.engine) == TOKENS:
        next_command = f'genmo-run --engine {args.engine} --backend tensorrt --text "a person walks" --out walk.html'
    print(f"wrote {out}\nnext:\n  {next_command}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 bad input or nothing to build with (one line on stderr)."""
    return run_main(PROGRAM, lambda: run(arguments), extra="export")


if __name__ == "__main__":
    sys.exit(main())
