"""A checkpoint into an engine: freeze, prove, package.  `genmo.export.__main__` is its command."""

from __future__ import annotations

import json
import shlex
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from genmo.export.model_card import CARD, card, notes
from genmo.export.onnx.constant_folding import reads_texts
from genmo.export.onnx.graphs import write_graphs
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.onnx.operator_profiles import PLAIN, check_precision, fitted
from genmo.export.onnx.t5_encoder import add_text_encoder, read_prompts
from genmo.export.parity import GATES_MM, Gate, calibration_inputs, parity, passes, real_motion, table
from genmo.export.released_weights import open_checkpoint
from genmo.runtime.denoiser.schedule import STEPS
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import FORMAT, describe_signature, load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs, file_hash
from genmo.runtime.engine.text_encoders import NGRAM_SCHEME
from genmo.runtime.support.atomic_write import folders_above, put_folder
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.runtime.support.version import __version__
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.network.fusion import CROSS_ATTENTION

TABLE = "text_encoder.npy"
LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime", "numpy")
"""whose versions an engine's provenance names"""
MOST_FUSED_STEPS = 50
APPROXIMATE = ("bf16", "int8")


class ParityError(GenmoError):
    """The engine differs from the PyTorch model by more than its gate."""

    exit_status = 1


def gate_of(precision: str, allowed: float | None) -> Gate:
    """The gate of a precision; `allowed` (millimetres, mean) in its place where precisions are approximate anyway.

    Raises InputError for another precision or a bad number.
    """
    if allowed is None:
        return GATES_MM[precision]
    if precision not in APPROXIMATE:
        raise InputError(f"--allow-error with {precision}, whose gate is fixed; wanted {' or '.join(APPROXIMATE)}")
    if not 0 < allowed < float("inf"):
        raise InputError(f"--allow-error is {allowed}; wanted a positive number of millimetres")
    return {"mean": allowed}


@dataclass(frozen=True)
class Encoder:
    """A text encoder to put beside a checkpoint that has none."""

    place: str
    """a T5 folder, or its name on the hub"""
    precision: str = "fp32"
    prompts: Path | None = None
    """embed these ahead of time, one a line, and leave the encoder out"""


def describe(checkpoint: Checkpoint, precision: str, profile: str, licence: str) -> dict[str, Any]:
    """The contents of `engine.json`, less what only the written files tell: parity, files, text encoders of others."""
    config = checkpoint.model.config
    encoder = {
        "kind": NGRAM_SCHEME,
        "file": TABLE,
        "about": "table of hashed character n-grams (3 to 5 letters and whole words), trained with the denoiser; "
        "open vocabulary, English captions",
    }
    texts = ["text"] * reads_texts(checkpoint.model.denoiser)
    trained = [name for name in ("video", "music") if getattr(config, f"{name}_width")]
    return {
        "format": FORMAT,
        "model": config.to_json(),
        "layout": [list(block) for block in config.motion_layout.blocks],
        "normalisation": {
            "mean": checkpoint.normalisation.mean.tolist(),
            "std": checkpoint.normalisation.std.tolist(),
        },
        "signature": describe_signature(config),
        "schedule": {"kind": "cosine", "steps": STEPS, "predicts": "x_0"},
        "conditions": [*texts, "keypoints", "bounding_box", "camera", *trained],
        "text_encoder": encoder if config.text_encoder == "ngram" else None,
        "precision": precision,
        "profile": profile,
        "provenance": checkpoint.provenance
        | {"versions": {"genmo": __version__} | {name: version(name) for name in LIBRARIES}},
        "licence": licence,
    }


def describe_graphs(graphs: Graphs) -> dict[str, Any]:
    """The graphs' entry of `engine.json`."""
    stored: dict[str, Any] = {name: getattr(graphs, name).name for name in GRAPHS}
    stored["null_is_folded"] = graphs.null_is_folded
    if graphs.sampler is not None:
        stored |= {"sampler": graphs.sampler.name, "fused_steps": graphs.fused_steps}
    return stored


def check_encoder(checkpoint: Checkpoint) -> None:
    """Raises InputError for a checkpoint that has no place for a text encoder."""
    if not reads_texts(checkpoint.model.denoiser):
        raise InputError("--text-encoder with a checkpoint that reads no texts; wanted none")
    if checkpoint.model.text_encoder is not None:
        raise InputError("--text-encoder with a checkpoint that has a text encoder of its own; wanted none")


