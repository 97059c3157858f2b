"""genmo-export CHECKPOINT --out ENGINE: freeze, prove, package."""

from __future__ import annotations

import json
import shlex
import sys
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
from genmo.export.onnx.operator_profiles import PLAIN, PROFILES, check_precision, fitted
from genmo.export.onnx.t5_encoder import TEXT_PRECISIONS, TextParityError, add_text_encoder, read_prompts
from genmo.export.parity import GATES_MM, Gate, calibration_inputs, parity, passes, real_motion, table
from genmo.export.released_weights import GRAVITIES, open_checkpoint
from genmo.export.targets import triton
from genmo.export.tensorrt import build_plans
from genmo.runtime.denoiser.schedule import STEPS
from genmo.runtime.engine.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine.bundle import FORMAT, describe_signature, load_engine
from genmo.runtime.engine.graphs import GRAPHS, Graphs, file_hash
from genmo.runtime.engine.text_encoders import NGRAM_SCHEME
from genmo.runtime.support.atomic_write import folders_above, put_folder
from genmo.runtime.support.cli import OneLineParser
from genmo.runtime.support.errors import GenmoError, InputError
from genmo.train.network.checkpoint import Checkpoint
from genmo.train.network.fusion import CROSS_ATTENTION

PROGRAM = "genmo-export"
TABLE = "text_encoder.npy"
MOST_FUSED_STEPS = 50
APPROXIMATE = ("bf16", "int8")
DEFAULT_LICENCE = "unstated: say with --licence what the training data allows"


class ParityError(GenmoError):
    """The engine differs from the PyTorch model by more than its gate."""


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
        | {
            "versions": {
                name: version(name) for name in ("genmo", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")
            }
        },
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


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 over the parity gate, 2 bad input (one line on stderr)."""
    options = OneLineParser(
        prog=PROGRAM, description="Freeze a checkpoint into an engine and prove that it is the same."
    )
    options.add_argument("checkpoint", type=Path, help="folder of genmo-train, or gem_smpl.ckpt")
    options.add_argument("--out", type=Path, required=True, metavar="ENGINE", help="engine folder to write")
    options.add_argument(
        "--data",
        metavar="SET",
        help="a *30 motion set: compare (and calibrate int8) on it; default: random",
    )
    options.add_argument(
        "--precision", default="fp32", choices=PRECISIONS, help="of the step's linear layers and attention"
    )
    options.add_argument(
        "--allow-error", type=float, metavar="MM", help="mean joint error to accept of bf16 or int8 (default: 1)"
    )
    options.add_argument(
        "--statistics", metavar="FILE", help="with released weights: stats_compose.py, or .json with mean and std"
    )
    options.add_argument("--gravity", choices=GRAVITIES, help="with released weights: their y (default: measured)")
    options.add_argument("--licence", default=DEFAULT_LICENCE, help="what the engine may be used for")
    options.add_argument("--profile", default=PLAIN, choices=PROFILES, help="unity: graphs that Unity and Unreal read")
    options.add_argument("--fuse-steps", type=int, metavar="K", help="also the guided sampler of K steps as one graph")
    options.add_argument(
        "--text-encoder", metavar="T5", help="for a checkpoint without one: a T5 folder, or its hub id"
    )
    options.add_argument("--text-encoder-precision", default="fp32", choices=TEXT_PRECISIONS, help="default: fp32")
    options.add_argument(
        "--cache-prompts", type=Path, metavar="FILE", help="embed these prompts, one a line; leave the encoder out"
    )
    build_plans.add_export_options(options)
    options.add_argument("--triton", type=Path, metavar="DIR", help="write a Triton model repository of the engine too")
    args = options.parse_args(arguments)
    try:
        plans = build_plans.export_options(args, args.precision)
        if args.triton is not None:
            triton.check_place(args.triton)
        encoder = None
        if args.text_encoder is not None:
            encoder = Encoder(args.text_encoder, args.text_encoder_precision, args.cache_prompts)
        elif args.cache_prompts is not None:
            raise InputError("--cache-prompts without --text-encoder; wanted the encoder that embeds the prompts")
        out = export(
            args.checkpoint,
            args.out,
            args.data,
            args.licence,
            args.precision,
            args.allow_error,
            args.statistics,
            args.gravity,
            profile=args.profile,
            fused_steps=args.fuse_steps,
            encoder=encoder,
        )
        if plans is not None:
            print(f"wrote {build_plans.build_plans(out, plans)}")
        if args.triton is not None:
            names = triton.write_repository(out, args.triton)
            print(f"wrote {args.triton}\n{triton.next_commands(args.triton, names)}")
    except (ParityError, TextParityError) as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 1
    except (GenmoError, OSError) as error:  # OSError: a full disk, a folder that cannot be written
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f"wrote {out}\nnext:\n{next_commands(out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
