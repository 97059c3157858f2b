"""genmo-export CHECKPOINT --out ENGINE: freeze, prove, package."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from genmo.export.fold import folds_null_text, reads_texts
from genmo.export.gem import GRAVITIES, open_checkpoint
from genmo.export.graph import PRECISIONS
from genmo.export.onnx_export import write_graphs
from genmo.export.parity import GATES_MM, Gate, calibration_inputs, parity, passes, table
from genmo.runtime.__main__ import OneLineParser
from genmo.runtime.backends.onnxruntime import OnnxRuntimeDenoiser
from genmo.runtime.engine import FORMAT, GRAPHS, NGRAM_SCHEME, describe_signature, file_hash, load_engine
from genmo.runtime.errors import GenmoError, InputError
from genmo.runtime.schedule import STEPS
from genmo.train.checkpoint import Checkpoint
from genmo.train.datasets.clips import read_clips
from genmo.train.validation import FRAMES, validation_batch

PROGRAM = "genmo-export"
TABLE = "text_encoder.npy"
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


def describe(
    checkpoint: Checkpoint, folder: Path, precision: str, parity: dict[str, Any], licence: str
) -> dict[str, Any]:
    """The contents of `engine.json` for the files in `folder`."""
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
        "denoiser": {name: f"{name}.onnx" for name in GRAPHS}
        | {"null_is_folded": folds_null_text(checkpoint.model.denoiser)},
        "files": {path.name: file_hash(path) for path in sorted(folder.iterdir())},
        "parity": parity,
        "provenance": checkpoint.provenance
        | {
            "versions": {
                name: version(name) for name in ("genmo", "torch", "onnx", "onnxscript", "onnxruntime", "numpy")
            }
        },
        "licence": licence,
    }


def real_motion(data: str | None, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """What parity is measured on, of real clips [n, ...]: conditions, normalised motion `x_0`, tokens of captions.

    None of them without data; no `x_0` for a model of another layout than the clips are encoded in, no tokens for one
    without a text encoder.  Raises InputError for a set without a clip that is long enough.
    """
    if data is None:
        return {}
    clips = [clip for clip in read_clips(data) if clip.frames >= FRAMES]
    if not clips:
        raise InputError(f"{data}: no clip has {FRAMES} frames; wanted motion to compare on")
    batch = validation_batch(clips, limit=16)
    tensors = dict(batch.conditions)
    if batch.features.shape[-1] == len(checkpoint.normalisation.mean):
        tensors["x_0"] = checkpoint.normalisation.apply(batch.features)
    captions = [clip.captions[0] for clip in clips if clip.captions][:: max(1, len(clips) // 16)]
    if checkpoint.model.text_encoder is not None and captions:
        tensors["text_tokens"], tensors["text_token_mask"] = checkpoint.model.text_encoder(captions)
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def export(
    checkpoint_folder: Path,
    out: Path,
    data: str | None,
    licence: str,
    precision: str = "fp32",
    allowed_error: float | None = None,
    statistics: str | None = None,
    gravity: str | None = None,
) -> Path:
    """Write the engine of a checkpoint to `out`, whole or not at all, and print its parity table.

    `checkpoint_folder` may also be a released checkpoint with its `statistics` and `gravity` (`genmo.export.gem`).
    `precision`: a key of PRECISIONS; `allowed_error`: millimetres in place of the gate of bf16 or int8.
    Raises InputError for a bad checkpoint or place, ParityError when the engine is over its gate.
    """
    gate = gate_of(precision, allowed_error)
    if out.exists() and not (out / "engine.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {out}: exists and is no engine; wanted a new folder or an engine to replace")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.absolute().parent}; make it first")
    checkpoint = open_checkpoint(checkpoint_folder, statistics, gravity)
    config = checkpoint.model.config
    motion = real_motion(data, checkpoint)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "engine"
        folder.mkdir()
        denoiser = checkpoint.model.denoiser
        calibration = calibration_inputs(checkpoint, motion) if precision == "int8" else []
        graphs = write_graphs(denoiser, folder, PRECISIONS[precision], calibration)
        if checkpoint.model.text_encoder is not None:
            np.save(folder / TABLE, checkpoint.model.text_encoder.vectors.detach().numpy().astype(np.float32))
        rows = parity(checkpoint, OnnxRuntimeDenoiser(graphs, config), motion)
        print(table(rows))
        if not passes(rows, gate):
            limits = ", ".join(f"{limit} mm ({name})" for name, limit in gate.items())
            raise ParityError(f"the {precision} engine is over its gate of {limits}; nothing was written")
        described = describe(checkpoint, folder, precision, {"gate_mm": gate, "rows": rows}, licence)
        (folder / "engine.json").write_text(json.dumps(described, indent=1) + "\n")
        load_engine(folder)
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
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
    args = options.parse_args(arguments)
    try:
        out = export(
            args.checkpoint,
            args.out,
            args.data,
            args.licence,
            args.precision,
            args.allow_error,
            args.statistics,
            args.gravity,
        )
    except ParityError as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr)
        return 1
    except GenmoError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f'wrote {out}\nnext:\n  genmo-run --engine {out} --text "a person walks" --seconds 4 --out walk.html')
    return 0


if __name__ == "__main__":
    sys.exit(main())
