"""Options of TensorRT plans: on the command line, as values, and which library has which."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from genmo.runtime.engine.backends.tensorrt_plans import COMPATIBLE, DYNAMIC_FRAMES, Profile
from genmo.runtime.support.errors import InputError

RTX = "tensorrt_rtx"


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
        supported = ", ".join(capabilities(library))
        raise InputError(f"--gpu {' '.join(options.gpus)}; wanted each once, of {supported}")


def read_frames(text: str) -> tuple[int, int, int]:
    """`--frames`: N, FEWEST:USUAL:MOST or "dynamic".  Raises InputError for anything else."""
    if text == "dynamic":
        return DYNAMIC_FRAMES
    numbers = text.split(":")
    if len(numbers) not in (1, 3) or not all(number.isdigit() for number in numbers):
        raise InputError(f"--frames is {text!r}; wanted N, FEWEST:USUAL:MOST or dynamic")
    least, usual, most = (int(number) for number in (numbers * 3)[:3])
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
