"""A checkpoint into an engine: freeze, prove, package.  `genmo.export.__main__` is its command."""

from __future__ import annotations

import json
import shlex
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genmo.export.model_card import CARD, card, notes
from genmo.export.native_table import check_native
from genmo.export.onnx.constant_folding import reads_texts
from genmo.export.onnx.graphs import write_graphs
from genmo.export.onnx.onnx_builder import PRECISIONS
from genmo.export.onnx.operator_profiles import check_precision, fitted
from genmo.export.onnx.t5_encoder import add_text_encoder
from genmo.export.onnx.weight_locations import can_describe, native_table
from genmo.export.options import ExportOptions
from genmo.export.parity import GATES_MM, Gate, calibration_inputs, parity, passes, real_motion, table
from genmo.export.piece_hashes import piece_hashes, read_by_native
from genmo.export.released_weights import open_checkpoint
from genmo.export.text_tables import (
    described_encoder,
    write_examples,
    write_lengths,
    write_prompts,
    write_reader,
    write_table,
)
from genmo.runtime.denoiser.schedule import STEPS
from genmo.runtime.denoiser.signature import frame_conditions
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import FORMAT, describe_signature, load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs, file_hash
from genmo.runtime.support import native
from genmo.runtime.support.arrays import Array
from genmo.runtime.support.atomic_write import folders_above, put_folder
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.runtime.support.version import __version__
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.network.fusion import CROSS_ATTENTION

LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime", "numpy")
"""whose versions an engine's provenance names"""


class ParityError(GenmoError):
    """The engine differs from the PyTorch model by more than its gate."""

    exit_status = 1


def gate_of(precision: str, allowed: float | None) -> Gate:
    """The gate of a precision; `allowed` (millimetres, mean) in its place if given."""
    return GATES_MM[precision] if allowed is None else {"mean": allowed}


def describe(checkpoint: Checkpoint, options: ExportOptions) -> dict[str, Any]:
    """The contents of `engine.json`, less what only the written files tell: parity, files, text encoders of others."""
    config = checkpoint.model.config
    texts = ["text"] * reads_texts(checkpoint.model.denoiser)
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
        "conditions": [*texts, *frame_conditions(config)],
        "text_encoder": described_encoder(checkpoint.model.text_encoder),
        "precision": options.precision,
        "profile": options.profile,
        "provenance": checkpoint.provenance
        | {"versions": {"genmo": __version__} | {name: version(name) for name in LIBRARIES}},
        "licence": options.licence,
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
    folder, encoder = shlex.quote(str(out)), engine.description["text_encoder"]
    lines = []
    if encoder is not None:
        text = shlex.quote(encoder["prompts"][0] if "prompts" in encoder else "a person walks")
        steps = f" --steps {engine.denoiser.fused_steps}" if engine.denoiser.fused_steps else ""
        lines.append(f"genmo-run --engine {folder} --text {text} --seconds 4{steps} --out walk.html")
    body = " --body SMPLX_NEUTRAL.npz" if engine.config.motion_layout.shape_space == "smplx" else ""
    lines.append(f"genmo-run --engine {folder} --keypoints KEYPOINTS.npz{body} --out motion.glb")
    if engine.description["conditions"][0] == "text" and encoder is None:
        lines.append(f"genmo-export CHECKPOINT --out {folder} --text-encoder T5_FOLDER   # texts need an encoder")
    lines.append(f"genmo-eval --engine {folder} --data MOTION_SET")
    return "\n".join(f"  {line}" for line in lines)


