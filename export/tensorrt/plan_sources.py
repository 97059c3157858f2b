"""What plans are built of, whatever the family of the engine: precision, ONNX files, shapes, networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmo.export.tensorrt.plan_builder import Builder
from genmo.export.tensorrt.plan_options import BuildOptions
from genmo.runtime.engine.backends.tensorrt_plans import PLANS, Corners, graph_hashes, plan_profiles
from genmo.runtime.engine.backends.tensorrt_tokens import token_profiles
from genmo.runtime.engine.bundle import TOKENS, family_of, load_engine
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.token_bundle import load_token_engine
from genmo.runtime.support.errors import BackendError, InputError


@dataclass(frozen=True, eq=False)
class PlanSource:
    """An engine as plans are built of it."""

    precision: str
    """as `check_buildable` takes it: what the graphs compute in, not what weights of motion tokens are stored in"""
    onnx: dict[str, str]
    """graph -> SHA-256 of its file"""
    plans: tuple[str, ...]
    shapes: dict[str, list[dict[str, Corners]]]
    """plan -> profile -> input -> its shapes"""
    network: Callable[[Builder, str], Any]
    """the network of a plan"""


def plan_source(folder: Path, options: BuildOptions) -> PlanSource:
    """Of an engine folder.  Raises EngineError for one that is none, InputError for options that it has no use for."""
    if family_of(folder) == TOKENS:
        return _of_tokens(folder, options)
    engine = load_engine(folder)
    null_is_folded = engine.denoiser.null_is_folded
    return PlanSource(
        precision=str(engine.description["precision"]),
        onnx=graph_hashes(engine.denoiser),
        plans=PLANS,
        shapes=plan_profiles(options.profiles, engine.config, null_is_folded, options.window_kernel),
        network=lambda builder, name: builder.network(name, engine),
    )


def _of_tokens(folder: Path, options: BuildOptions) -> PlanSource:
    if options.window_kernel:
        raise InputError("--window-kernel is for denoisers: motion tokens have no window; leave it out")
    engine = load_token_engine(folder)

    def network(builder: Builder, name: str) -> Any:
        return builder.parse(engine.graphs[name], model=_with_float_weights(engine.graphs[name]))

    return PlanSource(
        "fp32", graph_hashes(engine.graphs), TOKEN_GRAPHS, token_profiles(options.profiles, engine), network
    )


def _with_float_weights(path: Path) -> Any:
    """The graph with its weights in float32, as the libraries that fold constants have it.

    Raises BackendError without the package `onnx`.
    """
    try:
        import onnx

        from genmo.export.onnx.stored_weights import unpacked
    except ImportError as error:
        raise BackendError(
            f"plans of motion tokens want {error.name}, which is not installed: pip install onnx"
        ) from None
    return unpacked(onnx.load(path))
