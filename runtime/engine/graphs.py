"""The ONNX files of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genmo.runtime.support.safe_read import MAX_WEIGHTS_BYTES, sha256

GRAPHS = ("conditions", "texts", "step")
TOKEN_GRAPHS = ("encoder", "decoder", "tokens")
"""of engines of motion tokens"""


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return sha256(path, "a file of an engine", MAX_WEIGHTS_BYTES)


@dataclass(frozen=True)
class Graphs:
    """The ONNX files of an engine."""

    conditions: Path
    texts: Path
    step: Path
    null_is_folded: bool
    """motions that no text reaches need no text input: the null text is a constant of the step"""
    sampler: Path | None = None
    """the guided sampler of `fused_steps` steps as one graph, where the engine has it"""
    fused_steps: int = 0
    native: Mapping[str, Any] | None = None
    """where each weight lies in these files (`genmo.runtime.engine.native_weights`), where the engine says it"""
