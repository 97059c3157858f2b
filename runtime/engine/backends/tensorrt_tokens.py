"""Motion tokens in TensorRT: the shapes that their plans take, and the plans opened on this GPU.

A plan for each of the three graphs, built and found as a denoiser's are (`tensorrt_plans`).  `frames` of a profile are
those of the motion, `batch` the takes of one sample, or the samples of one take each, as they go through the network at
once; guidance takes two inputs for each.
"""

from __future__ import annotations

from genmo.runtime.engine.backends.tensorrt import TensorRtGraph
from genmo.runtime.engine.backends.tensorrt_cuda import Cuda
from genmo.runtime.engine.backends.tensorrt_plans import Corners, Profile, corners, find_plans
from genmo.runtime.engine.backends.tensorrt_session import Plan, Session, load_library
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.token_bundle import TokenEngine, token_signature
from genmo.runtime.tokens.config import FRAMES_A_TOKEN, token_count
from genmo.runtime.tokens.decoding import CANDIDATES


def token_profiles(profiles: tuple[Profile, ...], engine: TokenEngine) -> dict[str, list[dict[str, Corners]]]:
    """The optimisation profiles of the three plans, in order: plan -> profile -> input -> its shapes.

    The transformer sees windows of the length that it was trained on at most, and what ends them; the other two whole
    motions.
    """
    signature, config = token_signature(engine.config), engine.config
    found: dict[str, list[dict[str, Corners]]] = {name: [] for name in TOKEN_GRAPHS}
    for profile in profiles:
        tokens = [token_count(frames) for frames in profile.frames]
        places = [min(count, engine.longest) + 1 for count in tokens]
        likely = min(CANDIDATES, config.codes)
        rows = (1, min(8, profile.batch), profile.batch)
        sizes = [
            {
                "batch": rows[i],
                "rows": rows[i],
                "inputs": (1, 2 * rows[1], 2 * rows[2])[i],
                "tokens": tokens[i],
                "frames": FRAMES_A_TOKEN * tokens[i],
                "places": places[i],
                "candidates": (1, likely, likely)[i],
                "words": (2, min(12, config.text_tokens), config.text_tokens)[i],
            }
            for i in range(3)
        ]
        for name in TOKEN_GRAPHS:
            found[name].append(corners(signature[name][0], sizes))
    return {name: list({repr(shapes): shapes for shapes in found[name]}.values()) for name in TOKEN_GRAPHS}


def token_plans(engine: TokenEngine) -> tuple[TensorRtGraph, TensorRtGraph, TensorRtGraph]:
    """Encoder, decoder and transformer of an engine on the GPU.

    Raises BackendError when the library or the GPU is missing, EngineError when there is no plan for this GPU and
    version, with the command that builds one.
    """
    module, cuda, signature = load_library(None), Cuda(), token_signature(engine.config)
    folder, plans = find_plans(engine.graphs, module.__name__, module.__version__, cuda.gpu)
    session = Session(module, cuda, plans.rebuild_command(engine.folder, module.__name__))
    encoder, decoder, tokens = (
        TensorRtGraph(Plan(folder / f"{name}.plan", *signature[name], session)) for name in TOKEN_GRAPHS
    )
    return encoder, decoder, tokens