def export(options: ExportOptions) -> Path:
    """Write the engine of a checkpoint to `options.out`, whole or not at all, and print its parity table.

    Raises InputError for a bad checkpoint or place, ParityError when the engine is over its gate.
    """
    options.check()
    check_precision(options.profile, options.precision)
    checkpoint = _open(options)
    described = describe(checkpoint, options)
    motion = real_motion(options.data, checkpoint)
    out = options.out
    with folders_above(out), tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "engine"
        folder.mkdir()
        graphs = _write_graphs(checkpoint, options, motion, folder, described)
        described["denoiser"] = describe_graphs(graphs)
        _write_text_encoder(checkpoint, options, folder, described)
        described |= write_prompts(checkpoint.known_prompts, folder)
        described |= write_reader(None if options.text_encoder else checkpoint.text_reader, folder)
        described |= write_lengths(None if options.text_encoder else checkpoint.text_lengths, folder)
        described |= write_examples(None if options.text_encoder else checkpoint.examples, folder)
        described["parity"] = _measure_parity(checkpoint, options, motion, graphs)
        if options.precision == "fp32" and can_describe(checkpoint.model.denoiser):
            table = _native_table(checkpoint, graphs)
            read = read_by_native(table, described["text_encoder"])
            described["native"] = table | {"pieces": piece_hashes(folder, read)}
        (folder / CARD).write_text(card(described), encoding="utf-8")
        described["files"] = {path.name: file_hash(path) for path in sorted(folder.iterdir())}
        (folder / "engine.json").write_text(json.dumps(described, indent=1) + "\n")
        load_engine(folder)
        put_folder(folder, out)
    return out


def _open(options: ExportOptions) -> Checkpoint:
    """The checkpoint.  Raises InputError for one that cannot be exported, or not with the text encoder."""
    checkpoint = open_checkpoint(options.checkpoint, options.statistics, options.gravity)
    if checkpoint.model.family == CROSS_ATTENTION:
        raise InputError(
            f"{options.checkpoint}: fusion is cross_attention, for experiments only; train with fusion=mlp"
        )
    if options.text_encoder is not None:
        check_encoder(checkpoint)
    return checkpoint


def _write_graphs(
    checkpoint: Checkpoint, options: ExportOptions, motion: dict[str, Array], folder: Path, described: dict[str, Any]
) -> Graphs:
    calibration = calibration_inputs(checkpoint, motion) if options.precision == "int8" else []
    return write_graphs(
        checkpoint.model.denoiser,
        folder,
        PRECISIONS[options.precision],
        calibration,
        profile=options.profile,
        fused_steps=options.fused_steps or 0,
        notes=notes(described),
    )


def _native_table(checkpoint: Checkpoint, graphs: Graphs) -> dict[str, Any]:
    """Where libgenmo finds the weights; where it is here, after a comparison with ONNX Runtime."""
    table = native_table(checkpoint.model.denoiser, graphs)
    if native.library() is not None:
        check_native(replace(graphs, native=table), checkpoint.model.config)
    return table


def _write_text_encoder(
    checkpoint: Checkpoint, options: ExportOptions, folder: Path, described: dict[str, Any]
) -> None:
    """The checkpoint's own table, or the T5 of the options, which `described` tells of then."""
    write_table(checkpoint.model.text_encoder, folder)
    if options.text_encoder is not None:
        config = checkpoint.model.config
        described["text_encoder"] = add_text_encoder(
            options.text_encoder,
            folder,
            config.text_tokens,
            config.text_width,
            lambda model: fitted(model, options.profile),
            notes(described),
        )


def _measure_parity(
    checkpoint: Checkpoint, options: ExportOptions, motion: dict[str, Array], graphs: Graphs
) -> dict[str, Any]:
    """Print and return the parity table.  Raises ParityError over the gate."""
    gate = gate_of(options.precision, options.allowed_error)
    rows = parity(checkpoint, OnnxRuntimeDenoiser(graphs, checkpoint.model.config), motion)
    print(table(rows))
    if not passes(rows, gate):
        limits = ", ".join(f"{limit} mm ({name})" for name, limit in gate.items())
        raise ParityError(f"the {options.precision} engine is over its gate of {limits}; nothing was written")
    return {"gate_mm": gate, "on": "real motion" if motion else "random input", "rows": rows}
