"""What an export is asked for.  Needs neither PyTorch nor ONNX, so that the command line can be read without them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genmo.runtime.engine.text_cached import plain
from genmo.runtime.support.errors import InputError
from genmo.runtime.support.safe_read import read_text

APPROXIMATE = ("bf16", "int8")
"""precisions whose parity gate can be widened"""
MOST_FUSED_STEPS = 50


@dataclass(frozen=True)
class TextEncoderOptions:
    """A text encoder to put beside a checkpoint that has none."""

    source: str
    """a T5 or BERT folder, or its name on the hub"""
    precision: str = "fp32"
    """a key of `t5_encoder.TEXT_PRECISIONS`"""
    prompts: tuple[str, ...] | None = None
    """embed these ahead of time, and leave the encoder out"""


@dataclass(frozen=True)
class ExportOptions:
    """How a checkpoint becomes an engine."""

    checkpoint: Path
    """a folder of genmo-train, or released weights"""
    out: Path
    """the engine's folder: new, or an engine to replace"""
    licence: str
    data: str | None = None
    """a motion set to compare (and calibrate int8) on; None: random inputs"""
    precision: str = "fp32"
    """a key of `onnx_builder.PRECISIONS`"""
    allowed_error: float | None = None
    """mean joint error in millimetres, in place of the gate of APPROXIMATE precisions"""
    statistics: str | None = None
    """of released weights: a file with their mean and std"""
    gravity: str | None = None
    """of released weights: their y, "up" or "down"; None: measured"""
    profile: str = "plain"
    """a key of `operator_profiles.PROFILES`"""
    fused_steps: int | None = None
    """write the guided sampler of so many steps as a graph too"""
    text_encoder: TextEncoderOptions | None = None

    def check(self) -> None:
        """Raises InputError for numbers and places that cannot be used."""
        if self.allowed_error is not None:
            if self.precision not in APPROXIMATE:
                raise InputError(
                    f"--allow-error with {self.precision}, whose gate is fixed; wanted {' or '.join(APPROXIMATE)}"
                )
            if not 0 < self.allowed_error < float("inf"):
                raise InputError(f"--allow-error is {self.allowed_error}; wanted a positive number of millimetres")
        if self.fused_steps is not None and not 1 <= self.fused_steps <= MOST_FUSED_STEPS:
            raise InputError(f"--fuse-steps is {self.fused_steps}; wanted 1 to {MOST_FUSED_STEPS}")
        out = self.out
        if out.exists() and not (out / "engine.json").is_file() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"--out {out}: exists and is no engine; wanted a new folder or an engine to replace")


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """The prompts of a file, one a line, each once; empty lines are passed over.  Raises InputError without any."""
    lines = read_text(path, "a file of prompts for --cache-prompts").splitlines()
    prompts = tuple(dict.fromkeys(filter(None, map(plain, lines))))
    if not prompts:
        raise InputError(f"--cache-prompts {path}: no prompt in it; wanted one a line")
    return prompts
