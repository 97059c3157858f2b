"""An engine of motion tokens in ONNX Runtime, OpenVINO or TensorRT; calls are thread-safe."""

from __future__ import annotations

from typing import Any

import numpy as np

from genmo.runtime.engine.backends.onnxruntime import PROVIDERS, OnnxRuntimeGraph
from genmo.runtime.engine.backends.openvino import OpenVinoGraph
from genmo.runtime.engine.backends.stepwise import GraphSession
from genmo.runtime.engine.graphs import TOKEN_GRAPHS
from genmo.runtime.engine.token_bundle import TokenEngine, token_signature
from genmo.runtime.support.arrays import Array, Numbers
from genmo.runtime.support.cpus import check_threads
from genmo.runtime.support.errors import InputError
from genmo.runtime.tokens.decoding import Likely, Mixture

BACKENDS = ("onnxruntime", "openvino", "tensorrt")


class TokenGraphs:
    """The three graphs: a motion's tokens, what masked ones may be, and the motion of tokens.

    `device`: "cpu" or "cuda"; `threads`: 0 takes every core that this process may use; `backend`: one of BACKENDS.
    Raises BackendError when the library or the device is missing, EngineError when a file is not a graph of this
    signature, InputError for other choices.
    """

    def __init__(
        self, engine: TokenEngine, device: str = "cpu", threads: int = 0, backend: str = "onnxruntime"
    ) -> None:
        if backend not in BACKENDS:
            raise InputError(f"backend is {backend!r}; motion tokens run in {', '.join(BACKENDS)}")
        if device not in PROVIDERS:
            raise InputError(f"device is {device!r}; wanted one of {', '.join(PROVIDERS)}")
        if backend == "tensorrt" and device != "cuda":
            raise InputError(f"device is {device!r} with tensorrt; wanted cuda, or the backend onnxruntime")
        if backend == "openvino" and device != "cpu":
            raise InputError(f"device is {device!r} with openvino; wanted cpu, or the backend onnxruntime")
        check_threads(threads)
        self._encoder, self._decoder, self._tokens = _opened(engine, device, threads, backend)

    def encode(self, features: Array) -> Numbers:
        """Ids [batch, tokens, parts] of normalised features [batch, 4 tokens, width]."""
        ids: Any = self._encoder({}, {"features": features})["ids"]
        return np.asarray(ids, np.int64)

    def decode(self, mixture: Mixture) -> Array:
        """Normalised features [batch, 4 tokens, width] of tokens, each of mixed codes."""
        arrays: dict[str, Any] = {"ids": mixture.ids, "shares": mixture.shares}
        return self._decoder({}, arrays)["features"]

    def __call__(self, ids: Numbers, texts: Array, mask: Array, mixture: Array) -> Likely:
        """See `tokens.decoding.TokenNetwork`."""
        arrays: dict[str, Any] = {"ids": ids, "texts": texts, "mask": mask, "mixture": mixture}
        answer: dict[str, Any] = self._tokens({}, arrays)
        return Likely(answer["logits"], answer["codes"], answer["total"])


def _opened(
    engine: TokenEngine, device: str, threads: int, backend: str
) -> tuple[GraphSession, GraphSession, GraphSession]:
    """Encoder, decoder and transformer in a library."""
    if backend == "tensorrt":
        from genmo.runtime.engine.backends.tensorrt_tokens import token_plans

        return token_plans(engine)
    signature = token_signature(engine.config)
    encoder, decoder, tokens = (
        OpenVinoGraph(engine.graphs[name], *signature[name], threads, "fp32")
        if backend == "openvino"
        else OnnxRuntimeGraph(engine.graphs[name], *signature[name], device, threads)
        for name in TOKEN_GRAPHS
    )
    return encoder, decoder, tokens