def next_commands(out: Path) -> str:
    """What to type after an export, ready to paste."""
    engine = load_engine(out)
    place, encoder = shlex.quote(str(out)), engine.description["text_encoder"]
    lines = []
    if encoder is not None:
        text = shlex.quote(encoder["prompts"][0] if "prompts" in encoder else "a person walks")
        steps = f" --steps {engine.denoiser.fused_steps}" if engine.denoiser.fused_steps else ""
        lines.append(f"genmo-run --engine {place} --text {text} --seconds 4{steps} --out walk.html")
    body = " --body SMPLX_NEUTRAL.npz" if engine.config.motion_layout.shape_space == "smplx" else ""
    lines.append(f"genmo-run --engine {place} --keypoints KEYPOINTS.npz{body} --out motion.glb")
    if engine.description["conditions"][0] == "text" and encoder is None:
        lines.append(f"genmo-export CHECKPOINT --out {place} --text-encoder T5_FOLDER   # texts need an encoder")
    lines.append(f"genmo-eval --engine {place} --data MOTION_SET")
    return "\n".join(f"  {line}" for line in lines)


def export(
    checkpoint_folder: Path,
    out: Path,
    data: str | None,
    licence: str,
    precision: str = "fp32",
    allowed_error: float | None = None,
    statistics: str | None = None,
    gravity: str | None = None,
    *,
    profile: str = PLAIN,
    fused_steps: int | None = None,
    encoder: Encoder | None = None,
) -> Path:
    """Write the engine of a checkpoint to `out`, whole or not at all, and print its parity table.

    `checkpoint_folder` may also be a released checkpoint with its `statistics` and `gravity`
    (`genmo.export.released_weights`).
    `precision`: a key of PRECISIONS; `allowed_error`: millimetres in place of the gate of bf16 or int8.
    `profile`: a key of PROFILES; `fused_steps`: write the guided sampler of so many steps as a graph too.
    Raises InputError for a bad checkpoint or place, ParityError when the engine is over its gate.
    """
    gate = gate_of(precision, allowed_error)
    check_precision(profile, precision)
    if fused_steps is not None and not 1 <= fused_steps <= MOST_FUSED_STEPS:
        raise InputError(f"--fuse-steps is {fused_steps}; wanted 1 to {MOST_FUSED_STEPS}")
    prompts = None if encoder is None or encoder.prompts is None else read_prompts(encoder.prompts)
    if out.exists() and not (out / "engine.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: exists and is no engine; wanted a new folder or an engine to replace")
    checkpoint = open_checkpoint(checkpoint_folder, statistics, gravity)
    if checkpoint.model.family == CROSS_ATTENTION:
        raise InputError(f"{checkpoint_folder}: fusion is cross_attention, for experiments only; train with fusion=mlp")
    config = checkpoint.model.config
    if encoder is not None:
        check_encoder(checkpoint)
    described = describe(checkpoint, precision, profile, licence)
    motion = real_motion(data, checkpoint)
    with folders_above(out), tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "engine"
        folder.mkdir()
        denoiser = checkpoint.model.denoiser
        calibration = calibration_inputs(checkpoint, motion) if precision == "int8" else []
        graphs = write_graphs(
            denoiser,
            folder,
            PRECISIONS[precision],
            calibration,
            profile=profile,
            fused_steps=fused_steps or 0,
            notes=notes(described),
        )
        described["denoiser"] = describe_graphs(graphs)
        if checkpoint.model.text_encoder is not None:
            np.save(folder / TABLE, checkpoint.model.text_encoder.vectors.detach().numpy().astype(np.float32))
        if encoder is not None:
            described["text_encoder"] = add_text_encoder(
                encoder.place,
                folder,
                config.text_tokens,
                config.text_width,
                encoder.precision,
                prompts,
                lambda model: fitted(model, profile),
                notes(described),
            )
        rows = parity(checkpoint, OnnxRuntimeDenoiser(graphs, config), motion)
        print(table(rows))
        if not passes(rows, gate):
            limits = ", ".join(f"{limit} mm ({name})" for name, limit in gate.items())
            raise ParityError(f"the {precision} engine is over its gate of {limits}; nothing was written")
        compared = "real motion" if motion else "random input"
        described["parity"] = {"gate_mm": gate, "on": compared, "rows": rows}
        (folder / CARD).write_text(card(described), encoding="utf-8")
        described["files"] = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
        (folder / "engine.json").write_text(json.dumps(described, indent=1) + "\n")
        load_engine(folder)
        put_folder(folder, out)
    return out
