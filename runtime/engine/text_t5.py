"""A T5's or BERT's encoder as the engine's text encoder: ONNX Runtime and the tokenizer's own file.

Neither torch nor transformers.  Raffel et al. 2020; Devlin et al. 2019.  Libraries and files of gigabytes are opened at
the first prompt, so that a motion without text needs neither.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from genmo.runtime.denoiser.tensor_spec import TensorSpec, check_signature
from genmo.runtime.engine.text_cached import padded
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.cpus import usable_cpus
from genmo.runtime.support.errors import BackendError, EngineError, InputError, first_line
from genmo.runtime.support.safe_read import read_text

T5_SCHEME, BERT_SCHEME = "t5-1", "bert-1"
"""of one form: `text_encoder.onnx` from ids to vectors, and `tokenizer.json`"""
LARGEST_TOKENIZER = 2**26
INSTALL = 'pip install "genmo-motion[t5]"'
_DTYPES = {"float32": "tensor(float)", "int64": "tensor(int64)"}


def t5_inputs() -> tuple[TensorSpec, ...]:
    """Inputs of `text_encoder.onnx`: ids of tokens and which of them are there (0 or 1)."""
    axes = ("batch", "tokens")
    return (TensorSpec("token_ids", axes, "int64"), TensorSpec("token_mask", axes))


def t5_outputs(width: int) -> tuple[TensorSpec, ...]:
    """Outputs of `text_encoder.onnx`: vectors of tokens; those that are not there mean nothing."""
    return (TensorSpec("token_vectors", ("batch", "tokens", width)),)


def open_tokenizer(path: Path, tokens: int) -> Any:
    """A tokenizer of `tokenizer.json` that cuts after `tokens` tokens, its end mark included.

    Raises BackendError without the library, EngineError for a file that is no tokenizer.
    """
    try:
        import tokenizers
    except ImportError:
        raise BackendError(f"texts of this engine need the tokenizers library: {INSTALL}") from None
    try:
        tokenizer = tokenizers.Tokenizer.from_str(read_text(path, "a tokenizer", LARGEST_TOKENIZER))
    except Exception as error:  # the library raises plain Exception
        raise EngineError(f"{path}: not a tokenizer ({first_line(error)}); export the engine again") from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=tokens)
    return tokenizer


class T5TextEncoder:
    """Text -> tokens.  Thread-safe."""

    any_text = True

    def __init__(self, graph: Path, tokenizer: Path, tokens: int, width: int) -> None:
        """`graph`: `text_encoder.onnx`; `tokens`: of a text at most; `width`: channels of a token."""
        self.tokens, self.width = tokens, width
        self._graph, self._tokenizer = graph, tokenizer
        self._opened: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    def encode(self, prompt: str) -> tuple[Array, Array]:
        """Token vectors [tokens, width] and their mask [tokens] (1 = a token).

        Raises InputError for an empty text, BackendError when a library is missing, EngineError for a bad file.
        """
        if not prompt.strip():
            raise InputError(f"text is {prompt!r}; wanted at least one word")
        with self._lock:
            if self._opened is None:
                self._opened = open_tokenizer(self._tokenizer, self.tokens), self._session()
        tokenizer, session = self._opened
        ids = np.array([tokenizer.encode(prompt).ids], np.int64)
        try:
            (vectors,) = session.run(
                ["token_vectors"], {"token_ids": ids, "token_mask": np.ones(ids.shape, np.float32)}
            )
        except Exception as error:  # the library raises types of its own that share no base below Exception
            raise EngineError(f"{self._graph}: ONNX Runtime cannot run it ({first_line(error)})") from None
        if vectors.shape != (1, ids.shape[1], self.width) or not np.isfinite(vectors).all():
            raise EngineError(f"{self._graph}: its answer to {prompt!r} is not {self.width} finite numbers a token")
        return padded(vectors[0], self.tokens)

    def _session(self) -> Any:
        try:
            import onnxruntime
        except ImportError:
            raise BackendError('texts of this engine need ONNX Runtime: pip install "genmo-motion[cpu]"') from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(usable_cpus())
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = onnxruntime.InferenceSession(str(self._graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # as above
            raise EngineError(f"{self._graph}: ONNX Runtime cannot load it ({first_line(error)})") from None
        for nodes, specs in ((session.get_inputs(), t5_inputs()), (session.get_outputs(), t5_outputs(self.width))):
            check_signature({n.name: (n.type, list(n.shape)) for n in nodes}, specs, _DTYPES, self._graph)
        return session
